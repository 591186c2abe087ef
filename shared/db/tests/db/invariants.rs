//! Each rule of `infra/chaos/invariants` finds what breaks it: a breach is planted for every one of them.

use crate::payments::{apply, placed, report};
use crate::support::{another_type, assert_consistent, on_sale};
use db::Client;
use db::invariants::{self, Breach, Rule, Slice};
use std::collections::BTreeSet;
use testkit::TestDb;

/// A rule, and what breaks it on a platform with a paid order (1), one that waits (2) and a refund of 500 rupiah of order 1.
const BREACHES: [(&str, &str); 33] = [
    (
        "stock_within_capacity",
        "alter table ticket_stock drop constraint ticket_stock_check; update ticket_stock set sold = capacity + 1",
    ),
    ("held_is_in_holds", "delete from holds"),
    ("sold_is_in_tickets", "update ticket_stock set sold = sold + 1 where stripe = 0"),
    (
        "seats_have_one_owner",
        "insert into seats (ticket_type_id, number, section, row_label, label, x, y) values (1, 1, 'Floor', 'A', '1', 0, 0);
         insert into seat_stock (ticket_type_id, number, section_no, row_no, row_first, row_last, place, cost, accessible)
         values (1, 1, 0, 0, 1, 1, 0, 0, false);
         update issued_tickets set seat = 1 where id = 1",
    ),
    ("stripes_make_the_capacity", "update ticket_types set capacity = capacity + 1"),
    ("paid_units_have_tickets", "update issued_tickets set status = 'void' where id = 1"),
    (
        "tickets_taken_back_are_void",
        "insert into refund_tickets select id, 1 from refunds",
    ),
    (
        "tickets_belong_to_their_line",
        "update issued_tickets set holder_id = 1 where id = 1",
    ),
    ("tickets_stand_on_a_payment", "update payments set status = 'failed' where order_id = 1"),
    ("payment_and_order_agree", "update orders set status = 'expired' where id = 1"),
    ("orders_add_up", "update order_items set unit_price = unit_price + 1 where order_id = 1"),
    ("only_pending_orders_hold", "update orders set status = 'cancelled' where id = 2"),
    ("holds_end", "update holds set expires_at = now() - interval '1 hour'"),
    ("steps_follow_each_other", "update payments set status = 'expired' where order_id = 2"),
    (
        "money_is_not_forgotten",
        "insert into payment_transitions (payment_id, from_status, to_status, cause, at)
         values (1, 'success', 'expired', 'x', now())",
    ),
    ("refunds_within_the_payment", "update refunds set amount = 1000000"),
    (
        "refunds_within_the_takings",
        "update refund_parts set amount = 1000000",
    ),
    ("refund_parts_add_up", "delete from refund_parts"),
    (
        "payment_says_what_went_back",
        "update refunds set status = 'succeeded', next_try_at = null, finished_at = now()",
    ),
    (
        "late_money_goes_back",
        "update orders set status = 'refund_due' where id = 1",
    ),
    (
        "refunds_go_on",
        "update refunds set next_try_at = now() - interval '1 hour'",
    ),
    (
        "postings_balance",
        "insert into ledger_postings (kind, payment_id, at) values ('reversal', 1, now())",
    ),
    (
        "ledger_knows_every_payment",
        "alter table ledger_entries disable trigger user; delete from ledger_entries",
    ),
    (
        "refunds_are_posted",
        "update refunds set status = 'succeeded', next_try_at = null, finished_at = now()",
    ),
    (
        "promos_count_their_use",
        "insert into promo_codes (code, organizer_id, percent, valid_from, valid_to, created_at, updated_at, redeemed)
         values ('MINE', 1, 1000, now(), '2100-01-01', now(), now(), 1)",
    ),
    (
        "cancelled_events_let_nobody_in",
        "insert into event_cancellations values (1, 1, now(), now())",
    ),
    (
        "lines_go_on",
        "insert into waiting_entries (ticket_type_id, user_id, quantity, joined_at) values (1, 1, 1, now());
         update ticket_types set updated_at = now() - interval '1 hour'",
    ),
    (
        "offers_are_kept",
        "insert into waiting_entries (ticket_type_id, user_id, quantity, status, joined_at, offered_at, offered_until)
         values (1, 1, 1, 'offered', now(), now(), '2100-01-01')",
    ),
    (
        "transfers_make_payments",
        "insert into transfers values (2, 1, 'BCA', '12345', 'Owner', now(), null, null, null, now())",
    ),
    (
        "codes_open_one_ticket",
        "insert into retired_codes (code, ticket_id, event_id, holder_id, reason, retired_at)
         select code, id, event_id, holder_id, 'renamed', now() from issued_tickets where id = 1",
    ),
    (
        "offers_are_of_good_tickets",
        "insert into handovers (ticket_id, from_id, to_email, token_hash, created_at, expires_at)
         values (1, 1, 'friend@example.test', '\\x00', now(), '2100-01-01')",
    ),
    ("used_tickets_were_let_in", "update issued_tickets set status = 'used' where id = 1"),
    ("messages_leave", "update outbox set created_at = now() - interval '1 hour'"),
];

async fn platform() -> TestDb {
    let (db, festival) = on_sale(20).await;
    another_type(&db, 10).await;
    let mut client = db.client().await;
    let paid = placed(&mut client, &[(festival, 2)]).await;
    apply(&mut client, paid, &report("t1", "settlement", "2000.00"), 1).await;
    placed(&mut client, &[(festival, 1)]).await;
    db.run(
        "update outbox set created_at = now();
         insert into refunds (payment_id, key, amount, reason, cause, status, next_try_at, created_at, updated_at)
         values (1, 'k', 500, 'x', 'request', 'requested', '2100-01-01', now(), now());
         insert into refund_parts values (1, 1, 500)",
    )
    .await;
    assert_consistent(&client).await;
    db
}

/// What is broken, looked for one id at a time. A row that several slices show would be counted for each.
async fn breaches_by_slices(client: &Client) -> Vec<Breach> {
    let mut found = Vec::new();
    for rule in Rule::ALL {
        let newest = match rule.subject() {
            Some(subject) => invariants::newest(client, subject).await.unwrap(),
            None => 1,
        };
        let mut of_rule: Option<Breach> = None;
        for until in 1..=newest {
            let slice = Slice {
                after: until - 1,
                until,
            };
            match (
                invariants::breach(client, rule, slice).await.unwrap(),
                &mut of_rule,
            ) {
                (Some(more), Some(known)) => {
                    known.count += more.count;
                    known.rows.extend(more.rows);
                }
                (Some(first), None) => of_rule = Some(first),
                (None, _) => {}
            }
        }
        found.extend(of_rule);
    }
    found
}

fn sorted(mut breaches: Vec<Breach>) -> Vec<Breach> {
    for breach in &mut breaches {
        breach.rows.sort_unstable();
    }
    breaches
}

#[tokio::test]
async fn every_rule_finds_what_breaks_it() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/chaos/invariants");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            file.unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    let planted: BTreeSet<String> = BREACHES.iter().map(|(rule, _)| (*rule).to_owned()).collect();
    assert_eq!(
        files, planted,
        "every rule has a breach here, and every breach a rule"
    );
    let db = platform().await;
    for (rule, sql) in BREACHES {
        let mut client = db.client().await;
        let tx = client.transaction().await.unwrap();
        let before = db::invariants::breaches(tx.client()).await.unwrap();
        assert!(before.is_empty(), "{before:#?}");
        tx.batch_execute(sql).await.unwrap();
        let found = db::invariants::breaches(tx.client()).await.unwrap();
        let breach = found.iter().find(|breach| breach.rule == rule);
        let breach = breach.unwrap_or_else(|| panic!("{rule} does not find {sql}; found {found:#?}"));
        assert!(
            breach.count > 0 && breach.rows.iter().all(|row| !row.is_empty()),
            "{breach:?}"
        );
        let by_slices = breaches_by_slices(tx.client()).await;
        assert_eq!(sorted(found), sorted(by_slices), "{rule}");
        tx.rollback().await.unwrap();
    }
}
