//! Randomness from the operating system.

use ring::rand::{SecureRandom as _, SystemRandom};

/// `N` random bytes.
///
/// # Panics
/// If the operating system has no randomness to give: nothing safe can be done then.
#[expect(
    clippy::expect_used,
    reason = "without randomness every token would be guessable; stopping is the only safe answer"
)]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the operating system gives random bytes");
    bytes
}

/// `N` random bytes in lower-case hexadecimal.
pub fn hex<const N: usize>() -> String {
    to_hex(&bytes::<N>())
}

/// A random number below `bound`, for spreading load; its bias is below one in a million for bounds up to 4,000.
pub fn below(bound: u32) -> u32 {
    u32::from_le_bytes(bytes()).checked_rem(bound).unwrap_or(0)
}

/// Bytes in lower-case hexadecimal.
pub fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// SHA-256, under which tokens are stored so that a copy of the database opens no door.
pub fn sha256(text: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref());
    hash
}
