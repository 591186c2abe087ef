use crate::App;
use crate::out::OwnPromoOut;
use axum::extract::State;
use domain::CampaignId;
use domain::page::Page;
use std::sync::Arc;
use web::input::{Fields, Input, PageParameters, page};
use web::{Access, Answer, Meta, Publisher, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/promos",
    Access::Publisher,
    "list_promos",
    "List one's promo codes (all, for an admin), newest first",
)
.query::<ListQuery>()
.data::<PromoList>();

/// Which codes.
#[derive(Debug, schemars::JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub(crate) struct ListQuery {
    /// Those of one campaign.
    campaign_id: Option<CampaignId>,
    #[schemars(with = "PageParameters", flatten)]
    page: Page,
}

impl Input for ListQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (campaign_id, page) = (fields.take("campaignId"), page(fields));
        Some(Self {
            campaign_id: campaign_id?,
            page: page?,
        })
    }
}

web::list! {
    /// A page of promo codes.
    PromoList { promo_codes: OwnPromoOut }
}

pub(crate) async fn list_promos(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Query(query): Query<ListQuery>,
) -> web::Result<Answer<PromoList>> {
    let conn = app.db.conn().await?;
    let (rows, total) =
        db::promos::list(&conn, caller.id, caller.is_admin(), query.campaign_id, query.page).await?;
    Ok(Answer::ok(PromoList {
        promo_codes: rows.into_iter().map(OwnPromoOut::from).collect(),
        meta: Meta::of(query.page, total),
    }))
}
