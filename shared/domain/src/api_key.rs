//! Keys with which an organizer's own systems call the API.

use crate::text::texts;
use crate::user::Role;
use crate::{ApiKeyId, Error, UserId};
use std::fmt;

/// What every key begins with, so that people and scanners of leaked secrets know it.
pub const PREFIX: &str = "gfk_";

/// Keys that one account may have at a time.
pub const MOST_KEYS: u32 = 20;

texts! {
    /// What its owner calls a key.
    KeyName: 1..=100, "must not be empty";
}

/// What a key may be used for, within what its owner may do.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
pub enum Scope {
    /// See events that are not public, their staff and what was done to them.
    #[serde(rename = "events:read")]
    EventsRead,
    /// Make, change, publish and delete events.
    #[serde(rename = "events:write")]
    EventsWrite,
    /// Make, change and delete ticket types.
    #[serde(rename = "tickets:write")]
    TicketsWrite,
    /// Check tickets at the gate.
    #[serde(rename = "tickets:check")]
    TicketsCheck,
    /// Make, change and delete webhooks, read their secrets and what they were sent.
    #[serde(rename = "webhooks:write")]
    WebhooksWrite,
    /// Read reports.
    #[serde(rename = "reports:read")]
    ReportsRead,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 6] = [
        Self::EventsRead,
        Self::EventsWrite,
        Self::TicketsWrite,
        Self::TicketsCheck,
        Self::WebhooksWrite,
        Self::ReportsRead,
    ];

    /// As stored and as in requests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EventsRead => "events:read",
            Self::EventsWrite => "events:write",
            Self::TicketsWrite => "tickets:write",
            Self::TicketsCheck => "tickets:check",
            Self::WebhooksWrite => "webhooks:write",
            Self::ReportsRead => "reports:read",
        }
    }

    /// The scope of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The scopes of a key: at least one, each once, in a fixed order.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Scopes(#[schemars(length(min = 1))] Vec<Scope>);

impl Scopes {
    /// These scopes.
    ///
    /// # Errors
    /// If there is none.
    pub fn new(mut scopes: Vec<Scope>) -> Result<Self, Error> {
        scopes.sort_unstable();
        scopes.dedup();
        if scopes.is_empty() {
            return Err(Error::invalid_field("scopes", "A key needs at least one scope"));
        }
        Ok(Self(scopes))
    }

    /// Whether a scope is among them.
    pub fn contains(&self, scope: &Scope) -> bool {
        self.0.contains(scope)
    }

    /// Their names.
    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|scope| scope.as_str()).collect()
    }
}

impl<'de> serde::Deserialize<'de> for Scopes {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let scopes = Vec::deserialize(input)?;
        Self::new(scopes).map_err(|_| serde::de::Error::custom("must name at least one scope"))
    }
}

/// Who stands behind a key.
#[derive(Debug, Clone)]
pub struct KeyOwner {
    /// The key.
    pub key: ApiKeyId,
    /// The account.
    pub id: UserId,
    /// What it may do at this moment.
    pub role: Role,
    /// What the key may be used for.
    pub scopes: Scopes,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_by_name_each_once() {
        let scopes: Scopes =
            serde_json::from_str(r#"["tickets:check","events:read","tickets:check"]"#).unwrap();
        assert_eq!(scopes.names(), ["events:read", "tickets:check"]);
        assert!(scopes.contains(&Scope::TicketsCheck) && !scopes.contains(&Scope::EventsWrite));
        for wrong in ["[]", r#"["admin"]"#, r#""events:read""#, "null"] {
            assert!(serde_json::from_str::<Scopes>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_scope_has_one_name() {
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.as_str()), Some(scope));
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
        }
        assert_eq!(Scope::parse("everything"), None);
    }
}
