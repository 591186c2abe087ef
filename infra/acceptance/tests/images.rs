//! Pictures, from the form of an organizer or straight into the bucket, to the URL that shows them.

use acceptance::pictures::{event_with, picture, send_form, url_of};
use acceptance::{Fleet, Organizer, Reply, eventually, unique};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::Mutex;

const PATIENCE: Duration = Duration::from_secs(60);

/// The image service is everybody's, and one test takes it away.
static TURN: Mutex<()> = Mutex::const_new(());

#[tokio::test]
async fn a_picture_in_a_form_is_shown_by_imagekit_and_kept_in_the_bucket() {
    let _turn = TURN.lock().await;
    let fleet = Fleet::running();
    let organizer = Organizer::demo(&fleet).await;
    let file = picture(800, 600);
    let event = event_with(&organizer.api, &file).await;
    assert_eq!(event["imageUrl"], Value::Null, "not before its URL answers");
    let url = url_of(&fleet, &event).await;

    let shown = fleet.imagekit().show(&url).await;
    assert_eq!((shown.status, shown.header("content-type")), (200, "image/jpeg"));
    assert!(!shown.text().contains("taken at home"));
    let key = url
        .rsplit('/')
        .next()
        .unwrap()
        .trim_end_matches(".jpg")
        .to_owned();
    let original = fleet.object(&format!("originals/{key}")).await.unwrap();
    assert_eq!(original.bytes, file, "untouched");
    let full = fleet.object(&format!("pictures/{key}/full.jpg")).await.unwrap();
    assert_eq!(full.bytes, shown.bytes);
    for width in ["640", "320"] {
        assert!(
            fleet
                .object(&format!("pictures/{key}/{width}.jpg"))
                .await
                .is_some(),
            "{width}"
        );
    }
    assert!(fleet.object(&format!("pictures/{key}/1280.jpg")).await.is_none());
}

#[tokio::test]
async fn a_large_picture_goes_straight_into_the_bucket() {
    let _turn = TURN.lock().await;
    let fleet = Fleet::running();
    let organizer = Organizer::demo(&fleet).await;
    let file = picture(400, 300);
    let wanted = json!({"purpose": "event", "mediaType": "image/png", "bytes": file.len()});
    let upload = organizer.api.post("/images", &wanted).await.data(201);
    let put = async |media_type: &str, bytes: &[u8]| {
        let url = upload["url"].as_str().unwrap();
        let request = fleet
            .stranger()
            .request("PUT", url)
            .header("content-type", media_type);
        Reply::of(request.body(bytes.to_vec())).await.status
    };
    let complete = format!("/images/{}/complete", upload["id"]);
    assert_eq!(
        organizer.api.post(&complete, &json!({})).await.error(409),
        "not_uploaded"
    );
    assert_eq!(put("text/html", &file).await, 403, "the type is signed");
    assert_eq!(
        put("image/png", &[file.as_slice(), b"more"].concat()).await,
        403,
        "the size is signed"
    );
    assert_eq!(put("image/png", &file).await, 200);
    let state = organizer.api.post(&complete, &json!({})).await.data(200)["state"].clone();
    assert!(["stored", "ready"].contains(&state.as_str().unwrap()), "{state}");

    let body = json!({
        "name": format!("Jazz {}", unique()), "date": "2090-03-01", "location": "Jakarta", "imageId": upload["id"],
    });
    let event = organizer.api.post("/events", &body).await.data(201);
    let url = url_of(&fleet, &event).await;
    assert_eq!(fleet.imagekit().show(&url).await.status, 200);
    let image = organizer
        .api
        .get(&format!("/images/{}", upload["id"]))
        .await
        .data(200);
    assert_eq!((&image["state"], &image["width"]), (&json!("ready"), &json!(400)));
    let small = image["variants"][0]["url"].as_str().unwrap().to_owned();
    assert_eq!(fleet.imagekit().show(&small).await.status, 200);
}

#[tokio::test]
async fn while_imagekit_is_away_uploads_succeed_and_are_shown_afterwards() {
    let _turn = TURN.lock().await;
    let fleet = Fleet::running();
    let organizer = Organizer::demo(&fleet).await;
    let outage = fleet.imagekit().goes_away().await;
    let event = event_with(&organizer.api, &picture(100, 50)).await;
    let db = fleet.database().await;
    let id = event["id"].as_i64().unwrap();
    eventually("the worker has tried", PATIENCE, async || {
        let tried = "
            select count(*) from images i join events e on e.image_id = i.id
            where e.id = $1 and i.attempts > 0 and i.lease_until is null";
        (db.number(tried, &[&id]).await == 1).then_some(())
    })
    .await;
    let seen = fleet
        .stranger()
        .get(&format!("/events/{}", event["id"]))
        .await
        .data(200);
    assert_eq!(seen["imageUrl"], Value::Null);
    outage.end().await;

    // Its time comes sooner than it would.
    let now = "update images i set retry_at = now() from events e where e.image_id = i.id and e.id = $1";
    db.run(now, &[&id]).await;
    fleet.invoke("janitor", &json!({})).await;
    // The relay leaves messages alone that are younger than ten seconds, and comes once a minute.
    let path = format!("/events/{}", event["id"]);
    let url = eventually("the event shows its picture", PATIENCE, async || {
        fleet.invoke("outbox-relay", &json!({})).await;
        let shown = fleet.stranger().get(&path).await.data(200);
        shown["imageUrl"].as_str().map(str::to_owned)
    })
    .await;
    assert_eq!(fleet.imagekit().show(&url).await.status, 200);
}

#[tokio::test]
async fn hostile_files_do_not_get_past_the_gateway() {
    let fleet = Fleet::running();
    let organizer = Organizer::demo(&fleet).await;
    let fields = [
        ("name", "Hostile"),
        ("date", "2090-03-01"),
        ("location", "Jakarta"),
    ];
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".to_vec();
    let mut flood = picture(2, 2);
    flood[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let mut large = picture(2, 2);
    large.resize(5 * 1024 * 1024 + 1, 0);
    for (file, status, code) in [
        (svg, 415, "not_an_image"),
        (flood, 400, "too_many_pixels"),
        (large, 413, "file_too_large"),
    ] {
        let reply = send_form(&organizer.api, "POST", "/events", &fields, &file).await;
        assert_eq!(reply.error(status), code);
    }
    let nobody = send_form(&fleet.stranger(), "POST", "/events", &fields, &picture(2, 2)).await;
    assert_eq!(nobody.error(401), "unauthenticated");
}
