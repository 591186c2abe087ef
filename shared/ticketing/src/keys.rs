use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use std::fmt;

/// Longest key id. It stands in every token, and a longer token is a denser QR code.
pub(crate) const LONGEST_ID: usize = 16;

/// The keys that sign tickets. The first one signs; all of them verify, so that a key can be replaced while tickets it
/// signed are still out there. Neither `Debug` nor an error shows a seed.
pub struct SigningKeys {
    current: Key,
    older: Vec<Key>,
}

pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) pair: Ed25519KeyPair,
}

/// Why a text is not a list of signing keys. Entries are counted from 1; what they hold is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// The text holds no entry, or an empty one.
    #[error("key {0} is empty; expected id:base64 of 32 bytes, several joined by commas")]
    Empty(usize),
    /// The id is missing or holds characters that a token cannot carry.
    #[error("key {0} needs an id of 1 to 16 letters, digits, - or _, followed by a colon")]
    Id(usize),
    /// The seed is not 32 bytes in base64.
    #[error("the seed of key {0} must be 32 bytes in base64")]
    Seed(usize),
    /// Two entries have the same id.
    #[error("key {0} has the id of an earlier key")]
    Twice(usize),
}

impl SigningKeys {
    /// Reads `id:seed,id:seed,…`, where a seed is 32 random bytes in standard base64
    /// (`head -c32 /dev/urandom | base64`) and an id is 1 to 16 letters, digits, `-` or `_`. Blanks around entries are
    /// ignored.
    ///
    /// # Errors
    /// Which entry is wrong, and how.
    pub fn parse(text: &str) -> Result<Self, KeysError> {
        let mut keys: Vec<Key> = Vec::new();
        for (entry, number) in text.split(',').map(str::trim).zip(1..) {
            let key = Key::parse(entry, number)?;
            if keys.iter().any(|earlier| earlier.id == key.id) {
                return Err(KeysError::Twice(number));
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let current = keys.next().ok_or(KeysError::Empty(1))?;
        Ok(Self {
            current,
            older: keys.collect(),
        })
    }

    /// The public half of every key, the current one first: what a gate needs to check tickets without a connection.
    pub fn public_keys(&self) -> Vec<PublicKey> {
        self.all()
            .map(|key| PublicKey {
                kty: "OKP",
                crv: "Ed25519",
                x: URL_SAFE_NO_PAD.encode(key.pair.public_key()),
                kid: key.id.clone(),
                alg: "EdDSA",
                usage: "sig",
            })
            .collect()
    }

    pub(crate) const fn current(&self) -> &Key {
        &self.current
    }

    pub(crate) fn find(&self, id: &str) -> Option<&Key> {
        self.all().find(|key| key.id == id)
    }

    fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.older)
    }
}

impl Key {
    fn parse(entry: &str, number: usize) -> Result<Self, KeysError> {
        if entry.is_empty() {
            return Err(KeysError::Empty(number));
        }
        let (id, seed) = entry.split_once(':').ok_or(KeysError::Id(number))?;
        if !is_id(id) {
            return Err(KeysError::Id(number));
        }
        let seed = STANDARD.decode(seed).map_err(|_| KeysError::Seed(number))?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| KeysError::Seed(number))?;
        Ok(Self {
            id: id.to_owned(),
            pair,
        })
    }
}

/// Whether a text can be the id of a key.
pub(crate) fn is_id(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(plain)
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.all().map(|key| &key.id)).finish()
    }
}

/// A public key as a JSON Web Key (RFC 8037), to be served in the `keys` of a key set.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct PublicKey {
    /// Type of key.
    pub kty: &'static str,
    /// Curve.
    pub crv: &'static str,
    /// The 32 bytes of the key in unpadded base64url.
    pub x: String,
    /// Its id, which stands in the tokens it verifies.
    pub kid: String,
    /// Algorithm.
    pub alg: &'static str,
    /// What it is for: signatures.
    #[serde(rename = "use")]
    pub usage: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZEROS: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    #[test]
    fn the_first_key_is_current_and_all_are_published() {
        let keys = SigningKeys::parse(&format!("b:{ZEROS}, a_1-:{ZEROS}")).unwrap();
        assert_eq!(keys.current().id, "b");
        assert!(keys.find("a_1-").is_some() && keys.find("c").is_none());
        assert_eq!(
            serde_json::to_value(&keys.public_keys()[0]).unwrap(),
            serde_json::json!({
                "kty": "OKP", "crv": "Ed25519", "x": "O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik",
                "kid": "b", "alg": "EdDSA", "use": "sig",
            })
        );
    }

    #[test]
    fn wrong_lists_are_refused_with_the_number_of_the_entry() {
        let short = &ZEROS[4..];
        for (text, error) in [
            (String::new(), KeysError::Empty(1)),
            (format!("a:{ZEROS},"), KeysError::Empty(2)),
            (ZEROS.to_owned(), KeysError::Id(1)),
            (format!(":{ZEROS}"), KeysError::Id(1)),
            (format!("a.b:{ZEROS}"), KeysError::Id(1)),
            (format!("{}:{ZEROS}", "k".repeat(17)), KeysError::Id(1)),
            (format!("a:{ZEROS},b:{short}"), KeysError::Seed(2)),
            ("a:%%%".to_owned(), KeysError::Seed(1)),
            (format!("a:{ZEROS},a:{ZEROS}"), KeysError::Twice(2)),
        ] {
            assert_eq!(SigningKeys::parse(&text).err(), Some(error), "{text}");
        }
    }

    #[test]
    fn a_seed_is_printed_neither_by_the_keys_nor_by_an_error() {
        let seed = "c2VjcmV0LXNlZWQtdGhhdC1pcy0zMi1ieXRlcy1sbyE=";
        let keys = SigningKeys::parse(&format!("a:{seed}")).unwrap();
        assert_eq!(format!("{keys:?}"), r#"{"a"}"#);
        let error = SigningKeys::parse(&format!("a:{seed}x")).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("c2Vj"));
    }
}
