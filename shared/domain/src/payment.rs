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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn good(status: TransactionStatus) -> Transaction {
        Transaction {
            status,
            amount_matches: true,
        }
    }

    #[test]
    fn words_of_the_gateway_are_understood() {
        use TransactionStatus as T;
        for (status, fraud, expected) in [
            ("capture", Some("accept"), Some(T::Captured)),
            ("capture", Some("challenge"), Some(T::Challenged)),
            ("capture", Some("deny"), Some(T::Denied)),
            ("settlement", None, Some(T::Paid)),
            ("SETTLEMENT", Some("ACCEPT"), Some(T::Paid)),
            ("PENDING", None, Some(T::Pending)),
            ("expire", Some("accept"), Some(T::Expired)),
            ("partial_refund", Some("accept"), Some(T::PartiallyRefunded)),
            ("expired", None, None),
            ("", None, None),
        ] {
            assert_eq!(read_status(status, fraud), expected, "{status} {fraud:?}");
        }
    }

    #[test]
    fn a_denied_card_does_not_spoil_the_second_attempt() {
        use TransactionStatus as T;
        assert_eq!(derive(&[good(T::Denied)]), PaymentStatus::Failed);
        assert_eq!(
            derive(&[good(T::Denied), good(T::Pending)]),
            PaymentStatus::Pending
        );
        assert_eq!(derive(&[good(T::Denied), good(T::Paid)]), PaymentStatus::Success);
        assert_eq!(
            derive(&[good(T::Expired), good(T::Paid), good(T::Denied)]),
            PaymentStatus::Success
        );
    }

    #[test]
    fn a_denial_after_payment_is_a_reversal() {
        use TransactionStatus as T;
        assert_eq!(T::Paid.after(T::Denied), T::Reversed);
        assert_eq!(T::Pending.after(T::Denied), T::Denied);
        assert_eq!(
            consequence(PaymentStatus::Success, derive(&[good(T::Reversed)])),
            Consequence::Void
        );
    }

    #[test]
    fn money_after_expiry_is_not_overlooked() {
        use TransactionStatus as T;
        assert_eq!(T::Expired.after(T::Paid), T::Paid);
        assert_eq!(
            consequence(PaymentStatus::Expired, PaymentStatus::Success),
            Consequence::Fulfil
        );
    }

    #[test]
    fn money_that_went_back_ends_the_order_even_if_its_coming_was_never_heard_of() {
        use PaymentStatus as P;
        for after in [P::Refunded, P::Chargeback] {
            for before in [
                P::Pending,
                P::Challenge,
                P::Failed,
                P::Expired,
                P::Success,
                P::PartiallyRefunded,
            ] {
                assert_eq!(
                    consequence(before, after),
                    Consequence::Void,
                    "{before:?} {after:?}"
                );
            }
            assert_eq!(consequence(after, after), Consequence::None);
            assert_eq!(consequence(P::Conflicted, after), Consequence::Void);
        }
        assert_eq!(consequence(P::Refunded, P::Chargeback), Consequence::Void);
    }

    #[test]
    fn a_wrong_amount_is_never_a_success() {
        use TransactionStatus as T;
        let wrong = Transaction {
            status: T::Paid,
            amount_matches: false,
        };
        assert_eq!(derive(&[wrong]), PaymentStatus::Conflicted);
        assert_eq!(derive(&[wrong, good(T::Paid)]), PaymentStatus::Conflicted);
        let taken_back = Transaction {
            status: T::Reversed,
            amount_matches: false,
        };
        assert_eq!(derive(&[taken_back]), PaymentStatus::Chargeback);
        assert_eq!(
            derive(&[Transaction {
                status: T::Pending,
                amount_matches: false
            }]),
            PaymentStatus::Pending
        );
        let asked = Rupiah::new(10_000).unwrap();
        assert_eq!(read_amount("10000.00", Some("IDR")), Some(asked));
        assert_eq!(read_amount("10000.00", None), Some(asked));
        for (amount, currency) in [
            ("10000.00", "USD"),
            ("100.00", "IDR"),
            ("10000.50", "IDR"),
            ("", "IDR"),
        ] {
            assert_ne!(
                read_amount(amount, Some(currency)),
                Some(asked),
                "{amount} {currency}"
            );
        }
    }

    #[test]
    fn what_came_in_wrong_is_the_sum_of_all_that_was_taken() {
        use TransactionStatus as T;
        let rupiah = |amount| Rupiah::new(amount);
        let one = |status, amount_matches, amount| {
            let transaction = Transaction {
                status,
                amount_matches,
            };
            (transaction, amount)
        };
        for (transactions, expected) in [
            (vec![], None),
            (vec![one(T::Paid, true, rupiah(100))], None),
            (vec![one(T::Pending, false, rupiah(90))], None),
            (vec![one(T::Paid, false, rupiah(90))], rupiah(90)),
            (vec![one(T::Paid, false, None)], None),
            (
                vec![
                    one(T::Paid, false, rupiah(90)),
                    one(T::Captured, true, rupiah(100)),
                    one(T::Denied, true, rupiah(100)),
                ],
                rupiah(190),
            ),
            (
                vec![
                    one(T::Reversed, false, rupiah(90)),
                    one(T::Paid, true, rupiah(100)),
                ],
                rupiah(100),
            ),
            (vec![one(T::Reversed, false, rupiah(90))], rupiah(90)),
            (
                vec![one(T::Paid, false, rupiah(90)), one(T::Paid, false, None)],
                None,
            ),
        ] {
            assert_eq!(received(&transactions), expected, "{transactions:?}");
        }
    }

    #[test]
    fn what_was_in_conflict_or_taken_back_never_succeeds() {
        use PaymentStatus as P;
        for derived in [P::Success, P::PartiallyRefunded] {
            for before in [P::Conflicted, P::Chargeback] {
                assert_eq!(without_late_success(before, derived, true), P::Conflicted);
                assert_eq!(without_late_success(before, derived, false), before);
            }
            assert_eq!(without_late_success(P::Pending, derived, false), derived);
        }
        assert_eq!(
            without_late_success(P::Conflicted, P::Chargeback, true),
            P::Chargeback
        );
        assert_eq!(consequence(P::Refunded, P::Conflicted), Consequence::Alert);
        assert_eq!(consequence(P::Success, P::Conflicted), Consequence::None);
    }

    #[test]
    fn a_captured_card_that_is_called_off_went_back() {
        use TransactionStatus as T;
        assert_eq!(T::Captured.after(T::Cancelled), T::Refunded);
        assert_eq!(T::Cancelled.after(T::Captured), T::Refunded);
        assert_eq!(T::Pending.after(T::Cancelled), T::Cancelled);
        assert_eq!(T::Captured.after(T::Paid), T::Paid);
        assert_eq!(T::Cancelled.after(T::Paid), T::Paid, "late money is money");
        assert_eq!(derive(&[good(T::Captured)]), PaymentStatus::Success);
    }

    #[test]
    fn what_went_back_by_hand_counts_like_what_the_gateway_gave_back() {
        use PaymentStatus as P;
        let rupiah = |amount| Rupiah::new(amount).unwrap();
        for (derived, returned, expected) in [
            (P::Success, 0, P::Success),
            (P::Success, 1, P::PartiallyRefunded),
            (P::Success, 100, P::Refunded),
            (P::PartiallyRefunded, 40, P::PartiallyRefunded),
            (P::PartiallyRefunded, 100, P::Refunded),
            (P::Refunded, 100, P::Refunded),
            (P::Chargeback, 40, P::Chargeback),
            (P::Conflicted, 40, P::Conflicted),
            (P::Conflicted, 100, P::Refunded),
            (P::Pending, 0, P::Pending),
        ] {
            assert_eq!(
                with_returns(derived, rupiah(100), rupiah(returned)),
                expected,
                "{derived:?} {returned}"
            );
        }
        assert_eq!(with_returns(P::Success, Rupiah::ZERO, Rupiah::ZERO), P::Success);
    }

    fn any_status() -> impl Strategy<Value = TransactionStatus> {
        proptest::sample::select(TransactionStatus::ALL.to_vec())
    }

    /// Applies reports (transaction number, status) as the worker does.
    fn replay(reports: &[(usize, TransactionStatus)]) -> Vec<Option<TransactionStatus>> {
        let mut known = vec![None; 3];
        for (transaction, reported) in reports {
            let slot = &mut known[*transaction];
            *slot = Some(slot.map_or(*reported, |now: TransactionStatus| now.after(*reported)));
        }
        known
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn states_never_move_backwards(reports in proptest::collection::vec(any_status(), 1..12)) {
            let mut now = reports[0];
            for report in &reports[1..] {
                let next = now.after(*report);
                prop_assert!(next == now || now.may_become(next));
                now = next;
            }
        }

        #[test]
        fn repeating_every_report_changes_nothing(
            // A denial heard again after the payment is a reversal by the gateway's own rules, and a cancellation after the
            // capture of a card gives the money back, so they are left out here.
            reports in proptest::collection::vec((0usize..3, any_status().prop_filter("ends what was paid", |status| {
                !matches!(status, TransactionStatus::Denied | TransactionStatus::Cancelled)
            })), 1..6),
        ) {
            let doubled: Vec<_> = reports.iter().chain(&reports).copied().collect();
            let (once, twice) = (replay(&reports), replay(&doubled));
            prop_assert_eq!(once, twice);
        }

        /// One life of a transaction as the gateway tells it, delivered in any order with duplicates.
        #[test]
        fn any_order_of_one_life_ends_the_same(
            life in proptest::sample::select(vec![
                vec!["pending", "settlement"], vec!["pending", "expire"], vec!["pending", "cancel"], vec!["capture", "settlement", "refund"],
                vec!["pending", "settlement", "partial_refund", "refund"], vec!["pending", "settlement", "chargeback"],
                vec!["authorize", "capture", "settlement", "partial_refund"], vec!["pending", "capture", "cancel"],
            ]),
            seed in proptest::collection::vec(any::<usize>(), 0..6),
        ) {
            let states: Vec<_> = life.iter().filter_map(|word| read_status(word, None)).collect();
            let mut shuffled = states.clone();
            for (i, pick) in seed.iter().enumerate() {
                let again = states[pick % states.len()];
                shuffled.insert((pick / 7 + i) % (shuffled.len() + 1), again);
                let len = shuffled.len();
                shuffled.swap(i % len, pick % len);
            }
            let last = |reports: &[TransactionStatus]| reports[1..].iter().fold(reports[0], |now, report| now.after(*report));
            prop_assert_eq!(last(&shuffled), last(&states));
        }

        #[test]
        fn the_order_of_transactions_does_not_matter(mut statuses in proptest::collection::vec(any_status(), 1..5)) {
            let derived = |statuses: &[TransactionStatus]| derive(&statuses.iter().map(|s| good(*s)).collect::<Vec<_>>());
            let before = derived(&statuses);
            statuses.reverse();
            prop_assert_eq!(derived(&statuses), before);
        }
    }
}
