use crate::App;
use axum::extract::State;
use db::users::ProfilePatch;
use domain::user::{Age, PersonName, Phone};
use domain::{Error, Kind, UserId};
use schemars::JsonSchema;
use serde::de::{Deserialize, Deserializer, Error as _};
use std::borrow::Cow;
use std::sync::Arc;
use views::UserOut;
use web::{Access, Answer, Caller, Json, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PATCH",
    "/api/v1/users/{id}",
    Access::User,
    "update_user",
    "Change the caller's own account",
)
.body::<ProfileChanges>()
.data::<UserOut>();

web::input! {
    strict
    /// Changes to a profile, at least one; absent fields stay.
    pub(crate) struct ProfileChanges {
        /// Name.
        name: Option<NewName>,
        /// Years, as a number.
        age: Option<NewAge>,
        /// Phone number, at least 10 characters.
        phone_number: Option<NewPhone>,
    }
}

/// A name, refused in the words that clients of this route know.
#[derive(Debug, JsonSchema)]
#[schemars(transparent)]
pub(crate) struct NewName(PersonName);

impl<'de> Deserialize<'de> for NewName {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(input)?;
        if text.trim().is_empty() {
            return Err(D::Error::custom("Name is required"));
        }
        PersonName::parse(&text).map(Self).map_err(D::Error::custom)
    }
}

/// Years, as a JSON number: this route never took them as text.
#[derive(Debug, JsonSchema)]
#[schemars(transparent)]
pub(crate) struct NewAge(Age);

impl<'de> Deserialize<'de> for NewAge {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(input)?;
        if value.is_string() {
            return Err(D::Error::custom("Expected number, received string"));
        }
        Age::deserialize(value).map(Self).map_err(D::Error::custom)
    }
}

/// A phone number that can be called.
#[derive(Debug, JsonSchema)]
#[schemars(transparent)]
pub(crate) struct NewPhone(#[schemars(with = "String", length(min = 10, max = 30))] Phone);

impl<'de> Deserialize<'de> for NewPhone {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(input)?;
        if text.trim().chars().count() < 10 {
            return Err(D::Error::custom("Phone number must be at least 10 digits"));
        }
        Phone::parse(&text).map(Self).map_err(D::Error::custom)
    }
}

pub(crate) async fn update_user(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<UserId>,
    Json(input): Json<ProfileChanges>,
) -> web::Result<Answer<UserOut>> {
    let patch = ProfilePatch {
        name: input.name.map(|name| name.0),
        age: input.age.map(|age| age.0),
        phone_number: input.phone_number.map(|phone| phone.0),
    };
    if patch.name.is_none() && patch.age.is_none() && patch.phone_number.is_none() {
        let message = "At least one field must be provided for update";
        return Err(Error::invalid("invalid_input", message).into());
    }
    if id != caller.id {
        let message = "Unauthorized - Can only update own profile";
        return Err(Error::new(Kind::Forbidden, "forbidden", message).into());
    }
    let conn = app.db.conn().await?;
    let user = db::users::update(&conn, id, &patch, app.clock.now())
        .await?
        .ok_or_else(|| Error::not_found("User"))?;
    Ok(Answer::ok(user.into()).message("User updated successfully"))
}
