use crate::support::{Setup, USERS, credentials_of, setup};
use credentials::Verdict;
use domain::UserId;
use domain::user::{Password, Role};
use futures_util::future::join;
use serde_json::{Value, json};
use testkit::{Api, Reply};

const OLD: &str = "correct horse battery";

async fn with_password() -> Setup {
    let t = setup().await;
    let hash = credentials::hash(OLD).unwrap();
    t.db.run(&format!("update users set password_hash = '{hash}' where id = 1"))
        .await;
    t
}

async fn change(api: &Api, token: &str, old: &str, new: &str) -> Reply {
    let body = json!({"currentPassword": old, "newPassword": new});
    api.post(&format!("{USERS}/me/password"), Some(token), body).await
}

async fn opens(t: &Setup, password: &str) -> bool {
    let (_, hash) = credentials_of(&t.db.db(), "ayu@example.test").await.unwrap();
    let password: Password = serde_json::from_value(json!(password)).unwrap();
    matches!(
        credentials::check(&password, Some(&hash)).unwrap(),
        Verdict::Right { .. }
    )
}

#[tokio::test]
async fn people_change_their_password() {
    let t = with_password().await;
    t.clock.advance(60);
    let reply = t
        .api
        .event("http/users/change_password.json", Some(&t.token))
        .await;
    assert_eq!(reply.message(), "Password updated successfully");
    assert_eq!(reply.data(200), Value::Null);
    assert!(opens(&t, "staple of the battery").await);
    assert!(!opens(&t, OLD).await);
    let ended =
        "select string_agg(user_id || ' ' || (ended_at at time zone 'UTC')::text, ', ') from sessions";
    assert_eq!(t.db.text(ended).await, "1 2030-01-01 12:01:00", "nobody else's");
}

#[tokio::test]
async fn only_whoever_knows_the_current_password_changes_it() {
    let t = with_password().await;
    for wrong in ["correct horse batterY", "x", "not a hash"] {
        let reply = change(&t.api, &t.token, wrong, "staple of the battery").await;
        assert_eq!(reply.error(400), "wrong_password");
        assert_eq!(reply.message(), "Current password is wrong");
    }
    assert!(opens(&t, OLD).await);
    let body = json!({"currentPassword": OLD, "newPassword": "staple of the battery"});
    let anonymous = t.api.post(&format!("{USERS}/me/password"), None, body).await;
    assert_eq!(anonymous.error(401), "unauthenticated");
    let stranger = t.token(UserId::new(9_999), Role::User);
    let reply = change(&t.api, &stranger, OLD, "staple of the battery").await;
    assert_eq!(reply.error(401), "unauthenticated");
    // An account without a usable password has none to know.
    let reply = change(&t.api, &t.admin, "not a hash", "staple of the battery").await;
    assert_eq!(reply.error(400), "wrong_password");
}

#[tokio::test]
async fn weak_or_missing_passwords_are_refused() {
    let t = with_password().await;
    for (body, message) in [
        (
            json!({}),
            "\"currentPassword\" is required, \"newPassword\" is required",
        ),
        (json!({"currentPassword": OLD}), "\"newPassword\" is required"),
        (
            json!({"currentPassword": OLD, "newPassword": "short"}),
            "\"newPassword\" length must be at least 8 characters long",
        ),
        (
            json!({"currentPassword": OLD, "newPassword": "Password123"}),
            "\"newPassword\" is among the most guessed passwords, please choose another",
        ),
        (
            json!({"currentPassword": "", "newPassword": "staple of the battery"}),
            "\"currentPassword\" is not allowed to be empty",
        ),
        (
            json!({"currentPassword": OLD, "newPassword": "staple of the battery", "userId": 2}),
            "\"userId\" is not allowed",
        ),
    ] {
        let reply = t
            .api
            .post(&format!("{USERS}/me/password"), Some(&t.token), body)
            .await;
        assert_eq!(reply.error(400), "invalid_input");
        assert_eq!(reply.message(), message);
        let text = String::from_utf8(reply.bytes).unwrap();
        assert!(!text.contains(OLD) && !text.contains("staple"), "{text}");
    }
    assert!(opens(&t, OLD).await);
}

#[tokio::test]
async fn a_change_voids_what_was_mailed_to_reset_the_password() {
    let t = with_password().await;
    t.db.run(
        "insert into password_resets (token_hash, address_hash, user_id, expires_at, created_at)
         select decode(md5(id::text), 'hex'), '\\x00', id, now(), now() from users",
    )
    .await;
    change(&t.api, &t.token, "wrong", "staple of the battery")
        .await
        .error(400);
    assert_eq!(t.db.count("select count(*) from password_resets").await, 2);
    change(&t.api, &t.token, OLD, "staple of the battery")
        .await
        .data(200);
    assert_eq!(
        t.db.count("select user_id from password_resets").await,
        t.admin_id.get()
    );
}

#[tokio::test]
async fn of_two_changes_at_once_one_wins_and_the_other_is_told() {
    let t = with_password().await;
    let other = t.another_api();
    let (one, two) = join(
        change(&t.api, &t.token, OLD, "the first new password"),
        change(&other, &t.token, OLD, "the second new password"),
    )
    .await;
    let (won, lost, password) = match one.status.as_u16() {
        200 => (one, two, "the first new password"),
        _ => (two, one, "the second new password"),
    };
    won.data(200);
    match lost.status.as_u16() {
        409 => assert_eq!(lost.error(409), "password_changed"),
        _ => assert_eq!(lost.error(400), "wrong_password"),
    }
    assert!(opens(&t, password).await);
}

#[tokio::test]
async fn a_deleted_account_has_no_password() {
    let t = with_password().await;
    t.trust(&t.token).await;
    t.delete(t.id, &t.admin).await.data(200);
    for password in [OLD, "!"] {
        let reply = change(&t.api, &t.token, password, "staple of the battery").await;
        assert_eq!(reply.error(404), "not_found");
    }
    assert_eq!(
        t.db.text("select password_hash from users where id = 1").await,
        "!"
    );
}
