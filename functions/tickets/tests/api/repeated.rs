use crate::{TICKETS, setup};
use domain::user::Role;
use runtime::Clock;
use testkit::{Api, TestDb, TestTokens, twins};
use tickets::{App, router};
use web::Site;

/// The function as another environment runs it, by the real clock.
fn environment(db: &TestDb) -> Api {
    Api::new(router(
        App::from_env(&testkit::env(db.url())).unwrap(),
        Site::default(),
    ))
}

#[tokio::test]
async fn of_twenty_twins_one_makes_a_ticket_type_and_all_hear_of_it() {
    let t = setup().await;
    let apis: Vec<_> = (0..20).map(|_| environment(&t.db)).collect();
    let token = TestTokens::of(t.organizer_id, Role::Organizer, &Clock::system());
    let heard = twins(&apis, TICKETS, &token, "k", &t.body()).await;
    for reply in &heard {
        assert_eq!(reply.data(201)["name"], "VIP");
        assert_eq!(reply.bytes, heard[0].bytes);
    }
    let vip = "select count(*) from ticket_types where name = 'VIP'";
    assert_eq!(t.db.count(vip).await, 1);
    let mut other = t.body();
    other["price"] = 1.into();
    let refused = apis[0].post_once(TICKETS, &token, "k", &other).await;
    assert_eq!(refused.error(400), "idempotency_mismatch");
    apis[0]
        .post_once(TICKETS, &token, "k2", &t.body())
        .await
        .data(201);
    assert_eq!(t.db.count(vip).await, 2);
}
