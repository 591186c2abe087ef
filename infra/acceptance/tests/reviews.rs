//! Reviews on the running fleet: who was there, what waits for a moderator, and that the numbers are those of a recount while many
//! write at once.

use acceptance::{Buyer, Event, Fleet, Organizer, TicketTerms, eventually};
use serde_json::{Value, json};
use std::time::Duration;

struct Sale {
    fleet: Fleet,
    organizer: Organizer,
    event: Event,
    ticket: i64,
}

impl Sale {
    async fn new(name: &str) -> Self {
        let fleet = Fleet::running();
        let organizer = Organizer::demo(&fleet).await;
        let event = organizer.event(name).await;
        let terms = TicketTerms {
            price: 0,
            quantity: 100,
        };
        Self {
            ticket: event.sell(terms).await,
            fleet,
            organizer,
            event,
        }
    }

    async fn review(&self, buyer: &Buyer, rating: i64, comment: &str) -> Value {
        let body = json!({"ticketId": self.ticket, "rating": rating, "comment": comment});
        buyer.api.post("/reviews", &body).await.data(201)
    }

    /// The queue of the moderators, this event only.
    async fn queue(&self) -> Vec<Value> {
        let data = self
            .organizer
            .api
            .get("/reviews/moderation?limit=100")
            .await
            .data(200);
        let reviews = data["reviews"].as_array().unwrap().clone();
        let own = reviews
            .into_iter()
            .filter(|review| review["ticket"]["id"] == self.ticket);
        own.collect()
    }

    async fn numbers(&self) -> Value {
        let path = format!("/reviews/event/{}/analytics", self.event.id);
        // What strangers see may be half a minute old; who is logged in sees it as it is.
        self.organizer.api.get(&path).await.data(200)
    }
}

#[tokio::test]
async fn whoever_has_a_ticket_is_marked_as_an_attendee() {
    let sale = Sale::new("Attended").await;
    let (guest, holder) = (
        Buyer::register(&sale.fleet).await,
        Buyer::register(&sale.fleet).await,
    );
    let order = holder.order(sale.ticket, 1).await;
    let body = json!({"orderId": order});
    holder.api.post("/payments/initialize", &body).await.data(201);
    eventually("the ticket is issued", Duration::from_secs(60), async || {
        (holder.tickets().await.len() == 1).then_some(())
    })
    .await;
    assert_eq!(sale.review(&holder, 5, "Great show").await["verified"], true);
    assert_eq!(
        sale.review(&guest, 2, "I only heard of it").await["verified"],
        false
    );
    let again = json!({"ticketId": sale.ticket, "rating": 1, "comment": "Once more"});
    assert_eq!(
        holder.api.post("/reviews", &again).await.error(409),
        "already_reviewed"
    );
}

#[tokio::test]
async fn blocked_words_and_links_wait_for_the_organizer() {
    let sale = Sale::new("Moderated").await;
    let (rude, fine) = (
        Buyer::register(&sale.fleet).await,
        Buyer::register(&sale.fleet).await,
    );
    let held = sale.review(&rude, 1, "B4ngsat, cek kaos.example.com").await;
    assert_eq!(held["status"], "held");
    let shown = sale.review(&fine, 4, "Mantap").await;
    assert_eq!(shown["status"], "shown");
    assert_eq!(sale.numbers().await["count"], 1);
    let queue = sale.queue().await;
    assert_eq!((queue.len(), &queue[0]["id"]), (1, &held["id"]));
    // Others do not see it, and another organizer's queue is not this one's.
    let id = &held["id"];
    assert_eq!(fine.api.get(&format!("/reviews/{id}")).await.status, 404);
    assert_eq!(fine.api.get("/reviews/moderation").await.status, 403);

    let approve = format!("/reviews/{id}/approve");
    assert_eq!(fine.api.post(&approve, &json!({})).await.status, 403);
    sale.organizer.api.post(&approve, &json!({})).await.data(200);
    assert!(sale.queue().await.is_empty());
    assert_eq!(sale.numbers().await["count"], 2);

    let report = format!("/reviews/{}/reports", shown["id"]);
    rude.api
        .post(&report, &json!({"reason": "not true"}))
        .await
        .data(200);
    assert_eq!(sale.queue().await.len(), 1);
    let hide = format!("/reviews/{}/hide", shown["id"]);
    let reason = json!({"reason": "off topic"});
    sale.organizer.api.post(&hide, &reason).await.data(200);
    assert_eq!(sale.numbers().await["count"], 1);
    let told = fine.api.get("/notifications").await.data(200);
    let told = told["notifications"][0]["message"].as_str().unwrap().to_owned();
    assert!(told.ends_with("disembunyikan: off topic"), "{told}");
}

#[tokio::test]
async fn the_numbers_are_those_of_a_recount_while_many_write_at_once() {
    const WRITERS: usize = 24;
    let sale = Sale::new("Counted").await;
    let buyers = Buyer::crowd(&sale.fleet, WRITERS).await;
    let write = async |(place, buyer): (usize, &Buyer)| {
        let stars = i64::try_from(place).unwrap() % 5 + 1;
        let review = sale.review(buyer, stars, "So it was").await;
        let path = format!("/reviews/{}", review["id"]);
        match place % 3 {
            0 => drop(buyer.api.patch(&path, &json!({"rating": 5})).await.data(200)),
            1 => drop(buyer.api.delete(&path).await.data(200)),
            _ => {
                let hidden = buyer
                    .api
                    .patch(&path, &json!({"comment": "see www.kaos.com"}))
                    .await;
                hidden.data(200);
            }
        }
    };
    futures_util::future::join_all(buyers.iter().enumerate().map(write)).await;
    let recount = "
        select jsonb_build_object('count', count(*), 'mean', round(avg(rating), 2))::text from reviews
        where ticket_type_id = $1 and status = 'shown'";
    let recount = sale.fleet.database().await.text(recount, &[&sale.ticket]).await;
    let recount: Value = serde_json::from_str(&recount.unwrap()).unwrap();
    let numbers = sale.numbers().await;
    assert_eq!(numbers["count"], recount["count"], "{numbers} {recount}");
    assert_eq!(numbers["count"], WRITERS / 3);
    assert_eq!(
        numbers["mean"].as_f64(),
        recount["mean"].as_f64(),
        "{numbers} {recount}"
    );
    let drifted = "
        select count(*) from (
            select rating, count(*) as there from reviews where ticket_type_id = $1 and status = 'shown' group by 1) r
        full join (select rating, sum(count) as there from review_counts where ticket_type_id = $1 and count > 0 group by 1) c
            using (rating)
        where r.there is distinct from c.there";
    assert_eq!(
        sale.fleet.database().await.number(drifted, &[&sale.ticket]).await,
        0
    );
}
