//! From the message to the URL that answers, with the simulator of ImageKit.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use blob::Blobs;
use bytes::Bytes;
use db::images::{Image, NewImage};
use domain::image::{Format, Purpose, State};
use domain::user::Role;
use domain::{EventId, ImageId, UserId};
use gateway::imagekit::{Delivery, ImageKit};
use imagekit_simulator::{Config, Simulator};
use media_worker::App;
use runtime::{Clock, Secret};
use serde_json::{Value, json};
use std::sync::Mutex;
use testkit::{Rows, TestDb, start};
use worker::{Consumer as _, Record, handle_batch};

const KEY: &str = "0123456789abcdef0123456789abcdef";

struct Setup {
    db: TestDb,
    simulator: Simulator,
    clock: Clock,
    organizer: UserId,
    event: EventId,
    app: App,
}

fn http() -> reqwest::Client {
    // The client library wants a TLS provider even for plain HTTP; a second installation changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

fn png(width: u32, height: u32) -> Bytes {
    let mut file = std::io::Cursor::new(Vec::new());
    let picture = image::RgbImage::from_pixel(width, height, image::Rgb([9, 99, 199]));
    picture.write_to(&mut file, image::ImageFormat::Png).unwrap();
    file.into_inner().into()
}

impl Setup {
    async fn new() -> Self {
        let (db, clock) = (TestDb::new().await, Clock::set_to(start()));
        let simulator = Simulator::start(Config::default()).await.unwrap();
        let organizer = Rows(&db).user("organizer@example.test", Role::Organizer).await;
        let event = Rows(&db).event(organizer, "Java Jazz").await;
        let key = Secret::new(Config::default().private_key);
        let app = App {
            db: db.db(),
            blobs: Blobs::in_memory(),
            imagekit: ImageKit::new(simulator.url(), simulator.url(), &key).unwrap(),
            delivery: Delivery::new(simulator.endpoint(), &key),
            breaker: Mutex::default(),
            clock: clock.clone(),
        };
        Self {
            db,
            simulator,
            clock,
            organizer,
            event,
            app,
        }
    }

    /// An upload that lies in the store and is shown on the event.
    async fn uploaded(&self, format: Format, bytes: Bytes, private: bool) -> ImageId {
        let now = self.clock.now();
        let size = u32::try_from(bytes.len()).unwrap();
        self.app
            .blobs
            .put(&blob::original(KEY), format.media_type(), bytes)
            .await
            .unwrap();
        let mut conn = self.app.db.conn().await.unwrap();
        let new = NewImage {
            owner: self.organizer,
            purpose: Purpose::Event,
            key: KEY,
            format,
            bytes: size.max(1),
            private,
        };
        let id = db::images::insert(&conn, &new, now).await.unwrap().unwrap();
        let tx = conn.begin().await.unwrap();
        let taken = db::images::take(&tx, id, self.organizer, false, Purpose::Event, now)
            .await
            .unwrap();
        db::images::show_on_event(&tx, self.event, taken.unwrap(), now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// Hands a message over. Whether it was consumed.
    async fn deliver(&self, body: Value) -> bool {
        let record = json!({
            "messageId": "m", "body": body.to_string(), "attributes": {}, "messageAttributes": {},
        });
        let event = serde_json::from_value(json!({"Records": [record]})).unwrap();
        handle_batch(&self.app, event)
            .await
            .batch_item_failures
            .is_empty()
    }

    async fn image(&self, id: ImageId) -> Image {
        let conn = self.app.db.conn().await.unwrap();
        db::images::find_own(&conn, id, self.organizer, false)
            .await
            .unwrap()
            .unwrap()
    }

    async fn url_of_event(&self) -> Option<String> {
        let url = self.db.text("select coalesce(image_url, '') from events").await;
        (!url.is_empty()).then_some(url)
    }

    async fn faults(&self, faults: Value) {
        let url = format!("{}/admin/faults", self.simulator.url());
        let answer = http().put(url).body(faults.to_string()).send().await.unwrap();
        assert!(answer.status().is_success());
    }

    async fn account(&self) -> Value {
        let url = format!("{}/admin/files", self.simulator.url());
        let answer = http().get(url).send().await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }
}

/// What S3 says about a new object.
fn notice() -> Value {
    json!({"Records": [{"eventName": "ObjectCreated:Put", "s3": {"object": {"key": blob::original(KEY)}}}]})
}

fn ours(id: ImageId) -> Value {
    json!({"id": "00ff", "body": {"image": id}})
}

#[tokio::test]
async fn an_upload_becomes_a_url_that_answers() {
    let t = Setup::new().await;
    let id = t.uploaded(Format::Png, png(1_000, 500), false).await;
    assert_eq!(t.url_of_event().await, None);
    assert!(t.deliver(notice()).await);

    let image = t.image(id).await;
    assert_eq!((image.state, image.size), (State::Ready, Some((1_000, 500))));
    assert_eq!(image.variants, [640, 320]);
    let url = t.url_of_event().await.unwrap();
    assert_eq!(url, format!("{}/events/{KEY}.jpg", t.simulator.endpoint()));
    let answer = http().get(url).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "image/jpeg");
    let shown = answer.bytes().await.unwrap();
    let kept = t.app.blobs.kept();
    assert_eq!(shown, kept[&blob::picture(KEY, "full")].bytes);
    let keys: Vec<_> = kept.keys().cloned().collect();
    let all = [
        "originals/{}",
        "pictures/{}/320.jpg",
        "pictures/{}/640.jpg",
        "pictures/{}/full.jpg",
    ];
    assert_eq!(keys, all.map(|key| key.replace("{}", KEY)));
}

#[tokio::test]
async fn messages_that_come_twice_or_late_change_nothing() {
    let t = Setup::new().await;
    let id = t.uploaded(Format::Png, png(20, 10), false).await;
    for message in [notice(), notice(), ours(id), ours(ImageId::new(999))] {
        assert!(t.deliver(message).await);
    }
    let account = t.account().await;
    assert_eq!(
        (&account["uploads"], &account["versions"]),
        (&json!(1), &json!(1))
    );
}

#[tokio::test]
async fn of_two_at_a_time_one_works() {
    let t = Setup::new().await;
    let id = t.uploaded(Format::Png, png(600, 400), false).await;
    t.faults(json!({"upload": {"delay_ms": 300}})).await;
    let deliveries = (0..4).map(|_| t.deliver(notice()));
    let consumed = futures_util::future::join_all(deliveries).await;
    assert!(consumed.into_iter().all(|consumed| consumed));
    assert_eq!(t.account().await["uploads"], 1);
    assert_eq!(t.image(id).await.state, State::Ready);
}

#[tokio::test]
async fn a_worker_that_died_is_followed_by_another() {
    let t = Setup::new().await;
    let id = t.uploaded(Format::Png, png(20, 10), false).await;
    // It claimed the picture, wrote some of it, and was never heard of again.
    let now = t.clock.now();
    let conn = t.app.db.conn().await.unwrap();
    let named = db::images::Named::Id(id);
    db::images::claim(&conn, named, now.plus_seconds(90), now)
        .await
        .unwrap()
        .unwrap();
    drop(conn);
    assert!(t.deliver(notice()).await);
    assert_eq!(t.image(id).await.state, State::Stored, "the lease holds");
    t.clock.advance(90);
    assert!(t.deliver(ours(id)).await);
    assert_eq!(t.image(id).await.state, State::Ready);
}

#[tokio::test]
async fn a_lost_answer_of_imagekit_is_repaired_by_the_next_attempt() {
    let t = Setup::new().await;
    let id = t.uploaded(Format::Png, png(20, 10), false).await;
    t.faults(json!({"upload": {"lose_reply": true, "times": 1}}))
        .await;
    assert!(t.deliver(notice()).await);
    assert_eq!(t.image(id).await.state, State::Stored);
    assert!(t.deliver(ours(id)).await);
    assert_eq!(t.image(id).await.state, State::Ready);
    let account = t.account().await;
    assert_eq!(
        account["files"].as_array().unwrap().len(),
        1,
        "replaced, not doubled"
    );
}

#[tokio::test]
async fn while_imagekit_is_away_pictures_wait_and_it_is_left_alone() {
    let t = Setup::new().await;
    let id = t.uploaded(Format::Png, png(20, 10), false).await;
    t.faults(json!({"upload": {"drop": true}})).await;
    for _ in 0..3 {
        assert!(t.deliver(ours(id)).await, "nothing for the dead-letter queue");
    }
    t.faults(json!({"upload": {"respond": 503}})).await;
    let before = t.account().await["uploads"].clone();
    assert!(t.deliver(ours(id)).await);
    assert_eq!(t.account().await["uploads"], before, "the breaker is open");
    let image = t.image(id).await;
    assert_eq!((image.state, image.attempts), (State::Stored, 4));
    assert_eq!(t.url_of_event().await, None);
    let wait = "select extract(epoch from retry_at - '2030-01-01T12:00:00Z') from images";
    assert_eq!(t.db.count(wait).await, 240);

    t.faults(json!({})).await;
    t.clock.advance(240);
    assert!(t.deliver(ours(id)).await);
    assert_eq!(t.image(id).await.state, State::Ready);
    assert!(t.url_of_event().await.is_some());
}

#[tokio::test]
async fn hostile_uploads_fail_for_good_and_show_nothing() {
    let svg = Bytes::from_static(b"<svg xmlns='http://www.w3.org/2000/svg'/>");
    let mut flood = png(2, 2).to_vec();
    flood[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    flood[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    for (format, bytes, reason) in [
        (Format::Png, svg, "not_an_image"),
        (Format::Png, Bytes::new(), "not_an_image"),
        (Format::Jpeg, png(20, 10), "media_type_differs"),
        (Format::Png, flood.into(), "too_many_pixels"),
        (Format::Png, png(900, 900).slice(..60), "image_broken"),
    ] {
        let t = Setup::new().await;
        let id = t.uploaded(format, bytes, false).await;
        assert!(t.deliver(notice()).await);
        let image = t.image(id).await;
        assert_eq!(
            (image.state, image.reason.as_deref()),
            (State::Failed, Some(reason))
        );
        assert_eq!(t.url_of_event().await, None);
        assert_eq!(t.account().await["uploads"], 0);
        assert_eq!(t.app.blobs.kept().len(), 1, "the original is kept for people");
    }
}

#[tokio::test]
async fn a_picture_that_never_works_out_is_given_up() {
    let t = Setup::new().await;
    let id = t.uploaded(Format::Png, png(20, 10), false).await;
    t.db.run("update images set attempts = 99").await;
    t.faults(json!({"upload": {"respond": 500}})).await;
    assert!(!t.deliver(ours(id)).await, "people hear of it");
    let image = t.image(id).await;
    assert_eq!(
        (image.state, image.reason.as_deref()),
        (State::Failed, Some("given_up"))
    );
}

#[tokio::test]
async fn private_pictures_are_shown_by_signed_urls_only() {
    let t = Setup::new().await;
    let id = t.uploaded(Format::Png, png(20, 10), true).await;
    assert!(t.deliver(notice()).await);
    let url = t.url_of_event().await.unwrap();
    let status = async |url: &str| http().get(url).send().await.unwrap().status().as_u16();
    let (bare, signature) = url.split_once('?').unwrap();
    assert_eq!(status(&url).await, 200);
    assert_eq!(status(bare).await, 401);
    let resized = bare.replace("/events/", "/tr:w-5000/events/");
    assert_eq!(
        status(&format!("{resized}?{signature}")).await,
        401,
        "no other size"
    );

    let path = t.image(id).await.file_path.unwrap();
    let now = Clock::system().now();
    let until = |seconds| {
        t.app
            .delivery
            .signed_url(&path, None, Some(now.plus_seconds(seconds)))
    };
    assert_eq!(status(&until(60)).await, 200);
    assert_eq!(status(&until(-1)).await, 401, "it has ended");
    let stretched = until(-1).replace("ik-t=", "ik-t=9");
    assert_eq!(status(&stretched).await, 401, "the end cannot be moved");
}

#[tokio::test]
async fn what_nothing_shows_any_more_is_deleted_everywhere() {
    let t = Setup::new().await;
    let id = t.uploaded(Format::Png, png(700, 300), false).await;
    assert!(t.deliver(notice()).await);
    t.db.run("update events set image_id = null, image_url = null")
        .await;
    let now = t.clock.now().plus_seconds(db::images::KEEP_SECONDS + 1);
    t.clock.advance(db::images::KEEP_SECONDS + 1);
    let conn = t.app.db.conn().await.unwrap();
    let before = now.plus_seconds(-db::images::KEEP_SECONDS);
    assert_eq!(db::images::discard_idle(&conn, before, 10, now).await.unwrap(), 1);
    drop(conn);

    t.faults(json!({"api": {"respond": 503, "times": 1}})).await;
    assert!(t.deliver(ours(id)).await);
    assert_eq!(
        t.db.count("select count(*) from images").await,
        1,
        "not before everything is gone"
    );
    assert!(t.deliver(ours(id)).await);
    assert_eq!(t.db.count("select count(*) from images").await, 0);
    assert!(t.app.blobs.kept().is_empty());
    assert_eq!(t.account().await["files"], json!([]));
    assert!(t.deliver(ours(id)).await, "and once more, for nothing");
}

#[tokio::test]
async fn messages_that_nobody_understands_go_to_the_dead_letter_queue() {
    let t = Setup::new().await;
    assert!(!t.deliver(json!({"hello": "world"})).await);
    let greeting = json!({"Service": "Amazon S3", "Event": "s3:TestEvent"});
    assert!(t.deliver(greeting).await);
    let error = t.app.consume(&Record::default()).await.unwrap_err();
    assert_eq!(error.code, "undecodable");
}
