//! One payment attempt: a transaction in Midtrans terms.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::card::Card;
use crate::format;
use crate::method::Method;

/// `transaction_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Pending,
    Authorize,
    Capture,
    Settlement,
    Deny,
    Cancel,
    Expire,
    Refund,
    PartialRefund,
    Chargeback,
    PartialChargeback,
}

impl Status {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Authorize => "authorize",
            Self::Capture => "capture",
            Self::Settlement => "settlement",
            Self::Deny => "deny",
            Self::Cancel => "cancel",
            Self::Expire => "expire",
            Self::Refund => "refund",
            Self::PartialRefund => "partial_refund",
            Self::Chargeback => "chargeback",
            Self::PartialChargeback => "partial_chargeback",
        }
    }

    /// Whether the attempt ended without money, so that the order may be tried again.
    pub(crate) fn is_failed(self) -> bool {
        matches!(self, Self::Deny | Self::Cancel | Self::Expire)
    }

    /// Whether money was (at least) reserved at some time.
    pub(crate) fn has_money(self) -> bool {
        !self.is_failed() && self != Self::Pending
    }

    /// Whether the payment went through, including what was given back later.
    pub(crate) fn was_paid(self) -> bool {
        self.has_money() && self != Self::Authorize
    }
}

/// `fraud_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fraud {
    Accept,
    Challenge,
    Deny,
}

impl Fraud {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Challenge => "challenge",
            Self::Deny => "deny",
        }
    }
}

/// Where notifications of a transaction go besides, or instead of, the dashboard's URL.
#[derive(Clone, Debug, Default)]
pub(crate) enum Targets {
    #[default]
    Dashboard,
    /// `X-Override-Notification`: only there.
    Only(Vec<String>),
    /// `X-Append-Notification`: to the dashboard's URL and there.
    Also(Vec<String>),
}

/// One successful refund.
#[derive(Clone, Debug)]
pub(crate) struct Refund {
    /// `refund_chargeback_id`.
    pub(crate) id: u64,
    pub(crate) key: String,
    pub(crate) amount: i64,
    pub(crate) reason: String,
    pub(crate) created_at: Timestamp,
    pub(crate) confirmed_at: Option<Timestamp>,
    /// The answer that was given, for the switch that replays it.
    pub(crate) answer: Value,
}

impl Refund {
    /// The element of `refunds[]` in messages.
    pub(crate) fn to_json(&self) -> Value {
        let mut item = json!({
            "refund_chargeback_id": self.id,
            "refund_amount": format::amount(self.amount),
            "created_at": format::wib(self.created_at),
            "reason": self.reason,
            "refund_key": self.key,
        });
        if let (Some(confirmed_at), Some(item)) = (self.confirmed_at, item.as_object_mut()) {
            item.insert("refund_method".to_owned(), json!("online"));
            item.insert("bank_confirmed_at".to_owned(), json!(format::wib(confirmed_at)));
        }
        item
    }
}

/// One payment attempt.
#[derive(Clone, Debug)]
pub(crate) struct Transaction {
    pub(crate) id: String,
    pub(crate) order_id: String,
    pub(crate) method: &'static Method,
    pub(crate) status: Status,
    pub(crate) fraud: Fraud,
    /// Rupiah as requested by the merchant, or as captured.
    pub(crate) amount: i64,
    /// Fee the customer pays on top; part of `gross_amount`.
    pub(crate) fee: i64,
    pub(crate) created_at: Timestamp,
    /// End of the time in which a pending attempt may be paid.
    pub(crate) expires_at: Timestamp,
    pub(crate) settled_at: Option<Timestamp>,
    pub(crate) card: Option<Card>,
    /// Whether a successful card payment only reserves the money.
    pub(crate) only_authorize: bool,
    /// Payment references of the method: `va_numbers`, `qr_string`, …
    pub(crate) references: Map<String, Value>,
    /// `custom_field1..3` and `metadata`, given back as they came.
    pub(crate) echo: Map<String, Value>,
    pub(crate) targets: Targets,
    pub(crate) refunds: Vec<Refund>,
    pub(crate) history: Vec<(Timestamp, Status)>,
}

impl Transaction {
    /// What the customer pays, in rupiah.
    pub(crate) fn gross(&self) -> i64 {
        self.amount.saturating_add(self.fee)
    }

    /// Sum of all refunds so far, in rupiah.
    pub(crate) fn refunded(&self) -> i64 {
        self.refunds.iter().map(|refund| refund.amount).sum()
    }

    /// `status_code` of a notification about the present state.
    pub(crate) fn notification_code(&self) -> &'static str {
        match (self.status, self.fraud) {
            (Status::Pending, _) | (Status::Capture, Fraud::Challenge) => "201",
            (Status::Deny | Status::Cancel | Status::Expire, _) | (Status::Capture, Fraud::Deny) => "202",
            _ => "200",
        }
    }

    /// `status_code` of a status answer about the present state; differs from the notification's for an expired
    /// and for a cancelled transaction.
    pub(crate) fn status_code(&self) -> &'static str {
        match self.status {
            Status::Expire => "407",
            Status::Cancel => "200",
            _ => self.notification_code(),
        }
    }

    pub(crate) fn is_challenged(&self) -> bool {
        self.status == Status::Capture && self.fraud == Fraud::Challenge
    }
}
