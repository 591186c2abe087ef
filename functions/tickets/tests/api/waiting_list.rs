//! How organizers run a waiting list, and what they see of it.

use crate::{TICKETS, setup};
use serde_json::json;
use testkit::Rows;

#[tokio::test]
async fn an_organizer_switches_it_on_and_off_for_their_own_tickets() {
    let t = setup().await;
    let path = format!("{TICKETS}/{}/waiting-list", t.ticket);
    let set = async |token: &str, body| t.api.call("PUT", &path, Some(token), Some(body)).await;
    let get = async |token: &str| t.api.get(&path, Some(token)).await;
    let line = get(&t.organizer).await.data(200);
    assert_eq!(
        (&line["mode"], &line["claimMinutes"]),
        (&json!("off"), &json!(30))
    );
    for token in [&t.other, &t.buyer, &t.staff] {
        let refused = set(token, json!({"mode": "in_order"})).await;
        let expected = if token == &t.other { 404 } else { 403 };
        assert_eq!(refused.status, expected);
        assert_eq!(get(token).await.status, expected);
    }
    let on = set(&t.organizer, json!({"mode": "who_fits", "claimMinutes": 45})).await;
    assert_eq!(on.message(), "Waiting list updated successfully");
    assert_eq!(on.data(200), json!({"mode": "who_fits", "claimMinutes": 45}));
    let kept = t
        .api
        .event("http/tickets/set_waiting_list.json", Some(&t.admin))
        .await;
    assert_eq!(kept.data(200), json!({"mode": "in_order", "claimMinutes": 30}));
    assert_eq!(
        set(&t.organizer, json!({"mode": "in_order"})).await.data(200)["claimMinutes"],
        30
    );
    let rows =
        "select string_agg(changes::text, ' ' order by id) from audit_log where action = 'set_waiting_list'";
    let changes = t.db.text(rows).await;
    assert!(
        changes.contains(r#""claimMinutes": {"to": 45, "from": 30}"#),
        "{changes}"
    );
    assert_eq!(
        t.db.count("select count(*) from audit_log where action = 'set_waiting_list'")
            .await,
        2
    );
    set(&t.organizer, json!({"mode": "off"})).await.data(200);
    for body in [
        json!({}),
        json!({"mode": "random"}),
        json!({"mode": "in_order", "claimMinutes": 4}),
        json!({"mode": "in_order", "claimMinutes": 1_441}),
    ] {
        assert_eq!(set(&t.organizer, body).await.error(400), "invalid_input");
    }
}

#[tokio::test]
async fn an_organizer_sees_the_line_and_closes_it() {
    let t = setup().await;
    let ticket = t.ticket;
    t.db.run(&format!(
        "update ticket_types set waiting_list = 'in_order' where id = {ticket}"
    ))
    .await;
    for (name, quantity, status, offered) in [
        ("a", 2, "lapsed", "now()"),
        ("b", 3, "offered", "'2030-01-01 12:30Z'"),
        ("c", 1, "waiting", "null"),
        ("d", 4, "waiting", "null"),
    ] {
        let user = Rows(&t.db).buyer(&format!("{name}@example.test")).await;
        let ended = if status == "lapsed" { "now()" } else { "null" };
        t.db.run(&format!(
            "insert into waiting_entries (ticket_type_id, user_id, quantity, status, joined_at, offered_at, offered_until, ended_at)
             values ({ticket}, {user}, {quantity}, '{status}', '2030-01-01 12:00Z', {offered}, {offered}, {ended})"
        ))
        .await;
    }
    let line = t
        .api
        .event("http/tickets/get_waiting_list.json", Some(&t.organizer))
        .await
        .data(200);
    assert_eq!(line["waiting"], json!({"people": 2, "tickets": 5}));
    assert_eq!(line["offered"], json!({"people": 1, "tickets": 3}));
    assert_eq!(line["lapsed"], json!({"people": 1, "tickets": 2}));
    assert_eq!(line["closed"], json!({"people": 0, "tickets": 0}));
    let people: Vec<_> = line["line"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["name"], &one["status"]))
        .collect();
    let expected = [("b", "offered"), ("c", "waiting"), ("d", "waiting")]
        .map(|(name, status)| (json!(name), json!(status)));
    assert_eq!(people, expected.each_ref().map(|(name, status)| (name, status)));
    assert_eq!(line["line"][0]["offeredUntil"], "2030-01-01T12:30:00.000Z");
    assert_eq!(line["nextCursor"], json!(null));
    let ticket = t.get(&format!("/{ticket}"), None).await.data(200);
    assert_eq!(ticket["quantity"], 0, "what is free is for the line");
    let path = format!("{TICKETS}/{}/waiting-list", t.ticket);
    t.api
        .call("PUT", &path, Some(&t.organizer), Some(json!({"mode": "off"})))
        .await
        .data(200);
    let line = t.api.get(&path, Some(&t.organizer)).await.data(200);
    assert_eq!(
        (&line["closed"]["people"], &line["offered"]["people"]),
        (&json!(2), &json!(1))
    );
    let ticket = t.get(&format!("/{}", t.ticket), None).await.data(200);
    assert_eq!(ticket["quantity"], 40);
}
