use crate::reset::{Otp, Repetition, ReplacingPassword, ResetToken, check, is_right, open, wrong_code};
use crate::{App, limits};
use axum::extract::State;
use db::password_resets;
use domain::Error;
use std::sync::Arc;
use web::{Access, Answer, ClientIp, Json, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/auth/reset-password",
    Access::Public,
    "reset_password",
    "Replace the password with a code; uses up token and code, and voids the other resets of the account",
)
.body::<ResetPasswordIn>();

web::input! {
    /// The code and the new password.
    pub(crate) struct ResetPasswordIn {
        /// The token of the reset.
        token: ResetToken,
        /// The code of the mail.
        otp: Otp,
        /// At least 8 characters.
        password: ReplacingPassword,
        /// The same once more.
        confirm_password: Repetition,
    }
}

pub(crate) async fn reset_password(
    State(app): State<Arc<App>>,
    ip: ClientIp,
    Json(input): Json<ResetPasswordIn>,
) -> web::Result<Answer<()>> {
    if !input.confirm_password.is_of(&input.password) {
        return Err(Error::invalid_field("confirmPassword", "Passwords do not match").into());
    }
    let now = app.clock.now();
    let quota = limits::reset(&app, &ip, now).await?;
    let mut conn = app.db.conn().await?;
    // A wrong code costs no hash, and nothing is locked while the hash is made; so what was right is looked at again.
    check(&mut conn, &input.token, &input.otp, now).await?;
    let hash = credentials::hash(input.password.0.expose())?;
    let tx = conn.begin().await?;
    let reset = open(password_resets::lock(&tx, &input.token.hash()).await?, now)?;
    let right = is_right(&reset, &input.token.hash_with(&input.otp), now)?;
    let owner = reset.owner.filter(|_| right).ok_or_else(wrong_code)?;
    password_resets::set_password(&tx, owner.id, &hash, now).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(())
        .message("Password has been reset successfully")
        .quota(quota))
}
