//! What holders of tickets are told of an event, and those who wait for some.

use super::*;

/// Something that holders of tickets are told of the event.
pub const REMINDER: &str = "
    insert into announcements (event_id, kind, date, time_zone, location, created_at)
    select id, 'reminder', date, time_zone, location, now() from events";
const CHANGE: &str = "
    insert into announcements (event_id, kind, date, time_zone, location, old_date, old_time_zone, old_location, created_at)
    select id, 'changed', date, time_zone, location, date, time_zone, 'Karebosi', now() from events";

#[tokio::test(flavor = "current_thread")]
async fn holders_are_written_to_about_a_change_and_before_the_event() {
    for (name, row, fact) in [
        ("event_reminder", REMINDER, "You have 3 tickets."),
        ("event_changed", CHANGE, "It was to be at: Karebosi"),
    ] {
        let fixture = Fixture::new().await;
        fixture.pay().await;
        fixture.db.run(row).await;
        assert!(fixture.deliver(name).await);
        let mail = fixture.only_mail();
        assert_eq!(mail.to, "ayu@example.test");
        let message = parse(&mail);
        let text = message.body_text(0).unwrap().into_owned();
        assert!(text.contains(fact), "{text}");
        assert!(attached(&message, "event-1.ics").contains("LOCATION:Gelora Bung Karno\\, Jakarta"));
    }
}

#[tokio::test(flavor = "current_thread")]
async fn whoever_waited_for_tickets_is_told_while_they_are_kept() {
    let offered = |status: &str, until: &str, ended: &str| {
        format!(
            "insert into waiting_entries (ticket_type_id, user_id, quantity, status, joined_at, offered_at, offered_until, ended_at)
             values (1, 2, 2, '{status}', now(), now(), '2030-01-01 {until}Z', {ended})"
        )
    };
    let fixture = Fixture::new().await;
    fixture.db.run(&offered("offered", "12:30", "null")).await;
    for _ in 0..2 {
        assert!(fixture.deliver("tickets_offered").await);
    }
    let mail = fixture.only_mail();
    assert_eq!(mail.to, "ayu@example.test");
    let text = parse(&mail).body_text(0).unwrap().into_owned();
    for fact in [
        "2 Festival tickets for Java Jazz are in your cart",
        "Kept until: Tuesday, 1 January 2030 at 19:30 WIB",
        "https://web.example.test/cart",
    ] {
        assert!(text.contains(fact), "{fact} in {text}");
    }
    for row in [
        offered("offered", "12:00", "null"),
        offered("claimed", "12:30", "now()"),
        offered("left", "12:30", "now()"),
        "select 1".to_owned(),
    ] {
        let fixture = Fixture::new().await;
        fixture.db.run(&row).await;
        assert!(fixture.deliver("tickets_offered").await);
        assert!(fixture.mails().is_empty(), "{row}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn nobody_is_written_to_about_an_event_without_need() {
    for (name, row, meanwhile, reason) in [
        (
            "event_reminder",
            REMINDER,
            "insert into preferences (user_id, mail_reminders, updated_at) values (2, false, now())",
            "the holder does not want reminders",
        ),
        (
            "event_reminder",
            REMINDER,
            "update events set date = date + interval '1 day'",
            "the event has changed again or is over",
        ),
        (
            "event_changed",
            CHANGE,
            "update events set status = 'cancelled'",
            "the event has changed again or is over",
        ),
        (
            "event_changed",
            CHANGE,
            "update issued_tickets set status = 'void'",
            "the holder has no tickets any more",
        ),
    ] {
        let fixture = Fixture::new().await;
        fixture.pay().await;
        fixture.db.run(row).await;
        fixture.db.run(meanwhile).await;
        assert!(fixture.deliver(name).await);
        assert!(fixture.mails().is_empty(), "{reason}");
        assert_eq!(fixture.db.text("select reason from mail_log").await, reason);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn holders_are_told_that_an_event_was_called_off() {
    let fixture = Fixture::new().await;
    fixture.pay().await;
    fixture.db.run("update events set status = 'cancelled'").await;
    assert!(fixture.deliver("event_cancelled").await);
    let mail = fixture.only_mail();
    let mail = parse(&mail);
    assert_eq!(mail.subject(), Some("Called off: Java Jazz"));
    let text = mail.body_text(0).unwrap().into_owned();
    for fact in ["Gelora Bung Karno, Jakarta", CODE, "money for these tickets back"] {
        assert!(text.contains(fact), "{fact} in {text}");
    }
}
