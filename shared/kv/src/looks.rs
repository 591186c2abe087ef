//! Looks at events that somebody follows. While there are followers, one chain of looks goes on per event: each tells when
//! the next one is due, and keeps what was seen, so that a crowd is told from here and the database is asked once per look.
//!
//! Deliveries repeat, and chains could double: whoever comes before a look is due does nothing, so that two chains become
//! one. Whoever holds a look that is under way keeps others off until it must be over.

use crate::connections::{Backend, Connections, Item, locked, number, read_number, text};
use crate::{KvError, failed, is_refused};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::{EventId, Timestamp};

/// Seconds after which a look that was begun is taken to have died.
pub const LEASE_SECONDS: i64 = 30;

/// Milliseconds by which a look may come early: clocks and queues are not exact.
const EARLY_MS: i64 = 500;

/// Seconds after which a look that is due has been lost, and whoever comes begins a new chain.
const LOST_SECONDS: i64 = 60;

/// Seconds after which what was seen goes by itself.
const KEEP_SECONDS: i64 = 86_400;

/// What was seen last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Which look it was: they are numbered, from the time of the first in milliseconds on, so that later looks have higher
    /// numbers even when nobody looked in between.
    pub version: i64,
    /// What was seen, and which look saw it first; nothing before the first look is through.
    pub seen: Option<Seen>,
    /// Whether the followers were told.
    pub told: bool,
    /// Seconds between the last two looks.
    pub pause: i64,
    /// When the next one is due, or must be over if it is under way, in milliseconds since 1970.
    due_ms: i64,
}

impl Look {
    /// Whether the next one has been lost, so that whoever comes begins a new chain.
    pub fn is_lost(&self, now: Timestamp) -> bool {
        self.due_ms < ms(now) - LOST_SECONDS * 1_000
    }
}

/// What a look saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The number of the look. A look that is under way has a higher one already.
    pub version: i64,
    /// What was seen, in the caller's form.
    pub text: String,
}

/// Whether it is the caller's turn to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// It is; this was seen before, under the number of the new look.
    Yours(Look),
    /// Somebody looks at this moment.
    Taken,
    /// Nobody is to look now.
    NotDue,
}

#[derive(Debug, Clone)]
pub(crate) struct Stored {
    look: Look,
    working: bool,
}

fn ms(at: Timestamp) -> i64 {
    at.inner().as_millisecond()
}

impl Connections {
    /// What was seen last of an event. `None` while nobody follows it.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn last_look(&self, event: EventId) -> Result<Option<Look>, KvError> {
        match &self.0 {
            Backend::Memory(memory) => Ok(locked(memory).looks.get(&event).map(|stored| stored.look.clone())),
            Backend::DynamoDb { client, table } => {
                let get = client
                    .get_item()
                    .table_name(table)
                    .key("pk", text(&key(event)))
                    .key("sk", text("look"))
                    .consistent_read(true);
                let answer = get.send().await.map_err(failed("read a look"))?;
                Ok(answer.item().map(read))
            }
        }
    }

    /// Makes a look due now unless there will be one anyway. `true` if the caller has to send for it.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn begin_looks(&self, event: EventId, now: Timestamp) -> Result<bool, KvError> {
        let lost = ms(now) - LOST_SECONDS * 1_000;
        match &self.0 {
            Backend::Memory(memory) => {
                let mut memory = locked(memory);
                if memory
                    .looks
                    .get(&event)
                    .is_some_and(|stored| !stored.look.is_lost(now))
                {
                    return Ok(false);
                }
                let stored = memory.looks.entry(event).or_insert_with(|| Stored {
                    look: Look {
                        version: ms(now),
                        seen: None,
                        told: false,
                        pause: 0,
                        due_ms: 0,
                    },
                    working: false,
                });
                stored.look.due_ms = ms(now);
                stored.working = false;
                Ok(true)
            }
            Backend::DynamoDb { client, table } => {
                let update = client
                    .update_item()
                    .table_name(table)
                    .key("pk", text(&key(event)))
                    .key("sk", text("look"))
                    .update_expression("SET due = :now, look_number = if_not_exists(look_number, :now), expires_at = :ends REMOVE working")
                    .condition_expression("attribute_not_exists(pk) OR due < :lost")
                    .expression_attribute_values(":now", number(ms(now)))
                    .expression_attribute_values(":lost", number(lost))
                    .expression_attribute_values(":ends", ends(now));
                match update.send().await {
                    Ok(_) => Ok(true),
                    Err(error) if is_refused(&error) => Ok(false),
                    Err(error) => Err(failed("begin to look")(error)),
                }
            }
        }
    }

    /// Takes a look that is due, under the next number.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn take_look(&self, event: EventId, now: Timestamp) -> Result<Turn, KvError> {
        let (soon, lease) = (ms(now) + EARLY_MS, ms(now.plus_seconds(LEASE_SECONDS)));
        match &self.0 {
            Backend::Memory(memory) => {
                let mut memory = locked(memory);
                let Some(stored) = memory.looks.get_mut(&event) else {
                    return Ok(Turn::NotDue);
                };
                if stored.look.due_ms > soon {
                    return Ok(if stored.working { Turn::Taken } else { Turn::NotDue });
                }
                stored.look.due_ms = lease;
                stored.working = true;
                stored.look.version += 1;
                Ok(Turn::Yours(stored.look.clone()))
            }
            Backend::DynamoDb { client, table } => {
                let update = client
                    .update_item()
                    .table_name(table)
                    .key("pk", text(&key(event)))
                    .key("sk", text("look"))
                    .update_expression(
                        "SET due = :lease, working = :true, expires_at = :ends ADD look_number :one",
                    )
                    .condition_expression("attribute_exists(pk) AND due <= :soon")
                    .expression_attribute_values(":lease", number(lease))
                    .expression_attribute_values(":true", AttributeValue::Bool(true))
                    .expression_attribute_values(":ends", ends(now))
                    .expression_attribute_values(":one", number(1))
                    .expression_attribute_values(":soon", number(soon))
                    .return_values(ReturnValue::AllNew)
                    .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
                match update.send().await {
                    Ok(answer) => Ok(answer
                        .attributes()
                        .map_or(Turn::NotDue, |item| Turn::Yours(read(item)))),
                    Err(error) => match crate::refused_item(&error) {
                        Some(Some(item)) if item.contains_key("working") => Ok(Turn::Taken),
                        Some(_) => Ok(Turn::NotDue),
                        None => Err(failed("take a look")(error)),
                    },
                }
            }
        }
    }

    /// Keeps what was seen, for those who come and for those who will be told. `false` if another look came between.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn keep_look(&self, event: EventId, version: i64, seen: &str) -> Result<bool, KvError> {
        match &self.0 {
            Backend::Memory(memory) => Ok(change(memory, event, version, |stored| {
                let text = seen.to_owned();
                stored.look.seen = Some(Seen { version, text });
                stored.look.told = false;
            })),
            Backend::DynamoDb { client, table } => {
                let update = client
                    .update_item()
                    .table_name(table)
                    .key("pk", text(&key(event)))
                    .key("sk", text("look"))
                    .update_expression("SET seen = :seen, seen_number = :number, told = :false")
                    .condition_expression("look_number = :number")
                    .expression_attribute_values(":seen", text(seen))
                    .expression_attribute_values(":false", AttributeValue::Bool(false))
                    .expression_attribute_values(":number", number(version));
                match update.send().await {
                    Ok(_) => Ok(true),
                    Err(error) if is_refused(&error) => Ok(false),
                    Err(error) => Err(failed("keep a look")(error)),
                }
            }
        }
    }

    /// Ends a look, and makes the next one due after `pause` seconds. `told` says whether the followers know what is kept.
    /// `false` if another look came between: then the next one is not the caller's to send for.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn end_look(
        &self,
        event: EventId,
        version: i64,
        told: bool,
        pause: i64,
        now: Timestamp,
    ) -> Result<bool, KvError> {
        let due = ms(now.plus_seconds(pause));
        match &self.0 {
            Backend::Memory(memory) => Ok(change(memory, event, version, |stored| {
                stored.look.told = told;
                stored.look.pause = pause;
                stored.look.due_ms = due;
                stored.working = false;
            })),
            Backend::DynamoDb { client, table } => {
                let update = client
                    .update_item()
                    .table_name(table)
                    .key("pk", text(&key(event)))
                    .key("sk", text("look"))
                    .update_expression("SET told = :told, pause = :pause, due = :due REMOVE working")
                    .condition_expression("look_number = :number")
                    .expression_attribute_values(":told", AttributeValue::Bool(told))
                    .expression_attribute_values(":pause", number(pause))
                    .expression_attribute_values(":due", number(due))
                    .expression_attribute_values(":number", number(version));
                match update.send().await {
                    Ok(_) => Ok(true),
                    Err(error) if is_refused(&error) => Ok(false),
                    Err(error) => Err(failed("end a look")(error)),
                }
            }
        }
    }

    /// Ends the looks at an event that nobody follows. Whoever calls this asks for followers once more afterwards: one may
    /// have come who still found the looks going on.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn end_looks(&self, event: EventId, version: i64) -> Result<(), KvError> {
        match &self.0 {
            Backend::Memory(memory) => {
                let mut memory = locked(memory);
                if memory
                    .looks
                    .get(&event)
                    .is_some_and(|stored| stored.look.version == version)
                {
                    memory.looks.remove(&event);
                }
                Ok(())
            }
            Backend::DynamoDb { client, table } => {
                let delete = client
                    .delete_item()
                    .table_name(table)
                    .key("pk", text(&key(event)))
                    .key("sk", text("look"))
                    .condition_expression("look_number = :number")
                    .expression_attribute_values(":number", number(version));
                match delete.send().await {
                    Ok(_) => Ok(()),
                    Err(error) if is_refused(&error) => Ok(()),
                    Err(error) => Err(failed("end the looks")(error)),
                }
            }
        }
    }
}

/// Changes the stored look if it is still of that number.
fn change(
    memory: &std::sync::Mutex<crate::connections::Memory>,
    event: EventId,
    version: i64,
    change: impl FnOnce(&mut Stored),
) -> bool {
    let mut memory = locked(memory);
    let stored = memory.looks.get_mut(&event);
    match stored.filter(|stored| stored.look.version == version) {
        Some(stored) => {
            change(stored);
            true
        }
        None => false,
    }
}

fn key(event: EventId) -> String {
    format!("look#{event}")
}

fn ends(now: Timestamp) -> AttributeValue {
    number(now.plus_seconds(KEEP_SECONDS).unix_seconds())
}

fn read(item: &Item) -> Look {
    Look {
        version: read_number(item, "look_number").unwrap_or(0),
        seen: read_seen(item),
        told: item.get("told").and_then(|told| told.as_bool().ok()) == Some(&true),
        pause: read_number(item, "pause").unwrap_or(0),
        due_ms: read_number(item, "due").unwrap_or(0),
    }
}

fn read_seen(item: &Item) -> Option<Seen> {
    Some(Seen {
        version: read_number(item, "seen_number")?,
        text: item.get("seen")?.as_s().ok()?.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: EventId = EventId::new(7);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::parse("2030-01-01T12:00:00Z")
            .unwrap()
            .plus_seconds(seconds)
    }

    async fn version_of_turn(table: &Connections, seconds: i64) -> i64 {
        match table.take_look(EVENT, at(seconds)).await.unwrap() {
            Turn::Yours(look) => look.version,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn one_chain_goes_on_however_often_it_is_sent_for() {
        let table = Connections::in_memory();
        assert_eq!(table.take_look(EVENT, at(0)).await.unwrap(), Turn::NotDue);
        assert!(table.begin_looks(EVENT, at(0)).await.unwrap());
        assert!(!table.begin_looks(EVENT, at(0)).await.unwrap());
        let version = version_of_turn(&table, 0).await;
        assert_eq!(table.take_look(EVENT, at(1)).await.unwrap(), Turn::Taken);
        assert!(table.keep_look(EVENT, version, "5 left").await.unwrap());
        assert!(table.end_look(EVENT, version, true, 2, at(1)).await.unwrap());
        assert_eq!(table.take_look(EVENT, at(2)).await.unwrap(), Turn::NotDue);
        assert_eq!(version_of_turn(&table, 3).await, version + 1);
        let last = table.last_look(EVENT).await.unwrap().unwrap();
        let text = "5 left".to_owned();
        assert_eq!(last.seen, Some(Seen { version, text }), "seen by the first look");
        assert_eq!(last.version, version + 1);
    }

    #[tokio::test]
    async fn whoever_was_too_slow_changes_nothing() {
        let table = Connections::in_memory();
        table.begin_looks(EVENT, at(0)).await.unwrap();
        let slow = version_of_turn(&table, 0).await;
        let next = version_of_turn(&table, LEASE_SECONDS).await;
        assert!(!table.keep_look(EVENT, slow, "old").await.unwrap());
        assert!(!table.end_look(EVENT, slow, true, 1, at(31)).await.unwrap());
        table.end_looks(EVENT, slow).await.unwrap();
        assert!(table.keep_look(EVENT, next, "new").await.unwrap());
        let last = table.last_look(EVENT).await.unwrap().unwrap();
        let seen = last.seen.unwrap();
        assert_eq!(
            (seen.text.as_str(), seen.version, last.told),
            ("new", next, false)
        );
    }

    #[tokio::test]
    async fn a_chain_that_was_lost_is_begun_again() {
        let table = Connections::in_memory();
        table.begin_looks(EVENT, at(0)).await.unwrap();
        let look = table.last_look(EVENT).await.unwrap().unwrap();
        assert!(!look.is_lost(at(LOST_SECONDS)));
        assert!(look.is_lost(at(LOST_SECONDS + 1)));
        assert!(!table.begin_looks(EVENT, at(LOST_SECONDS)).await.unwrap());
        assert!(table.begin_looks(EVENT, at(LOST_SECONDS + 1)).await.unwrap());
        let version = version_of_turn(&table, LOST_SECONDS + 1).await;
        table.end_looks(EVENT, version).await.unwrap();
        assert_eq!(table.last_look(EVENT).await.unwrap(), None);
        assert!(table.begin_looks(EVENT, at(LOST_SECONDS + 2)).await.unwrap());
        assert!(version_of_turn(&table, LOST_SECONDS + 2).await > version);
    }
}
