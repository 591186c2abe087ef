//! The start page: recent orders and notifications at a glance.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;

use crate::format::{escape_html, rupiah, wib};
use crate::page::document;
use crate::page_routes::html;
use crate::sim::Sim;
use crate::world::World;

/// Rows of each table.
const ROWS: usize = 50;

pub(crate) fn routes() -> Router<Arc<Sim>> {
    Router::new().route("/", get(index))
}

async fn index(State(sim): State<Arc<Sim>>) -> Response {
    let tables = sim.with(|world, _| format!("{}{}", orders(world), notifications(world)));
    let receiver = sim
        .config
        .notification_url
        .as_deref()
        .unwrap_or("nobody (no --notification-url)");
    let content = format!(
        "<main class=\"wide\"><div class=\"sheet\"><header><div class=\"total\">Midtrans simulator</div>\
         <div class=\"order\">Merchant {}, notifies {}</div></header>{tables}</div></main>",
        escape_html(&sim.config.merchant_id),
        escape_html(receiver)
    );
    html(StatusCode::OK, document("Midtrans simulator", "", &content))
}

fn orders(world: &World) -> String {
    let mut html = String::from(
        "<section><h2>Latest orders</h2><table id=\"orders\"><tr><th>Order</th><th>Amount</th><th>Method</th>\
         <th>State</th><th>Payment page</th></tr>",
    );
    for order_id in world.order_ids.iter().rev().take(ROWS) {
        let current = world.current(order_id);
        let session = world.orders.get(order_id).and_then(|order| order.sessions.last());
        let amount = current
            .map(|current| current.gross())
            .or_else(|| session.map(|session| session.request.details.amount))
            .unwrap_or_default();
        let link = session.map_or_else(String::new, |session| {
            format!(
                "<a href=\"{}\">open</a>",
                escape_html(&world.page_url(&session.token))
            )
        });
        let _ = write!(
            html,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{link}</td></tr>",
            escape_html(order_id),
            rupiah(amount),
            current.map_or("", |current| current.method.label),
            current.map_or("no method chosen", |current| current.status.as_str()),
        );
    }
    html.push_str("</table></section>");
    html
}

fn notifications(world: &World) -> String {
    let mut html = String::from(
        "<section><h2>Latest notifications</h2><table id=\"notifications\"><tr><th>Time (WIB)</th><th>Order</th>\
         <th>Message</th><th>Receiver</th><th>Delivery</th></tr>",
    );
    for delivery in world.outbox.iter().take(ROWS) {
        let text = |key: &str| {
            delivery
                .body
                .get(key)
                .and_then(serde_json::Value::as_str)
                .unwrap_or_default()
        };
        let results: Vec<String> = delivery
            .tries
            .iter()
            .map(|attempt| match &attempt.result {
                Ok(status) => status.to_string(),
                Err(error) => error.clone(),
            })
            .collect();
        let _ = write!(
            html,
            "<tr><td>{}</td><td>{}</td><td>{} {}</td><td>{}</td><td>{} {}</td></tr>",
            wib(delivery.created_at),
            escape_html(&delivery.order_id),
            escape_html(text("status_code")),
            escape_html(text("transaction_status")),
            escape_html(&delivery.url),
            delivery.state.as_str(),
            escape_html(&results.join(", ")),
        );
    }
    html.push_str("</table></section>");
    html
}
