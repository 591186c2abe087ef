//! What people are told within the application. A message for everybody is one row, and each reader's mark is a row of its own
//! that is written when they read it: 100,000 accounts cost the admin who writes to them one insert and one count, and whoever
//! never looks costs nothing. Who opens an account later is not shown what was said before.

mod create_notification;
mod create_socket_ticket;
mod delete_notification;
mod list_notifications;
mod mark_all_notifications_read;
mod mark_notification_read;
mod mark_notification_unread;

use db::notifications::Notification;
use domain::language::Language;
use domain::{NotificationId, Timestamp, UserId};
use runtime::{BootError, Clock, Env};
use schemars::JsonSchema;
use serde::Serialize;
use web::{Route, Router, Site, Tokens};

/// What the handlers work with.
pub struct App {
    /// The database.
    pub db: db::Db,
    /// Checks tokens.
    pub tokens: Tokens,
    /// Publishes messages after a commit.
    pub queue: queue::Publisher,
    /// Tells the time.
    pub clock: Clock,
    /// Language of notices to people who did not choose one.
    pub language: Language,
}

impl App {
    /// Reads the configuration; `DEFAULT_LANGUAGE` is `id` or `en`, `id` if absent.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub async fn from_env(env: &Env) -> Result<Self, BootError> {
        let config = db::Config::from_lookup(|name| env.get(name)).map_err(BootError::Other)?;
        Ok(Self {
            db: db::Db::new(config),
            tokens: Tokens::from_env(env)?,
            queue: queue::Publisher::connect(|name| env.get(name)).await,
            clock: Clock::system(),
            language: env.parsed("DEFAULT_LANGUAGE", Language::default())?,
        })
    }
}

web::service!(App);

/// The routes of this function.
pub const ROUTES: &[Route] = &[
    list_notifications::ROUTE,
    create_notification::ROUTE,
    create_socket_ticket::ROUTE,
    mark_all_notifications_read::ROUTE,
    mark_notification_read::ROUTE,
    mark_notification_unread::ROUTE,
    delete_notification::ROUTE,
];

/// The router of this function.
pub fn router(app: App, site: Site) -> axum::Router {
    Router::default()
        .at(&list_notifications::ROUTE, list_notifications::list_notifications)
        .at(
            &create_notification::ROUTE,
            create_notification::create_notification,
        )
        .at(
            &create_socket_ticket::ROUTE,
            create_socket_ticket::create_socket_ticket,
        )
        .at(
            &mark_all_notifications_read::ROUTE,
            mark_all_notifications_read::mark_all_notifications_read,
        )
        .at(
            &mark_notification_read::ROUTE,
            mark_notification_read::mark_notification_read,
        )
        .at(
            &mark_notification_unread::ROUTE,
            mark_notification_unread::mark_notification_unread,
        )
        .at(
            &delete_notification::ROUTE,
            delete_notification::delete_notification,
        )
        .build(app, site)
}

/// A notification as its reader sees it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NotificationOut {
    /// Its id; one for all has the same for everybody.
    id: NotificationId,
    /// What it says.
    message: String,
    /// Whether the reader has read it.
    is_read: bool,
    /// The reader.
    user_id: UserId,
    /// When it was written.
    created_at: Timestamp,
    /// When the reader last marked it.
    updated_at: Timestamp,
}

impl From<Notification> for NotificationOut {
    fn from(notification: Notification) -> Self {
        Self {
            id: notification.id,
            message: notification.message,
            is_read: notification.is_read,
            user_id: notification.user_id,
            created_at: notification.created_at,
            updated_at: notification.updated_at,
        }
    }
}
