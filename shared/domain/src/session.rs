//! Sessions: how long a log-in lasts, and what a refresh token that is presented means.

use crate::Timestamp;

/// Seconds that a session lasts after it was last used.
pub const IDLE_SECONDS: i64 = 30 * 86_400;

/// Seconds in which a used refresh token may come once more without harm: tabs of one browser refresh at the same moment.
pub const GRACE_SECONDS: i64 = 10;

/// A refresh token that somebody presents, with its session.
#[derive(Debug, Clone, Copy)]
pub struct Presented {
    /// When it was replaced by the next, if it was.
    pub used_at: Option<Timestamp>,
    /// When its session was ended, if it was.
    pub ended_at: Option<Timestamp>,
    /// When its session ends by itself.
    pub expires_at: Timestamp,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Replace it: the session goes on.
    Renew,
    /// A twin was a moment faster. Nothing happens.
    Twin,
    /// It was used before, so two people have it. The session ends for both.
    Stolen,
    /// The session is over.
    Over,
}

impl Presented {
    /// Judges the token at a moment.
    ///
    /// Source: RFC 9700, section 4.14.2, rotation of refresh tokens with detection of reuse.
    pub fn judge(self, now: Timestamp) -> Verdict {
        if self.ended_at.is_some() || self.expires_at <= now {
            return Verdict::Over;
        }
        match self.used_at {
            None => Verdict::Renew,
            Some(used_at) if used_at.plus_seconds(GRACE_SECONDS) > now => Verdict::Twin,
            Some(_) => Verdict::Stolen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::parse("2030-01-01T00:00:00Z")
            .unwrap()
            .plus_seconds(second)
    }

    fn presented(used: Option<i64>, ended: Option<i64>) -> Presented {
        Presented {
            used_at: used.map(at),
            ended_at: ended.map(at),
            expires_at: at(1_000),
        }
    }

    #[test]
    fn an_unused_token_of_a_living_session_renews_it() {
        assert_eq!(presented(None, None).judge(at(999)), Verdict::Renew);
        assert_eq!(presented(None, None).judge(at(1_000)), Verdict::Over);
        assert_eq!(presented(None, Some(5)).judge(at(6)), Verdict::Over);
    }

    #[test]
    fn a_used_token_is_a_twin_for_ten_seconds_and_stolen_afterwards() {
        assert_eq!(presented(Some(100), None).judge(at(100)), Verdict::Twin);
        assert_eq!(presented(Some(100), None).judge(at(109)), Verdict::Twin);
        assert_eq!(presented(Some(100), None).judge(at(110)), Verdict::Stolen);
        assert_eq!(presented(Some(100), Some(101)).judge(at(102)), Verdict::Over);
        assert_eq!(presented(Some(100), None).judge(at(1_000)), Verdict::Over);
    }
}
