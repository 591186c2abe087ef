//! Reports say what the books say, in days of the place.

use crate::payments::{apply, placed, report};
use crate::refunds::{ask, gave_back, these, tickets};
use crate::support::{assert_consistent, connections, on_sale, race};
use db::reports::{self, Scope};
use domain::report::Interval;
use domain::user::Role;
use domain::{EventId, OrderId, TicketTypeId, UserId};
use testkit::{Rows, TestDb};

const ALL: Scope = Scope {
    organizer: None,
    event: None,
    from: None,
    until: None,
};

/// Seconds from the start of the tests, noon UTC, to midnight in Jakarta.
const MIDNIGHT: i64 = 5 * 3_600;

/// An event of another organizer with a ticket type.
async fn others(db: &TestDb) -> (UserId, EventId, TicketTypeId) {
    let organizer = Rows(db).user("second@example.test", Role::Organizer).await;
    let category = domain::CategoryId::new(db.count("select min(id) from categories").await);
    let event = Rows(db).event(organizer, "Another").await;
    let ticket = Rows(db).ticket_type(organizer, event, category, 1_000, 100).await;
    (organizer, event, ticket)
}

#[tokio::test]
async fn a_day_is_one_of_the_place_and_what_goes_back_counts_when_it_goes() {
    let (db, festival) = on_sale(100).await;
    let mut client = db.client().await;
    for (seconds, quantity) in [(MIDNIGHT - 1, 2), (MIDNIGHT, 1)] {
        let order = placed(&mut client, &[(festival, quantity)]).await;
        let amount = format!("{}.00", quantity * 1_000);
        apply(
            &mut client,
            order,
            &report(&format!("t{order}"), "settlement", &amount),
            seconds,
        )
        .await;
    }
    let first = OrderId::new(db.count("select min(id) from orders").await);
    let all = tickets(&mut client, first).await;
    let refund = ask(&mut client, first, &these(&all[..1])).await.unwrap();
    let mut said = gave_back("partial_refund", 2_000, &[(&refund.key, 1_000)]);
    said.transaction_id = format!("t{first}");
    apply(&mut client, first, &said, MIDNIGHT + 60).await;

    let sales = reports::sales(&client, ALL, Interval::Day, 100).await.unwrap();
    let rows: Vec<_> = sales
        .iter()
        .map(|row| {
            (
                row.period.start.as_str(),
                row.orders,
                row.tickets,
                row.charged,
                row.returned,
            )
        })
        .collect();
    assert_eq!(
        rows,
        [("2030-01-01", 1, 2, 2_000, 0), ("2030-01-02", 1, 1, 1_000, 1_000)]
    );
    assert_eq!(sales.iter().map(|row| row.tickets_returned).sum::<i64>(), 1);
    assert_eq!(sales[0].period.zone, "Asia/Jakarta");
    let revenue = reports::revenue(&client, ALL, Interval::Day, 100).await.unwrap();
    let rows: Vec<_> = revenue
        .iter()
        .map(|row| {
            (
                row.period.start.as_str(),
                row.charged,
                row.refunded,
                row.organizer,
            )
        })
        .collect();
    assert_eq!(
        rows,
        [("2030-01-01", 2_000, 0, 2_000), ("2030-01-02", 1_000, 1_000, 0)]
    );
    for (interval, start) in [(Interval::Week, "2029-12-31"), (Interval::Month, "2030-01-01")] {
        let rows = reports::sales(&client, ALL, interval, 100).await.unwrap();
        assert_eq!((rows.len(), rows[0].period.start.as_str()), (1, start));
    }
    let from = Scope {
        from: Some(crate::support::at(MIDNIGHT)),
        ..ALL
    };
    let until = Scope {
        until: Some(crate::support::at(MIDNIGHT)),
        ..ALL
    };
    for (scope, tickets) in [(from, 1), (until, 2)] {
        let rows = reports::sales(&client, scope, Interval::Day, 100).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.tickets).sum::<i64>(), tickets);
    }
    let attendance = reports::attendance(&client, ALL, Interval::Day, 100)
        .await
        .unwrap();
    let row = &attendance[0];
    assert_eq!(
        (row.capacity, row.tickets, row.used, row.returned),
        (100, 2, 0, 1)
    );
}

#[tokio::test]
async fn after_a_race_every_report_says_what_the_books_say_and_each_organizer_sees_their_own() {
    let (db, festival) = on_sale(200).await;
    let (second, event, theirs) = others(&db).await;
    let mut client = db.client().await;
    let mut orders = Vec::new();
    for number in 0..24_u32 {
        let lines: &[(TicketTypeId, u32)] = match number % 3 {
            0 => &[(festival, 3)],
            1 => &[(theirs, 2)],
            _ => &[(festival, 1), (theirs, 2)],
        };
        orders.push(placed(&mut client, lines).await);
    }
    let mut clients = connections(&db, 12).await;
    let orders = &orders;
    race(&mut clients, async |number, client| {
        for order in orders.iter().skip(number * 2).take(2) {
            let total = format!("select total from orders where id = {order}");
            let total: i64 = client.query_one(&total, &[]).await.unwrap().get(0);
            let transaction = format!("t{order}");
            let paid = report(&transaction, "settlement", &format!("{total}.00"));
            apply(client, *order, &paid, 60 * i64::try_from(number).unwrap()).await;
            if number % 2 == 0 {
                let all = tickets(client, *order).await;
                let refund = ask(client, *order, &these(&all[..1])).await.unwrap();
                let mut said = gave_back("partial_refund", total, &[(&refund.key, 1_000)]);
                said.transaction_id.clone_from(&transaction);
                apply(client, *order, &said, 7_200).await;
            }
            if number == 5 {
                apply(
                    client,
                    *order,
                    &report(&transaction, "chargeback", &format!("{total}.00")),
                    9_000,
                )
                .await;
            }
        }
    })
    .await;
    assert_consistent(&client).await;

    let books = async |what: &str, where_: &str| {
        db.count(&format!(
            "select coalesce(sum({what}), 0) from ledger_entries e join ledger_postings p on p.id = e.posting_id
             where e.event_id is not null and {where_}"
        ))
        .await
    };
    for interval in [Interval::Day, Interval::Week, Interval::Month] {
        let revenue = reports::revenue(&client, ALL, interval, 1_000).await.unwrap();
        let sales = reports::sales(&client, ALL, interval, 1_000).await.unwrap();
        let charged: i64 = revenue.iter().map(|row| row.charged).sum();
        let back: i64 = revenue.iter().map(|row| row.refunded + row.reversed).sum();
        let left: i64 = revenue.iter().map(|row| row.organizer + row.fees + row.tax).sum();
        assert_eq!(charged, books("e.credit", "p.kind = 'charge'").await);
        assert_eq!(back, books("e.debit", "p.kind <> 'charge'").await);
        assert_eq!(left, books("e.credit - e.debit", "true").await);
        assert_eq!(left, charged - back);
        assert_eq!(sales.iter().map(|row| row.charged).sum::<i64>(), charged);
        assert_eq!(sales.iter().map(|row| row.returned).sum::<i64>(), back);
        let sold: i64 = sales.iter().map(|row| row.tickets - row.tickets_returned).sum();
        assert_eq!(
            sold,
            db.count("select count(*) from issued_tickets where status <> 'void'")
                .await
        );
        assert!(back > 0 && left > 0);
    }
    let own = Scope {
        organizer: Some(second),
        ..ALL
    };
    for rows in [
        reports::sales(&client, own, Interval::Day, 1_000)
            .await
            .unwrap()
            .into_iter()
            .map(|row| row.period)
            .collect::<Vec<_>>(),
        reports::revenue(&client, own, Interval::Day, 1_000)
            .await
            .unwrap()
            .into_iter()
            .map(|row| row.period)
            .collect(),
        reports::attendance(&client, own, Interval::Day, 1_000)
            .await
            .unwrap()
            .into_iter()
            .map(|row| row.period)
            .collect(),
    ] {
        assert!(
            !rows.is_empty() && rows.iter().all(|period| period.event == event),
            "{rows:?}"
        );
    }
}
