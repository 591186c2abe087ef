use crate::out::OwnPromoOut;
use crate::terms::{TermsIn, changes_of_new};
use crate::{App, code_taken, is_for_everybody};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use db::promos::Written;
use domain::audit::Subject;
use domain::notice::{Notice, Offer};
use domain::promo_code::PromoCode;
use domain::{CampaignId, Error};
use std::sync::Arc;
use web::input::{Fields, Input};
use web::{Access, Answer, Keyed, Origin, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/promos",
    Access::Publisher,
    "create_promo",
    "Make a promo code; an organizer's is for their own events",
)
.status(201)
.body::<PromoIn>()
.data::<OwnPromoOut>()
.idempotent()
.conflicts(&["code_taken"]);

/// A new code. One of `discount` and `amount` is required, `validFrom` and `validTo` are unless it belongs to a campaign.
#[derive(Debug, schemars::JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub(crate) struct PromoIn {
    /// What buyers type; upper case whatever is sent.
    code: PromoCode,
    /// The campaign that it belongs to.
    campaign_id: Option<CampaignId>,
    #[schemars(flatten)]
    terms: TermsIn,
}

impl Input for PromoIn {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (code, campaign_id, terms) = (
            fields.take("code"),
            fields.take("campaignId"),
            TermsIn::read(fields),
        );
        Some(Self {
            code: code?,
            campaign_id: campaign_id?,
            terms: terms?,
        })
    }
}

pub(crate) async fn create_promo(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    origin: Origin,
    mut request: Keyed<PromoIn>,
) -> web::Result<Response> {
    let (now, any_owner) = (app.clock.now(), caller.is_admin());
    let once = request.take_once(ROUTE.id, caller.id);
    let input = request.body;
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    if let Some(stored) = db::idempotency::claim(&tx, once.as_ref(), now).await? {
        return Ok(web::answer::stored(stored));
    }
    let campaign = match input.campaign_id {
        Some(id) => {
            let campaign = db::promo_campaigns::find(tx.client(), id, caller.id, any_owner).await?;
            Some(campaign.ok_or_else(|| Error::not_found("Campaign"))?)
        }
        None => None,
    };
    let organizer = match &campaign {
        Some(campaign) => campaign.organizer,
        None => (!any_owner).then_some(caller.id),
    };
    let time = campaign
        .as_ref()
        .map(|campaign| (campaign.starts_at, campaign.ends_at));
    let (terms, limits) = input.terms.of_new(organizer, time)?;
    db::promos::check_scope(&tx, &terms, caller.id, any_owner).await?;
    let written = db::promos::insert(&tx, &input.code, &terms, limits, input.campaign_id, now).await?;
    let Written::Promo(stored) = written else {
        return Err(code_taken().into());
    };
    if is_for_everybody(&stored.promo.terms, stored.campaign) {
        let notice = Notice::PromoOffered(Offer::new(&input.code, &stored.promo.terms));
        db::notifications::tell_all(&tx, &notice, &stored.promo.id.to_string(), now).await?;
    }
    let (subject, changes) = (Subject::Promo(stored.promo.id), changes_of_new(&stored.promo));
    db::audit::record(&tx, &origin.entry(caller, ROUTE.id, subject, changes, now)).await?;
    let answer = Answer::created("Promo code created successfully", OwnPromoOut::from(*stored));
    db::idempotency::store(tx.client(), once.as_ref(), &answer.to_stored()).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(answer.into_response())
}
