//! Lists and single ticket types, and who sees what.

use super::*;

/// Names on the paged list, in its order.
async fn names(t: &Setup, query: &str, token: Option<&str>) -> Vec<String> {
    let list = t.get(&format!("?{query}"), token).await.data(200);
    let tickets = list["tickets"].as_array().unwrap().clone();
    tickets
        .iter()
        .map(|ticket| ticket["name"].as_str().unwrap().to_owned())
        .collect()
}

async fn make(t: &Setup, changes: Value) -> Value {
    let mut body = t.body();
    for (field, value) in changes.as_object().unwrap() {
        body[field] = value.clone();
    }
    t.clock.advance(1);
    t.api.post(TICKETS, Some(&t.organizer), body).await.data(201)
}

#[tokio::test]
async fn the_list_filters_as_clients_ask() {
    let t = setup().await;
    let theatre = Rows(&t.db).category("Theatre").await;
    let drama = Rows(&t.db).event(t.organizer_id, "Drama").await;
    make(
        &t,
        json!({"name": "VIP 100%", "artist": "Tulus", "price": 500_000}),
    )
    .await;
    make(
        &t,
        json!({"name": "Row_1", "artist": "Raisa & Tulus", "price": 0, "eventId": drama, "categoryId": theatre}),
    )
    .await;
    let all = vec!["Row_1", "VIP 100%", "Festival"];
    for (query, expected) in [
        ("", all.clone()),
        ("search=tulus", vec!["Row_1", "VIP 100%"]),
        ("search=FESTI", vec!["Festival"]),
        ("search=%25", vec!["VIP 100%"]),
        ("search=_", vec!["Row_1"]),
        ("search=%5C", vec![]),
        ("artist=raisa", vec!["Row_1"]),
        ("artist=vip", vec![]),
        ("minPrice=150000", vec!["VIP 100%", "Festival"]),
        ("maxPrice=150000", vec!["Row_1", "Festival"]),
        ("minPrice=150001&maxPrice=500000", vec!["VIP 100%"]),
        ("minPrice=0", all.clone()),
        ("maxPrice=0", vec!["Row_1"]),
        ("minPrice=500000&maxPrice=1", vec![]),
        (&format!("eventId={drama}"), vec!["Row_1"]),
        (
            &format!("categoryId={}", t.category),
            vec!["VIP 100%", "Festival"],
        ),
        (&format!("eventId={drama}&categoryId={}", t.category), vec![]),
        ("minPrice=&artist=&unknown=x", all),
    ] {
        assert_eq!(names(&t, query, None).await, expected, "{query}");
    }
    for (query, message) in [
        ("eventId=999", "Event not found"),
        ("categoryId=999", "Category not found"),
        ("categoryId=999&eventId=999", "Event not found"),
    ] {
        let reply = t.get(&format!("?{query}"), None).await;
        assert_eq!(reply.error(404), "not_found");
        assert_eq!(reply.message(), message);
    }
    let list = t.get("?page=2&limit=2", None).await.data(200);
    assert_eq!(
        list["meta"],
        json!({"page": 2, "limit": 2, "total": 3, "totalPages": 2})
    );
    assert_eq!(names(&t, "page=2&limit=2", None).await, ["Festival"]);
    let beyond = t.get("?page=9", None).await.data(200);
    assert_eq!(beyond["meta"]["total"], 3);
}

#[tokio::test]
async fn lists_of_an_event_or_a_category_are_bare_and_full() {
    let t = setup().await;
    let vip = make(&t, json!({"name": "VIP"})).await;
    let festival = t.get(&format!("/{}", t.ticket), None).await.data(200);
    let both = json!([vip, festival]);
    assert_eq!(keys(&vip).last_chunk::<2>().unwrap(), &["event", "category"]);
    for path in [format!("/event/{}", t.event), format!("/category/{}", t.category)] {
        assert_eq!(t.get(&path, None).await.data(200), both);
    }
    for (path, message) in [
        ("/event/999", "Event not found"),
        ("/category/999", "Category not found"),
    ] {
        let reply = t.get(path, None).await;
        assert_eq!(reply.error(404), "not_found");
        assert_eq!(reply.message(), message);
    }
    let empty = Rows(&t.db).category("Theatre").await;
    assert_eq!(
        t.get(&format!("/category/{empty}"), None).await.data(200),
        json!([])
    );
}

#[tokio::test]
async fn the_event_files_reach_their_routes() {
    let t = setup().await;
    for file in ["list_category_tickets", "list_event_tickets", "get_ticket"] {
        t.api
            .event(&format!("http/tickets/{file}.json"), None)
            .await
            .data(200);
    }
    let list = t
        .api
        .event("http/tickets/list_tickets.json", None)
        .await
        .data(200);
    assert_eq!(list["meta"]["total"], 0);
    let deleted = t
        .api
        .event("http/tickets/delete_ticket.json", Some(&t.organizer))
        .await;
    assert_eq!(deleted.data(200), Value::Null);
}

#[tokio::test]
async fn tickets_of_a_draft_are_seen_by_its_organizer_and_by_admins_only() {
    let t = setup().await;
    t.db.run("update events set status = 'draft'").await;
    let single = format!("/{}", t.ticket);
    let of_event = format!("/event/{}", t.event);
    let of_category = format!("/category/{}", t.category);
    let filtered = format!("?eventId={}", t.event);
    for token in [None, Some(&t.other), Some(&t.buyer), Some(&t.staff)] {
        let token = token.map(String::as_str);
        for path in [&single, &of_event, &filtered] {
            assert_eq!(t.get(path, token).await.error(404), "not_found");
        }
        assert_eq!(t.get(&of_category, token).await.data(200), json!([]));
        assert_eq!(names(&t, "", token).await, [""; 0]);
        assert_eq!(t.get("?page=9", token).await.data(200)["meta"]["total"], 0);
    }
    for token in [&t.organizer, &t.admin] {
        t.get(&single, Some(token)).await.data(200);
        for path in [&of_event, &of_category] {
            let list = t.get(path, Some(token)).await.data(200);
            assert_eq!(list.as_array().unwrap().len(), 1);
        }
        assert_eq!(names(&t, "", Some(token)).await, ["Festival"]);
        assert_eq!(t.get("?page=9", Some(token)).await.data(200)["meta"]["total"], 1);
    }
}

#[tokio::test]
async fn only_the_answer_to_a_stranger_may_be_kept() {
    let t = setup().await;
    for path in [
        String::new(),
        format!("/{}", t.ticket),
        format!("/event/{}", t.event),
        format!("/category/{}", t.category),
    ] {
        let anonymous = t.get(&path, None).await;
        assert_eq!(anonymous.headers["cache-control"], "public, max-age=5");
        let own = t.get(&path, Some(&t.organizer)).await;
        assert_eq!(own.headers["cache-control"], "no-store");
        assert_eq!(t.get(&path, Some("forged")).await.error(401), "unauthenticated");
    }
}
