use crate::out::OwnPromoOut;
use crate::terms::{TermsIn, changes_between};
use crate::{App, code_taken, is_for_everybody};
use axum::extract::State;
use db::promos::Written;
use domain::audit::Subject;
use domain::notice::{Notice, Offer};
use domain::promo::Promo;
use domain::promo_code::PromoCode;
use domain::{Error, PromoId};
use std::sync::Arc;
use web::input::{Fields, Input};
use web::{Access, Answer, Json, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PATCH",
    "/api/v1/promos/{id}",
    Access::Publisher,
    "update_promo",
    "Change a promo code, from the next order on",
)
.body::<PromoPatch>()
.data::<OwnPromoOut>()
.conflicts(&["code_taken"]);

/// Changes to a code; absent fields stay.
#[derive(Debug, schemars::JsonSchema)]
pub(crate) struct PromoPatch {
    /// What buyers type.
    code: Option<PromoCode>,
    #[schemars(flatten)]
    terms: TermsIn,
}

impl Input for PromoPatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (code, terms) = (fields.take("code"), TermsIn::read(fields));
        Some(Self {
            code: code?,
            terms: terms?,
        })
    }
}

pub(crate) async fn update_promo(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<PromoId>,
    origin: Origin,
    Json(input): Json<PromoPatch>,
) -> web::Result<Answer<OwnPromoOut>> {
    let (now, any_owner) = (app.clock.now(), caller.is_admin());
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let found = db::promos::lock_own(&tx, id, caller.id, any_owner).await?;
    let mut stored = found.ok_or_else(|| Error::not_found("Promo code"))?;
    let before = stored.promo.clone();
    let (terms, limits) = input.terms.onto(&before.terms, before.limits, stored.redeemed)?;
    let after = Promo {
        id,
        code: input.code.unwrap_or_else(|| before.code.clone()),
        terms,
        limits,
    };
    let changes = changes_between(&before, &after);
    if !changes.is_empty() {
        db::promos::check_scope(&tx, &after.terms, caller.id, any_owner).await?;
        match db::promos::update(&tx, &after, now).await? {
            Written::Promo(changed) => stored = *changed,
            Written::CodeTaken => return Err(code_taken().into()),
        }
        let (old, new) = (
            Offer::new(&before.code, &before.terms),
            Offer::new(&after.code, &after.terms),
        );
        if old != new && is_for_everybody(&after.terms, stored.campaign) {
            let subject = format!("{id} {now}");
            db::notifications::tell_all(&tx, &Notice::PromoChanged(new), &subject, now).await?;
        }
        let entry = origin.entry(caller, ROUTE.id, Subject::Promo(id), changes, now);
        db::audit::record(&tx, &entry).await?;
    }
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(OwnPromoOut::from(stored)).message("Promo code updated successfully"))
}
