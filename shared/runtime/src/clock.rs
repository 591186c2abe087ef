use domain::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Where the time comes from. Rules take the time as an argument; handlers take it from here once per request.
#[derive(Debug, Clone, Default)]
pub struct Clock(Source);

#[derive(Debug, Clone, Default)]
enum Source {
    #[default]
    System,
    Set(Arc<AtomicI64>),
}

impl Clock {
    /// The clock of the machine.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still at `now` until [`Clock::advance`] moves it, and all of its clones with it.
    pub fn set_to(now: Timestamp) -> Self {
        Self(Source::Set(Arc::new(AtomicI64::new(
            now.inner().as_millisecond(),
        ))))
    }

    /// The time, in whole milliseconds.
    pub fn now(&self) -> Timestamp {
        let now = match &self.0 {
            Source::System => jiff::Timestamp::now(),
            Source::Set(ms) => jiff::Timestamp::from_millisecond(ms.load(Ordering::SeqCst))
                .unwrap_or(jiff::Timestamp::UNIX_EPOCH),
        };
        Timestamp::new(now)
    }

    /// Moves a clock made by [`Clock::set_to`]; the clock of the machine stays as it is.
    pub fn advance(&self, seconds: i64) {
        if let Source::Set(ms) = &self.0 {
            ms.fetch_add(seconds * 1_000, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_clock_moves_only_when_told() {
        let start = Timestamp::parse("2030-01-01T00:00:00Z").unwrap();
        let clock = Clock::set_to(start);
        let same = clock.clone();
        same.advance(90);
        assert_eq!(clock.now().seconds_since(start), 90);
    }
}
