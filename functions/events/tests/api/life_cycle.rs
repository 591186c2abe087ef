//! From draft to the end, and what each status allows.

use super::*;
use domain::EventId;

impl Setup {
    async fn step(&self, id: &Value, step: &str, token: &str) -> testkit::Reply {
        let path = format!("{EVENTS}/{id}/{step}");
        self.api.call("POST", &path, Some(token), None).await
    }

    /// Puts a ticket of an event into somebody's cart.
    async fn wanted(&self, id: &Value) {
        let rows = Rows(&self.db);
        let category = rows.category("Concert").await;
        let event = EventId::new(id.as_i64().unwrap());
        let ticket = rows
            .ticket_type(self.organizer_id, event, category, 50_000, 10)
            .await;
        self.db
            .run(&format!(
                "insert into cart_items (user_id, ticket_type_id, quantity, reserved_until, held_since, created_at, updated_at)
                 values ({}, {ticket}, 1, now(), now(), now(), now())",
                self.organizer_id
            ))
            .await;
    }
}

#[tokio::test]
async fn an_event_is_published_taken_back_and_cancelled() {
    let t = setup().await;
    let event = t.create("Java Jazz", "2030-03-01", "draft").await;
    let path = format!("{EVENTS}/{}", event["id"]);
    for (step, message, status, seen) in [
        ("publish", "Event published successfully", "published", 200),
        ("publish", "Event published successfully", "published", 200),
        ("unpublish", "Event unpublished successfully", "draft", 404),
        ("unpublish", "Event unpublished successfully", "draft", 404),
        ("publish", "Event published successfully", "published", 200),
        ("cancel", "Event cancelled successfully", "cancelled", 200),
        ("cancel", "Event cancelled successfully", "cancelled", 200),
    ] {
        let reply = t.step(&event["id"], step, &t.organizer).await;
        assert_eq!(reply.message(), message);
        assert_eq!(reply.data(200)["status"], status);
        let read = t.api.get(&path, None).await;
        assert_eq!(read.status, seen, "{step}");
    }
    for step in ["publish", "unpublish"] {
        assert_eq!(
            t.step(&event["id"], step, &t.organizer).await.error(409),
            "event_over"
        );
    }
    assert_eq!(
        t.db.count("select count(*) from audit_log where subject_kind = 'event'")
            .await,
        5,
        "making it and four steps; a repetition is none"
    );
}

#[tokio::test]
async fn what_is_refused_says_why_and_changes_nothing() {
    let t = setup().await;
    let draft = t.create("Secret", "2030-03-01", "draft").await;
    let refused = t.step(&draft["id"], "cancel", &t.organizer).await;
    assert_eq!(refused.error(409), "event_not_published");

    let wanted = t.create("Wanted", "2030-03-01", "published").await;
    t.wanted(&wanted["id"]).await;
    let refused = t.step(&wanted["id"], "unpublish", &t.organizer).await;
    assert_eq!(refused.error(409), "in_use");
    t.step(&wanted["id"], "cancel", &t.organizer).await.data(200);

    for id in [&draft["id"], &json!(999)] {
        for step in ["publish", "unpublish", "cancel"] {
            let foreign = t.step(id, step, &t.other).await;
            assert_eq!(foreign.error(404), "not_found");
            assert_eq!(foreign.message(), "Event not found");
            assert_eq!(t.step(id, step, &t.user).await.error(403), "forbidden");
        }
    }
    t.step(&draft["id"], "publish", &t.admin).await.data(200);

    let late = t.create("Late", "2030-03-02", "draft").await;
    t.clock.advance(365 * 86_400);
    let token = TestTokens::of(t.organizer_id, Role::Organizer, &t.clock);
    let refused = t.step(&late["id"], "publish", &token).await;
    assert_eq!(refused.error(400), "invalid_input");
    assert_eq!(
        t.db.text("select string_agg(status, ' ' order by id) from events")
            .await,
        "published cancelled draft"
    );
}

#[tokio::test]
async fn an_event_ends_with_its_time_and_stays_ended() {
    let t = setup().await;
    let body = json!({
        "name": "Long", "date": "2030-01-02T12:00:00Z", "endsAt": "2030-01-05T12:00:00Z", "location": "Jakarta",
    });
    let long = t.api.post(EVENTS, Some(&t.organizer), body).await.data(201);
    assert_eq!(
        (&long["startsAt"], &long["endsAt"], &long["date"]),
        (
            &json!("2030-01-02T12:00:00.000Z"),
            &json!("2030-01-05T12:00:00.000Z"),
            &json!("2030-01-02T12:00:00.000Z")
        )
    );
    let open = t
        .create("Without an end", "2030-01-02T12:00:00Z", "published")
        .await;
    let status = async |id: &Value| {
        let path = format!("{EVENTS}/{id}");
        t.api.get(&path, None).await.data(200)["status"].clone()
    };
    t.clock.advance(2 * 86_400 - 1);
    assert_eq!(
        (status(&long["id"]).await, status(&open["id"]).await),
        (json!("published"), json!("published"))
    );
    t.clock.advance(1);
    assert_eq!(status(&open["id"]).await, "ended", "it is taken to last a day");
    t.clock.advance(2 * 86_400);
    assert_eq!(status(&long["id"]).await, "ended");
    let list = t.api.get(EVENTS, None).await.data(200);
    assert_eq!(list["events"][0]["status"], "ended");
    assert_eq!(
        t.db.count("select count(*) from events where status = 'published'")
            .await,
        2,
        "that it ended is not stored"
    );

    let token = TestTokens::of(t.organizer_id, Role::Organizer, &t.clock);
    for step in ["publish", "unpublish", "cancel"] {
        assert_eq!(t.step(&long["id"], step, &token).await.error(409), "event_over");
    }
    for body in [
        json!({"status": "draft"}),
        json!({"status": "published"}),
        json!({"date": "2031-01-01"}),
        json!({"endsAt": "2031-01-01"}),
    ] {
        assert_eq!(t.patch(&long["id"], &token, body).await.error(409), "event_over");
    }
    let explained = t
        .patch(&long["id"], &token, json!({"description": "It was great."}))
        .await;
    assert_eq!(explained.data(200)["status"], "ended");
}

#[tokio::test]
async fn a_cancelled_event_keeps_its_status_and_its_time() {
    let t = setup().await;
    let event = t.create("Java Jazz", "2030-03-01", "published").await;
    t.step(&event["id"], "cancel", &t.organizer).await.data(200);
    for body in [
        json!({"status": "draft"}),
        json!({"status": "published"}),
        json!({"date": "2031-01-01"}),
    ] {
        assert_eq!(
            t.patch(&event["id"], &t.organizer, body).await.error(409),
            "event_over"
        );
    }
    let told = t
        .patch(
            &event["id"],
            &t.organizer,
            json!({"description": "The band is ill."}),
        )
        .await;
    assert_eq!(told.data(200)["status"], "cancelled");
}

#[tokio::test]
async fn the_end_moves_but_never_before_the_beginning() {
    let t = setup().await;
    let event = t.create("Java Jazz", "2030-03-01T12:00:00Z", "published").await;
    for (body, field) in [
        (json!({"endsAt": "2030-03-01T12:00:00Z"}), Some("endsAt")),
        (json!({"endsAt": "2030-03-01T20:00:00+07:00"}), None),
        (json!({"date": "2030-03-01T13:00:00Z"}), Some("endsAt")),
        (
            json!({"date": "2030-04-01T13:00:00Z", "endsAt": "2030-04-01T15:00:00Z"}),
            None,
        ),
    ] {
        let reply = t.patch(&event["id"], &t.organizer, body.clone()).await;
        match field {
            Some(field) => {
                assert_eq!(reply.error(400), "invalid_input", "{body}");
                assert_eq!(reply.json()["details"][0]["field"], field);
            }
            None => {
                reply.data(200);
            }
        }
    }
    let calendar = t
        .api
        .get(&format!("{EVENTS}/{}/calendar.ics", event["id"]), None)
        .await;
    let calendar = String::from_utf8(calendar.bytes).unwrap();
    assert!(
        calendar.contains("DTSTART:20300401T130000Z\r\nDTEND:20300401T150000Z\r\n"),
        "{calendar}"
    );
    for (body, expected) in [
        (json!({"name": "Jazz"}), json!("2030-04-01T15:00:00.000Z")),
        (json!({"endsAt": null}), json!(null)),
        (json!({"date": "2030-04-02T13:00:00Z"}), json!(null)),
    ] {
        let changed = t.patch(&event["id"], &t.organizer, body).await.data(200);
        assert_eq!(changed["endsAt"], expected);
    }
    let changes =
        "select changes ->> 'endsAt' from audit_log where changes ? 'endsAt' order by id desc limit 1";
    assert!(t.db.text(changes).await.contains("null"));
}

#[tokio::test]
async fn a_cancellation_is_worked_off_later_and_shows_how_far_that_is() {
    let t = setup().await;
    let rows = Rows(&t.db);
    let category = rows.category("Concert").await;
    let event = rows.event(t.organizer_id, "Jazz").await;
    for kind in 0..2 {
        let ticket = rows
            .ticket_type(t.organizer_id, event, category, 50_000, 10)
            .await;
        let buyer = rows.buyer(&format!("{kind}@example.test")).await;
        rows.bought(buyer, ticket, 2).await;
    }
    let path = format!("{EVENTS}/{event}/cancellation");
    t.step(&json!(event), "unpublish", &t.organizer).await.error(409);
    let before = t.api.get(&path, Some(&t.organizer)).await;
    assert_eq!(before.error(404), "not_found", "it was not called off");
    for _ in 0..2 {
        t.step(&json!(event), "cancel", &t.organizer).await.data(200);
        assert_eq!(t.db.count("select count(*) from event_cancellations").await, 1);
    }
    let file = "http/events/get_cancellation.json";
    let progress = t.api.event(file, Some(&t.organizer)).await.data(200);
    assert_eq!(
        (&progress["orders"], &progress["waiting"], &progress["finishedAt"]),
        (&json!(2), &json!(2), &json!(null)),
        "{progress}"
    );
    t.db.run(
        "insert into payments (order_id, user_id, amount, original_amount, payment_date, created_at, updated_at)
             select id, user_id, total, total, now(), now(), now() from orders;
         insert into refunds (payment_id, key, amount, reason, cause, event_id, status, created_at, updated_at, finished_at,
                              next_try_at)
             select id, 'k' || id, 100000, 'x', 'event_cancelled', 1,
                    case when id = 1 then 'succeeded' else 'requested' end, now(), now(),
                    case when id = 1 then now() end, case when id = 2 then now() end from payments;
         update issued_tickets set status = 'void'; update event_cancellations set finished_at = now()",
    )
    .await;
    let progress = t.api.get(&path, Some(&t.admin)).await.data(200);
    let one = json!({"orders": 1, "amount": 100_000});
    assert_eq!(
        (&progress["orders"], &progress["refunded"], &progress["pending"]),
        (&json!(2), &one, &one),
        "{progress}"
    );
    assert!(progress["finishedAt"].is_string(), "{progress}");
}

#[tokio::test]
async fn an_organizer_says_whether_tickets_may_be_passed_on() {
    let t = setup().await;
    let event = t.create("Java Jazz", "2030-03-01", "published").await;
    let path = format!("{EVENTS}/{}/transfer-policy", event["id"]);
    let read = async || t.api.get(&path, None).await.data(200);
    let all = json!({"transfersAllowed": true, "renamesAllowed": true, "hoursBefore": 0});
    assert_eq!(read().await, all, "they may unless the organizer says otherwise");
    let file = "http/events/set_transfer_policy.json";
    let set = t.api.event(file, Some(&t.organizer)).await.data(200);
    assert_eq!(
        set,
        json!({"transfersAllowed": false, "renamesAllowed": true, "hoursBefore": 24})
    );
    assert_eq!(read().await, set);
    for bad in [
        json!({"transfersAllowed": true}),
        json!({"transfersAllowed": "yes", "renamesAllowed": true}),
        json!({"transfersAllowed": true, "renamesAllowed": true, "hoursBefore": -1}),
        json!({"transfersAllowed": true, "renamesAllowed": true, "hoursBefore": 8_761}),
    ] {
        let refused = t.api.call("PUT", &path, Some(&t.organizer), Some(bad)).await;
        assert_eq!(refused.error(400), "invalid_input");
    }
    let usual = json!({"transfersAllowed": true, "renamesAllowed": true, "hoursBefore": null});
    let back = t.api.call("PUT", &path, Some(&t.organizer), Some(usual)).await;
    assert_eq!(back.data(200), all);
    t.api
        .event("http/events/get_transfer_policy.json", None)
        .await
        .data(200);
    let audit =
        t.db.text("select changes::text from audit_log order by id desc limit 1");
    assert_eq!(
        audit.await,
        "{\"transferHours\": {\"to\": 0, \"from\": 24}, \"transfersAllowed\": {\"to\": true, \"from\": false}}"
    );
}

#[tokio::test]
async fn an_organizer_says_until_when_buyers_may_give_tickets_back() {
    let t = setup().await;
    let event = t.create("Java Jazz", "2030-03-01", "published").await;
    let path = format!("{EVENTS}/{}/refund-policy", event["id"]);
    let read = async || t.api.get(&path, None).await.data(200)["refundHours"].clone();
    assert_eq!(
        read().await,
        json!(null),
        "they may not unless the organizer says so"
    );
    let file = "http/events/set_refund_policy.json";
    let set = t.api.event(file, Some(&t.organizer)).await;
    assert_eq!(set.data(200), json!({"refundHours": 48}));
    assert_eq!(read().await, json!(48));
    for bad in [json!(-1), json!(1.5), json!(8_761), json!("two"), json!(1e18)] {
        let body = json!({"refundHours": bad});
        let refused = t.api.call("PUT", &path, Some(&t.organizer), Some(body)).await;
        assert_eq!(refused.error(400), "invalid_input", "{bad}");
    }
    let none = t
        .api
        .call(
            "PUT",
            &path,
            Some(&t.organizer),
            Some(json!({"refundHours": null})),
        )
        .await;
    assert_eq!(none.data(200), json!({"refundHours": null}));
    assert_eq!(read().await, json!(null));
    t.api
        .event("http/events/get_refund_policy.json", None)
        .await
        .data(200);
}
