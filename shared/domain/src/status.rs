//! Whether the fleet works, out of what can be seen of it.

use crate::Timestamp;
use crate::message::Queue;

/// What should be done within a minute is late after this time, in seconds: a run may be skipped, three may not.
pub(crate) const LATE_SECONDS: i64 = 240;

/// The services that the fleet leaves alone while they fail, by the names of their breakers.
pub const BREAKERS: [&str; 3] = ["midtrans", "mail", "promotional mail"];

/// Whether something works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// It works.
    Up,
    /// It works in part, or late.
    Degraded,
    /// It does not work.
    Down,
}

/// When the oldest of what waits was due; `None` if nothing waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// A message that is to leave the database.
    pub message: Option<Timestamp>,
    /// A hold whose time is over.
    pub hold: Option<Timestamp>,
    /// A refund that is to be tried.
    pub refund: Option<Timestamp>,
    /// A payment about which the gateway is to be asked.
    pub question: Option<Timestamp>,
}

/// How much is in a queue, as far as it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    /// The queue.
    pub queue: Queue,
    /// Messages that wait.
    pub waiting: u64,
    /// Messages that are being worked on.
    pub in_flight: u64,
    /// Messages that were given up.
    pub dead: u64,
}

/// A service that is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenBreaker {
    /// Its name.
    pub service: String,
    /// When it is asked again.
    pub until: Timestamp,
}

/// What was seen; `None` for what did not answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// In the database.
    pub waiting: Option<Waiting>,
    /// In the queues.
    pub queues: Option<Vec<Depth>>,
    /// Of the breakers.
    pub breakers: Option<Vec<OpenBreaker>>,
}

/// A part of the fleet, or a service that it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// Its name: that of the function, if it is one.
    pub name: &'static str,
    /// Whether it works.
    pub health: Health,
    /// Whether it is a part of the fleet, so that it has the fleet's version.
    pub is_ours: bool,
}

/// The function that consumes a queue.
const fn consumer(queue: Queue) -> &'static str {
    match queue {
        Queue::PaymentNotifications | Queue::Refunds => "payment-worker",
        Queue::Mail => "mailer",
        Queue::Media => "media-worker",
        Queue::Notices => "notifier",
        Queue::Webhooks => "webhook-sender",
        Queue::MailEvents => "mail-events",
        Queue::Promotions => "mailer-promotions",
    }
}

fn punctual(due: Option<Timestamp>, now: Timestamp) -> Health {
    match due {
        Some(due) if now.seconds_since(due) > LATE_SECONDS => Health::Degraded,
        _ => Health::Up,
    }
}

impl Found {
    /// All services, each with how it is. A function whose work cannot be seen counts as working: what it depends on is told.
    pub fn services(&self, now: Timestamp) -> Vec<Service> {
        let theirs = |name, health| Service {
            name,
            health,
            is_ours: false,
        };
        let ours = |name, health| Service {
            name,
            health,
            is_ours: true,
        };
        let answers = |answered: bool, otherwise| if answered { Health::Up } else { otherwise };
        let waiting = self.waiting.unwrap_or_default();
        let refund = punctual(waiting.refund, now);
        let mut all = vec![
            theirs("database", answers(self.waiting.is_some(), Health::Down)),
            theirs("queues", answers(self.queues.is_some(), Health::Degraded)),
            theirs("state table", answers(self.breakers.is_some(), Health::Degraded)),
            ours("outbox-relay", punctual(waiting.message, now)),
            ours("janitor", punctual(waiting.hold, now).max(refund)),
            ours("reconciler", punctual(waiting.question, now)),
        ];
        for service in BREAKERS {
            let open = self.breakers.iter().flatten();
            let is_open = open.into_iter().any(|breaker| breaker.service == service);
            all.push(theirs(service, answers(!is_open, Health::Degraded)));
        }
        for depth in self.queues.iter().flatten() {
            let (name, health) = (consumer(depth.queue), answers(depth.dead == 0, Health::Degraded));
            match all.iter_mut().find(|service| service.name == name) {
                Some(known) => known.health = known.health.max(health),
                None => all.push(ours(name, health)),
            }
        }
        all
    }

    /// Of all together, it is as well as what is worst.
    pub fn health(&self, now: Timestamp) -> Health {
        let all = self.services(now).into_iter().map(|service| service.health);
        all.max().unwrap_or(Health::Up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::parse("2030-01-01T12:00:00Z")
            .unwrap()
            .plus_seconds(seconds)
    }

    fn well() -> Found {
        let depth = |queue| Depth {
            queue,
            waiting: 3,
            in_flight: 1,
            dead: 0,
        };
        Found {
            waiting: Some(Waiting::default()),
            queues: Some(Queue::ALL.map(depth).to_vec()),
            breakers: Some(Vec::new()),
        }
    }

    fn ill(found: &Found) -> Vec<(&'static str, Health)> {
        let services = found.services(at(0)).into_iter();
        services
            .filter(|service| service.health != Health::Up)
            .map(|service| (service.name, service.health))
            .collect()
    }

    #[test]
    fn when_everything_works_the_fleet_is_up() {
        let found = well();
        assert_eq!((found.health(at(0)), ill(&found)), (Health::Up, Vec::new()));
        let names: Vec<_> = found.services(at(0)).iter().map(|service| service.name).collect();
        let mut once = names.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), names.len(), "{names:?}");
    }

    #[test]
    fn without_its_database_it_is_down_and_without_the_rest_degraded() {
        let mut found = well();
        found.waiting = None;
        assert_eq!(found.health(at(0)), Health::Down);
        for found in [
            Found {
                queues: None,
                ..well()
            },
            Found {
                breakers: None,
                ..well()
            },
        ] {
            assert_eq!(found.health(at(0)), Health::Degraded);
        }
    }

    #[test]
    fn who_is_late_is_named() {
        for (due, name) in [
            (|waiting: &mut Waiting| &mut waiting.message, "outbox-relay"),
            (|waiting| &mut waiting.hold, "janitor"),
            (|waiting| &mut waiting.refund, "janitor"),
            (|waiting| &mut waiting.question, "reconciler"),
        ] as [(fn(&mut Waiting) -> &mut Option<Timestamp>, _); 4]
        {
            for (seconds, expected) in [
                (-240, vec![]),
                (-241, vec![(name, Health::Degraded)]),
                (60, vec![]),
            ] {
                let mut waiting = Waiting::default();
                *due(&mut waiting) = Some(at(seconds));
                let found = Found {
                    waiting: Some(waiting),
                    ..well()
                };
                assert_eq!(ill(&found), expected, "{name} {seconds}");
            }
        }
    }

    #[test]
    fn dead_letters_and_open_breakers_are_named() {
        let mut found = well();
        for depth in found.queues.iter_mut().flatten() {
            depth.dead = u64::from(depth.queue == Queue::Refunds);
        }
        assert_eq!(ill(&found), [("payment-worker", Health::Degraded)]);
        let mut found = well();
        found.breakers = Some(vec![OpenBreaker {
            service: "midtrans".to_owned(),
            until: at(10),
        }]);
        assert_eq!(ill(&found), [("midtrans", Health::Degraded)]);
        assert_eq!(found.health(at(0)), Health::Degraded);
    }
}
