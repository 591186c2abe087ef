//! The fleet tells how it is: everybody in a word, admins what it is made of.

use acceptance::{Fleet, Organizer, eventually};
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

fn queue<'a>(status: &'a Value, name: &str) -> &'a Value {
    let queues = status["details"]["queues"].as_array().unwrap();
    let found = queues.iter().find(|queue| queue["name"] == name);
    found.unwrap_or_else(|| panic!("{name} is missing: {status}"))
}

fn health<'a>(status: &'a Value, name: &str) -> &'a Value {
    let services = status["details"]["services"].as_array().unwrap();
    let found = services.iter().find(|service| service["name"] == name);
    &found.unwrap_or_else(|| panic!("{name} is missing: {status}"))["status"]
}

#[tokio::test]
async fn a_dead_letter_degrades_the_fleet_until_it_is_gone() {
    let fleet = Fleet::running();
    let admin = Organizer::with_role(&fleet, "admin").await;
    let dead = fleet.queue("MailDeadUrl").await;
    let status = admin.api.get("/status").await.data(200);
    for name in ["database", "queues", "state table"] {
        assert_eq!(health(&status, name), "up", "{status}");
    }
    for name in [
        "payment-notifications",
        "mail",
        "media",
        "refunds",
        "notices",
        "webhooks",
    ] {
        for count in ["waiting", "inFlight", "deadLetters"] {
            assert!(queue(&status, name)[count].is_u64(), "{status}");
        }
    }
    let before = queue(&status, "mail")["deadLetters"].as_u64().unwrap();

    dead.send(&["not a mail"]).await;
    let status = eventually("the dead letter is counted", PATIENCE, async || {
        let status = admin.api.get("/status").await.data(200);
        let count = queue(&status, "mail")["deadLetters"].as_u64();
        (count == Some(before + 1)).then_some(status)
    })
    .await;
    assert_eq!(
        (&status["status"], health(&status, "mailer")),
        (&json!("degraded"), &json!("degraded"))
    );
    // Strangers and organizers get one word of it.
    let organizer = Organizer::demo(&fleet).await;
    for api in [&fleet.stranger(), &organizer.api] {
        let told = api.get("/status").await.data(200);
        assert_eq!(told["details"], Value::Null, "{told}");
        assert!(
            ["up", "degraded"].contains(&told["status"].as_str().unwrap()),
            "{told}"
        );
    }

    eventually("the dead letter is gone", PATIENCE, async || {
        for message in dead.receive().await {
            if message.body == "not a mail" {
                dead.delete(&message).await;
                return Some(());
            }
        }
        None
    })
    .await;
    eventually("nothing is counted any more", PATIENCE, async || {
        let status = admin.api.get("/status").await.data(200);
        (queue(&status, "mail")["deadLetters"].as_u64() == Some(before)).then_some(())
    })
    .await;
}
