//! Tickets in wallets. What stands on a pass and who signs it is tested in `ticketing`.

use super::*;
use http::header::HeaderMap;

/// The files of a pass are not compressed, so what stands on it can be read without opening the archive.
fn face(bytes: &[u8]) -> Value {
    let text = String::from_utf8_lossy(bytes);
    let begin = text.find("{\"formatVersion\"").unwrap();
    let mut values = serde_json::Deserializer::from_str(&text[begin..]).into_iter();
    values.next().unwrap().unwrap()
}

/// What a link for Google says about event and ticket.
fn payload(link: &Value) -> Value {
    let jwt = link["saveUrl"].as_str().unwrap();
    let jwt = jwt.strip_prefix("https://pay.google.com/gp/v/save/").unwrap();
    let claims = jwt.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&decoded(claims)).unwrap();
    claims["payload"].clone()
}

/// Unpadded base64url.
fn decoded(text: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for byte in text.bytes() {
        let value = alphabet.iter().position(|known| *known == byte).unwrap();
        bits = bits << 6 | u32::try_from(value).unwrap();
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    bytes
}

impl Setup {
    /// The two passes of a ticket: the file's headers, what stands on it, and what the link says.
    async fn passes(&self, code: &str) -> (HeaderMap, Value, Value) {
        let path = format!("/mine/{code}");
        let file = self
            .get(&format!("{path}/ticket.pkpass"), Some(&self.buyer))
            .await;
        assert_eq!(file.status.as_u16(), 200, "{file:?}");
        let link = self
            .get(&format!("{path}/google-wallet"), Some(&self.buyer))
            .await;
        assert_eq!(link.headers["cache-control"], "no-store");
        (file.headers, face(&file.bytes), payload(&link.data(200)))
    }
}

#[tokio::test]
async fn a_ticket_goes_into_both_wallets_with_what_its_qr_code_carries() {
    let t = setup().await;
    let (order, codes) = Rows(&t.db).bought(t.buyer_id, t.ticket, 2).await;
    let ticket = t
        .get(&format!("/mine/{}", codes[1]), Some(&t.buyer))
        .await
        .data(200);
    assert_eq!(ticket["wallets"], json!(["apple", "google"]));
    let (headers, apple, google) = t.passes(&codes[1]).await;
    for (name, value) in [
        ("content-type", "application/vnd.apple.pkpass"),
        ("content-disposition", "attachment; filename=\"ticket.pkpass\""),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(headers[name], value);
    }
    assert_eq!(apple["serialNumber"], json!(codes[1]));
    assert_eq!(apple["barcodes"][0]["message"], ticket["token"]);
    assert_eq!(
        apple["eventTicket"]["primaryFields"][0]["value"],
        json!("Java Jazz")
    );
    assert_eq!(apple["relevantDate"], json!("2030-01-31T19:00:00+07:00"));
    let back = apple["eventTicket"]["backFields"].to_string();
    assert!(back.contains(&order), "{back}");
    let object = &google["eventTicketObjects"][0];
    assert_eq!(object["barcode"]["value"], ticket["token"]);
    assert_eq!(
        (&object["state"], &apple["voided"]),
        (&json!("ACTIVE"), &Value::Null)
    );
    let class = &google["eventTicketClasses"][0];
    let id = class["id"].as_str().unwrap();
    let expected = format!("3388000000022222222.event-{}-", t.event);
    assert!(id.starts_with(&expected), "{id}");
    assert!(class["dateTime"].get("end").is_none(), "nobody says when it ends");
    t.db.run("update events set ends_at = '2030-01-31T15:00:00Z'")
        .await;
    let (_, apple, google) = t.passes(&codes[1]).await;
    assert_eq!(apple["expirationDate"], json!("2030-01-31T22:00:00+07:00"));
    let end = &google["eventTicketClasses"][0]["dateTime"]["end"];
    assert_eq!(*end, json!("2030-01-31T22:00:00+07:00"));
}

#[tokio::test]
async fn a_ticket_that_lets_nobody_in_any_more_is_kept_as_a_keepsake() {
    for sql in [
        "update issued_tickets set status = 'used', used_at = now()",
        "update events set status = 'cancelled'",
    ] {
        let t = setup().await;
        let (_, codes) = Rows(&t.db).bought(t.buyer_id, t.ticket, 1).await;
        t.db.run(sql).await;
        let (_, apple, google) = t.passes(&codes[0]).await;
        let state = &google["eventTicketObjects"][0]["state"];
        assert_eq!(
            (&apple["voided"], state),
            (&json!(true), &json!("INACTIVE")),
            "{sql}"
        );
    }
}

#[tokio::test]
async fn a_wallet_without_keys_is_not_offered() {
    let env = Env::of([(
        "GOOGLE_WALLET_ISSUER",
        testkit::env("").get("GOOGLE_WALLET_ISSUER").unwrap(),
    )]);
    let t = setup_with(Wallets::from_env(&env)).await;
    let (_, codes) = Rows(&t.db).bought(t.buyer_id, t.ticket, 1).await;
    let path = format!("/mine/{}", codes[0]);
    let ticket = t.get(&path, Some(&t.buyer)).await.data(200);
    assert_eq!(ticket["wallets"], json!(["google"]));
    let apple = t.get(&format!("{path}/ticket.pkpass"), Some(&t.buyer)).await;
    assert_eq!(apple.error(404), "pass_not_offered");
    // Half of a configuration is a mistake, and is told as one.
    let google = t.get(&format!("{path}/google-wallet"), Some(&t.buyer)).await;
    assert_eq!(google.error(500), "internal");
    let t = setup_with(Wallets::default()).await;
    let (_, codes) = Rows(&t.db).bought(t.buyer_id, t.ticket, 1).await;
    let path = format!("/mine/{}/google-wallet", codes[0]);
    assert_eq!(t.get(&path, Some(&t.buyer)).await.error(404), "pass_not_offered");
}

#[tokio::test]
async fn keys_that_are_none_keep_nobody_from_the_qr_code() {
    let env = Env::of([
        ("APPLE_PASS_CERTIFICATES", "-----BEGIN CERTIFICATE-----"),
        ("APPLE_PASS_KEY", "secret"),
        ("GOOGLE_WALLET_ISSUER", "1"),
        ("GOOGLE_WALLET_ACCOUNT", "{}"),
    ]);
    let t = setup_with(Wallets::from_env(&env)).await;
    let (_, codes) = Rows(&t.db).bought(t.buyer_id, t.ticket, 1).await;
    let path = format!("/mine/{}", codes[0]);
    for suffix in ["/ticket.pkpass", "/google-wallet"] {
        let reply = t.get(&format!("{path}{suffix}"), Some(&t.buyer)).await;
        let body = String::from_utf8_lossy(&reply.bytes).into_owned();
        assert_eq!(reply.error(500), "internal");
        assert!(!body.contains("secret") && !body.contains("PEM"), "{body}");
    }
    let qr = t.get(&format!("{path}/qr.png"), Some(&t.buyer)).await;
    assert_eq!(qr.status.as_u16(), 200);
}

#[tokio::test]
async fn a_certificate_that_is_over_is_told_as_something_that_will_be_mended() {
    let t = setup().await;
    let (_, codes) = Rows(&t.db).bought(t.buyer_id, t.ticket, 1).await;
    t.clock.advance(100 * 366 * 86_400);
    let token = TestTokens::of(t.buyer_id, Role::User, &t.clock);
    let path = format!("/mine/{}/ticket.pkpass", codes[0]);
    let reply = t.get(&path, Some(&token)).await;
    assert_eq!(reply.headers["retry-after"], "3600");
    assert_eq!(reply.error(503), "unavailable");
}
