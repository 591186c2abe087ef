//! The payment gateway goes away and comes back, under a fleet that keeps selling. Its circuit breaker is everybody's, so these
//! tests are a program of their own.
//!
//! `OUTAGE_SECONDS` makes the outage longer than continuous integration bears, and holds what buyers wait to the limits as well, not
//! only what the function takes; the figures are printed with `--nocapture`.

use acceptance::{Buyer, Database, Fleet, Organizer, Reply, TicketTerms, eventually};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write as _;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Until everything is as it should be again.
const PATIENCE: Duration = Duration::from_secs(300);

/// A buyer who waits for a gateway that says nothing is told so within this time, as the buyer measures it.
const SOON: Duration = Duration::from_secs(3);

/// Who waited for the gateway would wait longer than this.
const WITHOUT_THE_GATEWAY: Duration = Duration::from_secs(1);

/// Who asks while the breaker is open is answered within this time, as the function measures it, on a machine that does nothing else.
const AT_ONCE: Duration = Duration::from_millis(50);

/// Buyers who try again and again. Each keeps a process of its own busy.
const BUYERS: usize = 12;

/// Between two tries of a buyer: payments may be begun 120 times a minute.
const PAUSE: Duration = Duration::from_millis(600);

/// Payments that are made at the gateway while it answers nobody and notifies nobody.
const PAID_MEANWHILE: usize = 6;

struct Shop {
    fleet: Fleet,
    db: Database,
    ticket: i64,
}

impl Shop {
    async fn open() -> Self {
        let fleet = Fleet::running();
        let event = Organizer::demo(&fleet).await.event("Gateway outage").await;
        let terms = TicketTerms {
            price: 60_000,
            quantity: 100,
        };
        Self {
            ticket: event.sell(terms).await,
            db: fleet.database().await,
            fleet,
        }
    }

    /// The page of an order, as soon as the gateway is asked again.
    async fn page(&self, buyer: &Buyer, body: &Value) -> Value {
        eventually("the payment page opens again", PATIENCE, async || {
            let reply = buyer.api.post("/payments/initialize", body).await;
            (reply.status == 201).then(|| reply.data(201))
        })
        .await
    }

    /// Lets the reconciler look at an order now rather than in its time.
    async fn reconcile(&self, orders: &[String]) {
        for order in orders {
            let sql = "update payments set next_check_at = now()
                where order_id = (select id from orders where code = $1) and status = 'pending'";
            self.db.run(sql, &[order]).await;
        }
        self.fleet.invoke("reconciler", &json!({})).await;
    }
}

/// An answer during the outage.
struct Told {
    request: String,
    took: Duration,
}

/// Tries to pay again and again, and notes how that was answered.
async fn insist(buyer: Buyer, ticket: i64, begun: Instant, outage: Duration) -> Vec<Told> {
    let body = json!({"ticketId": ticket, "quantity": 1});
    let mut told = Vec::new();
    while begun.elapsed() < outage {
        let asked = Instant::now();
        let reply = buyer.api.post("/payments/initialize", &body).await;
        let took = asked.elapsed();
        is_told_to_come_back(&reply);
        let request = reply.header("x-request-id").to_owned();
        told.push(Told { request, took });
        tokio::time::sleep(PAUSE).await;
    }
    told
}

fn is_told_to_come_back(reply: &Reply) {
    assert_eq!(reply.error(503), "gateway_unavailable", "{}", reply.text());
    let wait: u32 = reply.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
}

fn outage() -> Duration {
    let seconds = std::env::var("OUTAGE_SECONDS").ok();
    Duration::from_secs(seconds.map_or(20, |seconds| seconds.parse().unwrap()))
}

/// Whether somebody measures, on a machine that has nothing else to do: only then is it said how long buyers wait.
fn measuring() -> bool {
    std::env::var_os("OUTAGE_SECONDS").is_some()
}

fn print(line: &str) {
    let mut stderr = std::io::stderr();
    writeln!(stderr, "{line}").unwrap();
}

/// Times in their order.
struct Times(Vec<Duration>);

impl Times {
    fn of(times: impl IntoIterator<Item = Duration>) -> Self {
        let mut times: Vec<_> = times.into_iter().collect();
        times.sort_unstable();
        Self(times)
    }

    /// What so many percent of all are not longer than.
    fn percent(&self, percent: usize) -> Duration {
        self.0[(self.0.len() - 1) * percent / 100]
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [median, most, nearly, slowest] = [50, 95, 99, 100].map(|percent| self.percent(percent));
        let count = self.0.len();
        write!(
            f,
            "{count} answers, median {median:?}, 95 % {most:?}, 99 % {nearly:?}, slowest {slowest:?}"
        )
    }
}

/// How long the function itself took for all answers, and for those that it gave without asking the gateway, because the breaker
/// was open; and how long the latter took for the buyers. Its log says which those are, and it says how long they took without the
/// way through the emulator and the wait for a processor, both of which are the machine's.
fn by_the_breaker(shop: &Shop, told: &[Told]) -> (Times, Times, Times) {
    let lines = shop.fleet.logs("payments").lines();
    let mut known: HashMap<&str, &Value> = HashMap::new();
    for line in &lines {
        if let Some(request) = line["request_id"].as_str() {
            known.insert(request, line);
        }
    }
    let (mut asked, mut within, mut outside) = (Vec::new(), Vec::new(), Vec::new());
    for answer in told {
        let line = known.get(answer.request.as_str());
        let line = line.unwrap_or_else(|| panic!("nothing is logged of {}", answer.request));
        let took = Duration::from_millis(line["duration_ms"].as_u64().unwrap());
        asked.push(took);
        if line["cause"]
            .as_str()
            .is_some_and(|cause| cause.contains("is left alone"))
        {
            within.push(took);
            outside.push(answer.took);
        }
    }
    (Times::of(asked), Times::of(within), Times::of(outside))
}

#[tokio::test]
async fn the_fleet_sells_on_when_the_gateway_comes_back_and_charges_nobody_twice() {
    let shop = Shop::open().await;
    let midtrans = shop.fleet.midtrans();
    let crowd = Buyer::crowd(&shop.fleet, BUYERS + PAID_MEANWHILE).await;
    let (insisting, paying) = crowd.split_at(BUYERS);
    let mut orders = Vec::new();
    for buyer in paying {
        orders.push(buyer.order(shop.ticket, 1).await);
        let body = json!({"orderId": orders[orders.len() - 1]});
        shop.page(buyer, &body).await;
    }

    let silence =
        json!({"snap_create": {"hang": true}, "core": {"hang": true}, "notifications": {"drop": true}});
    let faults = midtrans.faults(silence).await;
    let (begun, outage) = (Instant::now(), outage());
    let mut trying = JoinSet::new();
    for buyer in insisting {
        trying.spawn(insist(buyer.clone(), shop.ticket, begun, outage));
    }
    for order in &orders {
        midtrans.pay(order, "bca_va").await;
    }
    let told: Vec<Told> = trying.join_all().await.into_iter().flatten().collect();
    faults.end().await;
    let back = Instant::now();

    // Every process has to learn it by a failure of its own; after that nobody waits but who tries.
    let all = Times::of(told.iter().map(|told| told.took));
    let (every, within, outside) = by_the_breaker(&shop, &told);
    print(&format!("outage of {outage:?}: {all}"));
    print(&format!("of the open breaker, within the function: {within}"));
    print(&format!("of the open breaker, as buyers see it: {outside}"));
    print(&format!("of all, within the function: {every}"));
    assert!(every.percent(100) < SOON, "{every}");
    let share = within.0.len() * 100 / all.0.len();
    assert!(share >= 50, "the breaker gave only {share} % of the answers");
    // On a busy machine anybody waits for a processor, but nobody whom the breaker answers waits for the gateway.
    assert!(within.percent(95) < WITHOUT_THE_GATEWAY, "{within}");
    if measuring() {
        // Not all of them: the first answer of a process also waits for its connections. A quiet minute of 60 s gave 969
        // answers, of them 99 % within 42 ms and the slowest in 69 ms.
        assert!(within.percent(95) < AT_ONCE, "{within}");
        assert!(all.percent(100) < SOON, "{all}");
        assert!(outside.percent(50) < AT_ONCE, "{outside}");
    }

    // What was tried in vain works now, as one order each.
    let body = json!({"ticketId": shop.ticket, "quantity": 1});
    for buyer in insisting {
        let data = shop.page(buyer, &body).await;
        let order = data["payment"]["orderId"].as_str().unwrap().to_owned();
        midtrans.pay(&order, "bca_va").await;
        orders.push(order);
    }
    let paid = async || {
        for order in &orders {
            if shop.db.payment(order).await.as_deref() != Some("success") {
                return None;
            }
        }
        Some(())
    };
    eventually("all payments are known", PATIENCE, async || {
        shop.reconcile(&orders).await;
        paid().await
    })
    .await;
    print(&format!(
        "{} payments known {:?} after its return",
        orders.len(),
        back.elapsed()
    ));

    for order in &orders {
        let known = midtrans.order(order).await;
        let charges = known["transactions"].as_array().unwrap();
        let charges = charges.iter().filter(|attempt| attempt["status"] == "settlement");
        assert_eq!((charges.count(), shop.db.tickets(order).await), (1, 1), "{known}");
    }
    let (stock, all) = (
        shop.db.stock(shop.ticket).await,
        i64::try_from(orders.len()).unwrap(),
    );
    assert_eq!((stock.held, stock.sold), (0, all));
}

#[tokio::test]
async fn without_the_gateway_the_buyer_is_told_to_come_back_and_loses_nothing() {
    let shop = Shop::open().await;
    let buyer = Buyer::register(&shop.fleet).await;
    let order = buyer.order(shop.ticket, 2).await;
    let body = json!({"orderId": order});
    let faults = shop.fleet.midtrans().faults(json!({})).await;
    for fault in [
        json!({"respond": 503, "order_id": order}),
        json!({"respond": 500, "order_id": order}),
        json!({"drop": true, "order_id": order}),
        json!({"malformed_json": true, "order_id": order}),
        json!({"hang": true, "order_id": order}),
    ] {
        faults.change(json!({"snap_create": fault})).await;
        let started = Instant::now();
        let reply = buyer.api.post("/payments/initialize", &body).await;
        let took = started.elapsed();
        is_told_to_come_back(&reply);
        assert!(took < Duration::from_secs(5), "{fault}: {took:?}");
        assert_eq!(
            (
                shop.db.order(&order).await.as_str(),
                shop.db.stock(shop.ticket).await.held
            ),
            ("pending", 2),
            "{fault}"
        );
    }
    faults.end().await;
    let data = shop.page(&buyer, &body).await;
    let midtrans = shop.fleet.midtrans();
    let page = midtrans.open(data["redirectUrl"].as_str().unwrap()).await;
    assert_eq!(
        midtrans.press(&page, "pay", Some("bca_va")).await.result(),
        "settlement"
    );
    eventually("the tickets are issued", PATIENCE, async || {
        (buyer.tickets().await.len() == 2).then_some(())
    })
    .await;
}
