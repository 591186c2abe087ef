#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use docs::{App, router};
use runtime::{Clock, Env};
use serde_json::json;
use testkit::{Api, Reply, start};
use web::Site;

fn api() -> Api {
    let app = App {
        clock: Clock::set_to(start()),
        ..App::from_env(&Env::of([("FRONTEND_URL", "https://web.example.test/")]))
    };
    Api::new(router(app, Site::from_env(&Env::default())))
}

fn text(reply: &Reply) -> String {
    String::from_utf8(reply.bytes.clone()).unwrap()
}

#[tokio::test]
async fn the_front_page_is_flat() {
    let reply = api().event("http/docs/welcome.json", None).await;
    assert_eq!(
        text(&reply),
        r#"{"status":"success","message":"Welcome to GiggleFest API","version":"1.0.0","server":"running","timestamp":"2030-01-01T12:00:00.000Z"}"#
    );
    assert_eq!(reply.headers["content-type"], "application/json; charset=utf-8");
}

#[tokio::test]
async fn the_documentation_needs_no_other_host() {
    let api = api();
    for path in ["/api-docs", "/api-docs/"] {
        let page = api.get(path, None).await;
        assert_eq!(page.status.as_u16(), 200);
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("script-src 'self';") && policy.contains("default-src 'none'"),
            "{policy}"
        );
        let html = text(&page);
        assert!(!html.contains("//"), "{html}");
        let files = html.split('"').filter(|part| part.starts_with("/api-docs/"));
        for file in files {
            let reply = api.get(file, None).await;
            assert_eq!(reply.status.as_u16(), 200, "{file}");
            assert_eq!(reply.headers["x-content-type-options"], "nosniff");
            assert!(reply.headers.contains_key("etag"));
        }
    }
    assert_eq!(
        api.event("http/docs/show_api_docs.json", None)
            .await
            .status
            .as_u16(),
        200
    );
}

#[tokio::test]
async fn the_document_is_openapi() {
    let reply = api().event("http/docs/get_openapi.json", None).await;
    let document = reply.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/api/v1/events"]["get"].is_object());
    assert_eq!(reply.headers["cache-control"], "public, max-age=300");
}

/// What gzip unpacks: ten bytes of header (without a name: `gzip -n`), the deflated data, eight bytes of trailer.
fn unpack(file: &[u8]) -> Vec<u8> {
    assert_eq!(file[..4], [0x1f, 0x8b, 8, 0]);
    miniz_oxide::inflate::decompress_to_vec(&file[10..file.len() - 8]).unwrap()
}

#[tokio::test]
async fn swagger_ui_is_the_published_one() {
    let api = api();
    for (file, media_type, hash) in [
        (
            "swagger-ui.css",
            "text/css; charset=utf-8",
            "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
        ),
        (
            "swagger-ui-bundle.js",
            "text/javascript; charset=utf-8",
            "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
        ),
    ] {
        let reply = api.get(&format!("/api-docs/{file}"), None).await;
        assert_eq!(reply.headers["content-type"], media_type);
        assert_eq!(reply.headers["content-encoding"], "gzip");
        let unpacked = String::from_utf8(unpack(&reply.bytes)).unwrap();
        assert_eq!(runtime::random::to_hex(&runtime::random::sha256(&unpacked)), hash);
        let request = http::Request::get(format!("/api-docs/{file}"))
            .header("if-none-match", reply.headers["etag"].clone());
        let again = api.send(request.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0));
    }
    let file = api.event("http/docs/get_docs_asset.json", None).await;
    assert_eq!(file.headers["content-type"], "text/css; charset=utf-8");
}

#[tokio::test]
async fn the_end_of_a_payment_says_how_it_stands() {
    let api = api();
    let page = api.event("http/docs/payment_finished.json", None).await;
    assert!(
        text(&page).contains("Order ORDER-00112233445566778899AABBCCDDEEFF is paid."),
        "{}",
        text(&page)
    );
    assert!(text(&page).contains("href=\"https://web.example.test/tickets\""));
    for (status, words) in [
        ("settlement", "is paid"),
        ("capture", "is paid"),
        ("pending", "is waiting for your payment"),
        ("deny", "was not paid"),
        ("expire", "was not paid"),
        ("", "is being processed"),
        ("refund_me", "is being processed"),
    ] {
        let path = format!("/payment/finish?order_id=ORDER-1&status_code=200&transaction_status={status}");
        let page = text(&api.get(&path, None).await);
        assert!(page.contains(&format!("Order ORDER-1 {words}.")), "{page}");
    }
    let page = text(&api.get("/payment/finish", None).await);
    assert!(page.contains("Your order is being processed."), "{page}");
}

#[tokio::test]
async fn a_link_cannot_put_its_own_words_on_the_page() {
    let api = api();
    for order in [
        "%3Cscript%3Ealert(1)%3C/script%3E",
        "%22%20onload=%22x",
        "You%20won!%20Call%20us",
        &"1".repeat(51),
        "%00",
        "{link}",
    ] {
        let path = format!("/payment/finish?order_id={order}&transaction_status={order}");
        let reply = api.get(&path, None).await;
        assert_eq!(reply.status.as_u16(), 200);
        let page = text(&reply);
        assert!(page.contains("<p>Your order is being processed.</p>"), "{page}");
        assert!(!page.contains("<script") && !page.contains("won"), "{page}");
        let policy = reply.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'; style-src 'unsafe-inline';"),
            "{policy}"
        );
    }
    let repeated = api.get("/payment/finish?order_id=1&order_id=2", None).await;
    assert_eq!(repeated.error(400), "invalid_input");
}

#[tokio::test]
async fn what_has_no_route_is_told_in_the_envelope() {
    let api = api();
    for path in [
        "/api/v1/nothing",
        "/api/v2/events",
        "/favicon.ico",
        "/api-docs/x.js",
        "/api-docs/..%2Fopenapi.json",
        "/.env",
        "/payment",
    ] {
        let reply = api.get(path, None).await;
        assert_eq!(reply.error(404), "route_not_found", "{path}");
        assert_eq!(reply.message(), "Route not found");
    }
    let post = api.post("/api/v1/nothing", None, json!({})).await;
    assert_eq!(post.error(404), "route_not_found");
    assert_eq!(
        api.call("DELETE", "/", None, None).await.error(405),
        "method_not_allowed"
    );
    let bare = App::from_env(&Env::default());
    let bare = Api::new(router(bare, Site::from_env(&Env::default())));
    let page = text(&bare.get("/payment/finish", None).await);
    assert!(
        !page.contains("href=\"/") && !page.contains("My tickets"),
        "{page}"
    );
}

#[tokio::test]
async fn a_slash_at_the_end_leads_to_the_path_without_it() {
    let api = api();
    for (asked, meant) in [
        ("/api/v1/events/", "/api/v1/events"),
        ("/api/v1/events/?page=2&limit=5", "/api/v1/events?page=2&limit=5"),
    ] {
        let reply = api.get(asked, None).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.headers["location"]),
            (308, &meant.parse().unwrap())
        );
        assert_eq!(reply.headers["cache-control"], "no-store");
    }
    let post = api.post("/api/v1/cart/", None, json!({})).await;
    assert_eq!(post.status.as_u16(), 308, "method and body are kept");
    for path in [
        "//evil.example/",
        "/api/v1//evil.example/",
        "/elsewhere/",
        "/api/v1",
    ] {
        let reply = api.get(path, None).await;
        assert_eq!(reply.error(404), "route_not_found", "{path}");
        assert!(!reply.headers.contains_key("location"), "{path}");
    }
}
