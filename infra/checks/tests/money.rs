//! The picture of a payment's states in the README is drawn from the rules in `shared/domain`.

use checks::repository;
use domain::Rupiah;
use domain::payment::{
    Consequence, PaymentStatus, Transaction, TransactionStatus, consequence, derive, with_returns,
};
use std::collections::{BTreeMap, BTreeSet};

const BEGIN: &str = "<!-- states of a payment: drawn from shared/domain by infra/checks -->\n";
const END: &str = "<!-- end of the states -->";

/// What follows for the order, in words.
const fn words(consequence: Consequence) -> &'static str {
    match consequence {
        Consequence::None => "",
        Consequence::Fulfil => "sell and issue, or give back",
        Consequence::Void => "void tickets",
        Consequence::Alert => "call people",
    }
}

/// Every step that one more report about one transaction can make a payment take.
fn steps() -> BTreeMap<(&'static str, &'static str), &'static str> {
    let mut steps = BTreeMap::new();
    let status = |status, amount_matches| {
        derive(&[Transaction {
            status,
            amount_matches,
        }])
    };
    for known in TransactionStatus::ALL {
        for reported in TransactionStatus::ALL {
            for (was_right, is_right) in [(true, true), (true, false), (false, false)] {
                let before = status(known, was_right);
                let after = status(known.after(reported), is_right);
                // What was paid as it was asked stays.
                let stays = before.was_paid() && was_right && !is_right;
                if before != after && !stays {
                    let follows = words(consequence(before, after));
                    steps.insert((before.as_str(), after.as_str()), follows);
                }
            }
        }
    }
    // Money in a wrong amount that goes back.
    let before = PaymentStatus::Conflicted;
    let after = with_returns(before, Rupiah::MAX, Rupiah::MAX);
    let follows = words(consequence(before, after));
    steps.insert((before.as_str(), after.as_str()), follows);
    steps
}

/// The steps as a diagram. Those that every status without money takes alike are drawn once.
fn diagram() -> String {
    let steps = steps();
    let unpaid: BTreeSet<&str> = PaymentStatus::ALL
        .into_iter()
        .filter(|status| !status.was_paid())
        .map(PaymentStatus::as_str)
        .collect();
    let shared: BTreeSet<(&str, &str)> = PaymentStatus::ALL
        .into_iter()
        .filter(|status| status.was_paid())
        .filter_map(|to| {
            let follows = *steps.get(&("pending", to.as_str()))?;
            let alike = unpaid
                .iter()
                .all(|from| steps.get(&(*from, to.as_str())) == Some(&follows));
            alike.then_some((to.as_str(), follows))
        })
        .collect();
    let mut text =
        "```mermaid\nstateDiagram-v2\n    [*] --> pending\n    state \"no money yet\" as unpaid {\n"
            .to_owned();
    for ((from, to), _) in steps.iter().filter(|((_, to), _)| unpaid.contains(to)) {
        text.push_str(&format!("        {from} --> {to}\n"));
    }
    text.push_str("    }\n");
    for (to, follows) in &shared {
        text.push_str(&format!("    unpaid --> {to}: {follows}\n"));
    }
    for ((from, to), follows) in &steps {
        let drawn =
            unpaid.contains(to) || unpaid.contains(from) && shared.iter().any(|(other, _)| other == to);
        if !drawn {
            let follows = if follows.is_empty() {
                String::new()
            } else {
                format!(": {follows}")
            };
            text.push_str(&format!("    {from} --> {to}{follows}\n"));
        }
    }
    text.push_str("```\n");
    text
}

#[test]
fn the_states_of_a_payment_in_the_readme_are_those_of_the_code() {
    let readme = repository::read("README.md").unwrap();
    let shown = readme
        .split_once(BEGIN)
        .and_then(|(_, rest)| rest.split_once(END))
        .map(|(shown, _)| shown);
    let fresh = diagram();
    assert_eq!(shown, Some(fresh.as_str()), "the README has to show:\n{fresh}");
}
