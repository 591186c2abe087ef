//! What followers hear, and what they do not. The messages are those of `events/sqs/notices`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use domain::message::{Envelope, Happening, Outgoing, Part, Subject};
use domain::realtime::Topic;
use domain::{EventId, NotificationId, OrderId, SessionId, TicketTypeId, UserId};
use kv::{Audience, Connection, Connections, Following, Turn, Who};
use notifier::App;
use push::Pusher;
use queue::Publisher;
use runtime::Clock;
use serde_json::Value;
use testkit::{Rows, TestDb, start};
use worker::{Consumer as _, Record, handle_batch};

struct Setup {
    db: TestDb,
    app: App,
    clock: Clock,
}

impl Setup {
    async fn new() -> Self {
        let (db, clock) = (TestDb::new().await, Clock::set_to(start()));
        let app = App {
            db: db.db(),
            connections: Connections::in_memory(),
            pusher: Pusher::in_memory(),
            queue: Publisher::in_memory(),
            clock: clock.clone(),
        };
        Self { db, app, clock }
    }

    /// A connection that follows something; nobody's without a user.
    async fn follower(&self, id: &str, user: Option<UserId>, topic: &Topic) {
        let who = user.map(|user| Who {
            user,
            session: SessionId::new(-user.get()),
        });
        let connection = Connection {
            id: id.to_owned(),
            who,
        };
        let (table, now) = (&self.app.connections, self.clock.now());
        if table.find(id).await.unwrap().is_none() {
            assert!(table.open(&connection, 0, now).await.unwrap());
        }
        let following = table.follow(&connection, topic, now).await.unwrap();
        assert_eq!(following, Following::Yes);
    }

    async fn deliver(&self, happening: Happening) -> Result<(), domain::Error> {
        let message = Outgoing::happening("00ff".to_owned(), happening).unwrap();
        let record = Record {
            body: message.body,
            ..Record::default()
        };
        self.app.consume(&record).await
    }

    /// Who heard what since the last time, in the order of the connections.
    fn heard(&self) -> Vec<(String, Value)> {
        let mut heard: Vec<_> = self
            .app
            .pusher
            .take_pushed()
            .into_iter()
            .map(|(connection, text)| (connection, serde_json::from_str(&text).unwrap()))
            .collect();
        heard.sort_by(|(one, _), (other, _): &(String, Value)| one.cmp(other));
        heard
    }

    fn who_heard(&self) -> Vec<String> {
        self.heard()
            .into_iter()
            .map(|(connection, _)| connection)
            .collect()
    }

    async fn order(&self, code: &str) -> OrderId {
        let sql = format!("select id from orders where code = '{code}'");
        OrderId::new(self.db.count(&sql).await)
    }

    /// What the function sent for itself, taken off its queue.
    fn sent(&self) -> Vec<Happening> {
        let sent = self.app.queue.take_sent().into_iter().map(|message| {
            let envelope: Envelope<Happening> = serde_json::from_str(&message.body).unwrap();
            envelope.body
        });
        sent.collect()
    }

    /// The looks that were sent for.
    fn looks_sent(&self) -> usize {
        self.app.queue.take_sent().len()
    }

    async fn end_session(&self, user: UserId) {
        let client = self.db.client().await;
        let ended = db::sessions::end(&client, SessionId::new(-user.get()), user, self.clock.now());
        assert!(ended.await.unwrap());
    }
}

/// An event with tickets on sale.
async fn on_sale(t: &Setup, capacity: u32) -> (EventId, TicketTypeId) {
    let ticket_type = Rows(&t.db).on_sale(50_000, capacity).await;
    (
        EventId::new(t.db.count("select id from events").await),
        ticket_type,
    )
}

#[tokio::test]
async fn the_files_are_understood() {
    let t = Setup::new().await;
    for name in ["order", "told", "look", "part"] {
        let path = testkit::event_file(&format!("sqs/notices/{name}.json"));
        let event = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let response = handle_batch(&t.app, event).await;
        assert!(response.batch_item_failures.is_empty(), "{name}");
    }
    assert!(t.heard().is_empty());
    let nonsense = Record::default();
    assert_eq!(t.app.consume(&nonsense).await.unwrap_err().code, "undecodable");
}

#[tokio::test]
async fn the_buyer_hears_of_an_order_on_every_connection_and_nobody_else_does() {
    let t = Setup::new().await;
    let rows = Rows(&t.db);
    let (_, festival) = on_sale(&t, 100).await;
    let ayu = rows.buyer("ayu@example.test").await;
    let budi = rows.buyer("budi@example.test").await;
    let (code, _) = rows.bought(ayu, festival, 1).await;
    let topic = Topic::Order(code.clone());
    t.follower("a1", Some(ayu), &topic).await;
    t.follower("a2", Some(ayu), &topic).await;
    t.follower("a3", Some(ayu), &Topic::Notifications).await;
    // An order that was somebody else's when they subscribed: a guest's that an account took over, for one.
    t.follower("b", Some(budi), &topic).await;
    t.follower("s", None, &topic).await;
    let order = t.order(&code).await;
    t.deliver(Happening::Order { order }).await.unwrap();
    let heard = t.heard();
    let [(a1, message), (a2, again)] = &heard[..] else {
        panic!("two: {heard:?}")
    };
    assert_eq!((a1.as_str(), a2.as_str()), ("a1", "a2"));
    assert_eq!(message, again);
    assert_eq!(message["type"], "update");
    assert_eq!(message["topic"], topic.to_string());
    assert_eq!(message["state"]["data"]["status"], "paid");
    assert!(message["state"]["version"].is_i64());
    assert!(!t.app.pusher.has_ended("b"), "it may follow other things");

    t.deliver(Happening::Order { order }).await.unwrap();
    assert_eq!(t.heard()[0].1, *message, "a repetition says the same");
    let nothing = OrderId::new(9_999);
    t.deliver(Happening::Order { order: nothing }).await.unwrap();
    assert!(t.heard().is_empty());
}

#[tokio::test]
async fn a_session_that_has_ended_hears_nothing_and_its_connection_ends() {
    let t = Setup::new().await;
    let rows = Rows(&t.db);
    let (_, festival) = on_sale(&t, 100).await;
    let ayu = rows.buyer("ayu@example.test").await;
    let budi = rows.buyer("budi@example.test").await;
    let (code, _) = rows.bought(ayu, festival, 1).await;
    let order = t.order(&code).await;
    t.follower("a", Some(ayu), &Topic::Order(code.clone())).await;
    t.follower("a", Some(ayu), &Topic::Notifications).await;
    t.follower("b", Some(budi), &Topic::Notifications).await;
    t.end_session(ayu).await;
    t.deliver(Happening::Order { order }).await.unwrap();
    assert!(t.heard().is_empty());
    assert!(t.app.pusher.has_ended("a"));
    assert_eq!(t.app.connections.find("a").await.unwrap(), None);
    for audience in [Audience::Order(code), Audience::Reader(ayu)] {
        let page = t.app.connections.followers(&audience, None, t.clock.now()).await;
        assert!(page.unwrap().followers.is_empty(), "{audience:?}");
    }

    // The same for what everybody is told.
    t.db.run("insert into notifications (message, created_at) values ('x', now())")
        .await;
    let notification = NotificationId::new(t.db.count("select max(id) from notifications").await);
    t.deliver(Happening::Told { notification }).await.unwrap();
    assert_eq!(t.who_heard(), ["b"]);
    t.end_session(budi).await;
    t.deliver(Happening::Told { notification }).await.unwrap();
    assert!(t.heard().is_empty());
    assert!(t.app.pusher.has_ended("b"));
}

#[tokio::test]
async fn notifications_reach_those_for_whom_they_are() {
    let t = Setup::new().await;
    let rows = Rows(&t.db);
    let ayu = rows.buyer("ayu@example.test").await;
    let budi = rows.buyer("budi@example.test").await;
    t.follower("a", Some(ayu), &Topic::Notifications).await;
    t.follower("b", Some(budi), &Topic::Notifications).await;
    let sql = format!(
        "insert into notifications (user_id, message, created_at) values ({ayu}, 'x', now()), (null, 'y', now())"
    );
    t.db.run(&sql).await;
    let client = t.db.client().await;
    let some_day = t.clock.now().plus_seconds(10_000_000_000);
    let mut to_whom = Vec::new();
    for message in db::outbox::waiting(&client, some_day, 10).await.unwrap() {
        let envelope: Envelope<Happening> = serde_json::from_str(&message.body).unwrap();
        t.deliver(envelope.body).await.unwrap();
        to_whom.push(t.who_heard());
    }
    to_whom.sort();
    assert_eq!(
        to_whom,
        [vec!["a".to_owned()], vec!["a".to_owned(), "b".to_owned()]]
    );
    t.db.run("delete from notifications").await;
    let notification = NotificationId::new(1);
    t.deliver(Happening::Told { notification }).await.unwrap();
    assert!(t.heard().is_empty(), "it was deleted");
}

#[tokio::test]
async fn a_connection_that_is_gone_is_forgotten_with_all_it_follows() {
    let t = Setup::new().await;
    let (event, _) = on_sale(&t, 100).await;
    let other = EventId::new(event.get() + 1);
    for id in ["a", "b"] {
        t.follower(id, None, &Topic::Event(event)).await;
    }
    t.follower("b", None, &Topic::Event(other)).await;
    t.app.pusher.end("b").await.unwrap();
    assert!(t.app.connections.begin_looks(event, t.clock.now()).await.unwrap());
    t.deliver(Happening::Look { event }).await.unwrap();
    assert_eq!(t.who_heard(), ["a"]);
    assert_eq!(t.app.connections.find("b").await.unwrap(), None);
    for (event, left) in [(event, 1), (other, 0)] {
        let audience = Audience::Event(event);
        let page = t.app.connections.followers(&audience, None, t.clock.now()).await;
        assert_eq!(page.unwrap().followers.len(), left);
    }
}

#[tokio::test]
async fn a_thousand_sales_are_a_handful_of_messages_and_the_last_is_true() {
    let t = Setup::new().await;
    let (event, festival) = on_sale(&t, 2_000).await;
    for number in 0..50 {
        t.follower(&format!("{number:02}"), None, &Topic::Event(event))
            .await;
    }
    let now = t.clock.now();
    assert!(t.app.connections.begin_looks(event, now).await.unwrap());
    let client = t.db.client().await;
    let sale = format!(
        "update ticket_stock set sold = sold + 1 where ticket_type_id = {festival} and stripe = (
             select min(stripe) from ticket_stock where ticket_type_id = {festival} and sold < capacity)"
    );
    let (mut heard, mut seconds) = (Vec::new(), 0);
    // A look is due every second; a hundred tickets are sold within each, one by one.
    for _ in 0..10 {
        for _ in 0..100 {
            t.db.run(&sale).await;
            // However often a look is sent for, there is one in its time.
            t.deliver(Happening::Look { event }).await.unwrap();
        }
        heard.extend(t.heard());
        t.clock.advance(1);
        seconds += 1;
    }
    t.clock.advance(4);
    t.deliver(Happening::Look { event }).await.unwrap();
    heard.extend(t.heard());
    assert!(heard.len() <= 50 * (seconds + 1), "{} messages", heard.len());
    assert!(heard.len() >= 50 * 5, "{} messages", heard.len());
    let truth = db::realtime::availability(&client, event, t.clock.now()).await;
    let left = truth.unwrap().unwrap().tickets[0].quantity;
    for number in 0..50 {
        let connection = format!("{number:02}");
        let of_one: Vec<&Value> = heard
            .iter()
            .filter(|(id, _)| *id == connection)
            .map(|(_, message)| &message["state"])
            .collect();
        let versions = of_one.iter().map(|state| state["version"].as_i64().unwrap());
        assert!(versions.is_sorted_by(|a, b| a < b), "versions grow");
        let last = of_one.last().unwrap();
        assert_eq!(last["data"]["tickets"][0]["quantity"], left);
    }
}

#[tokio::test]
async fn looks_go_on_while_somebody_follows_and_become_rarer_while_nothing_changes() {
    let t = Setup::new().await;
    let (event, _) = on_sale(&t, 100).await;
    t.follower("a", None, &Topic::Event(event)).await;
    let table = &t.app.connections;
    assert!(table.begin_looks(event, t.clock.now()).await.unwrap());
    let mut pauses = Vec::new();
    for _ in 0..5 {
        t.deliver(Happening::Look { event }).await.unwrap();
        assert_eq!(t.looks_sent(), 1);
        let pause = table.last_look(event).await.unwrap().unwrap().pause;
        t.deliver(Happening::Look { event }).await.unwrap();
        assert_eq!(t.looks_sent(), 0, "it is not due yet");
        pauses.push(pause);
        t.clock.advance(pause);
    }
    assert_eq!(pauses, [1, 2, 4, 4, 4]);
    assert_eq!(t.who_heard(), ["a"], "it heard once what did not change");

    // An event that is withdrawn is a change, too.
    t.db.run("update events set status = 'draft'").await;
    t.deliver(Happening::Look { event }).await.unwrap();
    let data = &t.heard()[0].1["state"]["data"];
    assert_eq!(
        (&data["status"], &data["tickets"]),
        (&"draft".into(), &Value::Array(Vec::new()))
    );
    assert_eq!(t.looks_sent(), 1);

    table.close("a").await.unwrap();
    t.clock.advance(4);
    t.deliver(Happening::Look { event }).await.unwrap();
    assert_eq!(t.looks_sent(), 0, "nobody follows");
    assert_eq!(table.last_look(event).await.unwrap(), None);
}

#[tokio::test]
async fn a_look_that_died_is_done_by_the_delivery_that_repeats_it() {
    let t = Setup::new().await;
    let (event, _) = on_sale(&t, 100).await;
    t.follower("a", None, &Topic::Event(event)).await;
    let table = &t.app.connections;
    assert!(table.begin_looks(event, t.clock.now()).await.unwrap());
    // It had kept what it saw and told nobody.
    let Turn::Yours(look) = table.take_look(event, t.clock.now()).await.unwrap() else {
        panic!("it is due")
    };
    let client = t.db.client().await;
    let seen = db::realtime::availability(&client, event, t.clock.now())
        .await
        .unwrap();
    let text = serde_json::to_string(&seen).unwrap();
    assert!(table.keep_look(event, look.version, &text).await.unwrap());
    // Whoever comes while it may be at work leaves a look for when it must be over.
    t.deliver(Happening::Look { event }).await.unwrap();
    assert_eq!(t.looks_sent(), 1);
    assert!(t.heard().is_empty());
    t.clock.advance(30);
    t.deliver(Happening::Look { event }).await.unwrap();
    let heard = t.heard();
    let [(a, message)] = &heard[..] else {
        panic!("nothing has changed, but nobody was told: {heard:?}")
    };
    assert_eq!(a, "a");
    assert_eq!(
        message["state"]["version"], look.version,
        "it is what was seen then"
    );
    assert_eq!(t.looks_sent(), 1);
}

#[tokio::test]
async fn looks_outlive_a_database_that_is_away() {
    let mut t = Setup::new().await;
    let (event, _) = on_sale(&t, 100).await;
    t.follower("a", None, &Topic::Event(event)).await;
    let now = t.clock.now();
    assert!(t.app.connections.begin_looks(event, now).await.unwrap());
    let nowhere = |name: &str| (name == "DATABASE_URL").then_some("postgres://nobody@127.0.0.1:9/none");
    let away = db::Db::new(db::Config::from_lookup(nowhere).unwrap());
    let good = std::mem::replace(&mut t.app.db, away);
    t.deliver(Happening::Look { event }).await.unwrap();
    assert_eq!(t.looks_sent(), 1, "the next one tries again");
    assert!(t.heard().is_empty());
    t.app.db = good;
    t.clock.advance(4);
    t.deliver(Happening::Look { event }).await.unwrap();
    assert_eq!(t.who_heard(), ["a"]);
}

#[tokio::test]
async fn one_client_that_does_not_read_is_nobody_elses_trouble() {
    let t = Setup::new().await;
    let (event, _) = on_sale(&t, 100).await;
    for id in ["a", "b", "stuck"] {
        t.follower(id, None, &Topic::Event(event)).await;
    }
    t.app.pusher.stick("stuck");
    t.app.pusher.fail_next("b");
    assert!(t.app.connections.begin_looks(event, t.clock.now()).await.unwrap());
    t.deliver(Happening::Look { event }).await.unwrap();
    assert_eq!(t.who_heard(), ["a"]);
    let of = Subject::Event(event);
    let again = |id: &str| Happening::Part {
        of,
        part: Part::Again(id.to_owned()),
    };
    let sent = t.sent();
    assert_eq!(sent.len(), 3, "{sent:?}");
    assert!(
        sent.contains(&again("b")) && sent.contains(&again("stuck")),
        "{sent:?}"
    );

    // The looks go on as if nothing had been.
    let table = &t.app.connections;
    let mut pauses = Vec::new();
    for _ in 0..4 {
        let pause = table.last_look(event).await.unwrap().unwrap().pause;
        t.clock.advance(pause);
        t.deliver(Happening::Look { event }).await.unwrap();
        assert_eq!(t.looks_sent(), 1);
        pauses.push(pause);
    }
    assert_eq!(pauses, [1, 2, 4, 4]);
    assert!(t.heard().is_empty(), "nothing has changed");

    t.deliver(again("b")).await.unwrap();
    assert_eq!(t.who_heard(), ["b"]);
    assert!(!t.app.pusher.has_ended("stuck"), "the gateway may have been busy");
    t.deliver(again("stuck")).await.unwrap();
    assert!(t.app.pusher.has_ended("stuck"));
    assert_eq!(table.find("stuck").await.unwrap(), None);
    let left = table
        .followers(&Audience::Event(event), None, t.clock.now())
        .await;
    assert_eq!(left.unwrap().followers.len(), 2);
    t.deliver(again("stuck")).await.unwrap();
    assert!(t.heard().is_empty() && t.sent().is_empty());
}

#[tokio::test]
async fn who_could_not_be_told_of_their_own_is_told_again_alone() {
    let t = Setup::new().await;
    let rows = Rows(&t.db);
    let (_, festival) = on_sale(&t, 100).await;
    let ayu = rows.buyer("ayu@example.test").await;
    let (code, _) = rows.bought(ayu, festival, 1).await;
    for id in ["a1", "a2"] {
        t.follower(id, Some(ayu), &Topic::Order(code.clone())).await;
        t.follower(id, Some(ayu), &Topic::Notifications).await;
    }
    t.db.run("insert into notifications (message, created_at) values ('x', now())")
        .await;
    let notification = NotificationId::new(t.db.count("select max(id) from notifications").await);
    let order = t.order(&code).await;
    for happening in [Happening::Order { order }, Happening::Told { notification }] {
        t.app.pusher.fail_next("a1");
        t.deliver(happening).await.unwrap();
        assert_eq!(t.who_heard(), ["a2"]);
        let sent = t.sent();
        let [again] = &sent[..] else {
            panic!("one: {sent:?}")
        };
        // Alone it is the queue's to repeat, and to give up.
        t.app.pusher.fail_next("a1");
        let error = t.deliver(again.clone()).await.unwrap_err();
        assert_eq!(error.kind, domain::Kind::Unavailable);
        assert!(t.heard().is_empty() && t.sent().is_empty());
        t.deliver(again.clone()).await.unwrap();
        assert_eq!(t.who_heard(), ["a1"]);
    }
    // Whose session has ended meanwhile hears nothing, then neither.
    t.app.pusher.fail_next("a1");
    t.deliver(Happening::Order { order }).await.unwrap();
    assert_eq!(t.who_heard(), ["a2"]);
    t.end_session(ayu).await;
    for again in t.sent() {
        t.deliver(again).await.unwrap();
    }
    assert!(t.heard().is_empty());
    assert!(t.app.pusher.has_ended("a1"));
}

#[tokio::test]
async fn a_crowd_is_told_in_parts_to_its_end() {
    let t = Setup::new().await;
    let (event, festival) = on_sale(&t, 100).await;
    let topic = Topic::Event(event);
    for number in 0..1_201 {
        t.follower(&format!("{number:04}"), None, &topic).await;
    }
    let now = t.clock.now();
    assert!(t.app.connections.begin_looks(event, now).await.unwrap());
    t.deliver(Happening::Look { event }).await.unwrap();
    assert!(t.heard().is_empty(), "the look tells nobody itself");
    let mut parts = t.sent();
    assert!(matches!(parts.pop(), Some(Happening::Look { .. })));
    assert_eq!(parts.len(), 3);

    // Between them somebody comes, somebody goes, and tickets are sold.
    t.follower("0000x", None, &topic).await;
    t.app.connections.close("0499").await.unwrap();
    t.deliver(parts.remove(0)).await.unwrap();
    let first = t.who_heard();
    assert_eq!((first.len(), first.last().unwrap().as_str()), (500, "0498"));
    t.db.run(&format!(
        "update ticket_stock set sold = sold + 1 where ticket_type_id = {festival} and stripe = 0"
    ))
    .await;
    t.clock.advance(1);
    t.deliver(Happening::Look { event }).await.unwrap();
    assert_eq!(t.sent().len(), 4);
    let mut told = first;
    for part in parts {
        t.deliver(part).await.unwrap();
        for (connection, message) in t.heard() {
            told.push(connection);
            let left = &message["state"]["data"]["tickets"][0]["quantity"];
            assert_eq!(left, 99, "a part that waited tells what is newer by then");
        }
    }
    assert_eq!(told.len(), 1_201, "everybody");
    assert!(told.is_sorted_by(|a, b| a < b), "once");
}

#[tokio::test]
async fn what_everybody_is_told_reaches_a_crowd_in_parts() {
    let t = Setup::new().await;
    let ayu = Rows(&t.db).buyer("ayu@example.test").await;
    t.follower("0000", Some(ayu), &Topic::Notifications).await;
    // A crowd of sessions that have ended: what is its own each part asks for itself.
    for number in 1..=600 {
        let gone = Some(UserId::new(100_000 + number));
        t.follower(&format!("{number:04}"), gone, &Topic::Notifications)
            .await;
    }
    t.db.run("insert into notifications (message, created_at) values ('x', now())")
        .await;
    let notification = NotificationId::new(t.db.count("select max(id) from notifications").await);
    t.deliver(Happening::Told { notification }).await.unwrap();
    let parts = t.sent();
    assert_eq!(parts.len(), 2);
    assert!(t.heard().is_empty());
    for part in parts {
        t.deliver(part).await.unwrap();
    }
    assert_eq!(t.who_heard(), ["0000"]);
    let left = t
        .app
        .connections
        .followers(&Audience::Readers, None, t.clock.now())
        .await;
    assert_eq!(left.unwrap().followers.len(), 1);
}
