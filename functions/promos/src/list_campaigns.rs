use crate::App;
use crate::out::CampaignOut;
use axum::extract::State;
use std::sync::Arc;
use web::input::PageQuery;
use web::{Access, Answer, Meta, Publisher, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/promos/campaigns",
    Access::Publisher,
    "list_campaigns",
    "List one's campaigns (all, for an admin), newest first",
)
.query::<PageQuery>()
.data::<CampaignList>();

web::list! {
    /// A page of campaigns.
    CampaignList { campaigns: CampaignOut }
}

pub(crate) async fn list_campaigns(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Query(PageQuery { page }): Query<PageQuery>,
) -> web::Result<Answer<CampaignList>> {
    let conn = app.db.conn().await?;
    let (rows, total) = db::promo_campaigns::list(&conn, caller.id, caller.is_admin(), page).await?;
    Ok(Answer::ok(CampaignList {
        campaigns: rows.into_iter().map(CampaignOut::from).collect(),
        meta: Meta::of(page, total),
    }))
}
