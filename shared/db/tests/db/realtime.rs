//! What people follow over WebSockets.

use crate::payments::{apply, end, placed, report};
use crate::support::{at, connections, on_sale, race};
use db::{outbox, realtime, sessions};
use domain::message::{Happening, Outgoing, Queue};
use domain::order::OrderStatus;
use domain::payment::PaymentStatus;
use domain::realtime::{MOST_TICKETS, TICKET_SECONDS};
use domain::{EventId, NotificationId, OrderId, SessionId, UserId};
use testkit::{Rows, TestDb};
use tokio_postgres::Client;

/// Somebody with the session that goes with the account.
async fn buyer(db: &TestDb) -> (UserId, SessionId) {
    let user = Rows(db).buyer("ayu@example.test").await;
    (user, SessionId::new(-user.get()))
}

async fn issue(client: &Client, ticket: u8, whose: (UserId, SessionId), seconds: i64) -> bool {
    let (user, session) = whose;
    let issued = realtime::issue_ticket(client, &[ticket; 32], session, user, at(seconds)).await;
    issued.unwrap().is_some()
}

async fn used(client: &Client, ticket: u8, seconds: i64) -> Option<(UserId, SessionId)> {
    realtime::use_ticket(client, &[ticket; 32], at(seconds))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_ticket_lets_one_of_many_in() {
    let db = TestDb::new().await;
    let ayu = buyer(&db).await;
    let mut clients = connections(&db, 12).await;
    for ticket in 0..20 {
        assert!(issue(&clients[0], ticket, ayu, 0).await);
        let let_in = race(&mut clients, async |_, client| used(client, ticket, 1).await).await;
        let let_in: Vec<_> = let_in.into_iter().flatten().collect();
        assert_eq!(let_in, [ayu], "ticket {ticket}");
    }
    assert_eq!(db.count("select count(*) from socket_tickets").await, 0);
}

#[tokio::test]
async fn a_ticket_is_good_for_a_minute_and_as_long_as_its_session() {
    let db = TestDb::new().await;
    let client = db.client().await;
    let ayu = buyer(&db).await;
    assert_eq!(used(&client, 1, 0).await, None, "nobody issued it");
    assert!(issue(&client, 1, ayu, 0).await);
    assert_eq!(used(&client, 1, TICKET_SECONDS).await, None);
    assert!(issue(&client, 2, ayu, 0).await);
    assert_eq!(used(&client, 2, TICKET_SECONDS - 1).await, Some(ayu));

    assert!(issue(&client, 3, ayu, 0).await);
    assert!(sessions::end(&client, ayu.1, ayu.0, at(1)).await.unwrap());
    assert_eq!(used(&client, 3, 2).await, None, "the session has ended");
    assert!(!issue(&client, 4, ayu, 2).await, "the session has ended");
    let other = Rows(&db).buyer("budi@example.test").await;
    let mixed = (ayu.0, SessionId::new(-other.get()));
    assert!(!issue(&client, 5, mixed, 2).await, "somebody else's session");
}

#[tokio::test]
async fn a_session_has_so_many_tickets_and_leaves_none_behind() {
    let db = TestDb::new().await;
    let client = db.client().await;
    let ayu = buyer(&db).await;
    let most = u8::try_from(MOST_TICKETS).unwrap();
    for ticket in 0..most {
        assert!(issue(&client, ticket, ayu, 0).await);
    }
    assert!(!issue(&client, most, ayu, TICKET_SECONDS - 1).await);
    assert!(issue(&client, most, ayu, TICKET_SECONDS).await);
    assert_eq!(
        db.count("select count(*) from socket_tickets").await,
        1,
        "those that were over went"
    );
}

async fn version(client: &Client, order: OrderId) -> (i64, OrderStatus, Option<PaymentStatus>) {
    let followed = realtime::order(client, order).await.unwrap().unwrap();
    let state = followed.state;
    (followed.version, state.status, state.payment_status)
}

#[tokio::test]
async fn the_version_of_an_order_grows_with_every_step() {
    let (db, festival) = on_sale(100).await;
    let mut client = db.client().await;
    let order = placed(&mut client, &[(festival, 1)]).await;
    let mut seen = vec![version(&client, order).await];
    assert_eq!(seen[0].1, OrderStatus::Pending);
    for (status, seconds) in [("deny", 1), ("settlement", 2), ("settlement", 3), ("refund", 4)] {
        apply(&mut client, order, &report(status, status, "1000.00"), seconds).await;
        seen.push(version(&client, order).await);
    }
    for (old, new) in seen.iter().zip(&seen[1..]) {
        let moved = (old.1, old.2) != (new.1, new.2);
        assert_eq!(new.0 > old.0, moved, "{seen:?}");
    }
    assert!(seen.last().unwrap().0 >= seen[0].0 + 2, "{seen:?}");

    let unpaid = placed(&mut client, &[(festival, 1)]).await;
    let before = version(&client, unpaid).await;
    assert!(end(&mut client, unpaid, 5).await);
    let after = version(&client, unpaid).await;
    assert_eq!(after.1, OrderStatus::Expired);
    assert!(after.0 > before.0, "{before:?} {after:?}");
}

#[tokio::test]
async fn those_who_follow_an_order_hear_of_each_step_and_of_nothing_else() {
    let (db, festival) = on_sale(100).await;
    let mut client = db.client().await;
    let order = placed(&mut client, &[(festival, 1)]).await;
    let heard = async |client: &mut Client, status: &str, seconds: i64| {
        let applied = apply(client, order, &report("t1", status, "1000.00"), seconds).await;
        let messages = applied.messages.into_iter();
        messages.filter(|message| message.queue == Queue::Notices).count()
    };
    assert_eq!(heard(&mut client, "pending", 1).await, 0);
    assert_eq!(heard(&mut client, "settlement", 2).await, 1);
    assert_eq!(heard(&mut client, "settlement", 3).await, 0);
    let waiting = outbox::waiting(&client, at(3), 10).await.unwrap();
    let of_order = waiting.iter().filter(|message| {
        message.queue == Queue::Notices && message.body.contains(r#""body":{"kind":"order""#)
    });
    let of_order: Vec<&Outgoing> = of_order.collect();
    let happening = Happening::Order { order };
    let expected = Outgoing::happening(of_order[0].id.clone(), happening).unwrap();
    assert_eq!(of_order, [&expected]);
}

#[tokio::test]
async fn an_order_is_followed_by_its_owner_while_the_session_goes_on() {
    let (db, festival) = on_sale(100).await;
    let rows = Rows(&db);
    let (ayu, session) = buyer(&db).await;
    let budi = rows.buyer("budi@example.test").await;
    let (code, _) = rows.bought(ayu, festival, 1).await;
    let client = db.client().await;
    let own = async |user: UserId, session: SessionId| {
        let order = realtime::own_order(&client, &code, user, session).await.unwrap();
        order.map(|order| (order.owner, order.state.order_id))
    };
    assert_eq!(own(ayu, session).await, Some((ayu, code.clone())));
    assert_eq!(own(budi, SessionId::new(-budi.get())).await, None);
    assert_eq!(
        own(ayu, SessionId::new(-budi.get())).await,
        None,
        "another's session"
    );
    let both = [session, SessionId::new(-budi.get())];
    assert_eq!(realtime::going_on(&client, &both).await.unwrap().len(), 2);
    assert!(sessions::end(&client, session, ayu, at(1)).await.unwrap());
    assert_eq!(own(ayu, session).await, None, "the session has ended");
    let left = realtime::going_on(&client, &both).await.unwrap();
    assert_eq!(left.into_iter().collect::<Vec<_>>(), both[1..]);
}

#[tokio::test]
async fn what_is_left_of_an_event_is_seen_unless_it_is_a_draft() {
    let (db, festival) = on_sale(100).await;
    let mut client = db.client().await;
    let event = EventId::new(db.count("select id from events").await);
    placed(&mut client, &[(festival, 30)]).await;
    let seen = realtime::availability(&client, event, at(0))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(seen.tickets.len(), 1);
    assert_eq!(
        (seen.tickets[0].ticket_id, seen.tickets[0].quantity),
        (festival, 70)
    );
    db.run("update events set status = 'draft'").await;
    assert_eq!(realtime::availability(&client, event, at(0)).await.unwrap(), None);
    let nothing = EventId::new(9_999);
    assert_eq!(
        realtime::availability(&client, nothing, at(0)).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn whoever_writes_a_notification_tells_those_who_follow() {
    let db = TestDb::new().await;
    let (user, _) = buyer(&db).await;
    let client = db.client().await;
    let sql = format!("insert into notifications (user_id, message, created_at) values ({user}, 'x', now())");
    db.run(&sql).await;
    let id = NotificationId::new(db.count("select id from notifications").await);
    let waiting = outbox::waiting(&client, at(1_000_000_000), 10).await.unwrap();
    let [written] = &waiting[..] else {
        panic!("one message: {waiting:?}")
    };
    let expected = Outgoing::told(id).unwrap();
    assert_eq!((&written.id, written.queue), (&expected.id, expected.queue));
    let read = |body: &str| serde_json::from_str::<serde_json::Value>(body).unwrap();
    assert_eq!(read(&written.body), read(&expected.body));
    let (reader, told) = realtime::told(&client, id).await.unwrap().unwrap();
    assert_eq!((reader, told.id), (Some(user), id));
    let nothing = NotificationId::new(9_999);
    assert!(realtime::told(&client, nothing).await.unwrap().is_none());
}

#[tokio::test]
async fn the_outbox_knows_every_queue_that_the_fleet_fills() {
    let db = TestDb::new().await;
    let mut client = db.client().await;
    let messages: Vec<Outgoing> = Queue::ALL
        .into_iter()
        .filter(|queue| !matches!(queue, Queue::MailEvents | Queue::Promotions))
        .zip(1_u8..)
        .map(|(queue, number)| Outgoing {
            id: format!("{number:032x}"),
            queue,
            body: "{}".to_owned(),
        })
        .collect();
    let tx = client.transaction().await.unwrap();
    outbox::insert_all(&tx, &messages, at(0)).await.unwrap();
    tx.commit().await.unwrap();
}
