use crate::support::{AYU, NEW, OLD, Setup, invalid_otp, invalid_token, refusal, refused, wrong};
use serde_json::{Value, json};
use testkit::TestTokens;

#[tokio::test]
async fn a_forgotten_password_is_replaced_in_the_order_of_existing_clients() {
    let t = Setup::with_ayu().await;
    let reply = t
        .call("forgot_password", json!({"email": "AYU@Example.com"}))
        .await;
    assert_eq!(
        reply.message(),
        "Password reset initiated. Please check your email for next steps."
    );
    let data = reply.data(200);
    assert_eq!(data.as_object().unwrap().len(), 1, "{data}");
    let token = data["token"].as_str().unwrap();
    assert!(
        token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{token}"
    );

    let reply = t.generate(token).await;
    assert_eq!(reply.message(), "OTP has been sent to your email");
    assert_eq!(reply.data(200), Value::Null);
    let mail = t.mailed().await.unwrap();
    assert_eq!((mail.to.as_str(), mail.name.as_str()), (AYU, "Ayu"));
    assert!(
        mail.code.len() == 6 && mail.code.bytes().all(|byte| byte.is_ascii_digit()),
        "{}",
        mail.code
    );

    // Clients check the code on one page and use it on the next: checking does not use it up.
    for _ in 0..2 {
        let reply = t.verify(token, &mail.code).await;
        assert_eq!(reply.message(), "OTP verified successfully");
        assert_eq!(reply.data(200), Value::Null);
    }

    t.clock.advance(60);
    let reply = t.replace(token, &mail.code, NEW).await;
    assert_eq!(reply.message(), "Password has been reset successfully");
    assert_eq!(reply.data(200), Value::Null);
    assert_eq!(t.login(AYU, OLD).await.error(401), "unauthenticated");
    t.login(AYU, NEW).await.data(200);
}

#[tokio::test]
async fn a_reset_ends_sessions_and_uses_up_every_token_of_the_account() {
    let t = Setup::with_ayu().await;
    t.register("budi@example.com").await;
    t.login(AYU, OLD).await.data(200);
    t.login(AYU, OLD).await.data(200);
    t.login("budi@example.com", OLD).await.data(200);
    let going_on = "select count(*) from sessions where ended_at is null";
    assert_eq!(t.db.count(going_on).await, 3);
    let (open, open_code) = t.begin(AYU).await;
    let (other, other_code) = t.begin("budi@example.com").await;
    t.clock.advance(1);
    let (used, code) = t.begin(AYU).await;
    t.clock.advance(1);
    t.replace(&used, &code, NEW).await.data(200);

    let ended = "select string_agg(to_char(ended_at at time zone 'utc', 'HH24:MI:SS'), ' ') from sessions";
    assert_eq!(t.db.text(ended).await, "12:00:02 12:00:02");
    assert_eq!(t.db.count(going_on).await, 1, "nobody else has to log in again");
    for (token, code) in [(&used, &code), (&open, &open_code)] {
        assert_eq!(refusal(&t.verify(token, code).await), invalid_token());
        assert_eq!(refusal(&t.replace(token, code, OLD).await), invalid_token());
        assert_eq!(refusal(&t.generate(token).await), invalid_token());
    }
    t.login(AYU, NEW).await.data(200);
    t.verify(&other, &other_code).await.data(200);
}

#[tokio::test]
async fn two_resets_with_the_same_code_at_once_are_one() {
    let t = Setup::with_ayu().await;
    let (token, code) = t.begin(AYU).await;
    let environments: Vec<_> = (0..4).map(|_| t.another()).collect();
    let calls = environments.iter().enumerate().map(|(i, api)| {
        let password = format!("{NEW} {i}");
        let body = json!({"token": token, "otp": code, "password": password, "confirmPassword": password});
        crate::support::insist(api, "reset_password", "203.0.113.7", body)
    });
    let replies = futures_util::future::join_all(calls).await;
    let done: Vec<_> = replies
        .iter()
        .enumerate()
        .filter(|(_, reply)| reply.status == 200)
        .map(|(i, _)| i)
        .collect();
    assert_eq!(done.len(), 1, "{done:?}");
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        assert_eq!(refusal(reply), invalid_token());
    }
    t.login(AYU, &format!("{NEW} {}", done[0])).await.data(200);
}

#[tokio::test]
async fn tokens_and_codes_end_with_their_time() {
    let t = Setup::with_ayu().await;
    let (token, first) = t.begin(AYU).await;
    t.clock.advance(599);
    t.verify(&token, &first).await.data(200);
    t.clock.advance(1);
    let expired = refused("otp_expired", "OTP has expired");
    assert_eq!(refusal(&t.verify(&token, &first).await), expired);
    assert_eq!(refusal(&t.replace(&token, &first, NEW).await), expired);

    t.generate(&token).await.data(200);
    let second = t.mailed().await.unwrap().code;
    if first != second {
        assert_eq!(refusal(&t.verify(&token, &first).await), invalid_otp());
    }
    t.verify(&token, &second).await.data(200);

    t.clock.advance(2_999);
    t.generate(&token).await.data(200);
    let third = t.mailed().await.unwrap().code;
    t.verify(&token, &third).await.data(200);
    t.clock.advance(1);
    for reply in [
        t.verify(&token, &third).await,
        t.replace(&token, &third, NEW).await,
        t.generate(&token).await,
    ] {
        assert_eq!(refusal(&reply), invalid_token());
    }
    t.login(AYU, OLD).await.data(200);
}

#[tokio::test]
async fn old_rows_go_with_new_ones() {
    let t = Setup::with_ayu().await;
    t.begin(AYU).await;
    t.clock.advance(7_200);
    t.forget("nobody@example.com").await;
    assert_eq!(t.db.count("select count(*) from password_resets").await, 2);
    t.clock.advance(1);
    t.forget("nobody@example.com").await;
    assert_eq!(
        t.db.count("select count(*) from password_resets").await,
        2,
        "the first one is gone"
    );
}

#[tokio::test]
async fn every_refusal_says_what_existing_clients_know() {
    let t = Setup::with_ayu().await;
    let token = t.forget(AYU).await;
    let not_generated = refused("otp_not_generated", "OTP not generated");
    assert_eq!(refusal(&t.verify(&token, "123456").await), not_generated);
    assert_eq!(refusal(&t.replace(&token, "123456", NEW).await), not_generated);

    t.generate(&token).await.data(200);
    let code = t.mailed().await.unwrap().code;
    assert_eq!(refusal(&t.verify(&token, &wrong(&code, 0)).await), invalid_otp());
    assert_eq!(
        refusal(&t.replace(&token, &wrong(&code, 1), NEW).await),
        invalid_otp()
    );

    let unknown = "0".repeat(64);
    let long = "a".repeat(50_000);
    for bad in [unknown.as_str(), "x", "' or true --", "\u{0}", long.as_str()] {
        for reply in [
            t.generate(bad).await,
            t.verify(bad, &code).await,
            t.replace(bad, &code, NEW).await,
        ] {
            assert_eq!(refusal(&reply), invalid_token(), "{bad:.20}");
        }
    }
    t.verify(&token, &code).await.data(200);
}

#[tokio::test]
async fn bad_input_is_told_by_field_and_costs_no_try() {
    let t = Setup::with_ayu().await;
    let (token, code) = t.begin(AYU).await;
    for (operation, body, message) in [
        ("forgot_password", json!({}), "\"email\" is required"),
        (
            "forgot_password",
            json!({"email": "x"}),
            "\"email\" must be a valid email",
        ),
        ("generate_otp", json!({}), "\"token\" is required"),
        ("generate_otp", json!({"token": ""}), "Token is required"),
        ("generate_otp", json!({"token": 7}), "\"token\" must be a string"),
        (
            "verify_otp",
            json!({"token": token, "otp": "12345"}),
            "OTP must be 6 digits",
        ),
        (
            "verify_otp",
            json!({"token": token, "otp": "12345x"}),
            "OTP must be 6 digits",
        ),
        (
            "verify_otp",
            json!({"token": token, "otp": "１２"}),
            "OTP must be 6 digits",
        ),
        (
            "verify_otp",
            json!({"token": token, "otp": 123_456}),
            "\"otp\" must be a string",
        ),
        (
            "reset_password",
            json!({"token": token, "otp": code, "password": "short", "confirmPassword": "short"}),
            "Password must be at least 8 characters",
        ),
        (
            "reset_password",
            json!({"token": token, "otp": code, "password": NEW, "confirmPassword": "another one"}),
            "Passwords do not match",
        ),
        (
            "reset_password",
            json!({"token": token, "otp": code, "password": "password123", "confirmPassword": "password123"}),
            "\"password\" is among the most guessed passwords, please choose another",
        ),
        (
            "reset_password",
            json!({"token": token, "otp": code, "password": "x".repeat(129), "confirmPassword": "x".repeat(129)}),
            "\"password\" must be at most 128 characters long",
        ),
    ] {
        let reply = t.call(operation, body).await;
        assert_eq!(refusal(&reply), refused("invalid_input", message));
    }
    assert_eq!(
        t.db.count("select max(wrong_tries) from password_resets").await,
        0
    );
    t.login(AYU, OLD).await.data(200);
    t.replace(&token, &code, NEW).await.data(200);
}

#[tokio::test]
async fn neither_tokens_nor_codes_are_kept() {
    let t = Setup::with_ayu().await;
    let (token, code) = t.begin(AYU).await;
    let row =
        t.db.text("select row_to_json(r)::text from password_resets r")
            .await;
    assert!(!row.contains(&token) && !row.contains(AYU), "{row}");
    assert!(!row.contains(&format!("\"{code}\"")), "{row}");
    assert!(
        TestTokens::checker().check(&token, t.clock.now()).is_none(),
        "the token of a reset opens nothing else"
    );
}
