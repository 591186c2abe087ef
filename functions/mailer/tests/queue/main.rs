//! From a message of the queue to a mail, against a real database. The messages are the files in `events/sqs/mail/`; they
//! speak of order 1, which is the first one that a test makes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod deliveries;
mod events;
mod handovers;
mod promotions;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use db::issued::Unit;
use domain::OrderId;
use domain::order::OrderStatus;
use domain::price::price;
use kv::{FleetBreaker, Store};
use mail::{Delivered, Mailbox, Mailer};
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
        fixture.db.run(events::REMINDER).await;
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
