//! Who is in, and what was scanned.

use super::*;

#[tokio::test]
async fn attendance_is_counted_by_kind_and_gate() {
    let t = setup().await;
    let (festival, vip) = (t.bought(t.festival, 3).await, t.bought(t.vip, 2).await);
    let north = t.gate("North", None).await;
    let south = t.gate("South", None).await;
    let path = format!("/event/{}/attendance", t.event);
    let empty = t.get(&path, &t.staff).await;
    let tag = empty.headers["etag"].clone();
    assert_eq!(
        empty.data(200),
        json!({
            "eventId": t.event, "tickets": 5, "admitted": 0,
            "ticketTypes": [
                {"ticketId": t.festival, "ticketName": "Festival", "tickets": 3, "admitted": 0},
                {"ticketId": t.vip, "ticketName": "Festival", "tickets": 2, "admitted": 0},
            ],
            "gates": [
                {"gateId": north, "gateName": "North", "admitted": 0},
                {"gateId": south, "gateName": "South", "admitted": 0},
            ],
        })
    );
    assert_eq!(
        t.get(&path, &t.staff).await.headers["etag"],
        tag,
        "nobody went in since"
    );
    for (code, gate, scan) in [
        (&festival[0], Some(north), "scan-0001"),
        (&festival[1], None, "scan-0002"),
        (&vip[0], Some(north), "scan-0003"),
        (&vip[0], Some(south), "scan-0004"),
    ] {
        let mut body = t.scan_of(code, "phone", scan);
        body["gateId"] = json!(gate);
        t.post("", &t.staff, body).await.data(200);
    }
    t.db.run(&format!(
        "update issued_tickets set status = 'void', voided_at = now() where code = '{}'",
        festival[2]
    ))
    .await;
    let counted = t.get(&path, &t.organizer).await;
    assert_ne!(counted.headers["etag"], tag);
    let counted = counted.data(200);
    let numbers = |list: &str| {
        let rows = counted[list].as_array().unwrap();
        rows.iter()
            .map(|row| row["admitted"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (&counted["tickets"], &counted["admitted"]),
        (&json!(4), &json!(3))
    );
    assert_eq!(
        (numbers("ticketTypes"), numbers("gates")),
        (vec![2, 1], vec![2, 0])
    );
    assert_eq!(t.get(&path, &t.other).await.error(404), "not_found");
    assert_eq!(t.get(&path, &t.buyer).await.error(403), "forbidden");
}

#[tokio::test]
async fn the_organizer_reads_every_scan() {
    let t = setup().await;
    let codes = t.bought(t.festival, 1).await;
    let north = t.gate("North", None).await;
    let mut body = t.scan_of(&codes[0], "phone-1", "scan-0001");
    body["gateId"] = json!(north);
    t.post("", &t.staff, body).await.data(200);
    t.scan(&codes[0], "phone-2", "scan-0001").await;
    let path = format!("/event/{}", t.event);
    let log = t.get(&path, &t.organizer).await.data(200);
    let scans = log["checkIns"].as_array().unwrap();
    assert_eq!(scans.len(), 2);
    assert_eq!(
        scans[1],
        json!({
            "id": 1, "at": t.clock.now(), "receivedAt": t.clock.now(), "offline": false,
            "gate": {"id": north, "name": "North"}, "device": "phone-1", "scannedBy": t.staff_id,
            "ticketCode": codes[0], "ticketName": "Festival", "admitted": true,
        })
    );
    assert_eq!(
        (&scans[0]["reason"], &scans[0]["first"]["checkInId"]),
        (&json!("already_used"), &json!(1))
    );
    for (query, ids) in [
        ("?outcome=admitted", vec![1]),
        ("?outcome=refused", vec![2]),
        (&format!("?gateId={north}"), vec![1]),
        ("?cursor=2", vec![1]),
    ] {
        let part = t.get(&format!("{path}{query}"), &t.organizer).await.data(200);
        let found = part["checkIns"].as_array().unwrap().iter();
        let found: Vec<_> = found.map(|scan| scan["id"].as_i64().unwrap()).collect();
        assert_eq!(found, ids, "{query}");
    }
    assert_eq!(t.get(&path, &t.staff).await.error(403), "forbidden");
    assert_eq!(t.get(&path, &t.other).await.error(404), "not_found");
    let bad = t.get(&format!("{path}?outcome=maybe"), &t.organizer).await;
    assert_eq!(bad.error(400), "invalid_input");
}
