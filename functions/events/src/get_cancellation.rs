use crate::App;
use axum::extract::State;
use domain::refund::RefundStatus;
use domain::{Error, EventId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/events/{id}/cancellation",
    Access::Publisher,
    "get_cancellation",
    "Read how far the calling off of an event is: its orders, and what became of their money",
)
.data::<CancellationOut>();

/// The calling off of an event. Every paid order with good tickets is worked off once; what it paid for them goes back.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CancellationOut {
    event_id: EventId,
    /// When it was called off.
    started_at: Timestamp,
    /// When the tickets of its last order were taken back; null before. Money may still be on its way then.
    finished_at: Option<Timestamp>,
    /// Orders in all: those that wait and those below.
    orders: i64,
    /// Orders whose tickets are still to be taken back.
    waiting: i64,
    /// Money that the gateway is asked to give back.
    pending: TallyOut,
    /// Money that went back.
    refunded: TallyOut,
    /// Money that people have to transfer.
    manual: TallyOut,
    /// Money that went another way.
    failed: TallyOut,
}

/// Orders and the money of their refunds.
#[derive(Debug, Default, Clone, Copy, Serialize, JsonSchema)]
struct TallyOut {
    orders: i64,
    /// In rupiah.
    amount: i64,
}

pub(crate) async fn get_cancellation(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<EventId>,
) -> web::Result<Answer<CancellationOut>> {
    let conn = app.db.conn().await?;
    let progress = db::cancellations::progress(&conn, id, caller.id, caller.is_admin())
        .await?
        .ok_or_else(|| Error::not_found("Cancellation"))?;
    let of = |wanted: &[RefundStatus]| {
        let tallies = progress.tallies.iter();
        tallies
            .filter(|tally| wanted.contains(&tally.status))
            .fold(TallyOut::default(), |sum, tally| TallyOut {
                orders: sum.orders + tally.orders,
                amount: sum.amount + tally.amount,
            })
    };
    Ok(Answer::ok(CancellationOut {
        event_id: id,
        started_at: progress.started_at,
        finished_at: progress.finished_at,
        orders: progress.waiting + of(&RefundStatus::ALL).orders,
        waiting: progress.waiting,
        pending: of(&[RefundStatus::Requested]),
        refunded: of(&[RefundStatus::Succeeded, RefundStatus::Done]),
        manual: of(&[RefundStatus::Manual]),
        failed: of(&[RefundStatus::Failed]),
    }))
}
