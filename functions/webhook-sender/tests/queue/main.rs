//! Messages of the queue `webhooks` in, calls to endpoints out.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod deliveries;
mod endpoints;
mod hostile;
mod library;
mod receiver;

use domain::destination::Reach;
use domain::user::Role;
use domain::{DeliveryId, Timestamp, UserId, WebhookId};
use outbound::{Names, Outbound};
use receiver::Receiver;
use runtime::Clock;
use serde_json::json;
use testkit::{Rows, TestDb, start};
use webhook_sender::App;
use worker::{Consumer as _, Record, handle_batch};

/// An organizer with one endpoint.
struct Setup {
    db: TestDb,
    clock: Clock,
    receiver: Receiver,
    owner: UserId,
    endpoint: WebhookId,
}

/// The secret of the endpoint, and the one that it gets instead.
const SECRET: [u8; 32] = [1; 32];
const NEXT_SECRET: [u8; 32] = [2; 32];

impl Setup {
    async fn new() -> Self {
        Self::at(Clock::set_to(start())).await
    }

    async fn at(clock: Clock) -> Self {
        let (db, receiver) = (TestDb::new().await, Receiver::start().await);
        let owner = Rows(&db).user("owner@example.test", Role::Organizer).await;
        let endpoint = make_endpoint(&db, owner, &receiver.url()).await;
        Self {
            db,
            clock,
            receiver,
            owner,
            endpoint,
        }
    }

    /// A worker as another environment of the function has it.
    fn worker(&self) -> App {
        App {
            db: self.db.db(),
            outbound: Outbound::new().unwrap(),
            names: Names::System,
            reach: Reach::WITH_LOOPBACK,
            clock: self.clock.clone(),
        }
    }

    /// A test message to the endpoint.
    async fn message(&self) -> DeliveryId {
        self.message_to(self.endpoint).await
    }

    async fn message_to(&self, endpoint: WebhookId) -> DeliveryId {
        let db = self.db.db();
        let mut conn = db.conn().await.unwrap();
        let tx = conn.begin().await.unwrap();
        let random = runtime::random::hex::<16>;
        db::webhook_deliveries::tell_test(&tx, endpoint, &random, self.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        DeliveryId::new(self.db.count("select max(id) from webhook_deliveries").await)
    }

    async fn deliver(&self, delivery: DeliveryId) {
        deliver(&self.worker(), delivery).await;
    }

    /// Where a delivery stands: state, tries, attempts, last status.
    async fn stands(&self, delivery: DeliveryId) -> String {
        let sql = format!(
            "select concat_ws(' ', state, tries, attempts, coalesce(last_status::text, '-')) from webhook_deliveries where id = {delivery}"
        );
        self.db.text(&sql).await
    }

    async fn due_at(&self, delivery: DeliveryId) -> Timestamp {
        let sql = format!(
            "select to_char(due_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SSZ') from webhook_deliveries where id = {delivery}"
        );
        Timestamp::parse(&self.db.text(&sql).await).unwrap()
    }

    /// How the endpoint is: failures, whether it rests, why it is disabled.
    async fn health(&self) -> String {
        let sql = format!(
            "select concat_ws(' ', failures, case when rest_until is null then 'awake' else 'rests' end,
                              coalesce(disabled_reason, 'enabled')) from webhook_endpoints where id = {}",
            self.endpoint
        );
        self.db.text(&sql).await
    }

    /// Mails and notifications about a disabled endpoint.
    async fn told(&self) -> (i64, i64) {
        let mails = "select count(*) from outbox where queue = 'mail' and body like '%webhook_disabled%'";
        let notices = format!(
            "select count(*) from notifications where user_id = {}",
            self.owner
        );
        (self.db.count(mails).await, self.db.count(&notices).await)
    }
}

async fn make_endpoint(db: &TestDb, owner: UserId, url: &str) -> WebhookId {
    db.run(&format!(
        "insert into webhook_endpoints (owner_id, url, description, events, secret, created_at, updated_at)
         values ({owner}, '{url}', 'CRM', array['order.paid'], '\\x{}', now(), now())",
        runtime::random::to_hex(&SECRET)
    ))
    .await;
    WebhookId::new(db.count("select max(id) from webhook_endpoints").await)
}

async fn deliver(worker: &App, delivery: DeliveryId) {
    let record = Record {
        body: json!({"id": "00", "body": {"delivery": delivery}}).to_string(),
        ..Record::default()
    };
    worker.consume(&record).await.unwrap();
}

#[tokio::test]
async fn the_event_file_is_read_and_what_is_no_message_is_left_to_people() {
    let setup = Setup::new().await;
    setup.message().await;
    let text = std::fs::read_to_string(testkit::event_file("sqs/webhooks/deliver.json")).unwrap();
    let event = serde_json::from_str(&text).unwrap();
    let answer = handle_batch(&setup.worker(), event).await;
    assert!(answer.batch_item_failures.is_empty());
    assert_eq!(setup.receiver.heard().len(), 1);
    let wrong = Record {
        body: "{}".to_owned(),
        ..Record::default()
    };
    let refused = setup.worker().consume(&wrong).await.unwrap_err();
    assert_eq!(refused.code, "undecodable");
}
