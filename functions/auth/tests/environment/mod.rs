use auth::App;
use queue::Publisher;
use runtime::Clock;
use std::num::NonZeroU32;
use testkit::{TestDb, TestTokens};

/// The function with a connection and a memory of its own, as in an execution environment; what it counts is in `store`.
pub fn app(db: &TestDb, clock: &Clock, store: kv::Store) -> App {
    App {
        db: db.db(),
        store,
        caller_factor: NonZeroU32::MIN,
        queue: Publisher::in_memory(),
        tokens: TestTokens::checker(),
        clock: clock.clone(),
        base_url: "https://api.example".to_owned(),
        frontend_url: "https://shop.example".to_owned(),
    }
}
