//! What the fleet tells people within the application by itself, from the cart to the calling off.

use acceptance::{Api, Buyer, Fleet, Organizer, TicketTerms, eventually, unique};
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(90);

/// What somebody was told, the newest first.
async fn told(api: &Api) -> Vec<String> {
    let data = api.get("/notifications?limit=100").await.data(200);
    let rows = data["notifications"].as_array().unwrap().clone();
    rows.iter()
        .map(|row| row["message"].as_str().unwrap().to_owned())
        .collect()
}

/// Waits until somebody was told something that holds all these words. Told once, that is.
async fn hears(api: &Api, words: &[&str]) {
    let what = format!("{words:?} is told");
    let holds = |message: &String| words.iter().all(|word| message.contains(word));
    let all = eventually(&what, PATIENCE, async || {
        let all = told(api).await;
        all.iter().any(holds).then_some(all)
    })
    .await;
    assert_eq!(all.iter().filter(|message| holds(message)).count(), 1, "{all:?}");
}

async fn speaks(api: &Api, language: &str) {
    let wish = json!({"language": language});
    api.patch("/users/me/preferences", &wish).await.data(200);
}

/// Publishes what a job wrote. The relay leaves alone for ten seconds what a function might publish itself.
async fn publish(fleet: &Fleet) {
    tokio::time::sleep(Duration::from_secs(11)).await;
    fleet.invoke("outbox-relay", &json!({})).await;
}

#[tokio::test]
async fn a_buyer_hears_of_each_step_once_in_the_language_of_their_choice() {
    let fleet = Fleet::running();
    let organizer = Organizer::demo(&fleet).await;
    let event = organizer.event("Notices").await;
    let terms = TicketTerms {
        price: 80_000,
        quantity: 2,
    };
    let ticket = event.sell(terms).await;
    let buyer = Buyer::register(&fleet).await;
    let order = buyer.order_to_pay(ticket, 2).await;
    hears(&buyer.api, &[&order, "menunggu pembayaran"]).await;
    speaks(&buyer.api, "en").await;
    hears(&buyer.api, &[&order, "awaits payment"]).await;

    let midtrans = fleet.midtrans();
    midtrans.pay(&order, "gopay").await;
    hears(&buyer.api, &[&order, "is paid, your 2 tickets are ready"]).await;
    fleet.invoke("announcer", &json!({})).await;
    let organizer_hears = format!("Festival untuk {} habis terjual", event.name);
    hears(&organizer.api, &[&organizer_hears]).await;

    let path = format!("/events/{}", event.id);
    let change = json!({"date": "2031-06-07T12:00:00.000Z", "location": "Istora Senayan, Jakarta"});
    organizer.api.patch(&path, &change).await.data(200);
    fleet.invoke("announcer", &json!({})).await;
    let new = "Saturday, 7 June 2031 at 19:00 WIB, Istora Senayan, Jakarta";
    hears(&buyer.api, &[&event.name, "changed", new]).await;
    publish(&fleet).await;
    let mail = fleet.mail(&buyer.email, "Change of plans").await;
    assert!(
        mail.text
            .contains("It was to be at: Taman Ismail Marzuki, Jakarta"),
        "{}",
        mail.text
    );
    assert!(mail.attachments.iter().any(|(name, _)| name.ends_with(".ics")));

    // A notification that comes again tells nothing again.
    midtrans.notify(json!({"order_id": order})).await;
    let cancel = format!("/events/{}/cancel", event.id);
    organizer.api.post(&cancel, &json!({})).await.data(200);
    fleet.invoke("janitor", &json!({})).await;
    hears(&buyer.api, &[&event.name, "was called off"]).await;
    publish(&fleet).await;
    hears(&buyer.api, &["Rp 160.000", &order, "went back to you"]).await;
    hears(&buyer.api, &[&order, "is paid, your 2 tickets are ready"]).await;
}

#[tokio::test]
async fn who_holds_tickets_is_reminded_the_day_before() {
    let fleet = Fleet::running();
    let organizer = Organizer::demo(&fleet).await;
    let event = organizer.event("Reminder").await;
    let ticket = event
        .sell(TicketTerms {
            price: 0,
            quantity: 5,
        })
        .await;
    let buyer = Buyer::register(&fleet).await;
    let order = buyer.order(ticket, 1).await;
    let body = json!({"orderId": order});
    buyer.api.post("/payments/initialize", &body).await.data(201);
    hears(&buyer.api, &[&order, "sudah lunas"]).await;
    let db = fleet.database().await;
    let soon = "update events set date = now() + interval '23 hours' where id = $1";
    assert_eq!(db.run(soon, &[&event.id]).await, 1);
    for _ in 0..2 {
        fleet.invoke("announcer", &json!({})).await;
    }
    hears(&buyer.api, &[&event.name, "sebentar lagi"]).await;
    publish(&fleet).await;
    let mail = fleet.mail(&buyer.email, "Sebentar lagi").await;
    assert!(mail.text.contains("Anda punya 1 tiket."), "{}", mail.text);
    // Nothing was paid, so there is no receipt.
    let all = fleet.mails(&buyer.email).await;
    let subjects: Vec<&str> = all.iter().map(|mail| mail.subject.as_str()).collect();
    assert!(
        !subjects
            .iter()
            .any(|subject| subject.contains("Pembayaran diterima")),
        "{subjects:?}"
    );
}

#[tokio::test]
async fn an_order_that_nobody_pays_ends_with_a_word() {
    let fleet = Fleet::running();
    let event = Organizer::demo(&fleet).await.event("Expired").await;
    let terms = TicketTerms {
        price: 80_000,
        quantity: 5,
    };
    let ticket = event.sell(terms).await;
    let buyer = Buyer::register(&fleet).await;
    let order = buyer.order(ticket, 1).await;
    fleet.database().await.let_expire(&order).await;
    fleet.invoke("janitor", &json!({})).await;
    hears(&buyer.api, &[&order, "sudah habis"]).await;
}

#[tokio::test]
async fn everybody_hears_of_a_code_of_the_platform_and_nobody_of_an_organizers() {
    let fleet = Fleet::running();
    let (admin, organizer) = (
        Organizer::with_role(&fleet, "admin").await,
        Organizer::demo(&fleet).await,
    );
    let buyer = Buyer::register(&fleet).await;
    let mark = unique().to_uppercase();
    let code = |start: &str| format!("{start}{}", &mark[mark.len() - 12..]);
    let (open, own) = (code("OPEN"), code("OWN"));
    let promo = |code: &str| -> Value {
        json!({"code": code, "discount": 10, "validFrom": "2026-01-01T00:00:00Z", "validTo": "2035-01-01T00:00:00Z"})
    };
    let made = admin.api.post("/promos", &promo(&open)).await.data(201);
    organizer.api.post("/promos", &promo(&own)).await.data(201);
    speaks(&buyer.api, "en").await;
    let offered = format!("New promo code {open} is available! Get 10% discount. Valid until 1/1/2035");
    hears(&buyer.api, &[&offered]).await;
    admin
        .api
        .delete(&format!("/promos/{}", made["id"]))
        .await
        .data(200);
    hears(&buyer.api, &[&open, "is no longer available"]).await;
    assert!(
        !told(&buyer.api)
            .await
            .iter()
            .any(|message| message.contains(&own))
    );
}

/// What SES would tell now of a mail to somebody: news from before the address was proved would change nothing.
fn bounce(email: &str) -> String {
    json!({
        "eventType": "Bounce",
        "bounce": {
            "bounceType": "Permanent", "bounceSubType": "General", "timestamp": jiff::Timestamp::now().to_string(),
            "bouncedRecipients": [{"emailAddress": email}],
        },
        "mail": {"messageId": "0100018f-6a1b"},
    })
    .to_string()
}

#[tokio::test]
async fn a_mailbox_that_is_missing_gets_no_more_until_its_owner_proves_it() {
    let fleet = Fleet::running();
    let buyer = Buyer::register(&fleet).await;
    let db = fleet.database().await;
    fleet
        .queue("MailEventsUrl")
        .await
        .send(&[&bounce(&buyer.email)])
        .await;
    let known = "select count(*) from mail_suppressions
                 where address_hash = sha256(convert_to($1, 'UTF8')) and bounced_at is not null";
    eventually("the bounce is known", PATIENCE, async || {
        (db.number(known, &[&buyer.email]).await == 1).then_some(())
    })
    .await;
    let before = fleet.mails(&buyer.email).await.len();
    let code = async || {
        let api = fleet.stranger();
        let email = json!({"email": buyer.email});
        let token = api.post("/auth/forgot-password", &email).await.data(200)["token"].clone();
        let asked = api.post("/auth/generate-otp", &json!({"token": token})).await;
        asked.data(200);
    };
    code().await;
    let dropped = "select count(*) from mail_log l join outbox o on o.id = l.message_id
                   where o.body::jsonb -> 'body' ->> 'to' = $1 and l.reason = 'the address does not exist'";
    eventually("the code is held back", PATIENCE, async || {
        (db.number(dropped, &[&buyer.email]).await == 1).then_some(())
    })
    .await;
    assert_eq!(fleet.mails(&buyer.email).await.len(), before);

    let again = json!({"email": buyer.email});
    fleet
        .stranger()
        .post("/auth/resend-verification", &again)
        .await
        .data(200);
    let link = eventually("a new link", PATIENCE, async || {
        let mails = fleet.mails(&buyer.email).await;
        let link = mails
            .last()
            .map(|mail| mail.link(&format!("{}/auth/verify/", fleet.api_url)));
        link.filter(|_| mails.len() > before)
    })
    .await;
    assert_eq!(fleet.stranger().get(&link).await.status, 200);
    assert_eq!(db.number(known, &[&buyer.email]).await, 0);
    code().await;
    fleet.mail(&buyer.email, "kata sandi").await;
}
