//! Pictures for events, and the forms that carry them.

use crate::{Api, Fleet, Reply, eventually, unique};
use serde_json::Value;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// A PNG with a text in it that nobody shall see.
pub fn picture(width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder
        .add_text_chunk("Comment".to_owned(), "taken at home".to_owned())
        .expect("a PNG can be written");
    let mut writer = encoder.write_header().expect("a PNG can be written");
    let row: Vec<u8> = (0..width).flat_map(|x| [(x % 251) as u8, 99, 199]).collect();
    writer
        .write_image_data(&row.repeat(height as usize))
        .expect("a PNG can be written");
    writer.finish().expect("a PNG can be written");
    file
}

/// Sends a form with a picture, as browsers do.
pub async fn send_form(api: &Api, method: &str, path: &str, fields: &[(&str, &str)], file: &[u8]) -> Reply {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part =
            format!("--frontier\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend(part.as_bytes());
    }
    let head = "--frontier\r\ncontent-disposition: form-data; name=\"image\"; filename=\"me.png\"\r\n\
                content-type: image/png\r\n\r\n";
    body.extend(head.as_bytes());
    body.extend(file);
    body.extend(b"\r\n--frontier--\r\n");
    let request = api
        .request(method, path)
        .header("content-type", "multipart/form-data; boundary=frontier")
        .body(body);
    Reply::of(request).await
}

/// Makes an event with a picture by a form.
pub async fn event_with(api: &Api, file: &[u8]) -> Value {
    let name = format!("Jazz {}", unique());
    let fields = [
        ("name", name.as_str()),
        ("date", "2090-03-01T12:00:00Z"),
        ("location", "Jakarta"),
    ];
    send_form(api, "POST", "/events", &fields, file).await.data(201)
}

/// The URL of an event's picture, as soon as it has one.
pub async fn url_of(fleet: &Fleet, event: &Value) -> String {
    let path = format!("/events/{}", event["id"]);
    eventually("the event shows its picture", PATIENCE, async || {
        let shown = fleet.stranger().get(&path).await.data(200);
        shown["imageUrl"].as_str().map(str::to_owned)
    })
    .await
}
