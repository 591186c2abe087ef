//! Input that is refused, and input that is ignored.

use super::*;

#[tokio::test]
async fn a_body_cannot_set_what_is_not_its_senders_to_set() {
    let t = setup().await;
    let hostile = json!({
        "id": 77, "name": "Java Jazz", "date": "2030-03-01T12:00:00Z", "location": "Jakarta", "organizerId": 9, "userId": 9,
        "createdAt": "2001-01-01T00:00:00Z", "updatedAt": "2001-01-01T00:00:00Z", "imageUrl": "https://evil.example/x.png",
        "tickets": [{"id": 1}], "role": "admin", "__proto__": {"x": 1},
    });
    let event = t.api.post(EVENTS, Some(&t.organizer), hostile).await.data(201);
    assert_eq!(
        event,
        json!({
            "id": 1, "name": "Java Jazz", "description": null, "date": "2030-03-01T12:00:00.000Z", "location": "Jakarta",
            "imageUrl": null, "createdAt": "2030-01-01T12:00:00.000Z", "updatedAt": "2030-01-01T12:00:00.000Z",
            "status": "published", "timeZone": "Asia/Jakarta", "organizerId": t.organizer_id, "city": null,
            "startsAt": "2030-03-01T12:00:00.000Z", "endsAt": null, "serviceFee": 0, "taxRate": 0,
        })
    );
    let patch = json!({"organizerId": 9, "createdAt": "2001-01-01", "imageUrl": "x"});
    assert_eq!(t.patch(&event["id"], &t.organizer, patch).await.data(200), event);
}

#[tokio::test]
async fn bad_queries_are_refused() {
    let t = setup().await;
    for (query, field) in [
        ("page=0", "page"),
        ("page=-1", "page"),
        ("limit=abc", "limit"),
        ("page=999999999999999999999", "page"),
        ("category=abc", "category"),
        ("category=-1", "category"),
        ("category=9223372036854775808", "category"),
        ("startDate=soon", "startDate"),
        ("endDate=2030-13-01", "endDate"),
        ("startDate=-009999-01-01", "startDate"),
        ("startDate=1&startDate=2", "startDate"),
        ("search=a&search=b", "search"),
        ("search=a%00b", "search"),
    ] {
        let reply = t.api.get(&format!("{EVENTS}?{query}"), None).await;
        assert_eq!(reply.error(400), "invalid_input", "{query}");
        assert_eq!(reply.json()["details"][0]["field"], field, "{query}");
    }
    let long = format!("{EVENTS}?search={}", "x".repeat(101));
    assert_eq!(t.api.get(&long, None).await.error(400), "invalid_input");
    for path in ["abc", "0", "-1", "1.5", "9223372036854775808", "1%20or%201=1"] {
        let reply = t.api.get(&format!("{EVENTS}/{path}"), None).await;
        assert_eq!(reply.error(400), "invalid_input", "{path}");
    }
    assert_eq!(
        t.api
            .get(&format!("{EVENTS}/9223372036854775807"), None)
            .await
            .error(404),
        "not_found"
    );
    assert_eq!(
        t.api.get(&format!("{EVENTS}/1/tickets"), None).await.error(404),
        "route_not_found"
    );
}

#[tokio::test]
async fn bad_bodies_are_told_by_field() {
    let t = setup().await;
    let good = json!({"name": "X", "date": "2030-03-01", "location": "Y"});
    for (field, value, message) in [
        ("name", Value::Null, "\"name\" is required"),
        ("name", json!(" "), "\"name\" must not be empty"),
        ("name", json!(["X"]), "\"name\" must be a string"),
        (
            "name",
            json!("x".repeat(201)),
            "\"name\" must be at most 200 characters long",
        ),
        (
            "name",
            json!("a\u{0}b"),
            "\"name\" must not contain control characters",
        ),
        ("location", json!({}), "\"location\" must be a string"),
        (
            "date",
            json!("soon"),
            "\"date\" must be a date such as 2030-01-31T19:00:00.000Z",
        ),
        (
            "date",
            json!("2030-01-01T12:00:00Z"),
            "\"date\" must be in the future",
        ),
        ("date", json!("1999-01-01"), "\"date\" must be in the future"),
        ("date", json!(1_893_499_200), "\"date\" must be a string"),
        (
            "description",
            json!("x".repeat(10_001)),
            "\"description\" must be at most 10000 characters long",
        ),
        (
            "description",
            json!("\u{0}"),
            "\"description\" must not contain control characters",
        ),
        (
            "timeZone",
            json!("Mars/Olympus"),
            "\"timeZone\" must be a time zone such as Asia/Jakarta",
        ),
        (
            "endsAt",
            json!("2030-03-01T00:00:00Z"),
            "\"endsAt\" must be later than \"date\"",
        ),
        (
            "status",
            json!("cancelled"),
            "\"status\" must be one of [draft, published]",
        ),
    ] {
        let mut body = good.clone();
        if value.is_null() {
            body.as_object_mut().unwrap().remove(field);
        } else {
            body[field] = value.clone();
        }
        let reply = t.api.post(EVENTS, Some(&t.organizer), body).await;
        assert_eq!(reply.error(400), "invalid_input", "{field} {value}");
        assert_eq!(reply.message(), message);
        assert_eq!(reply.json()["details"][0]["field"], field);
    }
    let reply = t.api.post(EVENTS, Some(&t.organizer), json!({})).await;
    assert_eq!(
        reply.message(),
        "\"name\" is required, \"date\" is required, \"location\" is required"
    );
    assert_eq!(t.db.count("select count(*) from events").await, 0);
}

#[tokio::test]
async fn bodies_that_are_not_small_json_are_refused() {
    let t = setup().await;
    let send = async |media: &'static str, body: String| {
        let request = http::Request::post(EVENTS)
            .header("authorization", format!("Bearer {}", t.organizer))
            .header("content-type", media);
        t.api
            .send(request.body(axum::body::Body::from(body)).unwrap())
            .await
    };
    for body in [
        "{",
        "[]",
        "null",
        "\"x\"",
        "{\"name\":\"a\"}}",
        "\u{feff}{}",
        &"[".repeat(50_000),
    ] {
        assert_eq!(
            send("application/json", body.to_owned()).await.error(400),
            "malformed_json"
        );
    }
    let repeated = r#"{"name":"A","name":"B","date":"2030-03-01","location":"Y"}"#;
    let reply = send("application/json", repeated.to_owned()).await;
    assert_eq!(reply.error(400), "invalid_input");
    assert_eq!(reply.message(), "\"name\" is repeated");
    let huge = json!({"name": "X", "description": "x".repeat(200_000)}).to_string();
    assert_eq!(send("application/json", huge).await.error(413), "body_too_large");
    let form = "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nX\r\n--b--\r\n";
    assert_eq!(
        send("multipart/form-data; boundary=b", form.to_owned())
            .await
            .error(400),
        "invalid_input"
    );
    assert_eq!(
        send("multipart/form-data; boundary=c", form.to_owned())
            .await
            .error(400),
        "malformed_form"
    );
    assert_eq!(
        send("application/x-www-form-urlencoded", "name=X".to_owned())
            .await
            .error(415),
        "unsupported_media_type"
    );
    assert_eq!(t.db.count("select count(*) from events").await, 0);
}
