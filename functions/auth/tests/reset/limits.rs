use crate::support::{AYU, NEW, OLD, Setup};
use serde_json::{Value, json};

const HERE: &str = "198.51.100.1";
const ELSEWHERE: &str = "198.51.100.2";

fn credentials(email: &str, password: &str) -> Value {
    json!({"email": email, "password": password})
}

/// Sends requests until one is refused by a limit, and tells how many were not.
async fn passed(t: &Setup, ip: &str, operation: &str, mut body: impl FnMut(u32) -> Value) -> u32 {
    for count in 0..200 {
        let reply = t.call_from(ip, operation, body(count)).await;
        if reply.status == 429 {
            assert_eq!(reply.error(429), "rate_limited");
            let wait: u32 = reply.headers["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1..=3_600).contains(&wait), "{wait}");
            assert_eq!(reply.headers["ratelimit-remaining"], "0");
            assert!(reply.headers.contains_key("ratelimit-policy"));
            return count;
        }
    }
    200
}

#[tokio::test]
async fn log_ins_are_limited_by_address_and_caller_together() {
    let t = Setup::with_ayu().await;
    let fail = |_| credentials(AYU, "wrong password");
    assert_eq!(passed(&t, HERE, "login", fail).await, 10);
    // The owner is not locked out by somebody else's failures, nor the caller out of other accounts.
    let owner = t.call_from(ELSEWHERE, "login", credentials(AYU, OLD)).await;
    assert_eq!(owner.headers["ratelimit-limit"], "10");
    assert_eq!(owner.headers["ratelimit-policy"], "10;w=60");
    assert_eq!(owner.headers["ratelimit-remaining"], "9");
    owner.data(200);
    let right = t
        .call_from(HERE, "login", credentials("AYU@EXAMPLE.com", OLD))
        .await;
    assert_eq!(
        right.error(429),
        "rate_limited",
        "whatever the case and the password"
    );
    assert_eq!(
        t.call_from(HERE, "login", credentials("budi@example.com", "wrong password"))
            .await
            .error(401),
        "unauthenticated"
    );
    t.clock.advance(60);
    t.call_from(HERE, "login", credentials(AYU, OLD)).await.data(200);
}

#[tokio::test]
async fn trying_many_addresses_is_limited_by_caller() {
    let t = Setup::new().await;
    let spray = |count| credentials(&format!("user{count}@example.com"), "wrong password");
    assert_eq!(passed(&t, HERE, "login", spray).await, 30);
    let reply = t
        .call_from(
            ELSEWHERE,
            "login",
            credentials("user1@example.com", "wrong password"),
        )
        .await;
    assert_eq!(reply.error(401), "unauthenticated");
}

#[tokio::test]
async fn registrations_are_limited_by_caller() {
    let t = Setup::new().await;
    let body = |count| {
        json!({
            "email": format!("user{count}@example.com"), "password": OLD, "name": "A", "age": 20, "phoneNumber": "1",
        })
    };
    assert_eq!(passed(&t, HERE, "register", body).await, 10);
    assert_eq!(t.db.count("select count(*) from users").await, 10);
    t.call_from(ELSEWHERE, "register", body(11)).await.data(201);
}

#[tokio::test]
async fn forgotten_passwords_are_limited_by_address_and_by_caller() {
    let t = Setup::with_ayu().await;
    let ayu = |_| json!({"email": AYU});
    assert_eq!(passed(&t, HERE, "forgot_password", ayu).await, 5);
    assert_eq!(passed(&t, ELSEWHERE, "forgot_password", ayu).await, 0);
    // The refused one counted for its caller, too.
    let many = |count| json!({"email": format!("user{count}@example.com")});
    assert_eq!(passed(&t, HERE, "forgot_password", many).await, 14);
}

#[tokio::test]
async fn the_steps_of_a_reset_are_limited_by_caller() {
    let t = Setup::with_ayu().await;
    let steps = ["generate_otp", "verify_otp", "reset_password"];
    let body = json!({"token": "x", "otp": "123456", "password": NEW, "confirmPassword": NEW});
    for count in 0..30 {
        let reply = t.call_from(HERE, steps[count % 3], body.clone()).await;
        assert_eq!(reply.error(400), "invalid_token");
    }
    for step in steps {
        assert_eq!(
            t.call_from(HERE, step, body.clone()).await.error(429),
            "rate_limited"
        );
        assert_eq!(
            t.call_from(ELSEWHERE, step, body.clone()).await.error(400),
            "invalid_token"
        );
    }
}

#[tokio::test]
async fn without_the_table_nothing_passes() {
    let t = Setup::with_store(kv::Store::unreachable()).await;
    for (operation, body) in [
        ("login", credentials(AYU, OLD)),
        (
            "register",
            json!({"email": AYU, "password": OLD, "name": "A", "age": 20, "phoneNumber": "1"}),
        ),
        ("resend_verification", json!({"email": AYU})),
        ("forgot_password", json!({"email": AYU})),
        ("generate_otp", json!({"token": "x"})),
        ("verify_otp", json!({"token": "x", "otp": "123456"})),
        (
            "reset_password",
            json!({"token": "x", "otp": "123456", "password": NEW, "confirmPassword": NEW}),
        ),
    ] {
        let reply = t.call(operation, body).await;
        assert_eq!(reply.error(503), "unavailable", "{operation}");
        assert!(reply.headers.contains_key("retry-after"), "{operation}");
    }
    assert_eq!(t.db.count("select count(*) from users").await, 0);
}
