//! Limits of requests as clients see them: `RateLimit-*` headers, and 429 with `Retry-After`. Who counts is not known here.

use crate::answer::Answer;
use crate::failure::Failure;
use domain::{Error, Kind};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;

/// What is left of a limit after a request was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Requests in a window.
    pub uses: u64,
    /// Length of a window in seconds.
    pub window_seconds: i64,
    /// Requests left in this window.
    pub remaining: u64,
    /// Seconds until the next window.
    pub reset_seconds: u32,
}

impl Quota {
    /// The one of two limits that will stop the caller first. Clients are told of one limit only.
    #[must_use]
    pub const fn or_tighter(self, other: Self) -> Self {
        if other.remaining < self.remaining {
            other
        } else {
            self
        }
    }

    /// The refusal of a request over this limit: 429 with `Retry-After` and the headers of the limit.
    pub fn exceeded(self, message: &'static str) -> Failure {
        let error = Error::new(Kind::RateLimited, "rate_limited", message).retry_after(self.reset_seconds);
        Failure::from(error).with_headers(self.headers())
    }

    fn headers(self) -> HeaderMap {
        let policy = HeaderValue::from_str(&format!("{};w={}", self.uses, self.window_seconds));
        let mut headers = HeaderMap::from_iter(
            [
                ("ratelimit-limit", self.uses.into()),
                ("ratelimit-remaining", self.remaining.into()),
                ("ratelimit-reset", self.reset_seconds.into()),
            ]
            .map(|(name, value): (_, HeaderValue)| (HeaderName::from_static(name), value)),
        );
        headers.extend(policy.map(|policy| (HeaderName::from_static("ratelimit-policy"), policy)));
        headers
    }
}

impl<T: Serialize> Answer<T> {
    /// Tells what is left of a limit.
    #[must_use]
    pub fn quota(self, quota: Quota) -> Self {
        self.headers(quota.headers())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse as _;

    const QUOTA: Quota = Quota {
        uses: 3,
        window_seconds: 3_600,
        remaining: 0,
        reset_seconds: 90,
    };

    #[test]
    fn an_answer_and_a_refusal_tell_of_the_same_limit() {
        for response in [
            Answer::ok(()).quota(QUOTA).into_response(),
            QUOTA.exceeded("Too many").into_response(),
        ] {
            let headers = response.headers();
            for (name, value) in [
                ("limit", "3"),
                ("policy", "3;w=3600"),
                ("remaining", "0"),
                ("reset", "90"),
            ] {
                assert_eq!(headers[&format!("ratelimit-{name}")], value, "{name}");
            }
        }
    }

    #[test]
    fn clients_are_told_of_the_limit_that_stops_them_first() {
        let wide = Quota {
            uses: 30,
            remaining: 12,
            ..QUOTA
        };
        assert_eq!(wide.or_tighter(QUOTA), QUOTA);
        assert_eq!(QUOTA.or_tighter(wide), QUOTA);
    }
}
