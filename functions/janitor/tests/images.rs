//! Pictures that nothing shows, and pictures that were not done in time.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use db::images::NewImage;
use domain::ImageId;
use domain::image::{Format, Purpose};
use domain::user::Role;
use janitor::{App, Order, Report};
use queue::Publisher;
use runtime::Clock;
use testkit::{Gateway, Rows, TestDb, start};
use worker::Job as _;

struct Setup {
    db: TestDb,
    gateway: Gateway,
    clock: Clock,
}

impl Setup {
    async fn new() -> Self {
        Self {
            db: TestDb::new().await,
            gateway: Gateway::start().await,
            clock: Clock::set_to(start()),
        }
    }

    fn janitor(&self) -> App {
        App {
            db: self.db.db(),
            midtrans: self.gateway.client(),
            queue: Publisher::in_memory(),
            clock: self.clock.clone(),
        }
    }

    async fn run(&self) -> Report {
        self.janitor().run(Order::default()).await.unwrap()
    }

    async fn image(&self) -> ImageId {
        let owner = Rows(&self.db)
            .user("organizer@example.test", Role::Organizer)
            .await;
        let db = self.db.db();
        let conn = db.conn().await.unwrap();
        let new = NewImage {
            owner,
            purpose: Purpose::Event,
            key: "0123456789abcdef0123456789abcdef",
            format: Format::Png,
            bytes: 7,
            private: false,
        };
        let image = db::images::insert(&conn, &new, self.clock.now()).await.unwrap();
        image.unwrap()
    }

    /// Bodies of the messages that wait to be published to `media`.
    async fn announced(&self) -> Vec<serde_json::Value> {
        let db = self.db.db();
        let conn = db.conn().await.unwrap();
        let waiting = db::outbox::waiting(&conn, self.clock.now(), 100).await.unwrap();
        let bodies = waiting
            .iter()
            .filter(|message| message.queue == domain::message::Queue::Media)
            .map(|message| serde_json::from_str::<serde_json::Value>(&message.body).unwrap());
        bodies.map(|body| body["body"].clone()).collect()
    }
}

#[tokio::test]
async fn an_upload_that_nobody_worked_on_is_announced_again() {
    let t = Setup::new().await;
    let image = t.image().await;
    {
        let db = t.db.db();
        let (conn, now) = (db.conn().await.unwrap(), t.clock.now());
        db::images::mark_stored(&conn, image, now.plus_seconds(60), now)
            .await
            .unwrap();
    }
    t.clock.advance(59);
    assert_eq!(t.run().await.images_announced, 0);
    t.clock.advance(1);
    assert_eq!(t.run().await.images_announced, 1);
    assert_eq!(t.announced().await, [serde_json::json!({"image": image})]);
    t.clock.advance(60);
    assert_eq!(t.run().await.images_announced, 0, "its worker gets five minutes");
    t.clock.advance(240);
    assert_eq!(t.run().await.images_announced, 1);
}

#[tokio::test]
async fn an_upload_that_nobody_came_with_is_discarded_after_a_day() {
    let t = Setup::new().await;
    t.image().await;
    t.clock.advance(db::images::KEEP_SECONDS);
    assert_eq!(t.run().await.images_discarded, 0);
    t.clock.advance(1);
    let report = t.run().await;
    assert_eq!((report.images_discarded, report.images_announced), (1, 1));
    assert_eq!(t.db.text("select state from images").await, "discarded");
}

#[tokio::test]
async fn two_janitors_at_once_announce_once() {
    let t = Setup::new().await;
    t.image().await;
    t.clock.advance(db::images::KEEP_SECONDS + 1);
    let (one, two) = (t.janitor(), t.janitor());
    let (one, two) = tokio::join!(one.run(Order::default()), two.run(Order::default()));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.images_discarded + two.images_discarded, 1);
    assert_eq!(one.images_announced + two.images_announced, 1);
    assert_eq!(t.announced().await.len(), 1);
}
