//! Tickets that go from one person to another.

use super::*;

/// Has the first ticket of the order accepted by `budi@example.test`, under another code.
async fn pass_on(fixture: &Fixture) {
    let budi = Rows(&fixture.db).buyer("budi@example.test").await;
    fixture
        .db
        .run(&format!(
            "insert into handovers (ticket_id, from_id, to_email, to_id, status, created_at, expires_at, decided_at)
                 select 1, user_id, 'budi@example.test', {budi}, 'accepted', now(), now(), now() from orders;
             insert into retired_codes select code, id, event_id, holder_id, 'transferred', 1, now() from issued_tickets where id = 1;
             update issued_tickets set holder_id = {budi}, holder_name = 'Budi Santoso', code = repeat('b', 32) where id = 1"
        ))
        .await;
}

#[tokio::test(flavor = "current_thread")]
async fn whoever_is_offered_a_ticket_gets_a_link_while_it_is_offered() {
    let fixture = Fixture::new().await;
    fixture.pay().await;
    fixture
        .db
        .run(
            "insert into handovers (ticket_id, from_id, to_email, token_hash, created_at, expires_at)
             select 1, user_id, 'budi@example.test', '\\x00', now(), '2030-01-04T12:00:00Z' from orders",
        )
        .await;
    assert!(fixture.deliver("ticket_offered").await);
    let mail = fixture.only_mail();
    assert_eq!(mail.to, "budi@example.test");
    let mail = parse(&mail);
    assert_eq!(mail.subject(), Some("A ticket for you: Java Jazz"));
    let text = mail.body_text(0).unwrap().into_owned();
    let link = format!(
        "https://web.example.test/tickets/transfers/{}",
        "00112233445566778899aabbccddeeff".repeat(2)
    );
    for fact in [
        "ayu would like to give you a ticket for Java Jazz.",
        "Ticket: Festival",
        "Accept before: Friday, 4 January 2030 at 19:00 WIB",
        &link,
    ] {
        assert!(text.contains(fact), "{fact} in {text}");
    }
    assert_eq!(mail.attachment_count(), 0, "the ticket is not theirs yet");
}

#[tokio::test(flavor = "current_thread")]
async fn an_offer_that_is_over_is_not_mailed() {
    let fixture = Fixture::new().await;
    fixture.pay().await;
    fixture
        .db
        .run(
            "insert into handovers (ticket_id, from_id, to_email, status, created_at, expires_at, decided_at)
             select 1, user_id, 'budi@example.test', 'withdrawn', now(), '2030-01-04T12:00:00Z', now() from orders",
        )
        .await;
    assert!(fixture.deliver("ticket_offered").await);
    assert!(fixture.mails().is_empty());
    let reason = "select reason from mail_log where kind = 'ticket_offered'";
    assert_eq!(
        fixture.db.text(reason).await,
        "the ticket is not offered any more"
    );
}

#[tokio::test(flavor = "current_thread")]
async fn a_ticket_that_was_passed_on_goes_to_its_new_holder_and_to_nobody_else() {
    let fixture = Fixture::new().await;
    fixture.pay().await;
    pass_on(&fixture).await;
    assert!(fixture.deliver("ticket_received").await);
    let mail = fixture.only_mail();
    assert_eq!(mail.to, "budi@example.test");
    let message = parse(&mail);
    assert_eq!(message.subject(), Some("Your ticket for Java Jazz"));
    let files: Vec<_> = message
        .parts
        .iter()
        .filter_map(|part| part.attachment_name())
        .collect();
    assert_eq!(files, ["ticket-1.png", "tickets.pdf", "event-1.ics"]);
    let codes = |message: &Message<'_>| -> Vec<String> {
        let shown = message.parts.iter().filter(|part| part.content_id().is_some());
        let code = |png: &[u8]| fixture.app.keys.verify(&scan(png)).unwrap().code.to_string();
        shown.map(|part| code(part.contents())).collect()
    };
    assert_eq!(codes(&message), ["b".repeat(32)]);
    assert!(message.body_text(0).unwrap().contains("Holder: Budi Santoso"));
    // The buyer's mail may come later, and does not show what is somebody else's by then.
    assert!(fixture.deliver("tickets").await);
    let mail = fixture.only_mail();
    assert_eq!(mail.to, "ayu@example.test");
    let message = parse(&mail);
    assert_eq!(codes(&message), [format!("{:032x}", 2), format!("{:032x}", 3)]);
    assert!(!message.body_text(0).unwrap().contains("Budi"));
}

#[tokio::test(flavor = "current_thread")]
async fn a_new_code_goes_to_whoever_holds_the_ticket_by_then() {
    let fixture = Fixture::new().await;
    fixture.pay().await;
    fixture
        .db
        .run("update issued_tickets set holder_id = 1, holder_name = 'Siti Rahayu' where id = 1")
        .await;
    assert!(fixture.deliver("ticket_renamed").await);
    let mail = fixture.only_mail();
    assert_eq!(mail.to, "organizer@example.test");
    let text = parse(&mail).body_text(0).unwrap().into_owned();
    assert!(text.contains("in the name of Siti Rahayu now"), "{text}");
    // Nobody gets a code that is not theirs any more, nor one of a ticket that is void.
    for change in ["holder_id = 2", "holder_id = 1, status = 'void'"] {
        fixture
            .db
            .run(&format!(
                "delete from mail_log; update issued_tickets set {change} where id = 1"
            ))
            .await;
        assert!(fixture.deliver("ticket_renamed").await);
        assert!(fixture.mails().is_empty(), "{change}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn whoever_got_a_ticket_is_told_that_it_was_taken_back() {
    let fixture = Fixture::new().await;
    fixture.pay().await;
    assert!(fixture.deliver("ticket_void").await);
    assert!(fixture.mails().is_empty(), "it is good");
    fixture
        .db
        .run("delete from mail_log; update issued_tickets set status = 'void' where id = 1")
        .await;
    assert!(fixture.deliver("ticket_void").await);
    let mail = fixture.only_mail();
    let mail = parse(&mail);
    assert_eq!(mail.subject(), Some("No longer valid: your ticket for Java Jazz"));
    let text = mail.body_text(0).unwrap().into_owned();
    assert!(text.contains("The money goes back to whoever paid for the ticket."));
}
