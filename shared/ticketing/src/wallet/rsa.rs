//! RSA keys in PEM, as Apple's and Google's consoles and `openssl` hand them out.

use super::PassError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::RSA_PKCS1_SHA256;

/// Why a text is not a key. What it holds is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no block `PRIVATE KEY` or `RSA PRIVATE KEY`.
    #[error("expected a private key in PEM, without a passphrase")]
    Pem,
    /// It is no RSA key of 2,048 to 4,096 bits.
    #[error("expected an RSA key of 2,048 to 4,096 bits")]
    Rsa,
}

/// The contents of the blocks of that label. Line breaks may have become blanks on the way through a configuration, or be gone.
pub(super) fn blocks(pem: &str, label: &str) -> Option<Vec<Vec<u8>>> {
    let (begin, end) = (
        format!("-----BEGIN {label}-----"),
        format!("-----END {label}-----"),
    );
    pem.split(begin.as_str())
        .skip(1)
        .map(|rest| {
            let (body, _) = rest.split_once(end.as_str())?;
            let body: String = body.split_ascii_whitespace().collect();
            STANDARD.decode(body).ok()
        })
        .collect()
}

/// A key that signs with RSASSA-PKCS1-v1_5 and SHA-256, which both wallets ask for.
pub(super) struct RsaKey(KeyPair);

impl RsaKey {
    pub(super) fn parse(pem: &str) -> Result<Self, KeyError> {
        let first = |label| blocks(pem, label).and_then(|blocks| blocks.into_iter().next());
        let pair = match (first("PRIVATE KEY"), first("RSA PRIVATE KEY")) {
            (Some(pkcs8), _) => KeyPair::from_pkcs8(&pkcs8),
            (None, Some(pkcs1)) => KeyPair::from_der(&pkcs1),
            (None, None) => return Err(KeyError::Pem),
        };
        pair.map(Self).map_err(|_| KeyError::Rsa)
    }

    /// The public half as PKCS#1 writes it, and as it stands in a certificate.
    pub(super) fn public(&self) -> &[u8] {
        self.0.public().as_ref()
    }

    /// Bytes of a signature.
    pub(super) fn length(&self) -> usize {
        self.0.public().modulus_len()
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, PassError> {
        let mut signature = vec![0; self.length()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| PassError::Signing)?;
        Ok(signature)
    }
}
