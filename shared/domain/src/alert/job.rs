use crate::Timestamp;
use crate::status::{LATE_SECONDS, Waiting};

/// A job of a schedule.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Job {
    /// Publishes what functions did not.
    OutboxRelay,
    /// Ends what has had its time.
    Janitor,
    /// Looks for what must never be.
    JanitorCheck,
    /// Asks the gateway.
    Reconciler,
    /// Tells many people the same.
    Announcer,
}

impl Job {
    /// Every job.
    pub const ALL: [Self; 5] = [
        Self::OutboxRelay,
        Self::Janitor,
        Self::JanitorCheck,
        Self::Reconciler,
        Self::Announcer,
    ];

    /// As stored: the name of its function, and of what it does there if that has several.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OutboxRelay => "outbox-relay",
            Self::Janitor => "janitor",
            Self::JanitorCheck => "janitor-check",
            Self::Reconciler => "reconciler",
            Self::Announcer => "announcer",
        }
    }

    /// The job of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|job| job.as_str() == name)
    }

    /// Seconds after its last good end at which it is late: it is done every minute, or by the hour.
    const fn limit(self) -> i64 {
        match self {
            Self::OutboxRelay | Self::Janitor | Self::Reconciler | Self::Announcer => LATE_SECONDS,
            Self::JanitorCheck => 3 * 3_600,
        }
    }
}

/// Jobs that were not done in time, or left undone what they should have done, each since when.
pub(super) fn late(runs: &[(Job, Timestamp)], waiting: &Waiting, now: Timestamp) -> Vec<(Job, Timestamp)> {
    let undone = [
        (Job::OutboxRelay, waiting.message),
        (Job::Janitor, waiting.hold),
        (Job::Janitor, waiting.refund),
        (Job::Reconciler, waiting.question),
    ];
    let late = Job::ALL.into_iter().filter_map(|job| {
        let done = runs.iter().filter(|(run, _)| *run == job);
        let done = done
            .map(|(_, at)| *at)
            .filter(|at| now.seconds_since(*at) > job.limit());
        let due = undone.iter().filter(|(whose, _)| *whose == job);
        let due = due
            .filter_map(|(_, at)| *at)
            .filter(|at| now.seconds_since(*at) > LATE_SECONDS);
        Some((job, done.chain(due).min()?))
    });
    late.collect()
}
