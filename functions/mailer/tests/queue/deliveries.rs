//! Messages that come twice or too late, and services that fail.

use super::*;
use db::mail_log::{self, Claim};
use mail::MailError;

#[tokio::test(flavor = "current_thread")]
async fn a_repeated_message_sends_nothing() {
    let fixture = Fixture::new().await;
    fixture.pay().await;
    for _ in 0..3 {
        assert!(fixture.deliver("tickets").await);
    }
    assert_eq!(fixture.mails().len(), 1);
    let noted = "select count(*) from mail_log where kind = 'tickets' and sent_at is not null and provider_id = 'memory-1'";
    assert_eq!(fixture.db.count(noted).await, 1);
}

#[tokio::test(flavor = "current_thread")]
async fn the_same_message_twice_in_a_batch_and_in_two_workers_is_one_mail() {
    let fixture = Fixture::new().await;
    let other = App {
        db: fixture.db.db(),
        mailer: Mailer::in_memory(Mailbox::parse("tickets@example.test").unwrap()),
        breaker: FleetBreaker::new("mail", Store::in_memory()),
        clock: fixture.app.clock.clone(),
        keys: SigningKeys::parse(KEYS).unwrap(),
        frontend_url: String::from("https://web.example.test"),
        language: Language::Id,
        base_url: fixture.app.base_url.clone(),
        unsubscribing: LinkKey::derive(&Secret::new("secret"), "unsubscribe"),
        pace: Duration::ZERO,
    };
    let mut twice = event("verification");
    twice.records.extend(event("verification").records);
    let (_, _) = tokio::join!(
        fixture.handle(twice),
        worker::handle_batch(&other, event("verification"))
    );
    assert_eq!(fixture.mails().len() + other.mailer.take_delivered().len(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn what_another_worker_has_claimed_waits_for_the_end_of_its_lease() {
    let fixture = Fixture::new().await;
    let id = envelope_id(&event("verification"));
    let database = fixture.db.db();
    let conn = database.conn().await.unwrap();
    let until = start().plus_seconds(20);
    let claim = mail_log::claim(&conn, &id, "verification", until, start())
        .await
        .unwrap();
    assert_eq!(claim, Claim::Send);
    assert!(!fixture.deliver("verification").await);
    assert!(fixture.mails().is_empty());
    fixture.app.clock.advance(20);
    assert!(fixture.deliver("verification").await);
    assert_eq!(fixture.mails().len(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_worker_that_was_slow_lets_go_before_its_claim_could_end() {
    let fixture = Fixture::new().await;
    let mut slow = fixture.db.client().await;
    let lock = slow.transaction().await.unwrap();
    lock.execute_typed("lock table preferences in access exclusive mode", &[])
        .await
        .unwrap();
    let meanwhile = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        fixture.app.clock.advance(12);
        lock.rollback().await.unwrap();
    };
    let (consumed, ()) = tokio::join!(fixture.deliver("verification"), meanwhile);
    assert!(!consumed && fixture.mails().is_empty());
    assert!(fixture.deliver("verification").await);
    assert_eq!(fixture.mails().len(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_busy_mail_service_gets_the_mail_at_the_next_delivery() {
    let fixture = Fixture::new().await;
    fixture
        .app
        .mailer
        .fail_next(MailError::Transient("Throttling".to_owned()));
    let response = fixture.handle(event("verification")).await;
    let failed: Vec<_> = response
        .batch_item_failures
        .iter()
        .map(|f| f.item_identifier.as_str())
        .collect();
    assert_eq!(failed, ["059f36b4-87a3-44ab-83d2-661975830a7d"]);
    assert!(fixture.mails().is_empty());
    // No lease is left behind, so the next delivery need not wait.
    assert!(fixture.deliver("verification").await);
    assert_eq!(fixture.mails().len(), 1);
    assert_eq!(fixture.db.count("select attempts::bigint from mail_log").await, 2);
}

#[tokio::test(flavor = "current_thread")]
async fn a_service_that_fails_three_times_in_a_row_is_left_alone_for_a_while() {
    let fixture = Fixture::new().await;
    for _ in 0..3 {
        fixture
            .app
            .mailer
            .fail_next(MailError::Transient("Throttling".to_owned()));
        assert!(!fixture.deliver("verification").await);
    }
    assert!(!fixture.deliver("verification").await, "nobody is asked");
    assert!(fixture.mails().is_empty());
    fixture.app.clock.advance(10);
    assert!(fixture.deliver("verification").await);
    assert_eq!(fixture.mails().len(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_refused_mail_is_noted_and_not_tried_again() {
    let fixture = Fixture::new().await;
    fixture
        .app
        .mailer
        .fail_next(MailError::Permanent("MessageRejected bad".to_owned()));
    assert!(fixture.deliver("verification").await);
    assert!(fixture.deliver("verification").await);
    assert!(fixture.mails().is_empty());
    assert_eq!(
        fixture.db.text("select reason from mail_log").await,
        "MessageRejected bad"
    );
}

#[tokio::test(flavor = "current_thread")]
async fn what_cannot_be_true_fails_and_does_not_hurt_its_neighbours() {
    let fixture = Fixture::new().await;
    let mut batch = event("verification");
    // No tickets are issued for the pending order; the second order does not exist; the third message is not one.
    let mut unpaid = event("tickets").records.remove(0);
    unpaid.message_id = Some("unpaid".to_owned());
    let mut missing = unpaid.clone();
    missing.message_id = Some("missing".to_owned());
    missing.body = Some(r#"{"id":"00","body":{"kind":"refund_due","order":99}}"#.to_owned());
    let mut garbled = unpaid.clone();
    garbled.message_id = Some("garbled".to_owned());
    garbled.body = Some(r#"{"id":"01","body":{"kind":"poem"}}"#.to_owned());
    let mut script = unpaid.clone();
    script.message_id = Some("script".to_owned());
    script.body = Some(
        r#"{"id":"02","body":{"kind":"verification","to":"a@example.test","name":"A","link":"javascript:alert(1)"}}"#
            .to_owned(),
    );
    for record in [unpaid, missing, garbled, script] {
        batch.records.insert(0, record);
    }
    let response = fixture.handle(batch).await;
    let failed: Vec<_> = response
        .batch_item_failures
        .iter()
        .map(|f| f.item_identifier.as_str())
        .collect();
    assert_eq!(failed, ["script", "garbled", "missing", "unpaid"]);
    assert_eq!(fixture.only_mail().to, "ayu@example.test");
    let leased = "select count(*) from mail_log where lease_until is not null";
    assert_eq!(fixture.db.count(leased).await, 0);
}

#[tokio::test(flavor = "current_thread")]
async fn an_address_that_cannot_exist_is_dropped() {
    let fixture = Fixture::new().await;
    let mut event = event("verification");
    let record = event.records.first_mut().unwrap();
    record.body = Some(record.body.as_ref().unwrap().replace("ayu@example.test", "ayu"));
    assert!(fixture.handle(event).await.batch_item_failures.is_empty());
    assert!(fixture.mails().is_empty());
    assert_eq!(
        fixture.db.text("select reason from mail_log").await,
        "the recipient has no valid address"
    );
}

#[tokio::test(flavor = "current_thread")]
async fn without_a_database_the_message_is_delivered_again() {
    let fixture = Fixture::new().await;
    let url = "postgres://nobody@127.0.0.1:1/none";
    let app = App {
        db: db::Db::new(db::Config::from_lookup(|name| (name == "DATABASE_URL").then_some(url)).unwrap()),
        ..fixture.app
    };
    let response = worker::handle_batch(&app, event("verification")).await;
    assert_eq!(response.batch_item_failures.len(), 1);
    assert!(app.mailer.take_delivered().is_empty());
}

#[tokio::test(flavor = "current_thread")]
async fn the_function_says_what_it_misses_to_start() {
    let good = [
        ("DATABASE_URL", "postgres://app@127.0.0.1/app"),
        ("STATE_TABLE", "state"),
        ("MAIL_FROM", "GiggleFest <tickets@example.test>"),
        ("FRONTEND_URL", "https://web.example.test/"),
        ("TICKET_SIGNING_KEYS", KEYS),
        ("DEFAULT_LANGUAGE", ""),
        ("BASE_URL", "https://api.example.test/"),
        ("JWT_SECRET", "0123456789abcdef0123456789abcdef"),
        ("PROMOTIONS_PER_SECOND", "10"),
    ];
    let app = App::from_env(&runtime::Env::of(good)).await.unwrap();
    assert_eq!(app.frontend_url, "https://web.example.test");
    assert_eq!(app.language, Language::Id);
    assert_eq!(app.pace, Duration::from_millis(200), "two of them keep the pace");
    for (name, bad) in [
        ("DATABASE_URL", ""),
        ("STATE_TABLE", ""),
        ("MAIL_FROM", "GiggleFest"),
        ("FRONTEND_URL", "web.example.test"),
        ("TICKET_SIGNING_KEYS", "test:short"),
        ("DEFAULT_LANGUAGE", "fr"),
        ("BASE_URL", ""),
        ("JWT_SECRET", ""),
        ("PROMOTIONS_PER_SECOND", "0"),
    ] {
        let values = good.map(|(known, value)| (known, if known == name { bad } else { value }));
        let error = App::from_env(&runtime::Env::of(values))
            .await
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(name), "{error}");
        assert!(!error.contains("short"), "{error}");
    }
}
