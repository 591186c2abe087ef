//! A sold out show and those who wait for it: who is first gets what comes back, is told, and has their time; nobody passes.

use acceptance::{Buyer, Database, Fleet, Organizer, Reply, TicketTerms, eventually};
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(90);

struct Show {
    fleet: Fleet,
    db: Database,
    organizer: Organizer,
    ticket: i64,
}

impl Show {
    /// Two tickets of a show, and a line for them once they are sold.
    async fn new() -> Self {
        let fleet = Fleet::running();
        let organizer = Organizer::demo(&fleet).await;
        let event = organizer.event("Sold out").await;
        let terms = TicketTerms {
            price: 75_000,
            quantity: 2,
        };
        let show = Self {
            db: fleet.database().await,
            ticket: event.sell(terms).await,
            organizer,
            fleet,
        };
        let path = format!("/tickets/{}/waiting-list", show.ticket);
        let on = json!({"mode": "in_order", "claimMinutes": 15});
        show.organizer.api.put(&path, &on).await.data(200);
        show
    }

    fn place(&self) -> String {
        format!("/cart/waiting-list/{}", self.ticket)
    }

    async fn join(&self, buyer: &Buyer, quantity: i64) -> Reply {
        buyer.api.put(&self.place(), &json!({"quantity": quantity})).await
    }

    /// Where somebody stands in this line.
    async fn stands(&self, buyer: &Buyer) -> Value {
        let lines = buyer.api.get("/cart/waiting-list").await.data(200);
        lines["entries"][0].clone()
    }

    async fn add(&self, buyer: &Buyer) -> Reply {
        let one = json!({"ticketId": self.ticket, "quantity": 1});
        buyer.api.post("/cart", &one).await
    }

    /// A paid order of one ticket. Returns its code.
    async fn paid(&self, buyer: &Buyer, order: &str) {
        self.fleet.midtrans().attempt(order, "gopay", "settlement").await;
        eventually(&format!("{order} is paid"), PATIENCE, async || {
            (self.db.order(order).await == "paid").then_some(())
        })
        .await;
        assert_eq!(buyer.tickets().await.len(), 1);
    }

    /// The minute of the schedule.
    async fn minute(&self) {
        self.fleet.invoke("janitor", &json!({})).await;
    }

    async fn until_offered(&self, buyer: &Buyer) -> Value {
        eventually(
            &format!("it is the turn of {}", buyer.email),
            PATIENCE,
            async || {
                self.minute().await;
                let stands = self.stands(buyer).await;
                (stands["status"] == "offered").then_some(stands)
            },
        )
        .await
    }
}

#[tokio::test]
async fn what_comes_back_goes_to_the_first_in_line_then_to_the_next() {
    let show = Show::new().await;
    let (ayu, budi) = (
        Buyer::register(&show.fleet).await,
        Buyer::register(&show.fleet).await,
    );
    assert_eq!(show.join(&budi, 1).await.error(409), "tickets_available");
    let order = ayu.order_to_pay(show.ticket, 1).await;
    show.paid(&ayu, &order).await;
    let unpaid = ayu.order_to_pay(show.ticket, 1).await;

    let (citra, dewi) = (
        Buyer::register(&show.fleet).await,
        Buyer::register(&show.fleet).await,
    );
    for (buyer, position) in [(&budi, 1), (&citra, 2), (&dewi, 3)] {
        assert_eq!(show.join(buyer, 1).await.data(200)["position"], position);
    }
    assert_eq!(
        show.join(&budi, 1).await.data(200)["position"],
        1,
        "again is the same"
    );
    let walk_in = Buyer::register(&show.fleet).await;
    let path = format!("/tickets/{}/waiting-list", show.ticket);
    let line = show.organizer.api.get(&path).await.data(200);
    assert_eq!(line["waiting"], json!({"people": 3, "tickets": 3}));

    // A refund: the ticket is free at once, and not for the walk-in.
    let sql = "select p.id from payments p join orders o on o.id = p.order_id where o.code = $1";
    let refunds = format!("/payments/{}/refunds", show.db.number(sql, &[&order]).await);
    show.organizer
        .api
        .post(&refunds, &json!({"reason": "Ill"}))
        .await
        .data(201);
    for buyer in [&walk_in, &dewi] {
        let refused = show.add(buyer).await;
        assert_eq!(refused.error(409), "sold_out");
    }
    let seen = show
        .fleet
        .stranger()
        .get(&format!("/tickets/{}", show.ticket))
        .await
        .data(200);
    assert_eq!(seen["quantity"], 0);

    // The first is told, finds it in the cart and buys it.
    let offer = show.until_offered(&budi).await;
    let mail = show.fleet.mail(&budi.email, "Giliran Anda").await;
    assert!(mail.text.contains("ada di keranjang Anda"), "{}", mail.text);
    let notices = budi.api.get("/notifications").await.data(200).to_string();
    assert!(notices.contains("Giliran Anda"), "{notices}");
    let cart = budi.api.get("/cart").await.data(200);
    assert_eq!(cart["items"][0]["reservedUntil"], offer["offeredUntil"]);
    let bought = budi.api.post("/cart/checkout", &json!({})).await.data(200);
    let bought = bought["orderId"].as_str().unwrap();
    budi.open_payment(bought).await;
    show.paid(&budi, bought).await;
    assert_eq!(show.stands(&budi).await["status"], "claimed");

    // What nobody pays goes to the second, who lets the time pass, and then to the third.
    assert_eq!(show.stands(&citra).await["position"], 1);
    show.db.let_expire(&unpaid).await;
    show.until_offered(&citra).await;
    assert_eq!(show.add(&walk_in).await.error(409), "sold_out");
    let late = "with late as (
                    update waiting_entries set offered_at = now() - interval '16 minutes', offered_until = now() - interval '1 minute'
                    where user_id = $1 and status = 'offered' returning user_id, ticket_type_id, offered_until),
                rows as (
                    update cart_items c set offered_until = l.offered_until, reserved_until = l.offered_until from late l
                    where c.user_id = l.user_id and c.ticket_type_id = l.ticket_type_id returning c.id, c.offered_until)
                update holds h set expires_at = r.offered_until from rows r where h.cart_item_id = r.id";
    assert_eq!(show.db.run(late, &[&citra.id]).await, 1);
    show.until_offered(&dewi).await;
    assert_eq!(show.stands(&citra).await["status"], "lapsed");
    let notices = citra.api.get("/notifications").await.data(200).to_string();
    assert!(notices.contains("sudah habis"), "{notices}");

    // The third does not want it any more, so it is for whoever comes.
    show.organizer.api.get(&path).await.data(200);
    dewi.api.delete(&show.place()).await.data(200);
    assert_eq!(dewi.api.delete(&show.place()).await.error(404), "not_found");
    show.add(&walk_in).await.data(201);
    let stock = show.db.stock(show.ticket).await;
    assert_eq!((stock.held, stock.sold), (1, 1));
}

#[tokio::test]
async fn a_crowd_waits_while_janitors_run_at_once_and_everybody_gets_their_turn_once() {
    let show = Show::new().await;
    let (owner, crowd) = (
        Buyer::register(&show.fleet).await,
        Buyer::crowd(&show.fleet, 12).await,
    );
    let item = json!({"ticketId": show.ticket, "quantity": 2});
    owner.api.post("/cart", &item).await.data(201);
    for buyer in &crowd {
        show.join(buyer, 1).await.data(200);
    }
    // More capacity, by the organizer: five more, while two of the crowd insist on buying past the line.
    let path = format!("/tickets/{}", show.ticket);
    let more = Reply::of(
        show.organizer
            .api
            .request("PATCH", &path)
            .json(&json!({"quantity": 5})),
    );
    more.await.data(200);
    let nothing = json!({});
    let janitors = (0..3).map(|_| show.fleet.invoke("janitor", &nothing));
    let walk_ins = crowd.iter().skip(10).map(|buyer| show.add(buyer));
    let (_, refused) = tokio::join!(
        futures_util::future::join_all(janitors),
        futures_util::future::join_all(walk_ins)
    );
    for reply in refused {
        assert_eq!(reply.error(409), "sold_out");
    }
    show.until_offered(&crowd[4]).await;
    for (number, buyer) in crowd.iter().enumerate() {
        let stands = show.stands(buyer).await;
        let expected = if number < 5 { "offered" } else { "waiting" };
        assert_eq!(stands["status"], expected, "{number}");
        let told =
            "select count(*) from notifications where user_id = $1 and notice ->> 'kind' = 'tickets_offered'";
        assert_eq!(show.db.number(told, &[&buyer.id]).await, i64::from(number < 5));
    }
    // Closed, it is over for all who wait, and who has an offer keeps it.
    let path = format!("/tickets/{}/waiting-list", show.ticket);
    show.organizer
        .api
        .put(&path, &json!({"mode": "off"}))
        .await
        .data(200);
    assert_eq!(show.stands(&crowd[5]).await["status"], "closed");
    assert_eq!(show.join(&crowd[5], 1).await.error(409), "waiting_list_off");
    crowd[0].api.post("/cart/checkout", &json!({})).await.data(200);
    assert_eq!(show.stands(&crowd[0]).await["status"], "claimed");
}
