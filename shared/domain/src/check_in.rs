//! Who is let in at a gate.
//!
//! A ticket lets one person in. Gates without a connection decide alone and tell later, so what is known of a ticket is a set of
//! scans, each with the time at which it was made: the earliest one counts, whenever it was told. To let somebody in by mistake can
//! be undone; scans up to then count no more.

use crate::event::{EventStatus, end_of};
use crate::text::texts;
use crate::{EventId, TicketTypeId, Timestamp};
use std::fmt;

texts! {
    /// What a gate is called.
    GateName: 1..=60, "must not be empty";
    /// What a device is called that scans tickets. Two at one event have two names.
    DeviceName: 1..=60, "must not be empty";
    /// Why letting somebody in is undone.
    UndoReason: 1..=200, "must not be empty";
}

/// By which a device knows one of its scans: a repetition is known by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, schemars::JsonSchema)]
#[serde(transparent)]
#[schemars(transparent)]
pub struct ScanId(#[schemars(length(min = 8, max = 64))] String);

impl ScanId {
    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> serde::Deserialize<'de> for ScanId {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        if (8..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text))
        } else {
            let problem = "must be 8 to 64 visible ASCII characters, a UUID for one";
            Err(serde::de::Error::custom(problem))
        }
    }
}

/// Minutes before an event begins at which its doors open: at most a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(transparent)]
#[schemars(transparent)]
pub struct DoorMinutes(#[schemars(range(min = 0, max = 525_600))] u32);

impl DoorMinutes {
    const MAX: u32 = 525_600;

    /// Doors open three hours before, unless the organizer says otherwise.
    pub const USUAL: Self = Self(180);

    /// So many minutes, if they are no more than a year.
    pub const fn new(minutes: u32) -> Option<Self> {
        if minutes <= Self::MAX {
            Some(Self(minutes))
        } else {
            None
        }
    }

    /// Minutes.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl<'de> serde::Deserialize<'de> for DoorMinutes {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let minutes = crate::text::whole_number(input)?;
        u32::try_from(minutes)
            .ok()
            .and_then(Self::new)
            .ok_or_else(|| serde::de::Error::custom(format!("must be between 0 and {}", Self::MAX)))
    }
}

/// Why nobody is let in, or should not have been.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The code was not signed here, or not as it is.
    Forged,
    /// No such ticket is known.
    Unknown,
    /// The ticket is for another event.
    WrongEvent,
    /// The event was called off.
    Cancelled,
    /// The ticket was given back.
    Refunded,
    /// The ticket was taken back otherwise.
    Void,
    /// Somebody went in with it.
    AlreadyUsed,
    /// The doors are not open yet.
    NotYetValid,
    /// The event is over.
    Over,
    /// The gate does not let this kind of ticket in.
    WrongGate,
    /// The ticket was passed on to somebody else and has another code since.
    Transferred,
    /// The ticket got another name and has another code since.
    Renamed,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Self; 12] = [
        Self::Forged,
        Self::Unknown,
        Self::WrongEvent,
        Self::Cancelled,
        Self::Refunded,
        Self::Void,
        Self::AlreadyUsed,
        Self::NotYetValid,
        Self::Over,
        Self::WrongGate,
        Self::Transferred,
        Self::Renamed,
    ];

    /// As stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Forged => "forged",
            Self::Unknown => "unknown",
            Self::WrongEvent => "wrong_event",
            Self::Cancelled => "cancelled",
            Self::Refunded => "refunded",
            Self::Void => "void",
            Self::AlreadyUsed => "already_used",
            Self::NotYetValid => "not_yet_valid",
            Self::Over => "over",
            Self::WrongGate => "wrong_gate",
            Self::Transferred => "transferred",
            Self::Renamed => "renamed",
        }
    }

    /// The refusal of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.as_str() == name)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a ticket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketState {
    /// Nobody went in with it.
    Valid,
    /// Somebody did.
    Used,
    /// It was given back.
    Refunded,
    /// It was taken back otherwise.
    Void,
    /// It was passed on to somebody else; what is shown is a code of before.
    Transferred,
    /// It got another name; what is shown is a code of before.
    Renamed,
}

impl TicketState {
    /// What a stored status means, by whether a refund took the ticket back.
    pub fn of(status: &str, refunded: bool) -> Option<Self> {
        match status {
            "valid" => Some(Self::Valid),
            "used" => Some(Self::Used),
            "void" if refunded => Some(Self::Refunded),
            "void" => Some(Self::Void),
            _ => None,
        }
    }
}

/// A code that a ticket has no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retired {
    /// Since when the ticket has another one.
    pub at: Timestamp,
    /// When the ticket was passed on to somebody else, then or later.
    pub passed_on: Option<Timestamp>,
}

impl Retired {
    /// Where the ticket stands for whoever shows the code now.
    pub const fn state(self) -> TicketState {
        match self.passed_on {
            Some(_) => TicketState::Transferred,
            None => TicketState::Renamed,
        }
    }

    /// Where it stood for whoever showed the code at a time, by where the ticket stands now. Until it had another code it was good.
    /// Whoever shows the code of before a change of the name is the holder of the ticket all the same, until it is passed on.
    pub fn state_at(self, now: TicketState, at: Timestamp) -> TicketState {
        if self.passed_on.is_some_and(|passed_on| at >= passed_on) {
            TicketState::Transferred
        } else if at >= self.at {
            TicketState::Renamed
        } else {
            now
        }
    }
}

/// What is shown at a gate.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// The event of the ticket.
    pub event: EventId,
    /// Its kind.
    pub kind: TicketTypeId,
    /// Where it stands.
    pub state: TicketState,
}

/// When and to whom the doors of an event are open.
#[derive(Debug, Clone, Copy)]
pub struct Doors<'a> {
    /// The event.
    pub event: EventId,
    /// Where it stands, as stored.
    pub status: EventStatus,
    /// When it begins.
    pub begins: Timestamp,
    /// When it ends, if its organizer says so.
    pub ends: Option<Timestamp>,
    /// How long before it begins the doors open, if its organizer says so.
    pub minutes: Option<DoorMinutes>,
    /// The kinds of tickets that this gate lets in; `None` if it is all.
    pub kinds: Option<&'a [TicketTypeId]>,
}

impl Doors<'_> {
    /// When the doors open.
    pub fn opens_at(&self) -> Timestamp {
        let minutes = self.minutes.unwrap_or(DoorMinutes::USUAL).get();
        self.begins.plus_seconds(-60 * i64::from(minutes))
    }

    /// When nobody is let in any more: at the end of the event.
    pub fn closes_at(&self) -> Timestamp {
        end_of(self.begins, self.ends)
    }

    /// Decides whether a ticket lets somebody in at a time. What is final comes first: whoever is told that the doors are still
    /// closed can come again.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, shown: Shown, at: Timestamp) -> Result<(), Refusal> {
        if shown.event != self.event {
            return Err(Refusal::WrongEvent);
        }
        if self.status == EventStatus::Cancelled {
            return Err(Refusal::Cancelled);
        }
        match shown.state {
            TicketState::Valid => {}
            TicketState::Used => return Err(Refusal::AlreadyUsed),
            TicketState::Refunded => return Err(Refusal::Refunded),
            TicketState::Void => return Err(Refusal::Void),
            TicketState::Transferred => return Err(Refusal::Transferred),
            TicketState::Renamed => return Err(Refusal::Renamed),
        }
        if at < self.opens_at() {
            return Err(Refusal::NotYetValid);
        }
        if at >= self.closes_at() {
            return Err(Refusal::Over);
        }
        match self.kinds {
            Some(kinds) if !kinds.contains(&shown.kind) => Err(Refusal::WrongGate),
            _ => Ok(()),
        }
    }

    /// What was wrong with letting somebody in at a gate without a connection, but for others who went in with the same ticket:
    /// whether there were any is only known once everything was told.
    pub fn fault(&self, shown: Shown, at: Timestamp) -> Option<Refusal> {
        let state = match shown.state {
            TicketState::Used => TicketState::Valid,
            state => state,
        };
        self.check(Shown { state, ..shown }, at).err()
    }
}

/// Most scans that a device tells at once.
pub const MOST_SCANS: usize = 300;

/// Most gates of one event.
pub const MOST_GATES: i64 = 100;

/// Seconds after which it is too late to tell of a scan: a week. A device whose clock is that wrong would decide who was first.
pub const OLDEST_SECONDS: i64 = 7 * 86_400;

/// The time of a scan that a device tells of now. A clock that is ahead cannot make a scan later than when it is told. `None` if it
/// is too old.
pub fn time_of_scan(told: Timestamp, now: Timestamp) -> Option<Timestamp> {
    (told.seconds_since(now) >= -OLDEST_SECONDS).then(|| told.min(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: EventId = EventId::new(7);
    const FESTIVAL: TicketTypeId = TicketTypeId::new(1);
    const VIP: TicketTypeId = TicketTypeId::new(2);

    fn begins() -> Timestamp {
        Timestamp::parse("2030-01-31T12:00:00Z").unwrap()
    }

    fn doors() -> Doors<'static> {
        Doors {
            event: EVENT,
            status: EventStatus::Published,
            begins: begins(),
            ends: Some(begins().plus_seconds(3_600)),
            minutes: DoorMinutes::new(30),
            kinds: None,
        }
    }

    fn shown(state: TicketState) -> Shown {
        Shown {
            event: EVENT,
            kind: FESTIVAL,
            state,
        }
    }

    #[test]
    fn doors_open_before_the_event_and_close_at_its_end() {
        let check = |seconds| doors().check(shown(TicketState::Valid), begins().plus_seconds(seconds));
        for (seconds, expected) in [
            (-1_801, Err(Refusal::NotYetValid)),
            (-1_800, Ok(())),
            (0, Ok(())),
            (3_599, Ok(())),
            (3_600, Err(Refusal::Over)),
        ] {
            assert_eq!(check(seconds), expected, "{seconds}");
        }
        let usual = Doors {
            minutes: None,
            ends: None,
            ..doors()
        };
        assert_eq!(usual.opens_at(), begins().plus_seconds(-3 * 3_600));
        assert_eq!(usual.closes_at(), begins().plus_seconds(24 * 3_600));
    }

    #[test]
    fn what_is_final_is_said_first() {
        let too_early = begins().plus_seconds(-86_400);
        for (state, refusal) in [
            (TicketState::Valid, Refusal::NotYetValid),
            (TicketState::Used, Refusal::AlreadyUsed),
            (TicketState::Refunded, Refusal::Refunded),
            (TicketState::Void, Refusal::Void),
            (TicketState::Transferred, Refusal::Transferred),
            (TicketState::Renamed, Refusal::Renamed),
        ] {
            assert_eq!(doors().check(shown(state), too_early), Err(refusal));
            let cancelled = Doors {
                status: EventStatus::Cancelled,
                ..doors()
            };
            assert_eq!(cancelled.check(shown(state), begins()), Err(Refusal::Cancelled));
            let elsewhere = Shown {
                event: EventId::new(8),
                ..shown(state)
            };
            assert_eq!(cancelled.check(elsewhere, begins()), Err(Refusal::WrongEvent));
        }
    }

    #[test]
    fn a_gate_lets_its_kinds_in() {
        let gate = Doors {
            kinds: Some(&[VIP]),
            ..doors()
        };
        let vip = Shown {
            kind: VIP,
            ..shown(TicketState::Valid)
        };
        assert_eq!(gate.check(vip, begins()), Ok(()));
        assert_eq!(
            gate.check(shown(TicketState::Valid), begins()),
            Err(Refusal::WrongGate)
        );
    }

    #[test]
    fn whether_others_were_first_is_no_fault_of_the_gate() {
        assert_eq!(doors().fault(shown(TicketState::Used), begins()), None);
        assert_eq!(doors().fault(shown(TicketState::Valid), begins()), None);
        assert_eq!(
            doors().fault(shown(TicketState::Refunded), begins()),
            Some(Refusal::Refunded)
        );
        let late = begins().plus_seconds(3_600);
        assert_eq!(doors().fault(shown(TicketState::Used), late), Some(Refusal::Over));
    }

    #[test]
    fn a_code_of_before_is_judged_by_when_it_was_shown() {
        let (renamed, passed_on) = (begins(), begins().plus_seconds(60));
        let name_only = Retired {
            at: renamed,
            passed_on: None,
        };
        let then_passed_on = Retired {
            passed_on: Some(passed_on),
            ..name_only
        };
        let by_passing_on = Retired {
            at: passed_on,
            passed_on: Some(passed_on),
        };
        for state in [TicketState::Valid, TicketState::Used, TicketState::Void] {
            for (code, seconds, expected) in [
                (name_only, -1, state),
                (name_only, 0, TicketState::Renamed),
                (name_only, 86_400, TicketState::Renamed),
                (then_passed_on, -1, state),
                (then_passed_on, 59, TicketState::Renamed),
                (then_passed_on, 60, TicketState::Transferred),
                (by_passing_on, 59, state),
                (by_passing_on, 60, TicketState::Transferred),
            ] {
                let at = begins().plus_seconds(seconds);
                assert_eq!(code.state_at(state, at), expected, "{code:?} {seconds}");
            }
        }
        // A gate with a connection knows that the code is none any more, whatever its clock says.
        assert_eq!(name_only.state(), TicketState::Renamed);
        assert_eq!(then_passed_on.state(), TicketState::Transferred);
    }

    #[test]
    fn a_scan_is_neither_later_than_now_nor_older_than_a_week() {
        let now = begins();
        for (seconds, expected) in [
            (60, Some(0)),
            (0, Some(0)),
            (-60, Some(-60)),
            (-OLDEST_SECONDS, Some(-OLDEST_SECONDS)),
            (-OLDEST_SECONDS - 1, None),
        ] {
            let told = time_of_scan(now.plus_seconds(seconds), now);
            assert_eq!(
                told,
                expected.map(|seconds| now.plus_seconds(seconds)),
                "{seconds}"
            );
        }
    }

    #[test]
    fn refusals_are_read_back() {
        for refusal in Refusal::ALL {
            assert_eq!(Refusal::parse(refusal.as_str()), Some(refusal));
            assert_eq!(serde_json::to_value(refusal).unwrap(), refusal.as_str());
        }
    }

    #[test]
    fn ids_of_scans_and_minutes_are_bounded() {
        let id = |text: &str| serde_json::from_value::<ScanId>(text.into()).is_ok();
        assert!(id("01890a5d-ac96-774b-bcce-b302099a8057") && id("12345678"));
        assert!(!id("1234567") && !id(&"1".repeat(65)) && !id("1234 5678") && !id("1234567é"));
        let minutes = |text: &str| {
            serde_json::from_str::<DoorMinutes>(text)
                .ok()
                .map(DoorMinutes::get)
        };
        assert_eq!((minutes("0"), minutes("525600")), (Some(0), Some(525_600)));
        assert_eq!(
            (minutes("-1"), minutes("525601"), minutes("1.5")),
            (None, None, None)
        );
    }
}
