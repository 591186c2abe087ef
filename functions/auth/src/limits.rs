//! How often the routes of this function may be used. Whoever counts is the table; if it is down, nothing passes.
//!
//! Failing on purpose must not lock somebody else out, so log-ins are counted by address and caller together.

use crate::App;
use domain::Timestamp;
use domain::user::Email;
use kv::Limit;
use web::{ClientIp, Quota};

const HOUR: i64 = 3_600;

const LOGIN_CALLER: Limit = limit("login-caller", 30, 60);
const LOGIN_PAIR: Limit = limit("login-pair", 10, 60);
const REFRESH_CALLER: Limit = limit("refresh-caller", 60, 60);
const REGISTER_CALLER: Limit = limit("register-caller", 10, HOUR);
const GUEST_CALLER: Limit = limit("guest-caller", 20, HOUR);
const RESEND_CALLER: Limit = limit("resend-caller", 3, HOUR);
const RESEND_ADDRESS: Limit = limit("resend-address", 3, HOUR);
const FORGOT_CALLER: Limit = limit("forgot-caller", 20, HOUR);
const FORGOT_ADDRESS: Limit = limit("forgot-address", 5, HOUR);
const RESET_CALLER: Limit = limit("reset-caller", 30, HOUR);

const fn limit(action: &'static str, uses: u64, window_seconds: i64) -> Limit {
    Limit {
        action,
        uses,
        window_seconds,
    }
}

/// Counts an attempt to log in.
pub(crate) async fn log_in(app: &App, ip: &ClientIp, email: &Email, now: Timestamp) -> web::Result<Quota> {
    let message = "Too many login attempts. Please try again in a minute.";
    let caller = spend(app, by_caller(app, LOGIN_CALLER), &ip.0, message, now).await?;
    let pair = hashed(&format!("{} {}", email.as_str().to_lowercase(), ip.0));
    let pair = spend(app, by_caller(app, LOGIN_PAIR), &pair, message, now).await?;
    Ok(caller.or_tighter(pair))
}

/// Counts a refresh.
pub(crate) async fn refresh(app: &App, ip: &ClientIp, now: Timestamp) -> web::Result<Quota> {
    let message = "Too many requests. Please try again in a minute.";
    spend(app, by_caller(app, REFRESH_CALLER), &ip.0, message, now).await
}

/// Counts an attempt to make an account.
pub(crate) async fn register(app: &App, ip: &ClientIp, now: Timestamp) -> web::Result<Quota> {
    let message = "Too many registrations. Please try again after an hour.";
    spend(app, by_caller(app, REGISTER_CALLER), &ip.0, message, now).await
}

/// Counts a guest.
pub(crate) async fn guest(app: &App, ip: &ClientIp, now: Timestamp) -> web::Result<Quota> {
    let message = "Too many purchases as a guest. Please try again after an hour.";
    spend(app, by_caller(app, GUEST_CALLER), &ip.0, message, now).await
}

/// Counts a wish for another verification mail.
pub(crate) async fn resend(app: &App, ip: &ClientIp, email: &Email, now: Timestamp) -> web::Result<Quota> {
    let message = "Too many verification email requests. Please try again after an hour.";
    let caller = spend(app, by_caller(app, RESEND_CALLER), &ip.0, message, now).await?;
    let address = spend(app, RESEND_ADDRESS, &address_key(email), message, now).await?;
    Ok(caller.or_tighter(address))
}

/// Counts a forgotten password.
pub(crate) async fn forgot(app: &App, ip: &ClientIp, email: &Email, now: Timestamp) -> web::Result<Quota> {
    let message = "Too many password reset requests. Please try again after an hour.";
    let caller = spend(app, by_caller(app, FORGOT_CALLER), &ip.0, message, now).await?;
    let address = spend(app, FORGOT_ADDRESS, &address_key(email), message, now).await?;
    Ok(caller.or_tighter(address))
}

/// Counts a step of a reset after the first: asking for a code, trying it, using it.
pub(crate) async fn reset(app: &App, ip: &ClientIp, now: Timestamp) -> web::Result<Quota> {
    let message = "Too many password reset attempts. Please try again after an hour.";
    spend(app, by_caller(app, RESET_CALLER), &ip.0, message, now).await
}

/// What a caller may do, where several people may sit behind one IP address.
fn by_caller(app: &App, limit: Limit) -> Limit {
    limit.times(app.caller_factor)
}

/// The table holds no mail addresses.
fn address_key(email: &Email) -> String {
    hashed(&email.as_str().to_lowercase())
}

fn hashed(text: &str) -> String {
    runtime::random::to_hex(&runtime::random::sha256(text))
}

async fn spend(
    app: &App,
    limit: Limit,
    subject: &str,
    message: &'static str,
    now: Timestamp,
) -> web::Result<Quota> {
    let decision = app.store.use_up(limit, subject, now).await?;
    Quota::of(limit, decision, message)
}
