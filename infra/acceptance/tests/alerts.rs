//! Operators are told what is wrong with the fleet, once, and when it is over.

use acceptance::{Fleet, Organizer, eventually, unique};
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(120);

/// Whom the template names unless told otherwise.
const OPERATORS: &str = "operators@gigglefest.example";

const OF_THE_QUEUE: &str = "dead_letters media";

/// The newest alert of this test's queue.
async fn alert(admin: &Organizer, state: &str) -> Option<Value> {
    let told = admin
        .api
        .get(&format!("/status/alerts?state={state}"))
        .await
        .data(200);
    let alerts = told["alerts"].as_array().expect("a list of alerts").clone();
    let of_the_queue = |alert: &Value| {
        let condition = &alert["condition"];
        condition["kind"] == "dead_letters" && condition["queue"] == "media"
    };
    alerts.into_iter().find(of_the_queue)
}

/// How many mails to the operators say this.
async fn mails(fleet: &Fleet, words: &str) -> usize {
    let mails = fleet.mails(OPERATORS).await;
    mails.iter().filter(|mail| mail.text.contains(words)).count()
}

#[tokio::test]
async fn operators_hear_of_dead_letters_once_and_when_they_are_gone() {
    let fleet = Fleet::running();
    let admin = Organizer::with_role(&fleet, "admin").await;
    let db = fleet.database().await;
    let dead = fleet.queue("MediaDeadUrl").await;
    let mark = unique();
    let words = "antrean media";
    let before = mails(&fleet, words).await;
    let notices = "select count(*) from notifications
                   where user_id = $1 and notice -> 'condition' ->> 'queue' = 'media'";
    let noticed = db.number(notices, &[&admin.id]).await;

    dead.send(&[&format!("not a picture {mark}")]).await;
    // The schedule looks every minute; it and others who look at once tell once.
    let looks = (0..4).map(|_| {
        let fleet = fleet.clone();
        tokio::spawn(async move { fleet.invoke("watchman", &json!({})).await })
    });
    let looks: Vec<_> = looks.collect();
    for look in looks {
        look.await.expect("the watchman looks");
    }
    let open = eventually("the alert is open", PATIENCE, async || {
        if let Some(open) = alert(&admin, "open").await {
            return Some(open);
        }
        fleet.invoke("watchman", &json!({})).await;
        None
    })
    .await;
    assert_eq!(open["told"], 1, "{open}");
    assert_eq!(open["closedAt"], Value::Null, "{open}");
    eventually("the operators have a mail", PATIENCE, async || {
        (mails(&fleet, words).await > before).then_some(())
    })
    .await;
    assert_eq!(db.number(notices, &[&admin.id]).await, noticed + 1);

    // Whoever sees to it says so; strangers and organizers are told nothing.
    let path = format!("/status/alerts/{}/acknowledge", open["id"]);
    let organizer = Organizer::demo(&fleet).await;
    organizer.api.post(&path, &json!({})).await.error(403);
    fleet.stranger().get("/status/alerts").await.error(401);
    let known = admin.api.post(&path, &json!({})).await.data(200);
    assert_eq!(known["acknowledgedBy"], json!(admin.id), "{known}");
    assert_eq!(known["toldAgainAt"], Value::Null, "{known}");

    eventually("the dead letter is gone", PATIENCE, async || {
        for message in dead.receive().await {
            if message.body.contains(&mark) {
                dead.delete(&message).await;
                return Some(());
            }
        }
        None
    })
    .await;
    // It has to be gone for five minutes.
    let long_ago = "update system_alerts set first_seen_at = first_seen_at - interval '10 minutes',
                           last_seen_at = last_seen_at - interval '10 minutes'
                    where key = $1 and closed_at is null";
    let over = eventually("the alert is over", PATIENCE, async || {
        db.run(long_ago, &[&OF_THE_QUEUE]).await;
        fleet.invoke("watchman", &json!({})).await;
        alert(&admin, "closed")
            .await
            .filter(|alert| alert["id"] == open["id"])
    })
    .await;
    assert!(over["closedAt"].is_string(), "{over}");
    eventually("the operators know that it is over", PATIENCE, async || {
        (mails(&fleet, words).await == before + 2).then_some(())
    })
    .await;
    admin.api.post(&path, &json!({})).await.error(409);
}
