use crate::{Buyer, Database, Event, Fleet, Organizer, TicketTerms, eventually, unique};
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(90);
const TERMS: TicketTerms = TicketTerms {
    price: 75_000,
    quantity: 40,
};

/// An event that begins in an hour, with staff at its doors, and somebody who has paid for tickets.
#[derive(Debug)]
pub struct Night {
    /// The fleet.
    pub fleet: Fleet,
    /// Its database.
    pub db: Database,
    /// Whose event it is.
    pub organizer: Organizer,
    /// Who checks tickets.
    pub staff: Organizer,
    /// The event.
    pub event: Event,
    /// Code of the order.
    pub order: String,
    /// The tickets, as their holder reads them.
    pub tickets: Vec<Value>,
    /// Who paid and holds them.
    pub buyer: Buyer,
}

impl Night {
    /// A night whose buyer paid for so many tickets by a method.
    pub async fn with_tickets(name: &str, quantity: i64, method: &str) -> Self {
        let fleet = Fleet::running();
        let organizer = Organizer::demo(&fleet).await;
        let event = organizer.event(name).await;
        let ticket = event.sell(TERMS).await;
        let buyer = Buyer::register(&fleet).await;
        let order = buyer.order_to_pay(ticket, quantity).await;
        fleet.midtrans().pay(&order, method).await;
        eventually("the tickets are issued", PATIENCE, async || {
            (!buyer.tickets().await.is_empty()).then_some(())
        })
        .await;
        let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
        let path = format!("/events/{}", event.id);
        let date = json!({"date": soon.to_string()});
        organizer.api.patch(&path, &date).await.data(200);
        organizer.send_staff(&fleet, event.id).await;
        Self {
            db: fleet.database().await,
            staff: Organizer::with_role(&fleet, "staff").await,
            tickets: buyer.tickets().await,
            organizer,
            event,
            order,
            buyer,
            fleet,
        }
    }

    /// What the QR code of a ticket carries.
    pub fn token(&self, ticket: usize) -> String {
        let ticket = self.tickets.get(ticket).expect("there are as many tickets");
        ticket["token"]
            .as_str()
            .expect("a good ticket has a token")
            .to_owned()
    }

    /// What the staff hears when a device scans a token.
    pub async fn scan(&self, token: &str, device: &str) -> Value {
        let body = json!({
            "token": token, "eventId": self.event.id, "device": device, "scanId": format!("scan-{}", unique()),
        });
        self.staff.api.post("/check-ins", &body).await.data(200)
    }

    /// Something about the gates of the event.
    pub fn path(&self, rest: &str) -> String {
        format!("/check-ins/event/{}{rest}", self.event.id)
    }

    /// Who is in.
    pub async fn attendance(&self) -> Value {
        self.staff.api.get(&self.path("/attendance")).await.data(200)
    }
}
