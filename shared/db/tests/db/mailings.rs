//! Promotional mails: who is in an audience, what each hears at most, and that workers in each other's way decide once.

use crate::support::at;
use db::mail_log;
use db::mailing_recipients::{self, Turn};
use db::mailings::{self, Content};
use domain::mailing::{ANNOUNCED_SECONDS, ANNOUNCEMENTS, Audience, MailingStatus, Messages, Progress, Skip};
use domain::message::Outgoing;
use domain::user::Role;
use domain::{EventId, MailingId, UserId};
use futures_util::future::join_all;
use testkit::{Rows, TestDb, start};

const WEEK: i64 = 7 * 24 * 3_600;

struct Setup {
    db: TestDb,
    organizer: UserId,
    event: EventId,
}

/// An organizer with a published event, and so many verified people who want promotional mails and have a ticket of it.
async fn setup(crowd: u32) -> Setup {
    let db = TestDb::new().await;
    let rows = Rows(&db);
    let organizer = rows.user("organizer@example.test", Role::Organizer).await;
    let category = rows.category("Concert").await;
    let event = rows.event(organizer, "Java Jazz").await;
    let ticket = rows.ticket_type(organizer, event, category, 50_000, 100).await;
    let first = rows.buyer("first@example.test").await;
    rows.bought(first, ticket, 1).await;
    db.run("delete from issued_tickets").await;
    // Few enough at a time for the time-out of a statement.
    for part in (0..crowd).step_by(5_000) {
        let last = crowd.min(part + 5_000);
        db.run(&format!(
            "insert into users (email, password_hash, name, age, phone_number, role, is_verified, created_at, updated_at)
             select 'crowd-' || n || '@example.test', '!', 'Crowd', 30, '0812', 'user', true, now(), now()
             from generate_series({part} + 1, {last}) n"
        ))
        .await;
        let new = "from users u where u.email like 'crowd-%' and not exists (select from preferences p where p.user_id = u.id)";
        // The type and the event are looked up for each ticket; the locks of so many on one row would take their time.
        db.run(&format!(
            "set session_replication_role = replica;
             insert into issued_tickets (code, order_item_id, unit, ticket_type_id, event_id, holder_id, holder_name, issued_at)
             select md5(u.id::text), (select min(id) from order_items), u.id, {ticket}, {event}, u.id, u.name, now() {new};
             insert into preferences (user_id, mail_promotions, updated_at) select u.id, true, now() {new}"
        ))
        .await;
    }
    db.run("analyze users, preferences, issued_tickets").await;
    Setup { db, organizer, event }
}

impl Setup {
    /// A mailing of the organizer that is being sent.
    async fn mailing(&self, audience: Audience) -> MailingId {
        self.mailing_of(Some(self.organizer), audience).await
    }

    async fn mailing_of(&self, organizer: Option<UserId>, audience: Audience) -> MailingId {
        let messages: Messages =
            serde_json::from_str(r#"{"id":{"subject":"Halo","text":"Datanglah."}}"#).unwrap();
        let content = Content {
            audience,
            past_event: None,
            event: Some(self.event),
            promo: None,
            messages,
        };
        let mut client = self.db.client().await;
        let tx = client.transaction().await.unwrap();
        let id = mailings::insert(&tx, organizer, &content, start()).await.unwrap();
        let (status, at) = (MailingStatus::Scheduled, Some(start()));
        mailings::set_status(&tx, id, status, at, start()).await.unwrap();
        tx.commit().await.unwrap();
        mailing_recipients::start(&client, start()).await.unwrap();
        id
    }

    /// Writes the audience down in parts of so many, and says how many parts had somebody.
    async fn select(&self, mailing: MailingId, limit: u32) -> usize {
        let mut client = self.db.client().await;
        let mut parts = 0;
        loop {
            let tx = client.transaction().await.unwrap();
            let people = mailing_recipients::select_next(&tx, mailing, limit, start())
                .await
                .unwrap();
            tx.commit().await.unwrap();
            assert!(people <= limit as usize);
            if people == 0 {
                return parts;
            }
            parts += 1;
        }
    }

    async fn begin(&self, mailing: MailingId, user: UserId, seconds: i64) -> Turn {
        let mut client = self.db.client().await;
        let tx = client.transaction().await.unwrap();
        let turn = mailing_recipients::begin(&tx, mailing, user, at(seconds))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        turn
    }

    async fn progress(&self, mailing: MailingId) -> Progress {
        let client = self.db.client().await;
        let mailing = mailings::find(&client, mailing, self.organizer, true).await;
        mailings::progress(&client, &mailing.unwrap().unwrap())
            .await
            .unwrap()
    }

    async fn crowd(&self) -> Vec<UserId> {
        let client = self.db.client().await;
        let sql = "select id from users where email like 'crowd-%' order by id";
        let rows = client.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| UserId::new(row.get(0))).collect()
    }

    async fn state(&self, mailing: MailingId, user: UserId) -> String {
        let sql = format!(
            "select state || coalesce(' ' || reason, '') from mailing_recipients
             where mailing_id = {mailing} and user_id = {user}"
        );
        self.db.text(&sql).await
    }
}

fn goes(turn: &Turn) -> bool {
    matches!(turn, Turn::Go(_))
}

#[tokio::test]
async fn an_audience_is_written_down_once_with_the_reason_of_those_who_get_nothing() {
    let t = setup(7).await;
    let crowd = t.crowd().await;
    t.db.run(&format!(
        "update users set is_verified = false where id = {};
         update preferences set mail_promotions = false where user_id = {};
         delete from preferences where user_id = {};
         insert into mail_suppressions (address_hash, bounced_at, complained_at)
             select sha256(convert_to(email, 'UTF8')), case when id = {} then now() end, case when id = {} then now() end
             from users where id in ({}, {});
         update issued_tickets set status = 'void', voided_at = now() where holder_id = {}",
        crowd[0], crowd[1], crowd[2], crowd[3], crowd[4], crowd[3], crowd[4], crowd[5]
    ))
    .await;
    let mailing = t.mailing(Audience::PastBuyers).await;
    let client = t.db.client().await;
    let found = mailings::find(&client, mailing, t.organizer, false).await;
    let counted = mailings::count_audience(&client, &found.unwrap().unwrap())
        .await
        .unwrap();
    assert_eq!(t.select(mailing, 2).await, 3);
    let progress = t.progress(mailing).await;
    let skipped = vec![
        (Skip::Unverified, 1),
        (Skip::Unwanted, 2),
        (Skip::Bounced, 1),
        (Skip::Complained, 1),
    ];
    let wanted = Progress {
        recipients: 6,
        waiting: 1,
        sent: 0,
        skipped,
    };
    assert_eq!(progress, wanted);
    assert_eq!(counted, wanted, "and they were counted in the same way before");
    assert_eq!(t.select(mailing, 2).await, 0, "nobody is looked at twice");
    // Whoever was not written to because of what they wanted is not written to when they want it later.
    assert!(!goes(&t.begin(mailing, crowd[1], 0).await));
    assert!(goes(&t.begin(mailing, crowd[6], 0).await));
}

#[tokio::test]
async fn audiences_are_those_of_the_organizer_the_event_the_categories_or_all() {
    let t = setup(3).await;
    let rows = Rows(&t.db);
    let other = rows.user("other@example.test", Role::Organizer).await;
    let category = rows.category("Theatre").await;
    let elsewhere = rows.event(other, "Elsewhere").await;
    let ticket = rows.ticket_type(other, elsewhere, category, 0, 10).await;
    let stranger = rows.buyer("stranger@example.test").await;
    rows.bought(stranger, ticket, 2).await;
    t.db.run(&format!(
        "insert into preferences (user_id, mail_promotions, updated_at) values ({stranger}, true, now());
         insert into followed_categories (user_id, category_id, created_at)
             select {stranger}, id, now() from categories where name = 'Concert'"
    ))
    .await;
    let people = async |mailing: MailingId| {
        t.select(mailing, 2).await;
        t.progress(mailing).await.waiting
    };
    assert_eq!(people(t.mailing(Audience::PastBuyers).await).await, 3);
    assert_eq!(people(t.mailing(Audience::Followers).await).await, 1);
    assert_eq!(
        people(t.mailing_of(Some(other), Audience::PastBuyers).await).await,
        1
    );
    assert_eq!(people(t.mailing_of(None, Audience::PastBuyers).await).await, 4);
    assert_eq!(people(t.mailing_of(None, Audience::Everybody).await).await, 4);
    let of_one = t.mailing_of(None, Audience::PastBuyers).await;
    t.db.run(&format!(
        "update mailings set past_event_id = {elsewhere} where id = {of_one}"
    ))
    .await;
    assert_eq!(people(of_one).await, 1);
}

#[tokio::test]
async fn two_workers_at_the_same_audience_write_everybody_down_once() {
    let t = setup(400).await;
    let mailing = t.mailing(Audience::PastBuyers).await;
    join_all((0..4).map(|_| t.select(mailing, 50))).await;
    t.select(mailing, 50).await;
    assert_eq!(t.progress(mailing).await.waiting, 400);
}

#[tokio::test]
async fn what_is_wanted_is_asked_again_when_it_is_their_turn() {
    let t = setup(8).await;
    let crowd = t.crowd().await;
    let mailing = t.mailing(Audience::PastBuyers).await;
    t.select(mailing, 100).await;
    t.db.run(&format!(
        "update preferences set mail_promotions = false where user_id = {};
         update users set is_verified = false where id = {};
         insert into mail_suppressions (address_hash, complained_at)
             select sha256(convert_to(email, 'UTF8')), now() from users where id = {};
         delete from mailing_recipients where user_id = {}",
        crowd[0], crowd[1], crowd[2], crowd[3]
    ))
    .await;
    for (user, state) in [
        (crowd[0], "skipped unwanted"),
        (crowd[1], "skipped unverified"),
        (crowd[2], "skipped complained"),
        (crowd[4], "sending"),
    ] {
        let turn = t.begin(mailing, user, 0).await;
        assert_eq!(
            (goes(&turn), t.state(mailing, user).await),
            (state == "sending", state.to_owned())
        );
    }
    assert!(!goes(&t.begin(mailing, crowd[3], 0).await), "an erased account");
    assert!(goes(&t.begin(mailing, crowd[4], 1).await), "its worker died");

    t.db.run("update mailings set status = 'paused'").await;
    assert!(matches!(t.begin(mailing, crowd[5], 0).await, Turn::Hold));
    assert_eq!(t.state(mailing, crowd[5]).await, "waiting");
    t.db.run("update mailings set status = 'sending'").await;
    for (change, back) in [
        (
            "update events set status = 'cancelled'",
            "update events set status = 'published'",
        ),
        (
            "update users set role = 'user' where role = 'organizer'",
            "update users set role = 'organizer' where email like 'org%'",
        ),
    ] {
        t.db.run(change).await;
        let user = if change.contains("events") {
            crowd[5]
        } else {
            crowd[6]
        };
        assert!(!goes(&t.begin(mailing, user, 0).await));
        assert_eq!(t.state(mailing, user).await, "skipped offer_over");
        t.db.run(back).await;
    }
    t.db.run("update mailings set status = 'cancelled', finished_at = now()")
        .await;
    assert!(!goes(&t.begin(mailing, crowd[7], 0).await));
    let progress = t.progress(mailing).await;
    assert!(progress.skipped.contains(&(Skip::Cancelled, 2)), "{progress:?}");
    assert_eq!(progress.waiting, 0);
}

#[tokio::test]
async fn nobody_gets_more_than_two_of_a_sender_and_five_of_all_in_a_week_whoever_sends_at_once() {
    let t = setup(1).await;
    let reader = t.crowd().await[0];
    let mut own = Vec::new();
    for _ in 0..6 {
        own.push(t.mailing(Audience::PastBuyers).await);
    }
    let mut platform = Vec::new();
    for _ in 0..2 {
        platform.push(t.mailing_of(None, Audience::Everybody).await);
    }
    let rows = Rows(&t.db);
    let mut others = Vec::new();
    for number in 0..3 {
        let organizer = rows
            .user(&format!("organizer-{number}@example.test"), Role::Organizer)
            .await;
        let mailing = t.mailing_of(None, Audience::PastBuyers).await;
        t.db.run(&format!(
            "update mailings set organizer_id = {organizer} where id = {mailing}"
        ))
        .await;
        others.push(mailing);
    }
    for mailing in own.iter().chain(&platform).chain(&others) {
        t.db.run(&format!(
            "insert into mailing_recipients (mailing_id, user_id, state) values ({mailing}, {reader}, 'waiting')"
        ))
        .await;
    }
    let turns = join_all(own[..5].iter().map(|mailing| t.begin(*mailing, reader, 0))).await;
    assert_eq!(
        turns.iter().filter(|turn| goes(turn)).count(),
        2,
        "at the same time"
    );
    let turns = join_all(
        platform
            .iter()
            .chain(&others)
            .map(|mailing| t.begin(*mailing, reader, 1)),
    )
    .await;
    assert_eq!(turns.iter().filter(|turn| goes(turn)).count(), 3, "five of all");
    assert!(goes(&t.begin(own[5], reader, WEEK + 2).await), "a week later");
}

#[tokio::test]
async fn whoever_unsubscribes_while_mails_begin_is_not_begun_with_afterwards() {
    let t = setup(60).await;
    let mailing = t.mailing(Audience::PastBuyers).await;
    t.select(mailing, 100).await;
    let races = t.crowd().await.into_iter().map(|user| {
        let t = &t;
        async move {
            let client = t.db.client().await;
            let (turn, ()) = tokio::join!(t.begin(mailing, user, 0), async {
                db::preferences::unsubscribe(&client, user, start())
                    .await
                    .unwrap();
            });
            // Once the answer is there, nothing begins any more.
            (goes(&turn), goes(&t.begin(mailing, user, 1).await))
        }
    });
    let races = join_all(races).await;
    assert!(races.iter().all(|(_, afterwards)| !afterwards));
    println!(
        "{} of 60 were faster than their click",
        races.iter().filter(|(first, _)| *first).count()
    );
}

#[tokio::test]
async fn what_the_log_says_of_a_mail_stands_with_its_recipient() {
    let t = setup(3).await;
    let (crowd, client) = (t.crowd().await, t.db.client().await);
    let mailing = t.mailing(Audience::PastBuyers).await;
    t.select(mailing, 100).await;
    for (user, end) in crowd.iter().zip(["sent", "refused", "nothing"]) {
        let id = Outgoing::promotion(mailing, *user).unwrap().id;
        assert!(goes(&t.begin(mailing, *user, 0).await));
        mail_log::claim(&client, &id, "promotion", at(20), at(0))
            .await
            .unwrap();
        match end {
            "sent" => mail_log::mark_sent(&client, &id, "ses", at(1)).await.unwrap(),
            "refused" => mail_log::drop_for_good(&client, &id, "no", at(1)).await.unwrap(),
            _ => {}
        }
        mailing_recipients::settle(&client, &id, mailing, *user)
            .await
            .unwrap();
    }
    let states = [
        t.state(mailing, crowd[0]).await,
        t.state(mailing, crowd[1]).await,
        t.state(mailing, crowd[2]).await,
    ];
    assert_eq!(states, ["sent", "skipped refused", "sending"]);
    assert_eq!(mailing_recipients::finish(&client, at(2)).await.unwrap(), 0);
    t.db.run("update mailing_recipients set state = 'sent' where state = 'sending'")
        .await;
    assert_eq!(mailing_recipients::finish(&client, at(2)).await.unwrap(), 1);
}

#[tokio::test]
async fn a_mail_nobody_decides_about_is_announced_again_and_given_up_at_last() {
    let t = setup(5).await;
    let client = t.db.client().await;
    let mailing = t.mailing(Audience::PastBuyers).await;
    t.select(mailing, 100).await;
    let announce = async |limit, seconds| {
        mailing_recipients::announce(&client, mailing, limit, at(seconds))
            .await
            .unwrap()
    };
    assert_eq!(announce(3, 0).await.len(), 3);
    assert_eq!(announce(3, 0).await.len(), 2);
    assert_eq!(announce(3, ANNOUNCED_SECONDS - 1).await.len(), 0);
    assert_eq!(mailing_recipients::on_their_way(&client, at(1)).await.unwrap(), 5);
    let crowd = t.crowd().await;
    mailing_recipients::withdraw(&client, mailing, &crowd[..1])
        .await
        .unwrap();
    assert_eq!(announce(3, 1).await, crowd[..1], "the queue did not take it");
    for round in 1..i64::from(ANNOUNCEMENTS) {
        assert_eq!(announce(9, round * (ANNOUNCED_SECONDS + 1)).await.len(), 5);
    }
    let end = i64::from(ANNOUNCEMENTS) * (ANNOUNCED_SECONDS + 1);
    assert_eq!(announce(9, end).await.len(), 0);
    assert_eq!(t.progress(mailing).await.skipped, [(Skip::Failed, 5)]);
}

#[tokio::test]
async fn workers_that_announce_at_once_announce_everybody_once() {
    let t = setup(300).await;
    let mailing = t.mailing(Audience::PastBuyers).await;
    t.select(mailing, 500).await;
    let announced = join_all((0..6).map(|_| async {
        let client = t.db.client().await;
        let mut all = Vec::new();
        loop {
            let some = mailing_recipients::announce(&client, mailing, 20, start())
                .await
                .unwrap();
            if some.is_empty() {
                return all;
            }
            all.extend(some);
        }
    }))
    .await;
    let mut announced = announced.concat();
    announced.sort_unstable();
    assert_eq!(announced, t.crowd().await);
}

/// `GIGGLEFEST_CROWD` says how many there are.
#[tokio::test]
async fn a_crowd_is_worked_off_in_parts() {
    let size: u32 = std::env::var("GIGGLEFEST_CROWD").map_or(10_000, |size| size.parse().unwrap());
    let t = setup(size).await;
    let mailing = t.mailing(Audience::PastBuyers).await;
    let client = t.db.client().await;
    let found = mailings::find(&client, mailing, t.organizer, false).await;
    let began = std::time::Instant::now();
    let counted = mailings::count_audience(&client, &found.unwrap().unwrap())
        .await
        .unwrap();
    assert_eq!(counted.waiting, u64::from(size));
    println!("counted in {:?}", began.elapsed());
    let began = std::time::Instant::now();
    assert_eq!(t.select(mailing, 500).await, size.div_ceil(500) as usize);
    println!("written down in parts in {:?}", began.elapsed());
    let began = std::time::Instant::now();
    let mut announced = 0;
    loop {
        let part = mailing_recipients::announce(&client, mailing, 500, start())
            .await
            .unwrap();
        assert!(part.len() <= 500);
        if part.is_empty() {
            break;
        }
        announced += part.len();
    }
    println!("announced in parts in {:?}", began.elapsed());
    assert_eq!(announced, size as usize);
    let began = std::time::Instant::now();
    assert_eq!(t.progress(mailing).await.waiting, u64::from(size));
    println!("progress in {:?}", began.elapsed());
    // The way of the last is no longer than that of the first.
    let crowd = t.crowd().await;
    let began = std::time::Instant::now();
    for user in crowd.iter().rev().take(100) {
        assert!(goes(&t.begin(mailing, *user, 0).await));
    }
    println!(
        "one begins in {:?}, its connection included",
        began.elapsed() / 100
    );
}
