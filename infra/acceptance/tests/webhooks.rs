//! An organizer's own system hears of a real purchase: signed, again after failures, replayed, with another secret, and no more
//! once it says that it is gone.

use acceptance::{Buyer, Fleet, Organizer, TicketTerms, eventually};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const PATIENCE: Duration = Duration::from_secs(60);

/// What came in: headers and body.
type Call = (BTreeMap<String, String>, String);

/// What a receiver has heard, and what it answers to bodies with a certain word: these statuses, one after the other.
#[derive(Default)]
struct Memory {
    calls: Vec<Call>,
    answers: Vec<(String, Vec<u16>)>,
}

/// An organizer's own system. Tests beside this one sell, too, and it hears of that.
#[derive(Clone)]
struct Receiver {
    url: String,
    memory: Arc<Mutex<Memory>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            url: format!("http://{}/hook", listener.local_addr().unwrap()),
            memory: Arc::default(),
        };
        let answering = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answering = answering.clone();
                tokio::spawn(async move { answering.answer(stream).await });
            }
        });
        receiver
    }

    async fn answer(&self, mut stream: TcpStream) {
        let (mut text, mut piece) = (Vec::new(), [0; 4_096]);
        let call = loop {
            let read = stream.read(&mut piece).await.unwrap_or(0);
            if read == 0 {
                return;
            }
            text.extend_from_slice(&piece[..read]);
            if let Some(call) = parse(&String::from_utf8_lossy(&text)) {
                break call;
            }
        };
        let status = {
            let mut memory = self.memory.lock().unwrap();
            let planned = memory
                .answers
                .iter_mut()
                .find(|(word, statuses)| call.1.contains(word.as_str()) && !statuses.is_empty());
            let status = planned.map_or(200, |(_, statuses)| statuses.remove(0));
            memory.calls.push(call);
            status
        };
        let answer = format!("HTTP/1.1 {status} Status\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
        let _ = stream.write_all(answer.as_bytes()).await;
    }

    fn will(&self, word: &str, statuses: &[u16]) {
        let planned = (word.to_owned(), statuses.to_vec());
        self.memory.lock().unwrap().answers.push(planned);
    }

    /// The calls with a word in their body.
    fn calls(&self, word: &str) -> Vec<Call> {
        let memory = self.memory.lock().unwrap();
        let about = memory.calls.iter().filter(|(_, body)| body.contains(word));
        about.cloned().collect()
    }
}

/// A whole request, once it is there.
fn parse(text: &str) -> Option<Call> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let headers: BTreeMap<String, String> = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length")?.parse().ok()?;
    (body.len() >= length).then(|| (headers, body.to_owned()))
}

/// Whether one of the signatures of a call is by this secret.
fn is_signed(call: &Call, secret: &str) -> bool {
    let (headers, body) = call;
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let signed = format!(
        "{}.{}.{body}",
        headers["webhook-id"], headers["webhook-timestamp"]
    );
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), signed.as_bytes());
    let expected = format!("v1,{}", STANDARD.encode(signature));
    headers["webhook-signature"]
        .split(' ')
        .any(|signature| signature == expected)
}

#[tokio::test]
async fn an_organizers_own_system_follows_a_purchase() {
    let fleet = Fleet::running();
    let db = fleet.database().await;
    let organizer = Organizer::demo(&fleet).await;
    let receiver = Receiver::start().await;
    for hostile in [
        "http://hooks.example.com",
        "https://169.254.169.254/",
        "http://10.0.0.1:8080/",
    ] {
        let body = json!({"url": hostile, "events": ["order.paid"]});
        let refused = organizer.api.post("/webhooks", &body).await;
        assert_eq!(refused.error(400), "invalid_input", "{hostile}");
    }
    let body =
        json!({"url": receiver.url, "description": "CRM", "events": ["order.paid", "event.published"]});
    let webhook = organizer.api.post("/webhooks", &body).await.data(201);
    let (id, secret) = (&webhook["id"], webhook["secret"].as_str().unwrap().to_owned());
    let heard = async |word: &str, count: usize| {
        eventually(
            &format!("the receiver hears {word} {count} times"),
            PATIENCE,
            async || {
                // Failures wait for the relay, which comes by the minute otherwise.
                if receiver.calls(word).len() < count {
                    fleet.invoke("outbox-relay", &json!({})).await;
                }
                let calls = receiver.calls(word);
                (calls.len() >= count).then_some(calls)
            },
        )
        .await
    };

    let event = organizer.event("Webhooks").await;
    let published = heard("event.published", 1).await;
    assert!(
        published
            .iter()
            .any(|(_, body)| body.contains(&format!("\"eventId\":{}", event.id)))
    );
    let ticket = event
        .sell(TicketTerms {
            price: 125_000,
            quantity: 10,
        })
        .await;
    let buyer = Buyer::register(&fleet).await;
    let order = buyer.order_to_pay(ticket, 2).await;
    receiver.will(&order, &[500, 503]);
    fleet.midtrans().pay(&order, "gopay").await;
    let first = heard(&order, 1).await.remove(0);
    assert!(is_signed(&first, &secret));
    let message: Value = serde_json::from_str(&first.1).unwrap();
    assert_eq!(
        (&message["type"], &message["version"]),
        (&json!("order.paid"), &json!(1))
    );
    assert_eq!(
        message["data"]["items"],
        json!([{"eventId": event.id, "ticketId": ticket, "quantity": 2, "charged": 250_000}])
    );
    assert!(!first.1.contains('@'), "nothing about a person: {}", first.1);
    heard(&order, 2).await;
    // The third try would come in five minutes.
    let message_id = &first.0["webhook-id"];
    let soon = "update webhook_deliveries set due_at = now() where message_id = $1 and attempts = 2 and state = 'pending'";
    eventually("the second failure is noted", PATIENCE, async || {
        (db.run(soon, &[message_id]).await == 1).then_some(())
    })
    .await;
    let third = heard(&order, 3).await.remove(2);
    assert_eq!(&third.0["webhook-id"], message_id);

    let path = format!("/webhooks/{id}/deliveries");
    let delivery = eventually("the delivery is logged", PATIENCE, async || {
        let listed = organizer
            .api
            .get(&format!("{path}?state=delivered"))
            .await
            .data(200);
        let deliveries = listed["deliveries"].as_array().unwrap().clone();
        deliveries
            .into_iter()
            .find(|delivery| delivery["messageId"] == message_id.as_str())
    })
    .await;
    assert_eq!(
        (&delivery["attempts"], &delivery["lastStatus"]),
        (&json!(3), &json!(200))
    );

    // The reports know of it, too.
    let report = async |name: &str| {
        let path = format!("/reports/{name}?eventId={}", event.id);
        organizer.api.get(&path).await.data(200)["totals"].clone()
    };
    let sales = report("sales").await;
    assert_eq!(
        (&sales["tickets"], &sales["charged"]),
        (&json!(2), &json!(250_000))
    );
    assert_eq!(report("revenue").await["organizer"], 250_000);
    let attendance = format!("/reports/attendance?eventId={}&format=csv", event.id);
    let table = organizer.api.get(&attendance).await.text();
    assert!(table.ends_with(",10,2,0,0\r\n"), "{table}");

    // With another secret, both sign.
    let rotated = organizer
        .api
        .post(&format!("/webhooks/{id}/secret"), &json!({}))
        .await
        .data(200);
    let replay = format!("{path}/{}/replay", delivery["id"]);
    organizer.api.post(&replay, &json!({})).await.data(200);
    let replayed = heard(&order, 4).await.remove(3);
    assert_eq!((&replayed.0["webhook-id"], &replayed.1), (message_id, &first.1));
    assert!(is_signed(&replayed, &secret) && is_signed(&replayed, rotated["secret"].as_str().unwrap()));

    // Who says to be gone hears no more, and the owner is told.
    receiver.will("webhook.test", &[410]);
    organizer
        .api
        .post(&format!("/webhooks/{id}/test"), &json!({}))
        .await
        .data(200);
    heard("webhook.test", 1).await;
    eventually("the webhook is disabled", PATIENCE, async || {
        let webhook = organizer.api.get(&format!("/webhooks/{id}")).await.data(200);
        (webhook["disabledReason"] == "gone").then_some(())
    })
    .await;
    let refused = organizer
        .api
        .post(&format!("/webhooks/{id}/test"), &json!({}))
        .await;
    assert_eq!(refused.error(409), "webhook_disabled");
    let (email, _) = fleet.account("organizer");
    let told = eventually("the owner is told by mail", PATIENCE, async || {
        // It leaves the letter alone for ten seconds.
        fleet.invoke("outbox-relay", &json!({})).await;
        let mails = fleet.mails(&email).await;
        mails.into_iter().find(|mail| mail.text.contains(&receiver.url))
    })
    .await;
    assert!(told.text.contains("410"), "{}", told.text);
    organizer.api.delete(&format!("/webhooks/{id}")).await.data(200);
}
