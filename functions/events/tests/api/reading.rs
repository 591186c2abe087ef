//! Lists, single events, and who sees what.

use super::*;

#[tokio::test]
async fn an_event_carries_its_tickets_in_the_order_they_were_made() {
    let t = setup().await;
    let rows = Rows(&t.db);
    let category = rows.category("Concert").await;
    let event = rows.event(t.organizer_id, "Java Jazz").await;
    rows.event(t.organizer_id, "Empty").await;
    for price in [500_000, 150_000] {
        rows.ticket_type(t.organizer_id, event, category, price, 40).await;
    }
    t.db.run("update ticket_stock set sold = 1 where stripe = 0 and ticket_type_id = (select min(id) from ticket_types)")
        .await;
    let read = t.api.get(&format!("{EVENTS}/{event}"), None).await.data(200);
    let list = t.api.get(EVENTS, None).await.data(200);
    assert_eq!(list["events"][1], read);
    assert_eq!(list["events"][0]["tickets"], json!([]));
    let tickets = read["tickets"].as_array().unwrap();
    let sold = tickets
        .iter()
        .map(|ticket| (&ticket["price"], &ticket["quantity"]));
    assert_eq!(
        sold.collect::<Vec<_>>(),
        [(&json!(500_000), &json!(39)), (&json!(150_000), &json!(40))]
    );
    assert_eq!(
        keys(&tickets[0])[..11],
        [
            "id",
            "name",
            "price",
            "quantity",
            "userId",
            "eventId",
            "categoryId",
            "imageUrl",
            "artist",
            "createdAt",
            "updatedAt"
        ]
    );
    let deleted = t
        .api
        .call("DELETE", &format!("{EVENTS}/{event}"), Some(&t.organizer), None)
        .await;
    assert_eq!(deleted.error(409), "in_use");
    assert_eq!(t.db.count("select count(*) from events").await, 2);
}

#[tokio::test]
async fn a_draft_is_seen_by_its_organizer_and_by_admins_only() {
    let t = setup().await;
    let draft = t.create("Secret", "2030-03-01", "draft").await;
    assert_eq!(draft["status"], "draft");
    t.create("Open", "2030-03-01", "published").await;
    let path = format!("{EVENTS}/{}", draft["id"]);
    for token in [None, Some(&t.other), Some(&t.user)] {
        let token = token.map(String::as_str);
        assert_eq!(t.api.get(&path, token).await.error(404), "not_found");
        assert_eq!(t.names("", token).await, ["Open"]);
        assert_eq!(t.names("search=secret", token).await, [""; 0]);
        let beyond = t.api.get(&format!("{EVENTS}?page=9"), token).await.data(200);
        assert_eq!(beyond["meta"]["total"], 1);
    }
    for token in [&t.organizer, &t.admin] {
        t.api.get(&path, Some(token)).await.data(200);
        assert_eq!(t.names("", Some(token)).await, ["Open", "Secret"]);
        let beyond = t
            .api
            .get(&format!("{EVENTS}?page=9"), Some(token))
            .await
            .data(200);
        assert_eq!(beyond["meta"]["total"], 2);
    }
    let published = t
        .patch(&draft["id"], &t.organizer, json!({"status": "published"}))
        .await;
    assert_eq!(published.data(200)["status"], "published");
    t.api.get(&path, None).await.data(200);
}

#[tokio::test]
async fn only_the_answer_to_a_stranger_may_be_kept() {
    let t = setup().await;
    let event = t.create("Java Jazz", "2030-03-01", "published").await;
    for path in [EVENTS.to_owned(), format!("{EVENTS}/{}", event["id"])] {
        let anonymous = t.api.get(&path, None).await;
        assert_eq!(anonymous.headers["cache-control"], "public, max-age=5");
        assert!(anonymous.headers.contains_key("etag"));
        let own = t.api.get(&path, Some(&t.organizer)).await;
        assert_eq!(own.headers["cache-control"], "no-store");
        assert_eq!(
            t.api.get(&path, Some("forged")).await.error(401),
            "unauthenticated"
        );
    }
}

#[tokio::test]
async fn the_list_filters_by_text_category_and_either_end_of_a_range() {
    let t = setup().await;
    let rows = Rows(&t.db);
    let (concert, theatre) = (rows.category("Concert").await, rows.category("Theatre").await);
    for (name, date, location) in [
        ("Jazz 100% Live", "2030-02-01", "Jakarta"),
        ("Rock_Fest", "2030-03-01", "Bandung"),
        ("Drama", "2030-04-01", "Jazz Club, Bali"),
    ] {
        let body = json!({"name": name, "date": date, "location": location});
        let event = t.api.post(EVENTS, Some(&t.organizer), body).await.data(201);
        if name != "Drama" {
            let id = domain::EventId::new(event["id"].as_i64().unwrap());
            rows.ticket_type(t.organizer_id, id, concert, 50_000, 10).await;
            rows.ticket_type(t.organizer_id, id, concert, 60_000, 10).await;
        }
    }
    for (query, names) in [
        ("", vec!["Drama", "Rock_Fest", "Jazz 100% Live"]),
        ("search=JAZZ", vec!["Drama", "Jazz 100% Live"]),
        ("search=100%25", vec!["Jazz 100% Live"]),
        ("search=%25", vec!["Jazz 100% Live"]),
        ("search=_", vec!["Rock_Fest"]),
        ("search=%5C", vec![]),
        ("search='%20or%201=1--", vec![]),
        ("search=%20", vec!["Drama", "Rock_Fest", "Jazz 100% Live"]),
        ("search=", vec!["Drama", "Rock_Fest", "Jazz 100% Live"]),
        ("startDate=2030-03-01", vec!["Drama", "Rock_Fest"]),
        ("endDate=2030-03-01", vec!["Rock_Fest", "Jazz 100% Live"]),
        ("startDate=2030-03-01T00:00:00.001Z", vec!["Drama"]),
        ("startDate=2030-02-02&endDate=2030-03-31", vec!["Rock_Fest"]),
        ("startDate=2030-05-01&endDate=2030-01-01", vec![]),
        (
            &format!("category={concert}"),
            vec!["Rock_Fest", "Jazz 100% Live"],
        ),
        (&format!("category={theatre}"), vec![]),
        ("category=999999", vec![]),
        (
            &format!("category={concert}&search=jazz&endDate=2030-12-31"),
            vec!["Jazz 100% Live"],
        ),
        ("unknown=1", vec!["Drama", "Rock_Fest", "Jazz 100% Live"]),
    ] {
        assert_eq!(t.names(query, None).await, names, "{query}");
    }
}

#[tokio::test]
async fn pages_do_not_overlap_and_an_update_does_not_move_an_event() {
    let t = setup().await;
    let rows = Rows(&t.db);
    for i in 1..=12 {
        rows.event(t.organizer_id, &format!("Event {i}")).await;
    }
    let before = t.names("limit=100", None).await;
    t.patch(&json!(5), &t.organizer, json!({"location": "Elsewhere"}))
        .await
        .data(200);
    assert_eq!(t.names("limit=100", None).await, before);
    let mut paged = Vec::new();
    for page in 1..=3 {
        paged.extend(t.names(&format!("page={page}&limit=5"), None).await);
    }
    assert_eq!(paged, before);
    let list = t
        .api
        .get(&format!("{EVENTS}?page=9&limit=5"), None)
        .await
        .data(200);
    assert_eq!(
        list,
        json!({"events": [], "meta": {"page": 9, "limit": 5, "total": 12, "totalPages": 3, "nextCursor": null}})
    );
    let empty = setup().await;
    let list = empty.api.get(EVENTS, None).await.data(200);
    assert_eq!(
        list["meta"],
        json!({"page": 1, "limit": 10, "total": 0, "totalPages": 0, "nextCursor": null})
    );
}

#[tokio::test]
async fn an_event_goes_into_a_calendar() {
    let t = setup().await;
    let event = t
        .create("Jazz, live", "2030-02-01T19:00:00+07:00", "published")
        .await;
    let draft = t.create("Secret", "2030-02-01", "draft").await;
    let file = t.api.event("http/events/get_event_calendar.json", None).await;
    assert_eq!(file.status, 200);
    assert_eq!(file.headers["content-type"], "text/calendar; charset=utf-8");
    let text = String::from_utf8(file.bytes).unwrap();
    for line in [
        "DTSTART:20300201T120000Z",
        "SUMMARY:Jazz\\, live",
        "STATUS:CONFIRMED",
    ] {
        assert!(text.contains(&format!("{line}\r\n")), "{line} in {text}");
    }
    t.db.run("update events set status = 'cancelled' where id = 1")
        .await;
    let path = format!("{EVENTS}/{}/calendar.ics", event["id"]);
    let text = String::from_utf8(t.api.get(&path, None).await.bytes).unwrap();
    assert!(text.contains("STATUS:CANCELLED\r\n"), "{text}");
    let path = format!("{EVENTS}/{}/calendar.ics", draft["id"]);
    assert_eq!(t.api.get(&path, None).await.error(404), "not_found");
    assert_eq!(t.api.get(&path, Some(&t.organizer)).await.status, 200);
}
