#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod audit;
mod bad_input;
mod issued;
mod passes;
mod pictures;
mod reading;
mod repeated;
mod transfers;
mod verifying;
mod waiting_list;
mod writing;

use domain::user::Role;
use domain::{CategoryId, EventId, TicketTypeId, UserId};
use runtime::{Clock, Env};
use serde_json::{Value, json};
use testkit::{Api, Reply, Rows, TestDb, TestTokens, start};
use ticketing::SigningKeys;
use tickets::{App, Wallets, router};
use web::Site;

const TICKETS: &str = "/api/v1/tickets";
const KEYS: &str =
    "now:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=,old:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

/// An organizer with an event, its staff, a category and 40 tickets of one kind on sale, and people around them.
struct Setup {
    db: TestDb,
    api: Api,
    clock: Clock,
    organizer_id: UserId,
    buyer_id: UserId,
    event: EventId,
    category: CategoryId,
    ticket: TicketTypeId,
    organizer: String,
    other: String,
    admin: String,
    staff: String,
    buyer: String,
    stranger: String,
}

/// A router of its own, as another environment of the function has it.
fn environment(db: &TestDb, clock: &Clock) -> Api {
    environment_with(db, clock, Wallets::from_env(&testkit::env("")))
}

fn environment_with(db: &TestDb, clock: &Clock, wallets: Wallets) -> Api {
    let app = App {
        db: db.db(),
        tokens: TestTokens::checker(),
        clock: clock.clone(),
        keys: SigningKeys::parse(KEYS).unwrap(),
        wallets,
        blobs: blob::Blobs::in_memory(),
    };
    Api::new(router(app, Site::from_env(&Env::default())))
}

async fn setup() -> Setup {
    setup_with(Wallets::from_env(&testkit::env(""))).await
}

async fn setup_with(wallets: Wallets) -> Setup {
    let (db, clock) = (TestDb::new().await, Clock::set_to(start()));
    let rows = Rows(&db);
    let organizer_id = rows.user("organizer@example.test", Role::Organizer).await;
    let buyer_id = rows.buyer("buyer@example.test").await;
    let mut tokens = Vec::new();
    let mut staff_id = None;
    for (name, role) in [
        ("other", Role::Organizer),
        ("admin", Role::Admin),
        ("staff", Role::Staff),
        ("stranger", Role::User),
    ] {
        let id = rows.user(&format!("{name}@example.test"), role).await;
        if role == Role::Staff {
            staff_id = Some(id);
        }
        tokens.push(TestTokens::of(id, role, &clock));
    }
    let [other, admin, staff, stranger] = tokens.try_into().unwrap();
    let category = rows.category("Concert").await;
    let event = rows.event(organizer_id, "Java Jazz").await;
    rows.staff(event, staff_id.unwrap()).await;
    let ticket = rows.ticket_type(organizer_id, event, category, 150_000, 40).await;
    Setup {
        api: environment_with(&db, &clock, wallets),
        organizer: TestTokens::of(organizer_id, Role::Organizer, &clock),
        buyer: TestTokens::of(buyer_id, Role::User, &clock),
        organizer_id,
        buyer_id,
        event,
        category,
        ticket,
        other,
        admin,
        staff,
        stranger,
        clock,
        db,
    }
}

impl Setup {
    /// A valid body for a new ticket type.
    fn body(&self) -> Value {
        json!({"name": "VIP", "price": 500_000, "quantity": 10, "eventId": self.event, "categoryId": self.category})
    }

    async fn get(&self, path: &str, token: Option<&str>) -> Reply {
        self.api.get(&format!("{TICKETS}{path}"), token).await
    }

    async fn patch(&self, token: &str, body: Value) -> Reply {
        let path = format!("{TICKETS}/{}", self.ticket);
        self.api.call("PATCH", &path, Some(token), Some(body)).await
    }

    async fn delete(&self, token: &str) -> Reply {
        let path = format!("{TICKETS}/{}", self.ticket);
        self.api.call("DELETE", &path, Some(token), None).await
    }

    /// Sum of a column over the stripes of the ticket type.
    async fn stock(&self, column: &str) -> i64 {
        let sql = format!(
            "select sum({column}) from ticket_stock where ticket_type_id = {}",
            self.ticket
        );
        self.db.count(&sql).await
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}
