use ring::digest;
use subtle::ConstantTimeEq as _;

/// The fields of a notification that this program reads; everything else in it is kept as it came.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct Notification {
    /// Our order code.
    pub order_id: String,
    /// The code of this message.
    pub status_code: String,
    /// Amount with two decimals. Part of the signature, so it must stay the text that was sent.
    pub gross_amount: String,
    /// Proof that the sender knows the server key.
    pub signature_key: String,
    /// What is said to have happened. Not covered by the signature.
    pub transaction_status: String,
    /// Midtrans' own id of the transaction. Not covered by the signature.
    pub transaction_id: Option<String>,
}

/// Whether a signature is that of an order, a code and an amount under a server key: the lower-case hexadecimal SHA-512 of
/// the four texts one after another. Compared in constant time.
///
/// Source: Midtrans documentation, "Verifying notification authenticity".
pub fn signature_matches(notification: &Notification, server_key: &str) -> bool {
    let mut hash = digest::Context::new(&digest::SHA512);
    for part in [
        &notification.order_id,
        &notification.status_code,
        &notification.gross_amount,
    ] {
        hash.update(part.as_bytes());
    }
    hash.update(server_key.as_bytes());
    let expected = runtime::random::to_hex(hash.finish().as_ref());
    expected
        .as_bytes()
        .ct_eq(notification.signature_key.as_bytes())
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(order_id: &str, status_code: &str, gross_amount: &str, signature_key: &str) -> Notification {
        Notification {
            order_id: order_id.to_owned(),
            status_code: status_code.to_owned(),
            gross_amount: gross_amount.to_owned(),
            signature_key: signature_key.to_owned(),
            transaction_status: "settlement".to_owned(),
            transaction_id: None,
        }
    }

    const KEY: &str = "SB-Mid-server-TESTKEY";
    const PAID: &str = "855ed165b9bdac50b9e0012f45bafc9fc3c9812ea339f7763812b2b662772ebea51922aeaf7cc60a498575861cd476910d0476cb5adb9c601dd0f5fd8bf2adc9";

    #[test]
    fn published_vectors_match() {
        let published = signed(
            "1111",
            "200",
            "100000.00",
            "edc076b21793ebe3e17926350f5b8ae67d902fe657b3d0aa31b932d5c127e2375d308a2bc94f3265ac2d80a1f181a79b997ac178a236fcff35af263fc4d4c231",
        );
        assert!(signature_matches(
            &published,
            "askvnoibnosifnboseofinbofinfgbiufglnbfg"
        ));
        assert!(signature_matches(
            &signed("ORDER-101", "200", "10000.00", PAID),
            KEY
        ));
        let expired = "1aca17f0848de8ad4a28cfb8ecae7c3a972fd9191afed91b3b0dade0071b229fe1d508558b2c306a6557d3c95f0b334c76ac0ae69487e2ae52bd37ed52a2e52e";
        assert!(signature_matches(
            &signed("ORDER-101", "407", "10000.00", expired),
            KEY
        ));
    }

    #[test]
    fn forgeries_do_not_match() {
        for (why, forged) in [
            (
                "amount without decimals",
                signed("ORDER-101", "200", "10000", PAID),
            ),
            ("other amount", signed("ORDER-101", "200", "100.00", PAID)),
            ("other order", signed("ORDER-102", "200", "10000.00", PAID)),
            ("other code", signed("ORDER-101", "201", "10000.00", PAID)),
            (
                "upper case",
                signed("ORDER-101", "200", "10000.00", &PAID.to_uppercase()),
            ),
            ("cut", signed("ORDER-101", "200", "10000.00", &PAID[..127])),
            ("empty", signed("ORDER-101", "200", "10000.00", "")),
            ("moved boundary", signed("ORDER-1012", "00", "10000.00", PAID)),
        ] {
            let shifted = why == "moved boundary";
            // Plain concatenation cannot tell where one text ends; the order code is looked up afterwards.
            assert_eq!(signature_matches(&forged, KEY), shifted, "{why}");
        }
        assert!(!signature_matches(
            &signed("ORDER-101", "200", "10000.00", PAID),
            "SB-Mid-server-OTHER"
        ));
    }
}
