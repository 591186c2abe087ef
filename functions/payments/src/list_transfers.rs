use crate::App;
use crate::transfer_out::{TransferList, TransferOut};
use axum::extract::State;
use domain::EventId;
use domain::page::Page;
use domain::payment::PaymentStatus;
use std::sync::Arc;
use web::input::{Fields, Input, PageParameters, page};
use web::{Access, Answer, Meta, Publisher, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/payments/transfers",
    Access::Publisher,
    "list_transfers",
    "List bank transfers that are waited for, those that end first before the others: organizers those to their accounts, admins \
     all. With `status`, those of payments in that status instead: what came too late stands under `expired` and `cancelled`",
)
.query::<TransferQuery>()
.data::<TransferList>();

/// Which transfers.
#[derive(Debug, schemars::JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub(crate) struct TransferQuery {
    /// Of payments in that status; `pending` if it is not said.
    status: Option<PaymentStatus>,
    /// For that event.
    event_id: Option<EventId>,
    #[schemars(with = "PageParameters", flatten)]
    page: Page,
}

impl Input for TransferQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (status, event_id, page) = (fields.take("status"), fields.take("eventId"), page(fields));
        Some(Self {
            status: status?,
            event_id: event_id?,
            page: page?,
        })
    }
}

pub(crate) async fn list_transfers(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Query(query): Query<TransferQuery>,
) -> web::Result<Answer<TransferList>> {
    let organizer = (!caller.is_admin()).then_some(caller.id);
    let status = query.status.unwrap_or(PaymentStatus::Pending);
    let conn = app.db.conn().await?;
    let (transfers, total) =
        db::transfers::list(&conn, organizer, status, query.event_id, query.page).await?;
    Ok(Answer::ok(TransferList {
        transfers: transfers.into_iter().map(TransferOut::from).collect(),
        meta: Meta::of(query.page, total),
    }))
}
