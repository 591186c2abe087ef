use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::Value;

/// A gate without a connection: it has downloaded the public keys and checks tokens with them alone. Written from the
/// description of the token and with another implementation of Ed25519, so that it shares nothing with the fleet.
#[derive(Debug)]
pub struct Gate {
    keys: Vec<(String, VerifyingKey)>,
}

/// What a good token says.
#[derive(Debug, PartialEq, Eq)]
pub struct Scanned {
    /// Code of the ticket.
    pub code: String,
    /// Its event.
    pub event: i64,
    /// Its kind.
    pub ticket_type: i64,
}

/// Why a gate lets nobody in.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not a ticket at all.
    Malformed,
    /// Signed by somebody else.
    UnknownKey,
    /// The signature does not fit.
    Forged,
}

impl Gate {
    /// A gate with the keys of `GET /tickets/keys`.
    ///
    /// # Panics
    /// When they are not Ed25519 keys in JWK form.
    pub fn with_keys(data: &Value) -> Self {
        let keys = data["keys"].as_array().expect("a list of keys");
        let read = |jwk: &Value| {
            assert_eq!(
                (&jwk["kty"], &jwk["crv"]),
                (&"OKP".into(), &"Ed25519".into()),
                "{jwk}"
            );
            let x = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().expect("a key has an x"));
            let bytes: [u8; 32] = x.expect("base64url").try_into().expect("32 bytes");
            let key = VerifyingKey::from_bytes(&bytes).expect("a point of the curve");
            (jwk["kid"].as_str().expect("a key has an id").to_owned(), key)
        };
        Self {
            keys: keys.iter().map(read).collect(),
        }
    }

    /// Looks at what a QR code carries: `GF1.<key id>.<payload>.<signature>`.
    ///
    /// # Errors
    /// Why nobody may pass.
    pub fn scan(&self, token: &str) -> Result<Scanned, Refusal> {
        let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let parts: Vec<&str> = signed.split('.').collect();
        let ["GF1", id, payload] = parts.as_slice() else {
            return Err(Refusal::Malformed);
        };
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| Refusal::Malformed);
        let signature = Signature::from_slice(&decode(signature)?).map_err(|_| Refusal::Malformed)?;
        let payload: [u8; 40] = decode(payload)?.try_into().map_err(|_| Refusal::Malformed)?;
        let key = self.keys.iter().find(|(known, _)| known == id);
        let (_, key) = key.ok_or(Refusal::UnknownKey)?;
        key.verify_strict(signed.as_bytes(), &signature)
            .map_err(|_| Refusal::Forged)?;
        let number = |place: usize| {
            let bytes = payload[place..place + 8].try_into().expect("eight bytes");
            i64::from_be_bytes(bytes)
        };
        Ok(Scanned {
            code: payload[..16].iter().map(|byte| format!("{byte:02x}")).collect(),
            event: number(16),
            ticket_type: number(24),
        })
    }
}

/// Reads the QR code in a PNG picture.
///
/// # Panics
/// When there is not exactly one, or it cannot be read.
pub fn read_qr(file: &[u8]) -> String {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().expect("a PNG picture");
    let mut bytes = vec![0; reader.output_buffer_size().expect("a small picture")];
    let info = reader.next_frame(&mut bytes).expect("a whole picture");
    let (width, height) = (info.width as usize, info.height as usize);
    let samples = info.color_type.samples();
    let mut picture = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| {
        bytes[y * info.line_size + x * samples]
    });
    let grids = picture.detect_grids();
    assert_eq!(grids.len(), 1, "a picture with one QR code");
    grids[0].decode().expect("a readable QR code").1
}
