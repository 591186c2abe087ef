use crate::{EVENTS, setup};
use domain::user::Role;
use events::{App, router};
use runtime::Clock;
use serde_json::json;
use testkit::{Api, TestDb, TestTokens, twins};
use web::Site;

/// The function as another environment runs it, by the real clock.
fn environment(db: &TestDb) -> Api {
    Api::new(router(
        App::from_env(&testkit::env(db.url())).unwrap(),
        Site::default(),
    ))
}

#[tokio::test]
async fn of_twenty_twins_one_makes_an_event_and_all_hear_of_it() {
    let t = setup().await;
    let apis: Vec<_> = (0..20).map(|_| environment(&t.db)).collect();
    let token = TestTokens::of(t.organizer_id, Role::Organizer, &Clock::system());
    let body = json!({"name": "Java Jazz", "date": "2099-03-01", "location": "Jakarta"});
    let heard = twins(&apis, EVENTS, &token, "k", &body).await;
    for reply in &heard {
        assert_eq!(reply.data(201)["name"], "Java Jazz");
        assert_eq!(reply.bytes, heard[0].bytes);
    }
    assert_eq!(t.db.count("select count(*) from events").await, 1);
    let other = json!({"name": "Rock", "date": "2099-03-01", "location": "Jakarta"});
    let refused = apis[0].post_once(EVENTS, &token, "k", &other).await;
    assert_eq!(refused.error(400), "idempotency_mismatch");
    apis[0].post_once(EVENTS, &token, "k2", &body).await.data(201);
    assert_eq!(t.db.count("select count(*) from events").await, 2);
}

#[tokio::test]
async fn an_event_that_has_begun_meanwhile_is_still_answered() {
    let t = setup().await;
    let body = json!({"name": "Java Jazz", "date": "2030-01-01T13:00:00Z", "location": "Jakarta"});
    let first = t.api.post_once(EVENTS, &t.organizer, "k", &body).await;
    t.clock.advance(2 * 3_600);
    let again = t.api.post_once(EVENTS, &t.organizer, "k", &body).await;
    assert_eq!((again.status.as_u16(), again.bytes), (201, first.bytes));
    let late = t.api.post_once(EVENTS, &t.organizer, "k2", &body).await;
    assert_eq!(late.error(400), "invalid_input");
}
