//! The payment page over HTTP: showing it, pressing its buttons, snap.js.

#![expect(clippy::disallowed_types, reason = "no function links the simulator")]

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Form, Path, Query, State};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use jiff::Timestamp;
use serde::Deserialize;

use crate::customer::{Outcome, Refusal, Wish};
use crate::format::percent_encode;
use crate::method;
use crate::page::{self, Mode, Stage, Subject};
use crate::references::QR_TEXT;
use crate::sim::Sim;
use crate::world::World;

const SNAP_JS: &str = include_str!("page/snap.js");

pub(crate) fn routes() -> Router<Arc<Sim>> {
    Router::new()
        .route("/snap/v3/redirection/{token}", get(show_token).post(press_token))
        .route(
            "/simulator/payment/{id}",
            get(show_transaction).post(press_transaction),
        )
        .route("/snap/snap.js", get(snap_js))
        .route("/v2/qris/{id}/qr-code", get(qr_code))
}

#[derive(Deserialize)]
struct PageQuery {
    embed: Option<String>,
}

impl PageQuery {
    fn mode(&self) -> Mode {
        Mode {
            embedded: self.embed.is_some(),
        }
    }
}

#[derive(Deserialize)]
struct Press {
    action: String,
    method: Option<String>,
    card_number: Option<String>,
}

/// Which of the two addresses of a payment page is meant.
#[derive(Clone, Copy)]
enum Address<'a> {
    Token(&'a str),
    Transaction(&'a str),
}

impl Address<'_> {
    fn subject(self, world: &World) -> Option<Subject> {
        match self {
            Self::Token(token) => Subject::of_token(world, token),
            Self::Transaction(id) => Subject::of_transaction(world, id),
        }
    }

    fn path(self) -> String {
        match self {
            Self::Token(token) => format!("/snap/v3/redirection/{}", percent_encode(token)),
            Self::Transaction(id) => format!("/simulator/payment/{}", percent_encode(id)),
        }
    }
}

async fn show_token(
    State(sim): State<Arc<Sim>>,
    Path(token): Path<String>,
    Query(query): Query<PageQuery>,
) -> Response {
    show(&sim, Address::Token(&token), query.mode())
}

async fn show_transaction(
    State(sim): State<Arc<Sim>>,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Response {
    show(&sim, Address::Transaction(&id), query.mode())
}

async fn press_token(
    State(sim): State<Arc<Sim>>,
    Path(token): Path<String>,
    Query(query): Query<PageQuery>,
    Form(press): Form<Press>,
) -> Response {
    pressed(&sim, Address::Token(&token), query.mode(), &press)
}

async fn press_transaction(
    State(sim): State<Arc<Sim>>,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
    Form(press): Form<Press>,
) -> Response {
    pressed(&sim, Address::Transaction(&id), query.mode(), &press)
}

fn show(sim: &Arc<Sim>, address: Address<'_>, mode: Mode) -> Response {
    match sim.with(|world, now| address.subject(world).map(|subject| (subject, now))) {
        None => html(StatusCode::NOT_FOUND, page::render_unknown()),
        Some((subject, now)) => {
            let status = match subject.stage(now) {
                Stage::Invalid => StatusCode::GONE,
                _ => StatusCode::OK,
            };
            html(status, page::render(&subject, &sim.config, now, mode, None))
        }
    }
}

fn pressed(sim: &Arc<Sim>, address: Address<'_>, mode: Mode, press: &Press) -> Response {
    let found = sim.with(|world, now| {
        let subject = address.subject(world)?;
        let result = act(world, now, &subject, press);
        Some((address.subject(world).unwrap_or(subject), now, result))
    });
    let Some((subject, now, result)) = found else {
        return html(StatusCode::NOT_FOUND, page::render_unknown());
    };
    if let Err(refusal) = result {
        let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
        return html(
            status,
            page::render(&subject, &sim.config, now, mode, Some(&refusal.text)),
        );
    }
    if press.action == "close" {
        let way_out = subject
            .way_out(&sim.config, subject.stage(now))
            .filter(|_| !mode.embedded);
        return match way_out {
            Some(url) => see_other(&url),
            None => html(StatusCode::OK, page::render_closed(&subject, &sim.config, mode)),
        };
    }
    // Back to the page by GET, so that a reload does not pay twice.
    see_other(&format!(
        "{}{}",
        address.path(),
        if mode.embedded { "?embed=1" } else { "" }
    ))
}

/// Does what a button says. On a page where nothing is left to do, the buttons of an old copy do nothing.
fn act(world: &mut World, now: Timestamp, subject: &Subject, press: &Press) -> Result<(), Refusal> {
    if press.action == "close" || !matches!(subject.stage(now), Stage::Choose | Stage::Pay) {
        return Ok(());
    }
    let outcome = match press.action.as_str() {
        "pay" => None,
        "pending" => Some(Outcome::Pending),
        "deny" => Some(Outcome::Deny),
        "expire" => Some(Outcome::Expire),
        other => {
            return Err(Refusal::new(
                400,
                format!("the payment page has no button {other:?}"),
            ));
        }
    };
    let method = match press.method.as_deref() {
        None => None,
        Some(name) => Some(method::find(name).ok_or_else(|| Refusal::new(400, "unknown payment method"))?),
    };
    // Browsers send the hidden card fields with every method; those that are not cards ignore them.
    let card_number = press
        .card_number
        .clone()
        .filter(|number| !number.trim().is_empty());
    world.act(
        now,
        &subject.order_id,
        &Wish {
            method,
            outcome,
            card_number,
        },
    )?;
    Ok(())
}

async fn snap_js() -> Response {
    with_type(
        StatusCode::OK,
        "text/javascript; charset=utf-8",
        SNAP_JS.to_owned(),
    )
}

/// The picture behind `generate-qr-code`. It says what it is instead of encoding anything.
async fn qr_code(Path(_id): Path<String>) -> Response {
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"240\" height=\"240\"><rect width=\"240\" height=\"240\" \
         fill=\"#fff\" stroke=\"#10233f\" stroke-width=\"6\"/><text x=\"120\" y=\"125\" text-anchor=\"middle\" \
         font-family=\"sans-serif\" font-size=\"15\">{QR_TEXT}</text></svg>"
    );
    with_type(StatusCode::OK, "image/svg+xml", svg)
}

pub(crate) fn html(status: StatusCode, text: String) -> Response {
    with_type(status, "text/html; charset=utf-8", text)
}

fn with_type(status: StatusCode, content_type: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    response
}

fn see_other(url: &str) -> Response {
    let mut response = Response::new(Body::empty());
    match http::HeaderValue::from_str(url) {
        Ok(url) => {
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(LOCATION, url);
        }
        // A finish URL with characters that no header may carry.
        Err(_) => *response.status_mut() = StatusCode::BAD_GATEWAY,
    }
    response
}
