//! Letting somebody in by mistake is undone.

use super::*;

#[tokio::test]
async fn a_ticket_lets_somebody_in_again_after_an_undo() {
    let t = setup().await;
    let code = &t.bought(t.festival, 1).await[0];
    let first = t.scan(code, "phone", "scan-0001").await;
    let path = format!("/{}/undo", first["checkInId"]);
    let why = json!({"reason": "Wrong queue"});
    for stranger in [&t.other, &TestTokens::of(UserId::new(999), Role::Staff, &t.clock)] {
        let reply = t.post(&path, stranger, why.clone()).await;
        assert!([401, 404].contains(&reply.status.as_u16()), "{reply:?}");
    }
    assert_eq!(
        t.post(&path, &t.staff, json!({"reason": " "})).await.error(400),
        "invalid_input"
    );
    let undone = t.post(&path, &t.staff, why.clone()).await.data(200);
    assert_eq!(
        undone,
        json!({"checkInId": first["checkInId"], "ticketCode": code, "at": t.clock.now()})
    );
    assert_eq!(t.status(code).await, "valid");
    assert_eq!(
        t.post(&path, &t.staff, why.clone()).await.error(409),
        "not_admitted"
    );
    // The clock of the next scanner is behind.
    t.clock.advance(-2);
    let again = t.scan(code, "other phone", "scan-0001").await;
    assert_eq!(again["admitted"], true);
    assert_eq!(t.status(code).await, "used");
    assert_eq!(refusal(&t.scan(code, "phone", "scan-0003").await), "already_used");
    // The scan that was undone answers as it did, and is not the one that counts.
    assert_eq!(t.scan(code, "phone", "scan-0001").await, first);
    assert_eq!(t.post(&path, &t.staff, why).await.error(409), "not_admitted");
    let log = "select concat_ws(' ', action, changes -> 'reason' ->> 'to') from audit_log";
    assert_eq!(t.db.text(log).await, "undo_check_in Wrong queue");
}

#[tokio::test]
async fn a_refused_scan_and_a_void_ticket_are_not_undone() {
    let t = setup().await;
    let code = &t.bought(t.festival, 1).await[0];
    let first = t.scan(code, "phone", "scan-0001").await;
    let second = t.scan(code, "phone", "scan-0002").await;
    let why = json!({"reason": "x"});
    let path = format!("/{}/undo", second["checkInId"]);
    assert_eq!(
        t.post(&path, &t.staff, why.clone()).await.error(409),
        "not_admitted"
    );
    t.db.run("update issued_tickets set status = 'void', voided_at = now()")
        .await;
    let path = format!("/{}/undo", first["checkInId"]);
    assert_eq!(
        t.post(&path, &t.staff, why.clone()).await.error(409),
        "not_admitted"
    );
    assert_eq!(t.status(code).await, "void");
    assert_eq!(t.post("/999/undo", &t.staff, why).await.error(404), "not_found");
}

#[tokio::test]
async fn an_undo_that_is_sent_again_gets_the_same_answer() {
    let t = setup().await;
    let code = &t.bought(t.festival, 1).await[0];
    let first = t.scan(code, "phone", "scan-0001").await;
    let path = format!("{CHECK_INS}/{}/undo", first["checkInId"]);
    let body = json!({"reason": "x"});
    let send = async || {
        let request = http_request(&path, &t.staff, &body);
        t.api.send(request).await.data(200)
    };
    let answer = send().await;
    t.clock.advance(10);
    assert_eq!(send().await, answer);
    assert_eq!(t.db.count("select count(*) from check_in_undos").await, 1);
}

fn http_request(path: &str, token: &str, body: &Value) -> http::Request<axum::body::Body> {
    http::Request::post(path)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .header("idempotency-key", "undo-1")
        .body(body.to_string().into())
        .unwrap()
}
