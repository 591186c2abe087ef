//! One scan of a ticket lets somebody in.

use super::*;
use futures_util::future::join_all;

#[tokio::test]
async fn one_scan_wins_and_the_next_is_told_when_and_where() {
    let t = setup().await;
    let code = &t.bought(t.festival, 1).await[0];
    let gate = t.gate("North", None).await;
    let mut body = t.scan_of(code, "phone-1", "scan-0001");
    body["gateId"] = json!(gate);
    let first = t.post("", &t.staff, body).await.data(200);
    assert_eq!(
        first,
        json!({
            "admitted": true, "checkInId": 1, "at": t.clock.now(), "gate": {"id": gate, "name": "North"},
            "ticket": {"code": code, "ticketId": t.festival, "ticketName": "Festival", "holderName": "buyer", "seat": null},
        })
    );
    let at = t.clock.now();
    t.clock.advance(60);
    let second = t.scan(code, "phone-2", "scan-0002").await;
    assert_eq!(refusal(&second), "already_used");
    assert_eq!(
        second["first"],
        json!({"checkInId": 1, "at": at, "gate": "North", "device": "phone-1"})
    );
    assert_eq!(second["gate"], Value::Null);
    let stored = "select concat_ws(' ', status, used_scan, used_gate_id, used_at = '2030-01-31 11:00:00Z') from issued_tickets";
    assert_eq!(t.db.text(stored).await, format!("used 1 {gate} t"));
}

#[tokio::test]
async fn whoever_scans_a_ticket_sees_where_its_holder_sits() {
    let t = setup().await;
    let code = &t.bought(t.festival, 1).await[0];
    let row = json!([{"label": "A", "seats": [{"from": 11, "to": 14}]}]);
    Rows(&t.db).seats(t.vip, row, false).await;
    let sits = "update issued_tickets set ticket_type_id";
    t.db.run(&format!("{sits} = {}, seat = 2 where code = '{code}'", t.vip))
        .await;
    let body = json!({
        "token": token_of(code, t.event, t.vip), "eventId": t.event, "device": "phone-1", "scanId": "scan-0001",
    });
    let verdict = t.post("", &t.staff, body).await.data(200);
    assert_eq!(verdict["admitted"], true, "{verdict}");
    assert_eq!(
        verdict["ticket"]["seat"],
        json!({"id": null, "section": "Floor", "row": "A", "seat": "12"})
    );
}

#[tokio::test]
async fn of_fifty_scanners_at_once_one_lets_somebody_in() {
    let t = setup().await;
    let code = &t.bought(t.festival, 1).await[0];
    let scanners: Vec<Api> = (0..50).map(|_| environment(&t.db, &t.clock)).collect();
    let scans = scanners.iter().enumerate().map(async |(number, api)| {
        let body = t.scan_of(code, &format!("phone-{number}"), "scan-0001");
        api.post(CHECK_INS, Some(&t.staff), body).await.data(200)
    });
    let verdicts = join_all(scans).await;
    let admitted: Vec<&Value> = verdicts
        .iter()
        .filter(|verdict| verdict["admitted"] == true)
        .collect();
    assert_eq!(admitted.len(), 1, "{verdicts:#?}");
    for refused in verdicts.iter().filter(|verdict| verdict["admitted"] == false) {
        assert_eq!(refused["reason"], "already_used");
        assert_eq!(refused["first"]["checkInId"], admitted[0]["checkInId"]);
    }
    let log = "select concat_ws(' ', count(*), count(*) filter (where let_in)) from check_ins";
    assert_eq!(t.db.text(log).await, "50 1");
}

#[tokio::test]
async fn a_scan_that_is_sent_again_gets_the_same_answer() {
    let t = setup().await;
    let codes = t.bought(t.festival, 2).await;
    let first = t.scan(&codes[0], "phone-1", "scan-0001").await;
    t.clock.advance(5);
    let refused = t.scan(&codes[0], "phone-2", "scan-0001").await;
    t.clock.advance(5);
    assert_eq!(t.scan(&codes[0], "phone-1", "scan-0001").await, first);
    assert_eq!(t.scan(&codes[0], "phone-2", "scan-0001").await, refused);
    assert_eq!(t.db.count("select count(*) from check_ins").await, 2);
    // Twins at the same moment, as a scanner makes them that does not wait for its answer.
    let scanners: Vec<Api> = (0..8).map(|_| environment(&t.db, &t.clock)).collect();
    let twins = scanners.iter().map(async |api| {
        let body = t.scan_of(&codes[1], "phone-3", "scan-0003");
        api.post(CHECK_INS, Some(&t.staff), body).await.data(200)
    });
    let answers = join_all(twins).await;
    assert!(
        answers.iter().all(|answer| answer == &answers[0]) && answers[0]["admitted"] == true,
        "{answers:#?}"
    );
    let other = t.scan_of(&codes[1], "phone-1", "scan-0001");
    assert_eq!(
        t.post("", &t.staff, other).await.error(400),
        "idempotency_mismatch"
    );
}

#[tokio::test]
async fn whoever_is_refused_is_told_why() {
    let t = setup().await;
    let codes = t.bought(t.festival, 4).await;
    let rows = Rows(&t.db);
    let mut number = 0;
    let mut scan = async |token: String| {
        number += 1;
        let scan = format!("scan-{number:04}");
        let body = json!({"token": token, "eventId": t.event, "device": "phone", "scanId": scan});
        t.post("", &t.staff, body).await.data(200)
    };
    // Not signed here: one bit of the signature, of the payload, of another key.
    let good = t.token(&codes[0]);
    let mut flipped = good.clone().into_bytes();
    let place = flipped.len() - 3;
    flipped[place] = if flipped[place] == b'A' { b'B' } else { b'A' };
    let others = SigningKeys::parse("now:AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=").unwrap();
    let claims = SigningKeys::parse(KEYS).unwrap().verify(&good).unwrap();
    for forged in [
        String::from_utf8(flipped).unwrap(),
        others.sign(&claims),
        codes[0].clone(),
        String::new(),
        "x".repeat(50_000),
    ] {
        let verdict = scan(forged).await;
        assert_eq!(refusal(&verdict), "forged");
        assert_eq!(
            (&verdict["checkInId"], &verdict["ticket"]),
            (&Value::Null, &Value::Null)
        );
    }
    assert_eq!(refusal(&scan(t.token(&"0".repeat(32))).await), "unknown");
    assert_eq!(t.db.count("select count(*) from check_ins").await, 0);

    // A ticket of another event, of which the gate learns nothing.
    let organizer = rows.user("second@example.test", Role::Organizer).await;
    let another = rows.event(organizer, "Another").await;
    let category = rows.category("Comedy").await;
    let kind = rows.ticket_type(organizer, another, category, 1_000, 5).await;
    let elsewhere = &t.bought(kind, 1).await[0];
    let verdict = scan(token_of(elsewhere, another, kind)).await;
    assert_eq!(refusal(&verdict), "wrong_event");
    assert_eq!(verdict["ticket"], Value::Null);
    assert_eq!(t.status(elsewhere).await, "valid");

    t.db.run(&format!(
        "update issued_tickets set status = 'void', voided_at = now() where code in ('{}', '{}');
         insert into payments (id, order_id, user_id, amount, original_amount, status, payment_date, created_at, updated_at)
         overriding system value select 5, min(id), min(user_id), 1, 1, 'success', now(), now(), now() from orders;
         insert into refunds (id, payment_id, key, amount, reason, cause, status, created_at, updated_at)
         overriding system value values (6, 5, 'key', 1, 'ill', 'request', 'manual', now(), now());
         insert into refund_tickets select 6, id from issued_tickets where code = '{}'",
        codes[1], codes[2], codes[1]
    ))
    .await;
    assert_eq!(refusal(&scan(t.token(&codes[1])).await), "refunded");
    assert_eq!(refusal(&scan(t.token(&codes[2])).await), "void");
    t.db.run("update events set date = date + interval '2 hours 1 second'")
        .await;
    assert_eq!(refusal(&scan(good.clone()).await), "not_yet_valid");
    t.db.run("update events set date = date - interval '2 days'")
        .await;
    assert_eq!(refusal(&scan(good.clone()).await), "over");
    t.db.run("update events set status = 'cancelled'").await;
    assert_eq!(refusal(&scan(good).await), "cancelled");
    let log = "select string_agg(reason, ' ' order by id) from check_ins";
    assert_eq!(
        t.db.text(log).await,
        "wrong_event refunded void not_yet_valid over cancelled"
    );
    assert_eq!(t.status(&codes[0]).await, "valid");
}

#[tokio::test]
async fn doors_open_when_the_organizer_says() {
    let t = setup().await;
    let code = &t.bought(t.festival, 1).await[0];
    let path = format!("{CHECK_INS}/event/{}/doors", t.event);
    let doors = async |minutes: Value| {
        let body = json!({"minutesBefore": minutes});
        t.api.call("PUT", &path, Some(&t.organizer), Some(body)).await
    };
    let late = doors(json!(30)).await.data(200);
    assert_eq!(
        late,
        json!({"minutesBefore": 30, "opensAt": "2030-01-31T11:30:00.000Z", "closesAt": "2030-02-01T12:00:00.000Z"})
    );
    assert_eq!(
        refusal(&t.scan(code, "phone", "scan-0001").await),
        "not_yet_valid"
    );
    assert_eq!(doors(Value::Null).await.data(200)["minutesBefore"], 180);
    assert_eq!(t.scan(code, "phone", "scan-0002").await["admitted"], true);
    for bad in [json!(-1), json!(525_601), json!("soon"), json!(1.5)] {
        assert_eq!(doors(bad).await.error(400), "invalid_input");
    }
}

#[tokio::test]
async fn only_those_who_check_tickets_there_may_scan() {
    let t = setup().await;
    let code = &t.bought(t.festival, 1).await[0];
    let body = t.scan_of(code, "phone", "scan-0001");
    assert_eq!(t.post("", &t.buyer, body.clone()).await.error(403), "forbidden");
    assert_eq!(t.post("", &t.other, body.clone()).await.error(404), "not_found");
    let helper = Rows(&t.db).user("helper@example.test", Role::Staff).await;
    let helper = TestTokens::of(helper, Role::Staff, &t.clock);
    assert_eq!(t.post("", &helper, body.clone()).await.error(404), "not_found");
    t.db.run("delete from event_staff").await;
    assert_eq!(t.post("", &t.staff, body.clone()).await.error(404), "not_found");
    assert_eq!(t.status(code).await, "valid");
    assert_eq!(t.post("", &t.admin, body).await.data(200)["admitted"], true);
    let again = t.scan_of(code, "phone", "scan-0002");
    assert_eq!(
        refusal(&t.post("", &t.organizer, again).await.data(200)),
        "already_used"
    );
    let file = t
        .api
        .event("http/check-ins/create_check_in.json", Some(&t.admin))
        .await;
    assert_eq!(refusal(&file.data(200)), "forged");
    for bad in [
        json!({}),
        json!({"token": "x", "eventId": t.event, "device": "", "scanId": "scan-0001"}),
        json!({"token": "x", "eventId": t.event, "device": "phone", "scanId": "short"}),
        json!({"token": 7, "eventId": t.event, "device": "phone", "scanId": "scan-0001"}),
        json!({"token": "x", "eventId": 0, "device": "phone", "scanId": "scan-0001"}),
    ] {
        assert_eq!(t.post("", &t.staff, bad).await.error(400), "invalid_input");
    }
}
