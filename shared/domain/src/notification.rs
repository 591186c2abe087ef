//! Messages within the application.

use crate::UserId;
use crate::text::texts;

texts! {
    /// What a notification says.
    NotificationText: 1..=1000, "String must contain at least 1 character(s)";
}

/// Everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Everybody {
    /// All who have an account by now.
    All,
}

/// For whom a notification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(untagged, expecting = "Invalid input")]
pub enum Recipient {
    /// One account.
    User(UserId),
    /// Everybody.
    Everybody(Everybody),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_is_one_account_or_all() {
        let read = |json: &str| serde_json::from_str::<Recipient>(json).map_err(|error| error.to_string());
        assert_eq!(read("7"), Ok(Recipient::User(UserId::new(7))));
        assert_eq!(read("\"all\""), Ok(Recipient::Everybody(Everybody::All)));
        for bad in ["\"ALL\"", "\"\"", "0", "-1", "1.5", "true", "[7]", "{}"] {
            assert_eq!(read(bad), Err("Invalid input".to_owned()), "{bad}");
        }
    }
}
