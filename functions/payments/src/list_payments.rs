use crate::filter::Which;
use crate::{App, PaymentOut, show};
use axum::extract::State;
use db::payments::Begin;
use domain::page::Page;
use domain::payment::PaymentStatus;
use domain::{EventId, PaymentId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::input::{Fields, Flag, Input, PageParameters, page};
use web::{Access, Admin, Answer, Meta, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/payments",
    Access::Admin,
    "list_payments",
    "List all payments, newest first",
)
.query::<PaymentQuery>()
.data::<AllPayments>();

/// Which payments.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub(crate) struct PaymentQuery {
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
    /// Instead of a page: `meta.nextCursor` of the page before, to go on where it ended.
    cursor: Option<PaymentId>,
    #[schemars(with = "PageParameters", flatten)]
    page: Page,
}

impl Input for PaymentQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (status, user_id, event_id) = (
            fields.take("status"),
            fields.take("userId"),
            fields.take("eventId"),
        );
        let (start_date, end_date) = (fields.take("startDate"), fields.take("endDate"));
        let (order_id, paid_twice) = (fields.take("orderId"), fields.take("paidTwice"));
        let (cursor, page) = (fields.take("cursor"), page(fields));
        Some(Self {
            status: status?,
            user_id: user_id?,
            event_id: event_id?,
            start_date: start_date?,
            end_date: end_date?,
            order_id: order_id?,
            paid_twice: paid_twice?,
            cursor: cursor?,
            page: page?,
        })
    }
}

/// A page of all payments.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AllPayments {
    payments: Vec<PaymentOut>,
    meta: AllPaymentsMeta,
}

/// Where in the list a page is.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct AllPaymentsMeta {
    /// With a cursor, the total counts from the cursor on.
    #[serde(flatten)]
    page: Meta,
    /// What to ask for as `cursor` to go on; null on the last page.
    next_cursor: Option<PaymentId>,
}

pub(crate) async fn list_payments(
    State(app): State<Arc<App>>,
    _: Admin,
    Query(query): Query<PaymentQuery>,
) -> web::Result<Answer<AllPayments>> {
    let page = query.page;
    let begin = query.cursor.map_or(Begin::Offset(page.offset()), Begin::After);
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
    let conn = app.db.conn().await?;
    let (rows, total) = db::payments::list(&conn, &which.filter(), begin, page.limit).await?;
    let seen = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let before = match begin {
        Begin::Offset(offset) => offset,
        Begin::After(_) => 0,
    };
    let last = rows.last().map(|row| row.payment.id);
    let next_cursor = last.filter(|_| before + seen < total);
    Ok(Answer::ok(AllPayments {
        payments: show(&conn, rows, app.clock.now()).await?,
        meta: AllPaymentsMeta {
            page: Meta::of(page, total),
            next_cursor,
        },
    }))
}
