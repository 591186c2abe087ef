//! Answers kept under an `Idempotency-Key`.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::answer::Answer;
use crate::world::later;

/// A longer key is ignored.
const MAX_KEY: usize = 46;
/// How long an answer is kept.
const KEPT: SignedDuration = SignedDuration::from_mins(5);
/// From this size on, old answers are thrown away before another is added.
const CLEAN_ABOVE: usize = 1_000;

#[derive(Debug)]
enum Entry {
    Running,
    Done { at: Timestamp, answer: Answer },
}

/// What is known about a key.
#[derive(Debug)]
pub(crate) enum Known {
    /// Nothing: the request is now marked as running and must be ended with [`Replies::finish`].
    New,
    Running,
    Done(Answer),
}

/// One key space for all endpoints.
#[derive(Debug, Default)]
pub(crate) struct Replies(HashMap<String, Entry>);

impl Replies {
    /// Whether a key may be used at all.
    pub(crate) fn is_usable(key: &str) -> bool {
        !key.is_empty() && key.chars().count() <= MAX_KEY
    }

    pub(crate) fn begin(&mut self, key: &str, now: Timestamp) -> Known {
        let known = match self.0.get(key) {
            Some(Entry::Running) => return Known::Running,
            Some(Entry::Done { at, answer }) if now < later(*at, KEPT) => Known::Done(answer.clone()),
            Some(Entry::Done { .. }) | None => Known::New,
        };
        if matches!(known, Known::New) {
            if self.0.len() > CLEAN_ABOVE {
                self.0.retain(|_, entry| match entry {
                    Entry::Running => true,
                    Entry::Done { at, .. } => now < later(*at, KEPT),
                });
            }
            self.0.insert(key.to_owned(), Entry::Running);
        }
        known
    }

    /// Keeps a successful answer; anything else leaves the key free.
    pub(crate) fn finish(&mut self, key: &str, now: Timestamp, answer: Option<&Answer>) {
        match answer.filter(|answer| answer.is_success()) {
            Some(answer) => {
                self.0.insert(
                    key.to_owned(),
                    Entry::Done {
                        at: now,
                        answer: answer.clone(),
                    },
                );
            }
            None => {
                self.0.remove(key);
            }
        }
    }
}
