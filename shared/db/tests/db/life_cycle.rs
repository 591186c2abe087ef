//! Stopping the sale of an event, and the audit log that nobody edits.

use crate::payments::{apply, placed, report};
use crate::support::{
    LATER, assert_consistent, at, cart_rows, connections, counters, on_sale, race, sqlstate,
};
use db::events::{self, EventPatch};
use db::stock::{self, Owner, Want};
use db::{audit, ticket_types};
use domain::audit::{Changes, Entry, Origin, Subject, Via};
use domain::event::EventStatus;
use domain::message::Queue;
use domain::order::OrderStatus;
use domain::user::Role;
use domain::{CartItemId, EventId, TicketTypeId, UserId};
use futures_util::future::join;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio_postgres::Client;

/// Sets the status of the only event as its organizer does.
async fn stop(client: &mut Client, status: EventStatus, hesitation: Duration) {
    let tx = client.transaction().await.unwrap();
    let (event, organizer) = (EventId::new(1), UserId::new(1));
    events::lock_own_and_sale(&tx, event, organizer, false)
        .await
        .unwrap()
        .expect("the organizer has the event");
    let patch = EventPatch {
        status: Some(status),
        ..EventPatch::default()
    };
    events::update(&tx, event, &patch, at(0)).await.unwrap();
    tokio::time::sleep(hesitation).await;
    tx.commit().await.unwrap();
}

/// Takes one unit if the event sells, as a cart does. Hesitates between looking and taking.
async fn buy(
    client: &mut Client,
    ticket_type: TicketTypeId,
    item: CartItemId,
    hesitation: Duration,
) -> Option<EventStatus> {
    let tx = client.transaction().await.unwrap();
    let sales = ticket_types::for_sale(tx.client(), &[ticket_type]).await.unwrap();
    let status = sales.first().map(|sale| sale.rules.event_status);
    if status == Some(EventStatus::Published) {
        tokio::time::sleep(hesitation).await;
        let want = Want {
            ticket_type,
            quantity: 1,
            first_stripe: 0,
            until: at(LATER),
        };
        stock::take(&tx, Owner::Cart(item), want, at(0))
            .await
            .unwrap()
            .unwrap();
        tx.commit().await.unwrap();
    }
    status
}

#[tokio::test]
async fn whoever_was_let_through_has_bought_before_the_sale_stops() {
    for status in [EventStatus::Cancelled, EventStatus::Draft] {
        let (db, ticket_type) = on_sale(10).await;
        let item = cart_rows(&db.client().await, ticket_type, 1).await[0];
        let mut clients = connections(&db, 2).await;
        let (mut stopping, mut buying) = (clients.remove(0), clients.remove(0));
        let order = Mutex::new(Vec::new());
        let buyer = async {
            let seen = buy(&mut buying, ticket_type, item, Duration::from_millis(400)).await;
            order.lock().unwrap().push("bought");
            seen
        };
        let organizer = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            stop(&mut stopping, status, Duration::ZERO).await;
            order.lock().unwrap().push("stopped");
        };
        let (seen, ()) = join(buyer, organizer).await;
        assert_eq!(seen, Some(EventStatus::Published));
        assert_eq!(*order.lock().unwrap(), ["bought", "stopped"]);
    }
}

#[tokio::test]
async fn whoever_comes_while_a_sale_is_being_stopped_waits_and_is_refused() {
    for (status, seen) in [
        (EventStatus::Cancelled, Some(EventStatus::Cancelled)),
        (EventStatus::Draft, None),
    ] {
        let (db, ticket_type) = on_sale(10).await;
        let item = cart_rows(&db.client().await, ticket_type, 1).await[0];
        let mut clients = connections(&db, 2).await;
        let (mut stopping, mut buying) = (clients.remove(0), clients.remove(0));
        let organizer = stop(&mut stopping, status, Duration::from_millis(300));
        let buyer = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            buy(&mut buying, ticket_type, item, Duration::ZERO).await
        };
        let ((), found) = join(organizer, buyer).await;
        assert_eq!(found, seen);
        assert_eq!(
            counters(&db.client().await, ticket_type).await.held,
            0,
            "{status:?}"
        );
    }
}

#[tokio::test]
async fn after_a_cancellation_thirty_buyers_get_nothing_new() {
    const BUYERS: usize = 30;
    let (mut bought, mut refused) = (0, 0);
    for round in 0_u64..8 {
        let (db, ticket_type) = on_sale(5_000).await;
        let client = db.client().await;
        let items = cart_rows(&client, ticket_type, BUYERS).await;
        let mut clients = connections(&db, BUYERS + 1).await;
        let held_at_commit = AtomicI64::new(-1);
        let answers = race(&mut clients, async |number, client| {
            if number == BUYERS {
                tokio::time::sleep(Duration::from_millis(20 + 10 * round)).await;
                stop(client, EventStatus::Cancelled, Duration::ZERO).await;
                let held = counters(client, ticket_type).await.held;
                held_at_commit.store(held, Ordering::SeqCst);
                return (0, 0);
            }
            let (mut bought, mut refused) = (0, 0);
            while refused < 3 {
                match buy(client, ticket_type, items[number], Duration::from_millis(1)).await {
                    Some(EventStatus::Published) => {
                        assert_eq!(refused, 0, "nobody is let in again");
                        bought += 1;
                    }
                    _ => refused += 1,
                }
            }
            (bought, refused)
        })
        .await;
        let held = held_at_commit.into_inner();
        assert_eq!(
            counters(&client, ticket_type).await.held,
            held,
            "round {round}: held when the cancellation had committed"
        );
        bought += answers.iter().map(|(bought, _)| bought).sum::<i64>();
        refused += answers.iter().map(|(_, refused)| refused).sum::<i64>();
    }
    println!("{bought} units taken, {refused} refusals in 8 rounds");
    assert!(bought > 0 && refused >= 8 * 3 * 30, "{bought} {refused}");
}

#[tokio::test]
async fn money_for_a_cancelled_event_goes_back() {
    let (db, festival) = on_sale(10).await;
    let mut client = db.client().await;
    let paid = placed(&mut client, &[(festival, 2)]).await;
    apply(&mut client, paid, &report("t1", "settlement", "2000.00"), 1).await;
    let waiting = placed(&mut client, &[(festival, 3)]).await;
    stop(&mut client, EventStatus::Cancelled, Duration::ZERO).await;

    let late = apply(&mut client, waiting, &report("t2", "settlement", "3000.00"), 2).await;
    assert_eq!(late.order, OrderStatus::RefundDue);
    let messages = late
        .messages
        .iter()
        .filter(|message| message.queue != Queue::Notices);
    let [mail, work] = messages.collect::<Vec<_>>()[..] else {
        panic!("a mail and a refund: {:?}", late.messages)
    };
    assert!(mail.body.contains("refund_due"), "{}", mail.body);
    assert_eq!(work.queue, Queue::Refunds);
    let left = counters(&client, festival).await;
    assert_eq!(
        (left.held, left.sold),
        (0, 2),
        "what was paid before keeps its tickets"
    );
    assert_consistent(&client).await;
}

fn entry(origin: &Origin) -> Entry<'_> {
    Entry {
        actor: UserId::new(1),
        role: Role::Organizer,
        via: Via::Session,
        key: None,
        origin,
        action: "update_event",
        subject: Subject::Event(EventId::new(1)),
        changes: Changes::none().set("name", "Jazz"),
        at: at(0),
    }
}

fn origin() -> Origin {
    Origin {
        client_ip: "203.0.113.7".to_owned(),
        user_agent: "test".to_owned(),
        request_id: "r1".to_owned(),
    }
}

#[tokio::test]
async fn a_row_of_the_audit_log_is_neither_changed_nor_deleted() {
    let (db, _) = on_sale(1).await;
    let mut client = db.client().await;
    let origin = origin();
    let tx = client.transaction().await.unwrap();
    audit::record(&tx, &entry(&origin)).await.unwrap();
    tx.commit().await.unwrap();
    let all = "select string_agg(a::text, ';') from audit_log a";
    let before = db.text(all).await;
    for sql in [
        "update audit_log set action = 'x'",
        "update audit_log set actor_id = 2, client_ip = null, user_agent = null",
        "update audit_log set at = now()",
        "update audit_log set changes = '{}', client_ip = null, user_agent = null",
        "update audit_log set client_ip = '127.0.0.1'",
        "update audit_log set client_ip = null",
        "delete from audit_log",
        "truncate audit_log",
        "with gone as (delete from audit_log returning *) select * from gone",
    ] {
        let error = client.execute(sql, &[]).await.expect_err(sql);
        assert_eq!(sqlstate(&error.into()), "42501", "{sql}");
        assert_eq!(db.text(all).await, before, "{sql}");
    }
    // Forgetting from where somebody acted is the one change there is.
    let forget = "update audit_log set client_ip = null, user_agent = null where actor_id = 1";
    assert_eq!(client.execute(forget, &[]).await.unwrap(), 1);
    let rows = audit::list(&client, &audit::Filter::default(), 10).await.unwrap();
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(
        (row.client_ip.as_deref(), row.user_agent.as_deref()),
        (None, None)
    );
    assert_eq!((row.action.as_str(), row.actor_id.get()), ("update_event", 1));
}

#[tokio::test]
async fn what_is_rolled_back_is_not_in_the_log() {
    let (db, _) = on_sale(1).await;
    let mut client = db.client().await;
    let origin = origin();
    let tx = client.transaction().await.unwrap();
    audit::record(&tx, &entry(&origin)).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(db.count("select count(*) from audit_log").await, 0);
}
