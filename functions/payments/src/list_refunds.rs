use crate::App;
use crate::refund_out::{RefundList, RefundOut};
use axum::extract::State;
use domain::EventId;
use domain::page::Page;
use domain::refund::{By, RefundStatus};
use std::sync::Arc;
use web::input::{Fields, Input, PageParameters, page};
use web::{Access, Answer, Meta, Publisher, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/payments/refunds",
    Access::Publisher,
    "list_refunds",
    "List refunds, newest first: organizers those of orders for their events, admins all. `status=manual` is the list of what \
     people have to transfer",
)
.query::<RefundQuery>()
.data::<RefundList>();

/// Which refunds.
#[derive(Debug, schemars::JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub(crate) struct RefundQuery {
    /// In that status.
    status: Option<RefundStatus>,
    /// Out of the takings of that event.
    event_id: Option<EventId>,
    #[schemars(with = "PageParameters", flatten)]
    page: Page,
}

impl Input for RefundQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (status, event_id, page) = (fields.take("status"), fields.take("eventId"), page(fields));
        Some(Self {
            status: status?,
            event_id: event_id?,
            page: page?,
        })
    }
}

pub(crate) async fn list_refunds(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Query(query): Query<RefundQuery>,
) -> web::Result<Answer<RefundList>> {
    let (organizer, by) = if caller.is_admin() {
        (None, By::Admin)
    } else {
        (Some(caller.id), By::Organizer)
    };
    let conn = app.db.conn().await?;
    let (refunds, total) =
        db::refunds::list(&conn, organizer, query.status, query.event_id, query.page).await?;
    Ok(Answer::ok(RefundList {
        refunds: refunds
            .into_iter()
            .map(|refund| RefundOut::new(refund, by))
            .collect(),
        meta: Meta::of(query.page, total),
    }))
}
