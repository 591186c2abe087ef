//! Tickets in the wallets of phones, opened and checked by other programs than those that made them: Python and OpenSSL.

use acceptance::{Api, Buyer, Fleet, Organizer, TicketTerms, eventually, read_qr};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(90);
const TERMS: TicketTerms = TicketTerms {
    price: 90_000,
    quantity: 10,
};

/// What another program says of a pass; why it refuses it.
fn looked_at(how: &str, task: &Value) -> Result<Value, String> {
    let python = std::env::var_os("GIGGLEFEST_VENV_PYTHON")
        .expect("GIGGLEFEST_VENV_PYTHON is not set: run `cargo xtask test --only acceptance`, which sets it");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/passes/check.py");
    let mut check = Command::new(python)
        .arg(script)
        .arg(how)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = check.stdin.take().unwrap();
    input.write_all(task.to_string().as_bytes()).unwrap();
    drop(input);
    let said = check.wait_with_output().unwrap();
    if said.status.success() {
        Ok(serde_json::from_slice(&said.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&said.stderr).into_owned())
    }
}

/// A pass for Apple Wallet as a phone sees it that trusts who signs the passes of this fleet.
fn apple(fleet: &Fleet, file: &[u8]) -> Result<Value, String> {
    let certificates = fleet.secrets().apple_certificates;
    let above = certificates.rfind("-----BEGIN").unwrap();
    looked_at(
        "apple",
        &json!({"file": STANDARD.encode(file), "authority": certificates[above..]}),
    )
}

/// What a link for Google Wallet says, as Google sees it.
fn google(fleet: &Fleet, link: &str) -> Result<Value, String> {
    let account: Value = serde_json::from_str(&fleet.secrets().google_account).unwrap();
    let jwt = link.strip_prefix("https://pay.google.com/gp/v/save/").unwrap();
    looked_at("google", &json!({"jwt": jwt, "key": account["private_key"]}))
}

async fn file(api: &Api, code: &str) -> Vec<u8> {
    let reply = api.get(&format!("/tickets/mine/{code}/ticket.pkpass")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "application/vnd.apple.pkpass");
    assert_eq!(reply.header("cache-control"), "no-store");
    reply.bytes.to_vec()
}

async fn link(api: &Api, code: &str) -> String {
    let data = api
        .get(&format!("/tickets/mine/{code}/google-wallet"))
        .await
        .data(200);
    data["saveUrl"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_ticket_goes_into_a_wallet_and_nobody_elses() {
    let fleet = Fleet::running();
    let organizer = Organizer::demo(&fleet).await;
    let event = organizer.event("Wallets").await;
    let ticket = event.sell(TERMS).await;
    let buyer = Buyer::register(&fleet).await;
    let order = buyer.order_to_pay(ticket, 2).await;
    fleet.midtrans().pay(&order, "gopay").await;
    let tickets = eventually("both tickets are issued", PATIENCE, async || {
        let tickets = buyer.tickets().await;
        (tickets.len() == 2).then_some(tickets)
    })
    .await;
    let (first, second) = (&tickets[0], &tickets[1]);
    assert_eq!(first["wallets"], json!(["apple", "google"]));
    let code = first["code"].as_str().unwrap();
    let qr = buyer.api.get(&format!("/tickets/mine/{code}/qr.png")).await;
    let carried = read_qr(&qr.bytes);

    let bytes = file(&buyer.api, code).await;
    let seen = apple(&fleet, &bytes).unwrap();
    assert_eq!(
        seen["unnoticed"],
        json!([]),
        "a turned bit in any file is noticed"
    );
    assert_eq!(
        seen["names"],
        json!([
            "en.lproj/pass.strings",
            "icon.png",
            "icon@2x.png",
            "icon@3x.png",
            "id.lproj/pass.strings",
            "logo.png",
            "logo@2x.png",
            "manifest.json",
            "pass.json",
            "signature"
        ])
    );
    let face = &seen["face"];
    assert_eq!(face["barcodes"][0]["message"], json!(carried));
    assert_eq!(
        (&face["serialNumber"], &face["voided"]),
        (&json!(code), &Value::Null)
    );
    let shown = face["eventTicket"].to_string();
    for what in [&event.name, &order, first["holderName"].as_str().unwrap()] {
        assert!(shown.contains(what), "{what} in {shown}");
    }
    let words = seen["strings"]["id"].as_str().unwrap();
    assert!(words.contains("\"Date\" = \"Tanggal\";"), "{words}");
    let elsewhere = bytes.len() / 2;
    let mut bent = bytes.clone();
    bent[elsewhere] ^= 1;
    assert!(apple(&fleet, &bent).is_err());

    let url = link(&buyer.api, code).await;
    let claims = google(&fleet, &url).unwrap()["claims"].clone();
    let object = &claims["payload"]["eventTicketObjects"][0];
    assert_eq!(object["barcode"], json!({"type": "QR_CODE", "value": carried}));
    let class = &claims["payload"]["eventTicketClasses"][0];
    let id = class["id"].as_str().unwrap();
    assert_eq!(object["classId"], class["id"]);
    assert!(id.contains(&format!(".event-{}-", event.id)), "{id}");
    assert_eq!(
        (&claims["aud"], &claims["typ"]),
        (&json!("google"), &json!("savetowallet"))
    );
    let jwt = url.rsplit('/').next().unwrap();
    assert!(jwt.len() <= 1_800, "{} characters", jwt.len());
    // Another ticket of the same event is another object of the same class.
    let other = google(&fleet, &link(&buyer.api, second["code"].as_str().unwrap()).await).unwrap();
    let payload = &other["claims"]["payload"];
    assert_eq!(payload["eventTicketClasses"][0]["id"], class["id"]);
    assert_ne!(payload["eventTicketObjects"][0]["id"], object["id"]);
    // A link whose claims were changed is no link of this issuer.
    let parts: Vec<&str> = jwt.split('.').collect();
    let swapped = format!("{}.{}.{}", parts[0], &parts[1][4..], parts[2]);
    let swapped = format!("https://pay.google.com/gp/v/save/{swapped}");
    assert!(google(&fleet, &swapped).is_err());

    let stranger = Buyer::register(&fleet).await;
    for rest in ["ticket.pkpass", "google-wallet"] {
        let path = format!("/tickets/mine/{code}/{rest}");
        assert_eq!(stranger.api.get(&path).await.error(404), "not_found", "{path}");
        assert_eq!(organizer.api.get(&path).await.error(404), "not_found", "{path}");
        assert_eq!(fleet.stranger().get(&path).await.error(401), "unauthenticated");
    }
}

#[tokio::test]
async fn a_pass_follows_what_becomes_of_its_ticket() {
    let fleet = Fleet::running();
    let organizer = Organizer::demo(&fleet).await;
    let event = organizer.event("Wallets, later").await;
    let ticket = event.sell(TERMS).await;
    let buyer = Buyer::register(&fleet).await;
    let order = buyer.order_to_pay(ticket, 1).await;
    fleet.midtrans().pay(&order, "gopay").await;
    let issued = eventually("the ticket is issued", PATIENCE, async || {
        buyer.tickets().await.pop()
    })
    .await;
    let code = issued["code"].as_str().unwrap();
    let before = google(&fleet, &link(&buyer.api, code).await).unwrap();

    // Moved to another day, the pass of an hour later says so, and Google does not take it for the one that it knows.
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let soon = format!("{soon:.0}");
    let body = json!({"date": soon, "timeZone": "Asia/Makassar"});
    let path = format!("/events/{}", event.id);
    organizer.api.patch(&path, &body).await.data(200);
    let seen = apple(&fleet, &file(&buyer.api, code).await).unwrap();
    let shown = seen["face"]["relevantDate"].as_str().unwrap();
    assert!(shown.ends_with("+08:00"), "{shown}");
    let same: jiff::Timestamp = shown.parse().unwrap();
    assert_eq!(format!("{same:.0}"), soon);
    let after = google(&fleet, &link(&buyer.api, code).await).unwrap();
    let id = |said: &Value| said["claims"]["payload"]["eventTicketClasses"][0]["id"].clone();
    assert_ne!(id(&before), id(&after));

    // The pass opens the gate, once.
    let scan = json!({
        "token": seen["face"]["barcodes"][0]["message"], "eventId": event.id, "device": "gate", "scanId": "first-scan",
    });
    let verdict = organizer.api.post("/check-ins", &scan).await.data(200);
    assert_eq!(verdict["admitted"], true, "{verdict}");
    let seen = apple(&fleet, &file(&buyer.api, code).await).unwrap();
    assert_eq!(seen["face"]["voided"], true, "it has let somebody in");

    // Of a ticket that was taken back there is none any more.
    let order = buyer.order_to_pay(ticket, 1).await;
    fleet
        .midtrans()
        .attempt(&order, "credit_card", "settlement")
        .await;
    let code = eventually("another ticket is issued", PATIENCE, async || {
        let tickets = buyer.tickets().await;
        let bought = tickets.iter().find(|ticket| ticket["orderId"] == order.as_str());
        bought.map(|ticket| ticket["code"].as_str().unwrap().to_owned())
    })
    .await;
    file(&buyer.api, &code).await;
    let sql = "select p.id from payments p join orders o on o.id = p.order_id where o.code = $1";
    let payment = fleet.database().await.number(sql, &[&order]).await;
    let admin = Organizer::with_role(&fleet, "admin").await;
    let refunds = format!("/payments/{payment}/refunds");
    admin
        .api
        .post(&refunds, &json!({"reason": "ill"}))
        .await
        .data(201);
    for rest in ["ticket.pkpass", "google-wallet"] {
        let reply = buyer.api.get(&format!("/tickets/mine/{code}/{rest}")).await;
        assert_eq!(reply.error(409), "ticket_void");
    }
}
