use crate::support::{AYU, NEW, Setup, invalid_otp, refusal, said};
use serde_json::json;
use testkit::Reply;

const NOBODY: &str = "nobody@example.com";

#[tokio::test]
async fn an_address_that_nobody_has_is_answered_like_any_other() {
    let t = Setup::with_ayu().await;
    let mut known = Vec::new();
    let mut unknown = Vec::new();
    for (email, answers) in [(AYU, &mut known), (NOBODY, &mut unknown)] {
        let ip = if email == AYU {
            "198.51.100.1"
        } else {
            "198.51.100.2"
        };
        let asked: Reply = t.call_from(ip, "forgot_password", json!({"email": email})).await;
        let token = asked.data(200)["token"].as_str().unwrap().to_owned();
        let (status, mut body) = said(&asked);
        assert_eq!(body["data"]["token"].as_str().unwrap().len(), 64);
        body["data"]["token"] = json!("random");
        answers.push((status, body));
        let step = async |operation, body| said(&t.call_from(ip, operation, body).await);
        let guess = json!({"token": token, "otp": "314159"});
        let reset = json!({
            "token": token, "otp": "271828", "password": NEW, "confirmPassword": NEW,
        });
        answers.push(step("verify_otp", guess.clone()).await);
        for _ in 0..4 {
            answers.push(step("generate_otp", json!({"token": token})).await);
        }
        for _ in 0..5 {
            answers.push(step("reset_password", reset.clone()).await);
            answers.push(step("verify_otp", guess.clone()).await);
        }
        answers.push(step("generate_otp", json!({"token": token})).await);
        for _ in 0..5 {
            let (status, mut body) = step("forgot_password", json!({"email": email})).await;
            if status == 200 {
                body["data"]["token"] = json!("random");
            }
            answers.push((status, body));
        }
    }
    assert_eq!(known, unknown);
    let statuses: Vec<u16> = unknown.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses[..6], [200, 400, 200, 200, 200, 429], "{statuses:?}");
    assert_eq!(*statuses.last().unwrap(), 429, "{statuses:?}");
}

#[tokio::test]
async fn headers_tell_nothing_either() {
    let t = Setup::with_ayu().await;
    let mut seen = Vec::new();
    for (ip, email) in [("198.51.100.1", AYU), ("198.51.100.2", NOBODY)] {
        let asked = t.call_from(ip, "forgot_password", json!({"email": email})).await;
        let token = asked.data(200)["token"].clone();
        let sent = t.call_from(ip, "generate_otp", json!({"token": token})).await;
        for reply in [asked, sent] {
            let mut headers = reply.headers;
            headers.remove("x-request-id").unwrap();
            seen.push(headers);
        }
    }
    assert_eq!(seen[..2], seen[2..]);
}

#[tokio::test]
async fn both_leave_the_same_rows_and_messages() {
    let t = Setup::with_ayu().await;
    t.db.run("delete from outbox").await;
    for email in [AYU, NOBODY] {
        let token = t.forget(email).await;
        t.generate(&token).await.data(200);
    }
    let rows = "select count(distinct (code_expires_at, wrong_tries, mailed_at, expires_at, length(code_hash))) from password_resets";
    assert_eq!(t.db.count(rows).await, 1, "the rows differ by their hashes alone");
    assert_eq!(
        t.db.count("select count(*) from password_resets where user_id is null")
            .await,
        1
    );
    let messages = "select count(*) from outbox where queue = 'mail' and published_at is not null";
    assert_eq!(t.db.count(messages).await, 2);
    let decoy = "select count(*) from outbox where body like '%{\"kind\":\"decoy\"}}'";
    assert_eq!(t.db.count(decoy).await, 1, "nothing is mailed to a stranger");
}

#[tokio::test]
async fn a_token_for_nobody_does_not_become_good_when_somebody_registers() {
    let t = Setup::new().await;
    let token = t.forget(NOBODY).await;
    t.register(NOBODY).await;
    t.generate(&token).await.data(200);
    assert!(t.mailed().await.is_none());
    assert_eq!(refusal(&t.replace(&token, "000000", NEW).await), invalid_otp());
}

#[tokio::test]
async fn a_reset_does_not_prove_an_address() {
    let t = Setup::with_ayu().await;
    t.db.run("update users set is_verified = false").await;
    let (token, code) = t.begin(AYU).await;
    t.replace(&token, &code, NEW).await.data(200);
    assert_eq!(t.login(AYU, NEW).await.error(403), "email_not_verified");
}
