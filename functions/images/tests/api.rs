//! Asking for an upload, saying that it is done, and looking at what became of it.
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use blob::Blobs;
use domain::UserId;
use domain::user::Role;
use gateway::imagekit::Delivery;
use images::{App, router};
use runtime::{Clock, Env, Secret};
use serde_json::{Value, json};
use testkit::{Api, Reply, Rows, TestDb, TestTokens, start};
use web::Site;

const IMAGES: &str = "/api/v1/images";

struct Setup {
    db: TestDb,
    api: Api,
    clock: Clock,
    organizer: String,
    other: String,
    admin: String,
    user: String,
}

async fn setup() -> Setup {
    let (db, clock) = (TestDb::new().await, Clock::set_to(start()));
    let app = App {
        db: db.db(),
        tokens: TestTokens::checker(),
        clock: clock.clone(),
        blobs: Blobs::in_memory(),
        delivery: Delivery::new("https://ik.example/demo", &Secret::new("private_KEY")),
    };
    let rows = Rows(&db);
    let token = async |name: &str, role: Role| {
        let id: UserId = rows.user(&format!("{name}@example.test"), role).await;
        TestTokens::of(id, role, &clock)
    };
    Setup {
        organizer: token("organizer", Role::Organizer).await,
        other: token("other", Role::Organizer).await,
        admin: token("admin", Role::Admin).await,
        user: token("user", Role::User).await,
        api: Api::new(router(app, Site::from_env(&Env::default()))),
        clock,
        db,
    }
}

impl Setup {
    async fn ask(&self, body: Value) -> Reply {
        self.api.post(IMAGES, Some(&self.organizer), body).await
    }

    async fn expected(&self) -> Value {
        let body = json!({"purpose": "event", "mediaType": "image/png", "bytes": 4_000_000});
        self.ask(body).await.data(201)["id"].clone()
    }

    async fn see(&self, id: &Value, token: &str) -> Reply {
        self.api.get(&format!("{IMAGES}/{id}"), Some(token)).await
    }
}

#[tokio::test]
async fn an_upload_is_bound_to_what_was_asked_for() {
    let t = setup().await;
    let body = json!({"purpose": "ticket", "mediaType": "image/webp", "bytes": "12582912"});
    let upload = t.ask(body).await.data(201);
    assert_eq!(upload["method"], "PUT");
    let headers = json!({"content-type": "image/webp", "content-length": "12582912"});
    assert_eq!(upload["headers"], headers);
    assert_eq!(upload["expiresAt"], "2030-01-01T12:15:00.000Z");
    let key = t.db.text("select key from images").await;
    assert!(
        upload["url"]
            .as_str()
            .unwrap()
            .ends_with(&format!("/originals/{key}")),
        "{upload}"
    );
    let seen = t.see(&upload["id"], &t.organizer).await.data(200);
    assert_eq!((&seen["state"], &seen["url"]), (&json!("pending"), &Value::Null));
}

#[tokio::test]
async fn what_is_no_picture_or_too_large_is_not_asked_for() {
    let t = setup().await;
    for (field, value) in [
        ("purpose", json!("avatar")),
        ("mediaType", json!("image/svg+xml")),
        ("mediaType", json!("text/html")),
        ("bytes", json!(0)),
        ("bytes", json!(12_582_913)),
        ("bytes", json!(-1)),
        ("bytes", json!(1.5)),
    ] {
        let mut body = json!({"purpose": "event", "mediaType": "image/png", "bytes": 4_000});
        body[field] = value;
        assert_eq!(t.ask(body).await.error(400), "invalid_input", "{field}");
    }
    assert_eq!(t.db.count("select count(*) from images").await, 0);
}

#[tokio::test]
async fn a_day_has_room_for_so_many_pictures_and_bytes() {
    let t = setup().await;
    let body = |bytes: u32| json!({"purpose": "event", "mediaType": "image/png", "bytes": bytes});
    t.expected().await;
    // Those of a day ago no longer count, and neither do those of others.
    t.db.run(
        "insert into images (owner_id, purpose, key, media_type, bytes, created_at, updated_at)
         select owner_id, 'event', md5(n::text), 'image/png', 1,
                created_at - make_interval(secs => case when n < 498 then 1 else 86400 end), created_at
         from images, generate_series(0, 600) n",
    )
    .await;
    t.ask(body(1)).await.data(201);
    let refused = t.ask(body(1)).await;
    assert_eq!(refused.headers["retry-after"], "86400");
    assert_eq!(refused.error(429), "rate_limited");
    t.api.post(IMAGES, Some(&t.other), body(1)).await.data(201);
    t.db.run("delete from images where bytes = 1").await;
    t.db.run("update images set bytes = 1073741824 - 100").await;
    assert_eq!(t.ask(body(101)).await.error(429), "rate_limited");
    t.ask(body(100)).await.data(201);
}

#[tokio::test]
async fn pictures_are_their_owners() {
    let t = setup().await;
    let id = t.expected().await;
    assert_eq!(t.see(&id, &t.other).await.error(404), "not_found");
    assert_eq!(t.see(&id, &t.user).await.error(403), "forbidden");
    t.see(&id, &t.admin).await.data(200);
    let path = format!("{IMAGES}/{id}/complete");
    assert_eq!(
        t.api.post(&path, Some(&t.other), json!({})).await.error(404),
        "not_found"
    );
    assert_eq!(t.see(&json!(99), &t.organizer).await.error(404), "not_found");
}

#[tokio::test]
async fn what_was_not_uploaded_is_not_complete() {
    let t = setup().await;
    let id = t.expected().await;
    let path = format!("{IMAGES}/{id}/complete");
    let complete = async || t.api.post(&path, Some(&t.organizer), json!({})).await;
    assert_eq!(complete().await.error(409), "not_uploaded");
    // The worker was quicker than the client.
    t.db.run("update images set state = 'stored'").await;
    assert_eq!(complete().await.data(200)["state"], "stored");
}

#[tokio::test]
async fn what_was_uploaded_is_complete_once_it_is_all_there() {
    let (db, clock) = (TestDb::new().await, Clock::set_to(start()));
    let organizer = Rows(&db).user("organizer@example.test", Role::Organizer).await;
    let new = db::images::NewImage {
        owner: organizer,
        purpose: domain::image::Purpose::Event,
        key: "0123456789abcdef0123456789abcdef",
        format: domain::image::Format::Png,
        bytes: 5,
        private: false,
    };
    let id = {
        let db = db.db();
        let conn = db.conn().await.unwrap();
        db::images::insert(&conn, &new, clock.now())
            .await
            .unwrap()
            .unwrap()
    };
    for (bytes, status) in [(&b"1234"[..], 409), (b"12345", 200)] {
        let app = App {
            db: db.db(),
            tokens: TestTokens::checker(),
            clock: clock.clone(),
            blobs: Blobs::in_memory(),
            delivery: Delivery::new("https://ik.example/demo", &Secret::new("private_KEY")),
        };
        app.blobs
            .put(
                &blob::original(new.key),
                "image/png",
                bytes::Bytes::from_static(bytes),
            )
            .await
            .unwrap();
        let api = Api::new(router(app, Site::default()));
        let token = TestTokens::of(organizer, Role::Organizer, &clock);
        let reply = api
            .post(&format!("{IMAGES}/{id}/complete"), Some(&token), json!({}))
            .await;
        assert_eq!(reply.status.as_u16(), status);
    }
    assert_eq!(
        db.text("select state || (retry_at is not null) from images")
            .await,
        "storedtrue"
    );
}

#[tokio::test]
async fn a_picture_that_is_ready_has_urls_and_a_private_one_signed_ones_that_end() {
    let t = setup().await;
    let id = t.expected().await;
    let ready =
        "update images set state = 'ready', width = 900, height = 600, variants = '{640,320}', file_id = 'f',
                 file_path = '/events/a.jpg', url = 'https://ik.example/demo/events/a.jpg'";
    t.db.run(ready).await;
    let seen = t.see(&id, &t.organizer).await.data(200);
    assert_eq!(seen["url"], "https://ik.example/demo/events/a.jpg");
    assert_eq!(
        seen["variants"],
        json!([
            {"width": 640, "url": "https://ik.example/demo/tr:w-640/events/a.jpg"},
            {"width": 320, "url": "https://ik.example/demo/tr:w-320/events/a.jpg"},
        ])
    );
    t.db.run("update images set private = true").await;
    let seen = t.see(&id, &t.organizer).await.data(200);
    let until = t.clock.now().plus_seconds(3_600).unix_seconds();
    for url in [&seen["url"], &seen["variants"][0]["url"]] {
        let url = url.as_str().unwrap();
        assert!(url.contains(&format!("?ik-t={until}&ik-s=")), "{url}");
    }
}

#[tokio::test]
async fn event_files_reach_their_routes() {
    let t = setup().await;
    let made = t
        .api
        .event("http/images/create_image.json", Some(&t.organizer))
        .await
        .data(201);
    assert_eq!(made["id"], 1);
    t.api
        .event("http/images/get_image.json", Some(&t.organizer))
        .await
        .data(200);
    let reply = t
        .api
        .event("http/images/complete_image.json", Some(&t.organizer))
        .await;
    assert_eq!(reply.error(409), "not_uploaded");
}
