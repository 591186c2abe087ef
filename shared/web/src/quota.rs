//! Limits of requests as clients see them: `RateLimit-*` headers, and 429 with `Retry-After`. Who counts is not known here.

use crate::answer::Answer;
use crate::failure::Failure;
use domain::rate::{Decision, Limit};
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
    /// What is left of a limit after a use was counted, or the refusal of that use.
    ///
    /// # Errors
    /// 429 if the limit is used up.
    pub fn of(limit: Limit, decision: Decision, message: &'static str) -> Result<Self, Failure> {
        let quota = Self {
            uses: limit.uses,
            window_seconds: limit.window_seconds,
            remaining: decision.remaining,
            reset_seconds: decision.reset_seconds,
        };
        if decision.allowed {
            Ok(quota)
        } else {
            Err(quota.exceeded(message))
        }
    }

    /// What is left after a use was counted against several limits; `None` for a limit that could not be counted, and in all
    /// if none could.
    ///
    /// # Errors
    /// 429 if one of the limits is used up.
    pub fn of_all<const N: usize>(
        counted: [(Limit, Option<Decision>); N],
        message: &'static str,
    ) -> Result<Option<Self>, Failure> {
        let mut tightest: Option<Self> = None;
        for (limit, decision) in counted {
            let Some(decision) = decision else { continue };
            let quota = Self::of(limit, decision, message)?;
            tightest = Some(tightest.map_or(quota, |other| other.or_tighter(quota)));
        }
        Ok(tightest)
    }

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
    /// Tells what is left of a limit, if that is known.
    #[must_use]
    pub fn quota(self, quota: impl Into<Option<Quota>>) -> Self {
        match quota.into() {
            Some(quota) => self.headers(quota.headers()),
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Access, Route, Router, Site};
    use axum::body::{Body, to_bytes};
    use axum::response::Response;
    use tower::ServiceExt as _;

    const QUOTA: Quota = Quota {
        uses: 3,
        window_seconds: 3_600,
        remaining: 0,
        reset_seconds: 90,
    };

    /// The answers of a route that passes and of one that refuses, as they are sent.
    async fn sent(path: &str) -> Response {
        const PASS: Route = Route::new("GET", "/pass", Access::Public, "pass", "Pass");
        const REFUSE: Route = Route::new("GET", "/refuse", Access::Public, "refuse", "Refuse");
        let router = Router::default()
            .at(&PASS, async || Answer::ok(()).quota(QUOTA))
            .at(&REFUSE, async || QUOTA.exceeded("Too many"))
            .build((), Site::default());
        let request = http::Request::get(path).body(Body::empty()).unwrap();
        router.oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn an_answer_and_a_refusal_tell_of_the_same_limit() {
        for path in ["/pass", "/refuse"] {
            let response = sent(path).await;
            let headers = response.headers();
            for (name, value) in [
                ("limit", "3"),
                ("policy", "3;w=3600"),
                ("remaining", "0"),
                ("reset", "90"),
            ] {
                assert_eq!(headers[&format!("ratelimit-{name}")], value, "{path}: {name}");
            }
        }
    }

    #[tokio::test]
    async fn a_refusal_says_when_to_come_back() {
        let response = sent("/refuse").await;
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["retry-after"], "90");
        let length = response.headers().get("content-length").cloned();
        let body = to_bytes(response.into_body(), 1_000).await.unwrap();
        assert!(body.starts_with(br#"{"status":"error","message":"Too many","code":"rate_limited""#));
        assert!(
            length.is_none_or(|length| length.to_str().unwrap() == body.len().to_string()),
            "the length is that of the whole body"
        );
    }

    #[test]
    fn of_several_limits_the_tightest_is_told_and_each_can_refuse() {
        const WIDE: Limit = Limit {
            action: "wide",
            uses: 30,
            window_seconds: 60,
        };
        const NARROW: Limit = Limit {
            action: "narrow",
            uses: 3,
            window_seconds: 60,
        };
        let left = |remaining| {
            Some(Decision {
                allowed: true,
                remaining,
                reset_seconds: 9,
            })
        };
        let used_up = Some(Decision {
            allowed: false,
            remaining: 0,
            reset_seconds: 9,
        });
        let told = |wide, narrow| {
            Quota::of_all([(WIDE, wide), (NARROW, narrow)], "Too many")
                .map(|quota| quota.map(|quota| (quota.uses, quota.remaining)))
                .map_err(drop)
        };
        assert_eq!(told(left(12), left(2)), Ok(Some((3, 2))));
        assert_eq!(told(left(1), left(2)), Ok(Some((30, 1))));
        assert_eq!(told(left(12), None), Ok(Some((30, 12))));
        assert_eq!(told(None, None), Ok(None));
        assert_eq!(told(left(12), used_up), Err(()));
        assert_eq!(told(used_up, left(2)), Err(()));
        assert_eq!(told(used_up, None), Err(()));
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
