//! Gates without a connection: what they take along, and what they tell later.

use super::*;
use std::collections::BTreeSet;

impl Setup {
    async fn upload(&self, device: &str, scans: &[(&str, &str, i64)]) -> Value {
        let scans: Vec<Value> = scans
            .iter()
            .map(|(code, scan, seconds)| {
                let at = start().plus_seconds(DOORS + seconds);
                json!({"scanId": scan, "token": self.token(code), "scannedAt": at})
            })
            .collect();
        let body = json!({"eventId": self.event, "device": device, "scans": scans});
        self.post("/batch", &self.staff, body).await.data(200)
    }

    async fn conflicts(&self) -> Vec<Value> {
        let path = format!("/event/{}/conflicts", self.event);
        let list = self.get(&path, &self.organizer).await.data(200);
        list["checkIns"].as_array().unwrap().clone()
    }
}

fn outcomes(answer: &Value) -> Vec<String> {
    let results = answer["results"].as_array().unwrap();
    let word = |result: &Value| {
        let reason = result["reason"].as_str().unwrap_or("");
        format!("{} {reason}", result["outcome"].as_str().unwrap())
    };
    results.iter().map(word).collect()
}

#[tokio::test]
async fn the_earliest_scan_counts_whenever_it_is_told() {
    let t = setup().await;
    let codes = t.bought(t.festival, 2).await;
    t.clock.advance(600);
    // With a connection at 600 s, without one at 300 s, and twice at 400 s.
    assert_eq!(t.scan(&codes[0], "door", "scan-0001").await["admitted"], true);
    let told = t.upload("phone-1", &[(&codes[0], "off-00001", 300)]).await;
    assert_eq!(outcomes(&told), ["admitted "]);
    let used = format!(
        "select used_at::text from issued_tickets where code = '{}'",
        codes[0]
    );
    assert_eq!(t.db.text(&used).await, "2030-01-31 11:05:00+00");
    let told = t
        .upload(
            "phone-2",
            &[
                (&codes[0], "off-00001", 400),
                (&codes[1], "off-00002", 400),
                (&codes[0], "off-00003", 400),
            ],
        )
        .await;
    assert_eq!(
        outcomes(&told),
        ["conflict already_used", "admitted ", "conflict already_used"]
    );
    assert_eq!((&told["conflicts"], &told["rejected"]), (&json!(2), &json!(0)));
    assert_eq!(told["results"][0]["first"]["device"], "phone-1");
    // The organizer sees whom the gates should not have let in, the one with a connection among them.
    let conflicts = t.conflicts().await;
    let devices: Vec<_> = conflicts
        .iter()
        .map(|scan| scan["device"].as_str().unwrap())
        .collect();
    assert_eq!(devices, ["phone-2", "phone-2", "door"]);
    for conflict in &conflicts {
        assert_eq!(
            (&conflict["reason"], &conflict["first"]["at"]),
            (&json!("already_used"), &json!("2030-01-31T11:05:00.000Z"))
        );
    }
    // Told again it is the same, and changes nothing.
    let rows = "select count(*) from check_ins";
    let before = t.db.count(rows).await;
    let again = t.upload("phone-1", &[(&codes[0], "off-00001", 300)]).await;
    assert_eq!(outcomes(&again), ["admitted "]);
    assert_eq!(t.db.count(rows).await, before);
    assert_eq!(t.conflicts().await, conflicts);
    // Whoever scans with a connection now hears of the earliest.
    let refused = t.scan(&codes[0], "door", "scan-0002").await;
    assert_eq!(refused["first"]["device"], "phone-1");
}

#[tokio::test]
async fn what_cannot_be_taken_is_said_item_by_item() {
    let t = setup().await;
    let codes = t.bought(t.festival, 3).await;
    let rows = Rows(&t.db);
    let another = rows.event(UserId::new(1), "Another").await;
    let category = rows.category("Comedy").await;
    let kind = rows
        .ticket_type(UserId::new(1), another, category, 1_000, 5)
        .await;
    let elsewhere = &t.bought(kind, 1).await[0];
    t.db.run(&format!(
        "update issued_tickets set status = 'void', voided_at = now() where code = '{}'",
        codes[1]
    ))
    .await;
    let now = t.clock.now();
    let scan = |scan: &str, token: String, seconds: i64| json!({"scanId": scan, "token": token, "scannedAt": now.plus_seconds(seconds)});
    let body = json!({"eventId": t.event, "device": "phone", "scans": [
        scan("off-00001", "GF1.now.AAAA.AAAA".to_owned(), 0),
        scan("off-00002", t.token(&"0".repeat(32)), 0),
        scan("off-00003", token_of(elsewhere, another, kind), 0),
        scan("off-00004", t.token(&codes[1]), 0),
        scan("off-00005", t.token(&codes[0]), -7 * 86_400 - 1),
        // A clock that is ahead: it counts as now.
        scan("off-00006", t.token(&codes[0]), 9_999),
        scan("off-00006", t.token(&codes[2]), 0),
        scan("off-00007", t.token(&codes[2]), -4 * 3_600),
    ]});
    let told = t.post("/batch", &t.staff, body.clone()).await.data(200);
    let expected = [
        "rejected forged",
        "rejected unknown",
        "rejected wrong_event",
        "conflict void",
        "rejected too_old",
        "admitted ",
        "rejected id_reused",
        "conflict not_yet_valid",
    ];
    assert_eq!(outcomes(&told), expected);
    let used = format!(
        "select used_at = '2030-01-31 11:00:00Z' from issued_tickets where code = '{}'",
        codes[0]
    );
    assert_eq!(t.db.count(&format!("select ({used})::int::bigint")).await, 1);
    assert_eq!(
        (t.status(&codes[1]).await, t.status(elsewhere).await),
        ("void".to_owned(), "valid".to_owned())
    );
    // Whoever came before the doors were open is inside all the same.
    assert_eq!(t.status(&codes[2]).await, "used");
    let reasons: Vec<_> = t
        .conflicts()
        .await
        .iter()
        .map(|scan| scan["reason"].clone())
        .collect();
    assert_eq!(reasons, ["not_yet_valid", "void"]);
    let before = t.db.count("select count(*) from check_ins").await;
    t.clock.advance(60);
    assert_eq!(
        outcomes(&t.post("/batch", &t.staff, body).await.data(200))[..4],
        expected[..4]
    );
    assert_eq!(t.db.count("select count(*) from check_ins").await, before);
}

#[tokio::test]
async fn uploads_are_bounded_and_for_those_who_check_tickets_there() {
    let t = setup().await;
    let codes = t.bought(t.festival, 1).await;
    let one = |n: usize| json!({"scanId": format!("off-{n:05}"), "token": t.token(&codes[0]), "scannedAt": t.clock.now()});
    let body = |count: usize| json!({"eventId": t.event, "device": "phone", "scans": (0..count).map(one).collect::<Vec<_>>()});
    for count in [0, 301] {
        assert_eq!(
            t.post("/batch", &t.staff, body(count)).await.error(400),
            "invalid_input"
        );
    }
    let full = t.post("/batch", &t.staff, body(300)).await.data(200);
    assert_eq!(full["conflicts"], 299);
    assert_eq!(t.post("/batch", &t.other, body(1)).await.error(404), "not_found");
    assert_eq!(t.post("/batch", &t.buyer, body(1)).await.error(403), "forbidden");
    for bad in [
        json!({"eventId": t.event, "device": "phone", "scans": [{}]}),
        json!({"eventId": t.event, "device": "phone", "scans": "none"}),
        json!({"eventId": t.event, "device": "phone", "scans": [{"scanId": "off-00001", "token": "x", "scannedAt": "soon"}]}),
    ] {
        assert_eq!(t.post("/batch", &t.staff, bad).await.error(400), "invalid_input");
    }
}

/// The entries of a list of revoked tickets.
fn hashes(manifest: &Value) -> BTreeSet<String> {
    let packed = manifest["revoked"]["hashes"].as_str().unwrap();
    let known: Vec<char> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        .chars()
        .collect();
    let bits: String = packed
        .trim_end_matches('=')
        .chars()
        .map(|letter| format!("{:06b}", known.iter().position(|k| *k == letter).unwrap()))
        .collect();
    let bytes: Vec<u8> = bits
        .as_bytes()
        .chunks_exact(8)
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
        .collect();
    let hex = |entry: &[u8]| entry.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.chunks_exact(8).map(hex).collect()
}

#[tokio::test]
async fn a_device_takes_keys_rules_and_revoked_tickets_along() {
    let t = setup().await;
    let codes = t.bought(t.festival, 4).await;
    let gate = t.gate("VIP", Some(&[t.vip])).await;
    let void = async |code: &str, at: &str| {
        t.db.run(&format!(
            "update issued_tickets set status = 'void', voided_at = '{at}' where code = '{code}'"
        ))
        .await;
    };
    let hash = |code: &str| -> String {
        let hash = ticketing::revocation::hash(code);
        hash.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let path = format!("/event/{}/manifest", t.event);
    let empty = t.get(&path, &t.staff).await.data(200);
    assert_eq!(empty["revoked"], json!({"count": 0, "hashes": "", "until": null}));
    void(&codes[0], "2030-01-10 12:00:00Z").await;
    void(&codes[1], "2030-01-11 12:00:00Z").await;
    let reply = t.get(&path, &t.staff).await;
    let tag = reply.headers["etag"].clone();
    let manifest = reply.data(200);
    assert_eq!(
        hashes(&manifest),
        BTreeSet::from([hash(&codes[0]), hash(&codes[1])])
    );
    assert_eq!(manifest["tickets"], 2);
    assert_eq!(
        (&manifest["opensAt"], &manifest["closesAt"]),
        (
            &json!("2030-01-31T09:00:00.000Z"),
            &json!("2030-02-01T12:00:00.000Z")
        )
    );
    assert_eq!(manifest["gates"][0]["ticketIds"], json!([t.vip]));
    assert_eq!(
        (&manifest["gates"][0]["id"], &manifest["gateId"]),
        (&json!(gate), &Value::Null)
    );
    assert_eq!(
        (&manifest["keys"][0]["kid"], &manifest["keys"][0]["crv"]),
        (&json!("now"), &json!("Ed25519"))
    );
    assert_eq!(manifest["ticketTypes"].as_array().unwrap().len(), 2);
    // Whoever goes in changes nothing that a device has to know.
    t.scan(&codes[3], "phone", "scan-0001").await;
    assert_eq!(t.get(&path, &t.staff).await.headers["etag"], tag);

    // Only what is new, and with it what may have been missed around that time.
    let until = manifest["revoked"]["until"].as_str().unwrap();
    assert_eq!(until, "2030-01-11T12:00:00.000Z");
    void(&codes[2], "2030-01-12 12:00:00Z").await;
    let newer = t.get(&format!("{path}?since={until}"), &t.staff).await.data(200);
    assert_eq!(hashes(&newer), BTreeSet::from([hash(&codes[1]), hash(&codes[2])]));
    let nothing = t
        .get(&format!("{path}?since=2030-01-20"), &t.staff)
        .await
        .data(200);
    assert_eq!(
        nothing["revoked"],
        json!({"count": 0, "hashes": "", "until": "2030-01-20T00:00:00.000Z"})
    );
    t.db.run("update events set status = 'cancelled'").await;
    let cancelled = t.get(&path, &t.staff).await.data(200);
    assert_eq!(
        (&cancelled["status"], &cancelled["revoked"]["count"]),
        (&json!("cancelled"), &json!(0))
    );
    assert_eq!(t.get(&path, &t.other).await.error(404), "not_found");
    assert_eq!(
        t.get(&format!("{path}?since=x"), &t.staff).await.error(400),
        "invalid_input"
    );
}
