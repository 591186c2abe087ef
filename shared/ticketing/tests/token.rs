//! What a token promises: it says what was signed, and nothing else passes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::{EventId, TicketTypeId, Timestamp};
use proptest::prelude::*;
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use ticketing::{Claims, SigningKeys, TicketCode, TokenError, token};

fn seed(byte: u8) -> String {
    STANDARD.encode([byte; 32])
}

fn keys(text: &str) -> SigningKeys {
    SigningKeys::parse(text).unwrap()
}

fn claims() -> Claims {
    Claims {
        code: TicketCode::parse("00112233445566778899aabbccddeeff").unwrap(),
        event: EventId::new(7),
        ticket_type: TicketTypeId::new(19),
        issued_at: Timestamp::parse("2030-01-05T12:30:00Z").unwrap(),
    }
}

/// A token over any signed part, as somebody who holds the key could make it.
fn signed_by(byte: u8, signed: &str) -> String {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[byte; 32]).unwrap();
    let signature = URL_SAFE_NO_PAD.encode(pair.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

#[test]
fn the_published_vector_holds() {
    let vector: serde_json::Value = serde_json::from_str(include_str!("vector.json")).unwrap();
    let text = |name: &str| vector.get(name).and_then(|v| v.as_str()).unwrap();
    let number = |name: &str| vector.get(name).and_then(serde_json::Value::as_i64).unwrap();
    let claims = Claims {
        code: TicketCode::parse(text("code")).unwrap(),
        event: EventId::new(number("event")),
        ticket_type: TicketTypeId::new(number("ticket_type")),
        issued_at: Timestamp::parse(text("issued_at")).unwrap(),
    };
    let keys = keys(text("keys"));
    assert_eq!(keys.sign(&claims), text("token"));
    assert_eq!(keys.verify(text("token")), Ok(claims));
    assert_eq!(keys.public_keys().first().unwrap().x, text("public_key"));
}

#[test]
fn a_gate_needs_only_what_the_key_set_publishes() {
    let keys = keys(&format!("now:{},old:{}", seed(1), seed(2)));
    let token = keys.sign(&claims());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let id = signed.split('.').nth(1).unwrap();
    let published = keys.public_keys();
    let key = published.iter().find(|key| key.kid == id).unwrap();
    UnparsedPublicKey::new(&ED25519, URL_SAFE_NO_PAD.decode(&key.x).unwrap())
        .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .unwrap();
}

#[test]
fn tickets_of_a_replaced_key_hold_until_it_is_removed() {
    let before = keys(&format!("a:{}", seed(1)));
    let during = keys(&format!("b:{},a:{}", seed(2), seed(1)));
    let after = keys(&format!("b:{}", seed(2)));
    let (old, new) = (before.sign(&claims()), during.sign(&claims()));
    assert!(new.starts_with("GF1.b."));
    assert_eq!(during.verify(&old), Ok(claims()));
    assert_eq!(during.verify(&new), Ok(claims()));
    assert_eq!(after.verify(&old), Err(TokenError::UnknownKey));
}

#[test]
fn another_key_under_a_known_id_is_a_forgery() {
    let token = keys(&format!("a:{}", seed(2))).sign(&claims());
    let ours = keys(&format!("a:{},b:{}", seed(1), seed(2)));
    assert_eq!(ours.verify(&token), Err(TokenError::Forged));
    // Not even the right key helps under the name of another one.
    let renamed = token.replacen("GF1.a.", "GF1.b.", 1);
    assert_eq!(ours.verify(&renamed), Err(TokenError::Forged));
}

#[test]
fn what_is_no_token_is_called_malformed() {
    let keys = keys(&format!("a:{}", seed(1)));
    let token = keys.sign(&claims());
    let payload = token.split('.').nth(2).unwrap();
    let short = payload.get(..52).unwrap();
    for text in [
        String::new(),
        ".".to_owned(),
        "...".to_owned(),
        "https://example.org/a.b.c".to_owned(),
        "é.é.é.é".to_owned(),
        token.replacen("GF1", "GF2", 1),
        token.replacen("GF1", "gf1", 1),
        format!("{token}."),
        format!("{token}.x"),
        format!("{token} "),
        format!("{token}="),
        format!("\n{token}"),
        format!("{token}{token}"),
        token.replacen(".a.", "..", 1),
        token.replacen(".a.", ".a.a.", 1),
        token.replacen(".a.", &format!(".{}.", "a".repeat(17)), 1),
        signed_by(1, &format!("GF1.a.{short}")),
        signed_by(1, &format!("GF1.a.{payload}AAAA")),
        signed_by(1, &format!("GF1.a.{}", URL_SAFE_NO_PAD.encode([255; 39]))),
        // A true signature over a time that no calendar knows.
        signed_by(1, &format!("GF1.a.{}", URL_SAFE_NO_PAD.encode([127; 40]))),
        "GF1.".repeat(1_000_000),
        "A".repeat(10_000_000),
    ] {
        let shown = text.get(..text.len().min(200)).unwrap_or_default();
        assert_eq!(keys.verify(&text), Err(TokenError::Malformed), "{shown}");
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let keys = keys(&format!("a:{},b:{}", seed(1), seed(2)));
    let token = keys.sign(&claims());
    for place in 0..token.len() {
        assert!(
            keys.verify(token.get(..place).unwrap()).is_err(),
            "cut at {place}"
        );
        assert!(
            keys.verify(token.get(place + 1..).unwrap()).is_err(),
            "from {place}"
        );
        for bit in 0..8 {
            let mut bytes = token.clone().into_bytes();
            *bytes.get_mut(place).unwrap() ^= 1 << bit;
            if let Ok(text) = String::from_utf8(bytes) {
                assert!(keys.verify(&text).is_err(), "byte {place}, bit {bit}");
            }
        }
    }
}

#[test]
fn the_other_spelling_of_a_signature_is_refused() {
    // 64 bytes leave four unused bits in the last character; setting one must not give a second valid token.
    let keys = keys(&format!("a:{}", seed(1)));
    let mut token = keys.sign(&claims());
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = token.pop().unwrap();
    let value = alphabet.iter().position(|c| char::from(*c) == last).unwrap();
    token.push(char::from(*alphabet.get(value + 1).unwrap()));
    assert_eq!(keys.verify(&token), Err(TokenError::Malformed));
}

#[test]
fn the_longest_token_is_still_looked_at() {
    let keys = keys(&format!("{}:{}", "k".repeat(16), seed(1)));
    let token = keys.sign(&claims());
    assert_eq!(token.len(), token::LONGEST);
    assert_eq!(keys.verify(&token), Ok(claims()));
}

#[test]
fn codes_have_one_spelling_and_logs_do_not_repeat_them() {
    let text = "00112233445566778899aabbccddeeff";
    let code = TicketCode::parse(text).unwrap();
    assert_eq!(code.to_string(), text);
    assert_eq!(format!("{code:?}"), "001122…");
    for bad in [
        "",
        "00112233445566778899AABBCCDDEEFF",
        "00112233445566778899aabbccddeef",
        "00112233445566778899aabbccddeeff0",
        "0x112233445566778899aabbccddeeff",
        "00112233445566778899aabbccddeefé",
    ] {
        assert_eq!(TicketCode::parse(bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn what_is_signed_is_read_back(
        code in "[0-9a-f]{32}", event in 1..i64::MAX, ticket_type in 1..i64::MAX, seconds in 0..253_402_207_200_i64,
        id in "[A-Za-z0-9_-]{1,16}", key in any::<[u8; 32]>(),
    ) {
        let epoch = Timestamp::parse("1970-01-01").unwrap();
        let claims = Claims {
            code: TicketCode::parse(&code).unwrap(), event: EventId::new(event),
            ticket_type: TicketTypeId::new(ticket_type), issued_at: epoch.plus_seconds(seconds),
        };
        let keys = keys(&format!("{id}:{}", STANDARD.encode(key)));
        let token = keys.sign(&claims);
        prop_assert!(token.len() <= token::LONGEST);
        prop_assert_eq!(keys.verify(&token), Ok(claims));
    }

    #[test]
    fn a_changed_character_never_passes(place in any::<prop::sample::Index>(), other in any::<char>()) {
        let keys = keys(&format!("a:{},b:{}", seed(1), seed(2)));
        let token = keys.sign(&claims());
        let place = place.index(token.len());
        let changed: String =
            token.chars().enumerate().map(|(i, c)| if i == place { other } else { c }).collect();
        prop_assume!(changed != token);
        prop_assert!(keys.verify(&changed).is_err());
    }

    #[test]
    fn any_text_is_answered(text in "(GF1)?[.A-Za-z0-9_-]{0,200}|\\PC{0,200}") {
        let keys = keys(&format!("a:{}", seed(1)));
        prop_assert!(keys.verify(&text).is_err());
    }
}
