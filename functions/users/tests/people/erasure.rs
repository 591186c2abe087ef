use crate::{ME, PASSWORD, Setup, api, setup};
use domain::user::Role;
use serde_json::json;
use testkit::{Api, Reply, Rows, TestTokens};

async fn erase(api: &Api, token: &str, password: &str) -> Reply {
    api.call("DELETE", ME, Some(token), Some(json!({"password": password})))
        .await
}

impl Setup {
    async fn account(&self) -> String {
        self.db
            .text("select concat_ws('|', email, name, age, phone_number, deleted_at is null) from users where id = 1")
            .await
    }
}

#[tokio::test]
async fn the_password_erases_the_account() {
    let t = setup().await;
    let ticket = Rows(&t.db).on_sale(50_000, 100).await;
    Rows(&t.db).bought(t.id, ticket, 2).await;
    let reply = erase(&t.api, &t.token, PASSWORD).await;
    assert_eq!(reply.message(), "Account erased successfully");
    reply.data(200);
    assert_eq!(t.account().await, "deleted-1@invalid|Deleted user|1|-|f");
    assert_eq!(
        t.db.count("select count(*) from sessions where user_id = 1")
            .await,
        0
    );
    assert_eq!(
        t.db.text("select string_agg(holder_name, ' ') from issued_tickets where status = 'valid'")
            .await,
        "Deleted user Deleted user"
    );
    assert_eq!(
        t.db.count("select count(*) from orders where user_id = 1 and total = 100000")
            .await,
        1
    );
    let again = erase(&api(&t.db, &t.clock), &t.token, PASSWORD).await;
    assert!([401, 404].contains(&again.status.as_u16()), "{again:?}");
}

#[tokio::test]
async fn nobody_else_erases_an_account() {
    let t = setup().await;
    let before = t.account().await;
    assert_eq!(
        erase(&t.api, &t.token, "wrong").await.error(400),
        "wrong_password"
    );
    let wrong = t.api.event("http/users/erase_me.json", Some(&t.token)).await;
    assert_eq!(wrong.error(400), "wrong_password");
    for body in [
        json!({}),
        json!({"password": ""}),
        json!({"password": 1}),
        json!({"password": PASSWORD, "id": 2}),
    ] {
        let refused = t.api.call("DELETE", ME, Some(&t.token), Some(body)).await;
        assert_eq!(refused.error(400), "invalid_input");
    }
    let bare = t.api.call("DELETE", ME, Some(&t.token), None).await;
    assert_eq!(bare.error(400), "invalid_input");
    assert_eq!(
        erase(&t.api, "forged", PASSWORD).await.error(401),
        "unauthenticated"
    );
    assert_eq!(t.account().await, before);
}

#[tokio::test]
async fn admins_and_whoever_has_events_to_come_stay() {
    let t = setup().await;
    assert_eq!(erase(&t.api, &t.admin, PASSWORD).await.error(409), "own_account");
    // The role that counts is the one of the account.
    t.db.run("update users set role = 'admin' where id = 1").await;
    assert_eq!(erase(&t.api, &t.token, PASSWORD).await.error(409), "own_account");
    t.db.run("update users set role = 'organizer' where id = 1").await;
    let event = Rows(&t.db).event(t.id, "Java Jazz").await;
    let token = TestTokens::of(t.id, Role::Organizer, &t.clock);
    assert_eq!(erase(&t.api, &token, PASSWORD).await.error(409), "has_events");
    assert_eq!(t.account().await, "ayu@example.test|ayu|30|081200000000|t");
    t.db.run(&format!(
        "update events set status = 'cancelled' where id = {event}"
    ))
    .await;
    erase(&t.api, &token, PASSWORD).await.data(200);
    assert_eq!(
        t.db.text("select name from events").await,
        "Java Jazz",
        "what was published stays"
    );
}

#[tokio::test]
async fn of_many_erasures_at_once_one_is_done_and_nothing_is_half_done() {
    let t = setup().await;
    let apis: Vec<_> = (0..8).map(|_| api(&t.db, &t.clock)).collect();
    let calls = apis.iter().map(|api| erase(api, &t.token, PASSWORD));
    let replies = futures_util::future::join_all(calls).await;
    let done = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(done, 1, "{replies:?}");
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        assert!([401, 404].contains(&reply.status.as_u16()), "{reply:?}");
    }
    assert_eq!(t.account().await, "deleted-1@invalid|Deleted user|1|-|f");
}

#[tokio::test]
async fn wishes_made_while_the_account_is_erased_leave_nothing_behind() {
    for round in 0..5 {
        let t = setup().await;
        let apis: Vec<_> = (0..6).map(|_| api(&t.db, &t.clock)).collect();
        let wish = json!({"language": "en", "mailPromotions": true});
        let calls = apis.iter().enumerate().map(async |(i, api)| match i {
            0 => erase(api, &t.token, PASSWORD).await,
            _ => {
                // The password takes its time to be checked: the wishes come while the account goes.
                tokio::time::sleep(std::time::Duration::from_millis(10 * i as u64)).await;
                api.call(
                    "PATCH",
                    &format!("{ME}/preferences"),
                    Some(&t.token),
                    Some(wish.clone()),
                )
                .await
            }
        });
        let replies = futures_util::future::join_all(calls).await;
        assert_eq!(replies[0].status, 200);
        for reply in &replies[1..] {
            assert!(
                [200, 401, 404].contains(&reply.status.as_u16()),
                "{round}: {reply:?}"
            );
        }
        assert_eq!(t.db.count("select count(*) from preferences").await, 0);
    }
}
