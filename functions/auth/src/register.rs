use crate::{App, limits, mail};
use axum::extract::State;
use db::users::{Created, NewUser};
use domain::Error;
use domain::user::{Age, Email, NewPassword, PersonName, Phone, Role};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use views::UserOut;
use web::{Access, Answer, ClientIp, Json, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/auth/register",
    Access::Public,
    "register",
    "Make an account; a mail asks to prove the address",
)
.status(201)
.body::<RegisterIn>()
.data::<RegisterOut>();

web::input! {
    strict
    /// A new account.
    pub(crate) struct RegisterIn {
        /// Mail address; one account each, whatever the case.
        email: Email,
        /// At least 8 characters.
        password: NewPassword,
        /// Name.
        name: PersonName,
        /// Years.
        age: Age,
        /// Phone number.
        phone_number: Phone,
        /// Accepted from older clients and ignored: an account begins as `user`.
        role: Option<Role>,
    }
}

/// The new account. Nobody is logged in before the address is proved.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RegisterOut {
    user: RegisteredUser,
    /// Kept for older clients; always null.
    token: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct RegisteredUser {
    #[serde(flatten)]
    user: UserOut,
    /// Kept for older clients; always null: the token is only in the mail.
    verification_token: Option<String>,
}

pub(crate) async fn register(
    State(app): State<Arc<App>>,
    ip: ClientIp,
    Json(input): Json<RegisterIn>,
) -> web::Result<Answer<RegisterOut>> {
    let now = app.clock.now();
    let quota = limits::register(&app, &ip, now).await?;
    // Hashed before the look at the table, so that a known address does not answer faster.
    let password_hash = credentials::hash(input.password.expose())?;
    let new = NewUser {
        email: &input.email,
        password_hash: &password_hash,
        name: &input.name,
        age: input.age,
        phone_number: &input.phone_number,
        role: Role::User,
    };
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let Created::User(user) = db::users::insert(&tx, &new, now).await? else {
        return Err(Error::invalid("email_taken", "Email already exists").into());
    };
    let message = mail::write_verification(&app, &tx, user.id, &user.email, &user.name, now).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    app.queue
        .publish_committed(&[message], async |ids| {
            db::outbox::mark_published(&conn, ids, now).await
        })
        .await;
    let user = RegisteredUser {
        user: user.into(),
        verification_token: None,
    };
    Ok(Answer::created("User registered successfully", RegisterOut { user, token: None }).quota(quota))
}
