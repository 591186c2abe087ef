use crate::{ME, setup};
use serde_json::json;
use testkit::Rows;

#[tokio::test]
async fn people_get_what_is_stored_about_them_and_no_secrets() {
    let t = setup().await;
    let rows = Rows(&t.db);
    let ticket = rows.on_sale(50_000, 100).await;
    let (order, codes) = rows.bought(t.id, ticket, 2).await;
    let other = rows.buyer("budi@example.test").await;
    let (others_order, _) = rows.bought(other, ticket, 1).await;
    t.api
        .call(
            "PATCH",
            "/api/v1/users/me/preferences",
            Some(&t.token),
            Some(json!({"language": "en"})),
        )
        .await
        .data(200);
    let reply = t.api.event("http/users/export_me.json", Some(&t.token)).await;
    assert_eq!(reply.headers["cache-control"], "no-store");
    let data = reply.data(200);
    assert_eq!(data["exportedAt"], "2030-01-01T12:00:00.000Z");
    let stored = &data["stored"];
    assert_eq!(stored["users"][0]["email"], "ayu@example.test");
    assert_eq!(stored["users"][0]["phoneNumber"], "081200000000");
    assert_eq!(stored["preferences"][0]["language"], "en");
    assert_eq!(stored["orders"][0]["code"], order);
    assert_eq!(stored["orderItems"][0]["quantity"], 2);
    assert_eq!(stored["issuedTickets"].as_array().unwrap().len(), 2);
    assert!(codes.contains(&stored["issuedTickets"][0]["code"].as_str().unwrap().to_owned()));
    let text = String::from_utf8_lossy(&reply.bytes).into_owned();
    for foreign in [&others_order, "budi", "admin@", "$argon2", "passwordHash", "oken"] {
        assert!(!text.contains(foreign), "{foreign} in {text}");
    }
    let none = t.api.get(&format!("{ME}/export"), None).await;
    assert_eq!(none.error(401), "unauthenticated");
    t.db.run("update users set deleted_at = now() where id = 1").await;
    let gone = t.api.get(&format!("{ME}/export"), Some(&t.token)).await;
    assert!([401, 404].contains(&gone.status.as_u16()));
}

#[tokio::test]
async fn what_is_much_comes_in_parts_and_nothing_twice() {
    let t = setup().await;
    t.db.run(&format!(
        "insert into audit_log (at, actor_id, actor_role, actor_via, action, subject_kind, subject_id, changes, request_id)
         select now(), {}, 'user', 'session', 'update_event', 'event', n, '{{}}', 'r' from generate_series(1, 1100) n",
        t.id
    ))
    .await;
    let (mut seen, mut parts, mut next) = (Vec::new(), 0, json!(1));
    while next != json!(null) {
        let path = format!("{ME}/export?part={next}");
        let data = t.api.get(&path, Some(&t.token)).await.data(200);
        let rows = data["stored"]["auditLog"].as_array().unwrap();
        seen.extend(rows.iter().map(|row| row["id"].as_i64().unwrap()));
        assert_eq!(
            data["stored"]["users"].as_array().unwrap().len(),
            usize::from(parts == 0)
        );
        (next, parts) = (data["nextPart"].clone(), parts + 1);
    }
    assert_eq!(parts, 3);
    assert_eq!(seen, (1..=1_100).collect::<Vec<i64>>());
    for bad in ["0", "-1", "x", "1.5", "100001", "99999999999999999999"] {
        let reply = t
            .api
            .get(&format!("{ME}/export?part={bad}"), Some(&t.token))
            .await;
        assert_eq!(reply.error(400), "invalid_input", "{bad}");
    }
}
