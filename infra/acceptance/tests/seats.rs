//! Reserved seats: a map, seats that are chosen, paid, printed, shown at the gate and given back; and a crowd that wants the same.

use acceptance::{Buyer, Database, Event, Fleet, Organizer, Reply, TicketTerms, eventually};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const PATIENCE: Duration = Duration::from_secs(90);
/// Requests in flight, each of which keeps a process of its own busy.
const AT_ONCE: usize = 24;
const TERMS: TicketTerms = TicketTerms {
    price: 250_000,
    quantity: 1,
};

/// An event whose floor has these rows.
struct Hall {
    fleet: Fleet,
    db: Database,
    organizer: Organizer,
    event: Event,
    floor: i64,
}

impl Hall {
    async fn new(name: &str, rows: Value, no_single_seats: bool) -> Self {
        let fleet = Fleet::running();
        let organizer = Organizer::demo(&fleet).await;
        let event = organizer.event(name).await;
        let floor = event.sell(TERMS).await;
        let hall = Self {
            db: fleet.database().await,
            organizer,
            event,
            floor,
            fleet,
        };
        // The house is written down once, and the event says what it sells there.
        let house =
            json!({"name": name, "location": "Jakarta", "sections": [{"name": "Floor", "rows": rows}]});
        let venue = hall.organizer.api.post("/events/venues", &house).await.data(201);
        let tickets = json!({"Floor": floor});
        let map = json!({
            "stage": "Panggung", "noSingleSeats": no_single_seats, "venueId": venue["id"], "tickets": tickets,
        });
        hall.set(&map).await.data(200);
        hall
    }

    fn path(&self, rest: &str) -> String {
        format!("/events/{}/seat-map{rest}", self.event.id)
    }

    async fn set(&self, map: &Value) -> Reply {
        self.organizer.api.put(&self.path(""), map).await
    }

    /// A letter for each seat, past what is cached.
    async fn states(&self) -> String {
        let states = self.organizer.api.get(&self.path("/states")).await.data(200);
        states["states"].as_str().unwrap().to_owned()
    }

    async fn add(&self, buyer: &Buyer, more: Value) -> Reply {
        add(buyer, self.floor, more).await
    }

    /// Orders and pays what is in the cart of a buyer, and waits for the tickets.
    async fn pay(&self, buyer: &Buyer) -> String {
        let order = buyer.api.post("/cart/checkout", &json!({})).await.data(200);
        let order = order["orderId"].as_str().unwrap().to_owned();
        buyer.open_payment(&order).await;
        self.fleet.midtrans().pay(&order, "bca_va").await;
        eventually("the tickets are issued", PATIENCE, async || {
            (self.db.tickets(&order).await > 0).then_some(())
        })
        .await;
        order
    }
}

async fn add(buyer: &Buyer, ticket: i64, more: Value) -> Reply {
    let mut body = json!({"ticketId": ticket});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    buyer.api.post("/cart", &body).await
}

/// The ids of the seats of a row of the cart.
fn seats(item: &Value) -> Vec<i64> {
    let seats = item["seats"].as_array().unwrap();
    seats.iter().map(|seat| seat["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_seat_is_chosen_paid_printed_scanned_and_given_back() {
    let rows = json!([
        {"label": "A", "seats": [{"from": 1, "to": 5}, {"label": "6", "accessible": true}]},
        {"label": "B", "seats": [{"from": 1, "to": 6}]},
    ]);
    let hall = Hall::new("Gamelan", rows, false).await;
    let stranger = hall.fleet.stranger();
    let map = stranger.get(&hall.path("")).await.data(200);
    let row = &map["sections"][0]["rows"][0]["seats"];
    let chosen = [row[1]["id"].as_i64().unwrap(), row[2]["id"].as_i64().unwrap()];
    assert_eq!(hall.states().await, "f".repeat(12));

    let buyer = Buyer::register(&hall.fleet).await;
    let other = Buyer::register(&hall.fleet).await;
    let item = hall.add(&buyer, json!({"seatIds": chosen})).await.data(201);
    assert_eq!(seats(&item), chosen);
    let refused = hall.add(&other, json!({"seatIds": [chosen[1]]})).await;
    assert_eq!(refused.error(409), "seat_taken");
    assert_eq!(hall.states().await, "fhhfffffffff");
    let beside = hall.add(&other, json!({"quantity": 2})).await.data(201);
    assert!(
        seats(&beside).iter().all(|seat| !chosen.contains(seat)),
        "{beside}"
    );

    let order = hall.pay(&buyer).await;
    assert!(hall.states().await.starts_with("fss"), "{}", hall.states().await);
    let picture = stranger.get(&hall.path(".svg?lang=en")).await;
    assert_eq!(
        (picture.status, picture.header("content-type")),
        (200, "image/svg+xml")
    );
    assert!(picture.text().contains("Floor, row A, seat 2: sold"));
    let payments = buyer.api.get("/payments/history").await.data(200);
    assert_eq!(seats(&payments["payments"][0]), chosen, "{payments}");
    let tickets = buyer.tickets().await;
    let named: HashSet<&str> = tickets
        .iter()
        .map(|ticket| ticket["seat"]["seat"].as_str().unwrap())
        .collect();
    assert_eq!(named, HashSet::from(["2", "3"]));
    let mail = hall.fleet.mail(&buyer.email, "Tiket").await;
    assert!(mail.text.contains("Floor, baris A, kursi 2"), "{}", mail.text);
    let code = tickets[0]["code"].as_str().unwrap();
    let print = buyer.api.get(&format!("/tickets/mine/{code}/ticket.pdf")).await;
    assert_eq!((print.status, &print.bytes[..5]), (200, &b"%PDF-"[..]));

    // At the gate they say where to sit.
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    let path = format!("/events/{}", hall.event.id);
    let moved = json!({"date": soon.to_string()});
    hall.organizer.api.patch(&path, &moved).await.data(200);
    hall.organizer.send_staff(&hall.fleet, hall.event.id).await;
    let staff = Organizer::with_role(&hall.fleet, "staff").await;
    let scan = json!({
        "token": tickets[0]["token"], "eventId": hall.event.id, "device": "phone-1",
        "scanId": format!("scan-{}", acceptance::unique()),
    });
    let verdict = staff.api.post("/check-ins", &scan).await.data(200);
    assert_eq!(
        (&verdict["admitted"], &verdict["ticket"]["seat"]["row"]),
        (&json!(true), &json!("A"))
    );

    // The seat of a ticket that goes back is for sale again; the other is not.
    let sql = "select p.id from payments p join orders o on o.id = p.order_id where o.code = $1";
    let refunds = format!("/payments/{}/refunds", hall.db.number(sql, &[&order]).await);
    let sql = "select id from issued_tickets where code = $1";
    let code = tickets[1]["code"].as_str().unwrap();
    let ticket = hall.db.number(sql, &[&code]).await;
    let wish = json!({"ticketIds": [ticket], "reason": "A friend fell ill"});
    hall.organizer.api.post(&refunds, &wish).await.data(201);
    let (back, stays) = match tickets[1]["seat"]["seat"].as_str().unwrap() {
        "2" => (chosen[0], chosen[1]),
        _ => (chosen[1], chosen[0]),
    };
    eventually("the seat is for sale again", PATIENCE, async || {
        (hall.states().await.matches('s').count() == 1).then_some(())
    })
    .await;
    assert_eq!(
        hall.add(&other, json!({"seatIds": [stays]})).await.error(409),
        "seat_taken"
    );
    let added = hall.add(&other, json!({"seatIds": [back]})).await.data(201);
    assert!(seats(&added).contains(&back));

    // While somebody sits there, the map stays as it is.
    let smaller = json!({"sections": [
        {"name": "Hall", "ticketId": hall.floor, "rows": [{"label": "1", "seats": [{"from": 1, "to": 3}]}]},
    ]});
    assert_eq!(hall.set(&smaller).await.error(409), "seats_in_use");
}

#[tokio::test]
async fn whoever_waits_for_seats_finds_what_comes_back_in_their_cart() {
    let rows = json!([{"label": "A", "seats": [{"from": 1, "to": 4}]}]);
    let hall = Hall::new("Line for seats", rows, false).await;
    let line = format!("/tickets/{}/waiting-list", hall.floor);
    let on = json!({"mode": "in_order", "claimMinutes": 15});
    hall.organizer.api.put(&line, &on).await.data(200);
    let holder = Buyer::register(&hall.fleet).await;
    let item = hall.add(&holder, json!({"quantity": 4})).await.data(201);
    let held = seats(&item);

    let (ayu, budi) = (
        Buyer::register(&hall.fleet).await,
        Buyer::register(&hall.fleet).await,
    );
    let place = format!("/cart/waiting-list/{}", hall.floor);
    for (buyer, position) in [(&ayu, 1), (&budi, 2)] {
        let stands = buyer.api.put(&place, &json!({"quantity": 2})).await.data(200);
        assert_eq!(stands["position"], position);
    }
    // The holder keeps one of the seats. What they give back, nobody passes the line to take, chosen or best.
    let path = format!("/cart/{}", item["id"]);
    let fewer = json!({"seatIds": &held[..1]});
    holder.api.patch(&path, &fewer).await.data(200);
    let walk_in = Buyer::register(&hall.fleet).await;
    for wish in [json!({"quantity": 1}), json!({"seatIds": [held[3]]})] {
        assert_eq!(hall.add(&walk_in, wish).await.error(409), "sold_out");
    }

    let offered = eventually("it is the turn of the first", PATIENCE, async || {
        hall.fleet.invoke("janitor", &json!({})).await;
        let lines = ayu.api.get("/cart/waiting-list").await.data(200);
        (lines["entries"][0]["status"] == "offered").then(|| lines["entries"][0].clone())
    })
    .await;
    let cart = ayu.api.get("/cart").await.data(200);
    let mine = seats(&cart["items"][0]);
    assert_eq!(mine.len(), 2);
    assert!(mine.iter().all(|seat| held[1..].contains(seat)), "{cart}");
    assert_eq!(cart["items"][0]["reservedUntil"], offered["offeredUntil"]);
    hall.pay(&ayu).await;
    assert_eq!(ayu.tickets().await.len(), 2);

    // One seat is left, the next in line wants two: it stays theirs to wait for.
    hall.fleet.invoke("janitor", &json!({})).await;
    let lines = budi.api.get("/cart/waiting-list").await.data(200);
    assert_eq!(lines["entries"][0]["status"], "waiting");
    assert_eq!(
        hall.add(&walk_in, json!({"quantity": 1})).await.error(409),
        "sold_out"
    );
    // Once nobody waits, it is for everybody.
    budi.api.delete(&place).await;
    hall.add(&walk_in, json!({"quantity": 1})).await.data(201);
}

#[tokio::test]
async fn a_crowd_gets_every_seat_once() {
    let rows: Vec<_> = (1..=4)
        .map(|row| json!({"label": row, "seats": [{"from": 1, "to": 10}]}))
        .collect();
    let hall = Hall::new("Rush for seats", json!(rows), false).await;
    let map = hall.organizer.api.get(&hall.path("")).await.data(200);
    let first = map["sections"][0]["rows"][0]["seats"][0]["id"].as_i64().unwrap();
    let crowd = Buyer::crowd(&hall.fleet, 60).await;
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut buying = JoinSet::new();
    for (number, buyer) in (0_i64..).zip(crowd) {
        let (turns, floor) = (Arc::clone(&turns), hall.floor);
        buying.spawn(async move {
            let _turn = turns.acquire_owned().await.unwrap();
            // Half of them click seats in the middle of the front row, and take what is offered when they are gone.
            if number % 2 == 0 {
                let seat = first + 4 + (number / 2) % 3;
                let chosen = add(&buyer, floor, json!({"seatIds": [seat]})).await;
                if chosen.status == 201 {
                    return (buyer, chosen);
                }
                assert_eq!(chosen.error(409), "seat_taken");
            }
            let best = add(&buyer, floor, json!({"quantity": 1})).await;
            (buyer, best)
        });
    }
    let mut owners = BTreeMap::new();
    let mut refused = 0;
    for (buyer, reply) in buying.join_all().await {
        if reply.status == 201 {
            for seat in seats(&reply.data(201)) {
                assert_eq!(owners.insert(seat, buyer.id), None, "seat {seat} has two owners");
            }
        } else {
            assert_eq!(reply.error(409), "held_by_others");
            refused += 1;
        }
    }
    assert_eq!((owners.len(), refused), (40, 20));
    assert_eq!(hall.states().await, "h".repeat(40));
    let sql = "select count(*) from seat_stock where ticket_type_id = $1 and held_until is not null and not holder_is_order";
    assert_eq!(hall.db.number(sql, &[&hall.floor]).await, 40);
}
