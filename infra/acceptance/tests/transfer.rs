//! A ticket goes to somebody else by mail, and another name is put on one: old codes open no gate.

use acceptance::{Buyer, Gate, Mail, Night, PASSWORD, Reply, eventually, read_qr, unique};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::task::JoinSet;

const PATIENCE: Duration = Duration::from_secs(90);

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field} in {value}"))
}

async fn offer_ticket(night: &Night, ticket: usize, email: &str) -> Reply {
    let path = format!("/tickets/mine/{}/transfers", text(&night.tickets[ticket], "code"));
    night.buyer.api.post(&path, &json!({"email": email})).await
}

async fn set_policy(night: &Night, transfers: bool, renames: bool) {
    let path = format!("/events/{}/transfer-policy", night.event.id);
    let body = json!({"transfersAllowed": transfers, "renamesAllowed": renames});
    night.organizer.api.put(&path, &body).await.data(200);
}

/// A mail of those that the relay publishes.
async fn relayed_mail(night: &Night, to: &str, subject: &str) -> Mail {
    let what = format!("a mail to {to} about {subject:?}");
    eventually(&what, PATIENCE, async || {
        night.fleet.invoke("outbox-relay", &json!({})).await;
        let all = night.fleet.mails(to).await;
        all.into_iter().find(|mail| mail.subject.contains(subject))
    })
    .await
}

async fn accept(friend: &Buyer, offer: &Value) -> Reply {
    let path = format!("/tickets/transfers/{}/accept", offer["id"]);
    friend.api.post(&path, &json!({})).await
}

/// What somebody was told, in English.
async fn told(buyer: &Buyer) -> String {
    let wish = json!({"language": "en"});
    buyer.api.patch("/users/me/preferences", &wish).await.data(200);
    let data = buyer.api.get("/notifications?limit=100").await.data(200);
    data.to_string()
}

#[tokio::test]
async fn whoever_is_offered_a_ticket_by_mail_makes_an_account_takes_it_and_goes_in() {
    let night = Night::with_tickets("Passing on", 1, "gopay").await;
    let old = text(&night.tickets[0], "token").to_owned();
    let email = format!("friend-{}@acceptance.example", unique());
    let made = offer_ticket(&night, 0, &email).await.data(201);
    let mail = relayed_mail(&night, &email, &night.event.name).await;
    assert!(
        mail.attachments.is_empty() && mail.pictures.is_empty(),
        "not theirs yet"
    );
    let link = mail
        .text
        .split_whitespace()
        .find(|word| word.contains("/tickets/transfers/"))
        .expect("a link to the offer");
    let token = link.rsplit('/').next().unwrap();
    let path = format!("/tickets/transfers/offer/{token}");
    let shown = night.fleet.stranger().get(&path).await.data(200);
    assert_eq!(
        (&shown["id"], &shown["eventName"]),
        (&made["id"], &json!(night.event.name))
    );

    let friend = Buyer::register_as(&night.fleet, &email).await;
    let received = friend.api.get("/tickets/transfers/received").await.data(200);
    assert_eq!(received["transfers"][0]["id"], made["id"]);
    let taken = accept(&friend, &made).await.data(200);
    // The old code is dead at once, with and without a connection.
    let verdict = night.scan(&old, "phone").await;
    assert_eq!(
        (&verdict["admitted"], &verdict["reason"]),
        (&json!(false), &json!("transferred"))
    );
    assert!(verdict["retiredAt"].is_string(), "{verdict}");
    let manifest = format!("/check-ins/event/{}/manifest", night.event.id);
    let manifest = night.staff.api.get(&manifest).await.data(200);
    assert_eq!(manifest["revoked"]["count"], 1);
    assert_eq!(
        Gate::with_keys(&manifest).scan(&old).unwrap().code,
        text(&night.tickets[0], "code"),
        "its signature is good, so the list has to say that it is not"
    );
    // The buyer has it no more, and sees who took it and when.
    assert!(night.buyer.tickets().await.is_empty());
    let sent = night.buyer.api.get("/tickets/transfers/sent").await.data(200);
    let sent = &sent["transfers"][0];
    assert_eq!(
        (&sent["status"], &sent["email"]),
        (&json!("accepted"), &json!(email))
    );
    assert!(sent["decidedAt"].is_string(), "{sent}");
    // The mail of the new holder has the code that opens the gate.
    let mail = relayed_mail(&night, &email, "Tiket Anda untuk").await;
    let (_, picture) = mail.pictures.first().expect("a picture of the code");
    let new = read_qr(picture);
    assert_eq!(new, text(&taken, "token"));
    let files: Vec<&str> = mail.attachments.iter().map(|(name, _)| name.as_str()).collect();
    assert!(files.contains(&"tickets.pdf"), "{files:?}");
    assert_eq!(night.scan(&new, "phone").await["admitted"], true);
    assert!(told(&night.buyer).await.contains("was accepted"));
    assert!(told(&friend).await.contains("is yours now"));

    // Money goes back to whoever paid, and the new holder hears that the ticket is gone.
    let sql = "select p.id from payments p join orders o on o.id = p.order_id where o.code = $1";
    let payment = night.db.number(sql, &[&night.order]).await;
    let refunds = format!("/payments/{payment}/refunds");
    let left = night.buyer.api.get(&refunds).await.data(200);
    assert_eq!(
        left["tickets"],
        json!([]),
        "not the buyer's to give back any more"
    );
    let back = json!({"reason": "called in sick"});
    night.organizer.api.post(&refunds, &back).await.data(201);
    assert_eq!(night.scan(&new, "phone").await["reason"], "refunded");
    relayed_mail(&night, &email, "No longer valid").await;
    assert!(told(&friend).await.contains("is no longer valid"));
}

#[tokio::test]
async fn one_of_many_acceptances_wins_against_gates_and_second_thoughts() {
    let night = Night::with_tickets("Passing on", 3, "gopay").await;
    let friend = Buyer::register(&night.fleet).await;
    for ticket in 0..3 {
        let made = offer_ticket(&night, ticket, &friend.email).await.data(201);
        let old = text(&night.tickets[ticket], "token").to_owned();
        let mut race = JoinSet::new();
        for number in 0..12 {
            let (friend, made, old) = (friend.clone(), made.clone(), old.clone());
            let (buyer, staff, event) = (night.buyer.clone(), night.staff.api.clone(), night.event.id);
            race.spawn(async move {
                match number % 4 {
                    0 | 1 => ("accepted", accept(&friend, &made).await.status == 200),
                    2 => {
                        let path = format!("/tickets/transfers/{}", made["id"]);
                        let gone = Reply::of(buyer.api.request("DELETE", &path)).await;
                        ("withdrawn", gone.status == 200)
                    }
                    _ => {
                        let body = json!({
                            "token": old, "eventId": event, "device": format!("phone-{number}"),
                            "scanId": format!("scan-{}", unique()),
                        });
                        let verdict = staff.post("/check-ins", &body).await.data(200);
                        ("admitted", verdict["admitted"] == true)
                    }
                }
            });
        }
        let done: Vec<&str> = race
            .join_all()
            .await
            .into_iter()
            .filter_map(|(what, done)| done.then_some(what))
            .collect();
        let count = |wanted: &str| done.iter().filter(|what| **what == wanted).count();
        assert!(count("accepted") + count("withdrawn") <= 1, "{done:?}");
        assert!(count("accepted") + count("admitted") <= 1, "{done:?}");
        let code = text(&night.tickets[ticket], "code");
        let sql = "select count(*) from retired_codes where code = $1";
        let retired = night.db.number(sql, &[&code]).await;
        assert_eq!(usize::try_from(retired).unwrap(), count("accepted"), "{done:?}");
        let open = "select count(*) from handovers where status = 'open' and id = $1";
        assert_eq!(night.db.number(open, &[&made["id"].as_i64().unwrap()]).await, 0);
    }
}

#[tokio::test]
async fn offers_are_taken_back_names_are_changed_and_the_organizer_forbids_both() {
    let night = Night::with_tickets("Passing on", 2, "gopay").await;
    let friend = Buyer::register(&night.fleet).await;
    let first = offer_ticket(&night, 0, &friend.email).await.data(201);
    assert_eq!(
        offer_ticket(&night, 0, "another@acceptance.example")
            .await
            .error(409),
        "transfer_open"
    );
    let path = format!("/tickets/transfers/{}", first["id"]);
    let gone = night.buyer.api.request("DELETE", &path);
    Reply::of(gone).await.data(200);
    assert_eq!(accept(&friend, &first).await.error(409), "transfer_over");

    let rename = async |code: &str, name: &str| {
        let path = format!("/tickets/mine/{code}/name");
        night.buyer.api.put(&path, &json!({"name": name})).await
    };
    let code = text(&night.tickets[0], "code");
    let renamed = rename(code, "Siti Rahayu").await.data(200);
    assert_eq!(text(&renamed, "holderName"), "Siti Rahayu");
    let verdict = night.scan(text(&night.tickets[0], "token"), "phone").await;
    assert_eq!(verdict["reason"], "renamed");
    let mail = relayed_mail(&night, &night.buyer.email, "Nama baru").await;
    assert!(mail.text.contains("Siti Rahayu"), "{}", mail.text);
    let verdict = night.scan(text(&renamed, "token"), "phone").await;
    assert_eq!(
        (&verdict["admitted"], &verdict["ticket"]["holderName"]),
        (&json!(true), &json!("Siti Rahayu"))
    );
    let audit = format!("/events/{}/audit", night.event.id);
    let audit = night.organizer.api.get(&audit).await.data(200);
    assert_eq!(audit["entries"][0]["action"], "rename_ticket");

    let second = offer_ticket(&night, 1, &friend.email).await.data(201);
    set_policy(&night, false, false).await;
    assert_eq!(accept(&friend, &second).await.error(409), "transfers_forbidden");
    let other = text(&night.tickets[1], "code");
    assert_eq!(rename(other, "Another").await.error(409), "renames_forbidden");
    set_policy(&night, true, false).await;
    let decline = format!("/tickets/transfers/{}/decline", second["id"]);
    friend.api.post(&decline, &json!({})).await.data(200);
    assert!(told(&night.buyer).await.contains("was not accepted"));
    assert_eq!(rename(other, "Another").await.error(409), "renames_forbidden");
    let third = offer_ticket(&night, 1, &friend.email).await.data(201);
    accept(&friend, &third).await.data(200);
}

#[tokio::test]
async fn whoever_leaves_takes_their_address_and_their_offers_along() {
    let night = Night::with_tickets("Passing on", 2, "gopay").await;
    let friend = Buyer::register(&night.fleet).await;
    let taken = offer_ticket(&night, 0, &friend.email).await.data(201);
    accept(&friend, &taken).await.data(200);
    let open = offer_ticket(&night, 1, &friend.email).await.data(201);
    let export = friend.api.get("/users/me/export").await.data(200).to_string();
    assert!(
        export.contains("handovers") && export.contains("\"accepted\""),
        "{export}"
    );
    let leave = friend.api.request("DELETE", "/users/me");
    let leave = Reply::of(leave.json(&json!({"password": PASSWORD}))).await;
    assert_eq!(leave.status, 200, "{}", leave.text());
    let sent = night.buyer.api.get("/tickets/transfers/sent").await.data(200);
    let seen: Vec<_> = sent["transfers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|transfer| (text(transfer, "status"), &transfer["email"]))
        .collect();
    assert_eq!(seen, [("ended", &Value::Null), ("accepted", &Value::Null)]);
    // What was theirs opens the gate under another name; what was not is the buyer's still, and may be offered again.
    let sql = "select count(*) from handovers where lower(to_email) = lower($1)";
    assert_eq!(night.db.number(sql, &[&friend.email]).await, 0);
    let token = text(&night.tickets[1], "token");
    assert_eq!(
        offer_ticket(&night, 1, &format!("third-{}@acceptance.example", unique()))
            .await
            .status,
        201
    );
    assert_eq!(night.scan(token, "phone").await["admitted"], true);
    let over = format!("/tickets/transfers/{}", open["id"]);
    let over = Reply::of(night.buyer.api.request("DELETE", &over)).await;
    assert_eq!(over.error(409), "transfer_over");
}
