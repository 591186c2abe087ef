use crate::App;
use crate::filter::Which;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use db::payments::ExportedPayment;
use domain::csv::Csv;
use domain::payment::PaymentStatus;
use domain::{Error, EventId, PaymentId, Timestamp, UserId};
use http::{HeaderValue, header};
use std::sync::Arc;
use web::input::Flag;
use web::{Access, Publisher, Query, Route};

// By itself, because to refer to a field of a route keeps the whole route, with its schemas, in the binary.
const PATH: &str = "/api/v1/payments/export";

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    PATH,
    Access::Publisher,
    "export_payments",
    "Payments as CSV, the oldest first, one row for each event of a payment: organizers those for their events, admins all. A \
     file holds 5,000 payments; if there are more, its `Link` header with `rel=\"next\"` leads to the next one",
)
.query::<ExportQuery>()
.media_type("text/csv");

/// Payments of one file. With an event or two each that is a megabyte; an answer may hold six.
const IN_FILE: u32 = 5_000;

const COLUMNS: [&str; 17] = [
    "payment_id",
    "order_id",
    "status",
    "user_id",
    "event_id",
    "event",
    "tickets",
    "price",
    "discount",
    "fee",
    "tax",
    "charged",
    "refunded",
    "currency",
    "method",
    "begun_at",
    "settled_at",
];

web::input! {
    /// Which payments.
    pub(crate) struct ExportQuery {
        /// In that status.
        status: Option<PaymentStatus>,
        /// Of that buyer.
        user_id: Option<UserId>,
        /// For that event.
        event_id: Option<EventId>,
        /// Begun at that time or later.
        start_date: Option<Timestamp>,
        /// Begun before that time.
        end_date: Option<Timestamp>,
        /// What the order is called.
        order_id: Option<String>,
        /// `true` for those that were paid twice.
        paid_twice: Option<Flag>,
        /// The last payment of the file before, as its `Link` header says.
        after: Option<PaymentId>,
    }
}

pub(crate) async fn export_payments(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Query(query): Query<ExportQuery>,
) -> web::Result<Response> {
    let which = Which {
        status: query.status,
        user: query.user_id,
        event: query.event_id,
        from: query.start_date,
        until: query.end_date,
        order: query.order_id,
        paid_twice: query.paid_twice == Some(Flag::True),
    };
    which.check()?;
    let organizer = (!caller.is_admin()).then_some(caller.id);
    let conn = app.db.conn().await?;
    let filter = which.filter();
    let (rows, more) = db::payments::export(&conn, &filter, organizer, query.after, IN_FILE).await?;
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/csv; charset=utf-8; header=present"),
        ),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"payments.csv\""),
        ),
    ];
    let mut answer = (headers, table(&rows)).into_response();
    if let (true, Some(last)) = (more, rows.last()) {
        let link = format!("<{PATH}?{}after={}>; rel=\"next\"", which.query(), last.id);
        let link = HeaderValue::from_str(&link).map_err(Error::internal)?;
        answer.headers_mut().insert(header::LINK, link);
    }
    Ok(answer)
}

fn table(rows: &[ExportedPayment]) -> String {
    let mut csv = Csv::new(&COLUMNS);
    for row in rows {
        csv.value(row.id);
        csv.value(&row.order_code);
        csv.value(row.status.as_str());
        csv.value(row.user_id);
        csv.value(row.event_id);
        csv.text(&row.event_name);
        csv.value(row.tickets);
        for amount in [
            row.price,
            row.discount,
            row.fee,
            row.tax,
            row.charged,
            row.refunded,
        ] {
            csv.value(amount.get());
        }
        csv.value("IDR");
        csv.text(row.method.as_deref().unwrap_or_default());
        csv.value(row.begun);
        csv.maybe(row.settled);
        csv.end_row();
    }
    csv.finish()
}
