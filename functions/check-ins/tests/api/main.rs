#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod audit;
mod counting;
mod gates;
mod offline;
mod passed_on;
mod scanning;
mod undoing;

use check_ins::{App, router};
use domain::user::Role;
use domain::{EventId, TicketTypeId, UserId};
use runtime::{Clock, Env};
use serde_json::{Value, json};
use testkit::{Api, Reply, Rows, TestDb, TestTokens, start};
use ticketing::{Claims, SigningKeys, TicketCode};
use web::Site;

const CHECK_INS: &str = "/api/v1/check-ins";
const KEYS: &str = "now:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// An hour before the event of the tests begins, which is a month after their start.
const DOORS: i64 = 30 * 86_400 - 3_600;

/// An organizer with an event whose doors are open, its staff, and a buyer of tickets of two kinds.
struct Setup {
    db: TestDb,
    api: Api,
    clock: Clock,
    event: EventId,
    festival: TicketTypeId,
    vip: TicketTypeId,
    buyer_id: UserId,
    staff_id: UserId,
    organizer: String,
    other: String,
    admin: String,
    staff: String,
    buyer: String,
}

/// A router of its own, as another environment of the function has it.
fn environment(db: &TestDb, clock: &Clock) -> Api {
    let app = App {
        db: db.db(),
        tokens: TestTokens::checker(),
        clock: clock.clone(),
        keys: SigningKeys::parse(KEYS).unwrap(),
    };
    Api::new(router(app, Site::from_env(&Env::default())))
}

async fn setup() -> Setup {
    let (db, clock) = (TestDb::new().await, Clock::set_to(start().plus_seconds(DOORS)));
    let rows = Rows(&db);
    let festival = rows.on_sale(50_000, 100).await;
    let organizer = UserId::new(db.count("select organizer_id from events").await);
    let event = EventId::new(db.count("select id from events").await);
    let category = rows.category("Theatre").await;
    let vip = rows.ticket_type(organizer, event, category, 90_000, 10).await;
    let buyer_id = rows.buyer("buyer@example.test").await;
    let staff_id = rows.user("staff@example.test", Role::Staff).await;
    rows.staff(event, staff_id).await;
    let other = rows.user("other@example.test", Role::Organizer).await;
    let admin = rows.user("admin@example.test", Role::Admin).await;
    Setup {
        api: environment(&db, &clock),
        organizer: TestTokens::of(organizer, Role::Organizer, &clock),
        other: TestTokens::of(other, Role::Organizer, &clock),
        admin: TestTokens::of(admin, Role::Admin, &clock),
        staff: TestTokens::of(staff_id, Role::Staff, &clock),
        buyer: TestTokens::of(buyer_id, Role::User, &clock),
        db,
        clock,
        event,
        festival,
        vip,
        buyer_id,
        staff_id,
    }
}

impl Setup {
    /// Codes of new tickets.
    async fn bought(&self, kind: TicketTypeId, quantity: u32) -> Vec<String> {
        Rows(&self.db).bought(self.buyer_id, kind, quantity).await.1
    }

    /// What the QR code of a ticket carries.
    fn token(&self, code: &str) -> String {
        token_of(code, self.event, self.festival)
    }

    fn scan_of(&self, code: &str, device: &str, scan: &str) -> Value {
        json!({"token": self.token(code), "eventId": self.event, "device": device, "scanId": scan})
    }

    async fn post(&self, path: &str, token: &str, body: Value) -> Reply {
        self.api
            .post(&format!("{CHECK_INS}{path}"), Some(token), body)
            .await
    }

    async fn get(&self, path: &str, token: &str) -> Reply {
        self.api.get(&format!("{CHECK_INS}{path}"), Some(token)).await
    }

    /// Scans a ticket as the staff does, without a gate.
    async fn scan(&self, code: &str, device: &str, scan: &str) -> Value {
        let body = self.scan_of(code, device, scan);
        self.post("", &self.staff, body).await.data(200)
    }

    /// Makes a gate and gives its id.
    async fn gate(&self, name: &str, kinds: Option<&[TicketTypeId]>) -> i64 {
        let path = format!("/event/{}/gates", self.event);
        let body = json!({"name": name, "ticketIds": kinds});
        let gate = self.post(&path, &self.organizer, body).await.data(201);
        gate["id"].as_i64().unwrap()
    }

    /// Sends the staff to a gate, or to all.
    async fn send(&self, gate: Option<i64>) -> Reply {
        let path = format!("{CHECK_INS}/event/{}/staff/{}", self.event, self.staff_id);
        self.api
            .call("PUT", &path, Some(&self.organizer), Some(json!({"gateId": gate})))
            .await
    }

    async fn status(&self, code: &str) -> String {
        let sql = format!("select status from issued_tickets where code = '{code}'");
        self.db.text(&sql).await
    }
}

fn token_of(code: &str, event: EventId, kind: TicketTypeId) -> String {
    SigningKeys::parse(KEYS).unwrap().sign(&Claims {
        code: TicketCode::parse(code).unwrap(),
        event,
        ticket_type: kind,
        issued_at: start(),
    })
}

fn refusal(verdict: &Value) -> &str {
    assert_eq!(verdict["admitted"], false, "{verdict}");
    verdict["reason"].as_str().unwrap()
}
