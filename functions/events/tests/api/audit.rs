//! Every change of an event leaves a trace, and its organizer reads it.

use super::*;
use domain::EventId;

#[tokio::test]
async fn every_change_leaves_one_row() {
    let t = setup().await;
    let rows = Rows(&t.db);
    let staff = rows.user("staff@example.test", Role::Staff).await;
    let category = rows.category("Concert").await;
    testkit::every_change_is_audited(&t.db, events::ROUTES, &[], async |route| {
        let event = rows.event(t.organizer_id, "Java Jazz").await;
        let at = |rest: &str| format!("{EVENTS}/{event}{rest}");
        let mut body = None;
        let path = match route.id {
            "create_event" => {
                body = Some(json!({"name": "New", "date": "2030-03-01", "location": "Jakarta"}));
                EVENTS.to_owned()
            }
            "update_event" => {
                body = Some(json!({"location": "Bandung"}));
                at("")
            }
            "publish_event" => {
                t.db.run(&format!("update events set status = 'draft' where id = {event}"))
                    .await;
                at("/publish")
            }
            "unpublish_event" => at("/unpublish"),
            "cancel_event" => at("/cancel"),
            "delete_event" => at(""),
            "add_event_staff" => {
                body = Some(json!({"userId": staff}));
                at("/staff")
            }
            "remove_event_staff" => {
                t.db.run(&format!(
                    "insert into event_staff (event_id, user_id, added_by, created_at) values ({event}, {staff}, {staff}, now())"
                ))
                .await;
                at(&format!("/staff/{staff}"))
            }
            "set_bank_transfer" => {
                body = Some(json!({
                    "enabled": true, "bank": "BCA", "accountNumber": "1234567890", "accountHolder": "Ayu", "hours": 24
                }));
                at("/bank-transfer")
            }
            "set_refund_policy" => {
                body = Some(json!({"refundHours": 24}));
                at("/refund-policy")
            }
            "set_seat_map" => {
                let ticket = rows.ticket_type(t.organizer_id, event, category, 50_000, 5).await;
                let rows = json!([{"label": "A", "seats": [{"from": 1, "to": 4}]}]);
                body = Some(json!({"sections": [{"name": "Floor", "ticketId": ticket, "rows": rows}]}));
                at("/seat-map")
            }
            "set_transfer_policy" => {
                body = Some(json!({"transfersAllowed": false, "renamesAllowed": true}));
                at("/transfer-policy")
            }
            "create_venue" => {
                body = Some(json!({"name": "Hall", "location": "Jakarta"}));
                format!("{EVENTS}/venues")
            }
            "update_venue" | "delete_venue" => {
                body = Some(json!({"name": "Great hall"}));
                let sql = format!(
                    "insert into venues (organizer_id, name, location, time_zone, seats, created_at, updated_at)
                     values ({}, 'Hall', 'Jakarta', 'Asia/Jakarta', 0, now(), now()) returning id::text",
                    t.organizer_id
                );
                format!("{EVENTS}/venues/{}", t.db.text(&sql).await)
            }
            other => panic!("{other} is new: say here how it is called"),
        };
        t.api.call(route.method, &path, Some(&t.organizer), body).await
    })
    .await;
}

#[tokio::test]
async fn a_row_says_what_is_different_who_did_it_and_from_where() {
    let t = setup().await;
    let event = t.create("Java Jazz", "2030-03-01T12:00:00Z", "published").await;
    t.clock.advance(60);
    let file = "http/events/update_event.json";
    t.api.event(file, Some(&t.admin)).await.data(200);
    for body in [
        json!({}),
        json!({"name": "Java Jazz"}),
        json!({"status": "published"}),
    ] {
        t.patch(&event["id"], &t.organizer, body).await.data(200);
    }
    let path = format!("{EVENTS}/{}/audit", event["id"]);
    let log = t.api.get(&path, Some(&t.admin)).await.data(200);
    let entries = log["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2, "what changes nothing is not written down");
    assert_eq!(
        entries[0],
        json!({
            "id": 2, "at": "2030-01-01T12:01:00.000Z", "actorId": 3, "actorRole": "admin", "actorVia": "session",
            "actorKeyId": null, "action": "update_event", "subjectKind": "event", "subjectId": event["id"], "eventId": event["id"],
            "changes": {"date": {"from": "2030-03-01T12:00:00.000Z", "to": "2030-03-02T12:00:00.000Z"}},
            "requestId": "JKJaXmPLvHcESHA=", "clientIp": "203.0.113.7", "userAgent": "curl/8.5.0",
        })
    );
    assert_eq!(
        (&entries[1]["action"], &entries[1]["changes"]["name"]),
        (&json!("create_event"), &json!({"to": "Java Jazz"}))
    );
    let own = t.api.get(&path, Some(&t.organizer)).await.data(200);
    assert_eq!(own["nextCursor"], Value::Null);
    assert_eq!(
        (&own["entries"][0]["clientIp"], &own["entries"][0]["userAgent"]),
        (&Value::Null, &Value::Null),
        "an organizer does not learn from where others act"
    );
    assert_eq!(
        (&own["entries"][0]["changes"], &own["entries"][0]["actorId"]),
        (&entries[0]["changes"], &json!(3))
    );
}

#[tokio::test]
async fn the_log_names_the_api_key_that_was_used() {
    let t = setup().await;
    let event = Rows(&t.db).event(t.organizer_id, "Java Jazz").await;
    let key = format!("gfk_{}", "0".repeat(64));
    t.db.run(&format!(
        "insert into api_keys (id, user_id, name, hint, key_hash, scopes, created_at)
         overriding system value
         values (74, {}, 'box office', 'gfk_', sha256('{key}'), array['events:write'], now())",
        t.organizer_id
    ))
    .await;
    let path = format!("{EVENTS}/{event}");
    let body = json!({"location": "Bandung"});
    t.api.call("PATCH", &path, Some(&key), Some(body)).await.data(200);
    let log = t
        .api
        .get(&format!("{path}/audit"), Some(&t.organizer))
        .await
        .data(200);
    let entry = &log["entries"][0];
    assert_eq!(
        (&entry["actorVia"], &entry["actorKeyId"], &entry["actorId"]),
        (&json!("api_key"), &json!(74), &json!(t.organizer_id))
    );
}

#[tokio::test]
async fn the_log_of_an_event_is_for_its_organizer() {
    let t = setup().await;
    let event = t.create("Java Jazz", "2030-03-01", "published").await;
    let other = Rows(&t.db).event(t.organizer_id, "Other").await;
    for (id, token, status) in [
        (event["id"].as_i64().unwrap(), &t.other, 404),
        (999, &t.organizer, 404),
        (event["id"].as_i64().unwrap(), &t.user, 403),
    ] {
        let reply = t.api.get(&format!("{EVENTS}/{id}/audit"), Some(token)).await;
        assert_eq!(reply.status, status);
    }
    let path = format!("{EVENTS}/{other}/audit");
    let log = t.api.get(&path, Some(&t.organizer)).await.data(200);
    assert_eq!(log, json!({"entries": [], "nextCursor": null}));
}

#[tokio::test]
async fn pages_go_on_where_the_page_before_ended() {
    let t = setup().await;
    let event = t.create("Java Jazz", "2030-03-01", "published").await;
    t.db.run(&format!(
        "insert into audit_log (at, actor_id, actor_role, actor_via, action, subject_kind, subject_id, event_id, changes, request_id)
         select now(), 1, 'organizer', 'session', 'update_event', 'event', {0}, {0}, '{{}}', 'r' from generate_series(1, 119)",
        event["id"]
    ))
    .await;
    let mut seen = Vec::new();
    let mut query = String::new();
    loop {
        let path = format!("{EVENTS}/{}/audit{query}", event["id"]);
        let page = t.api.get(&path, Some(&t.organizer)).await.data(200);
        let entries = page["entries"].as_array().unwrap();
        seen.extend(entries.iter().map(|entry| entry["id"].as_i64().unwrap()));
        if page["nextCursor"].is_null() {
            break;
        }
        query = format!("?cursor={}", page["nextCursor"]);
    }
    let all: Vec<i64> = (1..=120).rev().collect();
    assert_eq!(seen, all);
}

/// Events that are gone keep their trace.
#[tokio::test]
async fn deleting_an_event_does_not_delete_its_log() {
    let t = setup().await;
    let event = Rows(&t.db).event(t.organizer_id, "Java Jazz").await;
    let path = format!("{EVENTS}/{}", EventId::get(event));
    t.api
        .call("DELETE", &path, Some(&t.organizer), None)
        .await
        .data(200);
    assert_eq!(
        t.db.text("select concat_ws(' ', action, subject_id, changes) from audit_log")
            .await,
        format!("delete_event {event} {{\"name\": {{\"from\": \"Java Jazz\"}}}}")
    );
}
