//! What the mails say and look like, in both languages, and that nothing a person typed becomes HTML.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use domain::alert::{Condition, Job, News, Turn};
use domain::mailing::{Body, SubjectLine, Words};
use domain::notice::{Schedule, Turned};
use domain::{Rupiah, Timestamp};
use mailer::Language;
use mailer::letter::Letter;
use mailer::letters::{
    self, Alerts, Bill, EventCancelled, EventChanged, EventReminder, Line, MOST_TICKETS, NewCode,
    OrderPlaced, Payment, Progress, Promoted, Promotion, Refund, RefundDue, Ticket, TicketOffered,
    TicketVoid, Tickets, TicketsOffered, TransferDue, TransferEnded,
};

const CODE: &str = "ORDER-00112233445566778899AABBCCDDEEFF";
const LINK: &str = "https://gigglefest.example/orders/ORDER-00112233445566778899AABBCCDDEEFF";

fn rupiah(amount: i64) -> Rupiah {
    Rupiah::new(amount).unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn verification(language: Language) -> Letter {
    letters::verification(
        language,
        "Ayu Lestari",
        "https://api.gigglefest.example/api/v1/auth/verify/0123456789abcdef",
    )
}

fn bill(ticket: &str) -> Bill {
    let line = |quantity, price| Line {
        ticket: ticket.to_owned(),
        event: "Java Jazz & Friends".to_owned(),
        quantity,
        price: rupiah(price),
    };
    Bill {
        lines: vec![line(2, 300_000), line(1, 1_250_000)],
        discount: rupiah(50_000),
        fee: rupiah(15_000),
        tax: rupiah(166_650),
        total: rupiah(1_681_650),
    }
}

fn order_placed(language: Language, name: &str, ticket: &str) -> Letter {
    letters::order_placed(
        language,
        OrderPlaced {
            name,
            code: CODE,
            bill: bill(ticket),
            pay_until: at("2030-01-05T12:45:00Z"),
            link: LINK.to_owned(),
        },
    )
}

fn payment(language: Language, method: Option<&str>) -> Letter {
    letters::payment(
        language,
        Payment {
            name: "Ayu Lestari",
            code: CODE,
            bill: bill("Festival"),
            method,
            paid_at: at("2030-01-05T12:40:00Z"),
            link: LINK.to_owned(),
        },
    )
}

fn schedule(event: &str, date: &str, location: &str) -> Schedule {
    Schedule {
        event: event.to_owned(),
        date: at(date),
        zone: "Asia/Makassar".to_owned(),
        location: location.to_owned(),
    }
}

fn event_changed(language: Language, event: &str) -> Letter {
    letters::event_changed(
        language,
        EventChanged {
            name: "Ayu Lestari",
            before: &schedule(event, "2030-02-09T12:30:00Z", "Lapangan Karebosi, Makassar"),
            after: &schedule(event, "2030-02-16T11:00:00Z", "Benteng Rotterdam, Makassar"),
            link: "https://gigglefest.example/events/7".to_owned(),
        },
    )
}

fn event_reminder(language: Language, event: &str, tickets: u32) -> Letter {
    letters::event_reminder(
        language,
        EventReminder {
            name: "Ayu Lestari",
            schedule: &schedule(event, "2030-02-09T12:30:00Z", "Lapangan Karebosi, Makassar"),
            tickets,
            link: "https://gigglefest.example/tickets".to_owned(),
        },
    )
}

fn ticket(text: &str, number: usize) -> Ticket<'_> {
    Ticket {
        event: text,
        date: at("2030-02-09T12:30:00Z"),
        zone: "Asia/Makassar",
        location: "Lapangan Karebosi, Makassar",
        kind: "Festival",
        seat: None,
        holder: "Ayu Lestari",
        code: "00112233445566778899aabbccddeeff",
        cid: format!("ticket-{number}.{CODE}@gigglefest"),
        file_name: format!("ticket-{number}.png"),
    }
}

fn tickets(language: Language, text: &str, shown: usize, total: usize) -> Letter {
    letters::tickets(
        language,
        Tickets {
            name: "Ayu Lestari",
            code: CODE,
            tickets: (1..=shown).map(|number| ticket(text, number)).collect(),
            total,
            link: LINK.to_owned(),
        },
    )
}

fn ticket_offered(language: Language, sender: &str, event: &str) -> Letter {
    letters::ticket_offered(
        language,
        TicketOffered {
            sender,
            kind: "Festival",
            event,
            date: at("2030-02-09T12:30:00Z"),
            zone: "Asia/Makassar",
            location: "Lapangan Karebosi, Makassar",
            until: at("2030-01-08T12:30:00Z"),
            link: "https://gigglefest.example/tickets/transfers/0123456789abcdef".to_owned(),
        },
    )
}

fn new_code(text: &str) -> NewCode<'_> {
    NewCode {
        name: "Ayu Lestari",
        ticket: ticket(text, 1),
        link: "https://gigglefest.example/tickets".to_owned(),
    }
}

fn ticket_void(language: Language, event: &str, cancelled: bool) -> Letter {
    letters::ticket_void(
        language,
        TicketVoid {
            name: "Ayu Lestari",
            kind: "Festival",
            event,
            date: at("2030-02-09T12:30:00Z"),
            zone: "Asia/Makassar",
            location: "Lapangan Karebosi, Makassar",
            cancelled,
            link: "https://gigglefest.example/tickets".to_owned(),
        },
    )
}

fn event_cancelled(language: Language, event: &str, paid: i64) -> Letter {
    letters::event_cancelled(
        language,
        EventCancelled {
            name: "Ayu Lestari",
            event,
            date: at("2030-02-09T12:30:00Z"),
            zone: "Asia/Makassar",
            location: "Lapangan Karebosi, Makassar",
            code: CODE,
            paid: rupiah(paid),
            link: LINK.to_owned(),
        },
    )
}

fn refund_due(language: Language, cancelled: bool) -> Letter {
    letters::refund_due(
        language,
        RefundDue {
            name: "Ayu Lestari",
            code: CODE,
            cancelled,
            amount: rupiah(1_500_000),
            link: LINK.to_owned(),
        },
    )
}

fn refund(language: Language, progress: Progress, tickets: u32) -> Letter {
    letters::refund(
        language,
        progress,
        Refund {
            name: "Ayu Lestari",
            code: CODE,
            amount: rupiah(250_000),
            tickets,
            reason: "The buyer <fell> ill",
            reference: (progress == Progress::Done).then_some("BCA 4711"),
            link: LINK.to_owned(),
        },
    )
}

fn transfer_due(language: Language, holder: &str) -> Letter {
    letters::transfer_due(
        language,
        TransferDue {
            name: "Ayu Lestari",
            order: CODE,
            bank: "BCA",
            number: "1234567890",
            holder,
            amount: rupiah(300_000),
            code: "GF-1042",
            pay_until: at("2030-01-06T12:45:00Z"),
            link: LINK.to_owned(),
        },
    )
}

fn transfer_ended(language: Language, cancelled: bool) -> Letter {
    letters::transfer_ended(
        language,
        TransferEnded {
            name: "Ayu Lestari",
            order: CODE,
            cancelled,
            link: LINK.to_owned(),
        },
    )
}

fn tickets_offered(language: Language, event: &str, quantity: u32) -> Letter {
    let turned = Turned {
        ticket: "Festival".to_owned(),
        event: event.to_owned(),
        quantity,
        until: at("2030-01-05T12:45:00Z"),
        zone: "Asia/Makassar".to_owned(),
    };
    letters::tickets_offered(
        language,
        TicketsOffered {
            name: "Ayu Lestari",
            turned: &turned,
            link: "https://gigglefest.example/cart".to_owned(),
        },
    )
}

fn promotion(language: Language, sender: Option<&str>, text: &str) -> Letter {
    let words = Words {
        subject: SubjectLine::parse(language.pick("Makassar Jazz kembali", "Makassar Jazz is back")).unwrap(),
        text: Body::parse(text).unwrap(),
    };
    letters::promotion(
        language,
        Promotion {
            name: "Ayu Lestari",
            sender,
            words: &words,
            event: Some(Promoted {
                name: "Makassar Jazz",
                date: at("2030-02-09T12:30:00Z"),
                zone: "Asia/Makassar",
                location: "Lapangan Karebosi, Makassar",
                link: "https://gigglefest.example/events/7".to_owned(),
            }),
            code: Some(("EARLYBIRD", at("2030-01-20T16:00:00Z"))),
            unsubscribe: "https://api.gigglefest.example/api/v1/users/unsubscribe?token=7.00ff".to_owned(),
        },
    )
}

const PROMOTED_ID: &str =
    "Tahun ini kami kembali ke Karebosi dengan dua panggung.\n\nBelilah sebelum harganya naik!";
const PROMOTED_EN: &str =
    "This year we are back at Karebosi with two stages.\n\nBuy before the price goes up!";
fn alerts(language: Language, news: &[News]) -> Letter {
    let link = "https://gigglefest.example/status/alerts";
    let at = at("2030-01-05T12:45:00Z");
    letters::alerts(language, Alerts { at, news, link })
}

/// Everything that one mail can tell: what begins, lasts and is over.
fn all_news(row: &str) -> Vec<News> {
    let since = at("2030-01-05T11:45:00Z");
    let news = |turn, condition| News {
        turn,
        condition,
        since,
    };
    vec![
        news(
            Turn::Over,
            Condition::LeftAlone {
                service: "midtrans".to_owned(),
            },
        ),
        news(
            Turn::Opened,
            Condition::DeadLetters {
                queue: "payment-notifications".to_owned(),
                messages: 3,
            },
        ),
        news(
            Turn::Lasts,
            Condition::JobLate {
                job: Job::Reconciler,
                since,
            },
        ),
        news(
            Turn::Opened,
            Condition::RuleBroken {
                rule: "orders_add_up".to_owned(),
                count: 1,
                rows: vec![row.to_owned()],
            },
        ),
    ]
}

/// The whole mail as a reader of a review wants to see it.
fn shown(letter: &Letter) -> String {
    format!(
        "{}\n{}\n\n{}\n{}",
        letter.subject,
        letter.preview,
        letter.text(),
        letter.html().unwrap()
    )
}

#[test]
fn every_mail_is_as_reviewed_in_both_languages() {
    for language in [Language::Id, Language::En] {
        for (name, letter) in [
            ("verification", verification(language)),
            ("order_placed", order_placed(language, "Ayu Lestari", "Festival")),
            ("payment", payment(language, Some("bank_transfer"))),
            ("tickets", tickets(language, "Makassar Jazz", 2, 2)),
            ("event_changed", event_changed(language, "Makassar Jazz")),
            ("event_reminder", event_reminder(language, "Makassar Jazz", 2)),
            (
                "reset_code",
                letters::reset_code(language, "Ayu Lestari", "042917"),
            ),
            ("refund_due", refund_due(language, false)),
            ("refund_started", refund(language, Progress::Started, 2)),
            ("refund_manual", refund(language, Progress::Manual, 1)),
            ("refund_done", refund(language, Progress::Done, 0)),
            (
                "event_cancelled",
                event_cancelled(language, "Makassar Jazz", 300_000),
            ),
            ("tickets_offered", tickets_offered(language, "Makassar Jazz", 2)),
            (
                "ticket_offered",
                ticket_offered(language, "Ayu Lestari", "Makassar Jazz"),
            ),
            (
                "ticket_received",
                letters::ticket_received(language, new_code("Makassar Jazz")),
            ),
            (
                "ticket_renamed",
                letters::ticket_renamed(language, new_code("Makassar Jazz")),
            ),
            ("ticket_void", ticket_void(language, "Makassar Jazz", false)),
            (
                "ticket_void_cancelled",
                ticket_void(language, "Makassar Jazz", true),
            ),
            ("transfer_due", transfer_due(language, "PT Karebosi & Kawan")),
            ("transfer_ended", transfer_ended(language, false)),
            ("transfer_ended_cancelled", transfer_ended(language, true)),
            (
                "promotion",
                promotion(
                    language,
                    Some("Karebosi Events"),
                    language.pick(PROMOTED_ID, PROMOTED_EN),
                ),
            ),
            (
                "promotion_of_the_platform",
                promotion(language, None, language.pick(PROMOTED_ID, PROMOTED_EN)),
            ),
            ("alerts", alerts(language, &all_news("ORDER-1: 5 of 6"))),
        ] {
            insta::assert_snapshot!(format!("{name}_{}", language.as_str()), shown(&letter));
        }
    }
}

#[test]
fn the_subject_of_alerts_tells_the_worst_of_it() {
    let all = all_news("ORDER-1");
    for (turns, subject) in [
        (
            vec![Turn::Opened, Turn::Lasts, Turn::Over],
            "GiggleFest: 2 problems found",
        ),
        (
            vec![Turn::Lasts, Turn::Over],
            "GiggleFest: 1 problem not over yet",
        ),
        (vec![Turn::Over], "GiggleFest: 1 problem over"),
    ] {
        let news: Vec<_> = all
            .iter()
            .filter(|news| turns.contains(&news.turn))
            .cloned()
            .collect();
        assert_eq!(alerts(Language::En, &news).subject, subject);
    }
}

#[test]
fn methods_are_called_as_people_know_them() {
    for (method, shown) in [
        (Some("gopay"), "Paid by: GoPay"),
        (Some("manual_transfer"), "Paid by: Bank transfer"),
        (Some("cstore"), "Paid by: Convenience store"),
        (Some("new_wallet"), "Paid by: new_wallet"),
    ] {
        let text = payment(Language::En, method).text();
        assert!(text.contains(shown), "{shown} in {text}");
    }
    assert!(!payment(Language::En, None).text().contains("Paid by"));
}

#[test]
fn a_change_shows_what_was_only_where_something_is_different() {
    let was = schedule("Jazz", "2030-02-09T12:30:00Z", "Karebosi");
    let change = |after: &Schedule| {
        letters::event_changed(
            Language::En,
            EventChanged {
                name: "Ayu",
                before: &was,
                after,
                link: LINK.to_owned(),
            },
        )
        .text()
    };
    let place = change(&schedule("Jazz", "2030-02-09T12:30:00Z", "Rotterdam"));
    assert!(place.contains("It was to be at: Karebosi") && !place.contains("It was to begin"));
    let time = change(&schedule("Jazz", "2030-02-10T12:30:00Z", "Karebosi"));
    assert!(time.contains("It was to begin") && !time.contains("It was to be at"));
    let one = event_reminder(Language::En, "Jazz", 1).text();
    assert!(one.contains("You have one ticket."), "{one}");
    let one = tickets_offered(Language::En, "Jazz", 1).text();
    assert!(
        one.contains("One Festival ticket for Jazz is in your cart"),
        "{one}"
    );
}

#[test]
fn what_becomes_of_the_money_is_said_where_there_is_any() {
    let back = "You will get your money for these tickets back";
    assert!(event_cancelled(Language::En, "Jazz", 1).text().contains(back));
    assert!(!event_cancelled(Language::En, "Jazz", 0).text().contains("money"));
    let late = refund_due(Language::En, true).text();
    assert!(late.contains("after the event had been called off"), "{late}");
    assert!(!late.contains("sold out"), "{late}");
}

#[test]
fn an_organizer_whose_name_is_a_link_is_not_named() {
    let text = promotion(Language::En, Some("www.evil.example"), PROMOTED_EN).text();
    assert!(text.contains("written by an organizer on GiggleFest"), "{text}");
    assert!(!text.contains("evil"), "{text}");
}

#[test]
fn whoever_offers_a_ticket_under_a_name_that_is_a_link_is_not_named() {
    let text = ticket_offered(Language::En, "www.evil.example", "Jazz").text();
    assert!(
        text.contains("Somebody would like to give you a ticket for Jazz."),
        "{text}"
    );
    assert!(!text.contains("evil"), "{text}");
}

#[test]
fn text_and_html_give_the_same_facts() {
    for (language, time) in [(Language::Id, "19.45 WIB"), (Language::En, "19:45 WIB")] {
        let letter = order_placed(language, "Ayu", "Festival");
        let (text, html) = (letter.text(), letter.html().unwrap());
        for fact in [
            time,
            "Rp 1.681.650",
            "Rp 300.000",
            "−Rp 50.000",
            "Rp 15.000",
            "Rp 166.650",
            "2 × Festival",
            CODE,
            LINK,
        ] {
            assert!(text.contains(fact), "{fact} in {text}");
            assert!(html.contains(fact), "{fact} in {html}");
        }
        assert!(text.contains("Java Jazz & Friends"));
        assert!(html.contains("Java Jazz &#38; Friends"));
    }
}

#[test]
fn nothing_that_people_typed_becomes_html() {
    let evil = r#"<script>alert(1)</script>"><img src=x onerror='x'>&lt;"#;
    for html in [
        order_placed(Language::Id, evil, evil).html().unwrap(),
        tickets(Language::Id, evil, 1, 1).html().unwrap(),
        letters::reset_code(Language::Id, evil, evil).html().unwrap(),
        event_cancelled(Language::Id, evil, 0).html().unwrap(),
        event_changed(Language::Id, evil).html().unwrap(),
        event_reminder(Language::Id, evil, 1).html().unwrap(),
        transfer_due(Language::Id, evil).html().unwrap(),
        tickets_offered(Language::Id, evil, 1).html().unwrap(),
        ticket_offered(Language::Id, evil, evil).html().unwrap(),
        letters::ticket_received(Language::Id, new_code(evil))
            .html()
            .unwrap(),
        letters::ticket_renamed(Language::Id, new_code(evil))
            .html()
            .unwrap(),
        ticket_void(Language::Id, evil, false).html().unwrap(),
        payment(Language::Id, Some(evil)).html().unwrap(),
        promotion(Language::Id, Some(evil), evil).html().unwrap(),
        alerts(Language::Id, &all_news(evil)).html().unwrap(),
        letters::verification(Language::Id, evil, &format!("https://x.example/{evil}"))
            .html()
            .unwrap(),
    ] {
        assert!(!html.contains("<script"), "{html}");
        assert!(!html.contains("<img src=x"), "{html}");
        assert!(!html.contains("onerror='"), "{html}");
    }
    // Only the pictures of the codes are there, and no link but ours.
    let html = tickets(Language::Id, evil, 1, 1).html().unwrap();
    assert_eq!(html.matches("<img ").count(), 1);
    assert_eq!(
        html.matches("href=").count(),
        html.matches(&format!(r#"href="{LINK}""#)).count()
    );
}

#[test]
fn a_mail_of_many_tickets_says_where_the_others_are_and_is_not_cut_by_its_reader() {
    let letter = tickets(Language::En, "Java Jazz", MOST_TICKETS, 120);
    assert!(letter.text().contains("This mail holds 50 of 120 tickets."));
    // Gmail shows the first 102 KB of a mail.
    assert!(
        letter.html().unwrap().len() < 102_000,
        "{}",
        letter.html().unwrap().len()
    );
    assert!(
        !tickets(Language::En, "Java Jazz", 2, 2)
            .text()
            .contains("This mail holds")
    );
}
