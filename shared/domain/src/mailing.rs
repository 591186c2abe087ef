//! Promotional mails to many people: who may be written to, how often, and what may be done with a mailing that is under way.

use crate::language::Language;
use crate::review::holds_link;
use crate::text::texts;
use crate::{Error, Timestamp};
use serde::de;
use std::num::NonZeroU32;

/// Most promotional mails that somebody gets of one organizer, or of the platform itself, within [`WEEK_SECONDS`].
pub const OF_ONE_SENDER: u32 = 2;

/// Most promotional mails that somebody gets of all of them within [`WEEK_SECONDS`].
pub const OF_ALL_SENDERS: u32 = 5;

/// The span of both, in seconds.
pub const WEEK_SECONDS: i64 = 7 * 24 * 3_600;

/// Most mailings of one organizer that begin within a day of each other. The platform's own are not counted.
pub const A_DAY: usize = 3;

/// Seconds of that day.
pub const DAY_SECONDS: i64 = 24 * 3_600;

/// How far ahead a mailing may be scheduled, in seconds.
pub const AHEAD_SECONDS: i64 = 90 * DAY_SECONDS;

/// How many promotional mails go in a second, unless the fleet says otherwise: a part of what the mail service lets through, so that
/// the rest is left for what people bought.
pub const PER_SECOND: NonZeroU32 = match NonZeroU32::new(10) {
    Some(ten) => ten,
    None => NonZeroU32::MIN,
};

/// How many mailers send promotional mails at a time; each keeps its part of the pace.
pub const MAILERS: u32 = 2;

/// How often a mail is announced to its queue before it is given up; each time the queue delivers it several times.
pub const ANNOUNCEMENTS: u32 = 5;

/// Seconds for which an announced mail is not announced again: as long as its queue may keep delivering it.
pub const ANNOUNCED_SECONDS: i64 = 900;

/// Why a number of recipients does not get a mail, or one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// The account is deleted.
    Left,
    /// The address was never proved, or there is no account behind it.
    Unverified,
    /// They do not want promotional mails.
    Unwanted,
    /// The address does not exist.
    Bounced,
    /// They complained of a mail.
    Complained,
    /// They had enough promotional mails in the days before.
    TooMany,
    /// What is promoted is over: the event or the promo code, or its organizer has left.
    OfferOver,
    /// The mail service does not take it.
    Refused,
    /// It was tried too often.
    Failed,
    /// The mailing was cancelled before their turn.
    Cancelled,
}

impl Skip {
    /// Every reason.
    pub const ALL: [Self; 10] = [
        Self::Left,
        Self::Unverified,
        Self::Unwanted,
        Self::Bounced,
        Self::Complained,
        Self::TooMany,
        Self::OfferOver,
        Self::Refused,
        Self::Failed,
        Self::Cancelled,
    ];

    /// As stored; [`Skip::Cancelled`] is not, it follows from where the mailing stands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Unverified => "unverified",
            Self::Unwanted => "unwanted",
            Self::Bounced => "bounced",
            Self::Complained => "complained",
            Self::TooMany => "too_many",
            Self::OfferOver => "offer_over",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The reason of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|skip| skip.as_str() == name)
    }
}

/// Whether somebody has had enough, by the promotional mails of the last week: those of this sender, and those of all.
pub const fn had_enough(of_sender: u32, of_all: u32) -> bool {
    of_sender >= OF_ONE_SENDER || of_all >= OF_ALL_SENDERS
}

/// To whom a mailing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Whoever has or had tickets of the organizer's events (of any, for the platform), or of one of them.
    PastBuyers,
    /// Whoever follows a category of the event that is promoted.
    Followers,
    /// Whoever wants promotional mails; for the platform only.
    Everybody,
}

impl Audience {
    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PastBuyers => "past_buyers",
            Self::Followers => "followers",
            Self::Everybody => "everybody",
        }
    }

    /// The audience of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::PastBuyers, Self::Followers, Self::Everybody]
            .into_iter()
            .find(|audience| audience.as_str() == name)
    }

    /// Refuses what does not go with an audience.
    ///
    /// # Errors
    /// The field that is missing or one too many; 403 for an audience that is not an organizer's.
    pub fn check(self, has_event: bool, has_past_event: bool, of_platform: bool) -> crate::Result<()> {
        match self {
            Self::Everybody if !of_platform => Err(Error::forbidden()),
            Self::Followers if !has_event => Err(Error::invalid_field(
                "eventId",
                "\"eventId\" is required: its categories say who follows",
            )),
            Self::Followers | Self::Everybody if has_past_event => Err(Error::invalid_field(
                "pastEventId",
                "\"pastEventId\" is for the audience past_buyers only",
            )),
            _ => Ok(()),
        }
    }
}

texts! {
    /// What a promotional mail is about: one line without links.
    SubjectLine: 1..=120, "must not be empty";
}

/// What a promotional mail says: plain text of 1 to 5,000 characters without links, in paragraphs with empty lines between.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(transparent)]
#[schemars(transparent)]
pub struct Body(#[schemars(length(min = 1, max = 5_000))] String);

/// Longest text, in characters.
const LONGEST: usize = 5_000;

const NO_LINKS: &str = "must not contain links: the mail leads to the event";

impl Body {
    /// Reads a text; line ends of all systems become one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let text = text.trim();
        if text.is_empty() {
            return Err("must not be empty".to_owned());
        }
        if text.chars().count() > LONGEST {
            return Err(format!("must be at most {LONGEST} characters long"));
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            return Err("must not contain control characters".to_owned());
        }
        if holds_link(text) {
            return Err(NO_LINKS.to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its paragraphs; what stood in several lines is one.
    pub fn paragraphs(&self) -> impl Iterator<Item = String> {
        self.0
            .split("\n\n")
            .map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|part| !part.is_empty())
    }
}

impl<'de> serde::Deserialize<'de> for Body {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(input)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// What is said in one language.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// What the mail is about.
    pub subject: SubjectLine,
    /// What it says.
    pub text: Body,
}

/// What is said, in one language or in both. Whoever reads another one gets the one there is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Messages {
    /// In Indonesian.
    id: Option<Words>,
    /// In English.
    en: Option<Words>,
}

impl Messages {
    /// These. `None` if there are none.
    pub fn new(id: Option<Words>, en: Option<Words>) -> Option<Self> {
        (id.is_some() || en.is_some()).then_some(Self { id, en })
    }

    /// What is said in a language, if it is.
    pub const fn words(&self, language: Language) -> Option<&Words> {
        match language {
            Language::Id => self.id.as_ref(),
            Language::En => self.en.as_ref(),
        }
    }

    /// What a reader of a language is told, and in which language.
    pub fn to_reader(&self, language: Language) -> Option<(Language, &Words)> {
        let other = match language {
            Language::Id => Language::En,
            Language::En => Language::Id,
        };
        [language, other]
            .into_iter()
            .find_map(|language| Some((language, self.words(language)?)))
    }
}

impl<'de> serde::Deserialize<'de> for Messages {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Given {
            id: Option<Words>,
            en: Option<Words>,
        }
        let given = Given::deserialize(input)?;
        for words in [&given.id, &given.en].into_iter().flatten() {
            if holds_link(words.subject.as_str()) {
                return Err(de::Error::custom(NO_LINKS));
            }
        }
        Self::new(given.id, given.en).ok_or_else(|| de::Error::custom("must hold a message in id or en"))
    }
}

/// Where a mailing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailingStatus {
    /// It is being written.
    Draft,
    /// It waits for its time.
    Scheduled,
    /// Mails go.
    Sending,
    /// No mail goes until it is resumed.
    Paused,
    /// Everybody was decided about.
    Sent,
    /// No mail goes any more.
    Cancelled,
}

/// What its owner does with a mailing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Changes what it says or to whom it goes.
    Edit,
    /// Sends it, now or later.
    Send,
    /// Holds it.
    Pause,
    /// Lets it go on.
    Resume,
    /// Ends it.
    Cancel,
}

impl MailingStatus {
    /// Every status.
    pub const ALL: [Self; 6] = [
        Self::Draft,
        Self::Scheduled,
        Self::Sending,
        Self::Paused,
        Self::Sent,
        Self::Cancelled,
    ];

    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Scheduled => "scheduled",
            Self::Sending => "sending",
            Self::Paused => "paused",
            Self::Sent => "sent",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Where a mailing stands after a step. `begun` says whether a part of its audience was looked at. A step that was taken
    /// before changes nothing.
    ///
    /// # Errors
    /// `mailing_draft`, `mailing_begun` or `mailing_over`.
    pub fn after(self, step: Step, begun: bool) -> crate::Result<Self> {
        let draft = || Error::conflict("mailing_draft", "This mailing is a draft and was not sent yet");
        let begun_already = || Error::conflict("mailing_begun", "This mailing is already being sent");
        let over = || Error::conflict("mailing_over", "This mailing has ended");
        match (self, step) {
            (Self::Cancelled, Step::Cancel) => Ok(Self::Cancelled),
            (Self::Sent | Self::Cancelled, _) => Err(over()),
            (_, Step::Cancel) => Ok(Self::Cancelled),
            (Self::Draft, Step::Edit) => Ok(Self::Draft),
            (Self::Draft | Self::Scheduled, Step::Send) => Ok(Self::Scheduled),
            (_, Step::Edit | Step::Send) => Err(begun_already()),
            (Self::Draft, Step::Pause | Step::Resume) => Err(draft()),
            (_, Step::Pause) => Ok(Self::Paused),
            (Self::Paused, Step::Resume) if begun => Ok(Self::Sending),
            (Self::Paused, Step::Resume) => Ok(Self::Scheduled),
            (Self::Scheduled | Self::Sending, Step::Resume) => Ok(self),
        }
    }
}

/// When a mailing is sent: at the time that was asked for, else now.
///
/// # Errors
/// If that is past or too far away.
pub fn send_time(asked: Option<Timestamp>, now: Timestamp) -> crate::Result<Timestamp> {
    match asked {
        None => Ok(now),
        Some(at) if at < now => Err(Error::invalid_field(
            "sendAt",
            "\"sendAt\" must not be in the past",
        )),
        Some(at) if at > now.plus_seconds(AHEAD_SECONDS) => Err(Error::invalid_field(
            "sendAt",
            "\"sendAt\" must be within the next 90 days",
        )),
        Some(at) => Ok(at),
    }
}

/// Refuses a mailing of an organizer who has had so many others within a day of it.
///
/// # Errors
/// `too_many_mailings`.
pub fn check_day(others: usize) -> crate::Result<()> {
    if others < A_DAY {
        return Ok(());
    }
    let message = format!("At most {A_DAY} mailings may begin within a day");
    Err(Error::conflict("too_many_mailings", message))
}

/// How far a mailing is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// People of the audience who were looked at.
    pub recipients: u64,
    /// Of these, those who are still to be decided about.
    pub waiting: u64,
    /// Those to whom the mail went.
    pub sent: u64,
    /// Those to whom it does not go, by the reason.
    pub skipped: Vec<(Skip, u64)>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use MailingStatus::{Cancelled, Draft, Paused, Scheduled, Sending, Sent};

    fn messages(json: &str) -> Result<Messages, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn names_are_read_back() {
        for skip in Skip::ALL {
            assert_eq!(Skip::parse(skip.as_str()), Some(skip));
            assert_eq!(serde_json::to_value(skip).unwrap(), skip.as_str());
        }
        for status in MailingStatus::ALL {
            assert_eq!(MailingStatus::parse(status.as_str()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for audience in [Audience::PastBuyers, Audience::Followers, Audience::Everybody] {
            assert_eq!(Audience::parse(audience.as_str()), Some(audience));
            assert_eq!(serde_json::to_value(audience).unwrap(), audience.as_str());
        }
    }

    #[test]
    fn steps_lead_where_they_may() {
        let code = |from: MailingStatus, step| from.after(step, true).map_err(|error| error.code);
        for (from, edit, send, pause, resume, cancel) in [
            (
                Draft,
                Ok(Draft),
                Ok(Scheduled),
                Err("mailing_draft"),
                Err("mailing_draft"),
                Ok(Cancelled),
            ),
            (
                Scheduled,
                Err("mailing_begun"),
                Ok(Scheduled),
                Ok(Paused),
                Ok(Scheduled),
                Ok(Cancelled),
            ),
            (
                Sending,
                Err("mailing_begun"),
                Err("mailing_begun"),
                Ok(Paused),
                Ok(Sending),
                Ok(Cancelled),
            ),
            (
                Paused,
                Err("mailing_begun"),
                Err("mailing_begun"),
                Ok(Paused),
                Ok(Sending),
                Ok(Cancelled),
            ),
            (
                Sent,
                Err("mailing_over"),
                Err("mailing_over"),
                Err("mailing_over"),
                Err("mailing_over"),
                Err("mailing_over"),
            ),
            (
                Cancelled,
                Err("mailing_over"),
                Err("mailing_over"),
                Err("mailing_over"),
                Err("mailing_over"),
                Ok(Cancelled),
            ),
        ] {
            assert_eq!(code(from, Step::Edit), edit, "{from:?}");
            assert_eq!(code(from, Step::Send), send, "{from:?}");
            assert_eq!(code(from, Step::Pause), pause, "{from:?}");
            assert_eq!(code(from, Step::Resume), resume, "{from:?}");
            assert_eq!(code(from, Step::Cancel), cancel, "{from:?}");
        }
        assert_eq!(Paused.after(Step::Resume, false).unwrap(), Scheduled);
    }

    #[test]
    fn readers_get_their_language_if_it_is_there() {
        let both = messages(
            r#"{"id":{"subject":"Halo","text":"Datanglah."},"en":{"subject":"Hello","text":"Do come."}}"#,
        );
        let both = both.unwrap();
        let read = |messages: &Messages, language| {
            let (language, words) = messages.to_reader(language).unwrap();
            (language, words.subject.as_str().to_owned())
        };
        assert_eq!(read(&both, Language::Id), (Language::Id, "Halo".to_owned()));
        assert_eq!(read(&both, Language::En), (Language::En, "Hello".to_owned()));
        let one = messages(r#"{"en":{"subject":"Hello","text":"Do come."}}"#).unwrap();
        assert_eq!(read(&one, Language::Id), (Language::En, "Hello".to_owned()));
    }

    #[test]
    fn messages_are_plain_text_of_some_length_without_links() {
        let words = |subject: &str, text: &str| {
            messages(&serde_json::json!({"id": {"subject": subject, "text": text}}).to_string())
        };
        assert!(words("Halo", "a\n\nb").is_ok());
        for (subject, text) in [
            ("", "b"),
            ("a", " \n "),
            ("a\nb", "b"),
            ("a", "b\u{0}"),
            ("a", "see https://evil.example"),
            ("a", "see evil.com"),
            ("go to www.evil.id", "b"),
            (&"a".repeat(121), "b"),
            ("a", &"b".repeat(5_001)),
        ] {
            assert!(words(subject, text).is_err(), "{subject} {text}");
        }
        for bad in [
            "{}",
            r#"{"id":null}"#,
            r#"{"fr":{"subject":"a","text":"b"}}"#,
            r#"{"id":{"subject":"a"}}"#,
            "[]",
        ] {
            assert!(messages(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn paragraphs_stand_between_empty_lines() {
        let text = Body::parse("one\r\nline\r\n\r\n\r\n  two  <b>\n\n").unwrap();
        assert_eq!(text.paragraphs().collect::<Vec<_>>(), ["one line", "two <b>"]);
    }

    #[test]
    fn audiences_need_what_they_are_found_by() {
        let check = |audience: Audience, event, past, platform| {
            audience.check(event, past, platform).map_err(|error| error.code)
        };
        assert_eq!(check(Audience::PastBuyers, false, true, false), Ok(()));
        assert_eq!(check(Audience::Followers, true, false, false), Ok(()));
        assert_eq!(
            check(Audience::Followers, false, false, false),
            Err("invalid_input")
        );
        assert_eq!(
            check(Audience::Followers, true, true, false),
            Err("invalid_input")
        );
        assert_eq!(check(Audience::Everybody, false, false, false), Err("forbidden"));
        assert_eq!(check(Audience::Everybody, true, false, true), Ok(()));
    }

    #[test]
    fn there_is_a_limit_per_person_and_per_day() {
        assert!(!had_enough(1, 4));
        assert!(had_enough(2, 2) && had_enough(0, 5));
        assert!(check_day(2).is_ok());
        assert_eq!(check_day(3).unwrap_err().code, "too_many_mailings");
        let now = Timestamp::parse("2030-01-01T12:00:00Z").unwrap();
        assert_eq!(send_time(None, now).unwrap(), now);
        assert_eq!(
            send_time(Some(now.plus_seconds(5)), now).unwrap(),
            now.plus_seconds(5)
        );
        for bad in [-1, AHEAD_SECONDS + 1] {
            assert!(send_time(Some(now.plus_seconds(bad)), now).is_err());
        }
    }
}
