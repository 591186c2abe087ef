//! Pictures of ticket types: inside a form, or uploaded before.

use crate::{TICKETS, setup};
use domain::image::Purpose;
use serde_json::{Value, json};
use testkit::{Form, png_header};

const URL: &str = "https://images.example/a.jpg";

/// What the worker does at last.
const PUBLISH: &str = "
    update images set state = 'ready', width = 3, height = 2, file_id = 'f', file_path = '/a.jpg',
        url = 'https://images.example/a.jpg';
    update ticket_types t set image_url = i.url from images i where i.id = t.image_id";

#[tokio::test]
async fn a_form_makes_a_ticket_type_with_a_picture() {
    let t = setup().await;
    let form = Form::new()
        .text("name", "VIP")
        .text("price", "250000")
        .text("quantity", "20")
        .text("eventId", &t.event.to_string())
        .text("categoryId", &t.category.to_string())
        .text("artist", "")
        .file("image", "image/png", &png_header(64, 48));
    let made = t
        .api
        .send(form.request("POST", TICKETS, &t.organizer))
        .await
        .data(201);
    assert_eq!(
        (&made["price"], &made["imageUrl"]),
        (&json!(250_000), &Value::Null)
    );
    assert_eq!(
        t.db.text("select purpose || state from images").await,
        "ticketstored"
    );
    t.db.run(PUBLISH).await;
    let shown = t.get(&format!("/{}", made["id"]), None).await.data(200);
    assert_eq!(shown["imageUrl"], URL);
}

#[tokio::test]
async fn a_picture_changes_with_the_ticket_type() {
    let t = setup().await;
    let path = format!("{TICKETS}/{}", t.ticket);
    let form = Form::new().file("image", "image/png", &png_header(64, 48));
    t.api
        .send(form.request("PATCH", &path, &t.organizer))
        .await
        .data(200);
    t.db.run(PUBLISH).await;
    let image = t.db.count("select id from images").await;
    let changed = t.patch(&t.organizer, json!({"imageId": image})).await.data(200);
    assert_eq!(changed["imageUrl"], URL);
    let own = format!("{:?}", Purpose::Ticket).to_lowercase();
    assert_eq!(t.db.text("select purpose from images").await, own);
    let others = t.patch(&t.other, json!({"imageId": image})).await;
    assert!(others.status.is_client_error());
}

#[tokio::test]
async fn hostile_files_are_refused() {
    let t = setup().await;
    let path = format!("{TICKETS}/{}", t.ticket);
    for (name, media_type, bytes, status, code) in [
        ("image", "image/svg+xml", b"<svg/>".to_vec(), 415, "not_an_image"),
        (
            "image",
            "image/jpeg",
            png_header(64, 48),
            415,
            "media_type_differs",
        ),
        (
            "image",
            "image/png",
            png_header(60_000, 60_000),
            400,
            "too_many_pixels",
        ),
        ("file", "image/png", png_header(64, 48), 400, "unexpected_field"),
    ] {
        let form = Form::new().file(name, media_type, &bytes);
        let reply = t.api.send(form.request("PATCH", &path, &t.organizer)).await;
        assert_eq!(reply.error(status), code);
    }
    assert_eq!(t.db.count("select count(*) from images").await, 0);
}
