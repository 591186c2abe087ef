//! The payment page as HTML: one self-contained document that works without JavaScript.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::card;
use crate::config::Config;
use crate::format::{escape_html, percent_encode, rupiah, wib_for_people};
use crate::message;
use crate::method::{self, Family, Method};
use crate::transaction::{Status, Transaction};
use crate::world::{Session, SessionState, World};

const CSS: &str = include_str!("page/page.css");

/// What a page is about.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) order_id: String,
    /// `None`: a transaction charged through the Core API.
    pub(crate) session: Option<Session>,
    /// The attempt that speaks for the order.
    pub(crate) transaction: Option<Transaction>,
}

/// How the payment stands, as far as the page is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The customer may choose among the enabled methods.
    Choose,
    /// A method was chosen; the payment is awaited.
    Pay,
    Paid,
    /// Captured, but under review.
    Review,
    Expired,
    Cancelled,
    /// The token was replaced or cancelled.
    Invalid,
}

/// What a page tells the browser besides its content.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mode {
    /// Shown inside another page by snap.js, which is told about the result.
    pub(crate) embedded: bool,
}

impl Subject {
    pub(crate) fn of_token(world: &World, token: &str) -> Option<Self> {
        let session = world.session(token)?.clone();
        let order_id = session.request.details.order_id.clone();
        let transaction = world.current(&order_id).cloned();
        Some(Self {
            order_id,
            session: Some(session),
            transaction,
        })
    }

    pub(crate) fn of_transaction(world: &World, id: &str) -> Option<Self> {
        let transaction = world.transactions.get(id)?.clone();
        Some(Self {
            order_id: transaction.order_id.clone(),
            session: None,
            transaction: Some(transaction),
        })
    }

    pub(crate) fn stage(&self, now: Timestamp) -> Stage {
        let status = self.transaction.as_ref().map(|transaction| transaction.status);
        if self.transaction.as_ref().is_some_and(Transaction::is_challenged) {
            return Stage::Review;
        }
        if status.is_some_and(Status::has_money) {
            return Stage::Paid;
        }
        if let Some(session) = &self.session {
            match session.state {
                SessionState::Replaced | SessionState::Canceled => return Stage::Invalid,
                SessionState::Closed if status == Some(Status::Cancel) => return Stage::Cancelled,
                SessionState::Closed => return Stage::Expired,
                SessionState::Open if now >= session.expires_at => return Stage::Expired,
                SessionState::Open => {}
            }
        }
        match (status, &self.session) {
            (Some(Status::Pending), _) => Stage::Pay,
            (_, Some(_)) => Stage::Choose,
            (Some(Status::Cancel), None) => Stage::Cancelled,
            (_, None) => Stage::Expired,
        }
    }

    fn amount(&self) -> i64 {
        match (&self.transaction, &self.session) {
            (Some(transaction), _) => transaction.gross(),
            (None, Some(session)) => session.request.details.amount,
            (None, None) => 0,
        }
    }

    /// End of the time to pay.
    fn deadline(&self) -> Option<Timestamp> {
        match (&self.transaction, &self.session) {
            (Some(transaction), _) if transaction.status == Status::Pending => Some(transaction.expires_at),
            (_, Some(session)) => Some(session.expires_at),
            _ => None,
        }
    }

    /// Where the browser goes at the end, with the three values Midtrans adds.
    pub(crate) fn way_out(&self, config: &Config, stage: Stage) -> Option<String> {
        let callback = |name| {
            self.session
                .as_ref()
                .and_then(|session| session.request.callback(name))
        };
        let failed = matches!(stage, Stage::Expired | Stage::Cancelled);
        let base = failed
            .then(|| callback("error"))
            .flatten()
            .or_else(|| callback("finish"));
        let base = base.or(config.finish_url.as_deref())?;
        let transaction = self.transaction.as_ref();
        let (code, status) = match (transaction, stage) {
            (Some(transaction), _) => (transaction.status_code(), transaction.status.as_str()),
            (None, Stage::Expired) => ("407", "expire"),
            (None, _) => ("201", "pending"),
        };
        let separator = if base.contains('?') { '&' } else { '?' };
        let order_id = percent_encode(&self.order_id);
        Some(format!(
            "{base}{separator}order_id={order_id}&status_code={code}&transaction_status={status}"
        ))
    }

    /// The result snap.js hands to the shop's page.
    fn script_result(&self, config: &Config, stage: Stage) -> Value {
        let mut result = match &self.transaction {
            Some(transaction) => message::status(transaction, config, message::Quirks::default()),
            None => message::Body::new(),
        };
        result.remove("signature_key");
        result.insert("order_id".to_owned(), json!(self.order_id));
        if let Some(url) = self.way_out(config, stage) {
            result.insert("finish_redirect_url".to_owned(), json!(url));
        }
        Value::Object(result)
    }
}

/// A whole document around some content.
pub(crate) fn document(title: &str, head: &str, content: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <link rel=\"icon\" href=\"data:,\"><title>{}</title><style>{CSS}</style>{head}</head><body>\
         <div class=\"banner\">Simulator: no real money. Never pay with a real account or card here.</div>\
         {content}</body></html>\n",
        escape_html(title)
    )
}

/// The payment page. `notice` is a message about the last try.
pub(crate) fn render(
    subject: &Subject,
    config: &Config,
    now: Timestamp,
    mode: Mode,
    notice: Option<&str>,
) -> String {
    let stage = subject.stage(now);
    let body = match stage {
        Stage::Choose | Stage::Pay => form(subject, config, now, stage, notice),
        _ => return render_result(subject, config, stage, mode),
    };
    let content = format!(
        "<main><div class=\"sheet\">{}{body}</div></main>",
        heading(subject, config)
    );
    document(&format!("Pay {}", rupiah(subject.amount())), "", &content)
}

/// The page after the customer left without paying.
pub(crate) fn render_closed(subject: &Subject, config: &Config, mode: Mode) -> String {
    let script = if mode.embedded {
        post_message("close", &Value::Null)
    } else {
        String::new()
    };
    let content = format!(
        "<main><div class=\"sheet\">{}{}</div></main>{script}",
        heading(subject, config),
        result_box(
            "wait",
            "↩",
            "pending",
            "You left without paying",
            "This page can be opened again to pay.",
            None
        )
    );
    document("Payment page closed", "", &content)
}

/// The page of an unknown token.
pub(crate) fn render_unknown() -> String {
    let text = "There is no payment under this address, or the simulator was restarted since it was made.";
    let result = result_box("bad", "?", "unknown", "Payment not found", text, None);
    document(
        "Payment not found",
        "",
        &format!("<main><div class=\"sheet\">{result}</div></main>"),
    )
}

fn render_result(subject: &Subject, config: &Config, stage: Stage, mode: Mode) -> String {
    let way_out = subject.way_out(config, stage).filter(|_| !mode.embedded);
    let (kind, mark, title, text) = match stage {
        Stage::Review => (
            "wait",
            "…",
            "Payment under review",
            "The shop has to approve this payment.",
        ),
        Stage::Expired => ("bad", "!", "Payment expired", "The time to pay is over."),
        Stage::Cancelled => (
            "bad",
            "×",
            "Payment cancelled",
            "The shop or the customer cancelled this payment.",
        ),
        Stage::Invalid => (
            "bad",
            "×",
            "Page no longer valid",
            "The shop replaced or cancelled this payment page.",
        ),
        _ => ("good", "✓", "Payment successful", "The shop is being notified."),
    };
    let status = match (&subject.transaction, stage) {
        (_, Stage::Invalid) => "invalid",
        (Some(transaction), _) => transaction.status.as_str(),
        (None, _) => "expire",
    };
    // The address of an invalid page says nothing about the order that replaced it.
    let way_out = way_out.filter(|_| stage != Stage::Invalid);
    let event = match stage {
        Stage::Paid => "success",
        Stage::Review => "pending",
        _ => "error",
    };
    let script = match mode.embedded {
        true => post_message(event, &subject.script_result(config, stage)),
        false => String::new(),
    };
    let refresh = match (&way_out, stage) {
        (Some(url), Stage::Paid | Stage::Review) => {
            format!(
                "<meta http-equiv=\"refresh\" content=\"3;url={}\">",
                escape_html(url)
            )
        }
        _ => String::new(),
    };
    let result = result_box(kind, mark, status, title, text, way_out.as_deref());
    let content = format!(
        "<main><div class=\"sheet\">{}{result}</div></main>{script}",
        heading(subject, config)
    );
    document(title, &refresh, &content)
}

fn result_box(
    kind: &str,
    mark: &str,
    status: &str,
    title: &str,
    text: &str,
    way_out: Option<&str>,
) -> String {
    let link = way_out.map_or_else(String::new, |url| {
        format!(
            "<p><a class=\"button main\" id=\"continue\" href=\"{}\">Continue to the shop</a></p>",
            escape_html(url)
        )
    });
    format!(
        "<section class=\"result {kind}\" id=\"result\" data-status=\"{status}\"><div class=\"mark\">{mark}</div>\
         <h1>{title}</h1><p class=\"muted\">{text}</p>{link}</section>"
    )
}

fn post_message(event: &str, result: &Value) -> String {
    let message = json!({"source": "midtrans-simulator", "event": event, "result": result});
    let safe = message.to_string().replace('<', "\\u003c");
    format!("<script>window.parent.postMessage({safe}, \"*\");</script>")
}

fn heading(subject: &Subject, config: &Config) -> String {
    format!(
        "<header><div class=\"merchant\">Merchant {}</div><div class=\"total\" id=\"total\">{}</div>\
         <div class=\"order\">Order <span id=\"order\">{}</span></div></header>",
        escape_html(&config.merchant_id),
        rupiah(subject.amount()),
        escape_html(&subject.order_id)
    )
}

fn form(subject: &Subject, config: &Config, now: Timestamp, stage: Stage, notice: Option<&str>) -> String {
    let mut html = String::new();
    let denied = subject
        .transaction
        .as_ref()
        .is_some_and(|last| last.status == Status::Deny);
    let notice =
        notice.or(denied.then_some("The payment was denied. Try again or choose another way to pay."));
    if let Some(notice) = notice {
        let _ = write!(
            html,
            "<section><p class=\"notice\" id=\"notice\" role=\"alert\">{}</p></section>",
            escape_html(notice)
        );
    }
    if let Some(deadline) = subject.deadline() {
        let _ = write!(
            html,
            "<section><p class=\"muted\" id=\"deadline\">Pay before {} ({})</p></section>",
            wib_for_people(deadline),
            time_left(deadline.duration_since(now))
        );
    }
    if let Some(session) = &subject.session {
        html.push_str(&items(&session.request.json));
    }
    html.push_str("<form method=\"post\">");
    let pending = subject.transaction.as_ref().filter(|_| stage == Stage::Pay);
    match (pending, &subject.session) {
        // A customer may come back from the bank's card page and choose something else.
        (Some(pending), Some(session)) if pending.method.is_card() => {
            html.push_str(&choices(
                &method::enabled(&session.request.json),
                Some(pending.method),
            ));
        }
        (Some(pending), _) => html.push_str(&reference(pending)),
        (None, Some(session)) => html.push_str(&choices(&method::enabled(&session.request.json), None)),
        (None, None) => {}
    }
    let button = |id: &str, class: &str, label: &str| {
        format!(
            "<button type=\"submit\" name=\"action\" id=\"{id}\" value=\"{id}\" class=\"{class}\">{label}</button>"
        )
    };
    let pay = button("pay", "main", &format!("Pay {}", rupiah(subject.amount())));
    let _ = write!(
        html,
        "<section class=\"pay\">{pay}</section><section><h2>Or see how else it can end</h2><div class=\"buttons\">"
    );
    if stage == Stage::Choose {
        html.push_str(&button("pending", "", "Only get the number"));
    }
    html.push_str(&button("deny", "", "Be denied"));
    html.push_str(&button("expire", "", "Let it expire"));
    html.push_str(&button("close", "", "Close the page"));
    html.push_str("</div></section></form>");
    if stage == Stage::Pay
        && let Some(url) = subject.way_out(config, stage)
    {
        let _ = write!(
            html,
            "<section><a class=\"button\" id=\"continue\" href=\"{}\">Back to the shop, pay later</a></section>",
            escape_html(&url)
        );
    }
    html
}

fn items(request: &Value) -> String {
    let Some(items) = request
        .get("item_details")
        .and_then(Value::as_array)
        .filter(|items| !items.is_empty())
    else {
        return String::new();
    };
    let mut html = String::from("<section><h2>Items</h2><table id=\"items\">");
    for item in items {
        let name = item.get("name").and_then(Value::as_str).unwrap_or_default();
        let number = |key: &str| {
            item.get(key)
                .and_then(crate::snap_request::whole_number)
                .unwrap_or_default()
        };
        let _ = write!(
            html,
            "<tr><td>{} × {}</td><td class=\"number\">{}</td></tr>",
            number("quantity"),
            escape_html(name),
            rupiah(number("price").saturating_mul(number("quantity")))
        );
    }
    html.push_str("</table></section>");
    html
}

fn choices(methods: &[&'static Method], selected: Option<&Method>) -> String {
    if methods.is_empty() {
        return "<section><p class=\"notice\">No payment channel is available for this payment.</p></section>".to_owned();
    }
    let mut html = String::from("<section><h2>Pay with</h2>");
    let mut group = "";
    for (place, method) in methods.iter().enumerate() {
        let here = group_of(method);
        if here != group {
            let _ = write!(html, "<p class=\"group\">{here}</p>");
            group = here;
        }
        let checked = selected.map_or(place == 0, |selected| selected.code == method.code);
        let _ = write!(
            html,
            "<label class=\"method\"><input type=\"radio\" name=\"method\" id=\"method-{code}\" value=\"{code}\"{}>{}</label>",
            if checked { " checked" } else { "" },
            method.label,
            code = method.code,
        );
        if method.is_card() {
            html.push_str(&card_fields(""));
        }
    }
    html.push_str("</section>");
    html
}

fn card_fields(class: &str) -> String {
    format!(
        "<div class=\"card-fields {class}\"><label for=\"card_number\">Card number (sandbox test card)</label>\
         <input id=\"card_number\" name=\"card_number\" inputmode=\"numeric\" autocomplete=\"off\" value=\"{}\">\
         <p class=\"muted\">{} is denied by the bank, {} needs a review.</p></div>",
        card::ACCEPTED,
        card::DENIED,
        card::CHALLENGED
    )
}

fn group_of(method: &Method) -> &'static str {
    match (method.family, method.code) {
        (Family::Card, _) => "Card",
        (Family::Va | Family::PermataVa | Family::MandiriBill, _) => "Bank transfer",
        (Family::Gopay | Family::Qris | Family::Shopeepay, _) | (_, "ovo" | "dana") => "E-wallet and QR code",
        (Family::Store, _) => "At a shop counter",
        (Family::Plain, _) => "Pay later",
    }
}

/// The chosen method and what to pay with.
fn reference(transaction: &Transaction) -> String {
    let of_list = transaction
        .references
        .get("va_numbers")
        .and_then(|list| list.get(0))
        .and_then(|first| first.get("va_number"));
    let keys = ["permata_va_number", "bill_key", "payment_code", "qr_string"];
    let single = keys.iter().find_map(|key| transaction.references.get(*key));
    let number = of_list.or(single).and_then(Value::as_str);
    let number = number.map_or_else(String::new, |number| {
        format!(
            "<p class=\"muted\">Pay to</p><p class=\"reference\" id=\"reference\">{}</p>",
            escape_html(number)
        )
    });
    let fields = if transaction.method.is_card() {
        card_fields("always")
    } else {
        String::new()
    };
    format!(
        "<section><h2>{}</h2>{number}{fields}</section>",
        transaction.method.label
    )
}

fn time_left(left: SignedDuration) -> String {
    let minutes = left.as_mins().max(0);
    match minutes {
        0 => "less than a minute left".to_owned(),
        1..=119 => format!("{minutes} min left"),
        _ => format!("{} h left", minutes / 60),
    }
}
