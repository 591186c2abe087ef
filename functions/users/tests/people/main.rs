//! What people do with their own account: say what they want to hear, take their data with them, leave.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../environment/mod.rs"]
mod environment;
mod erasure;
mod export;
mod preferences;
mod unsubscribing;

use domain::UserId;
use domain::user::Role;
use environment::api;
use runtime::Clock;
use testkit::{Api, Rows, TestDb, TestTokens, start};

const ME: &str = "/api/v1/users/me";
const PREFERENCES: &str = "/api/v1/users/me/preferences";
const PASSWORD: &str = "correct horse battery";

/// Somebody with a password, and an admin.
struct Setup {
    db: TestDb,
    api: Api,
    clock: Clock,
    id: UserId,
    token: String,
    admin: String,
}

async fn setup() -> Setup {
    let (db, clock) = (TestDb::new().await, Clock::set_to(start()));
    let rows = Rows(&db);
    let id = rows.buyer("ayu@example.test").await;
    let admin = rows.user("admin@example.test", Role::Admin).await;
    let hash = credentials::hash(PASSWORD).unwrap();
    db.run(&format!("update users set password_hash = '{hash}'"))
        .await;
    Setup {
        api: api(&db, &clock),
        token: TestTokens::of(id, Role::User, &clock),
        admin: TestTokens::of(admin, Role::Admin, &clock),
        id,
        clock,
        db,
    }
}
