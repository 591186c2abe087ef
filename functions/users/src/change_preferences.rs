use crate::App;
use crate::preferences::PreferencesOut;
use axum::extract::State;
use db::preferences::Written;
use domain::language::Language;
use domain::preferences::{Changes, MOST_FOLLOWED};
use domain::{CategoryId, Error};
use schemars::JsonSchema;
use serde::de::{Deserialize, Deserializer, Error as _};
use std::sync::Arc;
use web::{Access, Answer, Caller, Json, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PATCH",
    "/api/v1/users/me/preferences",
    Access::User,
    "change_preferences",
    "Change what the caller wants to be told, and in which language",
)
.body::<PreferencesIn>()
.data::<PreferencesOut>();

web::input! {
    strict
    /// Changes of wishes; absent fields stay.
    pub(crate) struct PreferencesIn {
        /// Language of mails.
        language: Option<Language>,
        /// Mails about what was bought and about the account: only `true`, they always go.
        mail_transactional: Option<AlwaysOn>,
        /// Mails about what might interest them.
        mail_promotions: Option<bool>,
        /// Mails before events they have tickets of.
        mail_reminders: Option<bool>,
        /// Pushes about what might interest them.
        push_promotions: Option<bool>,
        /// Pushes before events they have tickets of.
        push_reminders: Option<bool>,
        /// Pushes about their orders.
        push_orders: Option<bool>,
        /// All categories whose new events they want to hear of.
        followed_categories: Option<Followed>,
    }
}

/// What cannot be switched off.
#[derive(Debug, JsonSchema)]
#[schemars(transparent)]
pub(crate) struct AlwaysOn(#[expect(dead_code, reason = "there is but one value")] bool);

impl<'de> Deserialize<'de> for AlwaysOn {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        if bool::deserialize(input)? {
            Ok(Self(true))
        } else {
            let message = "Mails about what was bought and about the account cannot be switched off";
            Err(D::Error::custom(message))
        }
    }
}

/// A list of categories that is not too long.
#[derive(Debug, JsonSchema)]
#[schemars(transparent)]
pub(crate) struct Followed(#[schemars(length(max = 50))] Vec<CategoryId>);

impl<'de> Deserialize<'de> for Followed {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let categories = Vec::deserialize(input)?;
        if categories.len() > MOST_FOLLOWED {
            return Err(D::Error::custom(format!(
                "must name at most {MOST_FOLLOWED} categories"
            )));
        }
        Ok(Self(categories))
    }
}

pub(crate) async fn change_preferences(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(input): Json<PreferencesIn>,
) -> web::Result<Answer<PreferencesOut>> {
    let missing = || Error::not_found("User");
    let changes = Changes {
        language: input.language,
        mail_promotions: input.mail_promotions,
        mail_reminders: input.mail_reminders,
        push_promotions: input.push_promotions,
        push_reminders: input.push_reminders,
        push_orders: input.push_orders,
        categories: input.followed_categories.map(|followed| followed.0),
    };
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    db::users::lock_buyer(&tx, caller.id).await?.ok_or_else(missing)?;
    let wishes = db::preferences::find(tx.client(), caller.id)
        .await?
        .ok_or_else(missing)?
        .with(changes);
    match db::preferences::write(&tx, caller.id, &wishes, app.clock.now()).await? {
        Written::Done => {}
        Written::NoCategory => {
            let message = "\"followedCategories\" names a category that does not exist";
            return Err(Error::invalid_field("followedCategories", message).into());
        }
    }
    tx.commit().await.map_err(db::DbError::from)?;
    let data = PreferencesOut::of(&app, caller.id, wishes);
    Ok(Answer::ok(data).message("Preferences updated successfully"))
}
