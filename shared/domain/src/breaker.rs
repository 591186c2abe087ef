//! A circuit breaker of the whole fleet: after some failures in a row a service is left alone for a while, then asked once, by
//! one environment, to see whether it is back.
//!
//! [`Breaker`] is what one environment knows, in memory; [`Shared`] is what it tells the others and asks them, in a table. Calls
//! that go well touch only memory. The table is written when a breaker opens, when somebody wants to try, and when that worked.
//! Nothing here holds a clock; whoever asks says what time it is.

use crate::Timestamp;

/// Failures in a row after which it opens.
const TOLERATED: u32 = 3;

/// Seconds for which a service is left alone.
const REST_SECONDS: i64 = 10;

/// Seconds after which another may try, should whoever tries never report.
const TRIAL_SECONDS: i64 = 10;

/// Seconds until an environment asks again what came of somebody else's trial.
const TRIAL_PAUSE_SECONDS: i64 = 1;

/// What one environment knows about a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Breaker {
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Calls go through; so many have failed since one succeeded.
    Closed(u32),
    /// No call goes through before then.
    Open(Timestamp),
    /// One call is under way to see whether the service is back. Should it never report, another may try after then.
    Trial(Timestamp),
}

impl Default for State {
    fn default() -> Self {
        Self::Closed(0)
    }
}

/// Whether a call may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It may. Who is let through reports how it went.
    Free,
    /// The rest is over. One call of the whole fleet may try: [`Shared::claim`] says whether this one.
    Trial,
    /// Not before then.
    Shut(Timestamp),
}

/// What a failure means for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// Nothing yet; others may know more.
    Counted,
    /// The service is left alone until then, and others should know.
    Opened(Timestamp),
    /// It was left alone already.
    Known,
}

impl Breaker {
    /// Whether a call may be made now.
    pub fn ask(&mut self, now: Timestamp) -> Passage {
        match self.state {
            State::Closed(_) => Passage::Free,
            State::Open(until) | State::Trial(until) if now < until => Passage::Shut(until),
            State::Open(_) | State::Trial(_) => {
                self.state = State::Trial(now.plus_seconds(TRIAL_SECONDS));
                Passage::Trial
            }
        }
    }

    /// A call went well. Tells whether that was the trial: then others should know. A call that was under way when the breaker
    /// opened proves nothing.
    pub fn succeeded(&mut self) -> bool {
        let tried = matches!(self.state, State::Trial(_));
        if tried || matches!(self.state, State::Closed(_)) {
            self.state = State::default();
        }
        tried
    }

    /// A call failed because of the service.
    pub fn failed(&mut self, now: Timestamp) -> Failed {
        match self.state {
            State::Closed(failures) if failures + 1 < TOLERATED => {
                self.state = State::Closed(failures + 1);
                Failed::Counted
            }
            State::Closed(_) | State::Trial(_) => {
                let until = now.plus_seconds(REST_SECONDS);
                self.state = State::Open(until);
                Failed::Opened(until)
            }
            State::Open(_) => Failed::Known,
        }
    }

    /// Somebody else knows that the service should be left alone until then.
    pub const fn learn(&mut self, until: Timestamp) {
        self.state = State::Open(until);
    }

    /// Somebody else knows that the service works.
    pub fn close(&mut self) {
        self.state = State::default();
    }
}

/// What the fleet knows about a service that is, or was, left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shared {
    /// The service is left alone until then.
    pub open_until: Timestamp,
    /// Somebody tries it, and should report before then.
    pub trial_until: Option<Timestamp>,
}

/// What came of asking to make the trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// This call is the trial; the others are told so by this new state.
    Mine(Shared),
    /// Not before then.
    Wait(Timestamp),
    /// The service works: somebody else has tried it.
    Closed,
}

impl Shared {
    /// Who finds this state, or none, and wants to try.
    pub fn claim(known: Option<Self>, now: Timestamp) -> Claim {
        let Some(known) = known else {
            return Claim::Closed;
        };
        if now < known.open_until {
            return Claim::Wait(known.open_until);
        }
        if known.trial_until.is_some_and(|until| now < until) {
            return Claim::Wait(now.plus_seconds(TRIAL_PAUSE_SECONDS));
        }
        Claim::Mine(Self {
            trial_until: Some(now.plus_seconds(TRIAL_SECONDS)),
            ..known
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::parse("2030-01-01").unwrap().plus_seconds(seconds)
    }

    fn open() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 1..TOLERATED {
            assert_eq!(breaker.failed(at(0)), Failed::Counted);
        }
        assert_eq!(breaker.failed(at(0)), Failed::Opened(at(REST_SECONDS)));
        breaker
    }

    #[test]
    fn it_opens_after_three_failures_in_a_row() {
        let mut breaker = Breaker::default();
        for _ in 0..2 {
            breaker.failed(at(0));
            breaker.failed(at(0));
            assert_eq!(breaker.ask(at(0)), Passage::Free);
            assert!(!breaker.succeeded(), "nobody needs to be told");
        }
        let mut breaker = open();
        assert_eq!(breaker.ask(at(0)), Passage::Shut(at(REST_SECONDS)));
        assert_eq!(breaker.ask(at(REST_SECONDS - 1)), Passage::Shut(at(REST_SECONDS)));
        assert_eq!(breaker.failed(at(1)), Failed::Known, "calls that were under way");
    }

    #[test]
    fn after_its_rest_one_call_decides() {
        let mut breaker = open();
        assert_eq!(breaker.ask(at(REST_SECONDS)), Passage::Trial);
        let until = at(REST_SECONDS + TRIAL_SECONDS);
        assert_eq!(
            breaker.ask(at(REST_SECONDS)),
            Passage::Shut(until),
            "one call, not two"
        );
        assert!(breaker.succeeded());
        assert_eq!(breaker, Breaker::default());

        let mut breaker = open();
        breaker.ask(at(REST_SECONDS));
        let until = at(2 * REST_SECONDS + 1);
        assert_eq!(breaker.failed(at(REST_SECONDS + 1)), Failed::Opened(until));
        assert_eq!(breaker.ask(at(2 * REST_SECONDS)), Passage::Shut(until));
        assert_eq!(breaker.ask(until), Passage::Trial);
    }

    #[test]
    fn a_trial_that_never_reports_does_not_close_the_way_for_good() {
        let mut breaker = open();
        assert_eq!(breaker.ask(at(REST_SECONDS)), Passage::Trial);
        assert_eq!(breaker.ask(at(REST_SECONDS + TRIAL_SECONDS)), Passage::Trial);
    }

    #[test]
    fn a_call_from_before_the_outage_proves_nothing() {
        let mut breaker = open();
        assert!(!breaker.succeeded());
        assert_eq!(breaker.ask(at(1)), Passage::Shut(at(REST_SECONDS)));
    }

    #[test]
    fn of_the_fleet_one_tries_and_the_others_wait_for_what_comes_of_it() {
        let rests = Shared {
            open_until: at(10),
            trial_until: None,
        };
        assert_eq!(Shared::claim(Some(rests), at(9)), Claim::Wait(at(10)));
        let tried = Shared {
            trial_until: Some(at(10 + TRIAL_SECONDS)),
            ..rests
        };
        assert_eq!(Shared::claim(Some(rests), at(10)), Claim::Mine(tried));
        assert_eq!(Shared::claim(Some(tried), at(11)), Claim::Wait(at(12)));
        let over = at(10 + TRIAL_SECONDS);
        assert!(matches!(Shared::claim(Some(tried), over), Claim::Mine(_)));
        assert_eq!(Shared::claim(None, at(10)), Claim::Closed);
    }
}
