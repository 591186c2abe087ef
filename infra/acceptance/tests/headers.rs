//! Paths, browsers and headers: what holds for every answer, gateway-made ones included.

use acceptance::{Buyer, Fleet, Organizer, Reply, TicketTerms};

#[tokio::test]
async fn paths_may_end_with_a_slash_and_unknown_ones_are_answered_with_the_envelope() {
    let fleet = Fleet::running();
    let stranger = fleet.stranger();
    let mut slash = stranger.get("/events/?limit=1").await;
    if slash.status == 308 {
        let meant = slash.header("location").to_owned();
        slash = stranger.get(&format!("{}{meant}", fleet.origin)).await;
    }
    assert_eq!(slash.data(200)["meta"]["limit"], 1);
    for path in ["/nothing/here", "/event", "", "/events/1/2/3"] {
        let reply = stranger.get(path).await;
        assert_eq!(
            (reply.error(404).as_str(), reply.message().as_str()),
            ("route_not_found", "Route not found"),
            "{path}"
        );
    }
    let outside = stranger.get(&format!("{}/favicon.ico", fleet.origin)).await;
    assert_eq!(outside.error(404), "route_not_found");
    let method = stranger.request("PUT", "/events/1");
    assert_eq!(Reply::of(method).await.error(405), "method_not_allowed");

    let welcome = stranger.get(&format!("{}/", fleet.origin)).await;
    assert_eq!(welcome.status, 200);
    let welcome_keys: Vec<String> = welcome.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        welcome_keys,
        ["status", "message", "version", "server", "timestamp"]
    );
    assert_eq!(welcome.message(), "Welcome to GiggleFest API");
}

#[tokio::test]
async fn browsers_of_the_site_may_call_and_others_may_not() {
    let fleet = Fleet::running();
    let stranger = fleet.stranger();
    let ask = |origin: String| {
        stranger
            .request("OPTIONS", "/cart")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization,content-type,idempotency-key",
            )
    };
    let preflight = Reply::of(ask(fleet.origin.clone())).await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), fleet.origin);
    for method in ["GET", "POST", "PATCH", "DELETE"] {
        assert!(
            preflight.header("access-control-allow-methods").contains(method),
            "{method}"
        );
    }
    for header in ["authorization", "content-type", "idempotency-key"] {
        assert!(
            preflight.header("access-control-allow-headers").contains(header),
            "{header}"
        );
    }
    let refused = Reply::of(ask("https://evil.example".to_owned())).await;
    assert_eq!(refused.header("access-control-allow-origin"), "");

    // Errors are readable for the site's scripts, too.
    let error = Reply::of(stranger.request("GET", "/cart").header("origin", &fleet.origin)).await;
    assert_eq!(
        (error.status, error.header("access-control-allow-origin")),
        (401, fleet.origin.as_str())
    );
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let fleet = Fleet::running();
    let stranger = fleet.stranger();
    for path in ["/events", "/nothing", "/cart", "/tickets/keys"] {
        let reply = stranger.get(path).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
        ] {
            assert_eq!(reply.header(name), value, "{path} {name}");
        }
        assert!(
            reply
                .header("content-security-policy")
                .contains("default-src 'none'"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn public_reads_may_be_kept_and_asked_for_again_cheaply() {
    let fleet = Fleet::running();
    let stranger = fleet.stranger();
    let event = Organizer::demo(&fleet).await.event("Headers").await;
    event
        .sell(TicketTerms {
            price: 100_000,
            quantity: 20,
        })
        .await;
    let path = format!("/events/{}", event.id);
    let first = stranger.get(&path).await;
    assert!(
        first.header("cache-control").starts_with("public, max-age="),
        "{:?}",
        first.headers
    );
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with("W/\""), "{tag}");
    let again = Reply::of(stranger.request("GET", &path).header("if-none-match", &tag)).await;
    assert_eq!((again.status, again.bytes.len()), (304, 0));
    let buyer = Buyer::register(&fleet).await;
    assert_eq!(buyer.api.get("/cart").await.header("cache-control"), "no-store");
}
