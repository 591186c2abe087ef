use crate::support::{AYU, NEW, OLD, Setup, insist, invalid_otp, invalid_token, refusal, wrong};
use serde_json::json;

#[tokio::test]
async fn the_fifth_wrong_code_voids_the_token_even_for_the_right_one() {
    let t = Setup::with_ayu().await;
    let (token, code) = t.begin(AYU).await;
    for number in 0..5 {
        // Both ways to try a code count.
        let guess = wrong(&code, number);
        let reply = if number % 2 == 0 {
            t.verify(&token, &guess).await
        } else {
            t.replace(&token, &guess, NEW).await
        };
        assert_eq!(refusal(&reply), invalid_otp(), "{number}");
    }
    for reply in [
        t.verify(&token, &code).await,
        t.replace(&token, &code, NEW).await,
        t.generate(&token).await,
    ] {
        assert_eq!(refusal(&reply), invalid_token());
    }
    t.login(AYU, OLD).await.data(200);
    let (token, code) = t.begin(AYU).await;
    t.replace(&token, &code, NEW).await.data(200);
}

#[tokio::test]
async fn a_new_code_gives_no_new_tries() {
    let t = Setup::with_ayu().await;
    let (token, code) = t.begin(AYU).await;
    for number in 0..4 {
        assert_eq!(
            refusal(&t.verify(&token, &wrong(&code, number)).await),
            invalid_otp()
        );
    }
    t.generate(&token).await.data(200);
    let code = t.mailed().await.unwrap().code;
    t.verify(&token, &code).await.data(200);
    assert_eq!(refusal(&t.verify(&token, &wrong(&code, 0)).await), invalid_otp());
    assert_eq!(refusal(&t.verify(&token, &code).await), invalid_token());
}

#[tokio::test]
async fn of_twenty_guesses_at_once_five_are_looked_at() {
    let t = Setup::with_ayu().await;
    let (token, code) = t.begin(AYU).await;
    let environments: Vec<_> = (0..20).map(|_| t.another()).collect();
    let guesses = environments.iter().zip(0..).map(async |(api, number)| {
        let body = json!({"token": token, "otp": wrong(&code, number)});
        insist(api, "verify_otp", &format!("198.51.100.{number}"), body).await
    });
    let replies = futures_util::future::join_all(guesses).await;
    let looked_at = replies.iter().filter(|reply| refusal(reply) == invalid_otp());
    assert_eq!(looked_at.count(), 5);
    let refused = replies.iter().filter(|reply| refusal(reply) == invalid_token());
    assert_eq!(refused.count(), 15);
    assert_eq!(t.db.count("select wrong_tries from password_resets").await, 5);
    assert_eq!(refusal(&t.verify(&token, &code).await), invalid_token());
}

#[tokio::test]
async fn a_thousand_guesses_from_many_places_are_five() {
    let t = Setup::with_ayu().await;
    let (token, code) = t.begin(AYU).await;
    let mut looked_at = 0;
    for number in 0..1_000 {
        let ip = format!("198.51.{}.{}", number / 250, number % 250);
        let body = json!({"token": token, "otp": wrong(&code, number)});
        let reply = t.call_from(&ip, "verify_otp", body).await;
        if refusal(&reply) == invalid_otp() {
            looked_at += 1;
        }
    }
    assert_eq!(looked_at, 5);
}

#[tokio::test]
async fn a_code_works_with_its_own_token_only() {
    let t = Setup::with_ayu().await;
    t.register("budi@example.com").await;
    let (ayu, ayu_code) = t.begin(AYU).await;
    let (budi, budi_code) = t.begin("budi@example.com").await;
    let (second, second_code) = t.begin(AYU).await;
    for (token, code, own) in [
        (&ayu, &budi_code, &ayu_code),
        (&budi, &ayu_code, &budi_code),
        (&ayu, &second_code, &ayu_code),
        (&second, &ayu_code, &second_code),
    ] {
        if code != own {
            assert_eq!(refusal(&t.verify(token, code).await), invalid_otp());
        }
        t.verify(token, own).await.data(200);
    }
}

#[tokio::test]
async fn an_address_gets_three_codes_in_an_hour_whatever_the_tokens() {
    let t = Setup::with_ayu().await;
    let (first, second) = (t.forget(AYU).await, t.forget("AYU@example.COM").await);
    t.generate(&first).await.data(200);
    t.clock.advance(100);
    t.generate(&first).await.data(200);
    t.generate(&second).await.data(200);
    let code = t.mailed().await.unwrap().code;
    for token in [&first, &second] {
        let reply = t.generate(token).await;
        assert_eq!(reply.error(429), "rate_limited");
        assert_eq!(reply.headers["retry-after"], "3500");
        assert_eq!(reply.headers["ratelimit-limit"], "3");
        assert_eq!(reply.headers["ratelimit-remaining"], "0");
    }
    assert_eq!(
        t.db.count("select count(*) from outbox where body like '%reset_code%'")
            .await,
        3
    );
    t.verify(&second, &code).await.data(200);
    // The window moves with the mails.
    t.clock.advance(3_499);
    let third = t.forget(AYU).await;
    assert_eq!(t.generate(&third).await.headers["retry-after"], "1");
    t.clock.advance(1);
    t.generate(&third).await.data(200);
    assert_eq!(t.generate(&third).await.headers["retry-after"], "100");
}

#[tokio::test]
async fn of_many_wishes_for_a_code_at_once_three_are_mailed() {
    let t = Setup::with_ayu().await;
    let tokens = [t.forget(AYU).await, t.forget(AYU).await, t.forget(AYU).await];
    let environments: Vec<_> = (0..12).map(|_| t.another()).collect();
    let wishes = environments
        .iter()
        .zip(tokens.iter().cycle())
        .map(async |(api, token)| insist(api, "generate_otp", "198.51.100.1", json!({"token": token})).await);
    let replies = futures_util::future::join_all(wishes).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 3);
    assert_eq!(replies.iter().filter(|reply| reply.status == 429).count(), 9);
    assert_eq!(
        t.db.count("select count(*) from outbox where body like '%reset_code%'")
            .await,
        3
    );
}
