//! Events.

use crate::text::texts;

texts! {
    /// What the event is called.
    EventName: 1..=200, "must not be empty";
    /// Where it takes place, as people write it.
    Location: 1..=300, "must not be empty";
    /// The city of a place, by which events are found.
    City: 1..=100, "must not be empty";
    /// What a group of ticket types is called.
    CategoryName: 1..=100, "String must contain at least 1 character(s)";
}

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EventStatus {
    /// Only its organizer sees it.
    Draft,
    /// Everybody sees it; its tickets are on sale within their windows.
    Published,
    /// It will not take place; nothing is sold any more.
    Cancelled,
    /// It is over.
    Ended,
}

impl EventStatus {
    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Cancelled => "cancelled",
            Self::Ended => "ended",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Draft, Self::Published, Self::Cancelled, Self::Ended]
            .into_iter()
            .find(|s| s.as_str() == name)
    }
}
