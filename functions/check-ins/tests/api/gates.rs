//! Gates, whom they let in, and who was sent to which.

use super::*;

#[tokio::test]
async fn a_gate_lets_its_kinds_in_and_no_other() {
    let t = setup().await;
    let (festival, vip) = (t.bought(t.festival, 1).await, t.bought(t.vip, 1).await);
    let gate = t.gate("VIP", Some(&[t.vip])).await;
    let scan = async |code: &str, scan: &str| {
        let mut body = t.scan_of(code, "phone", scan);
        body["gateId"] = json!(gate);
        t.post("", &t.staff, body).await.data(200)
    };
    assert_eq!(refusal(&scan(&festival[0], "scan-0001").await), "wrong_gate");
    assert_eq!(scan(&vip[0], "scan-0002").await["admitted"], true);
    let path = format!("{CHECK_INS}/gates/{gate}");
    let body = json!({"ticketIds": null, "name": "All"});
    let changed = t
        .api
        .call("PATCH", &path, Some(&t.organizer), Some(body))
        .await
        .data(200);
    assert_eq!(
        (&changed["ticketIds"], &changed["name"]),
        (&Value::Null, &json!("All"))
    );
    assert_eq!(scan(&festival[0], "scan-0003").await["admitted"], true);
}

#[tokio::test]
async fn who_is_sent_to_one_gate_scans_nowhere_else() {
    let t = setup().await;
    let codes = t.bought(t.festival, 2).await;
    let (north, south) = (t.gate("North", None).await, t.gate("South", None).await);
    t.send(Some(north)).await.data(200);
    let at = |code: &str, gate: Option<i64>, scan: &str| {
        let mut body = t.scan_of(code, "phone", scan);
        body["gateId"] = json!(gate);
        body
    };
    let elsewhere = t
        .post("", &t.staff, at(&codes[0], Some(south), "scan-0001"))
        .await;
    assert_eq!(elsewhere.error(404), "not_found");
    // Without a gate it is theirs.
    let verdict = t
        .post("", &t.staff, at(&codes[0], None, "scan-0002"))
        .await
        .data(200);
    assert_eq!(verdict["gate"], json!({"id": north, "name": "North"}));
    // What was done at another gate is not theirs to undo.
    let south_scan = t
        .post("", &t.organizer, at(&codes[1], Some(south), "scan-0003"))
        .await
        .data(200);
    let undo = format!("/{}/undo", south_scan["checkInId"]);
    assert_eq!(
        t.post(&undo, &t.staff, json!({"reason": "x"})).await.error(404),
        "not_found"
    );
    let undo = format!("/{}/undo", verdict["checkInId"]);
    t.post(&undo, &t.staff, json!({"reason": "x"})).await.data(200);
    let manifest = t
        .get(&format!("/event/{}/manifest", t.event), &t.staff)
        .await
        .data(200);
    assert_eq!(manifest["gateId"], north);
    t.send(None).await.data(200);
    let anywhere = t
        .post("", &t.staff, at(&codes[0], Some(south), "scan-0004"))
        .await;
    assert_eq!(anywhere.data(200)["admitted"], true);
}

#[tokio::test]
async fn gates_are_made_once_and_deleted_while_nothing_happened_there() {
    let t = setup().await;
    let path = format!("/event/{}/gates", t.event);
    let north = t.gate("North", None).await;
    let taken = t.post(&path, &t.organizer, json!({"name": "NORTH"})).await;
    assert_eq!(taken.error(409), "name_taken");
    let south = t.gate("South", None).await;
    let rename = json!({"name": "north"});
    let renamed = t
        .api
        .call(
            "PATCH",
            &format!("{CHECK_INS}/gates/{south}"),
            Some(&t.organizer),
            Some(rename),
        )
        .await;
    assert_eq!(renamed.error(409), "name_taken");
    for (body, status, code) in [
        (json!({"name": ""}), 400, "invalid_input"),
        (json!({"name": "East", "ticketIds": []}), 400, "invalid_input"),
        (json!({"name": "East", "ticketIds": [999]}), 404, "not_found"),
        (json!({"name": "East", "ticketIds": "all"}), 400, "invalid_input"),
    ] {
        assert_eq!(
            t.post(&path, &t.organizer, body.clone()).await.error(status),
            code,
            "{body}"
        );
    }
    assert_eq!(
        t.post(&path, &t.staff, json!({"name": "East"})).await.error(403),
        "forbidden"
    );
    assert_eq!(
        t.post(&path, &t.other, json!({"name": "East"})).await.error(404),
        "not_found"
    );
    let listed = t.get(&path, &t.staff).await.data(200);
    let names: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|gate| gate["name"].clone())
        .collect();
    assert_eq!(names, ["North", "South"]);

    let delete = async |gate: i64, token: &str| {
        let path = format!("{CHECK_INS}/gates/{gate}");
        t.api.call("DELETE", &path, Some(token), None).await
    };
    assert_eq!(delete(north, &t.other).await.error(404), "not_found");
    t.send(Some(north)).await.data(200);
    assert_eq!(delete(north, &t.organizer).await.error(409), "in_use");
    t.send(None).await.data(200);
    let code = &t.bought(t.festival, 1).await[0];
    let mut body = t.scan_of(code, "phone", "scan-0001");
    body["gateId"] = json!(south);
    t.post("", &t.staff, body).await.data(200);
    assert_eq!(delete(south, &t.organizer).await.error(409), "in_use");
    delete(north, &t.organizer).await.data(200);
    assert_eq!(delete(north, &t.organizer).await.error(404), "not_found");
    assert_eq!(t.send(Some(north)).await.error(404), "not_found");
}
