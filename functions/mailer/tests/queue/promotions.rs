//! Promotional mails.

use super::*;
use mail::MailError;

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
