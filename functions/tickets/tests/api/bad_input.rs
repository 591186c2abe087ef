//! Input that is refused.

use super::*;

#[tokio::test]
async fn bad_queries_and_paths_are_refused() {
    let t = setup().await;
    for (query, field) in [
        ("page=0", "page"),
        ("limit=x", "limit"),
        ("minPrice=abc", "minPrice"),
        ("minPrice=-1", "minPrice"),
        ("maxPrice=1e3", "maxPrice"),
        ("maxPrice=1.5", "maxPrice"),
        ("maxPrice=100000000001", "maxPrice"),
        ("minPrice=NaN", "minPrice"),
        ("minPrice=99999999999999999999", "minPrice"),
        ("eventId=abc", "eventId"),
        ("categoryId=0", "categoryId"),
        ("artist=a%00", "artist"),
        ("search=a&search=b", "search"),
    ] {
        let reply = t.get(&format!("?{query}"), None).await;
        assert_eq!(reply.error(400), "invalid_input", "{query}");
        assert_eq!(reply.json()["details"][0]["field"], field, "{query}");
    }
    for path in [
        "/abc",
        "/0",
        "/-1",
        "/9223372036854775808",
        "/event/x",
        "/category/1%20or%201=1",
        "/1;drop%20table",
    ] {
        assert_eq!(t.get(path, None).await.error(400), "invalid_input", "{path}");
    }
    for path in ["/event", "/category"] {
        assert_eq!(t.get(path, None).await.error(400), "invalid_input", "{path}");
    }
    assert_eq!(t.get("/1/x", None).await.error(404), "route_not_found");
    let put = t
        .api
        .call("PUT", &format!("{TICKETS}/1"), Some(&t.organizer), None)
        .await;
    assert_eq!(put.error(405), "method_not_allowed");
    assert_eq!(t.get("/9223372036854775807", None).await.error(404), "not_found");
}

#[tokio::test]
async fn bad_bodies_are_told_by_field() {
    let t = setup().await;
    let price = "\"price\" must be between 0 and 100000000000 rupiah";
    let quantity = "\"quantity\" must be between 0 and 1000000";
    let limit = "must be a whole number between 1 and 1000";
    for (field, value, message) in [
        ("name", json!(""), "\"name\" must not be empty"),
        ("name", json!(7), "\"name\" must be a string"),
        (
            "name",
            json!("a\u{0}b"),
            "\"name\" must not contain control characters",
        ),
        ("price", json!(-1), price),
        ("price", json!(100_000_000_001_i64), price),
        ("price", json!(0.5), "\"price\" must be a whole number"),
        ("price", json!("abc"), "\"price\" must be a whole number"),
        ("price", json!(""), "\"price\" must be a whole number"),
        ("price", json!(1e300), "\"price\" must be a whole number"),
        ("price", json!(u64::MAX), "\"price\" must be a smaller number"),
        ("price", json!([1]), "\"price\" must be a whole number"),
        ("quantity", json!(-1), quantity),
        ("quantity", json!(1_000_001), quantity),
        ("quantity", json!(i64::MAX), quantity),
        ("quantity", json!(1.5), "\"quantity\" must be a whole number"),
        ("quantity", json!(true), "\"quantity\" must be a whole number"),
        ("minPerOrder", json!(0), &format!("\"minPerOrder\" {limit}")),
        ("maxPerOrder", json!(1_001), &format!("\"maxPerOrder\" {limit}")),
        ("maxPerUser", json!("many"), &format!("\"maxPerUser\" {limit}")),
        (
            "minPerOrder",
            json!(11),
            "\"maxPerOrder\" must be at least \"minPerOrder\"",
        ),
        (
            "salesStart",
            json!("soon"),
            "\"salesStart\" must be a date such as 2030-01-31T19:00:00.000Z",
        ),
        (
            "artist",
            json!("x".repeat(201)),
            "\"artist\" must be at most 200 characters long",
        ),
    ] {
        let mut body = t.body();
        body[field] = value.clone();
        let reply = t.api.post(TICKETS, Some(&t.organizer), body).await;
        assert_eq!(reply.error(400), "invalid_input", "{field} {value}");
        assert_eq!(reply.message(), message);
        if field != "minPerOrder" {
            let patched = t.patch(&t.organizer, json!({field: value})).await;
            assert_eq!(patched.message(), message);
        }
    }
    for field in ["eventId", "categoryId"] {
        for value in [json!(0), json!(-1), json!("x"), json!(1.5), json!({})] {
            let mut body = t.body();
            body[field] = value;
            let reply = t.api.post(TICKETS, Some(&t.organizer), body).await;
            assert_eq!(reply.error(400), "invalid_input", "{field}");
        }
    }
    let reply = t.api.post(TICKETS, Some(&t.organizer), json!({})).await;
    assert_eq!(
        reply.message(),
        "\"name\" is required, \"price\" is required, \"quantity\" is required, \"eventId\" is required, \"categoryId\" is required"
    );
    assert_eq!(t.db.count("select count(*) from ticket_types").await, 1);
}

#[tokio::test]
async fn bodies_that_are_not_small_json_are_refused() {
    let t = setup().await;
    let send = async |media: &'static str, body: String| {
        let request = http::Request::post(TICKETS)
            .header("authorization", format!("Bearer {}", t.organizer))
            .header("content-type", media);
        t.api
            .send(request.body(axum::body::Body::from(body)).unwrap())
            .await
    };
    assert_eq!(
        send("application/json", "{\"name\":".to_owned()).await.error(400),
        "malformed_json"
    );
    let mut body = t.body().to_string();
    body.insert_str(1, "\"price\":1,");
    let repeated = send("application/json", body).await;
    assert_eq!(repeated.error(400), "invalid_input");
    assert_eq!(repeated.message(), "\"price\" is repeated");
    assert_eq!(
        send("application/json", "x".repeat(200_000)).await.error(413),
        "body_too_large"
    );
    assert_eq!(
        send("application/x-www-form-urlencoded", "name=VIP".to_owned())
            .await
            .error(415),
        "unsupported_media_type"
    );
    assert_eq!(
        send("multipart/form-data; boundary=b", "nonsense".to_owned())
            .await
            .error(400),
        "malformed_form"
    );
}
