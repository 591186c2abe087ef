//! A circuit breaker: after some failures in a row a service is left alone for a while, then asked once to see whether it is
//! back. It holds no clock; whoever asks says what time it is.

use crate::Timestamp;

/// Failures in a row after which it opens.
const TOLERATED: u32 = 3;

/// Seconds for which a service is left alone.
const REST_SECONDS: i64 = 20;

/// The breaker of one service.
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
    HalfOpen(Timestamp),
}

impl Default for State {
    fn default() -> Self {
        Self::Closed(0)
    }
}

impl Breaker {
    /// Whether a call may be made now. Who is let through reports how it went.
    pub fn lets_through(&mut self, now: Timestamp) -> bool {
        match self.state {
            State::Closed(_) => true,
            State::Open(until) | State::HalfOpen(until) => {
                let over = now >= until;
                if over {
                    self.state = State::HalfOpen(now.plus_seconds(REST_SECONDS));
                }
                over
            }
        }
    }

    /// A call went well.
    pub const fn succeeded(&mut self) {
        self.state = State::Closed(0);
    }

    /// A call failed because of the service.
    pub fn failed(&mut self, now: Timestamp) {
        self.state = match self.state {
            State::Closed(failures) if failures + 1 < TOLERATED => State::Closed(failures + 1),
            _ => State::Open(now.plus_seconds(REST_SECONDS)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::parse("2030-01-01").unwrap().plus_seconds(seconds)
    }

    #[test]
    fn it_opens_after_three_failures_in_a_row() {
        let mut breaker = Breaker::default();
        for _ in 0..2 {
            breaker.failed(at(0));
            breaker.failed(at(0));
            assert!(breaker.lets_through(at(0)));
            breaker.succeeded();
        }
        for _ in 0..3 {
            assert!(breaker.lets_through(at(0)));
            breaker.failed(at(0));
        }
        assert!(!breaker.lets_through(at(0)));
        assert!(!breaker.lets_through(at(REST_SECONDS - 1)));
    }

    #[test]
    fn after_its_rest_one_call_decides() {
        let open = || {
            let mut breaker = Breaker::default();
            for _ in 0..3 {
                breaker.failed(at(0));
            }
            breaker
        };
        let mut breaker = open();
        assert!(breaker.lets_through(at(REST_SECONDS)));
        assert!(!breaker.lets_through(at(REST_SECONDS)), "one call, not two");
        breaker.succeeded();
        assert_eq!(breaker, Breaker::default());

        let mut breaker = open();
        assert!(breaker.lets_through(at(REST_SECONDS)));
        breaker.failed(at(REST_SECONDS + 1));
        assert!(!breaker.lets_through(at(2 * REST_SECONDS)));
        assert!(breaker.lets_through(at(2 * REST_SECONDS + 1)));
    }

    #[test]
    fn a_trial_that_never_reports_does_not_close_the_way_for_good() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            breaker.failed(at(0));
        }
        assert!(breaker.lets_through(at(REST_SECONDS)));
        assert!(breaker.lets_through(at(2 * REST_SECONDS)));
    }
}
