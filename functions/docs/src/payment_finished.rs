use crate::App;
use axum::extract::State;
use axum::http::header;
use axum::response::{Html, IntoResponse};
use std::sync::Arc;
use web::input::{Fields, Input};
use web::{Access, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/payment/finish",
    Access::Public,
    "payment_finished",
    "Where the payment page leads at the end",
)
.query::<Finish>()
.media_type("text/html");

/// What the payment page tells the browser, in its own spelling. Nobody signed it, so it is shown and nothing more.
#[derive(Debug, schemars::JsonSchema)]
pub(crate) struct Finish {
    /// Code of the order.
    order_id: Option<String>,
    /// How its payment stands.
    transaction_status: Option<String>,
}

impl Input for Finish {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (order_id, transaction_status) = (fields.take("order_id"), fields.take("transaction_status"));
        Some(Self {
            order_id: order_id?,
            transaction_status: transaction_status?,
        })
    }
}

pub(crate) async fn payment_finished(
    State(app): State<Arc<App>>,
    Query(finish): Query<Finish>,
) -> impl IntoResponse {
    let order = match finish.order_id.filter(|order| is_order(order)) {
        Some(order) => format!("Order {}", escape(&order)),
        None => "Your order".to_owned(),
    };
    let (title, standing, advice) = words(finish.transaction_status.as_deref());
    let link = app.frontend_url.as_ref().map_or_else(String::new, |url| {
        format!("<a href=\"{}/tickets\">My tickets</a>", escape(url))
    });
    let page = include_str!("page/finish.html")
        .replace("{title}", title)
        .replace("{order}", &order)
        .replace("{standing}", standing)
        .replace("{advice}", advice)
        .replace("{link}", &link);
    let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(page))
}

/// What a payment's status means for the buyer.
fn words(status: Option<&str>) -> (&'static str, &'static str, &'static str) {
    match status {
        Some("capture" | "settlement") => (
            "Thank you!",
            "is paid",
            "Your tickets come by mail within a few minutes.",
        ),
        Some("deny" | "cancel" | "expire" | "failure") => (
            "Not paid",
            "was not paid",
            "Nothing was charged. You can try again as long as your tickets are reserved.",
        ),
        Some("pending" | "authorize") => (
            "Thank you!",
            "is waiting for your payment",
            "Your tickets come by mail as soon as the payment has arrived.",
        ),
        _ => (
            "Thank you!",
            "is being processed",
            "Your tickets come by mail as soon as the payment has arrived.",
        ),
    }
}

/// Whether a text can be the code of an order. Anything else is left out, or a link could put its own words on the page.
fn is_order(text: &str) -> bool {
    text.len() <= 50
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
