//! Tickets that were taken back, as gates without a connection get them: hashes, so that the list tells nobody a code that a gate
//! may meet, cut to eight bytes, sorted, one after the other. Two codes of one event share such a hash once in a billion billion.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

/// Bytes of a hash that are kept.
pub const LENGTH: usize = 8;

/// What stands in the list for a ticket of that code.
pub fn hash(code: &str) -> [u8; LENGTH] {
    let mut hash = [0; LENGTH];
    for (kept, byte) in hash.iter_mut().zip(digest(&SHA256, code.as_bytes()).as_ref()) {
        *kept = *byte;
    }
    hash
}

/// The list, in base64.
pub fn pack<'a>(codes: impl Iterator<Item = &'a str>) -> String {
    let mut hashes: Vec<[u8; LENGTH]> = codes.map(hash).collect();
    hashes.sort_unstable();
    hashes.dedup();
    STANDARD.encode(hashes.as_flattened())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_the_beginning_of_sha_256_in_order() {
        // printf 0000… | sha256sum
        let codes = ["0".repeat(32), "f".repeat(32), "0".repeat(32)];
        assert_eq!(hash(&codes[0]), [0x84, 0xe0, 0xc0, 0xea, 0xfa, 0xa9, 0x5a, 0x34]);
        let packed = STANDARD.decode(pack(codes.iter().map(String::as_str))).unwrap();
        assert_eq!(packed.len(), 2 * LENGTH);
        assert!(packed[..LENGTH] < packed[LENGTH..]);
        let mut expected = [hash(&codes[0]), hash(&codes[1])];
        expected.sort_unstable();
        assert_eq!(packed, expected.as_flattened());
        assert_eq!(pack(std::iter::empty()), "");
    }
}
