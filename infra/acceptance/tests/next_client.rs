//! The flows of the Next.js client, call by call, reading what it reads and in the order in which it asks.

use acceptance::pictures::{picture, send_form, url_of};
use acceptance::{Api, Buyer, Fleet, Organizer, Reply, TicketTerms, eventually, unique};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// What the client shows of a refusal: it looks at `status` and prints `message` as it is.
fn shown(reply: &Reply) -> String {
    let body: Value = serde_json::from_slice(&reply.bytes).unwrap();
    assert_eq!(body["status"], "error", "{body}");
    body["message"].as_str().unwrap().to_owned()
}

/// What the client's middleware does with the cookie that it wrote: the signature, then the times, without leeway.
fn middleware(fleet: &Fleet, token: &str) -> Value {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, fleet.secrets().jwt_secret.as_bytes());
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    ring::hmac::verify(&key, signed.as_bytes(), &signature).unwrap();
    let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert!(claims["exp"].as_i64().unwrap() > jiff::Timestamp::now().as_second());
    assert!(claims.get("nbf").is_none());
    claims
}

async fn log_in(api: &Api, email: &str, password: &str) -> Reply {
    api.post("/auth/login", &json!({"email": email, "password": password}))
        .await
}

#[tokio::test]
async fn somebody_registers_proves_the_address_and_logs_in() {
    let fleet = Fleet::running();
    let (api, email) = (fleet.stranger(), format!("next-{}@acceptance.example", unique()));
    let form = json!({
        "email": email, "password": "correct horse battery", "name": "Ayu", "age": 27, "phoneNumber": "081234567890",
    });
    let registered = api.post("/auth/register", &form).await.data(201);
    assert!(registered["user"].is_object(), "the client copies fields of it");
    let again = api.post("/auth/register", &form).await;
    assert_eq!(
        (again.status, shown(&again).as_str()),
        (400, "Email already exists")
    );

    // The address is not proved yet: the client looks for this word and offers to send the mail again.
    let early = log_in(&api, &email, "correct horse battery").await;
    assert_eq!(early.status, 403);
    assert!(shown(&early).contains("verify"));
    api.post("/auth/resend-verification", &json!({"email": email}))
        .await
        .data(200);

    // The mail that came last holds the link that counts.
    let link = eventually("the second mail", PATIENCE, async || {
        let mails = fleet.mails(&email).await;
        let last = mails.get(1)?;
        Some(last.link(&format!("{}/auth/verify/", fleet.api_url)))
    })
    .await;
    let page = api.get(&link).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.text().contains("/login\""), "{}", page.text());

    let wrong = log_in(&api, &email, "something else").await;
    assert_eq!(
        (wrong.status, shown(&wrong).as_str()),
        (401, "Invalid email or password")
    );
    let data = log_in(&api, &email, "correct horse battery").await.data(200);
    assert_eq!(data["user"]["email"], email.as_str());
    let claims = middleware(&fleet, data["token"].as_str().unwrap());
    assert_eq!(claims["email"], email.as_str());
    assert_eq!(claims["sub"], data["user"]["id"].to_string());
    assert_eq!(claims["name"], "Ayu");
}

#[tokio::test]
async fn somebody_who_forgot_the_password_chooses_another() {
    let fleet = Fleet::running();
    let buyer = Buyer::register(&fleet).await;
    let api = fleet.stranger();
    let asked = api
        .post("/auth/forgot-password", &json!({"email": buyer.email}))
        .await
        .data(200);
    let token = asked["token"].as_str().unwrap();
    // The client asks for the code at once, with the token of the answer.
    api.post("/auth/generate-otp", &json!({"token": token}))
        .await
        .data(200);
    let mail = fleet.mail(&buyer.email, "kata sandi").await;
    let digits = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
    let otp = mail.text.lines().find(digits).unwrap();

    let proof = json!({"token": token, "otp": otp});
    api.post("/auth/verify-otp", &proof).await.data(200);
    let form = |password: &str, again: &str| json!({"token": token, "otp": otp, "password": password, "confirmPassword": again});
    let short = api.post("/auth/reset-password", &form("short", "short")).await;
    assert_eq!(shown(&short), "Password must be at least 8 characters");
    let other = api
        .post(
            "/auth/reset-password",
            &form("a battery of horses", "a battery of hens"),
        )
        .await;
    assert_eq!(shown(&other), "Passwords do not match");
    // The code that was verified is good once more: the client kept it in a cookie.
    let changed = api
        .post(
            "/auth/reset-password",
            &form("a battery of horses", "a battery of horses"),
        )
        .await;
    assert_eq!(changed.message(), "Password has been reset successfully");
    let token = log_in(&api, &buyer.email, "a battery of horses").await.data(200)["token"].clone();
    middleware(&fleet, token.as_str().unwrap());
}

#[tokio::test]
async fn everybody_sees_the_list_of_events_with_their_tickets() {
    let fleet = Fleet::running();
    let organizer = Organizer::demo(&fleet).await;
    let event = organizer.event("Next").await;
    let terms = TicketTerms {
        price: 75_000,
        quantity: 10,
    };
    let ticket = event.sell(terms).await;
    let path = format!("/events/{}", event.id);
    let changed = send_form(&organizer.api, "PATCH", &path, &[], &picture(640, 480))
        .await
        .data(200);
    let image = url_of(&fleet, &changed).await;
    // The list is made on the client's server, without a token. The dialog of an event reads the list again and looks the
    // event up in it, so the order may not change in between.
    let api = fleet.stranger();
    let path = format!("/events?page=1&limit=6&search={}", event.name.replace(' ', "%20"));
    let list = api.get(&path).await.data(200);
    assert_eq!(api.get(&path).await.data(200), list);
    let shown = &list["events"][0];
    assert_eq!(shown["id"], event.id);
    for text in ["name", "description", "location"] {
        assert!(shown[text].is_string(), "{shown}");
    }
    assert!(shown["date"].as_str().unwrap().ends_with('Z'));
    // The client shows pictures of one host only, which is ImageKit's, and asks it for them itself.
    assert_eq!(shown["imageUrl"], image.as_str());
    assert!(image.starts_with(&format!("{}/", fleet.imagekit_url)), "{image}");
    assert_eq!(fleet.imagekit().show(&image).await.status, 200);
    let ticket_shown = &shown["tickets"][0];
    assert_eq!(
        (&ticket_shown["id"], &ticket_shown["price"]),
        (&json!(ticket), &json!(75_000))
    );
    for key in ["name", "quantity", "imageUrl", "artist"] {
        assert!(ticket_shown.get(key).is_some(), "{ticket_shown}");
    }
}
