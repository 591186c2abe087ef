//! What operators are told of the fleet: when, how often, and when it is over.
//!
//! Somebody looks every minute. Each [`Condition`] that is found has one [`Alert`] from its beginning to its end, and
//! [`Alert::step`] says what becomes of it. Nothing here knows where alerts are kept or how they are told.

mod condition;
mod job;

pub use condition::{Condition, FleetPart};
pub use job::Job;

use crate::notice::Notice;
use crate::status::{Depth, Waiting};
use crate::{AlertId, Timestamp};

/// Seconds for which a condition has to be gone until its alert is over: what comes back before is the same trouble.
pub const CALM_SECONDS: i64 = 300;

/// Seconds until an alert is told again that was told once, or has grown since it was told.
const SOON: i64 = 3_600;

/// The same for one that was told twice, and for one that was told more often.
const LATER: [i64; 2] = [6 * 3_600, 24 * 3_600];

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What.
    pub condition: Condition,
    /// Grows when more of the same comes, which is told even to those who know of the rest.
    pub mark: i64,
    /// Until when it is known to last; not later than the look.
    pub until: Timestamp,
}

/// A condition that lasts, or is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Where it is kept; `None` for a new one.
    pub id: Option<AlertId>,
    /// What is wrong, as it was seen last.
    pub condition: Condition,
    /// As of what was seen last.
    pub mark: i64,
    /// When it was seen first.
    pub first_seen_at: Timestamp,
    /// Until when it is known to have lasted.
    pub last_seen_at: Timestamp,
    /// When it was told first; `None` while it may still pass by itself.
    pub opened_at: Option<Timestamp>,
    /// How often it was told, its end left out.
    pub told: u32,
    /// When it was told last.
    pub told_at: Option<Timestamp>,
    /// The mark that was told last.
    pub told_mark: i64,
    /// Somebody knows of it up to this mark.
    pub acknowledged_mark: Option<i64>,
    /// When it was over.
    pub closed_at: Option<Timestamp>,
}

/// What is said of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Turn {
    /// It begins.
    Opened,
    /// It lasts, or grows.
    Lasts,
    /// It is over.
    Over,
}

/// What operators are told.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct News {
    /// What has become of it.
    pub turn: Turn,
    /// What it is about.
    pub condition: Condition,
    /// Since when.
    pub since: Timestamp,
}

impl News {
    /// The notice for several of them at once: of the most important one, with the number of the others. `None` for nothing.
    pub fn notice(all: &[Self]) -> Option<Notice> {
        let first = all.iter().min_by_key(|news| news.turn)?;
        Some(Notice::SystemAlert {
            turn: first.turn,
            condition: first.condition.clone(),
            more: all.len() - 1,
        })
    }
}

/// What a look makes of one condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing has changed.
    Nothing,
    /// The alert stands there now, and this is told of it.
    Keep(Box<Alert>, Option<Turn>),
    /// It passed before anybody heard of it.
    Forget,
}

impl Alert {
    fn begin(seen: Seen) -> Self {
        Self {
            id: None,
            condition: seen.condition,
            mark: seen.mark,
            first_seen_at: seen.until,
            last_seen_at: seen.until,
            opened_at: None,
            told: 0,
            told_at: None,
            told_mark: seen.mark,
            acknowledged_mark: None,
            closed_at: None,
        }
    }

    /// What a look makes of what is known of a condition and what it sees of it.
    pub fn step(known: Option<Self>, seen: Option<Seen>, now: Timestamp) -> Step {
        match (known, seen) {
            (None, None) => Step::Nothing,
            (None, Some(seen)) => Self::begin(seen).told_if_due(now),
            (Some(known), None) => known.missed(now),
            (Some(known), Some(seen)) => {
                let passed = seen.until.seconds_since(known.last_seen_at) >= CALM_SECONDS;
                if known.opened_at.is_none() && passed {
                    // Nobody looked for a while: that it was there before says nothing about the time between.
                    let id = known.id;
                    return Self {
                        id,
                        ..Self::begin(seen)
                    }
                    .told_if_due(now);
                }
                let last_seen_at = known.last_seen_at.max(seen.until);
                let (condition, mark) = (seen.condition, seen.mark);
                Self {
                    condition,
                    mark,
                    last_seen_at,
                    ..known
                }
                .told_if_due(now)
            }
        }
    }

    /// When it is told again if it lasts; `None` if nobody has to hear of it any more.
    pub fn tell_at(&self) -> Option<Timestamp> {
        let [later, last] = LATER;
        let gap = match self.told {
            0 | 1 => SOON,
            _ if self.mark > self.told_mark => SOON,
            2 => later,
            _ => last,
        };
        let is_told = self.closed_at.is_none() && self.acknowledged_mark.is_none();
        self.told_at.filter(|_| is_told).map(|at| at.plus_seconds(gap))
    }

    fn told_if_due(mut self, now: Timestamp) -> Step {
        let lasted = self.last_seen_at.seconds_since(self.first_seen_at);
        let turn = if self.opened_at.is_none() {
            (lasted >= self.condition.patience()).then_some(Turn::Opened)
        } else if self.acknowledged_mark.is_some_and(|known| self.mark > known) {
            self.acknowledged_mark = None;
            Some(Turn::Lasts)
        } else {
            let is_due = self.tell_at().is_some_and(|at| at <= now);
            is_due.then_some(Turn::Lasts)
        };
        if turn.is_some() {
            self.opened_at = self.opened_at.or(Some(now));
            self.told_at = Some(now);
            self.told_mark = self.mark;
            self.told += 1;
        }
        Step::Keep(Box::new(self), turn)
    }

    fn missed(mut self, now: Timestamp) -> Step {
        if now.seconds_since(self.last_seen_at) < CALM_SECONDS {
            return Step::Nothing;
        }
        if self.opened_at.is_none() {
            return Step::Forget;
        }
        self.closed_at = Some(now);
        Step::Keep(Box::new(self), Some(Turn::Over))
    }
}

/// Money that waits for people, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heap {
    /// How many.
    pub count: u64,
    /// The largest of their ids.
    pub newest: i64,
    /// When the oldest of them came.
    pub oldest: Option<Timestamp>,
}

/// A rule that must never be broken, and is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// Its name.
    pub rule: String,
    /// How many rows break it.
    pub count: i64,
    /// The first of them.
    pub rows: Vec<String>,
}

/// What somebody found who looked at everything; `None` for what did not answer. Without the database there is nobody to tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// In the queues.
    pub queues: Option<Vec<Depth>>,
    /// Services that the fleet left alone, each with the last moment of it so far known.
    pub left_alone: Option<Vec<(&'static str, Timestamp)>>,
    /// What waits in the database to be done.
    pub waiting: Waiting,
    /// When the jobs were last done.
    pub jobs: Vec<(Job, Timestamp)>,
    /// Rules that are broken.
    pub breaches: Vec<Breach>,
    /// Payments in a wrong amount, or paid twice.
    pub conflicted: Heap,
    /// Refunds that the gateway should have made long ago.
    pub stuck: Heap,
    /// Refunds that people should have transferred by now.
    pub manual: Heap,
}

/// Seconds after the end of its rest during which a service counts as left alone: whoever asks it seldom lets a minute pass.
const REST_LASTS_SECONDS: i64 = 60;

impl Found {
    /// What is wrong.
    pub fn conditions(&self, now: Timestamp) -> Vec<Seen> {
        let mut all = Vec::new();
        let mut see = |condition, mark| {
            all.push(Seen {
                condition,
                mark,
                until: now,
            });
        };
        for depth in self.queues.iter().flatten().filter(|depth| depth.dead > 0) {
            let (queue, messages) = (depth.queue.as_str().to_owned(), depth.dead);
            see(
                Condition::DeadLetters { queue, messages },
                i64::try_from(messages).unwrap_or(i64::MAX),
            );
        }
        for (part, answered) in [
            (FleetPart::Queues, self.queues.is_some()),
            (FleetPart::StateTable, self.left_alone.is_some()),
        ] {
            if !answered {
                see(Condition::Silent { part }, 0);
            }
        }
        for (job, since) in job::late(&self.jobs, &self.waiting, now) {
            see(Condition::JobLate { job, since }, 0);
        }
        for breach in &self.breaches {
            let condition = Condition::RuleBroken {
                rule: breach.rule.clone(),
                count: u64::try_from(breach.count).unwrap_or_default(),
                rows: breach.rows.clone(),
            };
            see(condition, breach.count);
        }
        for (heap, condition) in [
            (
                self.conflicted,
                Condition::PaymentsConflicted {
                    count: self.conflicted.count,
                },
            ),
            (
                self.stuck,
                Condition::RefundsStuck {
                    count: self.stuck.count,
                    since: self.stuck.oldest,
                },
            ),
            (
                self.manual,
                Condition::RefundsManual {
                    count: self.manual.count,
                    since: self.manual.oldest,
                },
            ),
        ] {
            if heap.count > 0 {
                see(condition, heap.newest);
            }
        }
        for (service, until) in self.left_alone.iter().flatten() {
            if now.seconds_since(*until) < REST_LASTS_SECONDS {
                let service = (*service).to_owned();
                all.push(Seen {
                    condition: Condition::LeftAlone { service },
                    mark: 0,
                    until: now.min(*until),
                });
            }
        }
        all
    }

    /// Whether a look like this would have seen a condition: what did not answer says nothing about its end.
    pub const fn would_see(&self, condition: &Condition) -> bool {
        match condition {
            Condition::DeadLetters { .. } => self.queues.is_some(),
            Condition::LeftAlone { .. } => self.left_alone.is_some(),
            Condition::Silent { .. }
            | Condition::JobLate { .. }
            | Condition::RuleBroken { .. }
            | Condition::PaymentsConflicted { .. }
            | Condition::RefundsStuck { .. }
            | Condition::RefundsManual { .. } => true,
        }
    }
}

#[cfg(test)]
mod tests;
