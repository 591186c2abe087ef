//! Making, changing and deleting, and who may.

use super::*;

#[tokio::test]
async fn an_organizer_makes_reads_changes_and_deletes_an_event() {
    let t = setup().await;
    let made = t
        .api
        .event("http/events/create_event.json", Some(&t.organizer))
        .await;
    let event = made.data(201);
    assert_eq!(made.message(), "Event created successfully");
    let known = [
        "id",
        "name",
        "description",
        "date",
        "location",
        "imageUrl",
        "createdAt",
        "updatedAt",
    ];
    let newer = [
        "status",
        "timeZone",
        "organizerId",
        "city",
        "startsAt",
        "endsAt",
        "serviceFee",
        "taxRate",
    ];
    assert_eq!(keys(&event), [&known[..], &newer[..]].concat());
    assert_eq!(event["date"], "2030-03-01T12:00:00.000Z");
    assert_eq!(event["imageUrl"], Value::Null);
    assert_eq!(event["organizerId"], t.organizer_id.get());

    let path = format!("{EVENTS}/{}", event["id"]);
    let read = t.api.get(&path, None).await.data(200);
    assert_eq!(keys(&read), [&known[..], &["tickets"], &newer[..]].concat());
    assert_eq!(read["tickets"], json!([]));

    t.clock.advance(60);
    let changed = t
        .patch(&event["id"], &t.organizer, json!({"location": "Istora Senayan"}))
        .await;
    assert_eq!(changed.message(), "Event updated successfully");
    let changed = changed.data(200);
    assert_eq!(
        (&changed["location"], &changed["name"], &changed["updatedAt"]),
        (
            &json!("Istora Senayan"),
            &json!("Java Jazz"),
            &json!("2030-01-01T12:01:00.000Z")
        )
    );
    assert_eq!(keys(&changed), [&known[..], &newer[..]].concat());

    let deleted = t.api.call("DELETE", &path, Some(&t.organizer), None).await;
    assert_eq!(deleted.message(), "Event deleted successfully");
    assert_eq!(deleted.data(200), Value::Null);
    assert_eq!(t.api.get(&path, None).await.error(404), "not_found");
}

#[tokio::test]
async fn a_change_of_nothing_changes_nothing() {
    let t = setup().await;
    let event = t.create("Java Jazz", "2030-03-01", "published").await;
    t.clock.advance(60);
    for body in [json!({}), json!({"unknown": 1}), json!({"name": null})] {
        assert_eq!(t.patch(&event["id"], &t.organizer, body).await.data(200), event);
    }
    let nothing = t
        .api
        .call(
            "PATCH",
            &format!("{EVENTS}/{}", event["id"]),
            Some(&t.organizer),
            None,
        )
        .await;
    assert_eq!(nothing.data(200), event);
}

#[tokio::test]
async fn the_event_files_reach_their_routes() {
    let t = setup().await;
    let event = t.create("Java Jazz", "2030-03-01", "published").await;
    assert_eq!(event["id"], 1);
    let list = t.api.event("http/events/list_events.json", None).await.data(200);
    assert_eq!(
        list["meta"],
        json!({"page": 1, "limit": 5, "total": 1, "totalPages": 1, "nextCursor": null})
    );
    t.api.event("http/events/get_event.json", None).await.data(200);
    let changed = t
        .api
        .event("http/events/update_event.json", Some(&t.organizer))
        .await;
    assert_eq!(changed.data(200)["date"], "2030-03-02T12:00:00.000Z");
    t.api
        .event("http/events/delete_event.json", Some(&t.organizer))
        .await
        .data(200);
}

#[tokio::test]
async fn others_events_do_not_exist_for_an_organizer() {
    let t = setup().await;
    let event = t.create("Java Jazz", "2030-03-01", "published").await;
    let path = format!("{EVENTS}/{}", event["id"]);
    let changed = t.patch(&event["id"], &t.other, json!({"name": "Mine"})).await;
    assert_eq!(changed.error(404), "not_found");
    assert_eq!(changed.message(), "Event not found");
    let deleted = t.api.call("DELETE", &path, Some(&t.other), None).await;
    assert_eq!(deleted.error(404), "not_found");
    assert_eq!(t.db.text("select name from events").await, "Java Jazz");
    let renamed = t
        .patch(&event["id"], &t.admin, json!({"name": "Jazz Goes to Campus"}))
        .await
        .data(200);
    assert_eq!(
        (&renamed["name"], &renamed["organizerId"]),
        (&json!("Jazz Goes to Campus"), &event["organizerId"])
    );
    t.api.call("DELETE", &path, Some(&t.admin), None).await.data(200);
}

#[tokio::test]
async fn only_organizers_and_admins_write() {
    let t = setup().await;
    let staff = TestTokens::of(UserId::new(1), Role::Staff, &t.clock);
    for (method, path) in [
        ("POST", EVENTS.to_owned()),
        ("PATCH", format!("{EVENTS}/1")),
        ("DELETE", format!("{EVENTS}/1")),
    ] {
        let body = Some(json!({"name": "X"}));
        assert_eq!(
            t.api.call(method, &path, None, body.clone()).await.error(401),
            "unauthenticated"
        );
        for token in [&t.user, &staff] {
            assert_eq!(
                t.api
                    .call(method, &path, Some(token), body.clone())
                    .await
                    .error(403),
                "forbidden"
            );
        }
    }
    let gone = TestTokens::of(UserId::new(9_999), Role::Organizer, &t.clock);
    let body = json!({"name": "X", "date": "2030-03-01", "location": "Y"});
    assert_eq!(
        t.api.post(EVENTS, Some(&gone), body).await.error(401),
        "unauthenticated"
    );
    assert_eq!(t.db.count("select count(*) from events").await, 0);
}

#[tokio::test]
async fn an_event_that_somebody_bought_does_not_disappear() {
    let t = setup().await;
    let rows = Rows(&t.db);
    let category = rows.category("Concert").await;
    let event = rows.event(t.organizer_id, "Java Jazz").await;
    let ticket = rows
        .ticket_type(t.organizer_id, event, category, 50_000, 10)
        .await;
    t.db.run(&format!(
        "insert into cart_items (user_id, ticket_type_id, quantity, reserved_until, held_since, created_at, updated_at)
         values ({}, {ticket}, 1, now(), now(), now(), now())",
        t.organizer_id
    ))
    .await;
    let id = json!(event);
    let draft = json!({"status": "draft"});
    let hidden = t.patch(&id, &t.organizer, draft.clone()).await;
    assert_eq!(hidden.error(409), "in_use");
    t.db.run("delete from cart_items").await;
    t.patch(&id, &t.organizer, draft).await.data(200);
}

#[tokio::test]
async fn a_draft_of_the_past_is_not_published() {
    let t = setup().await;
    let event = t.create("Java Jazz", "2030-03-01", "draft").await;
    t.clock.advance(365 * 86_400);
    let token = TestTokens::of(t.organizer_id, Role::Organizer, &t.clock);
    let publish = json!({"status": "published"});
    assert_eq!(
        t.patch(&event["id"], &token, publish).await.error(400),
        "invalid_input"
    );
    let moved = json!({"status": "published", "date": "2032-03-01"});
    t.patch(&event["id"], &token, moved).await.data(200);
}

#[tokio::test]
async fn an_organizer_says_what_is_added_to_prices() {
    let t = setup().await;
    let plain = t.create("Java Jazz", "2030-03-01", "published").await;
    assert_eq!((&plain["serviceFee"], &plain["taxRate"]), (&json!(0), &json!(0)));
    let changed = t
        .patch(
            &plain["id"],
            &t.organizer,
            json!({"serviceFee": 2_500, "taxRate": 1_100}),
        )
        .await
        .data(200);
    assert_eq!(
        (&changed["serviceFee"], &changed["taxRate"]),
        (&json!(2_500), &json!(1_100))
    );
    let body = json!({
        "name": "Jazz", "date": "2030-03-01", "location": "Jakarta", "serviceFee": "5000", "taxRate": 1_000,
    });
    let made = t.api.post(EVENTS, Some(&t.organizer), body).await.data(201);
    assert_eq!(
        (&made["serviceFee"], &made["taxRate"]),
        (&json!(5_000), &json!(1_000))
    );
    let read = t
        .api
        .get(&format!("{EVENTS}/{}", made["id"]), None)
        .await
        .data(200);
    assert_eq!(
        (&read["serviceFee"], &read["taxRate"]),
        (&json!(5_000), &json!(1_000))
    );

    for bad in [
        json!({"serviceFee": -1}),
        json!({"serviceFee": 2_500.5}),
        json!({"serviceFee": 1_000_001}),
        json!({"taxRate": -1}),
        json!({"taxRate": 5_001}),
        json!({"taxRate": "11%"}),
        json!({"taxRate": 1e300}),
    ] {
        let refused = t.patch(&made["id"], &t.organizer, bad.clone()).await;
        assert_eq!(refused.error(400), "invalid_input", "{bad}");
    }
    let kept = t
        .api
        .get(&format!("{EVENTS}/{}", made["id"]), None)
        .await
        .data(200);
    assert_eq!(
        (&kept["serviceFee"], &kept["taxRate"]),
        (&json!(5_000), &json!(1_000))
    );
}
