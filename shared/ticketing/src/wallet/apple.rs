//! Passes for Apple Wallet: an archive with what stands on the pass, its pictures and its words in both languages, a list with the
//! hash of each file, and a signature over that list (`application/vnd.apple.pkpass`).

use super::rsa::{RsaKey, blocks};
use super::zip::{File, archive};
use super::{ISSUER, KeyError, Pass, PassError, at_the_place, signature};
use cms::cert::x509::Certificate;
use cms::cert::x509::der::asn1::ObjectIdentifier;
use cms::cert::x509::der::{Decode as _, Encode as _};
use domain::Timestamp;
use domain::event::end_of;
use domain::language::Language;
use ring::digest;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::fmt::Write as _;

/// Where a certificate of Apple has the identifier of the kind of passes that it signs (`pass.com.example.tickets`).
const USER_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.1");
/// Where it has the team of the developer.
const ORGANIZATIONAL_UNIT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.11");

/// The pictures of a pass. Plain drawings in the colours of the PDF, to be replaced by the brand's own of the same sizes.
const PICTURES: [(&str, &[u8]); 5] = [
    ("icon.png", include_bytes!("../../images/icon.png")),
    ("icon@2x.png", include_bytes!("../../images/icon@2x.png")),
    ("icon@3x.png", include_bytes!("../../images/icon@3x.png")),
    ("logo.png", include_bytes!("../../images/logo.png")),
    ("logo@2x.png", include_bytes!("../../images/logo@2x.png")),
];

/// Who signs passes: a certificate of Apple for one kind of passes, with its key.
pub struct Signer {
    certificate: Certificate,
    others: Vec<Certificate>,
    key: RsaKey,
    pass_type: String,
    team: String,
}

/// Why nothing can be signed with a certificate and a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// There are no certificates, or one of them is damaged. Counted from 1.
    #[error(
        "certificate {0} is missing or damaged; expected PEM: the one that signs, then those between it and Apple's root"
    )]
    Certificate(usize),
    /// The subject of the certificate lacks what Apple puts there.
    #[error(
        "the first certificate is not one for passes: its subject has no UID (pass type) or no OU (team)"
    )]
    Subject,
    /// The key cannot be used.
    #[error("the key cannot be used: {0}")]
    Key(#[from] KeyError),
    /// The key belongs to another certificate.
    #[error("the key does not belong to the first certificate")]
    Stranger,
}

impl Signer {
    /// Reads certificates in PEM (the one that signs, then Apple's intermediate "WWDR", which phones do not have) and the key of the
    /// first. The identifiers of pass type and team are those of the certificate: Apple refuses passes that say something else.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn parse(certificates: &str, key: &str) -> Result<Self, SignerError> {
        let blocks = blocks(certificates, "CERTIFICATE").ok_or(SignerError::Certificate(1))?;
        let mut chain = Vec::with_capacity(blocks.len());
        for (block, number) in blocks.iter().zip(1..) {
            let certificate = Certificate::from_der(block).map_err(|_| SignerError::Certificate(number))?;
            // What is sent is written anew, and has to be the bytes that its issuer signed.
            if certificate.to_der().ok().as_ref() != Some(block) {
                return Err(SignerError::Certificate(number));
            }
            chain.push(certificate);
        }
        let mut chain = chain.into_iter();
        let certificate = chain.next().ok_or(SignerError::Certificate(1))?;
        let subject = |oid| subject(&certificate, oid).ok_or(SignerError::Subject);
        let (pass_type, team) = (subject(USER_ID)?, subject(ORGANIZATIONAL_UNIT)?);
        let key = RsaKey::parse(key)?;
        let public = &certificate
            .tbs_certificate
            .subject_public_key_info
            .subject_public_key;
        if public.as_bytes() != Some(key.public()) {
            return Err(SignerError::Stranger);
        }
        Ok(Self {
            others: chain.collect(),
            key,
            pass_type,
            team,
            certificate,
        })
    }

    /// A signed pass.
    ///
    /// # Errors
    /// If the certificate does not count now; Apple Wallet would refuse the pass without a word.
    pub fn pass(&self, pass: &Pass<'_>, now: Timestamp) -> Result<Vec<u8>, PassError> {
        let validity = self.certificate.tbs_certificate.validity;
        let (from, until) = (
            signature::moment(validity.not_before),
            signature::moment(validity.not_after),
        );
        if now < from || now > until {
            return Err(PassError::Expired { from, until });
        }
        let mut words = Words::default();
        let face = serde_json::to_vec(&self.face(pass, &mut words))?;
        let mut files = vec![File {
            name: "pass.json",
            content: Cow::Owned(face),
        }];
        files.extend(PICTURES.map(|(name, content)| File {
            name,
            content: Cow::Borrowed(content),
        }));
        for (name, language) in [
            ("en.lproj/pass.strings", Language::En),
            ("id.lproj/pass.strings", Language::Id),
        ] {
            files.push(File {
                name,
                content: Cow::Owned(words.file(language)),
            });
        }
        let manifest: Map<String, Value> = files
            .iter()
            .map(|file| (file.name.to_owned(), sha_1(&file.content).into()))
            .collect();
        let manifest = serde_json::to_vec(&manifest)?;
        let signature = signature::detached(&self.certificate, &self.others, &self.key, &manifest, now)?;
        for (name, content) in [("manifest.json", manifest), ("signature", signature)] {
            files.push(File {
                name,
                content: Cow::Owned(content),
            });
        }
        Ok(archive(&files))
    }

    /// What stands on the pass. Labels are in English, which phones replace by the words of their language.
    fn face(&self, pass: &Pass<'_>, words: &mut Words) -> Value {
        let ticket = &pass.ticket;
        let when = at_the_place(ticket.date, ticket.zone);
        let field = |key: &str, label: &str, value: &str| json!({"key": key, "label": label, "value": value});
        let mut say = |english: &str, indonesian: &str| words.say(english, indonesian);
        let mut date = field("date", &say("Date", "Tanggal"), &when);
        if let Some(date) = date.as_object_mut() {
            date.insert("dateStyle".to_owned(), "PKDateStyleMedium".into());
            date.insert("timeStyle".to_owned(), "PKDateStyleShort".into());
            // As a clock at the place shows it, wherever the phone is.
            date.insert("ignoresTimeZone".to_owned(), true.into());
        }
        let place = say("Place", "Tempat");
        let mut auxiliary = vec![field("kind", &say("Ticket", "Jenis tiket"), ticket.kind)];
        if let Some(seat) = pass.seat {
            let seat = say(&seat.words(Language::En), &seat.words(Language::Id));
            auxiliary.push(field("seat", &say("Seat", "Kursi"), &seat));
        }
        auxiliary.push(field("holder", &say("Name", "Nama"), ticket.holder));
        let terms = say(TERMS.0, TERMS.1);
        let mut face = json!({
            "formatVersion": 1,
            "passTypeIdentifier": self.pass_type,
            "teamIdentifier": self.team,
            // A ticket that was passed on has another code, and so is another pass.
            "serialNumber": ticket.code,
            "organizationName": ISSUER,
            "description": say("Ticket to an event", "Tiket acara"),
            "logoText": ISSUER,
            "foregroundColor": "rgb(255, 255, 255)",
            "backgroundColor": "rgb(75, 46, 131)",
            "labelColor": "rgb(217, 210, 233)",
            "relevantDate": when,
            "expirationDate": at_the_place(end_of(ticket.date, pass.ends), ticket.zone),
            "groupingIdentifier": format!("event-{}", pass.event_id),
            "sharingProhibited": true,
            "barcodes": [{
                "format": "PKBarcodeFormatQR",
                "message": ticket.token,
                "messageEncoding": "iso-8859-1",
            }],
            "eventTicket": {
                "primaryFields": [field("event", &say("Event", "Acara"), ticket.event)],
                "secondaryFields": [date, field("place", &place, ticket.location)],
                "auxiliaryFields": auxiliary,
                "backFields": [
                    field("fullEvent", &say("Event", "Acara"), ticket.event),
                    field("fullPlace", &place, ticket.location),
                    field("order", &say("Order", "Kode pesanan"), ticket.order),
                    field("code", &say("Ticket code", "Kode tiket"), ticket.code),
                    field("terms", &say("At the entrance", "Di pintu masuk"), &terms),
                ],
            },
        });
        if let Some(face) = face.as_object_mut().filter(|_| !pass.admits) {
            face.insert("voided".to_owned(), true.into());
        }
        face
    }
}

/// What one has to know at the gate, as on paper, and that a pass does not change by itself.
const TERMS: (&str, &str) = (
    "The code admits one person once. Whoever is scanned first gets in: do not share it and do not post it. A ticket that was \
     refunded, cancelled or passed on is void, even if it is still in a wallet. This pass shows what was known when it was added; \
     look at your tickets for changes of time and place.",
    "Kode berlaku untuk satu orang dan satu kali masuk. Yang dipindai lebih dahulu, dialah yang masuk: jangan membagikan atau \
     mengunggah kode ini. Tiket yang dikembalikan, dibatalkan, atau dialihkan tidak berlaku lagi, juga bila masih ada di dompet. \
     Kartu ini menunjukkan data saat ditambahkan; perubahan waktu dan tempat ada di tiket Anda.",
);

/// What a certificate's subject says under an attribute.
fn subject(certificate: &Certificate, oid: ObjectIdentifier) -> Option<String> {
    let mut parts = certificate.tbs_certificate.subject.0.iter();
    parts.find_map(|part| {
        let attribute = part.0.iter().find(|attribute| attribute.oid == oid)?;
        let text = std::str::from_utf8(attribute.value.value()).ok()?;
        (!text.is_empty()).then(|| text.to_owned())
    })
}

/// SHA-1 in hexadecimal: what the list of files holds, since the first version of the format. It is SHA-256 that signs the list.
fn sha_1(content: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, content);
    hash.as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The words of a pass in both languages. The English ones stand on the pass itself.
#[derive(Default)]
struct Words(Vec<(String, String)>);

impl Words {
    fn say(&mut self, english: &str, indonesian: &str) -> String {
        if !self.0.iter().any(|(known, _)| known == english) {
            self.0.push((english.to_owned(), indonesian.to_owned()));
        }
        english.to_owned()
    }

    /// Apple's format for such words, in UTF-16, which it asks for.
    fn file(&self, language: Language) -> Vec<u8> {
        let mut text = String::from('\u{feff}');
        for (english, indonesian) in &self.0 {
            let word = language.pick(indonesian, english);
            let _ = writeln!(text, "\"{}\" = \"{}\";", escaped(english), escaped(word));
        }
        text.encode_utf16().flat_map(u16::to_be_bytes).collect()
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
