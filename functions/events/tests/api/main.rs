#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod audit;
mod bad_input;
mod feed;
mod life_cycle;
mod pictures;
mod reading;
mod repeated;
mod searching;
mod seat_maps;
mod staff;
mod venues;
mod writing;

use domain::UserId;
use domain::user::Role;
use events::{App, router};
use runtime::{Clock, Env};
use serde_json::{Value, json};
use testkit::{Api, Rows, TestDb, TestTokens, start};
use web::Site;

const EVENTS: &str = "/api/v1/events";

struct Setup {
    db: TestDb,
    api: Api,
    clock: Clock,
    organizer_id: UserId,
    organizer: String,
    other: String,
    admin: String,
    user: String,
}

async fn setup() -> Setup {
    let (db, clock) = (TestDb::new().await, Clock::set_to(start()));
    let app = App {
        db: db.db(),
        tokens: TestTokens::checker(),
        clock: clock.clone(),
        frontend_url: "https://shop.example".to_owned(),
        blobs: blob::Blobs::in_memory(),
    };
    let rows = Rows(&db);
    let organizer_id = rows.user("organizer@example.test", Role::Organizer).await;
    let other = rows.user("other@example.test", Role::Organizer).await;
    let admin = rows.user("admin@example.test", Role::Admin).await;
    let user = rows.buyer("buyer@example.test").await;
    Setup {
        api: Api::new(router(app, Site::from_env(&Env::default()))),
        organizer_id,
        organizer: TestTokens::of(organizer_id, Role::Organizer, &clock),
        other: TestTokens::of(other, Role::Organizer, &clock),
        admin: TestTokens::of(admin, Role::Admin, &clock),
        user: TestTokens::of(user, Role::User, &clock),
        clock,
        db,
    }
}

impl Setup {
    async fn create(&self, name: &str, date: &str, status: &str) -> Value {
        let body = json!({"name": name, "date": date, "location": "Jakarta", "status": status});
        self.api.post(EVENTS, Some(&self.organizer), body).await.data(201)
    }

    async fn patch(&self, id: &Value, token: &str, body: Value) -> testkit::Reply {
        self.api
            .call("PATCH", &format!("{EVENTS}/{id}"), Some(token), Some(body))
            .await
    }

    /// Names on a list, in its order.
    async fn names(&self, query: &str, token: Option<&str>) -> Vec<String> {
        let list = self.api.get(&format!("{EVENTS}?{query}"), token).await.data(200);
        let events = list["events"].as_array().unwrap().clone();
        events
            .iter()
            .map(|event| event["name"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}
