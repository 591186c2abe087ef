//! The part of an SES event that is read here. Events are of many kinds; whatever is not understood is no trouble.

use domain::Timestamp;

/// What SES publishes of a mail.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    /// `Bounce`, `Complaint`, `Delivery` and others.
    event_type: String,
    bounce: Option<Bounce>,
    complaint: Option<Complaint>,
    /// The mail.
    pub(crate) mail: About,
}

/// The mail that an event is about.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct About {
    /// What SES calls it; `mail_log` knows it by that, too.
    pub(crate) message_id: String,
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    bounce_type: String,
    bounced_recipients: Vec<Recipient>,
    timestamp: Timestamp,
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Complaint {
    complaint_feedback_type: Option<String>,
    complained_recipients: Vec<Recipient>,
    timestamp: Timestamp,
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    email_address: String,
}

/// What went wrong for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The mailbox does not exist.
    Bounce,
    /// The recipient called the mail unwanted.
    Complaint,
}

impl Kind {
    /// As the log says it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Bounce => "bounce",
            Self::Complaint => "complaint",
        }
    }
}

/// Addresses that are to be kept from more mails.
#[derive(Debug)]
pub(crate) struct Trouble<'a> {
    /// Why.
    pub(crate) kind: Kind,
    /// Which.
    pub(crate) addresses: Vec<&'a str>,
    /// When SES was told.
    pub(crate) at: Timestamp,
}

impl Event {
    /// What of the event keeps addresses from more mails, if anything does.
    pub(crate) fn trouble(&self) -> Option<Trouble<'_>> {
        let (kind, recipients, at) = match (self.event_type.as_str(), &self.bounce, &self.complaint) {
            ("Bounce", Some(bounce), _) if bounce.bounce_type == "Permanent" => {
                (Kind::Bounce, &bounce.bounced_recipients, bounce.timestamp)
            }
            // Somebody took a complaint back.
            ("Complaint", _, Some(complaint))
                if complaint.complaint_feedback_type.as_deref() != Some("not-spam") =>
            {
                (
                    Kind::Complaint,
                    &complaint.complained_recipients,
                    complaint.timestamp,
                )
            }
            _ => return None,
        };
        let addresses = recipients.iter().map(|recipient| plain(&recipient.email_address));
        Some(Trouble {
            kind,
            addresses: addresses.collect(),
            at,
        })
    }
}

/// The address alone: it may come with a name and angle brackets.
fn plain(recipient: &str) -> &str {
    let address = recipient
        .rsplit_once('<')
        .map_or(recipient, |(_, address)| address);
    address.trim_end_matches('>').trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_with_and_without_names() {
        for text in [
            "ayu@example.org",
            " ayu@example.org ",
            "Ayu <ayu@example.org>",
            "<ayu@example.org>",
        ] {
            assert_eq!(plain(text), "ayu@example.org");
        }
    }
}
