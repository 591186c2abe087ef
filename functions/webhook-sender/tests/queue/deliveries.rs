//! What becomes of one message.

use crate::receiver::Reply;
use crate::{NEXT_SECRET, SECRET, Setup, deliver};
use domain::webhook::LEASE_SECONDS;
use futures_util::future::join_all;
use std::time::Duration;

#[tokio::test]
async fn a_message_is_signed_sent_once_and_logged() {
    let setup = Setup::new().await;
    setup.receiver.will(&[Reply {
        body: "got\u{7} it",
        ..Reply::status(202)
    }]);
    let delivery = setup.message().await;
    setup.deliver(delivery).await;
    setup.deliver(delivery).await;
    let heard = setup.receiver.heard();
    let [call] = heard.as_slice() else {
        panic!("{heard:?}");
    };
    assert_eq!(call.line, "POST /hook HTTP/1.1");
    assert_eq!(call.headers["content-type"], "application/json");
    assert_eq!(call.headers["user-agent"], "GiggleFest-Webhooks/1");
    let id = setup.db.text("select message_id from webhook_deliveries").await;
    assert!(id.starts_with("msg_"), "{id}");
    assert_eq!(call.headers["webhook-id"], id);
    let at = setup.clock.now().unix_seconds();
    assert_eq!(call.headers["webhook-timestamp"], at.to_string());
    let signature = runtime::webhook::sign(&[SECRET.to_vec()], &id, at, &call.body);
    assert_eq!(call.headers["webhook-signature"], signature);
    assert_eq!(
        call.body,
        format!(
            r#"{{"type":"webhook.test","timestamp":"2030-01-01T12:00:00.000Z","version":1,"data":{{"webhookId":{}}}}}"#,
            setup.endpoint
        )
    );
    assert_eq!(setup.stands(delivery).await, "delivered 1 1 202");
    let body = setup.db.text("select last_body from webhook_deliveries").await;
    assert_eq!(body, "got  it");
    assert_eq!(setup.health().await, "0 awake enabled");
}

#[tokio::test]
async fn after_a_rotation_both_secrets_sign_for_a_day() {
    let setup = Setup::new().await;
    let rotate = async {
        let db = setup.db.db();
        let mut conn = db.conn().await.unwrap();
        let tx = conn.begin().await.unwrap();
        let now = setup.clock.now();
        db::webhooks::rotate(&tx, setup.endpoint, setup.owner, &NEXT_SECRET, now)
            .await
            .unwrap()
            .unwrap();
        tx.commit().await.unwrap();
    };
    rotate.await;
    for (later, secrets) in [
        (86_399, vec![NEXT_SECRET.to_vec(), SECRET.to_vec()]),
        (1, vec![NEXT_SECRET.to_vec()]),
    ] {
        setup.clock.advance(later);
        let delivery = setup.message().await;
        setup.deliver(delivery).await;
        let call = setup.receiver.heard().remove(0);
        let at = setup.clock.now().unix_seconds();
        let signed = runtime::webhook::sign(&secrets, &call.headers["webhook-id"], at, &call.body);
        assert_eq!(call.headers["webhook-signature"], signed);
    }
}

#[tokio::test]
async fn what_fails_is_tried_again_later_as_the_same_message() {
    let setup = Setup::new().await;
    setup.receiver.will(&[Reply::status(500), Reply::status(404)]);
    let delivery = setup.message().await;
    setup.deliver(delivery).await;
    assert_eq!(setup.stands(delivery).await, "pending 1 1 500");
    let first = setup.due_at(delivery).await.seconds_since(setup.clock.now());
    assert!((5..=6).contains(&first), "{first}");
    setup.deliver(delivery).await;
    assert_eq!(setup.receiver.connections(), 1, "its time has not come");
    setup.clock.advance(6);
    setup.deliver(delivery).await;
    assert_eq!(setup.stands(delivery).await, "pending 2 2 404");
    let second = setup.due_at(delivery).await.seconds_since(setup.clock.now());
    assert!((300..=360).contains(&second), "{second}");
    assert_eq!(setup.health().await, "2 awake enabled");
    setup.clock.advance(360);
    setup.deliver(delivery).await;
    assert_eq!(setup.stands(delivery).await, "delivered 3 3 200");
    assert_eq!(setup.health().await, "0 awake enabled");
    let heard = setup.receiver.heard();
    let ids: Vec<_> = heard.iter().map(|call| &call.headers["webhook-id"]).collect();
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
    assert!(heard[0].headers["webhook-timestamp"] < heard[2].headers["webhook-timestamp"]);
}

#[tokio::test]
async fn a_redirect_is_a_refusal_and_leads_nowhere() {
    let setup = Setup::new().await;
    for (status, headers) in [
        (301, "location: /elsewhere\r\n"),
        (307, "location: http://127.0.0.1:1/\r\n"),
        (308, "location: http://169.254.169.254/latest/meta-data/\r\n"),
    ] {
        setup.receiver.will(&[Reply {
            headers,
            ..Reply::status(status)
        }]);
        let delivery = setup.message().await;
        setup.deliver(delivery).await;
        assert_eq!(setup.stands(delivery).await, format!("pending 1 1 {status}"));
        assert_eq!(setup.receiver.heard().len(), 1);
        setup.clock.advance(3_600);
    }
}

#[tokio::test]
async fn of_many_workers_with_one_message_one_sends_it() {
    let setup = Setup::new().await;
    let slow = Reply {
        after: Duration::from_millis(200),
        ..Reply::status(200)
    };
    for round in 1..=5 {
        setup.receiver.will(&[slow; 8]);
        let delivery = setup.message().await;
        let workers: Vec<_> = (0..8).map(|_| setup.worker()).collect();
        join_all(workers.iter().map(|worker| deliver(worker, delivery))).await;
        assert_eq!(setup.receiver.heard().len(), 1, "round {round}");
        assert_eq!(setup.stands(delivery).await, "delivered 1 1 200");
    }
}

#[tokio::test]
async fn what_a_killed_worker_had_is_due_again_and_its_late_word_counts_for_nothing() {
    let setup = Setup::new().await;
    setup.receiver.will(&[Reply {
        after: Duration::from_secs(5),
        ..Reply::status(200)
    }]);
    let delivery = setup.message().await;
    let worker = setup.worker();
    // Dropped while it waits for the answer, as a killed process is.
    let killed = tokio::time::timeout(Duration::from_millis(300), deliver(&worker, delivery)).await;
    assert!(killed.is_err());
    assert_eq!(setup.receiver.heard().len(), 1);
    assert_eq!(setup.stands(delivery).await, "pending 1 1 -");
    setup.deliver(delivery).await;
    assert_eq!(setup.receiver.heard().len(), 0, "it is leased");
    setup.clock.advance(LEASE_SECONDS);
    let db = setup.db.db();
    let conn = db.conn().await.unwrap();
    let due = db::webhook_deliveries::due(&conn, 10, setup.clock.now())
        .await
        .unwrap();
    assert_eq!(due, [delivery]);
    setup.deliver(delivery).await;
    let again = setup.receiver.heard();
    assert_eq!(again.len(), 1);
    assert_eq!(setup.stands(delivery).await, "delivered 2 2 200");
}

#[tokio::test]
async fn the_word_of_a_worker_whose_lease_is_over_counts_for_nothing() {
    let setup = Setup::new().await;
    let delivery = setup.message().await;
    let slow = setup.worker();
    setup.receiver.will(&[
        Reply {
            after: Duration::from_millis(800),
            ..Reply::status(500)
        },
        Reply::status(200),
    ]);
    let quick = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        setup.clock.advance(LEASE_SECONDS);
        setup.deliver(delivery).await;
    };
    tokio::join!(deliver(&slow, delivery), quick);
    assert_eq!(setup.receiver.heard().len(), 2);
    assert_eq!(setup.stands(delivery).await, "delivered 2 2 200");
    assert_eq!(setup.health().await, "0 awake enabled");
}

#[tokio::test]
async fn who_does_not_answer_in_ten_seconds_has_not_answered() {
    let setup = Setup::new().await;
    setup.receiver.will(&[Reply {
        after: Duration::from_secs(30),
        ..Reply::status(200)
    }]);
    let delivery = setup.message().await;
    let begun = tokio::time::Instant::now();
    setup.deliver(delivery).await;
    let took = begun.elapsed().as_secs();
    assert!((10..13).contains(&took), "{took}");
    assert_eq!(setup.stands(delivery).await, "pending 1 1 -");
    let error = setup.db.text("select last_error from webhook_deliveries").await;
    assert!(error.contains("10 seconds") || error.contains("10s"), "{error}");
}

#[tokio::test]
async fn nobody_there_is_a_failure_and_a_long_answer_is_cut() {
    let setup = Setup::new().await;
    let gone = crate::make_endpoint(&setup.db, setup.owner, "http://127.0.0.1:1/").await;
    let delivery = setup.message_to(gone).await;
    setup.deliver(delivery).await;
    assert_eq!(setup.stands(delivery).await, "pending 1 1 -");
    let long: &'static str = Box::leak("é".repeat(100_000).into_boxed_str());
    setup.receiver.will(&[Reply {
        body: long,
        ..Reply::status(500)
    }]);
    let delivery = setup.message().await;
    setup.deliver(delivery).await;
    assert_eq!(setup.stands(delivery).await, "pending 1 1 500");
    let sql = format!("select length(last_body) from webhook_deliveries where id = {delivery}");
    assert_eq!(setup.db.count(&sql).await, 1_000);
}
