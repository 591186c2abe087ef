use super::*;
use proptest::prelude::*;

fn good(status: TransactionStatus) -> Transaction {
    Transaction {
        status,
        amount_matches: true,
    }
}

#[test]
fn what_the_gateway_holds_too_much_is_known_until_it_went_back() {
    use TransactionStatus as T;
    let twice = |all: &[T], is_all_given_back| {
        let all: Vec<_> = all.iter().map(|status| good(*status)).collect();
        is_paid_twice(&all, is_all_given_back)
    };
    for fine in [
        &[T::Paid][..],
        &[T::Paid, T::Denied],
        &[T::Paid, T::Refunded],
        &[T::Refunded, T::Refunded],
    ] {
        assert!(!twice(fine, false), "{fine:?}");
    }
    assert!(twice(&[T::Paid, T::Captured], false));
    assert!(twice(&[T::Paid, T::PartiallyRefunded], false));
    // The event was called off, and one of them went back for it.
    assert!(twice(&[T::Paid, T::Refunded], true));
    assert!(!twice(&[T::Refunded, T::Refunded], true));
    // The only one, of which the last part has just gone back.
    assert!(!twice(&[T::PartiallyRefunded], true));
    let wrong = Transaction {
        status: T::Paid,
        amount_matches: false,
    };
    assert!(!is_paid_twice(&[wrong, wrong], false), "that is a conflict");
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
