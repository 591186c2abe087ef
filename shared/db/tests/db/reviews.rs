//! Reviews are counted as often as they are shown, however many write at the same moment.

use crate::support::{Dice, connections, race};
use db::reviews::{self, Wish};
use domain::review::{HideReason, Rating, ReviewStatus};
use domain::user::Role;
use domain::{ReviewId, TicketTypeId, UserId};
use testkit::{Rows, TestDb, start};
use tokio_postgres::Client;

/// Rows that are different between the counters and a recount.
const DIFFERENCE: &str = "
    select count(*) from (
        select ticket_type_id, (created_at at time zone 'UTC')::date as day, rating, count(*) as count
        from reviews where status = 'shown' group by 1, 2, 3
    ) r full join (select * from review_counts where count > 0) c using (ticket_type_id, day, rating)
    where r.count is distinct from c.count";

/// What a writer does next with one review, in a transaction of its own.
async fn step(client: &mut Client, id: ReviewId, author: UserId, admin: UserId, dice: &mut Dice) {
    let rating = Rating::new(1 + i32::try_from(dice.below(5)).unwrap()).unwrap();
    let tx = client.transaction().await.unwrap();
    match dice.below(4) {
        0 => {
            let review = reviews::lock_to_moderate(&tx, id, admin, true)
                .await
                .unwrap()
                .unwrap();
            reviews::approve(&tx, &review).await.unwrap();
        }
        1 => {
            let review = reviews::lock_to_moderate(&tx, id, admin, true)
                .await
                .unwrap()
                .unwrap();
            let reason = HideReason::parse("off topic").unwrap();
            reviews::hide(&tx, &review, &reason).await.unwrap();
        }
        _ => {
            reviews::lock_author(&tx, author).await.unwrap().unwrap();
            let review = reviews::lock_own(&tx, id, author).await.unwrap().unwrap();
            let wish = Wish {
                rating,
                comment: "changed",
                status: review.status,
                reason: (review.status != ReviewStatus::Shown).then(|| "off topic".to_owned()),
            };
            reviews::update(&tx, &review, &wish, start()).await.unwrap();
        }
    }
    tx.commit().await.unwrap();
}

/// So many reviews of one kind of ticket, each by an author of its own.
async fn written(
    client: &mut Client,
    rows: &Rows<'_>,
    ticket: TicketTypeId,
    how_many: usize,
) -> Vec<(ReviewId, UserId)> {
    let mut written = Vec::new();
    for number in 0..how_many {
        let author = rows.buyer(&format!("author{number}@example.test")).await;
        let tx = client.transaction().await.unwrap();
        reviews::lock_author(&tx, author).await.unwrap().unwrap();
        let wish = Wish {
            rating: Rating::new(5).unwrap(),
            comment: "great",
            status: ReviewStatus::Shown,
            reason: None,
        };
        let answer = reviews::insert(&tx, author, ticket, &wish, start())
            .await
            .unwrap();
        let reviews::Written::Review(id) = answer else {
            panic!("the first review of its author");
        };
        tx.commit().await.unwrap();
        written.push((id, author));
    }
    written
}

#[tokio::test]
async fn authors_who_move_stars_in_opposite_directions_do_not_block_each_other() {
    let db = TestDb::new().await;
    let rows = Rows(&db);
    let ticket = rows.on_sale(50_000, 10).await;
    let mut client = db.client().await;
    let written = written(&mut client, &rows, ticket, 16).await;
    let mut clients = connections(&db, 16).await;
    race(&mut clients, async |number, client| {
        let (id, author) = written[number];
        for turn in 0..40 {
            let stars = if (turn + number) % 2 == 0 { 1 } else { 5 };
            let tx = client.transaction().await.unwrap();
            reviews::lock_author(&tx, author).await.unwrap().unwrap();
            let review = reviews::lock_own(&tx, id, author).await.unwrap().unwrap();
            let wish = Wish {
                rating: Rating::new(stars).unwrap(),
                comment: "great",
                status: ReviewStatus::Shown,
                reason: None,
            };
            reviews::update(&tx, &review, &wish, start()).await.unwrap();
            tx.commit().await.unwrap();
        }
    })
    .await;
    assert_eq!(db.count(DIFFERENCE).await, 0);
}

#[tokio::test]
async fn counters_equal_a_recount_after_writers_raced() {
    let db = TestDb::new().await;
    let rows = Rows(&db);
    let ticket = rows.on_sale(50_000, 10).await;
    let admin = rows.user("admin@example.test", Role::Admin).await;
    let mut client = db.client().await;
    let written = written(&mut client, &rows, ticket, 6).await;
    let mut clients = connections(&db, 16).await;
    let written = &written;
    race(&mut clients, async |number, client| {
        let mut dice = Dice::new(number);
        for _ in 0..40 {
            let (id, author) = written[usize::try_from(dice.below(6)).unwrap()];
            step(client, id, author, admin, &mut dice).await;
        }
    })
    .await;
    assert_eq!(db.count(DIFFERENCE).await, 0);
    let shown = db
        .count("select count(*) from reviews where status = 'shown'")
        .await;
    let counted = "select coalesce(sum(count), 0) from review_counts";
    assert_eq!(db.count(counted).await, shown);
    // Whoever is erased is counted no more.
    for (_, author) in written {
        let tx = client.transaction().await.unwrap();
        let erased = db::personal_data::erase_own(&tx, *author, "not a hash", start())
            .await
            .unwrap();
        assert_eq!(erased, db::personal_data::Erased::Done);
        tx.commit().await.unwrap();
        assert_eq!(db.count(DIFFERENCE).await, 0);
    }
    assert_eq!(db.count(counted).await, 0);
}
