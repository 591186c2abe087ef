//! The pages in Chromium: what a person sees and clicks. The clicks are in `browser/pay.mjs`, what came of them is checked
//! here.

use acceptance::{Buyer, Fleet, Organizer, TicketTerms, eventually};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A variable that `cargo xtask test --only browser` sets.
fn given(name: &str) -> PathBuf {
    let value = std::env::var_os(name);
    PathBuf::from(value.unwrap_or_else(|| panic!("{name} is not set: run `cargo xtask test --only browser`")))
}

/// Runs one scene of the script and fails with what it printed.
fn play(scene: &str, arguments: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/pay.mjs");
    let output = Command::new(given("GIGGLEFEST_NODE"))
        .arg(script)
        .arg(scene)
        .args(arguments)
        .env("GIGGLEFEST_NODE_MODULES", given("GIGGLEFEST_NODE_MODULES"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "scene {scene}: {told}");
}

/// Every mail as it was reviewed, by the name of its snapshot: the HTML with which each ends.
fn mails() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../functions/mailer/tests/snapshots");
    let mut mails: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let name = name.trim_start_matches("letters__").to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let begin = text.find("<!doctype html>");
            (
                name,
                text[begin.unwrap_or_else(|| panic!("{path:?} holds no HTML"))..].to_owned(),
            )
        })
        .collect();
    mails.sort();
    mails
}

#[test]
fn every_mail_fits_phones_and_desktops_in_light_and_in_dark() {
    let shots = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/mails");
    std::fs::create_dir_all(&shots).unwrap();
    let mails = mails();
    assert!(mails.len() >= 24, "only {} mails", mails.len());
    let file = shots.join("mails.json");
    std::fs::write(&file, serde_json::to_string(&mails).unwrap()).unwrap();
    play("mails", &[file.to_str().unwrap(), shots.to_str().unwrap()]);
}

#[test]
fn swagger_ui_shows_the_operations_and_asks_no_other_host() {
    let fleet = Fleet::running();
    play(
        "docs",
        &[&fleet.docs_url, "/api/v1/events", "/api/v1/payments/initialize"],
    );
}

#[tokio::test]
async fn somebody_pays_with_a_click_and_finds_the_tickets_in_the_mailbox() {
    let fleet = Fleet::running();
    let event = Organizer::demo(&fleet).await.event("Browser").await;
    let terms = TicketTerms {
        price: 175_000,
        quantity: 5,
    };
    let ticket = event.sell(terms).await;
    let buyer = Buyer::register(&fleet).await;
    let order = buyer.order(ticket, 2).await;
    let page = buyer.open_payment(&order).await;

    play(
        "pay",
        &[
            &page,
            "gopay",
            &order,
            &format!("{}/payment/finish", fleet.origin),
        ],
    );
    eventually("the tickets are issued", Duration::from_secs(60), async || {
        (buyer.tickets().await.len() == 2).then_some(())
    })
    .await;
    assert_eq!(fleet.database().await.order(&order).await, "paid");
    fleet.mail(&buyer.email, &event.name).await;
    play("mailbox", &[&fleet.mailbox_url, &event.name]);
}

#[tokio::test]
async fn a_seat_map_can_be_looked_at() {
    let fleet = Fleet::running();
    let organizer = Organizer::demo(&fleet).await;
    let event = organizer.event("Wayang").await;
    let terms = TicketTerms {
        price: 250_000,
        quantity: 1,
    };
    let (floor, balcony) = (event.sell(terms).await, event.sell(terms).await);
    // A bent row in front, gaps, a pair for wheelchairs, and a balcony that is narrower.
    let bent =
        |seat: i32| json!({"label": seat, "x": seat - 7, "y": -f64::from((seat - 7) * (seat - 7)) / 40.0});
    let bent: Vec<_> = (1..=13).map(bent).collect();
    let row = |label: &str| json!({"label": label, "seats": [{"from": 1, "to": 6}, {"gap": 2}, {"from": 7, "to": 12}]});
    let wheels = json!({"label": "E", "seats": [
        {"label": "1", "accessible": true}, {"gap": 1}, {"from": 2, "to": 9}, {"gap": 1}, {"label": "10", "accessible": true},
    ]});
    let floor_rows = json!([{"label": "A", "seats": bent}, row("B"), row("C"), row("D"), wheels]);
    let balcony_rows = json!([{"label": "A", "seats": [{"from": 1, "to": 8}]}]);
    let map = json!({"stage": "Panggung", "sections": [
        {"name": "Lantai", "ticketId": floor, "rows": floor_rows},
        {"name": "Balkon", "ticketId": balcony, "rows": balcony_rows},
    ]});
    let path = format!("/events/{}/seat-map", event.id);
    let set = organizer.api.put(&path, &map).await;
    assert_eq!(set.data(200)["seats"], 67);
    let (ayu, budi) = (Buyer::register(&fleet).await, Buyer::register(&fleet).await);
    let four = json!({"ticketId": floor, "quantity": 4});
    budi.api.post("/cart", &four).await.data(201);
    let order = ayu.order_to_pay(floor, 3).await;
    fleet.midtrans().pay(&order, "gopay").await;
    eventually("the tickets are issued", Duration::from_secs(60), async || {
        (ayu.tickets().await.len() == 3).then_some(())
    })
    .await;
    let shot = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/pictures/seat-map.png");
    std::fs::create_dir_all(shot.parent().unwrap()).unwrap();
    let url = format!("{}{path}.svg?lang=en", fleet.api_url);
    let states = "free,reserved,sold,accessible";
    play("map", &[&url, "67", states, shot.to_str().unwrap()]);
}
