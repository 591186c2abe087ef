//! What people want to be told, and in which language. Mails about what somebody bought, about their account and about money
//! are not among the wishes: they always go.

use crate::CategoryId;
use crate::language::Language;

/// The wishes of one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preferences {
    /// Language of mails and pushes; the fleet's if they never chose one.
    pub language: Option<Language>,
    /// Mails about what might interest them.
    pub mail_promotions: bool,
    /// Mails before events they have tickets of.
    pub mail_reminders: bool,
    /// Pushes about what might interest them.
    pub push_promotions: bool,
    /// Pushes before events they have tickets of.
    pub push_reminders: bool,
    /// Pushes about their orders.
    pub push_orders: bool,
    /// Categories whose new events they want to hear of.
    pub categories: Vec<CategoryId>,
}

impl Default for Preferences {
    /// Promotion needs a yes; what helps with a ticket goes until somebody says no.
    fn default() -> Self {
        Self {
            language: None,
            mail_promotions: false,
            mail_reminders: true,
            push_promotions: false,
            push_reminders: true,
            push_orders: true,
            categories: Vec::new(),
        }
    }
}

/// Most categories that one person follows.
pub const MOST_FOLLOWED: usize = 50;

/// Changes of wishes; absent fields stay.
#[derive(Debug, Default)]
pub struct Changes {
    /// Another language.
    pub language: Option<Language>,
    /// Whether mails about what might interest them.
    pub mail_promotions: Option<bool>,
    /// Whether mails before events.
    pub mail_reminders: Option<bool>,
    /// Whether pushes about what might interest them.
    pub push_promotions: Option<bool>,
    /// Whether pushes before events.
    pub push_reminders: Option<bool>,
    /// Whether pushes about orders.
    pub push_orders: Option<bool>,
    /// All categories that are followed from now on.
    pub categories: Option<Vec<CategoryId>>,
}

impl Preferences {
    /// These wishes after some changes. A category that is named twice is followed once.
    #[must_use]
    pub fn with(self, changes: Changes) -> Self {
        let categories = changes.categories.map(|mut categories| {
            categories.sort_unstable();
            categories.dedup();
            categories
        });
        Self {
            language: changes.language.or(self.language),
            mail_promotions: changes.mail_promotions.unwrap_or(self.mail_promotions),
            mail_reminders: changes.mail_reminders.unwrap_or(self.mail_reminders),
            push_promotions: changes.push_promotions.unwrap_or(self.push_promotions),
            push_reminders: changes.push_reminders.unwrap_or(self.push_reminders),
            push_orders: changes.push_orders.unwrap_or(self.push_orders),
            categories: categories.unwrap_or(self.categories),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_never_said_anything_gets_no_promotion() {
        let wishes = Preferences::default();
        assert!(!wishes.mail_promotions && !wishes.push_promotions);
        assert!(wishes.mail_reminders && wishes.push_reminders && wishes.push_orders);
    }

    #[test]
    fn absent_changes_change_nothing_and_others_what_they_name() {
        let wishes = Preferences::default().with(Changes {
            language: Some(Language::En),
            mail_promotions: Some(true),
            categories: Some([3, 1, 3].map(CategoryId::new).to_vec()),
            ..Changes::default()
        });
        assert_eq!(wishes.categories, [1, 3].map(CategoryId::new));
        assert!(wishes.mail_promotions && !wishes.push_promotions);
        assert_eq!(wishes.clone().with(Changes::default()), wishes);
        let none = wishes.with(Changes {
            categories: Some(Vec::new()),
            ..Changes::default()
        });
        assert_eq!((none.language, none.categories.len()), (Some(Language::En), 0));
    }
}
