//! Accounts: people read and change their own, admins list and delete them and say what they may do.

mod api_key;
mod change_password;
mod change_preferences;
mod change_user_role;
mod claim_orders;
mod create_api_key;
mod delete_user;
mod erase_me;
mod export_me;
mod get_me;
mod get_preferences;
mod get_user;
mod list_api_keys;
mod list_audit;
mod list_users;
mod page;
mod preferences;
mod revoke_api_key;
mod unsubscribe;
mod update_user;

use runtime::{BootError, Clock, Env, LinkKey};
use web::{Route, Router, Site, Tokens};

/// What the handlers work with.
pub struct App {
    /// The database.
    pub db: db::Db,
    /// Checks tokens.
    pub tokens: Tokens,
    /// Tells the time.
    pub clock: Clock,
    /// Signs the links that end promotional mails.
    pub unsubscribing: LinkKey,
    /// Address of this API, for those links.
    pub base_url: String,
}

impl App {
    /// Reads the configuration.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn from_env(env: &Env) -> Result<Self, BootError> {
        let config = db::Config::from_lookup(|name| env.get(name)).map_err(BootError::Other)?;
        Ok(Self {
            db: db::Db::new(config),
            tokens: Tokens::from_env(env)?,
            clock: Clock::system(),
            unsubscribing: LinkKey::derive(&env.secret("JWT_SECRET")?, "unsubscribe"),
            base_url: env.required("BASE_URL")?.trim_end_matches('/').to_owned(),
        })
    }
}

web::service!(App);

/// The routes of this function.
pub const ROUTES: &[Route] = &[
    list_users::ROUTE,
    list_audit::ROUTE,
    get_me::ROUTE,
    erase_me::ROUTE,
    export_me::ROUTE,
    claim_orders::ROUTE,
    get_preferences::ROUTE,
    change_preferences::ROUTE,
    unsubscribe::PAGE_ROUTE,
    unsubscribe::ROUTE,
    change_password::ROUTE,
    create_api_key::ROUTE,
    list_api_keys::ROUTE,
    revoke_api_key::ROUTE,
    get_user::ROUTE,
    update_user::ROUTE,
    change_user_role::ROUTE,
    delete_user::ROUTE,
];

/// The router of this function.
pub fn router(app: App, site: Site) -> axum::Router {
    Router::default()
        .at(&list_users::ROUTE, list_users::list_users)
        .at(&list_audit::ROUTE, list_audit::list_audit)
        .at(&get_me::ROUTE, get_me::get_me)
        .at(&erase_me::ROUTE, erase_me::erase_me)
        .at(&export_me::ROUTE, export_me::export_me)
        .at(&claim_orders::ROUTE, claim_orders::claim_orders)
        .at(&get_preferences::ROUTE, get_preferences::get_preferences)
        .at(&change_preferences::ROUTE, change_preferences::change_preferences)
        .at(&unsubscribe::PAGE_ROUTE, unsubscribe::show_unsubscribe_page)
        .at(&unsubscribe::ROUTE, unsubscribe::unsubscribe)
        .at(&change_password::ROUTE, change_password::change_password)
        .at(&create_api_key::ROUTE, create_api_key::create_api_key)
        .at(&list_api_keys::ROUTE, list_api_keys::list_api_keys)
        .at(&revoke_api_key::ROUTE, revoke_api_key::revoke_api_key)
        .at(&get_user::ROUTE, get_user::get_user)
        .at(&update_user::ROUTE, update_user::update_user)
        .at(&change_user_role::ROUTE, change_user_role::change_user_role)
        .at(&delete_user::ROUTE, delete_user::delete_user)
        .build(app, site)
}
