//! What stands on passes, and that they are signed: read back with nothing of what wrote them but the crate of the message format. The
//! acceptance tests open one with Python and check it with OpenSSL.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cms::cert::x509::der::{Decode as _, Encode as _, asn1::OctetString};
use cms::cert::{CertificateChoices, x509::Certificate};
use cms::content_info::ContentInfo;
use cms::signed_data::SignedData;
use domain::seating::SeatName;
use domain::{EventId, Timestamp};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use ring::rsa::KeyPair;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use ticketing::pdf::Page;
use ticketing::wallet::{KeyError, Pass, PassError, apple, google};

const CERTIFICATES: &str = include_str!("wallet/certificates.pem");
const KEY: &str = include_str!("wallet/key.pem");
const ACCOUNT: &str = include_str!("wallet/account.json");
const ISSUER: &str = "3388000000022222222";
const TOKEN: &str = "GF1.now.AAECAwQFBgcICQoLDA0ODwAAAAAAAAABAAAAAAAAAAIAAAAAcNvjwA.c2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2lnbmF0dXJlc2k";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn now() -> Timestamp {
    at("2030-01-01T12:00:00Z")
}

fn pass() -> Pass<'static> {
    Pass {
        ticket: Page {
            event: "Java \"Jazz\" Festival",
            date: at("2030-01-31T12:30:00Z"),
            zone: "Asia/Jayapura",
            location: "Stadion Mandala, Jayapura",
            kind: "Festival",
            holder: "Putri Ayu",
            code: "000102030405060708090a0b0c0d0e0f",
            order: "GF-8DQM-XV2K",
            seat: None,
            token: TOKEN,
        },
        seat: None,
        event_id: EventId::new(7),
        ends: Some(at("2030-01-31T18:00:00Z")),
        admits: true,
    }
}

/// The files of an archive, by the order of its directory.
fn unpacked(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let number = |at: usize, bytes: usize| {
        archive[at..at + bytes]
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte))
    };
    let end = archive.len() - 22;
    assert_eq!(&archive[end..end + 4], b"PK\x05\x06");
    let mut entry = number(end + 16, 4);
    let mut files = BTreeMap::new();
    for _ in 0..number(end + 10, 2) {
        assert_eq!(&archive[entry..entry + 4], b"PK\x01\x02");
        let (size, name_length, at) = (
            number(entry + 24, 4),
            number(entry + 28, 2),
            number(entry + 42, 4),
        );
        let name = String::from_utf8(archive[entry + 46..entry + 46 + name_length].to_vec()).unwrap();
        assert_eq!(&archive[at..at + 4], b"PK\x03\x04");
        let content = &archive[at + 30 + name_length..][..size];
        let mut crc = flate2::Crc::new();
        crc.update(content);
        assert_eq!(number(entry + 16, 4), crc.sum() as usize, "{name}");
        files.insert(name, content.to_vec());
        entry += 46 + name_length;
    }
    assert_eq!(entry, end);
    files
}

fn made(pass: &Pass<'_>) -> BTreeMap<String, Vec<u8>> {
    let signer = apple::Signer::parse(CERTIFICATES, KEY).unwrap();
    unpacked(&signer.pass(pass, now()).unwrap())
}

fn face(pass: &Pass<'_>) -> Value {
    serde_json::from_slice(&made(pass)["pass.json"]).unwrap()
}

#[test]
fn an_apple_pass_says_what_the_ticket_says() {
    let face = face(&pass());
    for (field, value) in [
        ("formatVersion", json!(1)),
        ("passTypeIdentifier", json!("pass.local.gigglefest.tickets")),
        ("teamIdentifier", json!("LOCALTEAM1")),
        ("serialNumber", json!("000102030405060708090a0b0c0d0e0f")),
        ("organizationName", json!("GiggleFest")),
        ("relevantDate", json!("2030-01-31T21:30:00+09:00")),
        ("expirationDate", json!("2030-02-01T03:00:00+09:00")),
        ("sharingProhibited", json!(true)),
        ("voided", Value::Null),
    ] {
        assert_eq!(face[field], value, "{field}");
    }
    assert_eq!(
        face["barcodes"],
        json!([{"format": "PKBarcodeFormatQR", "message": TOKEN, "messageEncoding": "iso-8859-1"}])
    );
    let mut shown = BTreeMap::new();
    for (place, fields) in face["eventTicket"].as_object().unwrap() {
        for field in fields.as_array().unwrap() {
            let key = field["key"].as_str().unwrap().to_owned();
            let before = shown.insert(key, (place.as_str(), field["value"].clone()));
            assert!(before.is_none(), "keys are unique: {field}");
        }
    }
    for (key, place, value) in [
        ("event", "primaryFields", "Java \"Jazz\" Festival"),
        ("date", "secondaryFields", "2030-01-31T21:30:00+09:00"),
        ("place", "secondaryFields", "Stadion Mandala, Jayapura"),
        ("kind", "auxiliaryFields", "Festival"),
        ("holder", "auxiliaryFields", "Putri Ayu"),
        ("order", "backFields", "GF-8DQM-XV2K"),
    ] {
        assert_eq!(shown[key], (place, json!(value)), "{key}");
    }
    assert_eq!(
        face["eventTicket"]["secondaryFields"][0]["ignoresTimeZone"],
        json!(true)
    );
}

#[test]
fn a_seat_is_told_in_both_languages_and_in_its_parts() {
    let seat = SeatName {
        section: "Tribune".to_owned(),
        row: "C".to_owned(),
        label: "12".to_owned(),
    };
    let pass = Pass {
        seat: Some(&seat),
        ..pass()
    };
    let shown = face(&pass)["eventTicket"]["auxiliaryFields"][1].clone();
    assert_eq!(
        (&shown["label"], &shown["value"]),
        (&json!("Seat"), &json!("Tribune, row C, seat 12"))
    );
    let words = &made(&pass)["id.lproj/pass.strings"];
    let sought = "\"Tribune, row C, seat 12\" = \"Tribune, baris C, kursi 12\";";
    let sought: Vec<u8> = sought.encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert!(words.windows(sought.len()).any(|part| part == sought));
    let payload = claims(&pass)["payload"].clone();
    assert_eq!(
        payload["eventTicketObjects"][0]["seatInfo"]["seat"]["defaultValue"]["value"],
        json!("Tribune, baris C, kursi 12")
    );
    let name = &payload["eventTicketClasses"][0]["eventName"]["defaultValue"]["value"];
    assert_eq!(
        *name,
        json!("Java \"Jazz\" Festival"),
        "ordinary names stay whole"
    );
    assert!(link(&pass).len() <= google::LONGEST);
}

#[test]
fn a_ticket_that_admits_nobody_any_more_is_shown_as_used_up() {
    let used = Pass {
        admits: false,
        ..pass()
    };
    assert_eq!(face(&used)["voided"], json!(true));
    assert_eq!(
        claims(&used)["payload"]["eventTicketObjects"][0]["state"],
        "INACTIVE"
    );
}

#[test]
fn the_words_of_an_apple_pass_are_in_both_languages() {
    let files = made(&pass());
    let read = |name: &str| {
        let units: Vec<u16> = files[name]
            .chunks(2)
            .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
            .collect();
        let text = String::from_utf16(&units).unwrap();
        text.strip_prefix('\u{feff}').unwrap().to_owned()
    };
    let (english, indonesian) = (read("en.lproj/pass.strings"), read("id.lproj/pass.strings"));
    assert!(english.contains("\"Date\" = \"Date\";\n"), "{english}");
    assert!(indonesian.contains("\"Date\" = \"Tanggal\";\n"), "{indonesian}");
    let face = face(&pass());
    let labels = face["eventTicket"].as_object().unwrap().values();
    for field in labels.flat_map(|fields| fields.as_array().unwrap()) {
        let label = format!("\"{}\" = \"", field["label"].as_str().unwrap());
        for words in [&english, &indonesian] {
            assert!(words.contains(&label), "{label} in {words}");
        }
    }
    for words in [&english, &indonesian] {
        for line in words.lines() {
            assert!(
                line.starts_with('"') && line.ends_with("\";") && line.contains("\" = \""),
                "{line}"
            );
        }
    }
}

/// The certificates beside a signature, if it is one over this list.
fn verified(manifest: &[u8], signature: &[u8]) -> Option<Vec<Certificate>> {
    let message = ContentInfo::from_der(signature).ok()?;
    let signed: SignedData = message.content.decode_as().ok()?;
    assert!(
        signed.encap_content_info.econtent.is_none(),
        "what is signed is not in it"
    );
    let certificates: Vec<_> = signed
        .certificates?
        .0
        .iter()
        .map(|choice| match choice {
            CertificateChoices::Certificate(certificate) => certificate.clone(),
            CertificateChoices::Other(_) => unreachable!("no other kind is written"),
        })
        .collect();
    let info = signed.signer_infos.0.get(0)?.clone();
    let attributes = info.signed_attrs?;
    let value = |oid: &str| {
        let attribute = attributes
            .iter()
            .find(|attribute| attribute.oid.to_string() == oid)
            .unwrap();
        attribute.values.get(0).unwrap().clone()
    };
    assert_eq!(
        value("1.2.840.113549.1.9.5").value(),
        b"300101120000Z",
        "time of signing"
    );
    let hash: OctetString = value("1.2.840.113549.1.9.4").decode_as().unwrap();
    if hash.as_bytes() != digest(&SHA256, manifest).as_ref() {
        return None;
    }
    let signer = certificates.iter().find(|certificate| {
        certificate
            .tbs_certificate
            .subject
            .to_string()
            .contains("Pass Type ID")
    })?;
    let key = &signer.tbs_certificate.subject_public_key_info.subject_public_key;
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.as_bytes()?)
        .verify(&attributes.to_der().unwrap(), info.signature.as_bytes())
        .ok()?;
    Some(certificates)
}

#[test]
fn the_list_of_files_is_whole_and_signed() {
    let files = made(&pass());
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "en.lproj/pass.strings",
            "icon.png",
            "icon@2x.png",
            "icon@3x.png",
            "id.lproj/pass.strings",
            "logo.png",
            "logo@2x.png",
            "manifest.json",
            "pass.json",
            "signature"
        ]
    );
    let manifest: BTreeMap<String, String> = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let hashes: BTreeMap<String, String> = files
        .iter()
        .filter(|(name, _)| !["manifest.json", "signature"].contains(&name.as_str()))
        .map(|(name, content)| {
            let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, content);
            let hex = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            (name.clone(), hex)
        })
        .collect();
    assert_eq!(manifest, hashes);
    let (list, signature) = (&files["manifest.json"], &files["signature"]);
    assert_eq!(
        verified(list, signature).unwrap().len(),
        2,
        "the one that signs and the one above it"
    );
    for byte in [0, list.len() / 2, list.len() - 1] {
        let mut other = list.clone();
        other[byte] ^= 1;
        assert!(verified(&other, signature).is_none());
    }
    let mut other = signature.clone();
    *other.last_mut().unwrap() ^= 1;
    assert!(verified(list, &other).is_none());
    assert_eq!(made(&pass()), files, "the same ticket at the same moment");
    for (name, width) in [("icon.png", 29), ("icon@2x.png", 58), ("icon@3x.png", 87)] {
        let reader = png::Decoder::new(std::io::Cursor::new(&files[name]))
            .read_info()
            .unwrap();
        assert_eq!(
            (reader.info().width, reader.info().height),
            (width, width),
            "{name}"
        );
    }
}

#[test]
fn a_certificate_that_does_not_count_signs_nothing() {
    let signer = apple::Signer::parse(CERTIFICATES, KEY).unwrap();
    for (then, good) in [
        ("2019-12-31T23:59:59Z", false),
        ("2020-01-01T00:00:00Z", true),
        ("2060-01-01T00:00:00Z", true),
        ("2120-01-01T00:00:00Z", true),
        ("2120-01-01T00:00:01Z", false),
    ] {
        let made = signer.pass(&pass(), at(then));
        assert_eq!(made.is_ok(), good, "{then}");
        assert!(good || matches!(made, Err(PassError::Expired { .. })), "{then}");
    }
}

#[test]
fn certificates_and_keys_that_do_not_fit_are_told_apart() {
    use apple::SignerError::{Certificate, Key, Stranger, Subject};
    let account: Value = serde_json::from_str(ACCOUNT).unwrap();
    let foreign = account["private_key"].as_str().unwrap();
    let (_, above) = CERTIFICATES.split_once("-----END CERTIFICATE-----\n").unwrap();
    let damaged = CERTIFICATES.replacen("MII", "MIJ", 1);
    let public = KEY.replace("PRIVATE KEY", "PUBLIC KEY");
    let no_key = KEY.replace("MII", "MIJ");
    for (certificates, key, problem) in [
        ("", KEY, Certificate(1)),
        ("pem", KEY, Certificate(1)),
        (damaged.as_str(), KEY, Certificate(1)),
        (above, KEY, Subject),
        (CERTIFICATES, "", Key(KeyError::Pem)),
        (CERTIFICATES, public.as_str(), Key(KeyError::Pem)),
        (CERTIFICATES, no_key.as_str(), Key(KeyError::Rsa)),
        (CERTIFICATES, foreign, Stranger),
    ] {
        assert_eq!(apple::Signer::parse(certificates, key).err(), Some(problem));
    }
    let flat = |pem: &str| pem.replace('\n', " ");
    assert!(apple::Signer::parse(&flat(CERTIFICATES), &flat(KEY)).is_ok());
    let bare = |pem: &str| pem.replace('\n', "");
    assert!(apple::Signer::parse(&bare(CERTIFICATES), &bare(KEY)).is_ok());
}

fn link(pass: &Pass<'_>) -> String {
    let signer = google::Signer::parse(ISSUER, ACCOUNT).unwrap();
    let link = signer.link(pass, now()).unwrap();
    let jwt = link.strip_prefix("https://pay.google.com/gp/v/save/").unwrap();
    jwt.to_owned()
}

/// What a link says, its signature checked.
fn claims(pass: &Pass<'_>) -> Value {
    let jwt = link(pass);
    let (signed, signature) = jwt.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&decode(header)).unwrap(),
        json!({"alg": "RS256", "typ": "JWT"})
    );
    let account: Value = serde_json::from_str(ACCOUNT).unwrap();
    let pem: String = account["private_key"]
        .as_str()
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let pair = KeyPair::from_pkcs8(&base64::engine::general_purpose::STANDARD.decode(pem).unwrap()).unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public().as_ref())
        .verify(signed.as_bytes(), &decode(signature))
        .unwrap();
    serde_json::from_slice(&decode(claims)).unwrap()
}

#[test]
fn a_google_pass_says_what_the_ticket_says() {
    let claims = claims(&pass());
    for (field, value) in [
        ("iss", json!("passes@gigglefest-local.iam.gserviceaccount.com")),
        ("aud", json!("google")),
        ("typ", json!("savetowallet")),
        ("iat", json!(now().unix_seconds())),
    ] {
        assert_eq!(claims[field], value, "{field}");
    }
    let (class, object) = (
        &claims["payload"]["eventTicketClasses"][0],
        &claims["payload"]["eventTicketObjects"][0],
    );
    let words = |text: &str| json!({"defaultValue": {"language": "id", "value": text}});
    for (field, value) in [
        ("issuerName", json!("GiggleFest")),
        ("reviewStatus", json!("UNDER_REVIEW")),
        ("eventName", words("Java \"Jazz\" Festival")),
        (
            "dateTime",
            json!({"start": "2030-01-31T21:30:00+09:00", "end": "2030-02-01T03:00:00+09:00"}),
        ),
    ] {
        assert_eq!(class[field], value, "{field}");
    }
    assert_eq!(
        class["venue"],
        json!({"name": words("Stadion Mandala"), "address": words("Jayapura")})
    );
    for (field, value) in [
        ("classId", class["id"].clone()),
        ("state", json!("ACTIVE")),
        ("barcode", json!({"type": "QR_CODE", "value": TOKEN})),
        ("ticketType", words("Festival")),
        ("ticketHolderName", json!("Putri Ayu")),
    ] {
        assert_eq!(object[field], value, "{field}");
    }
    let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
    assert!(id(class).starts_with("3388000000022222222.event-7-"), "{class}");
    assert!(id(object).starts_with("3388000000022222222.000102030405060708090a0b0c0d0e0f-"));
}

#[test]
fn an_event_that_was_moved_is_another_one_to_google_which_keeps_what_it_heard_first() {
    let ids = |pass: &Pass<'_>| {
        let payload = claims(pass)["payload"].clone();
        (
            payload["eventTicketClasses"][0]["id"].clone(),
            payload["eventTicketObjects"][0]["id"].clone(),
        )
    };
    let mut moved = pass();
    moved.ticket.date = at("2030-02-01T12:30:00Z");
    let (before, after) = (ids(&pass()), ids(&moved));
    assert!(before.0 != after.0 && before.1 != after.1);
    let mut another = pass();
    (another.ticket.holder, another.ticket.kind) = ("Budi", "VIP");
    assert_eq!(ids(&another), before, "who holds it is no news about the event");
}

#[test]
fn a_google_link_is_never_longer_than_browsers_bear() {
    let (long, quotes) = ("Ünïcode ".repeat(25), "\"\\".repeat(50));
    let place = "Jakarta International Velodrome, Jakarta Timur";
    for (event, location, kind, holder) in [
        (
            "Java Jazz Festival",
            "Istora Senayan, Jakarta",
            "Festival",
            "Putri Ayu",
        ),
        (
            "Malam Tahun Baru bersama Semua",
            place,
            "Presale VIP",
            "Raden Ajeng Kartini",
        ),
        (&long, &long, &long, &long),
        (&quotes, &quotes, &quotes, &quotes),
    ] {
        let mut pass = Pass { ends: None, ..pass() };
        let ticket = &mut pass.ticket;
        (ticket.event, ticket.location, ticket.kind, ticket.holder) = (event, location, kind, holder);
        let length = link(&pass).len();
        assert!(length <= google::LONGEST, "{length} characters with {event}");
        let said = claims(&pass)["payload"].clone();
        let name = said["eventTicketClasses"][0]["eventName"]["defaultValue"]["value"].clone();
        let name = name.as_str().unwrap();
        assert!(
            event == name || name.ends_with('…') && event.starts_with(name.trim_end_matches('…')),
            "{name}"
        );
        assert_eq!(
            event == name,
            event.len() < 40,
            "ordinary names stay whole: {name}"
        );
        assert_eq!(
            said["eventTicketObjects"][0]["barcode"]["value"], TOKEN,
            "never cut"
        );
    }
}

#[test]
fn accounts_and_issuers_that_are_none_are_refused() {
    use google::SignerError::{Account, Issuer, Key};
    for (issuer, account, problem) in [
        ("", ACCOUNT, Issuer),
        ("12a", ACCOUNT, Issuer),
        (ISSUER, "", Account),
        (ISSUER, "{}", Account),
        (
            ISSUER,
            r#"{"client_email":"a@b","private_key":"x"}"#,
            Key(KeyError::Pem),
        ),
    ] {
        assert_eq!(google::Signer::parse(issuer, account).err(), Some(problem));
    }
}
