//! Codes of before a ticket was passed on or got another name: with a connection, without one, and told later.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use db::handovers;
use domain::user::{Email, PersonName};
use ticketing::revocation;

impl Setup {
    /// Has a ticket accepted by somebody else, and gives its new code.
    async fn pass_on(&self, code: &str, to: UserId) -> String {
        let (now, new) = (self.clock.now(), runtime::random::hex::<16>());
        let email = Email::parse("friend@example.test").unwrap();
        let db = self.db.db();
        let mut conn = db.conn().await.unwrap();
        let tx = conn.begin().await.unwrap();
        let holder = format!("select holder_id from issued_tickets where code = '{code}'");
        let holder = UserId::new(self.db.count(&holder).await);
        let ticket = handovers::lock_own(&tx, code, holder).await.unwrap().unwrap();
        let hash = runtime::random::bytes();
        let offer = handovers::insert(&tx, &ticket, &email, &hash, now.plus_seconds(60), now)
            .await
            .unwrap();
        let name = PersonName::parse("Friend").unwrap();
        handovers::accept(&tx, &ticket, offer, to, &name, &new, now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        new
    }

    /// Puts another name on a ticket of the buyer, and gives its new code.
    async fn rename(&self, code: &str) -> String {
        let new = runtime::random::hex::<16>();
        let db = self.db.db();
        let mut conn = db.conn().await.unwrap();
        let tx = conn.begin().await.unwrap();
        let ticket = handovers::lock_own(&tx, code, self.buyer_id)
            .await
            .unwrap()
            .unwrap();
        let name = PersonName::parse("Another").unwrap();
        handovers::rename(&tx, &ticket, &name, &new, self.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        new
    }

    async fn told(&self, device: &str, scans: &[(&str, i64)]) -> Vec<String> {
        let scans: Vec<Value> = scans
            .iter()
            .enumerate()
            .map(|(number, (code, seconds))| {
                let at = start().plus_seconds(DOORS + seconds);
                let scan = format!("offline-{number}");
                json!({"scanId": scan, "token": self.token(code), "scannedAt": at})
            })
            .collect();
        let body = json!({"eventId": self.event, "device": device, "scans": scans});
        let answer = self.post("/batch", &self.staff, body).await.data(200);
        let word = |result: &Value| {
            let reason = result["reason"].as_str().unwrap_or("");
            format!("{} {reason}", result["outcome"].as_str().unwrap())
        };
        answer["results"].as_array().unwrap().iter().map(word).collect()
    }

    async fn friend(&self) -> UserId {
        Rows(&self.db).buyer("friend@example.test").await
    }

    async fn is_consistent(&self) {
        let db = self.db.db();
        let conn = db.conn().await.unwrap();
        for rule in [
            db::invariants::Rule::UsedTicketsWereLetIn,
            db::invariants::Rule::CodesOpenOneTicket,
            db::invariants::Rule::TicketsBelongToTheirLine,
        ] {
            let breach = db::invariants::breach(&conn, rule, db::invariants::Slice::ALL).await;
            assert_eq!(breach.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn the_old_code_lets_nobody_in_and_says_since_when() {
    let t = setup().await;
    let codes = t.bought(t.festival, 2).await;
    let friend = t.friend().await;
    t.clock.advance(60);
    let passed_on = t.pass_on(&codes[0], friend).await;
    let renamed = t.rename(&codes[1]).await;
    t.clock.advance(60);
    for (old, new, reason) in [
        (&codes[0], &passed_on, "transferred"),
        (&codes[1], &renamed, "renamed"),
    ] {
        let verdict = t.scan(old, "door", &format!("scan-{reason}")).await;
        assert_eq!(refusal(&verdict), reason);
        assert_eq!(
            (&verdict["retiredAt"], &verdict["ticket"]["code"]),
            (&json!("2030-01-31T11:01:00.000Z"), &json!(old)),
            "the new code is not told to whoever shows the old one"
        );
        let again = t.scan(old, "door", &format!("scan-{reason}")).await;
        assert_eq!(again, verdict);
        assert_eq!(t.status(new).await, "valid");
        let verdict = t.scan(new, "door", &format!("scan-new-{reason}")).await;
        assert_eq!(verdict["admitted"], true);
        assert!(verdict.get("retiredAt").is_none(), "{verdict}");
        // Also when somebody is in with the new one.
        let verdict = t.scan(old, "door", &format!("scan-late-{reason}")).await;
        assert_eq!(refusal(&verdict), reason);
    }
    let log = t
        .get(&format!("/event/{}?outcome=refused", t.event), &t.organizer)
        .await
        .data(200);
    let reasons: Vec<_> = log["checkIns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|scan| scan["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["renamed", "renamed", "transferred", "transferred"]);
    t.is_consistent().await;
}

#[tokio::test]
async fn a_code_of_before_a_name_was_changed_is_one_of_the_former_holder_once_it_is_passed_on() {
    let t = setup().await;
    let first = t.bought(t.festival, 1).await.remove(0);
    let friend = t.friend().await;
    let second = t.rename(&first).await;
    let verdict = t.scan(&first, "door", "scan-0001").await;
    assert_eq!(refusal(&verdict), "renamed");
    t.clock.advance(60);
    let third = t.pass_on(&second, friend).await;
    for old in [&first, &second] {
        let verdict = t.scan(old, "door", &format!("scan-{old}")).await;
        assert_eq!(refusal(&verdict), "transferred");
        assert_eq!(verdict["retiredAt"], "2030-01-31T11:01:00.000Z");
    }
    assert_eq!(t.scan(&third, "door", "scan-0003").await["admitted"], true);
}

#[tokio::test]
async fn gates_without_a_connection_are_told_the_old_codes() {
    let t = setup().await;
    let codes = t.bought(t.festival, 3).await;
    let friend = t.friend().await;
    let manifest = async |since: &str| {
        let path = format!("/event/{}/manifest{since}", t.event);
        t.get(&path, &t.staff).await.data(200)
    };
    let before = manifest("").await;
    assert_eq!(before["revoked"]["count"], 0);
    t.clock.advance(60);
    let renamed = t.rename(&codes[1]).await;
    t.clock.advance(600);
    let passed_on = t.pass_on(&codes[0], friend).await;
    let listed = |manifest: &Value, code: &str| {
        let hashes = STANDARD
            .decode(manifest["revoked"]["hashes"].as_str().unwrap())
            .unwrap();
        let wanted = revocation::hash(code);
        hashes.chunks(revocation::LENGTH).any(|hash| hash == wanted)
    };
    let all = manifest("").await;
    assert_eq!(
        (&all["revoked"]["count"], &all["tickets"]),
        (&json!(2), &json!(3))
    );
    assert_eq!(all["revoked"]["until"], "2030-01-31T11:11:00.000Z");
    for (code, is_old) in [
        (&codes[0], true),
        (&codes[1], true),
        (&codes[2], false),
        (&passed_on, false),
        (&renamed, false),
    ] {
        assert_eq!(listed(&all, code), is_old);
    }
    // What is new since a time, and a little more.
    let newer = manifest("?since=2030-01-31T11:07:00Z").await;
    assert_eq!(newer["revoked"]["count"], 1);
    assert!(listed(&newer, &codes[0]) && !listed(&newer, &codes[1]));
}

#[tokio::test]
async fn what_a_device_tells_later_is_judged_by_when_it_was_scanned() {
    let t = setup().await;
    let codes = t.bought(t.festival, 4).await;
    let friend = t.friend().await;
    t.clock.advance(300);
    let new = [
        t.pass_on(&codes[0], friend).await,
        t.pass_on(&codes[1], friend).await,
        t.rename(&codes[2]).await,
        t.rename(&codes[3]).await,
    ];
    t.clock.advance(300);
    // The device had not heard of it: before and after, of a ticket that was passed on and of one with another name.
    let told = t
        .told(
            "field",
            &[
                (&codes[0], 299),
                (&codes[1], 300),
                (&codes[2], 299),
                (&codes[3], 300),
            ],
        )
        .await;
    assert_eq!(
        told,
        [
            "admitted ",
            "conflict transferred",
            "admitted ",
            "conflict renamed"
        ]
    );
    // Whoever went in while the code was good used the ticket up. Whoever went in with a code of before it was passed on did not:
    // its new holder is not kept out. Behind another name it is the same holder.
    for (code, status) in new.iter().zip(["used", "valid", "used", "used"]) {
        assert_eq!(t.status(code).await, status);
    }
    assert_eq!(
        refusal(&t.scan(&new[0], "door", "scan-0001").await),
        "already_used"
    );
    assert_eq!(t.scan(&new[1], "door", "scan-0002").await["admitted"], true);
    assert_eq!(
        refusal(&t.scan(&new[3], "door", "scan-0003").await),
        "already_used"
    );
    let conflicts = t
        .get(&format!("/event/{}/conflicts", t.event), &t.organizer)
        .await
        .data(200);
    let reasons: Vec<_> = conflicts["checkIns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|scan| scan["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["renamed", "transferred"]);
    // Both codes of one ticket in one upload.
    let both = t.told("other", &[(&codes[1], 301), (&new[1], 302)]).await;
    assert_eq!(both, ["conflict transferred", "admitted "]);
    t.is_consistent().await;
}
