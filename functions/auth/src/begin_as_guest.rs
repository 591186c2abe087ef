use crate::session::{NextTokens, TokensOut, device};
use crate::{App, limits};
use axum::extract::State;
use db::guests::{self, NO_PASSWORD};
use domain::Error;
use domain::user::{Email, PersonName, Phone};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use views::UserOut;
use web::{Access, Answer, ClientIp, Json, Origin, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/auth/guest",
    Access::Public,
    "begin_as_guest",
    "Buy without an account: get a token for a mail address alone. An account with that address can claim the orders later",
)
.status(201)
.body::<GuestIn>()
.data::<GuestOut>();

web::input! {
    strict
    /// Who buys.
    pub(crate) struct GuestIn {
        /// Where the tickets are sent.
        email: Email,
        /// Name; the tickets bear it.
        name: PersonName,
        /// Phone number.
        phone_number: Phone,
    }
}

/// A guest and the tokens to buy with. Nothing else leads to this guest again, so keep the refresh token until the purchase is over.
#[derive(Serialize, JsonSchema)]
pub(crate) struct GuestOut {
    /// The guest; `age` is 0.
    user: UserOut,
    #[serde(flatten)]
    tokens: TokensOut,
}

pub(crate) async fn begin_as_guest(
    State(app): State<Arc<App>>,
    ip: ClientIp,
    origin: Origin,
    Json(input): Json<GuestIn>,
) -> web::Result<Answer<GuestOut>> {
    let now = app.clock.now();
    let quota = limits::guest(&app, &ip, now).await?;
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let guest = guests::insert(&tx, &input.email, &input.name, &input.phone_number, now).await?;
    let next = NextTokens::new(now);
    let session = db::sessions::begin(
        tx.client(),
        guest.id,
        NO_PASSWORD,
        device(&origin),
        &next.hash(),
        now,
    )
    .await?;
    let session = session.ok_or_else(|| Error::internal("a guest without a session"))?;
    let tokens = next.of(&app, &guest, session)?;
    tx.commit().await.map_err(db::DbError::from)?;
    let data = GuestOut {
        user: guest.into(),
        tokens,
    };
    Ok(Answer::created("Welcome, guest", data).quota(quota))
}
