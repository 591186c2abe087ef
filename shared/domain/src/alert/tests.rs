use super::*;
use crate::language::Language;
use crate::message::Queue;
use crate::status::Depth;
use proptest::prelude::*;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

fn at(seconds: i64) -> Timestamp {
    Timestamp::parse("2030-01-01T12:00:00Z")
        .unwrap()
        .plus_seconds(seconds)
}

fn dead(messages: u64) -> Condition {
    let queue = "mail".to_owned();
    Condition::DeadLetters { queue, messages }
}

fn left_alone() -> Condition {
    let service = "midtrans".to_owned();
    Condition::LeftAlone { service }
}

fn seen(condition: Condition, mark: i64, until: i64) -> Option<Seen> {
    let until = at(until);
    Some(Seen {
        condition,
        mark,
        until,
    })
}

/// One condition over time, with what was told of it and when.
#[derive(Default)]
struct Watch {
    alert: Option<Alert>,
    told: Vec<(i64, Turn)>,
    forgotten: usize,
}

impl Watch {
    fn look(&mut self, second: i64, seen: Option<Seen>) -> &mut Self {
        match Alert::step(self.alert.clone(), seen, at(second)) {
            Step::Nothing => {}
            Step::Keep(alert, turn) => {
                self.told.extend(turn.map(|turn| (second, turn)));
                self.alert = alert.closed_at.is_none().then_some(*alert);
            }
            Step::Forget => {
                self.alert = None;
                self.forgotten += 1;
            }
        }
        self
    }

    fn acknowledge(&mut self) {
        if let Some(alert) = &mut self.alert {
            alert.acknowledged_mark = Some(alert.mark);
        }
    }
}

#[test]
fn what_lasts_is_told_at_once_then_with_growing_gaps_and_when_it_is_over() {
    let mut watch = Watch::default();
    for minute in 0..=3 * DAY / 60 {
        watch.look(minute * 60, seen(dead(1), 1, minute * 60));
    }
    let end = 3 * DAY + CALM_SECONDS;
    watch.look(end - 1, None).look(end, None).look(end + 60, None);
    let told: Vec<_> = [
        (0, Turn::Opened),
        (HOUR, Turn::Lasts),
        (7 * HOUR, Turn::Lasts),
        (31 * HOUR, Turn::Lasts),
        (55 * HOUR, Turn::Lasts),
        (end, Turn::Over),
    ]
    .to_vec();
    assert_eq!(watch.told, told);
}

#[test]
fn what_grows_is_told_within_the_hour() {
    let mut watch = Watch::default();
    watch.look(0, seen(dead(1), 1, 0));
    watch.look(HOUR, seen(dead(1), 1, HOUR));
    watch.look(HOUR + 60, seen(dead(900), 900, HOUR + 60));
    assert_eq!(watch.told.len(), 2, "not at once");
    watch.look(2 * HOUR, seen(dead(900), 900, 2 * HOUR));
    assert_eq!(watch.told.last(), Some(&(2 * HOUR, Turn::Lasts)));
}

#[test]
fn who_knows_of_it_hears_again_only_when_it_grows_or_is_over() {
    let mut watch = Watch::default();
    watch.look(0, seen(dead(3), 3, 0));
    watch.acknowledge();
    assert_eq!(watch.alert.as_ref().unwrap().tell_at(), None);
    for hour in 1..100 {
        watch.look(hour * HOUR, seen(dead(2), 2, hour * HOUR));
    }
    assert_eq!(watch.told, [(0, Turn::Opened)]);
    watch.look(100 * HOUR, seen(dead(4), 4, 100 * HOUR));
    assert_eq!(watch.told.last(), Some(&(100 * HOUR, Turn::Lasts)));
    watch.acknowledge();
    watch.look(101 * HOUR, None);
    assert_eq!(watch.told.last(), Some(&(101 * HOUR, Turn::Over)));
}

#[test]
fn a_breaker_that_flaps_is_one_alert_and_one_that_closes_within_the_minute_is_none() {
    let mut short = Watch::default();
    short.look(5, seen(left_alone(), 0, 5));
    // It was left alone until second 10, and nobody has asked since.
    short
        .look(65, seen(left_alone(), 0, 10))
        .look(125, None)
        .look(400, None);
    assert_eq!((short.told, short.forgotten), (Vec::new(), 1));

    let mut flapping = Watch::default();
    for minute in 0..30 {
        let second = minute * 60;
        let there = minute % 4 < 2;
        flapping.look(second, there.then(|| seen(left_alone(), 0, second)).flatten());
    }
    assert_eq!(flapping.told, [(60, Turn::Opened)]);
}

#[test]
fn what_was_seen_before_nobody_looked_does_not_count_as_lasting() {
    let mut watch = Watch::default();
    watch.look(0, seen(left_alone(), 0, 0));
    watch.look(DAY, seen(left_alone(), 0, DAY));
    assert_eq!(watch.told, []);
    watch.look(DAY + 60, seen(left_alone(), 0, DAY + 60));
    assert_eq!(watch.told, [(DAY + 60, Turn::Opened)]);
}

#[test]
fn everything_that_is_wrong_is_a_condition_of_its_own() {
    let well = Found {
        queues: Some(Queue::ALL.map(|queue| depth(queue, 0)).to_vec()),
        left_alone: Some(Vec::new()),
        jobs: Job::ALL.map(|job| (job, at(-60))).to_vec(),
        ..Found::default()
    };
    assert_eq!(well.conditions(at(0)), []);
    let heap = |newest| Heap {
        count: 2,
        newest,
        oldest: Some(at(-9 * DAY)),
    };
    let found = Found {
        queues: Some(Queue::ALL.map(|queue| depth(queue, 2)).to_vec()),
        left_alone: Some(vec![("mail", at(10)), ("midtrans", at(-59)), ("old", at(-60))]),
        jobs: vec![
            (Job::Announcer, at(-241)),
            (Job::JanitorCheck, at(-241)),
            (Job::Janitor, at(-60)),
        ],
        waiting: Waiting {
            hold: Some(at(-3_000)),
            message: Some(at(-240)),
            question: Some(at(60)),
            ..Waiting::default()
        },
        breaches: vec![Breach {
            rule: "stock_within_capacity".to_owned(),
            count: 1,
            rows: vec!["7".to_owned()],
        }],
        conflicted: heap(5),
        stuck: heap(6),
        manual: heap(7),
    };
    let seen = found.conditions(at(0));
    let keys: Vec<String> = seen.iter().map(|seen| seen.condition.key()).collect();
    let dead = Queue::ALL.map(|queue| format!("dead_letters {}", queue.as_str()));
    let others = [
        "job_late janitor",
        "job_late announcer",
        "rule_broken stock_within_capacity",
        "payments_conflicted",
        "refunds_stuck",
        "refunds_manual",
        "left_alone mail",
        "left_alone midtrans",
    ];
    let expected: Vec<String> = dead.into_iter().chain(others.map(str::to_owned)).collect();
    assert_eq!(keys, expected);
    let until = |key: &str| {
        seen.iter()
            .find(|seen| seen.condition.key() == key)
            .unwrap()
            .until
    };
    assert_eq!(
        (until("left_alone mail"), until("left_alone midtrans")),
        (at(0), at(-59))
    );
    let janitor = Condition::JobLate {
        job: Job::Janitor,
        since: at(-3_000),
    };
    assert!(
        seen.iter().any(|seen| seen.condition == janitor),
        "since the oldest that is undone"
    );
    assert!(seen.iter().all(|seen| found.would_see(&seen.condition)));
}

#[test]
fn what_does_not_answer_is_wrong_itself_and_says_nothing_about_the_rest() {
    let blind = Found {
        jobs: Job::ALL.map(|job| (job, at(0))).to_vec(),
        ..Found::default()
    };
    let keys: Vec<String> = blind
        .conditions(at(0))
        .iter()
        .map(|seen| seen.condition.key())
        .collect();
    assert_eq!(keys, ["silent queues", "silent state_table"]);
    assert!(!blind.would_see(&dead(1)) && !blind.would_see(&left_alone()));
    assert!(blind.would_see(&Condition::PaymentsConflicted { count: 1 }));
}

#[test]
fn of_much_at_once_the_notice_tells_the_most_important() {
    let news = |turn, condition| News {
        turn,
        condition,
        since: at(0),
    };
    let all = [
        news(Turn::Over, left_alone()),
        news(Turn::Lasts, dead(1)),
        news(
            Turn::Opened,
            Condition::Silent {
                part: FleetPart::Queues,
            },
        ),
    ];
    let text = News::notice(&all).unwrap().text(Language::En);
    assert_eq!(text, "System alert: The queues do not answer. And 2 more.");
    let text = News::notice(&all[..1]).unwrap().text(Language::En);
    assert_eq!(
        text,
        "System alert is over: The service midtrans keeps failing and is left alone."
    );
    assert_eq!(News::notice(&[]), None);
}

fn depth(queue: Queue, dead: u64) -> Depth {
    Depth {
        queue,
        waiting: 1,
        in_flight: 1,
        dead,
    }
}

/// One of each kind.
pub(crate) fn every_condition() -> Vec<Condition> {
    vec![
        dead(3),
        left_alone(),
        Condition::Silent {
            part: FleetPart::Queues,
        },
        Condition::Silent {
            part: FleetPart::StateTable,
        },
        Condition::JobLate {
            job: Job::Reconciler,
            since: at(0),
        },
        Condition::RuleBroken {
            rule: "late_money_goes_back".to_owned(),
            count: 2,
            rows: vec!["ORDER-1: 0 of 5000".to_owned()],
        },
        Condition::PaymentsConflicted { count: 4 },
        Condition::RefundsStuck {
            count: 5,
            since: Some(at(0)),
        },
        Condition::RefundsManual {
            count: 6,
            since: None,
        },
    ]
}

#[test]
fn a_condition_survives_the_database_and_is_said_in_both_languages() {
    let mut keys: Vec<String> = every_condition().iter().map(Condition::key).collect();
    for condition in every_condition() {
        let json = serde_json::to_value(&condition).unwrap();
        assert_eq!(serde_json::from_value::<Condition>(json).unwrap(), condition);
        let (id, en) = (condition.text(Language::Id), condition.text(Language::En));
        assert_ne!(id, en);
        assert_ne!(condition.advice(Language::Id), condition.advice(Language::En));
        assert!(
            id.chars().count() <= 160 && en.chars().count() <= 160,
            "{id} / {en}"
        );
    }
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), every_condition().len());
    for job in Job::ALL {
        assert_eq!(Job::parse(job.as_str()), Some(job));
        assert_eq!(serde_json::to_value(job).unwrap(), job.as_str());
    }
}

proptest! {
    /// Whatever comes and goes, and whoever acknowledges what: an alert is opened, told and closed in this order, seldom, and
    /// closed once its condition was gone for long enough.
    #[test]
    fn whatever_happens_operators_hear_the_whole_story_and_little_of_it(
        looks in proptest::collection::vec((1_i64..900, proptest::option::of(0_i64..4), prop::bool::weighted(0.1)), 1..200),
        impatient in any::<bool>(),
    ) {
        let mut watch = Watch::default();
        let (mut now, mut gone_since) = (0, None);
        let (mut mark_known, mut told_at) = (None, 0);
        for (pause, mark, acknowledge) in looks {
            now += pause;
            let condition = if impatient { dead(1) } else { left_alone() };
            let before = (watch.told.len(), watch.alert.clone());
            watch.look(now, mark.and_then(|mark| seen(condition, mark, now)));
            let new = &watch.told[before.0..];
            prop_assert!(new.len() <= 1, "one thing at a time");
            match new.first() {
                Some((_, Turn::Opened)) => {
                    let was_open = before.1.is_some_and(|alert| alert.opened_at.is_some());
                    prop_assert!(!was_open, "opened twice");
                    (mark_known, told_at) = (None, now);
                }
                Some((_, Turn::Lasts)) => {
                    let grew = mark_known.is_some_and(|known| mark.is_some_and(|mark| mark > known));
                    prop_assert!(grew || mark_known.is_none(), "told to somebody who knew");
                    prop_assert!(grew || now - told_at >= HOUR, "told again after {} s", now - told_at);
                    (mark_known, told_at) = (None, now);
                }
                Some((_, Turn::Over)) => {
                    let since = gone_since.unwrap_or(now);
                    prop_assert!(now - since >= 0 && mark.is_none(), "over while it lasts");
                    prop_assert!(before.1.is_some_and(|alert| alert.opened_at.is_some()), "over before it began");
                }
                None => {}
            }
            if mark.is_some() {
                gone_since = None;
            } else {
                gone_since = gone_since.or(Some(now));
                let long = gone_since.is_some_and(|since| now - since >= CALM_SECONDS);
                prop_assert!(!long || watch.alert.is_none(), "not over after {CALM_SECONDS} s");
            }
            if acknowledge && watch.alert.as_ref().is_some_and(|alert| alert.opened_at.is_some()) {
                watch.acknowledge();
                mark_known = watch.alert.as_ref().and_then(|alert| alert.acknowledged_mark);
            }
        }
        let turns: Vec<Turn> = watch.told.iter().map(|(_, turn)| *turn).collect();
        for pair in turns.windows(2) {
            let follows = matches!(pair, [Turn::Over, Turn::Opened] | [Turn::Opened | Turn::Lasts, Turn::Lasts | Turn::Over]);
            prop_assert!(follows, "{turns:?}");
        }
        prop_assert!(turns.first().is_none_or(|first| *first == Turn::Opened));
    }
}
