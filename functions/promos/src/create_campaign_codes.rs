use crate::App;
use crate::terms::TermsIn;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use db::Transaction;
use domain::audit::{Changes, Subject};
use domain::promo::{CodeCount, Limits, Terms};
use domain::promo_code::{Prefix, PromoCode, generate};
use domain::{CampaignId, Error, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::input::{Fields, Input};
use web::{Access, Answer, Keyed, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/promos/campaigns/{id}/codes",
    Access::Publisher,
    "create_campaign_codes",
    "Generate promo codes that nobody guesses, up to 10,000 at once",
)
.status(201)
.body::<CodesIn>()
.data::<CodesOut>()
.idempotent()
.conflicts(&["campaign_full"]);

/// Most codes of a campaign.
const MOST_PER_CAMPAIGN: i64 = 100_000;

/// Codes that one statement writes.
const BATCH: usize = 1_000;

/// The codes that shall be made. One of `discount` and `amount` is required; each may be used once unless `totalLimit` says
/// otherwise, and works for the campaign's time unless `validFrom` and `validTo` do.
#[derive(Debug, JsonSchema)]
pub(crate) struct CodesIn {
    /// How many.
    count: CodeCount,
    /// What they begin with, before a `-` and ten random letters and digits.
    prefix: Option<Prefix>,
    #[schemars(flatten)]
    terms: TermsIn,
}

impl Input for CodesIn {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (count, prefix, terms) = (fields.take("count"), fields.take("prefix"), TermsIn::read(fields));
        Some(Self {
            count: count?,
            prefix: prefix?,
            terms: terms?,
        })
    }
}

/// The codes that were made.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CodesOut {
    campaign_id: CampaignId,
    /// How many.
    count: usize,
    /// What buyers type.
    codes: Vec<String>,
}

pub(crate) async fn create_campaign_codes(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<CampaignId>,
    origin: Origin,
    mut request: Keyed<CodesIn>,
) -> web::Result<Response> {
    let (now, any_owner) = (app.clock.now(), caller.is_admin());
    let once = request.take_once(ROUTE.id, caller.id);
    let input = request.body;
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    if let Some(stored) = db::idempotency::claim(&tx, once.as_ref(), now).await? {
        return Ok(web::answer::stored(stored));
    }
    let campaign = db::promo_campaigns::lock(&tx, id, caller.id, any_owner)
        .await?
        .ok_or_else(|| Error::not_found("Campaign"))?;
    let time = (campaign.starts_at, campaign.ends_at);
    let (terms, mut limits) = input.terms.of_new(campaign.organizer, Some(time))?;
    limits.total = limits.total.or(Some(1));
    db::promos::check_scope(&tx, &terms, caller.id, any_owner).await?;
    if db::promo_campaigns::count_codes(&tx, id).await? + i64::from(input.count.get()) > MOST_PER_CAMPAIGN {
        let message = format!("A campaign has at most {MOST_PER_CAMPAIGN} codes");
        return Err(Error::conflict("campaign_full", message).into());
    }
    let wanted = usize::try_from(input.count.get()).unwrap_or(0);
    let codes = make(&tx, id, wanted, input.prefix.as_ref(), &terms, limits, now).await?;
    let changes = Changes::none().set("codes", codes.len());
    let subject = Subject::PromoCampaign(id);
    db::audit::record(&tx, &origin.entry(caller, ROUTE.id, subject, changes, now)).await?;
    let data = CodesOut {
        campaign_id: id,
        count: codes.len(),
        codes,
    };
    let answer = Answer::created("Promo codes created successfully", data);
    db::idempotency::store(tx.client(), once.as_ref(), &answer.to_stored()).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(answer.into_response())
}

/// Makes so many codes, in batches. A name that is taken is made anew; that it happens at all is most unlikely.
async fn make(
    tx: &Transaction<'_>,
    campaign: CampaignId,
    wanted: usize,
    prefix: Option<&Prefix>,
    terms: &Terms,
    limits: Limits,
    now: Timestamp,
) -> domain::Result<Vec<String>> {
    let mut made = Vec::with_capacity(wanted);
    while made.len() < wanted {
        let batch: Vec<PromoCode> = std::iter::repeat_with(|| generate(prefix, &runtime::random::bytes()))
            .flatten()
            .take((wanted - made.len()).min(BATCH))
            .collect();
        made.extend(db::promos::insert_many(tx, &batch, terms, limits, campaign, now).await?);
    }
    Ok(made)
}
