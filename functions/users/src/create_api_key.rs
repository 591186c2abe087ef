use crate::App;
use crate::api_key::ApiKeyOut;
use axum::extract::State;
use db::api_keys::{self, NewKey};
use domain::api_key::{KeyName, MOST_KEYS, PREFIX, Scopes};
use domain::{Error, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Json, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/users/me/api-keys",
    Access::Publisher,
    "create_api_key",
    "Make a key for an own system; the key itself is shown this once",
)
.status(201)
.body::<NewApiKey>()
.data::<CreatedApiKey>()
.conflicts(&["too_many_api_keys"]);

/// Characters of a key that are kept, so that its owner knows it again.
const HINT: usize = 12;

web::input! {
    strict
    /// A new key.
    pub(crate) struct NewApiKey {
        /// What its owner calls it.
        name: KeyName,
        /// What it may be used for, within what its owner may do.
        scopes: Scopes,
        /// When it ends by itself; never if absent.
        expires_at: Option<Timestamp>,
    }
}

/// The new key.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatedApiKey {
    #[serde(flatten)]
    about: ApiKeyOut,
    /// Send it as `Authorization: Bearer …`. It is not kept: who loses it makes a new one.
    key: String,
}

pub(crate) async fn create_api_key(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Json(input): Json<NewApiKey>,
) -> web::Result<Answer<CreatedApiKey>> {
    let now = app.clock.now();
    if input.expires_at.is_some_and(|end| end <= now) {
        return Err(Error::invalid_field("expiresAt", "\"expiresAt\" must be in the future").into());
    }
    let key = format!("{PREFIX}{}", runtime::random::hex::<32>());
    let new = NewKey {
        name: &input.name,
        hint: key.get(..HINT).unwrap_or_default(),
        hash: &runtime::random::sha256(&key),
        scopes: &input.scopes,
        expires_at: input.expires_at,
    };
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let made = api_keys::insert(&tx, caller.id, &new, now).await?;
    let made = made.ok_or_else(|| {
        let message = format!("An account has at most {MOST_KEYS} API keys");
        Error::conflict("too_many_api_keys", message)
    })?;
    tx.commit().await.map_err(db::DbError::from)?;
    let about = made.into();
    Ok(Answer::created("API key created", CreatedApiKey { about, key }))
}
