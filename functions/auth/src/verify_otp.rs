use crate::reset::{Otp, ResetToken, check};
use crate::{App, limits};
use axum::extract::State;
use std::sync::Arc;
use web::{Access, Answer, ClientIp, Json, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/auth/verify-otp",
    Access::Public,
    "verify_otp",
    "Check a code without using it up; the fifth wrong one voids its token",
)
.body::<VerifyOtpIn>();

web::input! {
    /// A code and the reset it is for.
    pub(crate) struct VerifyOtpIn {
        /// The token of the reset.
        token: ResetToken,
        /// The code of the mail.
        otp: Otp,
    }
}

pub(crate) async fn verify_otp(
    State(app): State<Arc<App>>,
    ip: ClientIp,
    Json(input): Json<VerifyOtpIn>,
) -> web::Result<Answer<()>> {
    let now = app.clock.now();
    let quota = limits::reset(&app, &ip, now).await?;
    let mut conn = app.db.conn().await?;
    check(&mut conn, &input.token, &input.otp, now).await?;
    Ok(Answer::ok(()).message("OTP verified successfully").quota(quota))
}
