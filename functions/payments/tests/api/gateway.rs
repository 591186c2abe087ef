//! What a gateway does to a payment that is away, fails, or loses its answers.

use super::*;

#[tokio::test]
async fn a_gateway_that_is_away_costs_nothing() {
    let t = Setup::new(150_000, 10).await;
    for faults in [
        json!({"snap_create": {"respond": 503}}),
        json!({"snap_create": {"respond": 429}}),
        json!({"snap_create": {"drop": true}}),
        json!({"snap_create": {"hang": true}}),
        json!({"snap_create": {"malformed_json": true}}),
    ] {
        t.gateway.faults(faults.clone()).await;
        let asked = Instant::now();
        let reply = t.initialize(&t.api(), t.at_once(2)).await;
        assert!(asked.elapsed() < Duration::from_secs(3), "{faults}");
        assert_eq!(reply.error(503), "gateway_unavailable", "{faults}");
        assert_eq!(reply.headers["retry-after"], "10");
        assert_eq!(
            t.db.count("select sum(held) from ticket_stock").await,
            2,
            "the reservation stays"
        );
        assert_eq!(t.db.count("select count(*) from pg_stat_activity where state = 'idle in transaction' and datname = current_database()").await, 0);
    }
    t.gateway.faults(json!({})).await;
    t.initialize(&t.api(), t.at_once(2)).await.data(201);
    assert_eq!(t.db.count("select count(*) from orders").await, 1);
}

#[tokio::test]
async fn a_gateway_that_fails_is_left_alone_by_all_and_tried_again_by_one() {
    let t = Setup::new(150_000, 10).await;
    let store = kv::Store::in_memory();
    let (one, two) = (t.api_with(store.clone()), t.api_with(store));
    let asked = async || {
        let journal = t.gateway.admin("GET", "requests", json!({})).await;
        journal["requests"].as_array().unwrap().len()
    };
    let away = async |api: &Api, retry_after: &str| {
        let reply = t.initialize(api, t.at_once(2)).await;
        assert_eq!(reply.error(503), "gateway_unavailable");
        assert_eq!(reply.headers["retry-after"], retry_after);
    };
    t.gateway.faults(json!({"snap_create": {"respond": 503}})).await;
    for _ in 0..3 {
        away(&one, "10").await;
    }
    assert_eq!(asked().await, 3);
    away(&one, "11").await;
    assert_eq!(asked().await, 3, "nobody asks any more");
    away(&two, "10").await;
    away(&two, "11").await;
    assert_eq!(asked().await, 4, "the other environment asked once");

    t.clock.advance(10);
    away(&two, "10").await;
    away(&one, "11").await;
    assert_eq!(asked().await, 5, "one of both tried");

    t.gateway.faults(json!({})).await;
    t.clock.advance(10);
    t.initialize(&one, t.at_once(2)).await.data(201);
    t.initialize(&two, t.at_once(2)).await.data(201);
    assert_eq!(t.db.count("select count(*) from orders").await, 1);
    assert_eq!(t.db.count("select sum(held) from ticket_stock").await, 2);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_found_again() {
    let t = Setup::new(150_000, 10).await;
    let api = t.api();
    t.gateway
        .faults(json!({"snap_create": {"lose_reply": true, "times": 1}}))
        .await;
    assert_eq!(
        t.initialize(&api, t.at_once(2)).await.error(503),
        "gateway_unavailable"
    );
    let data = t.initialize(&api, t.at_once(2)).await.data(201);
    t.gateway.read(data["redirectUrl"].as_str().unwrap()).await;
    assert_eq!(t.db.count("select count(*) from payments").await, 1);
}

#[tokio::test]
async fn whoever_looks_at_a_payment_that_may_move_has_the_gateway_asked_now_and_then() {
    let t = Setup::new(150_000, 10).await;
    let api = t.api();
    let payment = t.initialize(&api, t.at_once(2)).await.data(201)["payment"].clone();
    let order = payment["orderId"].as_str().unwrap();
    let path = format!("/api/v1/payments/{}", payment["id"]);
    let status = async || api.get(&path, Some(&t.token)).await.data(200)["status"].clone();
    let asked = async || {
        let journal = t
            .gateway
            .admin("GET", "requests?operation=status", json!({}))
            .await;
        journal["requests"].as_array().unwrap().len()
    };
    for _ in 0..3 {
        assert_eq!(status().await, "pending");
    }
    assert_eq!(asked().await, 1);
    let other = Rows(&t.db).buyer("budi@example.test").await;
    let other = TestTokens::of(other, Role::User, &t.clock);
    t.clock.advance(3);
    api.get(&path, Some(&other)).await.error(404);
    assert_eq!(asked().await, 1, "only who may read it has the gateway asked");

    t.gateway.faults(json!({"core": {"hang": true}})).await;
    let begun = Instant::now();
    assert_eq!(status().await, "pending");
    assert!(
        begun.elapsed() < Duration::from_millis(2_500),
        "{:?}",
        begun.elapsed()
    );
    t.gateway.faults(json!({})).await;

    t.gateway.pay(order, "bca_va", "settlement").await;
    assert_eq!(status().await, "pending", "it was asked just now");
    t.clock.advance(3);
    assert_eq!(status().await, "success");
    assert_eq!(t.db.count("select count(*) from issued_tickets").await, 2);
    let before = asked().await;
    t.clock.advance(3);
    status().await;
    assert_eq!(asked().await, before, "what is decided is not asked about");
}
