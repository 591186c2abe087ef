//! Passing a ticket on to somebody else, and putting another name on it.
//!
//! A holder offers a ticket to whoever has a mail address. Until that person accepts, the ticket stays theirs and lets them in, and
//! they may take the offer back. Whoever has the ticket afterwards, and whenever its name changes, it gets a new code: the old one
//! opens no gate from that moment on. The organizer may forbid either, or end both before the event begins.

use crate::check_in::TicketState;
use crate::event::EventStatus;
use crate::{Error, Timestamp};

/// Seconds for which an offer is open: three days.
pub const OFFER_SECONDS: i64 = 72 * 3_600;

/// Most offers that an account makes in a day.
pub const MOST_OFFERS: u32 = 50;

/// Most offers in a day that mail one address, whoever makes them: nobody's mailbox is filled from here.
pub const MOST_TO_ADDRESS: u32 = 10;

/// Most codes that a ticket loses in a day by changes of its name: gates without a connection carry all of them along.
pub const MOST_CODES: u32 = 10;

/// Seconds over which offers and codes are counted.
pub const COUNTED_SECONDS: i64 = 86_400;

/// Hours before an event begins at which its tickets are passed on no more: at most a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, schemars::JsonSchema)]
#[serde(transparent)]
#[schemars(transparent)]
pub struct HandoverHours(#[schemars(range(min = 0, max = 8_760))] u32);

impl HandoverHours {
    const MAX: u32 = 8_760;

    /// So many hours, if they are no more than a year.
    pub const fn new(hours: u32) -> Option<Self> {
        if hours <= Self::MAX {
            Some(Self(hours))
        } else {
            None
        }
    }

    /// Hours.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl<'de> serde::Deserialize<'de> for HandoverHours {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let hours = crate::text::whole_number(input)?;
        u32::try_from(hours)
            .ok()
            .and_then(Self::new)
            .ok_or_else(|| serde::de::Error::custom(format!("must be between 0 and {}", Self::MAX)))
    }
}

/// What the organizer of an event allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Tickets may be passed on.
    pub transfers: bool,
    /// The names on tickets may be changed.
    pub renames: bool,
    /// How long before the event begins both end.
    pub hours: HandoverHours,
}

/// What decides whether the tickets of an event change hands.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// What the organizer allows.
    pub policy: Policy,
    /// Where the event stands, as stored.
    pub event: EventStatus,
    /// When it begins.
    pub begins: Timestamp,
}

/// Where an offer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "TicketTransferStatus")]
pub enum HandoverStatus {
    /// It waits for an answer.
    Open,
    /// The ticket is the recipient's.
    Accepted,
    /// The recipient does not want it.
    Declined,
    /// The holder took it back.
    Withdrawn,
    /// Nobody answered in time.
    Expired,
    /// The ticket was used or taken back, or its holder has left.
    Ended,
}

impl HandoverStatus {
    /// Every status.
    pub const ALL: [Self; 6] = [
        Self::Open,
        Self::Accepted,
        Self::Declined,
        Self::Withdrawn,
        Self::Expired,
        Self::Ended,
    ];

    /// As stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Ended => "ended",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Where an offer stands at a time: its row is not touched when its time is over.
    pub fn at(self, expires: Timestamp, now: Timestamp) -> Self {
        if self == Self::Open && now >= expires {
            Self::Expired
        } else {
            self
        }
    }
}

/// Why a ticket does not change hands, or its name stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandoverError {
    /// The ticket was taken back.
    TicketVoid,
    /// Somebody went in with it.
    TicketUsed,
    /// The event was called off.
    EventCancelled,
    /// The organizer does not let tickets be passed on.
    TransfersForbidden,
    /// The organizer does not let names be changed.
    RenamesForbidden,
    /// It is too late.
    Closed,
    /// The ticket is offered to somebody already.
    Offered,
    /// The offer is not open any more.
    Over,
}

impl From<HandoverError> for Error {
    fn from(error: HandoverError) -> Self {
        let (code, message) = match error {
            HandoverError::TicketVoid => ("ticket_void", "This ticket was taken back"),
            HandoverError::TicketUsed => ("ticket_used", "This ticket was used"),
            HandoverError::EventCancelled => ("event_cancelled", "This event was called off"),
            HandoverError::TransfersForbidden => (
                "transfers_forbidden",
                "The organizer does not let tickets of this event be passed on",
            ),
            HandoverError::RenamesForbidden => (
                "renames_forbidden",
                "The organizer does not let the names on tickets of this event be changed",
            ),
            HandoverError::Closed => (
                "transfers_closed",
                "It is too late to change who comes with this ticket",
            ),
            HandoverError::Offered => (
                "transfer_open",
                "This ticket is offered to somebody already; take that offer back first",
            ),
            HandoverError::Over => ("transfer_over", "This offer is not open any more"),
        };
        Self::conflict(code, message)
    }
}

impl Rules {
    /// From then on nothing changes any more.
    pub fn closes_at(&self) -> Timestamp {
        self.begins
            .plus_seconds(-3_600 * i64::from(self.policy.hours.get()))
    }

    /// What is true of every change: the ticket admits somebody, to an event that takes place, and it is not too late.
    fn check(&self, ticket: TicketState, now: Timestamp) -> Result<(), HandoverError> {
        match ticket {
            TicketState::Valid => {}
            TicketState::Used => return Err(HandoverError::TicketUsed),
            TicketState::Refunded | TicketState::Void | TicketState::Transferred | TicketState::Renamed => {
                return Err(HandoverError::TicketVoid);
            }
        }
        if self.event == EventStatus::Cancelled {
            return Err(HandoverError::EventCancelled);
        }
        if now >= self.closes_at() {
            return Err(HandoverError::Closed);
        }
        Ok(())
    }

    /// Until when an offer of a ticket is open, if its holder may make one. `offered` says that another one is open.
    ///
    /// # Errors
    /// Why they may not.
    pub fn offer(
        &self,
        ticket: TicketState,
        offered: bool,
        now: Timestamp,
    ) -> Result<Timestamp, HandoverError> {
        if !self.policy.transfers {
            return Err(HandoverError::TransfersForbidden);
        }
        self.check(ticket, now)?;
        if offered {
            return Err(HandoverError::Offered);
        }
        Ok(now.plus_seconds(OFFER_SECONDS).min(self.closes_at()))
    }

    /// Whether a ticket goes to whoever accepts an offer of it. What the organizer allows by now counts, not what was allowed when the
    /// offer was made.
    ///
    /// # Errors
    /// Why it does not.
    pub fn accept(
        &self,
        ticket: TicketState,
        offer: HandoverStatus,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<(), HandoverError> {
        if offer.at(expires, now) != HandoverStatus::Open {
            return Err(HandoverError::Over);
        }
        if !self.policy.transfers {
            return Err(HandoverError::TransfersForbidden);
        }
        self.check(ticket, now)
    }

    /// Whether the holder of a ticket may put another name on it.
    ///
    /// # Errors
    /// Why they may not.
    pub fn rename(&self, ticket: TicketState, now: Timestamp) -> Result<(), HandoverError> {
        if !self.policy.renames {
            return Err(HandoverError::RenamesForbidden);
        }
        self.check(ticket, now)
    }
}

/// Whether an open offer is answered with a no, or taken back. That is always possible.
///
/// # Errors
/// If it is not open any more.
pub fn end(offer: HandoverStatus, expires: Timestamp, now: Timestamp) -> Result<(), HandoverError> {
    match offer.at(expires, now) {
        HandoverStatus::Open => Ok(()),
        _ => Err(HandoverError::Over),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begins() -> Timestamp {
        Timestamp::parse("2030-01-31T12:00:00Z").unwrap()
    }

    const TICKETS: [TicketState; 6] = [
        TicketState::Valid,
        TicketState::Used,
        TicketState::Refunded,
        TicketState::Void,
        TicketState::Transferred,
        TicketState::Renamed,
    ];

    /// Seconds before the event begins: around the end of the policy, of an offer, and of everything.
    const TIMES: [i64; 8] = [-400_000, -OFFER_SECONDS, -7_201, -7_200, -7_199, -1, 0, 86_400];

    /// Everything that an organizer can say, of events that take place and that do not.
    fn all_rules() -> Vec<Rules> {
        let mut all = Vec::new();
        for transfers in [true, false] {
            for renames in [true, false] {
                for hours in [0, 2] {
                    for event in [EventStatus::Published, EventStatus::Cancelled] {
                        all.push(Rules {
                            policy: Policy {
                                transfers,
                                renames,
                                hours: HandoverHours::new(hours).unwrap(),
                            },
                            event,
                            begins: begins(),
                        });
                    }
                }
            }
        }
        all
    }

    /// Every combination of rules, tickets and times, with whether all is well but for the offer itself.
    fn everything(mut look: impl FnMut(Rules, TicketState, Timestamp, bool)) {
        for rules in all_rules() {
            for ticket in TICKETS {
                for seconds in TIMES {
                    let now = begins().plus_seconds(seconds);
                    let fine = ticket == TicketState::Valid
                        && rules.event == EventStatus::Published
                        && seconds < -3_600 * i64::from(rules.policy.hours.get());
                    look(rules, ticket, now, fine);
                }
            }
        }
    }

    #[test]
    fn what_may_be_offered_is_valid_allowed_in_time_and_not_offered_yet() {
        everything(|rules, ticket, now, fine| {
            for offered in [true, false] {
                let expires = rules.offer(ticket, offered, now);
                let may = fine && rules.policy.transfers && !offered;
                assert_eq!(expires.is_ok(), may, "{rules:?} {ticket:?} {now} {offered}");
                if let Ok(expires) = expires {
                    assert!(now < expires && expires <= rules.closes_at());
                    assert!(expires.seconds_since(now) <= OFFER_SECONDS);
                }
            }
        });
    }

    #[test]
    fn only_an_open_offer_of_a_ticket_that_may_be_passed_on_is_accepted() {
        everything(|rules, ticket, now, fine| {
            for status in HandoverStatus::ALL {
                for left in [-1, 0, 1] {
                    let expires = now.plus_seconds(left);
                    let may = fine && rules.policy.transfers && status == HandoverStatus::Open && left > 0;
                    let accepted = rules.accept(ticket, status, expires, now);
                    assert_eq!(
                        accepted.is_ok(),
                        may,
                        "{rules:?} {ticket:?} {now} {status:?} {left}"
                    );
                    // It ends whatever the rules and the ticket, and only once.
                    let ends = end(status, expires, now).is_ok();
                    assert_eq!(ends, status == HandoverStatus::Open && left > 0);
                }
            }
        });
    }

    #[test]
    fn an_offer_that_could_be_made_could_be_accepted_at_once_and_until_it_expires() {
        everything(|rules, ticket, now, _| {
            if let Ok(expires) = rules.offer(ticket, false, now) {
                for at in [now, expires.plus_seconds(-1)] {
                    let accepted = rules.accept(ticket, HandoverStatus::Open, expires, at);
                    assert_eq!(accepted, Ok(()), "{rules:?} {now}");
                }
                let late = rules.accept(ticket, HandoverStatus::Open, expires, expires);
                assert_eq!(late, Err(HandoverError::Over));
            }
        });
    }

    #[test]
    fn names_are_changed_where_the_organizer_lets_them() {
        everything(|rules, ticket, now, fine| {
            let renamed = rules.rename(ticket, now);
            assert_eq!(
                renamed.is_ok(),
                fine && rules.policy.renames,
                "{rules:?} {ticket:?} {now}"
            );
        });
    }

    #[test]
    fn the_reason_is_the_one_that_helps() {
        let rules = Rules {
            policy: Policy {
                transfers: true,
                renames: true,
                hours: HandoverHours::default(),
            },
            event: EventStatus::Published,
            begins: begins(),
        };
        let (early, late) = (begins().plus_seconds(-60), begins());
        for (ticket, error) in [
            (TicketState::Used, HandoverError::TicketUsed),
            (TicketState::Refunded, HandoverError::TicketVoid),
            (TicketState::Void, HandoverError::TicketVoid),
        ] {
            assert_eq!(rules.offer(ticket, true, late), Err(error));
            assert_eq!(rules.rename(ticket, late), Err(error));
            assert_eq!(
                rules.accept(ticket, HandoverStatus::Open, late, early),
                Err(error)
            );
        }
        assert_eq!(
            rules.offer(TicketState::Valid, true, late),
            Err(HandoverError::Closed)
        );
        assert_eq!(
            rules.offer(TicketState::Valid, true, early),
            Err(HandoverError::Offered)
        );
    }

    #[test]
    fn words_and_hours_are_read_back() {
        for status in HandoverStatus::ALL {
            assert_eq!(HandoverStatus::parse(status.as_str()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        let hours = |text: &str| {
            serde_json::from_str::<HandoverHours>(text)
                .ok()
                .map(HandoverHours::get)
        };
        assert_eq!((hours("0"), hours("8760")), (Some(0), Some(8_760)));
        assert_eq!((hours("-1"), hours("8761"), hours("1.5")), (None, None, None));
    }
}
