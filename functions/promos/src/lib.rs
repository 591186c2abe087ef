//! Promo codes and campaigns: organizers make them for their own events, admins for the platform; everybody may ask whether a
//! code works. Carts, checkouts and payments take them. And promotional mails to many people, which `announcer`, `outbox-relay`
//! and `mailer-promotions` send: this function writes rows only.

mod cancel_mailing;
mod create_campaign;
mod create_campaign_codes;
mod create_mailing;
mod create_promo;
mod delete_promo;
mod get_campaign;
mod get_mailing;
mod get_mailing_audience;
mod limits;
mod list_campaigns;
mod list_mailings;
mod list_promos;
mod mailing_content;
mod mailing_out;
mod mailing_steps;
mod out;
mod pause_mailing;
mod resume_mailing;
mod send_mailing;
mod terms;
mod update_campaign;
mod update_mailing;
mod update_promo;
mod validate_promo;

use domain::CampaignId;
use domain::promo::Terms;
use runtime::{BootError, Clock, Env};
use std::num::NonZeroU32;
use web::{Route, Router, Site, Tokens};

/// What the handlers work with.
pub struct App {
    /// The database.
    pub db: db::Db,
    /// Counts requests.
    pub store: kv::Store,
    /// What limits per IP address are multiplied with: more than 1 where many share one, as in tests of a fleet.
    pub caller_factor: NonZeroU32,
    /// Checks tokens.
    pub tokens: Tokens,
    /// Tells the time.
    pub clock: Clock,
}

impl App {
    /// Reads the configuration.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub async fn from_env(env: &Env) -> Result<Self, BootError> {
        let config = db::Config::from_lookup(|name| env.get(name)).map_err(BootError::Other)?;
        Ok(Self {
            db: db::Db::new(config),
            store: kv::Store::connect(env.required("STATE_TABLE")?).await,
            caller_factor: env.parsed("RATE_LIMIT_FACTOR", NonZeroU32::MIN)?,
            tokens: Tokens::from_env(env)?,
            clock: Clock::system(),
        })
    }
}

web::service!(App);

/// The routes of this function.
pub const ROUTES: &[Route] = &[
    validate_promo::ROUTE,
    create_promo::ROUTE,
    list_promos::ROUTE,
    update_promo::ROUTE,
    delete_promo::ROUTE,
    create_campaign::ROUTE,
    list_campaigns::ROUTE,
    get_campaign::ROUTE,
    update_campaign::ROUTE,
    create_campaign_codes::ROUTE,
    create_mailing::ROUTE,
    list_mailings::ROUTE,
    get_mailing::ROUTE,
    update_mailing::ROUTE,
    get_mailing_audience::ROUTE,
    send_mailing::ROUTE,
    pause_mailing::ROUTE,
    resume_mailing::ROUTE,
    cancel_mailing::ROUTE,
];

/// The router of this function.
pub fn router(app: App, site: Site) -> axum::Router {
    Router::default()
        .at(&validate_promo::ROUTE, validate_promo::validate_promo)
        .at(&create_promo::ROUTE, create_promo::create_promo)
        .at(&list_promos::ROUTE, list_promos::list_promos)
        .at(&update_promo::ROUTE, update_promo::update_promo)
        .at(&delete_promo::ROUTE, delete_promo::delete_promo)
        .at(&create_campaign::ROUTE, create_campaign::create_campaign)
        .at(&list_campaigns::ROUTE, list_campaigns::list_campaigns)
        .at(&get_campaign::ROUTE, get_campaign::get_campaign)
        .at(&update_campaign::ROUTE, update_campaign::update_campaign)
        .at(
            &create_campaign_codes::ROUTE,
            create_campaign_codes::create_campaign_codes,
        )
        .at(&create_mailing::ROUTE, create_mailing::create_mailing)
        .at(&list_mailings::ROUTE, list_mailings::list_mailings)
        .at(&get_mailing::ROUTE, get_mailing::get_mailing)
        .at(&update_mailing::ROUTE, update_mailing::update_mailing)
        .at(
            &get_mailing_audience::ROUTE,
            get_mailing_audience::get_mailing_audience,
        )
        .at(&send_mailing::ROUTE, send_mailing::send_mailing)
        .at(&pause_mailing::ROUTE, pause_mailing::pause_mailing)
        .at(&resume_mailing::ROUTE, resume_mailing::resume_mailing)
        .at(&cancel_mailing::ROUTE, cancel_mailing::cancel_mailing)
        .build(app, site)
}

/// Whether everybody is told of a code: those of organizers and of campaigns are for whom they are handed to.
const fn is_for_everybody(terms: &Terms, campaign: Option<CampaignId>) -> bool {
    terms.organizer.is_none() && campaign.is_none()
}

/// A write that met another code of that name.
fn code_taken() -> domain::Error {
    domain::Error::conflict("code_taken", "Promo code already exists")
}
