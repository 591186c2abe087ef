//! Who checks tickets at an event.

use super::*;

#[tokio::test]
async fn an_organizer_says_who_checks_tickets() {
    let t = setup().await;
    let event = t.create("Java Jazz", "2030-03-01", "published").await;
    let path = format!("{EVENTS}/{}/staff", event["id"]);
    let rows = Rows(&t.db);
    let staff = rows.user("staff@example.test", Role::Staff).await;
    let second = rows.user("second@example.test", Role::Staff).await;

    let file = "http/events/add_event_staff.json";
    let added = t.api.event(file, Some(&t.organizer)).await;
    assert_eq!(added.message(), "Staff added successfully");
    let expected = json!([{
        "userId": staff, "name": "staff", "email": "staff@example.test", "addedBy": t.organizer_id,
        "createdAt": "2030-01-01T12:00:00.000Z", "gateId": null,
    }]);
    assert_eq!(added.data(200), expected);
    t.clock.advance(60);
    for body in [json!({"email": "STAFF@example.test"}), json!({"userId": staff})] {
        let again = t.api.post(&path, Some(&t.organizer), body).await;
        assert_eq!(again.data(200), expected, "adding again changes nothing");
    }
    t.api
        .post(&path, Some(&t.admin), json!({"userId": second}))
        .await
        .data(200);
    let list = t.api.get(&path, Some(&t.organizer)).await.data(200);
    assert_eq!(
        (&list[0]["userId"], &list[1]["userId"]),
        (&json!(staff), &json!(second))
    );

    let one = format!("{path}/{staff}");
    let removed = t.api.call("DELETE", &one, Some(&t.organizer), None).await;
    assert_eq!(removed.message(), "Staff removed successfully");
    assert_eq!(removed.data(200), Value::Null);
    let again = t.api.call("DELETE", &one, Some(&t.organizer), None).await;
    assert_eq!(again.error(404), "not_found");
    let list = t.api.get(&path, Some(&t.organizer)).await.data(200);
    assert_eq!(list.as_array().unwrap().len(), 1);
    t.api
        .call(
            "DELETE",
            &format!("{EVENTS}/{}", event["id"]),
            Some(&t.organizer),
            None,
        )
        .await
        .data(200);
    assert_eq!(t.db.count("select count(*) from event_staff").await, 0);
}

#[tokio::test]
async fn nobody_learns_here_who_has_an_account() {
    let t = setup().await;
    let event = t.create("Java Jazz", "2030-03-01", "published").await;
    let path = format!("{EVENTS}/{}/staff", event["id"]);
    let mut answers = Vec::new();
    for email in ["buyer@example.test", "nobody@example.test"] {
        let reply = t
            .api
            .post(&path, Some(&t.organizer), json!({"email": email}))
            .await;
        assert_eq!(reply.error(404), "not_found");
        answers.push(reply.message());
    }
    assert_eq!(answers, ["User not found", "User not found"]);
    let gone = Rows(&t.db).user("gone@example.test", Role::Staff).await;
    t.db.run(&format!("update users set deleted_at = now() where id = {gone}"))
        .await;
    let reply = t
        .api
        .post(&path, Some(&t.organizer), json!({"userId": gone}))
        .await;
    assert_eq!(reply.error(404), "not_found");
    for body in [
        json!({}),
        json!({"userId": 1, "email": "staff@example.test"}),
        json!({"email": "nothing"}),
        json!({"userId": 0}),
    ] {
        let reply = t.api.post(&path, Some(&t.organizer), body).await;
        assert_eq!(reply.error(400), "invalid_input");
    }
    assert_eq!(t.db.count("select count(*) from event_staff").await, 0);
}

#[tokio::test]
async fn staff_of_others_events_is_not_there() {
    let t = setup().await;
    let event = t.create("Java Jazz", "2030-03-01", "published").await;
    let staff = Rows(&t.db).user("staff@example.test", Role::Staff).await;
    let mine = format!("{EVENTS}/{}/staff", event["id"]);
    t.api
        .post(&mine, Some(&t.organizer), json!({"userId": staff}))
        .await
        .data(200);
    for path in [mine.clone(), format!("{EVENTS}/999/staff")] {
        for (method, path, body) in [
            ("GET", path.clone(), None),
            ("POST", path.clone(), Some(json!({"userId": staff}))),
            ("DELETE", format!("{path}/{staff}"), None),
        ] {
            let reply = t.api.call(method, &path, Some(&t.other), body).await;
            assert_eq!(reply.error(404), "not_found", "{method} {path}");
            assert_eq!(reply.message(), "Event not found", "{method} {path}");
        }
    }
    let token = TestTokens::of(staff, Role::Staff, &t.clock);
    assert_eq!(t.api.get(&mine, Some(&token)).await.error(403), "forbidden");
    assert_eq!(t.db.count("select count(*) from event_staff").await, 1);
}

#[tokio::test]
async fn an_event_has_a_limited_number_of_staff() {
    let t = setup().await;
    let event = t.create("Java Jazz", "2030-03-01", "published").await;
    let staff = Rows(&t.db).user("staff@example.test", Role::Staff).await;
    t.db.run(&format!(
        "with people as (
             insert into users (email, password_hash, name, age, phone_number, role, created_at, updated_at)
             select 's' || n || '@example.test', 'none', 'S', 30, '0812', 'staff', now(), now() from generate_series(1, 200) n
             returning id
         )
         insert into event_staff (event_id, user_id, added_by, created_at) select {}, id, id, now() from people",
        event["id"]
    ))
    .await;
    let path = format!("{EVENTS}/{}/staff", event["id"]);
    let reply = t
        .api
        .post(&path, Some(&t.organizer), json!({"userId": staff}))
        .await;
    assert_eq!(reply.error(409), "too_many_staff");
    assert_eq!(t.db.count("select count(*) from event_staff").await, 200);
}
