use crate::App;
use crate::out::CampaignOut;
use axum::extract::State;
use domain::promo::Results;
use domain::{CampaignId, Error};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/promos/campaigns/{id}",
    Access::Publisher,
    "get_campaign",
    "Read a campaign and what it has brought",
)
.data::<CampaignWithResults>();

/// A campaign with its results.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CampaignWithResults {
    #[serde(flatten)]
    campaign: CampaignOut,
    results: ResultsOut,
}

/// What a campaign has brought. Orders count as paid while they are: one whose money went back brings nothing.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ResultsOut {
    /// Codes that belong to it, deleted ones included.
    codes: u64,
    /// Of these, how many were used in a paid order.
    codes_used: u64,
    /// Orders that were made with one of its codes.
    orders: u64,
    /// Of these, how many are paid.
    paid_orders: u64,
    /// Uses of its codes in paid orders.
    redemptions: u64,
    /// What its codes took off paid orders, in rupiah.
    discount: i64,
    /// What the tickets of its organizer in paid orders were charged (all tickets, if it is the platform's), in rupiah.
    revenue: i64,
    /// Paid orders among those that were made with one of its codes, from 0 to 1; null while there is none.
    conversion: Option<f64>,
}

pub(crate) async fn get_campaign(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<CampaignId>,
) -> web::Result<Answer<CampaignWithResults>> {
    let conn = app.db.conn().await?;
    let campaign = db::promo_campaigns::find(&conn, id, caller.id, caller.is_admin())
        .await?
        .ok_or_else(|| Error::not_found("Campaign"))?;
    let results = db::promo_campaigns::results(&conn, &campaign).await?;
    Ok(Answer::ok(CampaignWithResults {
        campaign: campaign.into(),
        results: results.into(),
    }))
}

impl From<Results> for ResultsOut {
    fn from(results: Results) -> Self {
        Self {
            codes: results.codes,
            codes_used: results.codes_used,
            orders: results.orders,
            paid_orders: results.paid_orders,
            redemptions: results.redemptions,
            discount: results.discount,
            revenue: results.revenue,
            conversion: results.conversion(),
        }
    }
}
