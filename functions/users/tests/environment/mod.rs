use runtime::Clock;
use testkit::{Api, TestDb};
use users::{App, router};
use web::Site;

/// The function with a connection and a memory of its own, as in an execution environment.
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
pub fn api(db: &TestDb, clock: &Clock) -> Api {
    let app = App {
        clock: clock.clone(),
        ..App::from_env(&testkit::env(db.url())).unwrap()
    };
    Api::new(router(app, Site::default()))
}
