use crate::App;
use domain::language::Language;
use domain::preferences::Preferences;
use domain::{CategoryId, UserId};
use schemars::JsonSchema;
use serde::Serialize;

/// What somebody wants to be told, and in which language.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreferencesOut {
    /// Language of mails; null as long as none was chosen, they are in the fleet's then.
    language: Option<Language>,
    /// Mails about what was bought and about the account. They always go.
    mail_transactional: bool,
    /// Mails about what might interest them.
    mail_promotions: bool,
    /// Mails before events they have tickets of.
    mail_reminders: bool,
    /// Pushes about what might interest them.
    push_promotions: bool,
    /// Pushes before events they have tickets of.
    push_reminders: bool,
    /// Pushes about their orders.
    push_orders: bool,
    /// Categories whose new events they want to hear of.
    followed_categories: Vec<CategoryId>,
    /// Ends promotional mails without a log in; the link that such mails carry.
    unsubscribe_url: String,
}

impl PreferencesOut {
    pub(crate) fn of(app: &App, user: UserId, wishes: Preferences) -> Self {
        Self {
            language: wishes.language,
            mail_transactional: true,
            mail_promotions: wishes.mail_promotions,
            mail_reminders: wishes.mail_reminders,
            push_promotions: wishes.push_promotions,
            push_reminders: wishes.push_reminders,
            push_orders: wishes.push_orders,
            followed_categories: wishes.categories,
            unsubscribe_url: format!(
                "{}/api/v1/users/unsubscribe?token={}",
                app.base_url,
                app.unsubscribing.sign(user.get())
            ),
        }
    }
}
