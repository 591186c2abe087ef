//! Where the environments of the fleet agree on services that are left alone.

use crate::{Backend, KvError, Store};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use domain::breaker::{Breaker, Claim, Failed, Passage, Shared};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a call waits for the table. Without it, an environment decides by what it knows itself.
const PATIENCE: Duration = Duration::from_millis(300);

/// An environment whose calls fail asks the others at most so often, in seconds.
const LOOK_SECONDS: i64 = 2;

/// What is known of a service is forgotten this long after it was last left alone, in seconds.
const KEEP_SECONDS: i64 = 86_400;

/// The circuit breaker of a service, as one environment holds it. Its state is in memory; the table is asked only when a call
/// fails and when a service that rested may be tried again.
pub struct FleetBreaker {
    service: &'static str,
    store: Store,
    here: Mutex<Here>,
}

#[derive(Default)]
struct Here {
    breaker: Breaker,
    looked: Option<Timestamp>,
}

impl FleetBreaker {
    /// The breaker of the service of that name.
    pub fn new(service: &'static str, store: Store) -> Self {
        Self {
            service,
            store,
            here: Mutex::default(),
        }
    }

    fn here(&self) -> MutexGuard<'_, Here> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a call may be made now. Who is let through reports how it went.
    ///
    /// # Errors
    /// When the service may be asked again.
    pub async fn lets_through(&self, now: Timestamp) -> Result<(), Timestamp> {
        let passage = self.here().breaker.ask(now);
        match passage {
            Passage::Free => Ok(()),
            Passage::Shut(until) => Err(until),
            Passage::Trial => match self.patiently(self.store.claim_trial(self.service, now)).await {
                Some(Claim::Wait(until)) => {
                    self.here().breaker.learn(until);
                    Err(until)
                }
                Some(Claim::Closed) => {
                    self.here().breaker.close();
                    Ok(())
                }
                Some(Claim::Mine(_)) | None => Ok(()),
            },
        }
    }

    /// A call went well.
    pub async fn succeeded(&self) {
        if self.here().breaker.succeeded() {
            tracing::info!(service = self.service, "the service works again");
            self.patiently(self.store.close_breaker(self.service)).await;
        }
    }

    /// A call failed because of the service.
    pub async fn failed(&self, now: Timestamp) {
        let failed = self.here().breaker.failed(now);
        match failed {
            Failed::Opened(until) => {
                tracing::error!(service = self.service, %until, "the service is left alone");
                self.patiently(self.store.open_breaker(self.service, until)).await;
            }
            Failed::Counted if self.may_look(now) => {
                let known = self.patiently(self.store.breaker(self.service)).await.flatten();
                if let Some(known) = known.filter(|known| now < known.open_until) {
                    self.here().breaker.learn(known.open_until);
                }
            }
            Failed::Counted | Failed::Known => {}
        }
    }

    fn may_look(&self, now: Timestamp) -> bool {
        let looked = &mut self.here().looked;
        let may = looked.is_none_or(|at| now.seconds_since(at) >= LOOK_SECONDS);
        if may {
            *looked = Some(now);
        }
        may
    }

    async fn patiently<T>(&self, asked: impl Future<Output = Result<T, KvError>>) -> Option<T> {
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(error)) => {
                tracing::warn!(service = self.service, ?error, "the fleet was not asked");
                None
            }
            Err(_) => {
                tracing::warn!(
                    service = self.service,
                    "the fleet was not asked: no answer in time"
                );
                None
            }
        }
    }
}

impl Store {
    /// Until when the fleet leaves a service alone. `None` if it does not.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn left_alone_until(
        &self,
        service: &'static str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, KvError> {
        let known = self.breaker(service).await?;
        Ok(known.map(|known| known.open_until).filter(|until| now < *until))
    }

    /// What the fleet knows about a service that is, or was, left alone and has not been found to work since.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn breaker(&self, service: &'static str) -> Result<Option<Shared>, KvError> {
        match &self.0 {
            Backend::Memory(memory) => Ok(memory
                .breakers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(service)
                .copied()),
            Backend::DynamoDb { client, table } => {
                let answer = client
                    .get_item()
                    .table_name(table)
                    .key("pk", key(service))
                    .consistent_read(true)
                    .send()
                    .await;
                let answer = answer.map_err(|error| failure("read a circuit breaker", error.into()))?;
                Ok(answer.item().and_then(read))
            }
            Backend::Unreachable => Err(unreachable()),
        }
    }

    /// Tells the fleet to leave a service alone, unless it does so for longer already.
    async fn open_breaker(&self, service: &'static str, until: Timestamp) -> Result<(), KvError> {
        match &self.0 {
            Backend::Memory(memory) => {
                let mut breakers = memory.breakers.lock().unwrap_or_else(PoisonError::into_inner);
                let known = breakers.get(service);
                if known.is_none_or(|known| known.open_until < until) {
                    let state = Shared {
                        open_until: until,
                        trial_until: None,
                    };
                    breakers.insert(service, state);
                }
                Ok(())
            }
            Backend::DynamoDb { client, table } => {
                let update = client
                    .update_item()
                    .table_name(table)
                    .key("pk", key(service))
                    .update_expression("SET open_until = :until, expires_at = :expires REMOVE trial_until")
                    .condition_expression("attribute_not_exists(open_until) OR open_until < :until")
                    .expression_attribute_values(":until", time(until))
                    .expression_attribute_values(":expires", expires(until));
                written(update.send().await, "open a circuit breaker").map(drop)
            }
            Backend::Unreachable => Err(unreachable()),
        }
    }

    /// Asks for the one trial of a service that has rested. Of several who ask at once, one gets it.
    async fn claim_trial(&self, service: &'static str, now: Timestamp) -> Result<Claim, KvError> {
        match &self.0 {
            Backend::Memory(memory) => {
                let mut breakers = memory.breakers.lock().unwrap_or_else(PoisonError::into_inner);
                let claim = Shared::claim(breakers.get(service).copied(), now);
                if let Claim::Mine(state) = claim {
                    breakers.insert(service, state);
                }
                Ok(claim)
            }
            Backend::DynamoDb { client, table } => {
                let known = self.breaker(service).await?;
                let claim = Shared::claim(known, now);
                let (Some(known), Claim::Mine(state)) = (known, claim) else {
                    return Ok(claim);
                };
                let mut update = client
                    .update_item()
                    .table_name(table)
                    .key("pk", key(service))
                    .update_expression("SET trial_until = :until, expires_at = :expires")
                    .expression_attribute_values(":open", time(known.open_until))
                    .expression_attribute_values(":until", time(state.trial_until.unwrap_or(now)))
                    .expression_attribute_values(":expires", expires(now));
                // Whoever was faster has changed one of the two.
                update = match known.trial_until {
                    Some(trial) => update
                        .condition_expression("open_until = :open AND trial_until = :trial")
                        .expression_attribute_values(":trial", time(trial)),
                    None => update
                        .condition_expression("open_until = :open AND attribute_not_exists(trial_until)"),
                };
                let won = written(update.send().await, "try a service again")?;
                Ok(if won {
                    claim
                } else {
                    Shared::claim(Some(state), now)
                })
            }
            Backend::Unreachable => Err(unreachable()),
        }
    }

    /// Tells the fleet that a service works.
    async fn close_breaker(&self, service: &'static str) -> Result<(), KvError> {
        match &self.0 {
            Backend::Memory(memory) => {
                let mut breakers = memory.breakers.lock().unwrap_or_else(PoisonError::into_inner);
                breakers.remove(service);
                Ok(())
            }
            Backend::DynamoDb { client, table } => {
                let update = client
                    .update_item()
                    .table_name(table)
                    .key("pk", key(service))
                    .update_expression("REMOVE open_until, trial_until");
                written(update.send().await, "close a circuit breaker").map(drop)
            }
            Backend::Unreachable => Err(unreachable()),
        }
    }
}

fn key(service: &str) -> AttributeValue {
    AttributeValue::S(format!("breaker#{service}"))
}

fn time(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.inner().as_millisecond().to_string())
}

fn expires(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.plus_seconds(KEEP_SECONDS).unix_seconds().to_string())
}

/// `None` for a breaker that was closed.
fn read(item: &HashMap<String, AttributeValue>) -> Option<Shared> {
    let time = |name: &str| {
        let milliseconds = item.get(name)?.as_n().ok()?.parse().ok()?;
        Some(Timestamp::new(
            jiff::Timestamp::from_millisecond(milliseconds).ok()?,
        ))
    };
    Some(Shared {
        open_until: time("open_until")?,
        trial_until: time("trial_until"),
    })
}

/// Whether a conditional write was made.
fn written<T>(answer: Result<T, SdkError<UpdateItemError>>, action: &'static str) -> Result<bool, KvError> {
    match answer {
        Ok(_) => Ok(true),
        Err(SdkError::ServiceError(error))
            if matches!(error.err(), UpdateItemError::ConditionalCheckFailedException(_)) =>
        {
            Ok(false)
        }
        Err(error) => Err(failure(action, error.into())),
    }
}

fn failure(action: &'static str, source: Box<dyn std::error::Error + Send + Sync>) -> KvError {
    KvError { action, source }
}

fn unreachable() -> KvError {
    failure("ask about a circuit breaker", "the table does not answer".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::parse("2030-01-01T12:00:00Z")
            .unwrap()
            .plus_seconds(seconds)
    }

    fn environments<const N: usize>(store: &Store) -> [FleetBreaker; N] {
        std::array::from_fn(|_| FleetBreaker::new("midtrans", store.clone()))
    }

    async fn fail(breaker: &FleetBreaker, times: u32, now: Timestamp) {
        for _ in 0..times {
            assert_eq!(breaker.lets_through(now).await, Ok(()));
            breaker.failed(now).await;
        }
    }

    #[tokio::test]
    async fn what_one_environment_found_out_another_learns_with_its_first_failure() {
        let [one, two, idle] = environments(&Store::in_memory());
        fail(&one, 3, at(0)).await;
        assert_eq!(one.lets_through(at(0)).await, Err(at(10)));
        fail(&two, 1, at(4)).await;
        assert_eq!(two.lets_through(at(4)).await, Err(at(10)));
        assert_eq!(idle.lets_through(at(5)).await, Ok(()), "it was told nothing");
    }

    #[tokio::test]
    async fn an_environment_looks_every_two_seconds_while_it_fails() {
        let [one, two] = environments(&Store::in_memory());
        fail(&two, 1, at(0)).await;
        fail(&one, 3, at(0)).await;
        fail(&two, 1, at(1)).await;
        assert_eq!(two.lets_through(at(1)).await, Ok(()), "it has looked just now");
        two.succeeded().await;
        fail(&two, 1, at(2)).await;
        assert_eq!(two.lets_through(at(2)).await, Err(at(10)));
    }

    #[tokio::test]
    async fn one_environment_tries_and_what_comes_of_it_holds_for_all() {
        let [one, two, three] = environments(&Store::in_memory());
        fail(&one, 3, at(0)).await;
        fail(&two, 1, at(1)).await;
        fail(&three, 1, at(1)).await;
        assert_eq!(two.lets_through(at(10)).await, Ok(()));
        assert_eq!(one.lets_through(at(10)).await, Err(at(11)), "two tries");
        assert_eq!(three.lets_through(at(10)).await, Err(at(11)));
        two.failed(at(12)).await;
        assert_eq!(
            one.lets_through(at(12)).await,
            Err(at(22)),
            "it is left alone again"
        );
        assert_eq!(one.lets_through(at(22)).await, Ok(()));
        assert_eq!(three.lets_through(at(22)).await, Err(at(23)));
        one.succeeded().await;
        for breaker in [&one, &two, &three] {
            assert_eq!(breaker.lets_through(at(23)).await, Ok(()));
        }
    }

    #[tokio::test]
    async fn without_the_table_an_environment_decides_by_itself() {
        let breaker = FleetBreaker::new("midtrans", Store::unreachable());
        fail(&breaker, 3, at(0)).await;
        assert_eq!(breaker.lets_through(at(9)).await, Err(at(10)));
        assert_eq!(breaker.lets_through(at(10)).await, Ok(()));
        breaker.succeeded().await;
        assert_eq!(breaker.lets_through(at(10)).await, Ok(()));
    }

    #[test]
    fn a_state_is_read_as_it_was_written() {
        let shared = Shared {
            open_until: at(10),
            trial_until: Some(at(20)),
        };
        let mut item = HashMap::from([
            ("open_until".to_owned(), time(shared.open_until)),
            ("trial_until".to_owned(), time(at(20))),
        ]);
        assert_eq!(read(&item), Some(shared));
        item.remove("open_until");
        assert_eq!(read(&item), None);
    }
}
