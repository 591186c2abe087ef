use crate::App;
use crate::create_campaign::check_span;
use crate::out::CampaignOut;
use axum::extract::State;
use db::promo_campaigns::Campaign;
use domain::audit::{Changes, Subject};
use domain::promo::CampaignName;
use domain::{CampaignId, Error, Timestamp};
use std::sync::Arc;
use web::{Access, Answer, Json, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PATCH",
    "/api/v1/promos/campaigns/{id}",
    Access::Publisher,
    "update_campaign",
    "Change a campaign; to stop all its codes, let it end",
)
.body::<CampaignPatch>()
.data::<CampaignOut>();

web::input! {
    /// Changes to a campaign; absent fields stay.
    pub(crate) struct CampaignPatch {
        /// What it is called.
        name: Option<CampaignName>,
        /// Its codes work from then …
        starts_at: Option<Timestamp>,
        /// … until then.
        ends_at: Option<Timestamp>,
    }
}

pub(crate) async fn update_campaign(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<CampaignId>,
    origin: Origin,
    Json(input): Json<CampaignPatch>,
) -> web::Result<Answer<CampaignOut>> {
    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let before = db::promo_campaigns::lock(&tx, id, caller.id, caller.is_admin())
        .await?
        .ok_or_else(|| Error::not_found("Campaign"))?;
    let mut campaign = Campaign {
        name: input
            .name
            .map_or_else(|| before.name.clone(), |name| name.as_str().to_owned()),
        starts_at: input.starts_at.unwrap_or(before.starts_at),
        ends_at: input.ends_at.unwrap_or(before.ends_at),
        ..before.clone()
    };
    check_span(campaign.starts_at, campaign.ends_at)?;
    let changes = Changes::none()
        .moved("name", &before.name, &campaign.name)
        .moved("startsAt", &before.starts_at, &campaign.starts_at)
        .moved("endsAt", &before.ends_at, &campaign.ends_at);
    if !changes.is_empty() {
        campaign.updated_at = now;
        db::promo_campaigns::update(&tx, &campaign).await?;
        let entry = origin.entry(caller, ROUTE.id, Subject::PromoCampaign(id), changes, now);
        db::audit::record(&tx, &entry).await?;
    }
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(CampaignOut::from(campaign)).message("Campaign updated successfully"))
}
