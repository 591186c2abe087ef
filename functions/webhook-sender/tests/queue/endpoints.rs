//! What becomes of an endpoint that fails, and of its owner's other messages.

use crate::receiver::Reply;
use crate::{Setup, make_endpoint};

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
    for delivery in &deliveries[3..] {
        setup.deliver(*delivery).await;
    }
    assert_eq!(setup.receiver.heard().len(), 3);
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
    setup
        .receiver
        .will(&[Reply::status(503), Reply::status(200), Reply::status(503)]);
    let deliveries = [
        setup.message().await,
        setup.message().await,
        setup.message().await,
    ];
    for delivery in deliveries {
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
