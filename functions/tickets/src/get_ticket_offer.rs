use crate::App;
use axum::extract::State;
use domain::handover::HandoverStatus;
use domain::{Error, EventId, HandoverId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use std::str::FromStr;
use std::sync::Arc;
use web::{Access, Answer, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/tickets/transfers/offer/{token}",
    Access::Public,
    "get_ticket_offer",
    "Read what is offered by the link of a mail, before logging in or making an account to accept it",
)
.data::<OfferOut>();

/// The token of a link: 32 random bytes in hexadecimal.
pub(crate) struct LinkToken(String);

impl FromStr for LinkToken {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err("must be 64 hexadecimal digits")
        }
    }
}

/// What is offered. Whoever has the link has the mail, so to whom is not said again.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "TicketOffer")]
pub(crate) struct OfferOut {
    /// By which it is accepted or declined.
    id: HandoverId,
    /// What the kind of ticket is called.
    ticket_name: String,
    /// Its event.
    event_id: EventId,
    /// What the event is called.
    event_name: String,
    /// When the event begins.
    event_date: Timestamp,
    /// Zone of the place, for showing the date.
    time_zone: String,
    /// Where it takes place.
    location: String,
    /// Who offers it.
    from_name: String,
    /// Until when it can be accepted.
    expires_at: Timestamp,
}

pub(crate) async fn get_ticket_offer(
    State(app): State<Arc<App>>,
    Path(token): Path<LinkToken>,
) -> web::Result<Answer<OfferOut>> {
    let now = app.clock.now();
    let hash = runtime::random::sha256(&token.0);
    let conn = app.db.conn().await?;
    let offer = db::handovers::by_token(&conn, &hash).await?;
    let offer = offer
        .filter(|offer| offer.status.at(offer.expires_at, now) == HandoverStatus::Open)
        .ok_or_else(|| Error::not_found("Transfer"))?;
    Ok(Answer::ok(OfferOut {
        id: offer.id,
        ticket_name: offer.kind_name,
        event_id: offer.event,
        event_name: offer.event_name,
        event_date: offer.event_date,
        time_zone: offer.event_time_zone,
        location: offer.event_location,
        from_name: offer.from_name,
        expires_at: offer.expires_at,
    }))
}
