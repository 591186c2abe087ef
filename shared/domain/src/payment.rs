//! What a report of the payment gateway means.
//!
//! One payment may see several transactions at Midtrans: a card denied, then another one accepted, each with its own id
//! and its own reports, which arrive late, twice or in the wrong order. So every transaction keeps its own state, which
//! only moves along [`TransactionStatus::may_become`], and the payment's status is [derived](derive) from all of them.
//! Replaying any reports in any order ends in the same rows.

use crate::Rupiah;
use crate::ledger::Account;

/// State of one transaction at the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionStatus {
    /// A method was chosen; no money moved.
    Pending,
    /// A card amount is reserved, not taken.
    Authorized,
    /// Taken, but fraud detection wants a human to look.
    Challenged,
    /// Refused.
    Denied,
    /// Its time to be paid is over.
    Expired,
    /// Called off.
    Cancelled,
    /// The provider broke.
    Failed,
    /// A card's amount is taken, but not settled with its bank: it can still be called off as a whole.
    Captured,
    /// Paid.
    Paid,
    /// Paid, then part of it given back.
    PartiallyRefunded,
    /// Paid, then all given back.
    Refunded,
    /// Paid, then taken back by the payer's bank, or reversed by the provider (`deny` after `settlement`).
    Reversed,
}

impl TransactionStatus {
    /// Every state.
    pub const ALL: [Self; 12] = [
        Self::Pending,
        Self::Authorized,
        Self::Challenged,
        Self::Denied,
        Self::Expired,
        Self::Cancelled,
        Self::Failed,
        Self::Captured,
        Self::Paid,
        Self::PartiallyRefunded,
        Self::Refunded,
        Self::Reversed,
    ];

    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Authorized => "authorized",
            Self::Challenged => "challenged",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Captured => "captured",
            Self::Paid => "paid",
            Self::PartiallyRefunded => "partially_refunded",
            Self::Refunded => "refunded",
            Self::Reversed => "reversed",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// How far a transaction has come. A report of a lower stage than what is known is late and changes nothing.
    ///
    /// Money stands above the failures because no statement of the gateway excludes a settlement after an expiry, and
    /// money that came in must never be overlooked. The failures share a stage: the first one heard stays.
    const fn stage(self) -> u8 {
        match self {
            Self::Pending => 0,
            Self::Authorized => 1,
            Self::Challenged => 2,
            Self::Denied | Self::Expired | Self::Cancelled | Self::Failed => 3,
            Self::Captured => 4,
            Self::Paid => 5,
            Self::PartiallyRefunded => 6,
            Self::Refunded => 7,
            Self::Reversed => 8,
        }
    }

    /// Whether a transaction in this state may move to `next`.
    pub const fn may_become(self, next: Self) -> bool {
        next.stage() > self.stage()
    }

    /// Whether the money was taken, whatever became of it later.
    pub const fn took_money(self) -> bool {
        self.stage() >= Self::Captured.stage()
    }

    /// This state after hearing `reported`: the later of both. A denial of what was paid is a reversal, and a card payment that
    /// was captured and called off, in whichever order one hears of it, went back as a whole.
    #[must_use]
    pub const fn after(self, reported: Self) -> Self {
        let reported = match (self, reported) {
            (_, Self::Denied) if self.took_money() => Self::Reversed,
            (Self::Captured, Self::Cancelled) | (Self::Cancelled, Self::Captured) => Self::Refunded,
            _ => reported,
        };
        if self.may_become(reported) { reported } else { self }
    }
}

/// How a payment is made.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PaymentMethod {
    /// On a page of the payment gateway, which offers cards, wallets, virtual accounts and more.
    Midtrans,
    /// By bank transfer to the organizer's account; the organizer confirms it.
    ManualTransfer,
}

impl PaymentMethod {
    /// Every method.
    pub const ALL: [Self; 2] = [Self::Midtrans, Self::ManualTransfer];

    /// As stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Midtrans => "midtrans",
            Self::ManualTransfer => "manual_transfer",
        }
    }

    /// The method of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// The account of the ledger that the money comes into.
    pub const fn account(self) -> Account {
        match self {
            Self::Midtrans => Account::Gateway,
            Self::ManualTransfer => Account::Bank,
        }
    }
}

/// Status of a payment as the API shows it. `pending`, `success`, `failed` and `challenge` are known to existing clients.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Nothing decided.
    Pending,
    /// A human looks at it at the gateway.
    Challenge,
    /// Paid.
    Success,
    /// Every attempt was refused; the buyer may try again while the order lives.
    Failed,
    /// Time is over.
    Expired,
    /// Called off.
    Cancelled,
    /// Part of the money went back.
    PartiallyRefunded,
    /// All money went back.
    Refunded,
    /// The payer's bank took the money back.
    Chargeback,
    /// Paid in an amount or currency that is not the order's: people have to look at it.
    Conflicted,
}

impl PaymentStatus {
    /// Every status.
    pub const ALL: [Self; 10] = [
        Self::Pending,
        Self::Challenge,
        Self::Success,
        Self::Failed,
        Self::Expired,
        Self::Cancelled,
        Self::PartiallyRefunded,
        Self::Refunded,
        Self::Chargeback,
        Self::Conflicted,
    ];

    /// As stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Challenge => "challenge",
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::PartiallyRefunded => "partially_refunded",
            Self::Refunded => "refunded",
            Self::Chargeback => "chargeback",
            Self::Conflicted => "conflicted",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Whether money came in, whatever became of it later.
    pub const fn was_paid(self) -> bool {
        matches!(
            self,
            Self::Success | Self::PartiallyRefunded | Self::Refunded | Self::Chargeback | Self::Conflicted
        )
    }
}

/// One transaction of a payment, as far as its reports tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transaction {
    /// How far it has come.
    pub status: TransactionStatus,
    /// Whether amount and currency are those of the order.
    pub amount_matches: bool,
}

impl Transaction {
    /// Whether the amount of the order lies at the gateway because of it, all or in part.
    pub const fn holds_what_was_asked(&self) -> bool {
        use TransactionStatus as T;
        self.amount_matches && matches!(self.status, T::Captured | T::Paid | T::PartiallyRefunded)
    }
}

/// Whether the gateway holds more for a payment than it should, because several transactions paid it: what was asked, or nothing once
/// all of it was given back there.
pub fn is_paid_twice(transactions: &[Transaction], is_all_given_back: bool) -> bool {
    let took = |t: &&Transaction| t.amount_matches && t.status.took_money();
    let holding = transactions.iter().filter(|t| t.holds_what_was_asked()).count();
    transactions.iter().filter(took).count() > 1 && holding > usize::from(!is_all_given_back)
}

/// Status of a payment from its transactions, in any order.
pub fn derive(transactions: &[Transaction]) -> PaymentStatus {
    use TransactionStatus as T;
    let any = |wanted: T| transactions.iter().any(|t| t.status == wanted);
    // What its bank took back nobody has to look for any more.
    let is_in_conflict =
        |t: &Transaction| t.status.took_money() && !t.amount_matches && t.status != T::Reversed;
    if transactions.iter().any(is_in_conflict) {
        return PaymentStatus::Conflicted;
    }
    // Order of the tests: what touched money first, then what may still succeed, then the failures.
    let ranking = [
        (T::Paid, PaymentStatus::Success),
        (T::Captured, PaymentStatus::Success),
        (T::PartiallyRefunded, PaymentStatus::PartiallyRefunded),
        (T::Reversed, PaymentStatus::Chargeback),
        (T::Refunded, PaymentStatus::Refunded),
        (T::Challenged, PaymentStatus::Challenge),
        (T::Authorized, PaymentStatus::Pending),
        (T::Pending, PaymentStatus::Pending),
        (T::Failed, PaymentStatus::Failed),
        (T::Denied, PaymentStatus::Failed),
        (T::Expired, PaymentStatus::Expired),
        (T::Cancelled, PaymentStatus::Cancelled),
    ];
    ranking
        .into_iter()
        .find(|(status, _)| any(*status))
        .map_or(PaymentStatus::Pending, |(_, derived)| derived)
}

/// What Midtrans says about a transaction, in its words: `transaction_status` and `fraud_status`, without regard to case.
/// `None` for a state this program does not know, which is logged and changes nothing.
///
/// Source: Midtrans, transaction status cycle and fraud status.
pub fn read_status(transaction_status: &str, fraud_status: Option<&str>) -> Option<TransactionStatus> {
    let fraud = fraud_status.map(str::to_ascii_lowercase);
    let fraud = fraud.as_deref().unwrap_or("accept");
    Some(match transaction_status.to_ascii_lowercase().as_str() {
        "pending" => TransactionStatus::Pending,
        "authorize" => TransactionStatus::Authorized,
        "capture" | "settlement" if fraud == "challenge" => TransactionStatus::Challenged,
        "capture" | "settlement" if fraud == "deny" => TransactionStatus::Denied,
        "capture" => TransactionStatus::Captured,
        "settlement" => TransactionStatus::Paid,
        "deny" => TransactionStatus::Denied,
        "cancel" => TransactionStatus::Cancelled,
        "expire" => TransactionStatus::Expired,
        "failure" => TransactionStatus::Failed,
        "refund" => TransactionStatus::Refunded,
        "partial_refund" => TransactionStatus::PartiallyRefunded,
        "chargeback" | "partial_chargeback" => TransactionStatus::Reversed,
        _ => return None,
    })
}

/// What came in for a payment in a wrong amount: the sum of all that was taken and that no bank took back, or of all that was taken
/// if banks took back all of it. `None` if every amount is right, or one of them cannot be told in rupiah: then only people can
/// say what is to go back.
pub fn received(transactions: &[(Transaction, Option<Rupiah>)]) -> Option<Rupiah> {
    let taken = || transactions.iter().filter(|(t, _)| t.status.took_money());
    if taken().all(|(t, _)| t.amount_matches) {
        return None;
    }
    let is_left = |t: &Transaction| t.status != TransactionStatus::Reversed;
    let all_is_gone = !taken().any(|(t, _)| is_left(t));
    let counted = taken().filter(|(t, _)| all_is_gone || is_left(t));
    let amounts: Option<Vec<i64>> = counted.map(|(_, amount)| amount.map(Rupiah::get)).collect();
    Rupiah::new(amounts?.iter().sum())
}

/// Whether money lies at the gateway of which nobody can say in rupiah how much it is.
pub fn is_untold(transactions: &[(Transaction, Option<Rupiah>)]) -> bool {
    use TransactionStatus as T;
    let lies = |t: &Transaction| matches!(t.status, T::Captured | T::Paid | T::PartiallyRefunded);
    transactions.iter().any(|(t, amount)| lies(t) && amount.is_none())
}

/// Where a payment that stood at `before` can stand after money was taken or given back. Nothing is issued any more for what was in
/// conflict or was taken back, so it never succeeds: if money in wrong amounts `is_counted`, people look at all that came in.
pub const fn without_late_success(
    before: PaymentStatus,
    derived: PaymentStatus,
    is_counted: bool,
) -> PaymentStatus {
    use PaymentStatus as P;
    match (before, derived) {
        (P::Conflicted | P::Chargeback | P::Refunded, P::Success | P::PartiallyRefunded) if is_counted => {
            P::Conflicted
        }
        (P::Conflicted | P::Chargeback, P::Success | P::PartiallyRefunded) => before,
        _ => derived,
    }
}

/// Where a payment stands of which so much was paid and so much went back, whichever way: what people transferred by hand the
/// gateway never hears of. `derived` is what its transactions say.
pub fn with_returns(derived: PaymentStatus, paid: Rupiah, returned: Rupiah) -> PaymentStatus {
    use PaymentStatus as P;
    match derived {
        P::Success | P::PartiallyRefunded | P::Conflicted if returned > Rupiah::ZERO && returned >= paid => {
            P::Refunded
        }
        P::Success if returned > Rupiah::ZERO => P::PartiallyRefunded,
        derived => derived,
    }
}

/// What has to happen to the order when its payment moves from one status to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consequence {
    /// Nothing.
    None,
    /// Turn held stock into sold stock and issue the tickets; take stock again if the hold is gone.
    Fulfil,
    /// Void the tickets and end the order: the money went back.
    Void,
    /// Issue nothing, keep no stock and call people.
    Alert,
}

/// What moving from `before` to `after` means for the order.
pub const fn consequence(before: PaymentStatus, after: PaymentStatus) -> Consequence {
    use PaymentStatus as P;
    match (before, after) {
        (P::Success, P::Success) => Consequence::None,
        (_, P::Success) if !before.was_paid() => Consequence::Fulfil,
        // A first report that already speaks of a partial refund: the rest was paid.
        (_, P::PartiallyRefunded) if !before.was_paid() => Consequence::Fulfil,
        (P::Refunded, P::Refunded) | (P::Chargeback, P::Chargeback) => Consequence::None,
        // Also as the first that is heard: the order is over, and what it holds goes back on sale.
        (_, P::Refunded | P::Chargeback) => Consequence::Void,
        // What was paid as it was asked stays: tickets were issued for it.
        (_, P::Conflicted) if !before.was_paid() => Consequence::Alert,
        // More came in after the rest had gone back.
        (P::Refunded | P::Chargeback, P::Conflicted) => Consequence::Alert,
        _ => Consequence::None,
    }
}

/// An amount in the gateway's words. `None` if it is not in whole rupiah.
pub fn read_amount(gross_amount: &str, currency: Option<&str>) -> Option<Rupiah> {
    let rupiah = currency.is_none_or(|currency| currency.eq_ignore_ascii_case("IDR"));
    rupiah.then(|| Rupiah::parse_decimal(gross_amount)).flatten()
}

#[cfg(test)]
mod tests;
