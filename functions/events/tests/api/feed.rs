//! What programs follow.

use super::*;

#[tokio::test]
async fn the_feeds_show_published_events_to_come_the_next_one_first() {
    let t = setup().await;
    for (name, date, status) in [
        ("Later", "2030-03-01T12:00:00Z", "published"),
        ("Secret", "2030-02-01T12:00:00Z", "draft"),
        ("Sooner", "2030-02-02T12:00:00Z", "published"),
        ("Over", "2030-01-01T13:00:00Z", "published"),
    ] {
        t.create(name, date, status).await;
    }
    let cancelled = t.create("Cancelled", "2030-02-03", "published").await;
    let path = format!("{EVENTS}/{}/cancel", cancelled["id"]);
    t.api
        .call("POST", &path, Some(&t.organizer), None)
        .await
        .data(200);
    t.clock.advance(7_200);

    let reply = t.api.event("http/events/get_events_feed.json", None).await;
    assert_eq!(reply.headers["content-type"], "application/feed+json");
    assert_eq!(reply.headers["cache-control"], "public, max-age=300");
    assert!(reply.headers.contains_key("etag"));
    let feed = reply.json();
    assert_eq!(
        (&feed["version"], &feed["home_page_url"]),
        (
            &json!("https://jsonfeed.org/version/1.1"),
            &json!("https://shop.example/events")
        )
    );
    let items = feed["items"].as_array().unwrap();
    let titles: Vec<_> = items.iter().map(|item| item["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["Sooner", "Later"]);
    assert_eq!(
        (
            &items[0]["id"],
            &items[0]["url"],
            &items[0]["_event"]["startsAt"],
            &items[0]["_event"]["timeZone"]
        ),
        (
            &json!("event-3"),
            &json!("https://shop.example/events/3"),
            &json!("2030-02-02T12:00:00.000Z"),
            &json!("Asia/Jakarta")
        )
    );
    assert!(feed.get("next_url").is_none());

    let reply = t.api.event("http/events/get_events_calendar.json", None).await;
    assert_eq!(reply.headers["content-type"], "text/calendar; charset=utf-8");
    let calendar = String::from_utf8(reply.bytes).unwrap();
    let order: Vec<_> = calendar
        .lines()
        .filter_map(|line| line.strip_prefix("SUMMARY:"))
        .collect();
    assert_eq!(order, ["Sooner", "Later"]);
}

#[tokio::test]
async fn an_unchanged_feed_is_not_sent_again() {
    let t = setup().await;
    t.create("Java Jazz", "2030-03-01", "published").await;
    for file in ["feed.json", "feed.ics"] {
        let path = format!("{EVENTS}/{file}");
        let first = t.api.get(&path, None).await;
        let request = http::Request::get(&path).header("if-none-match", &first.headers["etag"]);
        let again = t.api.send(request.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(again.status, 304, "{file}");
        assert!(again.bytes.is_empty());
    }
}

#[tokio::test]
async fn the_pages_of_the_feed_show_every_event_once() {
    let t = setup().await;
    t.db.run(&format!(
        "insert into events (organizer_id, name, date, location, created_at, updated_at)
         select {}, 'Event ' || n, '2030-02-01'::timestamptz + (n / 3) * interval '1 hour', 'Jakarta', now(), now()
         from generate_series(1, 250) n",
        t.organizer_id
    ))
    .await;
    let (mut path, mut seen) = (format!("{EVENTS}/feed.json"), Vec::new());
    loop {
        let feed = t.api.get(&path, None).await.json();
        let items = feed["items"].as_array().unwrap();
        seen.extend(items.iter().map(|item| item["_event"]["id"].as_i64().unwrap()));
        match feed.get("next_url") {
            Some(next) => next.as_str().unwrap().clone_into(&mut path),
            None => break,
        }
    }
    assert_eq!(seen, (1..=250).collect::<Vec<i64>>());
    for query in ["after=soon", "id=x"] {
        let reply = t.api.get(&format!("{EVENTS}/feed.json?{query}"), None).await;
        assert_eq!(reply.error(400), "invalid_input");
    }
}

#[tokio::test]
async fn a_holder_of_tickets_has_a_calendar_of_them() {
    let t = setup().await;
    let rows = Rows(&t.db);
    let (ayu, budi) = (
        rows.buyer("ayu@example.test").await,
        rows.buyer("budi@example.test").await,
    );
    let category = rows.category("Concert").await;
    let mut orders = Vec::new();
    for (name, holder) in [("Jazz", ayu), ("Rock", ayu), ("Folk", budi)] {
        let event = rows.event(t.organizer_id, name).await;
        let ticket = rows
            .ticket_type(t.organizer_id, event, category, 50_000, 10)
            .await;
        orders.push(rows.bought(holder, ticket, 2).await.0);
    }
    let token = TestTokens::of(ayu, Role::User, &t.clock);
    let names = async |query: &str, token: &str| {
        let path = format!("{EVENTS}/mine/calendar.ics{query}");
        let reply = t.api.get(&path, Some(token)).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.headers["cache-control"], "no-store");
        let calendar = String::from_utf8(reply.bytes).unwrap();
        let names = calendar
            .lines()
            .filter_map(|line| line.strip_prefix("SUMMARY:"))
            .map(str::to_owned);
        names.collect::<Vec<_>>()
    };
    assert_eq!(names("", &token).await, ["Rock", "Jazz"]);
    assert_eq!(
        names(&format!("?order={}", orders[0]), &token).await,
        ["Jazz"],
        "one entry, however many tickets"
    );
    assert_eq!(names("", &t.user).await, [""; 0]);
    for order in [orders[2].as_str(), "ORDER-0"] {
        let path = format!("{EVENTS}/mine/calendar.ics?order={order}");
        assert_eq!(t.api.get(&path, Some(&token)).await.error(404), "not_found");
    }
    t.db.run(&format!(
        "update issued_tickets set status = 'void' where holder_id = {ayu} and event_id = 1;
         update events set status = 'cancelled' where name = 'Rock'"
    ))
    .await;
    assert_eq!(names("", &token).await, ["Rock"]);
    let file = t
        .api
        .event("http/events/get_my_calendar.json", Some(&token))
        .await;
    let calendar = String::from_utf8(file.bytes).unwrap();
    assert!(calendar.contains("STATUS:CANCELLED\r\n"), "{calendar}");
}
