//! Who is told what, when, and how often, against a real database.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use announcer::{App, Order, Report};
use domain::language::Language;
use domain::page::Page;
use domain::user::Role;
use domain::{EventId, TicketTypeId, Timestamp, UserId};
use futures_util::future::join_all;
use runtime::Clock;
use testkit::{Rows, TestDb, start};
use worker::Job as _;

const DAY: i64 = 24 * 3_600;

struct Setup {
    db: TestDb,
    app: App,
    event: EventId,
    ticket: TicketTypeId,
    organizer: UserId,
}

/// An event that begins two days after the start of tests.
async fn setup() -> Setup {
    let db = TestDb::new().await;
    let rows = Rows(&db);
    let organizer = rows.user("organizer@example.test", Role::Organizer).await;
    let category = rows.category("Concert").await;
    let event = rows.event(organizer, "Java Jazz").await;
    let ticket = rows.ticket_type(organizer, event, category, 50_000, 2_000).await;
    let date = start().plus_seconds(2 * DAY);
    db.run(&format!("update events set date = '{date}'")).await;
    Setup {
        app: app(&db, start()),
        db,
        event,
        ticket,
        organizer,
    }
}

fn app(db: &TestDb, at: Timestamp) -> App {
    App {
        db: db.db(),
        clock: Clock::set_to(at),
    }
}

impl Setup {
    async fn run(&self) -> Report {
        self.app.run(Order {}).await.unwrap()
    }

    async fn holder(&self, name: &str) -> UserId {
        let buyer = Rows(&self.db).buyer(&format!("{name}@example.test")).await;
        Rows(&self.db).bought(buyer, self.ticket, 2).await;
        buyer
    }

    /// Many holders of one ticket each.
    async fn crowd(&self, count: u32) {
        self.holder("first").await;
        let ticket = self.ticket;
        self.db
            .run(&format!(
                "insert into users (email, password_hash, name, age, phone_number, role, created_at, updated_at)
                     select 'crowd-' || n || '@example.test', '!', 'Crowd', 30, '0812', 'user', now(), now()
                     from generate_series(2, {count}) n;
                 insert into issued_tickets (code, order_item_id, unit, ticket_type_id, event_id, holder_id, holder_name, issued_at)
                     select md5(u.id::text), (select min(id) from order_items), u.id + 100, {ticket}, t.event_id, u.id, u.name, now()
                     from users u, ticket_types t where u.email like 'crowd-%' and t.id = {ticket}"
            ))
            .await;
    }

    /// What somebody was told, newest first.
    async fn told(&self, user: UserId) -> Vec<String> {
        let client = self.db.client().await;
        let (told, _) = db::notifications::list(&client, user, Page::default(), Language::En)
            .await
            .unwrap();
        told.into_iter().map(|told| told.message).collect()
    }

    async fn mails(&self, kind: &str) -> i64 {
        let sql = format!("select count(*) from outbox where body::jsonb -> 'body' ->> 'kind' = '{kind}'");
        self.db.count(&sql).await
    }

    /// Changes the event as its organizer does.
    async fn reschedule(&self, assignments: &str) {
        let mut client = self.db.client().await;
        let before = self.found(&client).await;
        self.db.run(&format!("update events set {assignments}")).await;
        let after = self.found(&client).await;
        let tx = client.transaction().await.unwrap();
        db::announcements::changed(&tx, &before, &after, self.app.clock.now())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    async fn found(&self, client: &db::Client) -> db::events::Event {
        let event = db::events::find(client, self.event, None, true).await;
        event.unwrap().unwrap()
    }
}

#[tokio::test]
async fn holders_are_reminded_once_a_day_before() {
    let t = setup().await;
    let (ayu, budi) = (
        t.holder("ayu").await,
        Rows(&t.db).buyer("budi@example.test").await,
    );
    assert_eq!(t.run().await, Report::default(), "it is too early");
    t.app.clock.advance(DAY);
    let done = Report {
        events_due: 1,
        holders_told: 1,
        ..Report::default()
    };
    assert_eq!(t.run().await, done);
    assert_eq!(t.run().await, Report::default(), "they were told");
    assert_eq!(t.told(ayu).await.len(), 1);
    assert!(t.told(ayu).await.concat().starts_with("Java Jazz begins soon"));
    assert!(t.told(budi).await.is_empty());
    assert_eq!(t.mails("event_reminder").await, 1);
}

#[tokio::test]
async fn an_event_that_was_put_off_is_reminded_of_again() {
    let t = setup().await;
    let ayu = t.holder("ayu").await;
    t.app.clock.advance(DAY);
    assert_eq!(t.run().await.holders_told, 1);
    let later = start().plus_seconds(9 * DAY);
    t.reschedule(&format!("date = '{later}'")).await;
    assert_eq!(t.run().await.holders_told, 1, "of the change");
    t.app.clock.advance(7 * DAY);
    assert_eq!(t.run().await.holders_told, 1, "before its new time");
    let told = t.told(ayu).await;
    assert_eq!(told.len(), 3);
    assert!(
        told.iter()
            .any(|told| told.starts_with("Time or place of Java Jazz changed"))
    );
    assert_eq!(
        (t.mails("event_reminder").await, t.mails("event_changed").await),
        (2, 1)
    );
}

#[tokio::test]
async fn what_is_not_true_any_more_is_not_told() {
    let t = setup().await;
    let ayu = t.holder("ayu").await;
    t.reschedule("location = 'Karebosi'").await;
    t.reschedule("location = 'Rotterdam'").await;
    t.reschedule("name = 'Jakarta Jazz'").await;
    assert_eq!(t.run().await.holders_told, 1);
    assert_eq!(t.run().await, Report::default());
    let told = t.told(ayu).await.concat();
    assert!(
        told.contains("Jakarta Jazz") && told.contains("Rotterdam"),
        "{told}"
    );
    t.reschedule("location = 'Karebosi'").await;
    t.db.run("update events set status = 'cancelled'").await;
    t.app.clock.advance(DAY);
    assert_eq!(
        t.run().await,
        Report::default(),
        "nobody is reminded of what does not take place"
    );
}

#[tokio::test]
async fn nobody_is_told_of_what_nobody_has_tickets_for() {
    let t = setup().await;
    t.reschedule("location = 'Karebosi'").await;
    t.app.clock.advance(DAY);
    assert_eq!(t.run().await, Report::default());
    let ayu = t.holder("ayu").await;
    t.db.run("update issued_tickets set status = 'void', voided_at = now()")
        .await;
    assert_eq!(t.run().await, Report::default());
    assert!(t.told(ayu).await.is_empty());
}

#[tokio::test]
async fn a_crowd_is_told_in_parts_each_once_by_several_at_a_time_and_after_a_crash() {
    let t = setup().await;
    t.crowd(1_700).await;
    t.reschedule("location = 'Karebosi'").await;
    {
        // A worker dies after a part that it did not commit, another one after a part that it did.
        let mut client = t.db.client().await;
        for commit in [false, true] {
            let tx = client.transaction().await.unwrap();
            let id = *db::announcements::open(tx.client(), 1)
                .await
                .unwrap()
                .first()
                .unwrap();
            let random = &runtime::random::hex::<16>;
            let told = db::announcements::tell_next(&tx, id, 500, random, start()).await;
            assert_eq!(told.unwrap(), 500);
            if commit {
                tx.commit().await.unwrap();
            }
        }
    }
    let others: Vec<App> = (0..3).map(|_| app(&t.db, start())).collect();
    let reports = join_all(others.iter().map(|app| app.run(Order {}))).await;
    let told: usize = reports
        .into_iter()
        .map(|report| report.unwrap().holders_told)
        .sum();
    assert_eq!(told, 1_200);
    assert_eq!(t.run().await, Report::default());
    let each = "select count(*) from (select user_id from notifications group by 1 having count(*) = 1) once";
    assert_eq!(t.db.count(each).await, 1_700);
    let mailed = "select count(distinct body::jsonb -> 'body' ->> 'holder') from outbox";
    assert_eq!(t.db.count(mailed).await, 1_700);
    assert_eq!(t.mails("event_changed").await, 1_700);
    assert_eq!(t.db.count("select told from announcements").await, 1_700);
}

#[tokio::test]
async fn who_changes_it_there_and_back_tells_nobody_and_there_again_tells_once() {
    let t = setup().await;
    let ayu = t.holder("ayu").await;
    let home = t.db.text("select location from events").await;
    t.reschedule("location = 'Karebosi'").await;
    t.reschedule(&format!("location = '{home}'")).await;
    assert_eq!(t.run().await.holders_told, 0, "of a change that nobody saw");
    for location in ["Karebosi", home.as_str(), "Karebosi"] {
        t.reschedule(&format!("location = '{location}'")).await;
    }
    assert_eq!(t.run().await.holders_told, 1);
    assert_eq!((t.told(ayu).await.len(), t.mails("event_changed").await), (1, 1));
    let from = "select string_agg(old_location || ' ' || location, ',') from announcements";
    assert_eq!(t.db.text(from).await, format!("{home} Karebosi"));
    // What was told is told back.
    t.reschedule(&format!("location = '{home}'")).await;
    assert_eq!(t.run().await.holders_told, 1);
}

#[tokio::test]
async fn of_a_change_that_some_were_told_the_rest_hears_by_the_next_one_alone() {
    let t = setup().await;
    t.crowd(600).await;
    let home = t.db.text("select location from events").await;
    t.reschedule("location = 'Karebosi'").await;
    let mut client = t.db.client().await;
    let tx = client.transaction().await.unwrap();
    let open = db::announcements::open(tx.client(), 1).await.unwrap();
    let random = &runtime::random::hex::<16>;
    let told = db::announcements::tell_next(&tx, *open.first().unwrap(), 500, random, start()).await;
    assert_eq!(told.unwrap(), 500);
    tx.commit().await.unwrap();
    for location in [home.as_str(), "Rotterdam", "Karebosi", home.as_str()] {
        t.reschedule(&format!("location = '{location}'")).await;
    }
    assert_eq!(t.run().await.holders_told, 600, "that it is where it was");
    let mails = "select count(*) from outbox where body::jsonb -> 'body' ->> 'kind' = 'event_changed'";
    assert_eq!(t.db.count(mails).await, 1_100);
}

#[tokio::test]
async fn a_crowd_keeps_no_other_announcement_waiting() {
    let t = setup().await;
    t.crowd(4_000).await;
    t.reschedule("location = 'Karebosi'").await;
    let rows = Rows(&t.db);
    let category = domain::CategoryId::new(t.db.count("select min(id) from categories").await);
    let small = rows.event(t.organizer, "Small").await;
    let ticket = rows.ticket_type(t.organizer, small, category, 1_000, 10).await;
    let date = start().plus_seconds(2 * DAY);
    t.db.run(&format!("update events set date = '{date}' where id = {small}"))
        .await;
    let budi = rows.buyer("budi@example.test").await;
    rows.bought(budi, ticket, 1).await;
    let small = Setup {
        event: small,
        ticket,
        app: app(&t.db, start()),
        ..t
    };
    small
        .reschedule(&format!("location = 'Rotterdam' where id = {}", small.event))
        .await;
    assert!(small.run().await.holders_told >= 3_000);
    assert_eq!(small.told(budi).await.len(), 1);
}

#[tokio::test]
async fn an_organizer_is_told_once_that_something_is_sold_out() {
    let t = setup().await;
    let hint = format!(
        "insert into sold_out_hints (ticket_type_id, created_at) select {}, now() from generate_series(1, 3)",
        t.ticket
    );
    t.db.run(&hint).await;
    assert_eq!(t.run().await.hints_looked_at, 3);
    assert!(
        t.told(t.organizer).await.is_empty(),
        "other counters have some left"
    );
    t.db.run("update ticket_stock set sold = capacity").await;
    t.db.run(&hint).await;
    assert_eq!(t.run().await.hints_looked_at, 3);
    t.db.run(&hint).await;
    t.run().await;
    assert_eq!(
        t.told(t.organizer).await,
        ["Festival tickets for Java Jazz are sold out"]
    );
    assert_eq!(t.run().await.hints_looked_at, 0);
}

#[tokio::test]
async fn a_promotional_mail_begins_at_its_time_and_ends_when_nobody_is_left() {
    let t = setup().await;
    t.crowd(1_200).await;
    t.db.run(&format!(
        "insert into preferences (user_id, mail_promotions, updated_at) select id, true, now() from users;
         update users set is_verified = true;
         insert into mailings (organizer_id, audience, english_subject, english_text, status, send_at, created_at, updated_at)
             values ({}, 'past_buyers', 'Hello', 'Do come.', 'scheduled', '2030-01-01 12:00:10Z', now(), now())",
        t.organizer
    ))
    .await;
    let promoted = |report: Report| {
        (
            report.mailings_begun,
            report.recipients_looked_at,
            report.mailings_ended,
        )
    };
    assert_eq!(promoted(t.run().await), (0, 0, 0), "it is too early");
    t.app.clock.advance(10);
    assert_eq!(promoted(t.run().await), (1, 1_200, 0));
    assert_eq!(promoted(t.run().await), (0, 0, 0));
    assert_eq!(
        t.db.count("select count(*) from mailing_recipients where state = 'waiting'")
            .await,
        1_200
    );
    t.db.run("update mailing_recipients set state = 'sent', decided_at = now()")
        .await;
    assert_eq!(promoted(t.run().await), (0, 0, 1));
    assert_eq!(t.db.text("select status from mailings").await, "sent");
}
