//! What becomes of an endpoint that fails, and of its owner's other messages.

use crate::receiver::{Receiver, Reply};
use crate::{Setup, deliver, make_endpoint};
use futures_util::future::{join, join_all};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test]
async fn a_slow_endpoint_holds_two_workers_and_the_others_serve_everybody_else() {
    let setup = Setup::new().await;
    let slow = Reply {
        after: Duration::from_secs(1),
        ..Reply::status(200)
    };
    setup.receiver.will(&[slow; 12]);
    let other = Receiver::start().await;
    let elsewhere = make_endpoint(&setup.db, setup.owner, &other.url()).await;
    let mut queue = VecDeque::new();
    for _ in 0..12 {
        queue.push_back(setup.message().await);
    }
    let unhurt = setup.message_to(elsewhere).await;
    queue.push_back(unhurt);
    let waiting = queue.clone();
    let queue = Mutex::new(queue);
    let workers: Vec<_> = (0..8).map(|_| setup.worker()).collect();
    let begun = Instant::now();
    let work = join_all(workers.iter().map(async |worker| {
        loop {
            let next = queue.lock().unwrap().pop_front();
            let Some(next) = next else {
                break;
            };
            deliver(worker, next).await;
        }
    }));
    let served = async {
        while other.connections() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        begun.elapsed()
    };
    let (_, served) = join(work, served).await;
    assert!(served < Duration::from_millis(900), "{served:?}");
    assert_eq!(setup.receiver.most_open(), 2);
    // What was set aside was sent by those two.
    for delivery in waiting {
        assert_eq!(setup.stands(delivery).await, "delivered 1 1 200");
    }
    assert_eq!(setup.receiver.heard().len(), 12);
}

#[tokio::test]
async fn what_fails_together_counts_as_one_failure() {
    let setup = Setup::new().await;
    let slow = Reply {
        after: Duration::from_millis(500),
        ..Reply::status(500)
    };
    for failures in 1..=2 {
        setup.receiver.will(&[slow; 2]);
        let (one, two) = (setup.message().await, setup.message().await);
        let workers = (setup.worker(), setup.worker());
        join(deliver(&workers.0, one), deliver(&workers.1, two)).await;
        assert_eq!(setup.receiver.heard().len(), 2);
        assert_eq!(setup.health().await, format!("{failures} awake enabled"));
    }
}

#[tokio::test]
async fn who_fails_again_and_again_is_left_alone_with_all_messages() {
    let setup = Setup::new().await;
    setup.receiver.will(&[Reply::status(500); 10]);
    let mut deliveries = Vec::new();
    for _ in 0..6 {
        deliveries.push(setup.message().await);
    }
    for delivery in &deliveries {
        setup.deliver(*delivery).await;
    }
    assert_eq!(setup.receiver.heard().len(), 3, "three are enough to know");
    assert_eq!(setup.health().await, "3 rests enabled");
    assert_eq!(setup.stands(deliveries[5]).await, "pending 0 0 -");
    let wait = setup.due_at(deliveries[5]).await.seconds_since(setup.clock.now());
    assert_eq!(wait, 30);
    // One of another endpoint goes.
    let other = make_endpoint(&setup.db, setup.owner, &format!("{}?other", setup.receiver.url())).await;
    setup.receiver.will(&[]);
    let unhurt = setup.message_to(other).await;
    setup.deliver(unhurt).await;
    assert_eq!(setup.stands(unhurt).await, "delivered 1 1 200");
    assert_eq!(setup.receiver.heard().len(), 1);
    // Then one tries, and when that is taken, all go.
    setup.clock.advance(30);
    setup.deliver(deliveries[3]).await;
    assert_eq!(setup.receiver.heard().len(), 6);
    assert_eq!(setup.health().await, "0 awake enabled");
}

#[tokio::test]
async fn three_days_without_a_success_disable_an_endpoint_and_tell_its_owner_once() {
    let setup = Setup::new().await;
    setup.receiver.will(&[Reply::status(503); 20]);
    let first = setup.message().await;
    setup.deliver(first).await;
    let (one, two) = (setup.message().await, setup.message().await);
    setup.clock.advance(3 * 86_400 - 1);
    setup.deliver(one).await;
    assert_eq!(setup.health().await, "2 awake enabled");
    assert_eq!(setup.told().await, (0, 0));
    setup.clock.advance(1);
    setup.deliver(two).await;
    assert_eq!(setup.health().await, "3 awake failing");
    assert_eq!(setup.stands(two).await, "failed 1 1 503");
    assert_eq!(setup.told().await, (1, 1));
    // What still waits is given up without a call, and can be replayed.
    let calls = setup.receiver.connections();
    setup.deliver(first).await;
    assert_eq!(setup.receiver.connections(), calls);
    assert_eq!(setup.stands(first).await, "failed 1 1 503");
    let error = format!("select last_error from webhook_deliveries where id = {first}");
    assert_eq!(setup.db.text(&error).await, "the endpoint is disabled");
    assert_eq!(setup.told().await, (1, 1));
}

#[tokio::test]
async fn one_success_forgives_three_days() {
    let setup = Setup::new().await;
    setup.receiver.will(&[503, 200, 200, 503].map(Reply::status));
    // The second one is taken, and then the first.
    for _ in 0..3 {
        let delivery = setup.message().await;
        setup.deliver(delivery).await;
        setup.clock.advance(2 * 86_400);
    }
    assert_eq!(setup.health().await, "1 awake enabled");
}

#[tokio::test]
async fn who_is_gone_is_disabled_at_once() {
    let setup = Setup::new().await;
    setup.receiver.will(&[Reply::status(410)]);
    let delivery = setup.message().await;
    setup.deliver(delivery).await;
    assert_eq!(setup.stands(delivery).await, "failed 1 1 410");
    assert_eq!(setup.health().await, "1 awake gone");
    assert_eq!(setup.told().await, (1, 1));
}

#[tokio::test]
async fn a_message_is_given_up_after_its_last_try() {
    let setup = Setup::new().await;
    let delivery = setup.message().await;
    setup
        .db
        .run("update webhook_deliveries set tries = 9, attempts = 12")
        .await;
    setup.receiver.will(&[Reply::status(500)]);
    setup.deliver(delivery).await;
    assert_eq!(setup.stands(delivery).await, "failed 10 13 500");
    assert_eq!(setup.health().await, "1 awake enabled");
}

#[tokio::test]
async fn nobody_is_told_for_an_owner_who_publishes_no_more_or_has_disabled_it() {
    for change in [
        "update users set role = 'user'",
        "update users set deleted_at = now()",
        "update webhook_endpoints set disabled_at = now(), disabled_reason = 'owner'",
    ] {
        let setup = Setup::new().await;
        let delivery = setup.message().await;
        setup.db.run(change).await;
        setup.deliver(delivery).await;
        assert_eq!(setup.receiver.connections(), 0, "{change}");
        assert_eq!(setup.stands(delivery).await, "failed 0 0 -", "{change}");
    }
}

#[tokio::test]
async fn a_delivery_that_is_gone_is_no_error() {
    let setup = Setup::new().await;
    let delivery = setup.message().await;
    setup.db.run("delete from webhook_endpoints").await;
    setup.deliver(delivery).await;
    assert_eq!(setup.receiver.connections(), 0);
}
