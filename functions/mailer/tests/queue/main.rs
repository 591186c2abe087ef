//! From a message of the queue to a mail, against a real database. The messages are the files in `events/sqs/mail/`; they
//! speak of order 1, which is the first one that a test makes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod handovers;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use db::issued::Unit;
use db::mail_log::{self, Claim};
use domain::OrderId;
use domain::order::OrderStatus;
use domain::price::price;
use kv::{FleetBreaker, Store};
use mail::{Delivered, MailError, Mailbox, Mailer};
use mail_parser::{Message, MessageParser, MimeHeaders as _};
use mailer::{App, Language};
use runtime::{Clock, LinkKey, Secret};
use std::io::Cursor;
use std::time::Duration;
use testkit::{Rows, TestDb, event_file, line, start};
use ticketing::SigningKeys;

const ORDER: OrderId = OrderId::new(1);
const CODE: &str = "ORDER-00112233445566778899AABBCCDDEEFF";
const KEYS: &str = "test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// A function with a database of its own and a mailer that keeps what it gets.
struct Fixture {
    db: TestDb,
    app: App,
}

impl Fixture {
    /// One pending order of three tickets by `ayu@example.test`.
    async fn new() -> Self {
        let db = TestDb::new().await;
        let ticket_type = Rows(&db).on_sale(150_000, 100).await;
        let buyer = Rows(&db).buyer("ayu@example.test").await;
        let total = price(&[line(ticket_type, 150_000, 3)], &[]).unwrap();
        let until = start().plus_seconds(900);
        let database = db.db();
        let mut conn = database.conn().await.unwrap();
        let tx = conn.begin().await.unwrap();
        let (order, _) = db::orders::insert(&tx, CODE, buyer, &total, until, start())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!(order.id, ORDER);
        let app = App {
            db: db.db(),
            mailer: Mailer::in_memory(Mailbox::parse("GiggleFest <tickets@example.test>").unwrap()),
            breaker: FleetBreaker::new("mail", Store::in_memory()),
            clock: Clock::set_to(start()),
            keys: SigningKeys::parse(KEYS).unwrap(),
            frontend_url: "https://web.example.test".to_owned(),
            language: Language::En,
            base_url: "https://api.example.test".to_owned(),
            unsubscribing: LinkKey::derive(&Secret::new("secret"), "unsubscribe"),
            pace: Duration::ZERO,
        };
        Self { db, app }
    }

    /// Pays the order: its status, and one ticket per unit.
    async fn pay(&self) {
        let database = self.db.db();
        let mut conn = database.conn().await.unwrap();
        let items = db::orders::items(&conn, ORDER).await.unwrap();
        let item = items.first().unwrap().id;
        let units: Vec<Unit> = (1..=3)
            .map(|number| Unit {
                item,
                number,
                code: format!("{number:032x}"),
            })
            .collect();
        let tx = conn.begin().await.unwrap();
        db::orders::set_status(&tx, ORDER, OrderStatus::Paid, start())
            .await
            .unwrap();
        db::issued::insert(&tx, &units, start()).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn set_status(&self, status: &str) {
        self.db
            .run(&format!("update orders set status = '{status}'"))
            .await;
    }

    async fn handle(&self, event: SqsEvent) -> SqsBatchResponse {
        worker::handle_batch(&self.app, event).await
    }

    /// Delivers a message of `events/sqs/mail/`. Whether it was consumed.
    async fn deliver(&self, name: &str) -> bool {
        self.handle(event(name)).await.batch_item_failures.is_empty()
    }

    fn mails(&self) -> Vec<Delivered> {
        self.app.mailer.take_delivered()
    }

    /// The one mail that went.
    fn only_mail(&self) -> Delivered {
        let mut mails = self.mails();
        assert_eq!(mails.len(), 1);
        mails.remove(0)
    }
}

fn event(name: &str) -> SqsEvent {
    let queue = if name == "promotion" { "promotions" } else { "mail" };
    let file = std::fs::read_to_string(event_file(&format!("sqs/{queue}/{name}.json"))).unwrap();
    serde_json::from_str(&file).unwrap()
}

fn envelope_id(event: &SqsEvent) -> String {
    let body = event.records.first().unwrap().body.as_deref().unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    body.get("id").unwrap().as_str().unwrap().to_owned()
}

/// A file that comes with a mail, as text.
fn attached(message: &Message<'_>, name: &str) -> String {
    let part = message
        .parts
        .iter()
        .find(|part| part.attachment_name() == Some(name));
    String::from_utf8(part.unwrap().contents().to_vec()).unwrap()
}

fn parse(mail: &Delivered) -> Message<'_> {
    MessageParser::default().parse(&mail.raw).unwrap()
}

/// What a phone reads from the picture of a QR code.
fn scan(png: &[u8]) -> String {
    let mut decoder = png::Decoder::new(Cursor::new(png));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let (width, height) = (info.width as usize, info.height as usize);
    let grey = |x, y| *pixels.get(y * width + x).unwrap();
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, grey);
    image.detect_grids().first().unwrap().decode().unwrap().1
}

#[tokio::test(flavor = "current_thread")]
async fn a_verification_carries_its_link() {
    let fixture = Fixture::new().await;
    assert!(fixture.deliver("verification").await);
    let mail = fixture.only_mail();
    assert_eq!(mail.to, "ayu@example.test");
    let message = parse(&mail);
    assert_eq!(message.subject(), Some("Verify your email address"));
    let link = "http://127.0.0.1:4600/api/v1/auth/verify/00112233";
    assert!(message.body_text(0).unwrap().contains(link));
    assert!(message.body_html(0).unwrap().contains(&format!("href=\"{link}")));
}

#[tokio::test(flavor = "current_thread")]
async fn a_forgotten_password_gets_its_code() {
    let fixture = Fixture::new().await;
    assert!(fixture.deliver("reset_code").await);
    let mail = fixture.only_mail();
    assert_eq!(mail.to, "ayu@example.test");
    let message = parse(&mail);
    assert_eq!(message.subject(), Some("Your code to reset your password"));
    for body in [message.body_text(0).unwrap(), message.body_html(0).unwrap()] {
        assert!(body.contains("042917"), "{body}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_decoy_sends_nothing() {
    let fixture = Fixture::new().await;
    assert!(fixture.deliver("decoy").await);
    assert!(fixture.mails().is_empty());
    let dropped = "select count(*) from mail_log where kind = 'decoy' and dropped_at is not null";
    assert_eq!(fixture.db.count(dropped).await, 1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_placed_order_says_what_to_pay_where_and_until_when() {
    let fixture = Fixture::new().await;
    assert!(fixture.deliver("order_placed").await);
    let mail = fixture.only_mail();
    assert_eq!(mail.to, "ayu@example.test");
    let text = parse(&mail).body_text(0).unwrap().into_owned();
    for fact in [
        "Hello ayu,",
        "3 × Festival (Java Jazz): Rp 450.000",
        "Total: Rp 450.000",
        "Tuesday, 1 January 2030 at 19:15 WIB",
        &format!("https://web.example.test/orders/{CODE}"),
    ] {
        assert!(text.contains(fact), "{fact} in {text}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn tickets_come_with_codes_that_a_gate_accepts() {
    let fixture = Fixture::new().await;
    fixture.pay().await;
    fixture
        .db
        .run("update issued_tickets set status = 'void' where unit = 2")
        .await;
    assert!(fixture.deliver("tickets").await);
    let mail = fixture.only_mail();
    let message = parse(&mail);
    let html = message.body_html(0).unwrap();
    let mut codes = Vec::new();
    for part in message.parts.iter().filter(|part| part.content_id().is_some()) {
        assert!(html.contains(&format!("cid:{}\"", part.content_id().unwrap())));
        let claims = fixture.app.keys.verify(&scan(part.contents())).unwrap();
        assert_eq!((claims.event.get(), claims.ticket_type.get()), (1, 1));
        assert_eq!(claims.issued_at, start());
        codes.push(claims.code.to_string());
    }
    // The second ticket was voided before the mail went.
    assert_eq!(codes, [format!("{:032x}", 1), format!("{:032x}", 3)]);
    let files: Vec<_> = message
        .parts
        .iter()
        .filter_map(|part| part.attachment_name())
        .collect();
    assert_eq!(
        files,
        ["ticket-1.png", "ticket-2.png", "tickets.pdf", "event-1.ics"]
    );
    let calendar = attached(&message, "event-1.ics");
    for line in [
        "UID:event-1@gigglefest",
        "DTSTART:20300131T120000Z",
        "SUMMARY:Java Jazz",
        "STATUS:CONFIRMED",
    ] {
        assert!(calendar.contains(line), "{line} in {calendar}");
    }
    let text = message.body_text(0).unwrap().replace("\r\n", "\n");
    assert!(
        text.contains("Ticket 2 of 2\nJava Jazz - Festival\nWhen: Thursday, 31 January 2030 at 19:00 WIB"),
        "{text}"
    );
    assert!(text.contains("Where: Gelora Bung Karno, Jakarta"));
}

#[tokio::test(flavor = "current_thread")]
async fn a_paid_order_gets_a_receipt() {
    let fixture = Fixture::new().await;
    assert!(!fixture.deliver("payment").await, "nothing was paid yet");
    fixture.pay().await;
    fixture
        .db
        .run(
            "insert into payments (order_id, user_id, amount, original_amount, status, payment_date, created_at, updated_at)
                 select id, user_id, total, total, 'success', now(), now(), now() from orders;
             insert into payment_transitions (payment_id, from_status, to_status, cause, at)
                 values (1, 'pending', 'success', 'T-1', '2030-01-01T12:03:00Z');
             insert into payment_transactions
                 (payment_id, transaction_id, status, amount_matches, gross_amount, payment_type, created_at, updated_at)
                 values (1, 'T-1', 'paid', true, '450000.00', 'gopay', now(), now())",
        )
        .await;
    assert!(fixture.deliver("payment").await);
    let mail = fixture.only_mail();
    let mail = parse(&mail);
    assert_eq!(mail.subject(), Some("Payment received: Rp 450.000"));
    let text = mail.body_text(0).unwrap().into_owned();
    for fact in [
        "3 × Festival (Java Jazz): Rp 450.000",
        "Paid by: GoPay",
        "Paid on: Tuesday, 1 January 2030 at 19:03 WIB",
        CODE,
    ] {
        assert!(text.contains(fact), "{fact} in {text}");
    }
}

/// Something that holders of tickets are told of the event.
const REMINDER: &str = "
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

/// A promotional mail to Ayu, who wants some.
const PROMOTION: &str = "
    update preferences set mail_promotions = true;
    insert into preferences (user_id, mail_promotions, updated_at) values (2, true, now()) on conflict do nothing;
    insert into promo_codes (id, code, organizer_id, percent, valid_from, valid_to, created_at, updated_at)
        overriding system value values (1, 'SUMMER', 1, 1000, now(), '2030-02-01', now(), now());
    insert into mailings (organizer_id, audience, event_id, promo_id, indonesian_subject, indonesian_text, english_subject,
                          english_text, status, send_at, started_at, created_at, updated_at)
        select 1, 'past_buyers', id, 1, 'Konser <baru>', 'Datanglah.', 'A <new> concert', E'Do come.\n\nAll of you <b>!', 'sending',
               now(), now(), now(), now() from events;
    insert into mailing_recipients (mailing_id, user_id, state, announced_until, announcements)
        values (1, 2, 'waiting', now(), 1)";

#[tokio::test(flavor = "current_thread")]
async fn a_promotional_mail_says_what_its_organizer_says_and_how_to_hear_no_more() {
    let fixture = Fixture::new().await;
    fixture.db.run(PROMOTION).await;
    assert!(fixture.deliver("promotion").await);
    let mail = fixture.only_mail();
    assert_eq!(mail.to, "ayu@example.test");
    let message = parse(&mail);
    assert_eq!(message.subject(), Some("A <new> concert"));
    let text = message.body_text(0).unwrap().into_owned();
    let link = format!(
        "https://api.example.test/api/v1/users/unsubscribe?token={}",
        fixture.app.unsubscribing.sign(2)
    );
    for fact in [
        "All of you <b>!",
        "Promo code: SUMMER",
        "Event: Java Jazz",
        "https://web.example.test/events/1",
        "written by organizer",
        &link,
    ] {
        assert!(text.contains(fact), "{fact} in {text}");
    }
    assert!(message.body_html(0).unwrap().contains("All of you &#60;b&#62;!"));
    let header = |name: &str| message.header_raw(name).unwrap().trim().to_owned();
    assert_eq!(header("List-Unsubscribe"), format!("<{link}>"));
    assert_eq!(header("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    let state = "select state from mailing_recipients";
    assert_eq!(fixture.db.text(state).await, "sent");

    // Whoever died between the log and the row is set right by the repetition, which sends nothing.
    fixture
        .db
        .run("update mailing_recipients set state = 'sending'")
        .await;
    assert!(fixture.deliver("promotion").await);
    assert!(fixture.mails().is_empty());
    assert_eq!(fixture.db.text(state).await, "sent");
}

#[tokio::test(flavor = "current_thread")]
async fn a_promotional_mail_goes_in_the_language_of_its_reader() {
    let fixture = Fixture::new().await;
    fixture.db.run(PROMOTION).await;
    fixture.db.run("update preferences set language = 'id'").await;
    assert!(fixture.deliver("promotion").await);
    assert_eq!(parse(&fixture.only_mail()).subject(), Some("Konser <baru>"));
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_not_wanted_any_more_or_paused_is_not_promoted() {
    for (meanwhile, state, reason) in [
        (
            "update preferences set mail_promotions = false",
            "skipped unwanted",
            "unwanted",
        ),
        (
            "update promo_codes set deleted_at = now()",
            "skipped offer_over",
            "offer_over",
        ),
        (
            "update events set status = 'cancelled'",
            "skipped offer_over",
            "offer_over",
        ),
        (
            "update mailings set status = 'cancelled', finished_at = now()",
            "waiting",
            "the mailing has ended",
        ),
        (
            "delete from mailing_recipients; insert into mailing_recipients values (1, 1, 'waiting')",
            "waiting",
            "there is no such recipient any more",
        ),
    ] {
        let fixture = Fixture::new().await;
        fixture.db.run(PROMOTION).await;
        fixture.db.run(meanwhile).await;
        assert!(fixture.deliver("promotion").await);
        assert!(fixture.mails().is_empty(), "{reason}");
        let stands = "select state || coalesce(' ' || reason, '') from mailing_recipients";
        assert_eq!(fixture.db.text(stands).await, state);
        assert_eq!(fixture.db.text("select reason from mail_log").await, reason);
    }
    let fixture = Fixture::new().await;
    fixture.db.run(PROMOTION).await;
    fixture.db.run("update mailings set status = 'paused'").await;
    assert!(
        fixture.deliver("promotion").await,
        "the message has nothing more to say"
    );
    assert!(fixture.mails().is_empty());
    assert_eq!(
        fixture
            .db
            .count("select count(*) from mailing_recipients where announced_until is null")
            .await,
        1
    );
    fixture.db.run("update mailings set status = 'sending'").await;
    assert!(fixture.deliver("promotion").await, "it is announced again");
    assert_eq!(fixture.mails().len(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_promotional_mail_that_the_service_refuses_is_not_tried_again_and_one_that_it_cannot_take_is() {
    let fixture = Fixture::new().await;
    fixture.db.run(PROMOTION).await;
    fixture
        .app
        .mailer
        .fail_next(MailError::Transient("busy".to_owned()));
    assert!(!fixture.deliver("promotion").await);
    assert_eq!(
        fixture.db.text("select state from mailing_recipients").await,
        "sending"
    );
    fixture
        .app
        .mailer
        .fail_next(MailError::Permanent("no".to_owned()));
    assert!(fixture.deliver("promotion").await);
    let stands = "select state || ' ' || reason from mailing_recipients";
    assert_eq!(fixture.db.text(stands).await, "skipped refused");
    assert!(fixture.mails().is_empty());
}

#[tokio::test(flavor = "current_thread")]
async fn an_address_that_made_trouble_gets_only_what_it_may() {
    let goes = [
        ("bounced_at", "verification", true),
        ("bounced_at", "reset_code", false),
        ("bounced_at", "tickets", false),
        ("bounced_at", "event_reminder", false),
        ("complained_at", "verification", true),
        ("complained_at", "tickets", true),
        ("complained_at", "event_reminder", false),
        ("proved_at", "tickets", true),
    ];
    for (trouble, name, sent) in goes {
        let fixture = Fixture::new().await;
        fixture.pay().await;
        fixture.db.run(REMINDER).await;
        fixture
            .db
            .run(&format!(
                "insert into mail_suppressions (address_hash, {trouble}) values (sha256('ayu@example.test'), now())"
            ))
            .await;
        for _ in 0..2 {
            assert!(fixture.deliver(name).await);
        }
        assert_eq!(fixture.mails().len(), usize::from(sent), "{trouble}, {name}");
        let dropped = "select count(*) from mail_log where dropped_at is not null";
        assert_eq!(
            fixture.db.count(dropped).await,
            i64::from(!sent),
            "{trouble}, {name}"
        );
    }
}

#[tokio::test(flavor = "current_thread")]
async fn people_are_written_to_in_the_language_that_they_chose() {
    let fixture = Fixture::new().await;
    let text = |mail: &Delivered| parse(mail).body_text(0).unwrap().into_owned();
    for (language, hello) in [(None, "Hello"), (Some("id"), "Halo"), (Some("en"), "Hello")] {
        fixture
            .db
            .run("delete from preferences; delete from mail_log")
            .await;
        if let Some(language) = language {
            let sql = format!(
                "insert into preferences (user_id, language, updated_at)
                 select id, '{language}', now() from users where email = 'ayu@example.test'"
            );
            fixture.db.run(&sql).await;
        }
        for message in ["verification", "reset_code", "order_placed"] {
            assert!(fixture.deliver(message).await);
            let mail = fixture.only_mail();
            assert!(
                text(&mail).contains(hello),
                "{message} {language:?}: {}",
                text(&mail)
            );
        }
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_late_payer_is_told_that_the_money_goes_back() {
    let fixture = Fixture::new().await;
    fixture.set_status("refund_due").await;
    assert!(fixture.deliver("refund_due").await);
    let mail = fixture.only_mail();
    let text = parse(&mail).body_text(0).unwrap().into_owned();
    assert!(text.contains("To be returned: Rp 450.000"), "{text}");
}

#[tokio::test(flavor = "current_thread")]
async fn whoever_pays_for_a_cancelled_event_is_told_why_the_money_goes_back() {
    let fixture = Fixture::new().await;
    fixture.set_status("refund_due").await;
    fixture.db.run("update events set status = 'cancelled'").await;
    assert!(fixture.deliver("refund_due").await);
    let mail = fixture.only_mail();
    let text = parse(&mail).body_text(0).unwrap().into_owned();
    assert!(text.contains("after the event had been called off"), "{text}");
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

#[tokio::test(flavor = "current_thread")]
async fn buyers_are_told_where_their_money_is() {
    for (name, status, rest, fact) in [
        (
            "refund_started",
            "requested",
            "now(), null, null",
            "is on its way",
        ),
        ("refund_manual", "manual", "null, null, null", "account number"),
        (
            "refund_done",
            "succeeded",
            "null, now(), null",
            "have returned Rp 150.000",
        ),
        ("refund_done", "done", "null, now(), 'BCA 17'", "BCA 17"),
        ("refund_started", "succeeded", "null, now(), null", ""),
        ("refund_manual", "done", "null, now(), 'BCA 17'", ""),
        ("refund_done", "failed", "null, now(), null", ""),
    ] {
        let fixture = Fixture::new().await;
        fixture.pay().await;
        fixture
            .db
            .run(&format!(
                "insert into payments (order_id, user_id, amount, original_amount, payment_date, created_at, updated_at)
                     select id, user_id, total, total, now(), now(), now() from orders;
                 insert into refunds (payment_id, key, amount, reason, cause, status, created_at, updated_at, next_try_at,
                                      finished_at, reference)
                     values (1, 'k', 150000, 'The buyer fell ill', 'request', '{status}', now(), now(), {rest})"
            ))
            .await;
        assert!(fixture.deliver(name).await, "{name}, {status}");
        if fact.is_empty() {
            assert!(fixture.mails().is_empty(), "{name}, {status}");
            continue;
        }
        let mail = fixture.only_mail();
        let mail = parse(&mail);
        let whole = format!("{:?} {}", mail.subject(), mail.body_text(0).unwrap());
        assert!(
            whole.contains(fact) && whole.contains(CODE),
            "{name}, {status}: {whole}"
        );
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_repeated_message_sends_nothing() {
    let fixture = Fixture::new().await;
    fixture.pay().await;
    for _ in 0..3 {
        assert!(fixture.deliver("tickets").await);
    }
    assert_eq!(fixture.mails().len(), 1);
    let noted = "select count(*) from mail_log where kind = 'tickets' and sent_at is not null and provider_id = 'memory-1'";
    assert_eq!(fixture.db.count(noted).await, 1);
}

#[tokio::test(flavor = "current_thread")]
async fn the_same_message_twice_in_a_batch_and_in_two_workers_is_one_mail() {
    let fixture = Fixture::new().await;
    let other = App {
        db: fixture.db.db(),
        mailer: Mailer::in_memory(Mailbox::parse("tickets@example.test").unwrap()),
        breaker: FleetBreaker::new("mail", Store::in_memory()),
        clock: fixture.app.clock.clone(),
        keys: SigningKeys::parse(KEYS).unwrap(),
        frontend_url: String::from("https://web.example.test"),
        language: Language::Id,
        base_url: fixture.app.base_url.clone(),
        unsubscribing: LinkKey::derive(&Secret::new("secret"), "unsubscribe"),
        pace: Duration::ZERO,
    };
    let mut twice = event("verification");
    twice.records.extend(event("verification").records);
    let (_, _) = tokio::join!(
        fixture.handle(twice),
        worker::handle_batch(&other, event("verification"))
    );
    assert_eq!(fixture.mails().len() + other.mailer.take_delivered().len(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn what_another_worker_has_claimed_waits_for_the_end_of_its_lease() {
    let fixture = Fixture::new().await;
    let id = envelope_id(&event("verification"));
    let database = fixture.db.db();
    let conn = database.conn().await.unwrap();
    let until = start().plus_seconds(20);
    let claim = mail_log::claim(&conn, &id, "verification", until, start())
        .await
        .unwrap();
    assert_eq!(claim, Claim::Send);
    assert!(!fixture.deliver("verification").await);
    assert!(fixture.mails().is_empty());
    fixture.app.clock.advance(20);
    assert!(fixture.deliver("verification").await);
    assert_eq!(fixture.mails().len(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_worker_that_was_slow_lets_go_before_its_claim_could_end() {
    let fixture = Fixture::new().await;
    let mut slow = fixture.db.client().await;
    let lock = slow.transaction().await.unwrap();
    lock.execute_typed("lock table preferences in access exclusive mode", &[])
        .await
        .unwrap();
    let meanwhile = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        fixture.app.clock.advance(12);
        lock.rollback().await.unwrap();
    };
    let (consumed, ()) = tokio::join!(fixture.deliver("verification"), meanwhile);
    assert!(!consumed && fixture.mails().is_empty());
    assert!(fixture.deliver("verification").await);
    assert_eq!(fixture.mails().len(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_busy_mail_service_gets_the_mail_at_the_next_delivery() {
    let fixture = Fixture::new().await;
    fixture
        .app
        .mailer
        .fail_next(MailError::Transient("Throttling".to_owned()));
    let response = fixture.handle(event("verification")).await;
    let failed: Vec<_> = response
        .batch_item_failures
        .iter()
        .map(|f| f.item_identifier.as_str())
        .collect();
    assert_eq!(failed, ["059f36b4-87a3-44ab-83d2-661975830a7d"]);
    assert!(fixture.mails().is_empty());
    // No lease is left behind, so the next delivery need not wait.
    assert!(fixture.deliver("verification").await);
    assert_eq!(fixture.mails().len(), 1);
    assert_eq!(fixture.db.count("select attempts::bigint from mail_log").await, 2);
}

#[tokio::test(flavor = "current_thread")]
async fn a_service_that_fails_three_times_in_a_row_is_left_alone_for_a_while() {
    let fixture = Fixture::new().await;
    for _ in 0..3 {
        fixture
            .app
            .mailer
            .fail_next(MailError::Transient("Throttling".to_owned()));
        assert!(!fixture.deliver("verification").await);
    }
    assert!(!fixture.deliver("verification").await, "nobody is asked");
    assert!(fixture.mails().is_empty());
    fixture.app.clock.advance(10);
    assert!(fixture.deliver("verification").await);
    assert_eq!(fixture.mails().len(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_refused_mail_is_noted_and_not_tried_again() {
    let fixture = Fixture::new().await;
    fixture
        .app
        .mailer
        .fail_next(MailError::Permanent("MessageRejected bad".to_owned()));
    assert!(fixture.deliver("verification").await);
    assert!(fixture.deliver("verification").await);
    assert!(fixture.mails().is_empty());
    assert_eq!(
        fixture.db.text("select reason from mail_log").await,
        "MessageRejected bad"
    );
}

#[tokio::test(flavor = "current_thread")]
async fn messages_that_were_overtaken_send_nothing() {
    for (name, status, paid) in [
        ("order_placed", "paid", true),
        ("order_placed", "expired", false),
        ("refund_due", "paid", true),
        ("event_cancelled", "paid", true),
        ("event_cancelled", "refunded", true),
    ] {
        let fixture = Fixture::new().await;
        if paid {
            fixture.pay().await;
        }
        fixture.set_status(status).await;
        assert!(fixture.deliver(name).await, "{name}, {status}");
        assert!(fixture.mails().is_empty(), "{name}, {status}");
        assert_eq!(
            fixture
                .db
                .count("select count(*) from mail_log where dropped_at is not null")
                .await,
            1
        );
    }
}

#[tokio::test(flavor = "current_thread")]
async fn an_order_whose_time_is_over_is_not_asked_to_be_paid() {
    let fixture = Fixture::new().await;
    fixture.app.clock.advance(900);
    assert!(fixture.deliver("order_placed").await);
    assert!(fixture.mails().is_empty());
}

#[tokio::test(flavor = "current_thread")]
async fn void_tickets_are_not_sent() {
    let fixture = Fixture::new().await;
    fixture.pay().await;
    fixture.db.run("update issued_tickets set status = 'void'").await;
    assert!(fixture.deliver("tickets").await);
    assert!(fixture.mails().is_empty());
}

#[tokio::test(flavor = "current_thread")]
async fn what_cannot_be_true_fails_and_does_not_hurt_its_neighbours() {
    let fixture = Fixture::new().await;
    let mut batch = event("verification");
    // No tickets are issued for the pending order; the second order does not exist; the third message is not one.
    let mut unpaid = event("tickets").records.remove(0);
    unpaid.message_id = Some("unpaid".to_owned());
    let mut missing = unpaid.clone();
    missing.message_id = Some("missing".to_owned());
    missing.body = Some(r#"{"id":"00","body":{"kind":"refund_due","order":99}}"#.to_owned());
    let mut garbled = unpaid.clone();
    garbled.message_id = Some("garbled".to_owned());
    garbled.body = Some(r#"{"id":"01","body":{"kind":"poem"}}"#.to_owned());
    let mut script = unpaid.clone();
    script.message_id = Some("script".to_owned());
    script.body = Some(
        r#"{"id":"02","body":{"kind":"verification","to":"a@example.test","name":"A","link":"javascript:alert(1)"}}"#
            .to_owned(),
    );
    for record in [unpaid, missing, garbled, script] {
        batch.records.insert(0, record);
    }
    let response = fixture.handle(batch).await;
    let failed: Vec<_> = response
        .batch_item_failures
        .iter()
        .map(|f| f.item_identifier.as_str())
        .collect();
    assert_eq!(failed, ["script", "garbled", "missing", "unpaid"]);
    assert_eq!(fixture.only_mail().to, "ayu@example.test");
    let leased = "select count(*) from mail_log where lease_until is not null";
    assert_eq!(fixture.db.count(leased).await, 0);
}

#[tokio::test(flavor = "current_thread")]
async fn an_address_that_cannot_exist_is_dropped() {
    let fixture = Fixture::new().await;
    let mut event = event("verification");
    let record = event.records.first_mut().unwrap();
    record.body = Some(record.body.as_ref().unwrap().replace("ayu@example.test", "ayu"));
    assert!(fixture.handle(event).await.batch_item_failures.is_empty());
    assert!(fixture.mails().is_empty());
    assert_eq!(
        fixture.db.text("select reason from mail_log").await,
        "the recipient has no valid address"
    );
}

#[tokio::test(flavor = "current_thread")]
async fn without_a_database_the_message_is_delivered_again() {
    let fixture = Fixture::new().await;
    let url = "postgres://nobody@127.0.0.1:1/none";
    let app = App {
        db: db::Db::new(db::Config::from_lookup(|name| (name == "DATABASE_URL").then_some(url)).unwrap()),
        ..fixture.app
    };
    let response = worker::handle_batch(&app, event("verification")).await;
    assert_eq!(response.batch_item_failures.len(), 1);
    assert!(app.mailer.take_delivered().is_empty());
}

#[tokio::test(flavor = "current_thread")]
async fn the_function_says_what_it_misses_to_start() {
    let good = [
        ("DATABASE_URL", "postgres://app@127.0.0.1/app"),
        ("STATE_TABLE", "state"),
        ("MAIL_FROM", "GiggleFest <tickets@example.test>"),
        ("FRONTEND_URL", "https://web.example.test/"),
        ("TICKET_SIGNING_KEYS", KEYS),
        ("DEFAULT_LANGUAGE", ""),
        ("BASE_URL", "https://api.example.test/"),
        ("JWT_SECRET", "0123456789abcdef0123456789abcdef"),
        ("PROMOTIONS_PER_SECOND", "10"),
    ];
    let app = App::from_env(&runtime::Env::of(good)).await.unwrap();
    assert_eq!(app.frontend_url, "https://web.example.test");
    assert_eq!(app.language, Language::Id);
    assert_eq!(app.pace, Duration::from_millis(200), "two of them keep the pace");
    for (name, bad) in [
        ("DATABASE_URL", ""),
        ("STATE_TABLE", ""),
        ("MAIL_FROM", "GiggleFest"),
        ("FRONTEND_URL", "web.example.test"),
        ("TICKET_SIGNING_KEYS", "test:short"),
        ("DEFAULT_LANGUAGE", "fr"),
        ("BASE_URL", ""),
        ("JWT_SECRET", ""),
        ("PROMOTIONS_PER_SECOND", "0"),
    ] {
        let values = good.map(|(known, value)| (known, if known == name { bad } else { value }));
        let error = App::from_env(&runtime::Env::of(values))
            .await
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(name), "{error}");
        assert!(!error.contains("short"), "{error}");
    }
}
