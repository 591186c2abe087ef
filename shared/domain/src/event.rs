//! Events.

use crate::text::texts;
use crate::{Error, Timestamp};

texts! {
    /// What the event is called.
    EventName: 1..=200, "must not be empty";
    /// Where it takes place, as people write it.
    Location: 1..=300, "must not be empty";
    /// What a house is called that an organizer uses again.
    VenueName: 1..=120, "must not be empty";
    /// The city of a place, by which events are found.
    City: 1..=100, "must not be empty";
    /// What a group of ticket types is called.
    CategoryName: 1..=100, "String must contain at least 1 character(s)";
}

/// How long an event is taken to last whose organizer does not say when it ends: a day. A long one must not be over while
/// people are still there; that a short one is still shown the morning after harms nobody.
pub const ASSUMED_SECONDS: i64 = 24 * 3_600;

/// When an event ends that begins at `begins`.
pub fn end_of(begins: Timestamp, ends: Option<Timestamp>) -> Timestamp {
    ends.unwrap_or_else(|| begins.plus_seconds(ASSUMED_SECONDS))
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
    /// It took place and is over. Never stored: it follows from the time.
    Ended,
}

/// What an organizer does to the status of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Show it to everybody and sell its tickets.
    Publish,
    /// Take it back.
    Unpublish,
    /// Call it off.
    Cancel,
}

/// Why the status of an event stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepError {
    /// It is cancelled or over: nothing leads out of that.
    Over(EventStatus),
    /// What nobody saw cannot be called off.
    NotPublished,
    /// Somebody has a ticket or has one in a cart.
    Taken,
}

impl From<StepError> for Error {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Over(status) => {
                let message = format!("The status of an event that is {} stays", status.as_str());
                Self::conflict("event_over", message)
            }
            StepError::NotPublished => {
                let message = "Only a published event can be cancelled; a draft can be deleted";
                Self::conflict("event_not_published", message)
            }
            StepError::Taken => {
                let message = "Somebody has a ticket of this event in an order or a cart";
                Self::conflict("in_use", message)
            }
        }
    }
}

impl EventStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Draft, Self::Published, Self::Cancelled, Self::Ended];

    /// Where an event that is stored with this status stands at `now`: a published one ends with its time.
    #[must_use]
    pub fn at(self, begins: Timestamp, ends: Option<Timestamp>, now: Timestamp) -> Self {
        match self {
            Self::Published if end_of(begins, ends) <= now => Self::Ended,
            stored => stored,
        }
    }

    /// Where an event stands after a step; a step that was taken before changes nothing. `taken` says whether anything of it
    /// was sold or is held.
    ///
    /// # Errors
    /// Why it stays where it is.
    pub const fn after(self, step: Step, taken: bool) -> Result<Self, StepError> {
        match (self, step) {
            (Self::Draft | Self::Published, Step::Publish) => Ok(Self::Published),
            (Self::Draft, Step::Unpublish) => Ok(Self::Draft),
            (Self::Published, Step::Unpublish) if taken => Err(StepError::Taken),
            (Self::Published, Step::Unpublish) => Ok(Self::Draft),
            (Self::Draft, Step::Cancel) => Err(StepError::NotPublished),
            (Self::Published | Self::Cancelled, Step::Cancel) => Ok(Self::Cancelled),
            (Self::Cancelled | Self::Ended, _) => Err(StepError::Over(self)),
        }
    }

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
        Self::ALL.into_iter().find(|s| s.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STEPS: [Step; 3] = [Step::Publish, Step::Unpublish, Step::Cancel];

    #[test]
    fn the_steps_lead_where_the_table_says() {
        use EventStatus as S;
        for (from, publish, unpublish, unpublish_taken, cancel) in [
            (
                S::Draft,
                Ok(S::Published),
                Ok(S::Draft),
                Ok(S::Draft),
                Err(StepError::NotPublished),
            ),
            (
                S::Published,
                Ok(S::Published),
                Ok(S::Draft),
                Err(StepError::Taken),
                Ok(S::Cancelled),
            ),
            (
                S::Cancelled,
                Err(StepError::Over(S::Cancelled)),
                Err(StepError::Over(S::Cancelled)),
                Err(StepError::Over(S::Cancelled)),
                Ok(S::Cancelled),
            ),
            (
                S::Ended,
                Err(StepError::Over(S::Ended)),
                Err(StepError::Over(S::Ended)),
                Err(StepError::Over(S::Ended)),
                Err(StepError::Over(S::Ended)),
            ),
        ] {
            for taken in [false, true] {
                assert_eq!(from.after(Step::Publish, taken), publish);
                assert_eq!(from.after(Step::Cancel, taken), cancel);
            }
            assert_eq!(from.after(Step::Unpublish, false), unpublish);
            assert_eq!(from.after(Step::Unpublish, true), unpublish_taken);
        }
    }

    #[test]
    fn an_event_without_an_end_lasts_a_day() {
        let begins = Timestamp::parse("2030-01-01T12:00:00Z").unwrap();
        let at = |seconds| EventStatus::Published.at(begins, None, begins.plus_seconds(seconds));
        assert_eq!(at(ASSUMED_SECONDS - 1), EventStatus::Published);
        assert_eq!(at(ASSUMED_SECONDS), EventStatus::Ended);
        let ends = Some(begins.plus_seconds(60));
        let at = |seconds| EventStatus::Published.at(begins, ends, begins.plus_seconds(seconds));
        assert_eq!((at(59), at(60)), (EventStatus::Published, EventStatus::Ended));
    }

    #[test]
    fn only_what_was_published_ends() {
        let begins = Timestamp::parse("2030-01-01").unwrap();
        let later = begins.plus_seconds(10 * ASSUMED_SECONDS);
        for stored in [EventStatus::Draft, EventStatus::Cancelled] {
            assert_eq!(stored.at(begins, None, later), stored);
        }
    }

    #[test]
    fn status_names_are_read_back() {
        for status in EventStatus::ALL {
            assert_eq!(EventStatus::parse(status.as_str()), Some(status));
        }
        assert_eq!(EventStatus::parse("deleted"), None);
    }

    proptest! {
        #[test]
        fn nothing_leads_out_of_cancelled_or_ended_and_nothing_sold_is_hidden(
            start in 0usize..4, steps in proptest::collection::vec((0usize..3, any::<bool>()), 0..20),
        ) {
            let mut status = EventStatus::ALL[start];
            for (step, taken) in steps {
                let Ok(next) = status.after(STEPS[step], taken) else { continue };
                if matches!(status, EventStatus::Cancelled | EventStatus::Ended) {
                    prop_assert_eq!(next, status);
                }
                if status == EventStatus::Published && taken {
                    prop_assert_ne!(next, EventStatus::Draft);
                }
                prop_assert!(next != EventStatus::Ended || status == EventStatus::Ended);
                status = next;
            }
        }
    }
}
