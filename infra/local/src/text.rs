//! Hashes and random words.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

/// SHA-256 in lower-case hexadecimal.
pub fn hex_sha256(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

/// `length` random bytes in hexadecimal, fit for secrets.
///
/// # Errors
/// When the system has no random numbers.
pub fn random_hex(length: usize) -> Result<String> {
    Ok(hex(&random_bytes(length)?))
}

/// `length` random bytes, fit for secrets.
///
/// # Errors
/// When the system has no random numbers.
pub fn random_bytes(length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .context("no random numbers")?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_standard_one() {
        assert_eq!(
            hex_sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn random_words_differ() {
        assert_eq!(random_hex(16).unwrap().len(), 32);
        assert_ne!(random_hex(16).unwrap(), random_hex(16).unwrap());
    }
}
