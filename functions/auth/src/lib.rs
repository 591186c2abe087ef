//! Registration, log in, sessions, the proof of a mail address, and the way back in for those who forgot their password.

mod begin_as_guest;
mod end_session;
mod forgot_password;
mod generate_otp;
mod limits;
mod list_sessions;
mod log_out;
mod log_out_everywhere;
mod login;
mod mail;
mod page;
mod refresh;
mod register;
mod resend_verification;
mod reset;
mod reset_password;
mod session;
mod verify_email;
mod verify_otp;

use runtime::{BootError, Clock, Env};
use std::num::NonZeroU32;
use web::{Route, Router, Site, Tokens};

/// Seconds that a link proves a mail address.
pub const LINK_SECONDS: i64 = 24 * 3_600;

/// What the handlers work with.
pub struct App {
    /// The database.
    pub db: db::Db,
    /// Counts requests.
    pub store: kv::Store,
    /// What limits per caller are multiplied with: more than 1 where many share one IP address, as in tests of a fleet.
    pub caller_factor: NonZeroU32,
    /// Publishes messages after a commit.
    pub queue: queue::Publisher,
    /// Issues and checks tokens.
    pub tokens: Tokens,
    /// Tells the time.
    pub clock: Clock,
    /// Address of this API, for links in mails.
    pub base_url: String,
    /// Address of the web client.
    pub frontend_url: String,
}

impl App {
    /// Reads the configuration.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub async fn from_env(env: &Env) -> Result<Self, BootError> {
        let config = db::Config::from_lookup(|name| env.get(name)).map_err(BootError::Other)?;
        let url = |name: &str| env.required(name).map(|url| url.trim_end_matches('/').to_owned());
        Ok(Self {
            db: db::Db::new(config),
            store: kv::Store::connect(env.required("STATE_TABLE")?).await,
            caller_factor: env.parsed("RATE_LIMIT_FACTOR", NonZeroU32::MIN)?,
            queue: queue::Publisher::connect(|name| env.get(name)).await,
            tokens: Tokens::from_env(env)?,
            clock: Clock::system(),
            base_url: url("BASE_URL")?,
            frontend_url: url("FRONTEND_URL")?,
        })
    }
}

web::service!(App);

/// The routes of this function.
pub const ROUTES: &[Route] = &[
    register::ROUTE,
    begin_as_guest::ROUTE,
    login::ROUTE,
    refresh::ROUTE,
    log_out::ROUTE,
    list_sessions::ROUTE,
    end_session::ROUTE,
    log_out_everywhere::ROUTE,
    verify_email::ROUTE,
    resend_verification::ROUTE,
    forgot_password::ROUTE,
    generate_otp::ROUTE,
    verify_otp::ROUTE,
    reset_password::ROUTE,
];

/// The router of this function.
pub fn router(app: App, site: Site) -> axum::Router {
    Router::default()
        .at(&register::ROUTE, register::register)
        .at(&begin_as_guest::ROUTE, begin_as_guest::begin_as_guest)
        .at(&login::ROUTE, login::login)
        .at(&refresh::ROUTE, refresh::refresh)
        .at(&log_out::ROUTE, log_out::log_out)
        .at(&list_sessions::ROUTE, list_sessions::list_sessions)
        .at(&end_session::ROUTE, end_session::end_session)
        .at(&log_out_everywhere::ROUTE, log_out_everywhere::log_out_everywhere)
        .at(&verify_email::ROUTE, verify_email::verify_email)
        .at(
            &resend_verification::ROUTE,
            resend_verification::resend_verification,
        )
        .at(&forgot_password::ROUTE, forgot_password::forgot_password)
        .at(&generate_otp::ROUTE, generate_otp::generate_otp)
        .at(&verify_otp::ROUTE, verify_otp::verify_otp)
        .at(&reset_password::ROUTE, reset_password::reset_password)
        .build(app, site)
}
