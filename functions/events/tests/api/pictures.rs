//! Pictures of events: inside a form, or uploaded before.

use crate::{EVENTS, Setup, setup};
use db::images::{NewImage, Published};
use domain::image::{Format, MAX_IN_FORM, Purpose};
use domain::user::Role;
use domain::{ImageId, UserId};
use events::{App, router};
use runtime::Clock;
use serde_json::{Value, json};
use testkit::{Api, Form, Reply, TestTokens, png_header};
use web::Site;

const KEY: &str = "0123456789abcdef0123456789abcdef";
const URL: &str = "https://images.example/a.jpg";

fn event() -> Form {
    Form::new()
        .text("name", "Java Jazz")
        .text("date", "2030-03-01T12:00:00Z")
        .text("location", "Jakarta")
        .text("description", "")
}

impl Setup {
    async fn create_form(&self, form: Form) -> Reply {
        self.api.send(form.request("POST", EVENTS, &self.organizer)).await
    }

    /// A picture of somebody that was uploaded before.
    async fn uploaded(&self, owner: UserId, purpose: Purpose) -> ImageId {
        let db = self.db.db();
        let conn = db.conn().await.unwrap();
        let new = NewImage {
            owner,
            purpose,
            key: KEY,
            format: Format::Png,
            bytes: 9,
            private: false,
        };
        db::images::insert(&conn, &new, self.clock.now())
            .await
            .unwrap()
            .unwrap()
    }

    /// Does what the worker does.
    async fn publish(&self, image: ImageId) {
        let (db, now) = (self.db.db(), self.clock.now());
        let mut conn = db.conn().await.unwrap();
        let named = db::images::Named::Id(image);
        db::images::claim(&conn, named, now.plus_seconds(90), now)
            .await
            .unwrap()
            .unwrap();
        let tx = conn.begin().await.unwrap();
        let published = Published {
            width: 3,
            height: 2,
            variants: &[],
            file_id: "f",
            file_path: "/a.jpg",
            url: URL,
        };
        assert!(db::images::publish(&tx, image, &published, now).await.unwrap());
        tx.commit().await.unwrap();
    }

    async fn image_url(&self, event: &Value) -> Value {
        let event = self
            .api
            .get(&format!("{EVENTS}/{}", event["id"]), None)
            .await
            .data(200);
        event["imageUrl"].clone()
    }
}

#[tokio::test]
async fn a_form_makes_an_event_with_a_picture_that_is_shown_once_it_is_published() {
    let t = setup().await;
    let form = event().file("image", "image/png", &png_header(640, 480));
    let made = t.create_form(form).await.data(201);
    assert_eq!(
        (&made["name"], &made["imageUrl"]),
        (&json!("Java Jazz"), &Value::Null)
    );
    assert_eq!(t.db.text("select state from images").await, "stored");
    assert_eq!(t.db.text("select media_type from images").await, "image/png");
    t.publish(ImageId::new(t.db.count("select id from images").await))
        .await;
    assert_eq!(t.image_url(&made).await, URL);
}

#[tokio::test]
async fn a_form_without_a_picture_is_as_good_as_json() {
    let t = setup().await;
    let made = t.create_form(event()).await.data(201);
    assert_eq!(made["imageUrl"], Value::Null);
    assert_eq!(t.create_form(Form::new()).await.error(400), "invalid_input");
    let twice = event().text("name", "Again");
    assert!(t.create_form(twice).await.message().contains("is repeated"));
}

#[tokio::test]
async fn hostile_files_are_refused_before_anything_is_kept() {
    let t = setup().await;
    let html = b"<html><script>alert(1)</script>";
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>";
    let good = png_header(64, 48);
    let large = [good.as_slice(), &vec![0; MAX_IN_FORM + 1 - good.len()]].concat();
    for (name, media_type, bytes, status, message) in [
        (
            "image",
            "image/svg+xml",
            svg.as_slice(),
            415,
            "Only images are allowed",
        ),
        ("image", "image/png", svg, 415, "Only images are allowed"),
        ("image", "text/html", html, 415, "Only images are allowed"),
        ("image", "image/jpeg", html, 415, "Only images are allowed"),
        (
            "image",
            "application/octet-stream",
            &good,
            415,
            "Only images are allowed",
        ),
        (
            "image",
            "image/gif",
            &good,
            415,
            "The image is of another type than its content type says",
        ),
        ("image", "image/png", b"", 415, "Only images are allowed"),
        ("image", "image/png", &good[..20], 400, "The image is damaged"),
        (
            "image",
            "image/png",
            &png_header(60_000, 60_000),
            400,
            "The image has too many pixels",
        ),
        ("image", "image/png", &large, 413, "File too large"),
        ("poster", "image/png", &good, 400, "Unexpected field"),
    ] {
        let reply = t.create_form(event().file(name, media_type, bytes)).await;
        assert_eq!(
            (reply.status.as_u16(), reply.message().as_str()),
            (status, message),
            "{media_type}"
        );
    }
    assert_eq!(t.db.count("select count(*) from events").await, 0);
    assert_eq!(t.db.count("select count(*) from images").await, 0);
}

#[tokio::test]
async fn strangers_upload_nothing() {
    let t = setup().await;
    let form = event().file("image", "image/png", &png_header(64, 48));
    let reply = t.api.send(form.request("POST", EVENTS, &t.user)).await;
    assert_eq!(reply.error(403), "forbidden");
    assert_eq!(t.db.count("select count(*) from images").await, 0);
}

#[tokio::test]
async fn a_picture_that_was_uploaded_before_is_shown_by_its_id() {
    let t = setup().await;
    let image = t.uploaded(t.organizer_id, Purpose::Event).await;
    t.publish(image).await;
    let made = t.create("Java Jazz", "2030-03-01", "published").await;
    let changed = t
        .patch(&made["id"], &t.organizer, json!({"imageId": image}))
        .await
        .data(200);
    assert_eq!(changed["imageUrl"], URL);
    assert_eq!(t.image_url(&made).await, URL);
    // Another one takes its place, and until it is published there is none.
    let form = Form::new().file("image", "image/png", &png_header(64, 48));
    let path = format!("{EVENTS}/{}", made["id"]);
    let changed = t
        .api
        .send(form.request("PATCH", &path, &t.organizer))
        .await
        .data(200);
    assert_eq!(changed["imageUrl"], Value::Null);
}

#[tokio::test]
async fn other_peoples_pictures_and_those_for_something_else_are_not_shown() {
    let t = setup().await;
    let other = UserId::new(
        t.db.count("select id from users where email = 'other@example.test'")
            .await,
    );
    let made = t.create("Java Jazz", "2030-03-01", "published").await;
    for (owner, purpose) in [(other, Purpose::Event), (t.organizer_id, Purpose::Ticket)] {
        let image = t.uploaded(owner, purpose).await;
        let reply = t
            .patch(&made["id"], &t.organizer, json!({"imageId": image}))
            .await;
        assert_eq!(reply.error(400), "invalid_input");
        assert_eq!(reply.message(), "\"imageId\" is not an image of yours for this");
        t.db.run("delete from images").await;
    }
    let both = event()
        .text("imageId", "1")
        .file("image", "image/png", &png_header(64, 48));
    assert_eq!(t.create_form(both).await.error(400), "invalid_input");
}

#[tokio::test]
async fn the_same_key_with_another_picture_is_another_request() {
    let t = setup().await;
    let send = async |width: u32| {
        let form = event().file("image", "image/png", &png_header(width, 48));
        let mut request = form.request("POST", EVENTS, &t.organizer);
        request
            .headers_mut()
            .insert("idempotency-key", "once".parse().unwrap());
        t.api.send(request).await
    };
    let first = send(64).await.data(201);
    assert_eq!(send(64).await.data(201), first);
    assert_eq!(send(65).await.error(400), "idempotency_mismatch");
    assert_eq!(t.db.count("select count(*) from events").await, 1);
}

#[tokio::test]
async fn while_the_store_is_away_nothing_is_made() {
    let t = setup().await;
    let api = Api::new(router(
        App::from_env(&testkit::env(t.db.url())).unwrap(),
        Site::default(),
    ));
    let token = TestTokens::of(t.organizer_id, Role::Organizer, &Clock::system());
    let form = |date| {
        Form::new()
            .text("name", "Java Jazz")
            .text("location", "Jakarta")
            .text("date", date)
    };
    let with_picture = form("2099-03-01").file("image", "image/png", &png_header(64, 48));
    let reply = api.send(with_picture.request("POST", EVENTS, &token)).await;
    assert_eq!(reply.error(503), "unavailable");
    assert!(reply.headers.contains_key("retry-after"));
    assert_eq!(t.db.count("select count(*) from events").await, 0);
    let without = form("2099-03-01").request("POST", EVENTS, &token);
    api.send(without).await.data(201);
}
