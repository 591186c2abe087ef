//! Mailings as the API shows them.

use db::mailings::Mailing;
use domain::language::Language;
use domain::mailing::{Audience, MailingStatus, Messages, Progress, Skip};
use domain::{EventId, MailingId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::Serialize;

/// A promotional mail to many people.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MailingOut {
    /// Its id.
    pub(crate) id: MailingId,
    /// Who writes; null if it is the platform.
    organizer_id: Option<UserId>,
    /// To whom it goes.
    audience: Audience,
    /// The event whose buyers these are; null for those of all.
    past_event_id: Option<EventId>,
    /// The event that is promoted.
    event_id: Option<EventId>,
    /// The promo code that is shown.
    promo_code: Option<String>,
    /// What is said.
    messages: MessagesOut,
    /// Where it stands.
    status: MailingStatus,
    /// When it begins, or was to begin.
    send_at: Option<Timestamp>,
    /// When it began.
    started_at: Option<Timestamp>,
    /// When everybody was decided about, or it was cancelled.
    finished_at: Option<Timestamp>,
    /// When it was made.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
}

/// What is said, by language.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MessagesOut {
    /// In Indonesian.
    id: Option<WordsOut>,
    /// In English.
    en: Option<WordsOut>,
}

/// What is said in one language.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct WordsOut {
    /// What the mail is about.
    subject: String,
    /// What it says: plain text.
    text: String,
}

/// How many people, and what becomes of them.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProgressOut {
    /// People of the audience.
    recipients: u64,
    /// Of these, those whose turn is still to come. Each is asked again then what they want.
    waiting: u64,
    /// Those to whom the mail went.
    sent: u64,
    /// Those to whom it does not go, by the reason.
    skipped: Vec<SkippedOut>,
}

/// People to whom a mail does not go.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SkippedOut {
    /// Why.
    reason: Skip,
    /// How many.
    recipients: u64,
}

impl From<Mailing> for MailingOut {
    fn from(mailing: Mailing) -> Self {
        Self {
            id: mailing.id,
            organizer_id: mailing.organizer,
            audience: mailing.content.audience,
            past_event_id: mailing.content.past_event,
            event_id: mailing.content.event,
            promo_code: mailing.code,
            messages: mailing.content.messages.into(),
            status: mailing.status,
            send_at: mailing.send_at,
            started_at: mailing.started_at,
            finished_at: mailing.finished_at,
            created_at: mailing.created_at,
            updated_at: mailing.updated_at,
        }
    }
}

impl From<Messages> for MessagesOut {
    fn from(messages: Messages) -> Self {
        let words = |language| {
            messages.words(language).map(|words| WordsOut {
                subject: words.subject.as_str().to_owned(),
                text: words.text.as_str().to_owned(),
            })
        };
        Self {
            id: words(Language::Id),
            en: words(Language::En),
        }
    }
}

impl From<Progress> for ProgressOut {
    fn from(progress: Progress) -> Self {
        let skipped = progress.skipped.into_iter();
        Self {
            recipients: progress.recipients,
            waiting: progress.waiting,
            sent: progress.sent,
            skipped: skipped
                .map(|(reason, recipients)| SkippedOut { reason, recipients })
                .collect(),
        }
    }
}
