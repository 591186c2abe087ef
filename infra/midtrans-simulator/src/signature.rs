//! The `signature_key` of notifications and status answers.

use std::fmt::Write as _;

use ring::digest::{SHA512, digest};

/// Computes `signature_key`: lowercase hexadecimal SHA-512 of the four texts, one after the other.
///
/// `status_code` and `gross_amount` are the texts of the same message, e.g. `"200"` and `"10000.00"`. A status
/// answer and a notification about the same state may carry different codes, and so different signatures.
pub fn signature(order_id: &str, status_code: &str, gross_amount: &str, server_key: &str) -> String {
    let text = [order_id, status_code, gross_amount, server_key].concat();
    let mut hex = String::with_capacity(128);
    for byte in digest(&SHA512, text.as_bytes()).as_ref() {
        // Writing into a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::signature;

    const TEST_KEY: &str = "SB-Mid-server-TESTKEY";

    #[test]
    fn published_vectors_are_reproduced() {
        let vectors = [
            (
                [
                    "1111",
                    "200",
                    "100000.00",
                    "askvnoibnosifnboseofinbofinfgbiufglnbfg",
                ],
                "edc076b21793ebe3e17926350f5b8ae67d902fe657b3d0aa31b932d5c127e2375d308a2bc94f3265ac2d80a1f181a79b997ac178a236fcff35af263fc4d4c231",
            ),
            (
                ["ORDER-101", "200", "10000.00", TEST_KEY],
                "855ed165b9bdac50b9e0012f45bafc9fc3c9812ea339f7763812b2b662772ebea51922aeaf7cc60a498575861cd476910d0476cb5adb9c601dd0f5fd8bf2adc9",
            ),
            (
                ["ORDER-101", "201", "10000.00", TEST_KEY],
                "db23b018f77e23df2959fb79d717a3c5e590623f4aa7e1be9049392e411e93d892cf90f157a7d51ccb507d34c466405767d9f68b359789d9b158722f787b09be",
            ),
            (
                ["ORDER-101", "202", "10000.00", TEST_KEY],
                "3c3589f38b22cac7001c2b65996e9edf6254196d66c509ed0c054dc0dace694c8242fc8d7270a089f19017f329a25eeee3c01706cb61cc1e65cf0ca9509751c7",
            ),
            (
                ["ORDER-101", "407", "10000.00", TEST_KEY],
                "1aca17f0848de8ad4a28cfb8ecae7c3a972fd9191afed91b3b0dade0071b229fe1d508558b2c306a6557d3c95f0b334c76ac0ae69487e2ae52bd37ed52a2e52e",
            ),
        ];
        for ([order_id, status_code, gross_amount, server_key], expected) in vectors {
            assert_eq!(
                signature(order_id, status_code, gross_amount, server_key),
                expected,
                "{order_id} {status_code}"
            );
        }
    }

    #[test]
    fn an_amount_without_decimals_gives_another_signature() {
        let without = signature("ORDER-101", "200", "10000", TEST_KEY);
        assert_eq!(
            without,
            "1b1d6d077445fff7afdf54978602999452c55b4fe5f7803531618b1fa66fd01cecd9b52f87dc305f3b2ad6708c1441432d6e950252c28c0bdf7dc77d033be557"
        );
        assert_ne!(without, signature("ORDER-101", "200", "10000.00", TEST_KEY));
    }
}
