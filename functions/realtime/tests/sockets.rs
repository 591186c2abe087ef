//! People who come, ask and go. The events are those of `events/websocket`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use domain::event::EventStatus;
use domain::message::{Happening, Outgoing, Queue};
use domain::realtime::{
    Availability, MESSAGES, MOST_CONNECTIONS, MOST_TOPICS_OF_STRANGERS, REFUSALS, TICKET_SECONDS,
    TicketsLeft, Topic,
};
use domain::{EventId, SessionId, TicketTypeId, UserId};
use kv::{Audience, Connections, Store, Turn};
use push::Pusher;
use queue::Publisher;
use realtime::App;
use runtime::Clock;
use serde_json::{Value, json};
use std::num::NonZeroU32;
use testkit::{Rows, TestDb, start};
use worker::{SocketAnswer, handle_socket};

struct Setup {
    db: TestDb,
    app: App,
    clock: Clock,
    connections: Connections,
}

impl Setup {
    async fn new() -> Self {
        let (db, clock) = (TestDb::new().await, Clock::set_to(start()));
        let connections = Connections::in_memory();
        let app = App {
            db: db.db(),
            connections: connections.clone(),
            pusher: Pusher::in_memory(),
            store: Store::in_memory(),
            caller_factor: NonZeroU32::MIN,
            queue: Publisher::in_memory(),
            clock: clock.clone(),
        };
        Self {
            db,
            app,
            clock,
            connections,
        }
    }

    /// Hands over the event of a file, from this connection and changed as told.
    async fn event(&self, file: &str, connection: &str, changes: &[(&str, Value)]) -> SocketAnswer {
        let path = testkit::event_file(&format!("websocket/{file}.json"));
        let mut event: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        event["requestContext"]["connectionId"] = connection.into();
        for (pointer, value) in changes {
            *event.pointer_mut(pointer).unwrap() = value.clone();
        }
        handle_socket(&self.app, serde_json::from_value(event).unwrap()).await
    }

    async fn ticket(&self, user: UserId) -> String {
        let ticket = runtime::random::hex::<32>();
        let hash = runtime::random::sha256(&ticket);
        let (client, session) = (self.db.client().await, SessionId::new(-user.get()));
        let issued = db::realtime::issue_ticket(&client, &hash, session, user, self.clock.now()).await;
        issued.unwrap().unwrap();
        ticket
    }

    /// The status with which a ticket is answered.
    async fn connect(&self, connection: &str, ticket: &str) -> u16 {
        let changes = [("/queryStringParameters/ticket", json!(ticket))];
        self.event("connect", connection, &changes).await.status_code
    }

    /// A connection of somebody.
    async fn connected(&self, connection: &str, user: UserId) {
        let ticket = self.ticket(user).await;
        assert_eq!(self.connect(connection, &ticket).await, 200);
    }

    /// A connection of nobody.
    async fn stranger(&self, connection: &str) {
        let answer = self.event("connect_as_stranger", connection, &[]).await;
        assert_eq!(answer.status_code, 200);
    }

    /// Says something and gives what is answered.
    async fn say(&self, connection: &str, message: &Value) -> Value {
        self.say_text(connection, &message.to_string()).await
    }

    async fn say_text(&self, connection: &str, text: &str) -> Value {
        let answer = self.event("ping", connection, &[("/body", json!(text))]).await;
        assert_eq!(answer.status_code, 200);
        serde_json::from_str(&answer.body.unwrap()).unwrap()
    }

    async fn subscribe(&self, connection: &str, topic: &str) -> Value {
        let message = json!({"action": "subscribe", "topic": topic, "id": "r1"});
        self.say(connection, &message).await
    }

    async fn follows(&self, audience: &Audience) -> Vec<String> {
        let page = self.connections.followers(audience, None, self.clock.now()).await;
        page.unwrap()
            .followers
            .into_iter()
            .map(|follower| follower.id)
            .collect()
    }
}

/// The code of a refusal.
fn refused(answer: &Value) -> &str {
    assert_eq!(answer["type"], "error", "{answer}");
    assert!(
        answer["message"]
            .as_str()
            .is_some_and(|message| !message.is_empty())
    );
    answer["code"].as_str().unwrap()
}

#[tokio::test]
async fn a_ticket_opens_one_connection() {
    let t = Setup::new().await;
    let ayu = Rows(&t.db).buyer("ayu@example.test").await;
    let ticket = t.ticket(ayu).await;
    assert_eq!(t.connect("c1", &ticket).await, 200);
    assert_eq!(t.connect("c2", &ticket).await, 401, "it was used");
    for bad in ["", "x", &"0".repeat(64), &"x".repeat(10_000)] {
        assert_eq!(t.connect("c3", bad).await, 401);
    }
    let old = t.ticket(ayu).await;
    t.clock.advance(TICKET_SECONDS);
    assert_eq!(t.connect("c4", &old).await, 401, "its time is over");
    assert_eq!(
        t.say("c1", &json!({"action": "ping"})).await,
        json!({"type": "pong"})
    );
    for never_in in ["c2", "c3", "c4"] {
        let answer = t.say(never_in, &json!({"action": "ping"})).await;
        assert_eq!(refused(&answer), "not_connected");
    }
}

#[tokio::test]
async fn an_account_has_so_many_connections() {
    let t = Setup::new().await;
    let ayu = Rows(&t.db).buyer("ayu@example.test").await;
    for number in 0..MOST_CONNECTIONS {
        t.connected(&format!("c{number}"), ayu).await;
    }
    let ticket = t.ticket(ayu).await;
    assert_eq!(t.connect("late", &ticket).await, 429);
    assert_eq!(t.event("disconnect", "c3", &[]).await.status_code, 200);
    t.connected("late", ayu).await;
}

#[tokio::test]
async fn handshakes_of_an_address_are_counted() {
    let t = Setup::new().await;
    for number in 0..3_000 {
        t.stranger(&format!("c{number}")).await;
    }
    let answer = t.event("connect_as_stranger", "late", &[]).await;
    assert_eq!(answer.status_code, 429);
    let other = [("/requestContext/identity/sourceIp", json!("198.51.100.1"))];
    assert_eq!(t.event("connect_as_stranger", "x", &other).await.status_code, 200);
    t.clock.advance(600);
    t.stranger("late").await;
}

#[tokio::test]
async fn an_order_is_followed_by_its_buyer_only() {
    let t = Setup::new().await;
    let rows = Rows(&t.db);
    let festival = rows.on_sale(50_000, 100).await;
    let ayu = rows.buyer("ayu@example.test").await;
    let budi = rows.buyer("budi@example.test").await;
    let (code, _) = rows.bought(ayu, festival, 1).await;
    let topic = format!("order:{code}");
    t.connected("ayu", ayu).await;
    t.connected("budi", budi).await;
    t.stranger("stranger").await;

    let answer = t.subscribe("ayu", &topic).await;
    assert_eq!(
        (&answer["type"], &answer["id"]),
        (&json!("subscribed"), &json!("r1"))
    );
    assert_eq!(answer["topic"], topic);
    let state = &answer["state"]["data"];
    assert_eq!(
        (&state["orderId"], &state["status"]),
        (&json!(code), &json!("paid"))
    );
    assert_eq!(refused(&t.subscribe("budi", &topic).await), "not_found");
    assert_eq!(refused(&t.subscribe("stranger", &topic).await), "unauthenticated");
    let unknown = format!("order:{}", domain::order::code([7; 16]));
    assert_eq!(refused(&t.subscribe("ayu", &unknown).await), "not_found");
    let audience = Audience::Order(code.clone());
    assert_eq!(t.follows(&audience).await, ["ayu"]);

    let end = json!({"action": "unsubscribe", "topic": topic});
    assert_eq!(
        t.say("ayu", &end).await,
        json!({"type": "unsubscribed", "topic": topic})
    );
    assert!(t.follows(&audience).await.is_empty());
    let client = t.db.client().await;
    db::sessions::end(&client, SessionId::new(-ayu.get()), ayu, t.clock.now())
        .await
        .unwrap();
    assert_eq!(
        refused(&t.subscribe("ayu", &topic).await),
        "not_found",
        "the session has ended"
    );
    assert_eq!(
        refused(&t.subscribe("ayu", "notifications").await),
        "unauthenticated"
    );
    assert!(t.follows(&Audience::Reader(ayu)).await.is_empty());
}

#[tokio::test]
async fn notifications_are_followed_by_their_reader() {
    let t = Setup::new().await;
    let ayu = Rows(&t.db).buyer("ayu@example.test").await;
    t.connected("ayu", ayu).await;
    t.stranger("stranger").await;
    let answer = t.subscribe("ayu", "notifications").await;
    assert_eq!(
        (&answer["type"], &answer["state"]),
        (&json!("subscribed"), &Value::Null)
    );
    assert_eq!(
        refused(&t.subscribe("stranger", "notifications").await),
        "unauthenticated"
    );
    assert_eq!(t.follows(&Audience::Reader(ayu)).await, ["ayu"]);
    assert_eq!(t.follows(&Audience::Readers).await, ["ayu"]);
    t.event("disconnect", "ayu", &[]).await;
    assert!(t.follows(&Audience::Reader(ayu)).await.is_empty());
    assert!(t.follows(&Audience::Readers).await.is_empty());
}

#[tokio::test]
async fn a_crowd_that_comes_to_an_event_sends_for_one_look_and_reads_what_that_saw() {
    let t = Setup::new().await;
    Rows(&t.db).on_sale(50_000, 100).await;
    let event = EventId::new(t.db.count("select id from events").await);
    let topic = Topic::Event(event).to_string();
    for number in 0..20 {
        let connection = format!("c{number:02}");
        t.stranger(&connection).await;
        let answer = t.subscribe(&connection, &topic).await;
        assert_eq!(
            (&answer["type"], &answer["state"]),
            (&json!("subscribed"), &Value::Null)
        );
    }
    let sent = t.app.queue.take_sent();
    let [look] = &sent[..] else {
        panic!("one look: {sent:?}")
    };
    assert_eq!(look.queue, Queue::Notices);
    let wanted = Outgoing::happening(look.id.clone(), Happening::Look { event }).unwrap();
    assert_eq!(*look, wanted);

    // What was seen is told without the database, under the number of the look that saw it, even while the next is at work.
    let Turn::Yours(first) = t.connections.take_look(event, t.clock.now()).await.unwrap() else {
        panic!("it is due")
    };
    let seen = Availability {
        event_id: event,
        status: EventStatus::Published,
        tickets: vec![TicketsLeft {
            ticket_id: TicketTypeId::new(1),
            quantity: 42,
        }],
    };
    let text = serde_json::to_string(&seen).unwrap();
    t.connections
        .keep_look(event, first.version, &text)
        .await
        .unwrap();
    let now = t.clock.now();
    t.connections
        .end_look(event, first.version, true, 0, now)
        .await
        .unwrap();
    assert!(matches!(
        t.connections.take_look(event, now).await.unwrap(),
        Turn::Yours(_)
    ));
    t.stranger("late").await;
    let answer = t.subscribe("late", &topic).await;
    assert_eq!(answer["state"]["version"], first.version);
    assert_eq!(answer["state"]["data"]["tickets"][0]["quantity"], 42);
    assert!(t.app.queue.take_sent().is_empty());
    assert_eq!(t.follows(&Audience::Event(event)).await.len(), 21);
}

#[tokio::test]
async fn drafts_and_what_does_not_exist_cannot_be_followed() {
    let t = Setup::new().await;
    Rows(&t.db).on_sale(50_000, 100).await;
    let event = EventId::new(t.db.count("select id from events").await);
    t.db.run("update events set status = 'draft'").await;
    t.stranger("c1").await;
    for topic in [Topic::Event(event), Topic::Event(EventId::new(9_999))] {
        let answer = t.subscribe("c1", &topic.to_string()).await;
        assert_eq!(refused(&answer), "not_found");
    }
    assert!(t.app.queue.take_sent().is_empty());
    assert!(t.follows(&Audience::Event(event)).await.is_empty());
}

#[tokio::test]
async fn a_stranger_follows_so_many_topics_and_says_so_much() {
    let t = Setup::new().await;
    let rows = Rows(&t.db);
    let organizer = rows.user("org@example.test", domain::user::Role::Organizer).await;
    t.stranger("c1").await;
    for number in 0..=MOST_TOPICS_OF_STRANGERS {
        let event = rows.event(organizer, &format!("Event {number}")).await;
        let answer = t.subscribe("c1", &Topic::Event(event).to_string()).await;
        if number < MOST_TOPICS_OF_STRANGERS {
            assert_eq!(answer["type"], "subscribed", "{answer}");
        } else {
            assert_eq!(refused(&answer), "too_many_topics");
            assert!(t.follows(&Audience::Event(event)).await.is_empty());
        }
    }
    let said = u64::try_from(MOST_TOPICS_OF_STRANGERS).unwrap() + 1;
    for _ in said..MESSAGES.uses {
        assert_eq!(t.say("c1", &json!({"action": "ping"})).await["type"], "pong");
    }
    let answer = t.say("c1", &json!({"action": "ping"})).await;
    assert_eq!(refused(&answer), "rate_limited");
    assert!(answer["retryAfter"].as_u64().is_some_and(|seconds| seconds <= 60));
    t.clock.advance(60);
    assert_eq!(t.say("c1", &json!({"action": "ping"})).await["type"], "pong");
}

#[tokio::test]
async fn a_connection_that_goes_on_sending_too_much_is_ended() {
    let t = Setup::new().await;
    Rows(&t.db).on_sale(50_000, 100).await;
    let event = EventId::new(t.db.count("select id from events").await);
    for connection in ["c1", "c2"] {
        t.stranger(connection).await;
        t.subscribe(connection, &Topic::Event(event).to_string()).await;
    }
    let ping = json!({"action": "ping"});
    for _ in 1..MESSAGES.uses {
        assert_eq!(t.say("c1", &ping).await["type"], "pong");
    }
    for _ in 0..REFUSALS.uses {
        assert_eq!(refused(&t.say("c1", &ping).await), "rate_limited");
        assert!(!t.app.pusher.has_ended("c1"), "a client may make a mistake");
    }
    let answer = t.say("c1", &ping).await;
    assert_eq!(refused(&answer), "rate_limited");
    assert!(t.app.pusher.has_ended("c1"));
    assert_eq!(t.follows(&Audience::Event(event)).await, ["c2"]);
    assert!(!t.app.pusher.has_ended("c2"));
    t.clock.advance(60);
    assert_eq!(refused(&t.say("c1", &ping).await), "not_connected");
}

#[tokio::test]
async fn nonsense_is_refused_and_ends_nothing() {
    let t = Setup::new().await;
    t.stranger("c1").await;
    let large = format!(r#"{{"action":"ping","id":"{}"}}"#, "x".repeat(3_000));
    for (text, code) in [
        ("", "invalid_message"),
        ("ping", "invalid_message"),
        (r#"{"action":"$disconnect"}"#, "invalid_message"),
        (r#"{"action":"subscribe","topic":"event:0"}"#, "invalid_message"),
        (r#"{"action":"subscribe","topic":"reader#1"}"#, "invalid_message"),
        ("\u{0}", "invalid_message"),
        (large.as_str(), "message_too_large"),
    ] {
        assert_eq!(refused(&t.say_text("c1", text).await), code, "{text}");
    }
    let ping = json!({"action": "ping", "id": "still here"});
    assert_eq!(
        t.say("c1", &ping).await,
        json!({"type": "pong", "id": "still here"})
    );
}

#[tokio::test]
async fn who_cannot_be_looked_up_is_not_let_in() {
    let mut t = Setup::new().await;
    let ayu = Rows(&t.db).buyer("ayu@example.test").await;
    let ticket = t.ticket(ayu).await;
    t.app.store = Store::unreachable();
    assert_eq!(t.connect("c1", &ticket).await, 503);
    t.app.store = Store::in_memory();
    assert_eq!(t.connect("c1", &ticket).await, 200, "the ticket is still good");
}
