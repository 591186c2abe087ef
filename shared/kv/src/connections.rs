//! Who is connected by WebSocket and follows what. Nothing here is asked whether somebody may: that is the database's to say.
//!
//! The table has two keys, `pk` and `sk`. A connection is one item, and one more per topic under the topic's own key, so that
//! all who follow a topic are one consistent query. Places in line (`slots`) make the limit of connections per account exact:
//! each is one conditional write, and one that was never given back is free again when its connection must be over.

use crate::{KvError, failed, is_refused};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::realtime::{CONNECTION_SECONDS, MOST_CONNECTIONS, Topic, most_topics};
use domain::{EventId, SessionId, Timestamp, UserId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Seconds beyond the longest life of a connection after which its items go by themselves.
const KEEP_SECONDS: i64 = CONNECTION_SECONDS + 300;

/// Those who follow a topic, read at a time.
const PAGE: i32 = 500;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Who {
    /// The account.
    pub user: UserId,
    /// The session with whose ticket it was opened.
    pub session: SessionId,
}

/// A connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// What the gateway calls it.
    pub id: String,
    /// Whose it is; nobody's without a ticket.
    pub who: Option<Who>,
}

/// What became of the wish to follow a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Following {
    /// The connection follows it; it may have done so before.
    Yes,
    /// The connection follows too many already.
    TooMany,
    /// There is no such connection any more.
    Gone,
}

/// Whom a message is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// All who follow an order.
    Order(String),
    /// All who follow an event.
    Event(EventId),
    /// Somebody who follows their notifications.
    Reader(UserId),
    /// All who follow their notifications.
    Readers,
}

impl Audience {
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Order(code) => format!("order#{code}"),
            Self::Event(id) => format!("event#{id}"),
            Self::Reader(user) => format!("reader#{user}"),
            Self::Readers => "readers".to_owned(),
        }
    }

    /// Those to which somebody belongs who follows a topic.
    fn of(topic: &Topic, who: Option<Who>) -> Vec<Self> {
        match (topic, who) {
            (Topic::Order(code), _) => vec![Self::Order(code.clone())],
            (Topic::Event(id), _) => vec![Self::Event(*id)],
            (Topic::Notifications, Some(who)) => vec![Self::Reader(who.user), Self::Readers],
            (Topic::Notifications, None) => Vec::new(),
        }
    }
}

/// Some of those who follow a topic.
#[derive(Debug)]
pub struct Page {
    /// They, in the order of their ids.
    pub followers: Vec<Connection>,
    /// After whom the next page begins; none if this is the last.
    pub next: Option<String>,
}

/// The table of connections. Clones are the same table.
#[derive(Clone)]
pub struct Connections(pub(crate) Backend);

#[derive(Clone)]
pub(crate) enum Backend {
    DynamoDb { client: Client, table: String },
    Memory(Arc<Mutex<Memory>>),
}

#[derive(Default)]
pub(crate) struct Memory {
    connections: HashMap<String, Stored>,
    followers: BTreeMap<(String, String), Connection>,
    slots: HashMap<(UserId, u32), (String, Timestamp)>,
    pub(crate) looks: HashMap<EventId, crate::looks::Stored>,
}

struct Stored {
    who: Option<Who>,
    slot: Option<u32>,
    topics: BTreeSet<Topic>,
}

pub(crate) fn locked(memory: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connections {
    /// The table of that name.
    pub async fn connect(table: &str) -> Self {
        Self(Backend::DynamoDb {
            client: Client::new(&aws::config().await),
            table: table.to_owned(),
        })
    }

    /// A table in memory, for tests of one function.
    pub fn in_memory() -> Self {
        Self(Backend::Memory(Arc::default()))
    }

    /// Writes a new connection down. `false`, and nothing is written, if its account has as many as it may. `first_slot` is a
    /// random number below that limit: where a place is looked for first.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn open(
        &self,
        connection: &Connection,
        first_slot: u32,
        now: Timestamp,
    ) -> Result<bool, KvError> {
        let ends = now.plus_seconds(KEEP_SECONDS);
        let mut slot = None;
        if let Some(who) = connection.who {
            for turn in 0..MOST_CONNECTIONS {
                let place = (first_slot + turn) % MOST_CONNECTIONS;
                if self.take_slot(who.user, place, &connection.id, ends, now).await? {
                    slot = Some(place);
                    break;
                }
            }
            if slot.is_none() {
                return Ok(false);
            }
        }
        match &self.0 {
            Backend::Memory(memory) => {
                let stored = Stored {
                    who: connection.who,
                    slot,
                    topics: BTreeSet::new(),
                };
                locked(memory).connections.insert(connection.id.clone(), stored);
            }
            Backend::DynamoDb { client, table } => {
                let mut item = item(
                    &connection_key(&connection.id),
                    "connection",
                    connection.who,
                    ends,
                );
                if let Some(slot) = slot {
                    item.insert("slot".to_owned(), number(slot.into()));
                }
                let put = client.put_item().table_name(table).set_item(Some(item));
                put.send().await.map_err(failed("write a connection"))?;
            }
        }
        Ok(true)
    }

    async fn take_slot(
        &self,
        user: UserId,
        place: u32,
        connection: &str,
        ends: Timestamp,
        now: Timestamp,
    ) -> Result<bool, KvError> {
        match &self.0 {
            Backend::Memory(memory) => {
                let mut memory = locked(memory);
                let slot = memory
                    .slots
                    .entry((user, place))
                    .or_insert_with(|| (String::new(), now));
                let free = slot.1 <= now;
                if free {
                    *slot = (connection.to_owned(), ends);
                }
                Ok(free)
            }
            Backend::DynamoDb { client, table } => {
                let mut item = item(&slot_key(user), &place.to_string(), None, ends);
                item.insert("holder".to_owned(), text(connection));
                let put = client
                    .put_item()
                    .table_name(table)
                    .set_item(Some(item))
                    .condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
                    .expression_attribute_values(":now", number(now.unix_seconds()));
                match put.send().await {
                    Ok(_) => Ok(true),
                    Err(error) if is_refused(&error) => Ok(false),
                    Err(error) => Err(failed("take a place for a connection")(error)),
                }
            }
        }
    }

    /// The connection of that id. `None` if there is none.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn find(&self, id: &str) -> Result<Option<Connection>, KvError> {
        let who = match &self.0 {
            Backend::Memory(memory) => locked(memory).connections.get(id).map(|stored| stored.who),
            Backend::DynamoDb { client, table } => {
                let get = client
                    .get_item()
                    .table_name(table)
                    .key("pk", text(&connection_key(id)))
                    .key("sk", text("connection"))
                    .consistent_read(true);
                let answer = get.send().await.map_err(failed("look for a connection"))?;
                answer.item().map(read_who)
            }
        };
        let id = id.to_owned();
        Ok(who.map(|who| Connection { id, who }))
    }

    /// Lets a connection follow a topic. When this has answered, whoever asks for the followers finds it.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn follow(
        &self,
        connection: &Connection,
        topic: &Topic,
        now: Timestamp,
    ) -> Result<Following, KvError> {
        let audiences = Audience::of(topic, connection.who);
        let most = most_topics(connection.who.is_none());
        match &self.0 {
            Backend::Memory(memory) => {
                let mut memory = locked(memory);
                let Some(stored) = memory.connections.get_mut(&connection.id) else {
                    return Ok(Following::Gone);
                };
                if !stored.topics.contains(topic) && stored.topics.len() >= most {
                    return Ok(Following::TooMany);
                }
                stored.topics.insert(topic.clone());
                for audience in audiences {
                    let key = (audience.key(), connection.id.clone());
                    memory.followers.insert(key, connection.clone());
                }
            }
            Backend::DynamoDb { client, table } => {
                // First the connection, which ends with all its topics, then the topic.
                let most = i64::try_from(most).unwrap_or(i64::MAX);
                let update = client
                    .update_item()
                    .table_name(table)
                    .key("pk", text(&connection_key(&connection.id)))
                    .key("sk", text("connection"))
                    .update_expression("ADD topics :topics")
                    .condition_expression(
                        "attribute_exists(pk) AND (attribute_not_exists(topics) OR size(topics) < :most OR contains(topics, :topic))",
                    )
                    .expression_attribute_values(":topics", AttributeValue::Ss(vec![topic.to_string()]))
                    .expression_attribute_values(":topic", text(&topic.to_string()))
                    .expression_attribute_values(":most", number(most))
                    .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
                if let Err(error) = update.send().await {
                    return match crate::refused_item(&error) {
                        Some(Some(_)) => Ok(Following::TooMany),
                        Some(None) => Ok(Following::Gone),
                        None => Err(failed("follow a topic")(error)),
                    };
                }
                let ends = now.plus_seconds(KEEP_SECONDS);
                for audience in audiences {
                    let item = item(&audience.key(), &connection.id, connection.who, ends);
                    let put = client.put_item().table_name(table).set_item(Some(item));
                    put.send().await.map_err(failed("follow a topic"))?;
                }
            }
        }
        Ok(Following::Yes)
    }

    /// Lets a connection follow a topic no longer.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn unfollow(&self, connection: &Connection, topic: &Topic) -> Result<(), KvError> {
        for audience in Audience::of(topic, connection.who) {
            self.drop_follower(&audience, &connection.id).await?;
        }
        match &self.0 {
            Backend::Memory(memory) => {
                if let Some(stored) = locked(memory).connections.get_mut(&connection.id) {
                    stored.topics.remove(topic);
                }
            }
            Backend::DynamoDb { client, table } => {
                let update = client
                    .update_item()
                    .table_name(table)
                    .key("pk", text(&connection_key(&connection.id)))
                    .key("sk", text("connection"))
                    .update_expression("DELETE topics :topics")
                    .condition_expression("attribute_exists(pk)")
                    .expression_attribute_values(":topics", AttributeValue::Ss(vec![topic.to_string()]));
                match update.send().await {
                    Ok(_) => {}
                    Err(error) if is_refused(&error) => {}
                    Err(error) => return Err(failed("unfollow a topic")(error)),
                }
            }
        }
        Ok(())
    }

    /// Forgets a connection with all that it follows, and gives its place back.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn close(&self, id: &str) -> Result<(), KvError> {
        let stored = match &self.0 {
            Backend::Memory(memory) => locked(memory).connections.remove(id),
            Backend::DynamoDb { client, table } => {
                let delete = client
                    .delete_item()
                    .table_name(table)
                    .key("pk", text(&connection_key(id)))
                    .key("sk", text("connection"))
                    .return_values(ReturnValue::AllOld);
                let answer = delete.send().await.map_err(failed("forget a connection"))?;
                answer.attributes().map(read_stored)
            }
        };
        let Some(stored) = stored else { return Ok(()) };
        for topic in &stored.topics {
            for audience in Audience::of(topic, stored.who) {
                self.drop_follower(&audience, id).await?;
            }
        }
        match (stored.who, stored.slot) {
            (Some(who), Some(slot)) => self.give_slot_back(who.user, slot, id).await,
            _ => Ok(()),
        }
    }

    async fn give_slot_back(&self, user: UserId, place: u32, connection: &str) -> Result<(), KvError> {
        match &self.0 {
            Backend::Memory(memory) => {
                let mut memory = locked(memory);
                if memory
                    .slots
                    .get(&(user, place))
                    .is_some_and(|slot| slot.0 == connection)
                {
                    memory.slots.remove(&(user, place));
                }
                Ok(())
            }
            Backend::DynamoDb { client, table } => {
                let delete = client
                    .delete_item()
                    .table_name(table)
                    .key("pk", text(&slot_key(user)))
                    .key("sk", text(&place.to_string()))
                    .condition_expression("holder = :holder")
                    .expression_attribute_values(":holder", text(connection));
                match delete.send().await {
                    Ok(_) => Ok(()),
                    // Somebody else has it by now.
                    Err(error) if is_refused(&error) => Ok(()),
                    Err(error) => Err(failed("give a place back")(error)),
                }
            }
        }
    }

    /// Drops one follower of a topic whose connection turned out to be gone.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn drop_follower(&self, audience: &Audience, connection: &str) -> Result<(), KvError> {
        match &self.0 {
            Backend::Memory(memory) => {
                let key = (audience.key(), connection.to_owned());
                locked(memory).followers.remove(&key);
            }
            Backend::DynamoDb { client, table } => {
                let delete = client
                    .delete_item()
                    .table_name(table)
                    .key("pk", text(&audience.key()))
                    .key("sk", text(connection));
                delete.send().await.map_err(failed("drop a follower"))?;
            }
        }
        Ok(())
    }

    /// One of those who follow something. `None` if it does not.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn follower(
        &self,
        audience: &Audience,
        connection: &str,
    ) -> Result<Option<Connection>, KvError> {
        match &self.0 {
            Backend::Memory(memory) => {
                let key = (audience.key(), connection.to_owned());
                Ok(locked(memory).followers.get(&key).cloned())
            }
            Backend::DynamoDb { client, table } => {
                let get = client
                    .get_item()
                    .table_name(table)
                    .key("pk", text(&audience.key()))
                    .key("sk", text(connection))
                    .consistent_read(true);
                let answer = get.send().await.map_err(failed("look for a follower"))?;
                Ok(answer.item().map(|item| Connection {
                    id: connection.to_owned(),
                    who: read_who(item),
                }))
            }
        }
    }

    /// A page of those who follow something, those after `after`.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn followers(
        &self,
        audience: &Audience,
        after: Option<String>,
        now: Timestamp,
    ) -> Result<Page, KvError> {
        let key = audience.key();
        match &self.0 {
            Backend::Memory(memory) => {
                let memory = locked(memory);
                let from = (key.clone(), after.clone().unwrap_or_default());
                let followers = memory.followers.range(from..);
                let followers = followers
                    .take_while(|((of, _), _)| *of == key)
                    .filter(|((_, id), _)| after.as_ref().is_none_or(|after| id > after));
                let most = usize::try_from(PAGE).unwrap_or(usize::MAX);
                let followers: Vec<Connection> = followers
                    .map(|(_, connection)| connection.clone())
                    .take(most)
                    .collect();
                let full = followers.len() == most;
                let next = followers.last().filter(|_| full).map(|last| last.id.clone());
                Ok(Page { followers, next })
            }
            Backend::DynamoDb { client, table } => {
                let mut query = client
                    .query()
                    .table_name(table)
                    .key_condition_expression("pk = :pk")
                    .filter_expression("expires_at > :now")
                    .expression_attribute_values(":pk", text(&key))
                    .expression_attribute_values(":now", number(now.unix_seconds()))
                    .consistent_read(true)
                    .limit(PAGE);
                if let Some(after) = after {
                    query = query
                        .exclusive_start_key("pk", text(&key))
                        .exclusive_start_key("sk", text(&after));
                }
                let answer = query.send().await.map_err(failed("look for followers"))?;
                let followers = answer.items().iter().filter_map(|item| {
                    let id = item.get("sk")?.as_s().ok()?.clone();
                    Some(Connection {
                        id,
                        who: read_who(item),
                    })
                });
                let next = answer.last_evaluated_key().and_then(|key| key.get("sk"));
                Ok(Page {
                    followers: followers.collect(),
                    next: next.and_then(|key| key.as_s().ok()).cloned(),
                })
            }
        }
    }
}

fn connection_key(id: &str) -> String {
    format!("connection#{id}")
}

fn slot_key(user: UserId) -> String {
    format!("slots#{user}")
}

fn item(pk: &str, sk: &str, who: Option<Who>, ends: Timestamp) -> Item {
    let mut item = Item::from([
        ("pk".to_owned(), text(pk)),
        ("sk".to_owned(), text(sk)),
        ("expires_at".to_owned(), number(ends.unix_seconds())),
    ]);
    if let Some(who) = who {
        item.insert("account".to_owned(), number(who.user.get()));
        item.insert("log_in".to_owned(), number(who.session.get()));
    }
    item
}

fn read_who(item: &Item) -> Option<Who> {
    Some(Who {
        user: UserId::new(read_number(item, "account")?),
        session: SessionId::new(read_number(item, "log_in")?),
    })
}

fn read_stored(item: &Item) -> Stored {
    let topics = item.get("topics").and_then(|topics| topics.as_ss().ok());
    Stored {
        who: read_who(item),
        slot: read_number(item, "slot").and_then(|slot| u32::try_from(slot).ok()),
        topics: topics
            .into_iter()
            .flatten()
            .filter_map(|topic| Topic::parse(topic))
            .collect(),
    }
}

pub(crate) fn read_number(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

pub(crate) fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(crate) fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::parse("2030-01-01T12:00:00Z").unwrap()
    }

    fn connection(id: &str, user: Option<i64>) -> Connection {
        let who = user.map(|user| Who {
            user: UserId::new(user),
            session: SessionId::new(-user),
        });
        Connection {
            id: id.to_owned(),
            who,
        }
    }

    async fn followers(table: &Connections, audience: &Audience) -> Vec<String> {
        let page = table.followers(audience, None, now()).await.unwrap();
        page.followers.into_iter().map(|follower| follower.id).collect()
    }

    #[tokio::test]
    async fn an_account_has_so_many_connections_and_gets_places_back() {
        let table = Connections::in_memory();
        for number in 0..MOST_CONNECTIONS {
            let connection = connection(&format!("c{number}"), Some(1));
            assert!(table.open(&connection, 7, now()).await.unwrap());
        }
        let late = connection("late", Some(1));
        assert!(!table.open(&late, 3, now()).await.unwrap());
        assert_eq!(table.find("late").await.unwrap(), None);
        assert!(table.open(&connection("other", Some(2)), 0, now()).await.unwrap());
        table.close("c4").await.unwrap();
        assert!(table.open(&late, 3, now()).await.unwrap());
        assert!(!table.open(&connection("x", Some(1)), 0, now()).await.unwrap());
        // Places whose connections must be over are free.
        let later = now().plus_seconds(KEEP_SECONDS);
        assert!(table.open(&connection("x", Some(1)), 0, later).await.unwrap());
    }

    #[tokio::test]
    async fn what_a_connection_follows_goes_with_it() {
        let table = Connections::in_memory();
        let ayu = connection("a", Some(1));
        table.open(&ayu, 0, now()).await.unwrap();
        let (event, order) = (EventId::new(7), domain::order::code([1; 16]));
        let topics = [
            Topic::Event(event),
            Topic::Order(order.clone()),
            Topic::Notifications,
        ];
        let audiences = [
            Audience::Event(event),
            Audience::Order(order),
            Audience::Reader(UserId::new(1)),
            Audience::Readers,
        ];
        for topic in &topics {
            assert_eq!(table.follow(&ayu, topic, now()).await.unwrap(), Following::Yes);
        }
        for audience in &audiences {
            assert_eq!(followers(&table, audience).await, ["a"]);
            let follower = table.follower(audience, "a").await.unwrap();
            assert_eq!(follower.as_ref(), Some(&ayu));
            assert_eq!(table.follower(audience, "b").await.unwrap(), None);
        }
        table.unfollow(&ayu, &topics[0]).await.unwrap();
        assert!(followers(&table, &audiences[0]).await.is_empty());
        table.close("a").await.unwrap();
        for audience in &audiences {
            assert!(followers(&table, audience).await.is_empty());
        }
        let gone = table.follow(&ayu, &topics[0], now()).await.unwrap();
        assert_eq!(gone, Following::Gone);
        assert!(followers(&table, &audiences[0]).await.is_empty());
    }

    #[tokio::test]
    async fn a_connection_follows_so_many_topics_and_a_stranger_fewer() {
        let table = Connections::in_memory();
        let topic = |number: usize| Topic::Event(EventId::new(i64::try_from(number).unwrap()));
        for (of, most) in [(connection("s", None), 3), (connection("a", Some(1)), 20)] {
            table.open(&of, 0, now()).await.unwrap();
            for number in 1..=most {
                let following = table.follow(&of, &topic(number), now()).await.unwrap();
                assert_eq!(following, Following::Yes);
            }
            let again = table.follow(&of, &topic(1), now()).await.unwrap();
            assert_eq!(again, Following::Yes, "it follows that one already");
            let next = topic(most + 1);
            let more = table.follow(&of, &next, now()).await.unwrap();
            assert_eq!(more, Following::TooMany);
            table.unfollow(&of, &topic(1)).await.unwrap();
            assert_eq!(table.follow(&of, &next, now()).await.unwrap(), Following::Yes);
        }
    }

    #[tokio::test]
    async fn pages_of_followers_hold_each_once() {
        let table = Connections::in_memory();
        let topic = Topic::Event(EventId::new(7));
        for number in 0..1_201 {
            let stranger = connection(&format!("{number:04}"), None);
            table.open(&stranger, 0, now()).await.unwrap();
            table.follow(&stranger, &topic, now()).await.unwrap();
        }
        let (mut all, mut after) = (BTreeSet::new(), None);
        loop {
            let page = table
                .followers(&Audience::Event(EventId::new(7)), after, now())
                .await
                .unwrap();
            for follower in page.followers {
                assert!(all.insert(follower.id));
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(all.len(), 1_201);
    }
}
