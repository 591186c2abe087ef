use crate::random::to_hex;
use crate::secret::Secret;
use ring::hmac;

/// Signs the links of mails that say by themselves for whom they are, and checks them. The key is derived from a secret of the
/// fleet for one purpose, so what it signs is worth nothing anywhere else, and nothing else is worth anything here.
#[derive(Debug)]
pub struct LinkKey(hmac::Key);

impl LinkKey {
    /// The key of a purpose.
    pub fn derive(secret: &Secret, purpose: &str) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        let derived = hmac::sign(&secret, format!("gigglefest link {purpose}").as_bytes());
        Self(hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()))
    }

    /// The token of a link for a number, such as the id of an account.
    pub fn sign(&self, number: i64) -> String {
        let number = number.to_string();
        let signature = hmac::sign(&self.0, number.as_bytes());
        format!("{number}.{}", to_hex(signature.as_ref()))
    }

    /// The number that a token was signed for. `None` for anything that this key did not sign.
    pub fn check(&self, token: &str) -> Option<i64> {
        let (text, signature) = token.split_once('.')?;
        hmac::verify(&self.0, text.as_bytes(), &from_hex(signature)?).ok()?;
        text.parse().ok()
    }
}

/// The bytes of a signature in lower-case hexadecimal.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != 64 {
        return None;
    }
    let pairs = text.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(secret: &str, purpose: &str) -> LinkKey {
        LinkKey::derive(&Secret::new(secret), purpose)
    }

    #[test]
    fn a_token_is_good_for_its_number_and_its_purpose() {
        let unsubscribe = key("secret", "unsubscribe");
        let token = unsubscribe.sign(7);
        assert_eq!(unsubscribe.check(&token), Some(7));
        assert_eq!(unsubscribe.sign(7), token, "a mail may carry it twice");
        assert_eq!(key("secret", "other").check(&token), None);
        assert_eq!(key("another secret", "unsubscribe").check(&token), None);
    }

    #[test]
    fn nothing_else_is_a_token() {
        let key = key("secret", "unsubscribe");
        let token = key.sign(7);
        let signature = token.trim_start_matches("7.");
        for bad in [
            "",
            ".",
            "7",
            "7.",
            signature,
            &format!("8.{signature}"),
            &format!("07.{signature}"),
            &format!("7.{}", signature.to_uppercase()),
            &format!("7.{signature}00"),
            &token[..token.len() - 1],
            &format!("7.{}é{}", &signature[..30], &signature[32..]),
        ] {
            assert_eq!(key.check(bad), None, "{bad}");
        }
        // What the secret itself signs is no token either.
        let plain = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"secret"), b"7");
        assert_eq!(key.check(&format!("7.{}", to_hex(plain.as_ref()))), None);
    }
}
