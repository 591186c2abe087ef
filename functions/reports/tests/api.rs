//! Reports over the API: who sees which, in which form, and what is refused.

use domain::user::Role;
use domain::{EventId, UserId};
use reports::{App, router};
use runtime::Clock;
use serde_json::{Value, json};
use testkit::{Api, Reply, Rows, TestDb, TestTokens, start};
use web::Site;

struct Setup {
    db: TestDb,
    clock: Clock,
    api: Api,
    organizer: UserId,
    event: EventId,
}

/// An organizer who has sold two tickets of an event, one of which went back.
async fn setup() -> Setup {
    let (db, clock) = (TestDb::new().await, Clock::set_to(start()));
    let rows = Rows(&db);
    let ticket = rows.on_sale(50_000, 100).await;
    let buyer = rows.buyer("buyer@example.test").await;
    rows.bought(buyer, ticket, 2).await;
    db.run(
        "insert into payments (id, order_id, user_id, amount, original_amount, status, payment_date, created_at, updated_at)
         overriding system value select 1, id, user_id, total, subtotal, 'partially_refunded', now(), now(), now() from orders;
         insert into ledger_postings (id, kind, payment_id, at) overriding system value
             values (1, 'charge', 1, '2030-01-01 12:00:00Z');
         insert into ledger_entries (posting_id, account, event_id, debit, credit)
             select 1, a.account, case a.account when 'gateway' then null else e.id end, a.debit, a.credit
             from events e, (values ('gateway', 100000, 0), ('organizer', 0, 90000), ('fees', 0, 6000), ('tax', 0, 4000))
                 as a (account, debit, credit);
         update issued_tickets set status = 'void', voided_at = '2030-01-02 12:00:00Z' where unit = 1;
         update issued_tickets set status = 'used' where unit = 2",
    )
    .await;
    let app = App {
        db: db.db(),
        tokens: TestTokens::checker(),
        clock: clock.clone(),
    };
    Setup {
        organizer: UserId::new(db.count("select organizer_id from events").await),
        event: EventId::new(db.count("select id from events").await),
        api: Api::new(router(app, Site::default())),
        clock,
        db,
    }
}

impl Setup {
    async fn ask(&self, path: &str) -> Reply {
        self.ask_as(self.organizer, Role::Organizer, path).await
    }

    async fn ask_as(&self, who: UserId, role: Role, path: &str) -> Reply {
        let token = TestTokens::of(who, role, &self.clock);
        self.api
            .get(&format!("/api/v1/reports/{path}"), Some(&token))
            .await
    }
}

#[tokio::test]
async fn a_report_has_rows_and_their_sums() {
    let t = setup().await;
    let sales = t.ask("sales").await.data(200);
    assert_eq!(
        (&sales["interval"], &sales["currency"]),
        (&json!("day"), &json!("IDR"))
    );
    let starts: Vec<&Value> = sales["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["start"])
        .collect();
    assert_eq!(starts, ["2030-01-01", "2030-01-02"]);
    assert_eq!(
        sales["rows"][0],
        json!({
            "eventId": t.event, "eventName": "Java Jazz", "timeZone": "Asia/Jakarta", "start": "2030-01-01", "orders": 1,
            "tickets": 2, "price": 100_000, "discount": 0, "fee": 0, "tax": 0, "charged": 100_000, "ticketsReturned": 0,
            "returned": 0,
        })
    );
    assert_eq!(
        (&sales["totals"]["tickets"], &sales["totals"]["ticketsReturned"]),
        (&json!(2), &json!(1))
    );
    let revenue = t.ask("revenue?interval=month").await.data(200);
    assert_eq!(
        revenue["totals"],
        json!({
            "charged": 100_000, "refunded": 0, "reversed": 0, "organizer": 90_000, "fees": 6_000, "tax": 4_000,
            "transferred": 0,
        })
    );
    // What buyers transfer themselves lies with the organizer already.
    t.db.run("update payments set method = 'manual_transfer'").await;
    let revenue = t.ask("revenue?interval=month").await.data(200);
    assert_eq!(
        (&revenue["totals"]["organizer"], &revenue["totals"]["transferred"]),
        (&json!(90_000), &json!(100_000))
    );
    let attendance = t.ask(&format!("attendance?eventId={}", t.event)).await.data(200);
    assert_eq!(
        attendance["totals"],
        json!({"capacity": 100, "tickets": 1, "used": 1, "returned": 1})
    );
}

#[tokio::test]
async fn the_same_as_a_table_whose_names_are_no_formulas() {
    let t = setup().await;
    t.db.run("update events set name = '=HYPERLINK(\"http://evil.example\"),x'")
        .await;
    let table = t.ask("sales?format=csv&interval=week").await;
    assert_eq!(table.status, 200);
    assert_eq!(
        table.headers["content-type"],
        "text/csv; charset=utf-8; header=present"
    );
    assert_eq!(
        table.headers["content-disposition"],
        "attachment; filename=\"sales.csv\""
    );
    let text = String::from_utf8(table.bytes).unwrap();
    let expected = format!(
        "event_id,event,time_zone,start,orders,tickets,price,discount,fee,tax,charged,tickets_returned,returned\r\n\
         {},\"'=HYPERLINK(\"\"http://evil.example\"\"),x\",Asia/Jakarta,2029-12-31,1,2,100000,0,0,0,100000,1,0\r\n",
        t.event
    );
    assert_eq!(text, expected);
    for (report, columns) in [
        (
            "revenue",
            "charged,refunded,reversed,organizer,fees,tax,transferred",
        ),
        ("attendance", "capacity,tickets,used,returned"),
    ] {
        let table = t.ask(&format!("{report}?format=csv")).await;
        let text = String::from_utf8(table.bytes).unwrap();
        assert!(
            text.starts_with(&format!("event_id,event,time_zone,start,{columns}\r\n")),
            "{text}"
        );
    }
}

#[tokio::test]
async fn organizers_see_their_own_and_admins_all() {
    let t = setup().await;
    let other = Rows(&t.db).user("other@example.test", Role::Organizer).await;
    let admin = Rows(&t.db).user("admin@example.test", Role::Admin).await;
    for report in ["sales", "revenue", "attendance"] {
        let theirs = t.ask_as(other, Role::Organizer, report).await.data(200);
        assert_eq!(theirs["rows"], json!([]), "{report}");
        let path = format!("{report}?eventId={}", t.event);
        let refused = t.ask_as(other, Role::Organizer, &path).await;
        assert_eq!(refused.error(404), "not_found", "{report}");
        let all = t.ask_as(admin, Role::Admin, &path).await.data(200);
        assert!(!all["rows"].as_array().unwrap().is_empty(), "{report}");
        let buyer = t.ask_as(other, Role::User, report).await;
        assert_eq!(buyer.error(403), "forbidden", "{report}");
        let event = format!("http/reports/get_{report}_report.json");
        let token = TestTokens::of(t.organizer, Role::Organizer, &t.clock);
        assert_eq!(t.api.event(&event, Some(&token)).await.status, 200, "{report}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let t = setup().await;
    for query in [
        "interval=year",
        "format=xlsx",
        "from=yesterday",
        "eventId=0",
        "from=2030-02-01&to=2030-01-01",
        "from=2030-02-01&to=2030-02-01",
        "eventId=1&eventId=2",
    ] {
        let refused = t.ask(&format!("sales?{query}")).await;
        assert_eq!(refused.status, 400, "{query}");
    }
    assert_eq!(t.ask("sales?eventId=99").await.error(404), "not_found");
}

#[tokio::test]
async fn a_report_that_is_too_long_is_refused_rather_than_cut() {
    let t = setup().await;
    t.db.run(&format!(
        "insert into events (organizer_id, name, date, time_zone, location, status, created_at, updated_at)
         select {}, 'Many', '2030-06-01', 'Asia/Jakarta', 'Jakarta', 'published', now(), now() from generate_series(1, 10000)",
        t.organizer
    ))
    .await;
    assert_eq!(t.ask("attendance").await.error(400), "report_too_long");
    let one = t.ask(&format!("attendance?eventId={}", t.event)).await.data(200);
    assert_eq!(one["rows"].as_array().unwrap().len(), 1);
}
