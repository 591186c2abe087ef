//! Double entry: every move of money takes as much from one account as it gives to another. What is pure about it is here;
//! `db::ledger` writes it down, and the schema refuses postings that do not balance.
//!
//! A balance is credit minus debit, so what is owed to somebody is positive.

use crate::price::split;
use crate::{EventId, Rupiah};

/// Where money stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// What the payment gateway took in for us and did not give back.
    Gateway,
    /// What people transfer by hand, to an organizer's account or back from one.
    Bank,
    /// What the organizer of an event gets.
    Organizer(EventId),
    /// Service fees on the tickets of an event.
    Fees(EventId),
    /// Taxes on the tickets of an event.
    Tax(EventId),
    /// What came in for something that could not be given any more.
    Unearned,
}

impl Account {
    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Bank => "bank",
            Self::Organizer(_) => "organizer",
            Self::Fees(_) => "fees",
            Self::Tax(_) => "tax",
            Self::Unearned => "unearned",
        }
    }

    /// The event that it is kept for.
    pub const fn event(self) -> Option<EventId> {
        match self {
            Self::Organizer(event) | Self::Fees(event) | Self::Tax(event) => Some(event),
            Self::Gateway | Self::Bank | Self::Unearned => None,
        }
    }

    /// The account of that name, for that event.
    pub fn parse(name: &str, event: Option<EventId>) -> Option<Self> {
        match (name, event) {
            ("gateway", None) => Some(Self::Gateway),
            ("bank", None) => Some(Self::Bank),
            ("organizer", Some(event)) => Some(Self::Organizer(event)),
            ("fees", Some(event)) => Some(Self::Fees(event)),
            ("tax", Some(event)) => Some(Self::Tax(event)),
            ("unearned", None) => Some(Self::Unearned),
            _ => None,
        }
    }
}

/// One side of a posting; one of both amounts is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The account.
    pub account: Account,
    /// What it gets less by.
    pub debit: Rupiah,
    /// What it gets more by.
    pub credit: Rupiah,
}

/// What an account has got from one payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// The account.
    pub account: Account,
    /// Credit minus debit.
    pub amount: Rupiah,
}

/// What an event's tickets in an order were charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sold {
    /// The event.
    pub event: EventId,
    /// Prices less discounts.
    pub net: Rupiah,
    /// Service fees.
    pub fee: Rupiah,
    /// Taxes.
    pub tax: Rupiah,
}

const fn debit(account: Account, amount: Rupiah) -> Entry {
    Entry {
        account,
        debit: amount,
        credit: Rupiah::ZERO,
    }
}

const fn credit(account: Account, amount: Rupiah) -> Entry {
    Entry {
        account,
        debit: Rupiah::ZERO,
        credit: amount,
    }
}

fn without_zeros(entries: impl IntoIterator<Item = Entry>) -> Vec<Entry> {
    let moves = |entry: &Entry| entry.debit != entry.credit;
    entries.into_iter().filter(moves).collect()
}

/// Money came in for tickets that were issued, `into` [`Account::Gateway`] or [`Account::Bank`].
pub fn charge(paid: Rupiah, sold: &[Sold], into: Account) -> Vec<Entry> {
    let earned = sold.iter().flat_map(|sold| {
        [
            credit(Account::Organizer(sold.event), sold.net),
            credit(Account::Fees(sold.event), sold.fee),
            credit(Account::Tax(sold.event), sold.tax),
        ]
    });
    without_zeros(std::iter::once(debit(into, paid)).chain(earned))
}

/// Money came in for what cannot be given, `into` [`Account::Gateway`] or [`Account::Bank`].
pub fn charge_unearned(paid: Rupiah, into: Account) -> Vec<Entry> {
    without_zeros([debit(into, paid), credit(Account::Unearned, paid)])
}

/// Brings what came in for nothing at the gateway, and is in the books as `booked`, to what is there now.
pub fn correction(booked: Rupiah, there: Rupiah) -> Vec<Entry> {
    match there.minus(booked) {
        Some(more) => charge_unearned(more, Account::Gateway),
        None => {
            let less = booked.minus(there).unwrap_or(Rupiah::ZERO);
            without_zeros([debit(Account::Unearned, less), credit(Account::Gateway, less)])
        }
    }
}

/// Money went back through `way` ([`Account::Gateway`] or [`Account::Bank`]). What came in for nothing goes first; then every
/// event pays its part, out of price, fee and tax in the proportion in which they are left, so that the last refund leaves
/// nothing on any of them.
pub fn refund(amount: Rupiah, parts: &[(EventId, Rupiah)], balances: &[Balance], way: Account) -> Vec<Entry> {
    let of = |account| {
        let found = balances.iter().find(|balance| balance.account == account);
        found.map_or(Rupiah::ZERO, |balance| balance.amount)
    };
    if of(Account::Unearned) >= amount {
        return without_zeros([debit(Account::Unearned, amount), credit(way, amount)]);
    }
    let paying = parts.iter().flat_map(|(event, part)| {
        let accounts = [
            Account::Organizer(*event),
            Account::Fees(*event),
            Account::Tax(*event),
        ];
        let shares = split(*part, &accounts.map(of));
        accounts.into_iter().zip(shares)
    });
    let paying = paying.map(|(account, share)| debit(account, share));
    without_zeros(paying.chain([credit(way, amount)]))
}

/// The payer's bank or the gateway took back all that was left.
pub fn reversal(balances: &[Balance]) -> Vec<Entry> {
    let ours = |balance: &&Balance| !matches!(balance.account, Account::Gateway | Account::Bank);
    let left: Vec<&Balance> = balances.iter().filter(ours).collect();
    let sum = left.iter().map(|balance| balance.amount.get()).sum();
    let taken = left.iter().map(|balance| debit(balance.account, balance.amount));
    let gateway = credit(Account::Gateway, Rupiah::new(sum).unwrap_or(Rupiah::ZERO));
    without_zeros(taken.chain([gateway]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rupiah(amount: i64) -> Rupiah {
        Rupiah::new(amount).unwrap()
    }

    fn balanced(entries: &[Entry]) -> bool {
        let sum = |side: fn(&Entry) -> Rupiah| entries.iter().map(|entry| side(entry).get()).sum::<i64>();
        sum(|entry| entry.debit) == sum(|entry| entry.credit)
    }

    /// Balances after postings, those of `gateway` and `bank` left out: they are what the others are not.
    fn balances(postings: &[Vec<Entry>]) -> Vec<Balance> {
        let mut sums = std::collections::BTreeMap::new();
        for entry in postings.iter().flatten() {
            *sums.entry(entry.account).or_insert(0) += entry.credit.get() - entry.debit.get();
        }
        let ours = sums
            .into_iter()
            .filter(|(account, _)| !matches!(account, Account::Gateway | Account::Bank));
        ours.map(|(account, amount)| Balance {
            account,
            amount: rupiah(amount),
        })
        .collect()
    }

    #[test]
    fn account_names_are_read_back() {
        let event = EventId::new(3);
        for account in [
            Account::Gateway,
            Account::Bank,
            Account::Organizer(event),
            Account::Fees(event),
            Account::Tax(event),
            Account::Unearned,
        ] {
            assert_eq!(Account::parse(account.as_str(), account.event()), Some(account));
        }
        assert_eq!(Account::parse("organizer", None), None);
        assert_eq!(Account::parse("gateway", Some(event)), None);
    }

    #[test]
    fn what_came_for_nothing_goes_back_without_touching_what_was_earned() {
        let came = charge_unearned(rupiah(500), Account::Bank);
        let back = refund(
            rupiah(500),
            &[],
            &balances(std::slice::from_ref(&came)),
            Account::Bank,
        );
        assert_eq!(
            back,
            [
                debit(Account::Unearned, rupiah(500)),
                credit(Account::Bank, rupiah(500))
            ]
        );
        assert!(
            balances(&[came, back])
                .iter()
                .all(|left| left.amount == Rupiah::ZERO)
        );
    }

    proptest! {
        #[test]
        fn every_posting_balances_and_refunds_of_everything_leave_nothing(
            sold in proptest::collection::vec((0i64..1_000_000, 0i64..10_000, 0i64..50_000), 1..4),
            cuts in proptest::collection::vec(0u32..=100, 0..6),
            reversed: bool,
        ) {
            let sold: Vec<Sold> = sold.into_iter().zip(1..).map(|((net, fee, tax), event)| Sold {
                event: EventId::new(event), net: rupiah(net), fee: rupiah(fee), tax: rupiah(tax),
            }).collect();
            let of_event = |sold: &Sold| sold.net.get() + sold.fee.get() + sold.tax.get();
            let mut left: Vec<i64> = sold.iter().map(of_event).collect();
            let paid = rupiah(left.iter().sum());
            let mut postings = vec![charge(paid, &sold, Account::Gateway)];
            // Refunds of any parts, then all that is left.
            for cut in cuts.into_iter().chain([100]) {
                if reversed && cut == 100 {
                    postings.push(reversal(&balances(&postings)));
                    left.fill(0);
                    break;
                }
                let parts: Vec<(EventId, Rupiah)> = sold.iter().zip(&mut left).map(|(sold, left)| {
                    let part = *left * i64::from(cut) / 100;
                    *left -= part;
                    (sold.event, rupiah(part))
                }).collect();
                let amount = rupiah(parts.iter().map(|(_, part)| part.get()).sum());
                if amount == Rupiah::ZERO {
                    continue;
                }
                postings.push(refund(amount, &parts, &balances(&postings), Account::Gateway));
            }
            for posting in &postings {
                prop_assert!(balanced(posting), "{:?}", posting);
            }
            for balance in balances(&postings) {
                prop_assert_eq!(balance.amount, Rupiah::ZERO, "{:?}", balance.account);
            }
        }
    }
}
