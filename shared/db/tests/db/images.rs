//! Pictures: who may show which, and what happens at the same time.

use crate::support::at;
use db::images::{self, Image, Named, NewImage, Published};
use domain::image::{Format, Purpose, State};
use domain::user::Role;
use domain::{EventId, ImageId, UserId};
use testkit::{Rows, TestDb};
use tokio_postgres::Client;

struct Setup {
    db: TestDb,
    organizer: UserId,
    event: EventId,
}

impl Setup {
    async fn new() -> Self {
        let db = TestDb::new().await;
        let organizer = Rows(&db).user("organizer@example.test", Role::Organizer).await;
        let event = Rows(&db).event(organizer, "Java Jazz").await;
        Self { db, organizer, event }
    }

    async fn expected(&self, number: u32) -> ImageId {
        let new = NewImage {
            owner: self.organizer,
            purpose: Purpose::Event,
            key: &format!("{number:032x}"),
            format: Format::Png,
            bytes: 7,
            private: false,
        };
        let client = self.db.client().await;
        images::insert(&client, &new, at(0)).await.unwrap().unwrap()
    }

    /// Shows a picture on the event, in one transaction. Whether it was there to be shown.
    async fn show(&self, image: ImageId, seconds: i64) -> bool {
        let mut client = self.db.client().await;
        let tx = client.transaction().await.unwrap();
        let taken = images::take(&tx, image, self.organizer, false, Purpose::Event, at(seconds)).await;
        let Some(taken) = taken.unwrap() else { return false };
        images::show_on_event(&tx, self.event, taken, at(seconds))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        true
    }

    /// Publishes a claimed picture, in one transaction.
    async fn publish(&self, image: ImageId) -> bool {
        let mut client = self.db.client().await;
        let tx = client.transaction().await.unwrap();
        let published = Published {
            width: 30,
            height: 20,
            variants: &[10],
            file_id: "f",
            file_path: "/f.jpg",
            url: "https://images.example/f.jpg",
        };
        let was_waiting = images::publish(&tx, image, &published, at(50)).await.unwrap();
        tx.commit().await.unwrap();
        was_waiting
    }

    async fn claim(&self, image: ImageId, from: i64, until: i64) -> Option<Image> {
        let client = self.db.client().await;
        images::claim(&client, Named::Id(image), at(until), at(from))
            .await
            .unwrap()
    }

    async fn state(&self) -> State {
        State::parse(&self.db.text("select state from images").await).unwrap()
    }

    async fn discard(&self, client: &Client, seconds: i64) -> u64 {
        let before = at(seconds - images::KEEP_SECONDS);
        images::discard_idle(client, before, 100, at(seconds))
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn pictures_are_shown_by_their_owners_for_their_purpose() {
    let t = Setup::new().await;
    let image = t.expected(1).await;
    let other = Rows(&t.db).user("other@example.test", Role::Organizer).await;
    let mut client = t.db.client().await;
    let tx = client.transaction().await.unwrap();
    for (owner, any_owner, purpose, allowed) in [
        (t.organizer, false, Purpose::Event, true),
        (other, false, Purpose::Event, false),
        (other, true, Purpose::Event, true),
        (t.organizer, false, Purpose::Ticket, false),
    ] {
        let taken = images::take(&tx, image, owner, any_owner, purpose, at(1))
            .await
            .unwrap();
        assert_eq!(taken.is_some(), allowed, "{owner} {any_owner} {purpose:?}");
    }
    for (owner, any_owner, seen) in [
        (t.organizer, false, true),
        (other, false, false),
        (other, true, true),
    ] {
        let found = images::find_own(tx.client(), image, owner, any_owner)
            .await
            .unwrap();
        assert_eq!(found.is_some(), seen);
    }
}

#[tokio::test]
async fn a_picture_that_failed_is_not_shown() {
    let t = Setup::new().await;
    let image = t.expected(1).await;
    t.claim(image, 0, 90).await.unwrap();
    images::fail(&t.db.client().await, image, "image_broken", at(1))
        .await
        .unwrap();
    assert!(!t.show(image, 2).await);
    assert!(t.claim(image, 100, 190).await.is_none());
}

#[tokio::test]
async fn a_lease_keeps_others_away_until_it_ends() {
    let t = Setup::new().await;
    let image = t.expected(1).await;
    assert_eq!(t.claim(image, 0, 90).await.unwrap().attempts, 1);
    assert!(t.claim(image, 89, 180).await.is_none());
    assert_eq!(t.claim(image, 90, 180).await.unwrap().attempts, 2);
}

#[tokio::test]
async fn what_is_due_is_announced_once_per_time() {
    let t = Setup::new().await;
    let (stored, pending) = (t.expected(1).await, t.expected(2).await);
    let mut client = t.db.client().await;
    images::mark_stored(&client, stored, at(60), at(1)).await.unwrap();
    let mut due = async |seconds: i64| {
        let tx = client.transaction().await.unwrap();
        let due = images::due(&tx, 10, at(seconds + 300), at(seconds))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        due
    };
    assert_eq!(due(59).await, []);
    assert_eq!(due(60).await, [stored]);
    assert_eq!(due(61).await, []);
    assert_eq!(due(360).await, [stored]);
    t.claim(pending, 400, 490).await.unwrap();
    assert_eq!(due(489).await, [], "its worker still has time");
    assert_eq!(due(490).await, [pending]);
}

#[tokio::test]
async fn whoever_comes_first_the_event_shows_what_is_published() {
    for round in 0..40 {
        let t = Setup::new().await;
        let image = t.expected(round).await;
        t.claim(image, 0, 90).await.unwrap();
        let (published, shown) = tokio::join!(t.publish(image), t.show(image, 40));
        assert!(published && shown);
        assert_eq!(
            t.db.text("select coalesce(image_url, 'nothing') from events")
                .await,
            "https://images.example/f.jpg",
            "round {round}"
        );
    }
}

#[tokio::test]
async fn a_picture_is_published_once() {
    let t = Setup::new().await;
    let image = t.expected(1).await;
    assert!(!t.publish(image).await, "nobody claimed it");
    t.claim(image, 0, 90).await.unwrap();
    let (one, two) = tokio::join!(t.publish(image), t.publish(image));
    assert!(one ^ two);
    assert!(t.claim(image, 1_000, 1_090).await.is_none());
}

#[tokio::test]
async fn pictures_that_nothing_shows_are_discarded_after_a_day() {
    let t = Setup::new().await;
    let image = t.expected(1).await;
    let client = t.db.client().await;
    assert_eq!(t.discard(&client, images::KEEP_SECONDS).await, 0);
    assert!(t.show(image, 5).await);
    let late = images::KEEP_SECONDS + 10;
    assert_eq!(t.discard(&client, late).await, 0, "the event shows it");
    t.db.run("update events set image_id = null").await;
    assert_eq!(t.discard(&client, late).await, 1);
    assert_eq!(t.state().await, State::Discarded);
    assert!(!t.show(image, late).await);
    // There is work to do about it, and then it is gone.
    assert_eq!(
        t.claim(image, late, late + 90).await.unwrap().state,
        State::Discarded
    );
    images::forget(&client, image).await.unwrap();
    assert_eq!(t.db.count("select count(*) from images").await, 0);
}

#[tokio::test]
async fn showing_and_discarding_at_once_leave_no_event_with_a_discarded_picture() {
    let late = images::KEEP_SECONDS + 10;
    let (mut shown_first, mut discarded_first) = (0, 0);
    for round in 0..60 {
        let t = Setup::new().await;
        let image = t.expected(round).await;
        let client = t.db.client().await;
        // Both orders come up: sometimes one, sometimes the other is given a start.
        let (shown, discarded) = tokio::join!(
            async {
                tokio::time::sleep(std::time::Duration::from_micros(u64::from(round % 6) * 400)).await;
                t.show(image, late).await
            },
            async {
                tokio::time::sleep(std::time::Duration::from_micros(u64::from(5 - round % 6) * 600)).await;
                t.discard(&client, late).await
            }
        );
        assert_eq!(u64::from(shown) + discarded, 1, "round {round}");
        let bad =
            "select count(*) from events e join images i on i.id = e.image_id where i.state = 'discarded'";
        assert_eq!(t.db.count(bad).await, 0, "round {round}");
        if shown {
            shown_first += 1;
        } else {
            discarded_first += 1;
        }
    }
    println!("{shown_first} shown, {discarded_first} discarded");
}
