//! The database goes away in three ways, under a fleet that keeps running: it lets nobody in, it hangs, it crashes. One test,
//! because an outage is everybody's. Nothing is restarted by hand; what was paid meanwhile is applied afterwards.

use acceptance::{
    Buyer, Database, Event, Fleet, Organizer, PASSWORD, Reply, TicketTerms, eventually, unique,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// A caller is told within this time, so that its own time-out does not come first.
const SOON: Duration = Duration::from_millis(3_500);

/// An outage. It ends when this is dropped, so that a test that fails leaves no broken fleet behind.
enum Outage {
    /// New connections are refused, old ones were cut.
    Closed(Box<Fleet>),
    /// The server takes connections and says nothing.
    Hung(Pid),
    /// The server lost one of its processes and recovers by itself.
    Crashed,
}

impl Outage {
    async fn closed(fleet: &Fleet, db: &Database) -> Self {
        let outage = Self::Closed(Box::new(fleet.clone()));
        let outside = fleet.neighbour_database().await;
        outside
            .run("alter database gigglefest allow_connections false", &[])
            .await;
        cut_all(db).await;
        outage
    }

    async fn hung(db: &Database) -> Self {
        let server = server_process(db).await;
        cut_all(db).await;
        kill_process(server, Signal::STOP).unwrap();
        Self::Hung(server)
    }

    /// Kills the process behind one connection: PostgreSQL then drops all others and replays its log.
    async fn crashed(db: &Database) -> Self {
        let victim = db.number("select pg_backend_pid()::bigint", &[]).await;
        kill_process(pid(victim), Signal::KILL).unwrap();
        Self::Crashed
    }
}

impl Drop for Outage {
    fn drop(&mut self) {
        match self {
            // Dropping cannot wait, so a thread of its own does.
            Self::Closed(fleet) => {
                let fleet = fleet.clone();
                let reopened = std::thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .unwrap();
                    runtime.block_on(async {
                        let outside = fleet.neighbour_database().await;
                        outside
                            .run("alter database gigglefest allow_connections true", &[])
                            .await;
                    });
                });
                // A thread that fails says why itself.
                let _ = reopened.join();
            }
            Self::Hung(server) => {
                let _ = kill_process(*server, Signal::CONT);
            }
            Self::Crashed => {}
        }
    }
}

fn pid(number: i64) -> Pid {
    Pid::from_raw(i32::try_from(number).unwrap()).unwrap()
}

/// The first process of the server. Only a server on this machine can be tested like this.
async fn server_process(db: &Database) -> Pid {
    let file = db
        .text("select pg_read_file('postmaster.pid')", &[])
        .await
        .unwrap();
    let number = file.lines().next().unwrap().parse().unwrap();
    let found = pid(number);
    assert!(
        rustix::process::test_kill_process(found).is_ok(),
        "PostgreSQL does not run on this machine"
    );
    found
}

async fn cut_all(db: &Database) {
    let sql = "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'gigglefest' and pid <> pg_backend_pid()";
    db.rows(sql, &[]).await;
}

/// Asks the same thing until it is answered with success again.
async fn until_it_works(api: &acceptance::Api, path: &str) {
    eventually(&format!("{path} works again"), PATIENCE, async || {
        let reply = api.get(path).await;
        assert!(
            matches!(reply.status, 200 | 503),
            "{path}: {} {}",
            reply.status,
            reply.text()
        );
        (reply.status == 200).then_some(())
    })
    .await;
}

/// A request during an outage: told soon, told when to come back, told nothing about the inside.
async fn is_told_to_come_back(what: &str, request: reqwest::RequestBuilder) {
    let started = Instant::now();
    let reply = Reply::of(request).await;
    let took = started.elapsed();
    assert_eq!(reply.error(503), "unavailable", "{what}: {}", reply.text());
    let wait: u32 = reply.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{what}: {wait}");
    assert!(took < SOON, "{what}: {took:?}");
    let text = reply.text().to_lowercase();
    for inside in ["postgres", "sql", "127.0.0.1", "5433", "tokio"] {
        assert!(!text.contains(inside), "{what}: {text}");
    }
}

struct Shop {
    fleet: Fleet,
    event: Event,
    ticket: i64,
}

impl Shop {
    async fn open() -> Self {
        let fleet = Fleet::running();
        let event = Organizer::demo(&fleet).await.event("Outage").await;
        let terms = TicketTerms {
            price: 80_000,
            quantity: 50,
        };
        Self {
            ticket: event.sell(terms).await,
            event,
            fleet,
        }
    }

    /// An order whose page is open, but not paid.
    async fn order(&self) -> (Buyer, String) {
        let buyer = Buyer::register(&self.fleet).await;
        let order = buyer.order_to_pay(self.ticket, 1).await;
        (buyer, order)
    }

    async fn everything_is_refused_politely(&self, buyer: &Buyer) {
        let one = json!({"ticketId": self.ticket, "quantity": 1});
        let login = json!({"email": buyer.email, "password": PASSWORD});
        let key = unique();
        let api = &buyer.api;
        let stranger = self.fleet.stranger();
        let requests = [
            ("list", stranger.request("GET", "/events")),
            (
                "detail",
                stranger.request("GET", &format!("/events/{}", self.event.id)),
            ),
            ("log in", stranger.request("POST", "/auth/login").json(&login)),
            ("add", api.request("POST", "/cart").json(&one)),
            (
                "check out",
                api.request("POST", "/cart/checkout")
                    .header("idempotency-key", key),
            ),
            ("pay", api.request("POST", "/payments/initialize").json(&one)),
            ("tickets", api.request("GET", "/tickets/mine")),
            ("profile", api.request("GET", "/users/me")),
        ];
        for (what, request) in requests {
            is_told_to_come_back(what, request).await;
        }
    }

    async fn until_paid(&self, order: &str, buyer: &Buyer) {
        eventually(&format!("{order} is paid"), PATIENCE, async || {
            let reply = buyer.api.get("/tickets/mine").await;
            let tickets: Value = (reply.status == 200).then(|| reply.data(200))?;
            (tickets["meta"]["total"] == 1).then_some(())
        })
        .await;
        let db = self.fleet.database().await;
        assert_eq!(
            (db.order(order).await.as_str(), db.tickets(order).await),
            ("paid", 1)
        );
    }

    async fn works_again(&self, buyer: &Buyer) {
        until_it_works(&self.fleet.stranger(), "/events").await;
        for path in ["/cart", "/tickets/mine", "/users/me", "/payments/history"] {
            until_it_works(&buyer.api, path).await;
        }
    }
}

#[tokio::test]
async fn the_fleet_outlives_an_outage_of_its_database() {
    let shop = Shop::open().await;
    let midtrans = shop.fleet.midtrans();
    let db = shop.fleet.database().await;
    let (first, second, third) = (shop.order().await, shop.order().await, shop.order().await);

    // Nobody is let in. Money that arrives is not lost: the webhook needs no database.
    let outage = Outage::closed(&shop.fleet, &db).await;
    midtrans.pay(&first.1, "bca_va").await;
    shop.everything_is_refused_politely(&first.0).await;
    shop.fleet.stranger().get("/tickets/keys").await.data(200);
    drop(outage);
    shop.works_again(&first.0).await;
    shop.until_paid(&first.1, &first.0).await;

    // The server hangs.
    let db = shop.fleet.database().await;
    let outage = Outage::hung(&db).await;
    midtrans.pay(&second.1, "bca_va").await;
    is_told_to_come_back("list", shop.fleet.stranger().request("GET", "/events")).await;
    is_told_to_come_back("cart", second.0.api.request("GET", "/cart")).await;
    drop(outage);
    shop.works_again(&second.0).await;
    shop.until_paid(&second.1, &second.0).await;

    // The server crashes while something is being paid, and comes back by itself.
    let db = shop.fleet.database().await;
    let outage = Outage::crashed(&db).await;
    midtrans.pay(&third.1, "bca_va").await;
    shop.works_again(&third.0).await;
    drop(outage);
    shop.until_paid(&third.1, &third.0).await;

    let stock = shop.fleet.database().await.stock(shop.ticket).await;
    assert_eq!((stock.held, stock.sold), (0, 3), "what was refused took nothing");
}
