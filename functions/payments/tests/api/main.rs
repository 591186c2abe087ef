mod gateway;
mod opening;
mod reading;
mod transfers;

use axum::body::Body;
use domain::user::Role;
use domain::{TicketTypeId, UserId};
use payments::{App, router};
use queue::Publisher;
use runtime::{Clock, Env};
use serde_json::{Value, json};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};
use testkit::{Api, Gateway, Reply, Rows, TestDb, TestTokens, start};
use web::Site;

struct Setup {
    db: TestDb,
    gateway: Gateway,
    clock: Clock,
    ticket: TicketTypeId,
    user: UserId,
    token: String,
}

impl Setup {
    async fn new(price: i64, capacity: u32) -> Self {
        let (db, gateway, clock) = (
            TestDb::new().await,
            Gateway::start().await,
            Clock::set_to(start()),
        );
        let ticket = Rows(&db).on_sale(price, capacity).await;
        let user = Rows(&db).buyer("ayu@example.test").await;
        let token = TestTokens::of(user, Role::User, &clock);
        Self {
            db,
            gateway,
            clock,
            ticket,
            user,
            token,
        }
    }

    fn api(&self) -> Api {
        self.api_with(kv::Store::in_memory())
    }

    fn api_with(&self, store: kv::Store) -> Api {
        let app = App {
            db: self.db.db(),
            midtrans: self.gateway.client_of(store.clone(), self.clock.clone()),
            store,
            caller_factor: NonZeroU32::MIN,
            queue: Publisher::in_memory(),
            tokens: TestTokens::checker(),
            clock: self.clock.clone(),
            payment_seconds: 900,
            finish_url: "https://shop.example/done".to_owned(),
        };
        Api::new(router(app, Site::from_env(&Env::default())))
    }

    fn at_once(&self, quantity: u32) -> Value {
        json!({"ticketId": self.ticket, "quantity": quantity})
    }

    async fn initialize(&self, api: &Api, body: Value) -> Reply {
        api.post("/api/v1/payments/initialize", Some(&self.token), body)
            .await
    }
}
