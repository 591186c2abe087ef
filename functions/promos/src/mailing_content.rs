//! What a mailing says and to whom, from a request to what is stored.

use db::Client;
use db::mailings::Content;
use domain::mailing::{Audience, Messages};
use domain::promo_code::PromoCode;
use domain::{Error, EventId, PromoId};
use web::Caller;

/// What a mailing is made of, as its owner names it.
pub(crate) struct Named {
    pub(crate) audience: Audience,
    pub(crate) past_event: Option<EventId>,
    pub(crate) event: Option<EventId>,
    pub(crate) code: Option<PromoCode>,
    pub(crate) messages: Messages,
}

/// Looks up what is named. Events and codes have to be the caller's own, any for an admin; `of_platform` says whether it is the
/// platform that writes.
pub(crate) async fn content(
    db: &Client,
    caller: Caller,
    of_platform: bool,
    named: Named,
) -> domain::Result<Content> {
    let (event, past_event) = (named.event, named.past_event);
    named
        .audience
        .check(event.is_some(), past_event.is_some(), of_platform)?;
    for id in [event, past_event].into_iter().flatten() {
        if !db::events::is_own(db, id, caller.id, caller.is_admin()).await? {
            return Err(Error::not_found("Event"));
        }
    }
    let promo: Option<PromoId> = match &named.code {
        None => None,
        Some(code) => {
            let found = db::mailings::own_promo(db, code, caller.id, caller.is_admin()).await?;
            Some(found.ok_or_else(|| Error::not_found("Promo code"))?)
        }
    };
    Ok(Content {
        audience: named.audience,
        past_event,
        event,
        promo,
        messages: named.messages,
    })
}
