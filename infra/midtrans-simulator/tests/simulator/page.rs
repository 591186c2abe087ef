//! The payment page, used like a browser without JavaScript.

use serde_json::{Value, json};

use crate::support::{Bench, Reply, call};

async fn open(bench: &Bench, path: &str) -> Reply {
    call("GET", &bench.url(path), &[], "").await.unwrap()
}

async fn press(bench: &Bench, path: &str, form: &str) -> Reply {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    call("POST", &bench.url(path), &headers, form.to_owned())
        .await
        .unwrap()
}

fn path_of(token: &str) -> String {
    format!("/snap/v3/redirection/{token}")
}

#[track_caller]
fn assert_shows(page: &Reply, parts: &[&str]) {
    for part in parts {
        assert!(page.text.contains(part), "{part} is not in {}", page.text);
    }
}

fn order() -> Value {
    json!({
        "item_details": [
            {"name": "Regular <ticket>", "price": 75000, "quantity": 2},
            {"name": "Voucher", "price": -10000, "quantity": 1},
            {"name": "Service fee", "price": 5000, "quantity": 1},
        ],
        "enabled_payments": ["bca_va", "gopay", "credit_card"],
    })
}

#[tokio::test]
async fn the_page_shows_what_is_paid_and_how() {
    let bench = Bench::new().await;
    let token = bench.token("ORD-1", 145_000, order()).await;
    let page = open(&bench, &path_of(&token)).await;
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, "text/html; charset=utf-8")
    );
    assert_shows(
        &page,
        &[
            "Simulator: no real money",
            "G000000001",
            "ORD-1",
            "Rp 145.000",
            "2 × Regular &lt;ticket&gt;",
            "-Rp 10.000",
            "23 h left",
            "id=\"method-bca_va\" value=\"bca_va\" checked",
            "id=\"method-credit_card\"",
            "id=\"pay\"",
            "id=\"deny\"",
            "id=\"expire\"",
            "id=\"close\"",
            "name=\"viewport\"",
        ],
    );
    assert!(!page.text.contains("method-bri_va"));
    assert!(
        !page.text.contains("https://") && !page.text.contains("<script"),
        "self-contained, without scripts"
    );
}

#[tokio::test]
async fn paying_leads_to_the_shop() {
    let bench = Bench::new().await;
    let token = bench.token("ORD-1", 145_000, order()).await;
    let path = path_of(&token);
    let pressed = press(&bench, &path, "action=pay&method=gopay").await;
    assert_eq!((pressed.status, pressed.header("location")), (303, path.as_str()));
    let result = open(&bench, &path).await;
    let finish = "http://shop.example.test/finish?order_id=ORD-1&amp;status_code=200&amp;transaction_status=settlement";
    assert_shows(
        &result,
        &[
            "id=\"result\" data-status=\"settlement\"",
            &format!("content=\"3;url={finish}\""),
            &format!("id=\"continue\" href=\"{finish}\""),
        ],
    );
    assert_eq!(bench.told(2).await, ["201 pending", "200 settlement"]);
    let again = press(&bench, &path, "action=pay&method=gopay").await;
    assert_eq!(again.status, 303, "an old copy of the page pays nothing");
    assert_eq!(
        bench.admin("GET", "/transactions/ORD-1", Value::Null).await["transactions"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn the_shop_of_the_transaction_comes_before_the_general_one() {
    let bench = Bench::new().await;
    let callbacks = json!({"callbacks": {"finish": "http://other.example.test/o?x=1"}});
    let path = path_of(&bench.token("A&B", 10_000, callbacks).await);
    press(&bench, &path, "action=pay&method=bca_va").await;
    assert_shows(
        &open(&bench, &path).await,
        &["http://other.example.test/o?x=1&amp;order_id=A%26B&amp;status_code=200"],
    );

    let callbacks =
        json!({"callbacks": {"finish": "http://ok.example.test", "error": "http://bad.example.test"}});
    let path = path_of(&bench.token("B", 10_000, callbacks).await);
    press(&bench, &path, "action=expire&method=bca_va").await;
    assert_shows(
        &open(&bench, &path).await,
        &["href=\"http://bad.example.test?order_id=B&amp;status_code=407"],
    );

    let bench = Bench::with(|config| config.finish_url = None).await;
    let path = path_of(&bench.token("C", 10_000, Value::Null).await);
    press(&bench, &path, "action=pay&method=bca_va").await;
    let result = open(&bench, &path).await;
    assert_shows(&result, &["id=\"result\" data-status=\"settlement\""]);
    assert!(!result.text.contains("id=\"continue\"") && !result.text.contains("http-equiv"));
}

#[tokio::test]
async fn a_number_to_pay_later_is_shown_and_still_payable() {
    let bench = Bench::new().await;
    let path = path_of(&bench.token("A", 10_000, Value::Null).await);
    press(&bench, &path, "action=pending&method=bca_va").await;
    let waiting = open(&bench, &path).await;
    assert_shows(
        &waiting,
        &[
            "id=\"reference\">0000",
            "id=\"pay\"",
            "status_code=201&amp;transaction_status=pending",
        ],
    );
    assert!(!waiting.text.contains("name=\"method\""));
    press(&bench, &path, "action=pay").await;
    assert_shows(&open(&bench, &path).await, &["data-status=\"settlement\""]);
}

#[tokio::test]
async fn a_denied_card_can_be_replaced() {
    let bench = Bench::new().await;
    let path = path_of(&bench.token("A", 10_000, order_of_card()).await);
    press(
        &bench,
        &path,
        "action=pay&method=credit_card&card_number=4911111111111113",
    )
    .await;
    assert_shows(
        &open(&bench, &path).await,
        &["id=\"notice\"", "denied", "id=\"pay\""],
    );
    let mistyped = press(&bench, &path, "action=pay&method=credit_card&card_number=1234").await;
    assert_eq!(mistyped.status, 400);
    assert_shows(&mistyped, &["is not a card number", "id=\"pay\""]);
    press(
        &bench,
        &path,
        "action=pay&method=credit_card&card_number=4811111111111114",
    )
    .await;
    assert_shows(&open(&bench, &path).await, &["data-status=\"capture\""]);
    assert_eq!(bench.status("A").await["masked_card"], "48111111-1114");
}

fn order_of_card() -> Value {
    json!({"credit_card": {"secure": true}})
}

#[tokio::test]
async fn the_card_form_is_ignored_for_other_methods() {
    let bench = Bench::new().await;
    let path = path_of(&bench.token("A", 10_000, Value::Null).await);
    // The hidden card fields are sent along by every browser.
    press(
        &bench,
        &path,
        "action=pay&method=gopay&card_number=4911111111111113",
    )
    .await;
    assert_eq!(bench.status("A").await["transaction_status"], "settlement");
}

#[tokio::test]
async fn deny_expire_and_close_buttons() {
    let bench = Bench::new().await;
    let path = path_of(&bench.token("A", 10_000, Value::Null).await);
    press(
        &bench,
        &path,
        "action=deny&method=credit_card&card_number=4811111111111114",
    )
    .await;
    assert_eq!(bench.status("A").await["transaction_status"], "deny");

    let path = path_of(&bench.token("B", 10_000, Value::Null).await);
    press(&bench, &path, "action=expire&method=bca_va").await;
    assert_shows(
        &open(&bench, &path).await,
        &[
            "data-status=\"expire\"",
            "expired",
            "status_code=407&amp;transaction_status=expire",
        ],
    );
    assert_eq!(bench.status("B").await["status_code"], "407");

    let path = path_of(&bench.token("C", 10_000, Value::Null).await);
    let closed = press(&bench, &path, "action=close&method=bca_va").await;
    assert_eq!(closed.status, 303);
    assert_eq!(
        closed.header("location"),
        "http://shop.example.test/finish?order_id=C&status_code=201&transaction_status=pending"
    );
    assert_eq!(
        bench.status("C").await["status_code"],
        "404",
        "closing chooses nothing"
    );
}

#[tokio::test]
async fn pages_end_with_their_time_and_unknown_ones_are_404() {
    let bench = Bench::new().await;
    let token = bench
        .token(
            "A",
            10_000,
            json!({"page_expiry": {"duration": 5, "unit": "minutes"}}),
        )
        .await;
    bench.act("A", "bca_va", "pending").await;
    bench.advance_clock(301).await;
    assert_shows(&open(&bench, &path_of(&token)).await, &["expired"]);
    assert_eq!(
        bench.status("A").await["transaction_status"],
        "pending",
        "the account outlives the page"
    );
    bench.pay("A", "bca_va").await;
    assert_eq!(open(&bench, "/snap/v3/redirection/nothing").await.status, 404);
    assert_eq!(
        press(&bench, "/snap/v3/redirection/nothing", "action=pay")
            .await
            .status,
        404
    );
    let path = path_of(&bench.token("B", 10_000, Value::Null).await);
    assert_eq!(
        press(&bench, &path, "action=steal&method=bca_va").await.status,
        400
    );
    let none = bench.token("C", 10_000, json!({"enabled_payments": []})).await;
    assert_shows(
        &open(&bench, &path_of(&none)).await,
        &["No payment channel is available"],
    );
}

#[tokio::test]
async fn snap_js_is_told_the_result() {
    let bench = Bench::new().await;
    let script = open(&bench, "/snap/snap.js").await;
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    let path = format!(
        "{}?embed=1",
        path_of(
            &bench
                .token("A", 10_000, json!({"custom_field1": "</script>"}))
                .await
        )
    );
    let pressed = press(&bench, &path, "action=pay&method=gopay").await;
    assert_eq!(pressed.header("location"), path);
    let page = open(&bench, &path).await;
    assert_shows(
        &page,
        &[
            "window.parent.postMessage({\"source\":\"midtrans-simulator\",\"event\":\"success\"",
            "\\u003c/script>",
        ],
    );
    assert!(!page.text.contains("signature_key") && !page.text.contains("http-equiv"));
    let path = format!(
        "{}?embed=1",
        path_of(&bench.token("B", 10_000, Value::Null).await)
    );
    assert_shows(
        &press(&bench, &path, "action=close").await,
        &["\"event\":\"close\""],
    );
}

#[tokio::test]
async fn the_start_page_lists_orders_and_notifications() {
    let bench = Bench::new().await;
    bench.token("<A>", 10_000, Value::Null).await;
    bench.pay("<A>", "gopay").await;
    bench.told(2).await;
    assert_shows(
        &open(&bench, "/").await,
        &["&lt;A&gt;", "GoPay", "settlement", "Rp 10.000"],
    );
}
