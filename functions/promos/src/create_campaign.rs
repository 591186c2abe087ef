use crate::App;
use crate::out::CampaignOut;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::audit::{Changes, Subject};
use domain::promo::CampaignName;
use domain::{Error, Timestamp};
use std::sync::Arc;
use web::{Access, Answer, Keyed, Origin, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/promos/campaigns",
    Access::Publisher,
    "create_campaign",
    "Make a campaign: a group of promo codes that work for its time only",
)
.status(201)
.body::<CampaignIn>()
.data::<CampaignOut>()
.idempotent();

web::input! {
    /// A new campaign.
    pub(crate) struct CampaignIn {
        /// What it is called.
        name: CampaignName,
        /// Its codes work from then …
        starts_at: Timestamp,
        /// … until then.
        ends_at: Timestamp,
    }
}

/// Refuses a campaign that ends before it begins.
pub(crate) fn check_span(starts_at: Timestamp, ends_at: Timestamp) -> domain::Result<()> {
    if starts_at < ends_at {
        Ok(())
    } else {
        let message = "\"endsAt\" must be later than \"startsAt\"";
        Err(Error::invalid_field("endsAt", message))
    }
}

pub(crate) async fn create_campaign(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    origin: Origin,
    mut request: Keyed<CampaignIn>,
) -> web::Result<Response> {
    let now = app.clock.now();
    let once = request.take_once(ROUTE.id, caller.id);
    let input = request.body;
    check_span(input.starts_at, input.ends_at)?;
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    if let Some(stored) = db::idempotency::claim(&tx, once.as_ref(), now).await? {
        return Ok(web::answer::stored(stored));
    }
    let organizer = (!caller.is_admin()).then_some(caller.id);
    let campaign =
        db::promo_campaigns::insert(&tx, organizer, &input.name, input.starts_at, input.ends_at, now).await?;
    let changes = Changes::none()
        .set("name", &campaign.name)
        .set("startsAt", campaign.starts_at)
        .set("endsAt", campaign.ends_at);
    let subject = Subject::PromoCampaign(campaign.id);
    db::audit::record(&tx, &origin.entry(caller, ROUTE.id, subject, changes, now)).await?;
    let answer = Answer::created("Campaign created successfully", CampaignOut::from(campaign));
    db::idempotency::store(tx.client(), once.as_ref(), &answer.to_stored()).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(answer.into_response())
}
