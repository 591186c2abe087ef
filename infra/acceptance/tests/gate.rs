//! Tickets at the gate: who is let in, who is not and why, and a device without a connection that tells later.

use acceptance::{Gate, Night, Refusal, read_qr, unique};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::HashSet;
use tokio::task::JoinSet;

#[tokio::test]
async fn of_fifty_scanners_one_lets_somebody_in_until_that_is_undone() {
    let night = Night::with_tickets("Gate", 2, "bca_va").await;
    // What the picture of the code carries.
    let code = night.tickets[0]["code"].as_str().unwrap();
    let picture = night.buyer.api.get(&format!("/tickets/mine/{code}/qr.png")).await;
    let token = read_qr(&picture.bytes);
    assert_eq!(token, night.token(0));

    let gate = night
        .organizer
        .api
        .post(&night.path("/gates"), &json!({"name": "North"}))
        .await
        .data(201);
    let mut scanners = JoinSet::new();
    for number in 0..50 {
        let (api, mark) = (night.staff.api.clone(), unique());
        let body = json!({
            "token": token, "eventId": night.event.id, "gateId": gate["id"], "device": format!("phone-{number}"),
            "scanId": format!("scan-{mark}"),
        });
        scanners.spawn(async move {
            let verdict = api.post("/check-ins", &body).await.data(200);
            (body, verdict)
        });
    }
    let verdicts = scanners.join_all().await;
    let admitted: Vec<_> = verdicts
        .iter()
        .filter(|(_, verdict)| verdict["admitted"] == true)
        .collect();
    assert_eq!(admitted.len(), 1, "{verdicts:#?}");
    let (winner, verdict) = admitted[0];
    for (_, refused) in verdicts
        .iter()
        .filter(|(_, verdict)| verdict["admitted"] == false)
    {
        assert_eq!(refused["reason"], "already_used");
        assert_eq!(
            (
                &refused["first"]["at"],
                &refused["first"]["gate"],
                &refused["first"]["device"]
            ),
            (&verdict["at"], &json!("North"), &winner["device"])
        );
    }
    // A scanner that lost its answer asks again.
    let again = night.staff.api.post("/check-ins", winner).await.data(200);
    assert_eq!(&again, verdict);

    let count = night.attendance().await;
    assert_eq!((&count["tickets"], &count["admitted"]), (&json!(2), &json!(1)));
    assert_eq!(count["gates"][0]["admitted"], 1);
    let report = format!("/reports/attendance?eventId={}", night.event.id);
    let report = night.organizer.api.get(&report).await.data(200);
    assert!(report.to_string().contains("\"used\":1"), "{report}");

    let undo = format!("/check-ins/{}/undo", verdict["checkInId"]);
    let why = json!({"reason": "Went out again"});
    night.staff.api.post(&undo, &why).await.data(200);
    assert_eq!(night.staff.api.post(&undo, &why).await.error(409), "not_admitted");
    assert_eq!(night.attendance().await["admitted"], 0);
    assert_eq!(night.scan(&token, "phone").await["admitted"], true);
    let log = night
        .organizer
        .api
        .get(&night.path("?outcome=admitted"))
        .await
        .data(200);
    assert_eq!(log["checkIns"].as_array().unwrap().len(), 2);
    assert!(log["checkIns"][1]["undoneAt"].is_string(), "{log}");
    let audit = format!("/events/{}/audit", night.event.id);
    let audit = night.organizer.api.get(&audit).await.data(200);
    assert_eq!(audit["entries"][0]["action"], "undo_check_in");
}

#[tokio::test]
async fn whoever_may_not_come_in_is_told_why() {
    let night = Night::with_tickets("Gate", 3, "bca_va").await;
    // Another event, at which the same staff checks.
    let other = night.organizer.event("Elsewhere").await;
    night.organizer.send_staff(&night.fleet, other.id).await;
    let body = json!({
        "token": night.token(0), "eventId": other.id, "device": "phone", "scanId": format!("scan-{}", unique()),
    });
    let verdict = night.staff.api.post("/check-ins", &body).await.data(200);
    assert_eq!(
        (&verdict["reason"], &verdict["ticket"]),
        (&json!("wrong_event"), &Value::Null)
    );
    // Nobody else than who was sent there.
    let stranger = json!({
        "token": night.token(0), "eventId": night.event.id, "device": "phone", "scanId": format!("scan-{}", unique()),
    });
    assert_eq!(
        night.buyer.api.post("/check-ins", &stranger).await.error(403),
        "forbidden"
    );

    let mut forged = night.token(0).into_bytes();
    let place = forged.len() - 10;
    forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    assert_eq!(night.scan(&forged, "phone").await["reason"], "forged");

    let sql = "select p.id from payments p join orders o on o.id = p.order_id where o.code = $1";
    let payment = night.db.number(sql, &[&night.order]).await;
    let code = night.tickets[1]["code"].as_str().unwrap();
    let id = night
        .db
        .number("select id from issued_tickets where code = $1", &[&code])
        .await;
    let refund = json!({"reason": "ill", "ticketIds": [id]});
    let refunds = format!("/payments/{payment}/refunds");
    night.organizer.api.post(&refunds, &refund).await.data(201);
    assert_eq!(night.scan(&night.token(1), "phone").await["reason"], "refunded");

    let doors = async |minutes: i64| {
        let wish = json!({"minutesBefore": minutes});
        night
            .organizer
            .api
            .put(&night.path("/doors"), &wish)
            .await
            .data(200)
    };
    doors(10).await;
    assert_eq!(
        night.scan(&night.token(2), "phone").await["reason"],
        "not_yet_valid"
    );
    doors(180).await;
    assert_eq!(night.scan(&night.token(2), "phone").await["admitted"], true);
    // What was used, buyers do not give back.
    let code = night.tickets[2]["code"].as_str().unwrap();
    let ticket = night
        .buyer
        .api
        .get(&format!("/tickets/mine/{code}"))
        .await
        .data(200);
    assert_eq!(ticket["status"], "used");
}

#[tokio::test]
async fn a_device_without_a_connection_decides_alone_and_tells_later() {
    let night = Night::with_tickets("Gate", 4, "bca_va").await;
    let sql = "select p.id from payments p join orders o on o.id = p.order_id where o.code = $1";
    let payment = night.db.number(sql, &[&night.order]).await;
    let back = night.tickets[3]["code"].as_str().unwrap();
    let id = night
        .db
        .number("select id from issued_tickets where code = $1", &[&back])
        .await;
    let refund = json!({"reason": "ill", "ticketIds": [id]});
    let refunds = format!("/payments/{payment}/refunds");
    night.organizer.api.post(&refunds, &refund).await.data(201);

    // Takes along what it needs, and from here on checks with another implementation of everything.
    let manifest = night.staff.api.get(&night.path("/manifest")).await.data(200);
    let gate = Gate::with_keys(&manifest);
    let packed = STANDARD
        .decode(manifest["revoked"]["hashes"].as_str().unwrap())
        .unwrap();
    let revoked: HashSet<&[u8]> = packed.chunks_exact(8).collect();
    let is_revoked = |code: &str| {
        let hash = ring::digest::digest(&ring::digest::SHA256, code.as_bytes());
        revoked.contains(&hash.as_ref()[..8])
    };
    let mut told = Vec::new();
    let begun = jiff::Timestamp::now();
    for (ticket, seconds) in [(0, 30), (1, 20), (3, 10)] {
        let token = night.token(ticket);
        let scanned = gate.scan(&token).unwrap();
        assert_eq!(scanned.event, night.event.id);
        assert_eq!(is_revoked(&scanned.code), ticket == 3);
        if is_revoked(&scanned.code) {
            continue;
        }
        let at = begun - jiff::SignedDuration::from_secs(seconds);
        told.push(
            json!({"scanId": format!("off-{}", unique()), "token": token, "scannedAt": at.to_string()}),
        );
    }
    for place in [10, 40, 60, 100] {
        let mut bytes = night.token(0).into_bytes();
        bytes[place] ^= 1;
        let flipped = String::from_utf8(bytes).unwrap();
        let refusal = gate.scan(&flipped).unwrap_err();
        assert!([Refusal::Forged, Refusal::Malformed, Refusal::UnknownKey].contains(&refusal));
    }

    // Meanwhile somebody else came in with the first ticket at a gate with a connection.
    assert_eq!(night.scan(&night.token(0), "door").await["admitted"], true);
    let body = json!({"eventId": night.event.id, "device": "phone in the field", "scans": told});
    let answer = night.staff.api.post("/check-ins/batch", &body).await.data(200);
    let outcomes: Vec<_> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["admitted", "admitted"]);
    // A second device has let the same people in even earlier, and later.
    let earlier = begun - jiff::SignedDuration::from_secs(60);
    let second = json!({"eventId": night.event.id, "device": "another phone", "scans": [
        {"scanId": format!("off-{}", unique()), "token": night.token(0), "scannedAt": earlier.to_string()},
        {"scanId": format!("off-{}", unique()), "token": night.token(1), "scannedAt": begun.to_string()},
        {"scanId": format!("off-{}", unique()), "token": "GF1.x.y.z", "scannedAt": begun.to_string()},
    ]});
    for _ in 0..2 {
        let answer = night.staff.api.post("/check-ins/batch", &second).await.data(200);
        let results = &answer["results"];
        assert_eq!(
            [
                &results[0]["outcome"],
                &results[1]["outcome"],
                &results[2]["outcome"]
            ],
            ["admitted", "conflict", "rejected"]
        );
        assert_eq!(results[1]["first"]["device"], "phone in the field");
        assert_eq!(results[2]["reason"], "forged");
    }
    let conflicts = night.organizer.api.get(&night.path("/conflicts")).await.data(200);
    let mut seen: Vec<String> = conflicts["checkIns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|scan| {
            format!(
                "{} after {}",
                scan["device"].as_str().unwrap(),
                scan["first"]["device"].as_str().unwrap()
            )
        })
        .collect();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            "another phone after phone in the field",
            "door after another phone",
            "phone in the field after another phone"
        ]
    );
    let count = night.attendance().await;
    assert_eq!((&count["tickets"], &count["admitted"]), (&json!(3), &json!(2)));
}
