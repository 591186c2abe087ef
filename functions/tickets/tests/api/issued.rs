//! Tickets that somebody bought, as their holder sees them.

use super::*;

/// What there is of a ticket.
const SUFFIXES: [&str; 6] = [
    "",
    "/qr.png",
    "/qr.svg",
    "/ticket.pdf",
    "/ticket.pkpass",
    "/google-wallet",
];

#[tokio::test]
async fn a_holder_sees_own_tickets_and_nobody_elses() {
    let t = setup().await;
    let rows = Rows(&t.db);
    let (order, codes) = rows.bought(t.buyer_id, t.ticket, 3).await;
    rows.bought(t.organizer_id, t.ticket, 1).await;
    let list = t
        .api
        .event("http/tickets/list_my_tickets.json", Some(&t.buyer))
        .await
        .data(200);
    assert_eq!(
        list["meta"],
        json!({"page": 1, "limit": 10, "total": 3, "totalPages": 1})
    );
    let shown: Vec<_> = list["tickets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ticket| ticket["code"].as_str().unwrap())
        .collect();
    assert_eq!(shown, codes.iter().rev().map(String::as_str).collect::<Vec<_>>());
    let path = format!("/mine/{}", codes[2]);
    let ticket = t.get(&path, Some(&t.buyer)).await.data(200);
    assert_eq!(list["tickets"][0], ticket);
    assert_eq!(
        keys(&ticket),
        [
            "code",
            "status",
            "token",
            "ticketId",
            "ticketName",
            "eventId",
            "eventName",
            "eventDate",
            "location",
            "holderName",
            "orderId",
            "issuedAt",
            "timeZone",
            "seat",
            "wallets"
        ]
    );
    for (field, value) in [
        ("status", json!("valid")),
        ("ticketId", json!(t.ticket)),
        ("ticketName", json!("Festival")),
        ("eventId", json!(t.event)),
        ("eventName", json!("Java Jazz")),
        ("eventDate", json!("2030-01-31T12:00:00.000Z")),
        ("location", json!("Gelora Bung Karno, Jakarta")),
        ("holderName", json!("buyer")),
        ("orderId", json!(order)),
        ("issuedAt", json!("2030-01-01T12:00:00.000Z")),
    ] {
        assert_eq!(ticket[field], value, "{field}");
    }
    let claims = SigningKeys::parse(KEYS)
        .unwrap()
        .verify(ticket["token"].as_str().unwrap())
        .unwrap();
    assert_eq!(
        (claims.code.to_string(), claims.event, claims.ticket_type),
        (codes[2].clone(), t.event, t.ticket)
    );
    for token in [&t.stranger, &t.organizer, &t.admin, &t.staff] {
        for suffix in SUFFIXES {
            let reply = t.get(&format!("{path}{suffix}"), Some(token)).await;
            assert_eq!(reply.error(404), "not_found");
        }
    }
    for suffix in SUFFIXES {
        assert_eq!(
            t.get(&format!("{path}{suffix}"), None).await.error(401),
            "unauthenticated"
        );
    }
    assert_eq!(t.get("/mine", None).await.error(401), "unauthenticated");
    let none = t.get("/mine", Some(&t.stranger)).await.data(200);
    assert_eq!(
        none,
        json!({"tickets": [], "meta": {"page": 1, "limit": 10, "total": 0, "totalPages": 0}})
    );
    let second = t.get("/mine?page=2&limit=2", Some(&t.buyer)).await.data(200);
    assert_eq!(
        (
            second["tickets"].as_array().unwrap().len(),
            &second["meta"]["total"]
        ),
        (1, &json!(3))
    );
}

#[tokio::test]
async fn the_qr_code_comes_as_png_and_svg_for_nobody_else_to_keep() {
    let t = setup().await;
    let (_, codes) = Rows(&t.db).bought(t.buyer_id, t.ticket, 1).await;
    let path = format!("/mine/{}", codes[0]);
    let ticket = t.get(&path, Some(&t.buyer)).await.data(200);
    let token = ticket["token"].as_str().unwrap();
    let png = t.get(&format!("{path}/qr.png"), Some(&t.buyer)).await;
    assert_eq!(png.headers["content-type"], "image/png");
    assert_eq!(png.bytes, ticketing::qr::png(token).unwrap());
    assert_eq!(&png.bytes[1..4], b"PNG");
    let svg = t.get(&format!("{path}/qr.svg"), Some(&t.buyer)).await;
    assert_eq!(svg.headers["content-type"], "image/svg+xml");
    assert_eq!(svg.bytes, ticketing::qr::svg(token).unwrap().into_bytes());
    let policy = svg.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("default-src 'none'") && policy.contains("sandbox"),
        "{policy}"
    );
    for reply in [png, svg] {
        assert_eq!(reply.headers["cache-control"], "no-store");
        assert_eq!(reply.headers["x-content-type-options"], "nosniff");
    }
    // A browser shows the picture with its cookie: an <img> sends no header.
    let request = http::Request::get(format!("{TICKETS}{path}/qr.png"))
        .header("cookie", format!("theme=dark; token={}", t.buyer));
    let picture = t.api.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(picture.status.as_u16(), 200);
}

#[tokio::test]
async fn a_ticket_is_printed_in_the_language_that_was_asked_for_or_chosen() {
    let t = setup().await;
    let (_, codes) = Rows(&t.db).bought(t.buyer_id, t.ticket, 1).await;
    let path = format!("/mine/{}/ticket.pdf", codes[0]);
    let printed = async |query: &str| {
        let reply = t.get(&format!("{path}{query}"), Some(&t.buyer)).await;
        assert_eq!(reply.status.as_u16(), 200);
        assert_eq!(reply.headers["content-type"], "application/pdf");
        assert_eq!(reply.headers["cache-control"], "no-store");
        let disposition = "attachment; filename=\"ticket.pdf\"";
        assert_eq!(reply.headers["content-disposition"], disposition);
        assert!(reply.bytes.starts_with(b"%PDF-"));
        reply.bytes
    };
    let (indonesian, english) = (printed("?lang=id").await, printed("?lang=en").await);
    assert_ne!(indonesian, english);
    assert_eq!(printed("").await, indonesian);
    t.db.run(&format!(
        "insert into preferences (user_id, language, updated_at) values ({}, 'en', now())",
        t.buyer_id
    ))
    .await;
    assert_eq!(printed("").await, english);
    let unknown = t.get(&format!("{path}?lang=fr"), Some(&t.buyer)).await;
    assert_eq!(unknown.error(400), "invalid_input");
}

#[tokio::test]
async fn a_void_ticket_is_shown_without_its_qr_code() {
    let t = setup().await;
    let (_, codes) = Rows(&t.db).bought(t.buyer_id, t.ticket, 1).await;
    t.db.run("update issued_tickets set status = 'void', voided_at = now()")
        .await;
    let path = format!("/mine/{}", codes[0]);
    let ticket = t.get(&path, Some(&t.buyer)).await.data(200);
    assert_eq!(
        (&ticket["status"], &ticket["token"], &ticket["wallets"]),
        (&json!("void"), &Value::Null, &json!([]))
    );
    for suffix in &SUFFIXES[1..] {
        let reply = t.get(&format!("{path}{suffix}"), Some(&t.buyer)).await;
        assert_eq!(reply.error(409), "ticket_void");
    }
}

#[tokio::test]
async fn codes_that_are_none_are_refused() {
    let t = setup().await;
    for file in [
        "get_my_ticket",
        "get_my_ticket_png",
        "get_my_ticket_svg",
        "get_my_ticket_pdf",
        "get_my_ticket_pkpass",
        "get_my_ticket_google_wallet",
    ] {
        let reply = t
            .api
            .event(&format!("http/tickets/{file}.json"), Some(&t.buyer))
            .await;
        assert_eq!(reply.error(404), "not_found");
    }
    for code in ["1", "%00", &"A".repeat(32), &"0".repeat(33), "..%2F..%2Fetc"] {
        for suffix in ["", "/qr.png"] {
            let reply = t.get(&format!("/mine/{code}{suffix}"), Some(&t.buyer)).await;
            assert_eq!(reply.error(400), "invalid_input", "{code}");
        }
    }
    let path = format!("/mine/{}/qr.gif", "0".repeat(32));
    assert_eq!(t.get(&path, Some(&t.buyer)).await.error(404), "route_not_found");
}

#[tokio::test]
async fn the_public_keys_are_a_key_set_that_may_be_kept() {
    let t = setup().await;
    let reply = t.api.event("http/tickets/list_ticket_keys.json", None).await;
    assert_eq!(reply.headers["cache-control"], "public, max-age=300");
    let set = reply.data(200)["keys"].clone();
    let ids: Vec<_> = set
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["now", "old"]);
    assert_eq!(keys(&set[0]), ["kty", "crv", "x", "kid", "alg", "use"]);
}
