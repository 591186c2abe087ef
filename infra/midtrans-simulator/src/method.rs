//! The catalogue of payment methods.

use jiff::SignedDuration;
use serde_json::Value;

/// What a method's messages look like and how it is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Card,
    /// A virtual account reported in `va_numbers`.
    Va,
    /// A virtual account with a field of its own.
    PermataVa,
    MandiriBill,
    Gopay,
    Qris,
    Shopeepay,
    Store,
    /// Akulaku, Kredivo, OVO, DANA: nothing but the common fields.
    Plain,
}

/// Refund rules of one method.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefundRule {
    /// Days after payment during which a refund is possible.
    pub(crate) days: i64,
    pub(crate) partial: bool,
    /// Whether `/refund/online/direct` works too.
    pub(crate) direct: bool,
}

/// One payment method as the payment page offers it.
#[derive(Debug)]
pub(crate) struct Method {
    /// Name in `enabled_payments`.
    pub(crate) code: &'static str,
    /// Name for people.
    pub(crate) label: &'static str,
    pub(crate) family: Family,
    /// Value of `payment_type` in messages.
    pub(crate) payment_type: &'static str,
    /// Bank or store name in messages; empty when the method has none.
    pub(crate) provider: &'static str,
    /// How long a payment may be pending unless the request says otherwise.
    pub(crate) lifetime_minutes: i64,
    /// `None`: the method cannot be refunded through the API.
    pub(crate) refund: Option<RefundRule>,
}

impl Method {
    pub(crate) fn lifetime(&self) -> SignedDuration {
        SignedDuration::from_mins(self.lifetime_minutes)
    }

    pub(crate) fn is_card(&self) -> bool {
        self.family == Family::Card
    }

    /// Whether a name of `enabled_payments` (a method, an alias or a group) means this method.
    fn answers_to(&self, name: &str) -> bool {
        match name {
            "bank_transfer" => matches!(self.family, Family::Va | Family::PermataVa),
            "cstore" | "store" => self.family == Family::Store,
            "qris" => self.family == Family::Qris,
            other => self.code == other,
        }
    }
}

const DAY: i64 = 24 * 60;

const fn va(code: &'static str, label: &'static str, bank: &'static str) -> Method {
    Method {
        code,
        label,
        family: Family::Va,
        payment_type: "bank_transfer",
        provider: bank,
        lifetime_minutes: DAY,
        refund: None,
    }
}

const fn refundable(days: i64, partial: bool, direct: bool) -> Option<RefundRule> {
    Some(RefundRule {
        days,
        partial,
        direct,
    })
}

const fn plain(
    code: &'static str,
    label: &'static str,
    lifetime_minutes: i64,
    refund: Option<RefundRule>,
) -> Method {
    Method {
        code,
        label,
        family: Family::Plain,
        payment_type: code,
        provider: "",
        lifetime_minutes,
        refund,
    }
}

const fn store(code: &'static str, label: &'static str) -> Method {
    Method {
        code,
        label,
        family: Family::Store,
        payment_type: "cstore",
        provider: code,
        lifetime_minutes: DAY,
        refund: None,
    }
}

/// All methods, in the order of the payment page. The first enabled one is the default.
static METHODS: &[Method] = &[
    va("bca_va", "BCA Virtual Account", "bca"),
    va("bni_va", "BNI Virtual Account", "bni"),
    va("bri_va", "BRI Virtual Account", "bri"),
    Method {
        family: Family::PermataVa,
        ..va("permata_va", "Permata Virtual Account", "permata")
    },
    Method {
        family: Family::MandiriBill,
        payment_type: "echannel",
        ..va("echannel", "Mandiri Bill Payment", "mandiri")
    },
    va("cimb_va", "CIMB Niaga Virtual Account", "cimb"),
    va("danamon_va", "Danamon Virtual Account", "danamon"),
    va("bsi_va", "BSI Virtual Account", "bsi"),
    va("seabank_va", "SeaBank Virtual Account", "seabank"),
    va("saqu_va", "Saqu Virtual Account", "saqu"),
    Method {
        family: Family::PermataVa,
        ..va("other_va", "Another bank's Virtual Account", "permata")
    },
    Method {
        family: Family::Gopay,
        ..plain("gopay", "GoPay", 15, refundable(45, true, true))
    },
    Method {
        family: Family::Qris,
        payment_type: "qris",
        ..plain("other_qris", "QRIS", 15, refundable(45, true, true))
    },
    Method {
        family: Family::Shopeepay,
        ..plain("shopeepay", "ShopeePay", 15, refundable(365, false, true))
    },
    plain("ovo", "OVO", 15, refundable(7, false, false)),
    plain("dana", "DANA", 15, refundable(45, true, false)),
    Method {
        family: Family::Card,
        ..plain(
            "credit_card",
            "Credit or debit card",
            15,
            refundable(180, true, true),
        )
    },
    store("indomaret", "Indomaret"),
    store("alfamart", "Alfamart group"),
    plain("akulaku", "Akulaku PayLater", DAY, refundable(180, true, true)),
    plain("kredivo", "Kredivo", DAY, refundable(14, true, true)),
];

/// Finds a method by its name in `enabled_payments`, or by an alias such as `qris`.
pub(crate) fn find(name: &str) -> Option<&'static Method> {
    METHODS
        .iter()
        .find(|method| method.code == name || (name == "qris" && method.family == Family::Qris))
}

/// Finds the method a Core charge means with its `payment_type` and the bank or store inside it.
pub(crate) fn find_for_charge(payment_type: &str, provider: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| match payment_type {
        "permata" => method.code == "permata_va",
        "bank_transfer" | "cstore" => method.payment_type == payment_type && method.provider == provider,
        other => method.payment_type == other,
    })
}

/// Methods a Snap request allows: those named in `enabled_payments`, or all when the list is absent.
pub(crate) fn enabled(request: &Value) -> Vec<&'static Method> {
    match request.get("enabled_payments").and_then(Value::as_array) {
        None => METHODS.iter().collect(),
        Some(names) => {
            let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            METHODS
                .iter()
                .filter(|method| names.iter().any(|name| method.answers_to(name)))
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn codes(request: &Value) -> Vec<&'static str> {
        enabled(request).iter().map(|method| method.code).collect()
    }

    #[test]
    fn enabled_payments_narrows_the_list_and_knows_groups() {
        assert_eq!(codes(&json!({})).len(), METHODS.len());
        assert_eq!(
            codes(&json!({"enabled_payments": ["gopay", "bca_va", "unheard_of"]})),
            ["bca_va", "gopay"]
        );
        assert_eq!(
            codes(&json!({"enabled_payments": ["cstore", "qris"]})),
            ["other_qris", "indomaret", "alfamart"]
        );
        assert_eq!(codes(&json!({"enabled_payments": ["bank_transfer"]})).len(), 10);
        assert!(codes(&json!({"enabled_payments": []})).is_empty());
    }

    #[test]
    fn charges_name_methods_in_their_own_way() {
        let code = |payment_type, provider| find_for_charge(payment_type, provider).map(|method| method.code);
        assert_eq!(code("bank_transfer", "bca"), Some("bca_va"));
        assert_eq!(code("bank_transfer", "permata"), Some("permata_va"));
        assert_eq!(code("permata", ""), Some("permata_va"));
        assert_eq!(code("cstore", "alfamart"), Some("alfamart"));
        assert_eq!(code("qris", ""), Some("other_qris"));
        assert_eq!(code("credit_card", ""), Some("credit_card"));
        assert_eq!(code("bank_transfer", "unheard_of"), None);
    }
}
