//! A forgotten password, in the order in which existing clients call, with the code out of the mailbox.

use acceptance::{Api, Buyer, Fleet, PASSWORD, eventually, unique};
use serde_json::{Value, json};
use std::time::Duration;

/// Access tokens die within this after their session.
const PATIENCE: Duration = Duration::from_secs(60);

const NEW: &str = "a battery of correct horses";

/// Asks for a token.
async fn forget(api: &Api, email: &str) -> Value {
    let reply = api.post("/auth/forgot-password", &json!({"email": email})).await;
    assert_eq!(
        reply.message(),
        "Password reset initiated. Please check your email for next steps."
    );
    reply.data(200)["token"].clone()
}

/// The code of the one mail about a reset that an address got.
async fn mailed_code(fleet: &Fleet, email: &str) -> String {
    let mail = fleet.mail(email, "kata sandi").await;
    let code = mail
        .text
        .lines()
        .find(|line| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit()));
    let code = code.unwrap_or_else(|| panic!("no code in {}", mail.text));
    assert!(mail.html.contains(&format!(">{code}<")), "{}", mail.html);
    code.to_owned()
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_with_the_code_of_the_mail() {
    let fleet = Fleet::running();
    let buyer = Buyer::register(&fleet).await;
    let api = fleet.stranger();
    let token = forget(&api, &buyer.email.to_uppercase()).await;
    let sent = api.post("/auth/generate-otp", &json!({"token": token})).await;
    assert_eq!(
        (sent.message().as_str(), sent.data(200)),
        ("OTP has been sent to your email", Value::Null)
    );
    let code = mailed_code(&fleet, &buyer.email).await;

    let wrong = if code == "000000" { "000001" } else { "000000" };
    let refused = api
        .post("/auth/verify-otp", &json!({"token": token, "otp": wrong}))
        .await;
    assert_eq!(
        (refused.error(400).as_str(), refused.message().as_str()),
        ("invalid_otp", "Invalid OTP")
    );
    let proof = json!({"token": token, "otp": code});
    let verified = api.post("/auth/verify-otp", &proof).await;
    assert_eq!(
        (verified.message().as_str(), verified.data(200)),
        ("OTP verified successfully", Value::Null)
    );
    let body = json!({"token": token, "otp": code, "password": NEW, "confirmPassword": NEW});
    let replaced = api.post("/auth/reset-password", &body).await;
    assert_eq!(
        (replaced.message().as_str(), replaced.data(200)),
        ("Password has been reset successfully", Value::Null)
    );

    let again = api.post("/auth/reset-password", &body).await;
    assert_eq!(
        (again.error(400).as_str(), again.message().as_str()),
        ("invalid_token", "Invalid reset token")
    );
    let old = json!({"email": buyer.email, "password": PASSWORD});
    assert_eq!(api.post("/auth/login", &old).await.error(401), "unauthenticated");
    Buyer::log_in(&fleet, &buyer.email, NEW).await;
    eventually("the old session ends", PATIENCE, async || {
        let reply = buyer.api.get("/users/me").await;
        (reply.status == 401).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_token_of_a_reset_is_no_access_token() {
    let fleet = Fleet::running();
    let buyer = Buyer::register(&fleet).await;
    let token = forget(&fleet.stranger(), &buyer.email).await;
    let api = fleet.bearer(token.as_str().unwrap());
    for path in ["/users/me", "/cart", "/tickets/mine"] {
        assert_eq!(api.get(path).await.error(401), "unauthenticated", "{path}");
    }
}

#[tokio::test]
async fn five_wrong_codes_end_a_reset_and_three_codes_are_mailed() {
    let fleet = Fleet::running();
    let buyer = Buyer::register(&fleet).await;
    let api = fleet.stranger();
    let token = forget(&api, &buyer.email).await;
    let ask = json!({"token": token});
    for _ in 0..3 {
        api.post("/auth/generate-otp", &ask).await.data(200);
    }
    let refused = api.post("/auth/generate-otp", &ask).await;
    assert_eq!(refused.error(429), "rate_limited");
    let wait: u32 = refused.header("retry-after").parse().unwrap();
    assert!((3_500..=3_600).contains(&wait), "{wait}");

    // Random codes: one run in two hundred thousand guesses right.
    let mut codes = Vec::new();
    for guess in [
        "000000", "111111", "222222", "333333", "444444", "555555", "666666",
    ] {
        let reply = api
            .post("/auth/verify-otp", &json!({"token": token, "otp": guess}))
            .await;
        codes.push(reply.error(400));
    }
    assert_eq!(codes.iter().filter(|code| *code == "invalid_otp").count(), 5);
    assert_eq!(codes.iter().filter(|code| *code == "invalid_token").count(), 2);
    let again = api.post("/auth/generate-otp", &ask).await;
    assert_eq!(again.error(400), "invalid_token");
}

#[tokio::test]
async fn an_address_that_nobody_has_gets_the_same_answers_and_no_mail() {
    let fleet = Fleet::running();
    let email = format!("nobody-{}@acceptance.example", unique());
    let api = fleet.stranger();
    let token = forget(&api, &email).await;
    assert_eq!(token.as_str().unwrap().len(), 64);
    let sent = api.post("/auth/generate-otp", &json!({"token": token})).await;
    assert_eq!(
        (sent.message().as_str(), sent.data(200)),
        ("OTP has been sent to your email", Value::Null)
    );
    let refused = api
        .post("/auth/verify-otp", &json!({"token": token, "otp": "123456"}))
        .await;
    assert_eq!(refused.error(400), "invalid_otp");

    // A mail that was asked for later has come; the other one has not.
    let buyer = Buyer::register(&fleet).await;
    let token = forget(&api, &buyer.email).await;
    api.post("/auth/generate-otp", &json!({"token": token}))
        .await
        .data(200);
    mailed_code(&fleet, &buyer.email).await;
    assert_eq!(fleet.mails(&email).await.len(), 0);
}
