use crate::support::{USERS, give, setup};
use domain::UserId;
use domain::user::Role;
use futures_util::future::join;
use serde_json::json;

#[tokio::test]
async fn an_admin_gives_a_role_and_it_is_written_down() {
    let t = setup().await;
    t.clock.advance(60);
    let reply = t
        .api
        .event("http/users/change_user_role.json", Some(&t.admin))
        .await;
    assert_eq!(reply.message(), "Role updated successfully");
    let user = reply.data(200);
    assert_eq!(
        (&user["id"], &user["role"], &user["updatedAt"]),
        (
            &json!(t.id),
            &json!("organizer"),
            &json!("2030-01-01T12:01:00.000Z")
        )
    );
    for role in [Role::Staff, Role::Admin, Role::User] {
        assert_eq!(
            t.give(t.id, &t.admin, role).await.data(200)["role"],
            role.as_str()
        );
    }
    let log = t
        .db
        .text(
            "select string_agg(concat_ws(' ', user_id, changed_by, from_role, to_role, at at time zone 'UTC'), '\n' order by id)
             from role_changes",
        )
        .await;
    assert_eq!(
        log,
        "1 2 user organizer 2030-01-01 12:01:00\n1 2 organizer staff 2030-01-01 12:01:00\n\
         1 2 staff admin 2030-01-01 12:01:00\n1 2 admin user 2030-01-01 12:01:00"
    );
}

#[tokio::test]
async fn another_role_ends_sessions_and_the_same_role_changes_nothing() {
    let t = setup().await;
    let before = t.row(t.id).await;
    t.clock.advance(60);
    t.give(t.id, &t.admin, Role::User).await.data(200);
    assert_eq!(t.row(t.id).await, before);
    assert_eq!(t.db.count("select count(*) from role_changes").await, 0);
    t.give(t.id, &t.admin, Role::Staff).await.data(200);
    let ended =
        "select string_agg(user_id || ' ' || (ended_at at time zone 'UTC')::text, ', ') from sessions";
    assert_eq!(t.db.text(ended).await, "1 2030-01-01 12:01:00", "nobody else's");
}

#[tokio::test]
async fn an_admin_cannot_change_his_own_role() {
    let t = setup().await;
    for role in Role::ALL {
        assert_eq!(t.give(t.admin_id, &t.admin, role).await.error(409), "own_account");
    }
    assert_eq!(
        t.db.count("select count(*) from users where role = 'admin'")
            .await,
        1
    );
}

#[tokio::test]
async fn nobody_but_admins_gives_roles() {
    let t = setup().await;
    let path = format!("{USERS}/{}/role", t.id);
    let body = || Some(json!({"role": "admin"}));
    let anonymous = t.api.call("PATCH", &path, None, body()).await;
    assert_eq!(anonymous.error(401), "unauthenticated");
    for role in [Role::User, Role::Organizer, Role::Staff] {
        let token = t.token(t.id, role);
        assert_eq!(t.give(t.id, &token, Role::Admin).await.error(403), "forbidden");
    }
    assert_eq!(t.db.text("select role from users where id = 1").await, "user");
}

#[tokio::test]
async fn an_admin_who_is_none_any_more_gives_no_roles() {
    let t = setup().await;
    let other = t.rows().user("other@example.test", Role::Admin).await;
    t.trust(&t.admin).await;
    t.give(t.admin_id, &t.token(other, Role::Admin), Role::User)
        .await
        .data(200);
    // The token still says admin; the account does not.
    assert_eq!(t.give(t.id, &t.admin, Role::Admin).await.error(403), "forbidden");
    t.delete(t.admin_id, &t.token(other, Role::Admin)).await.data(200);
    assert_eq!(t.give(t.id, &t.admin, Role::Admin).await.error(403), "forbidden");
    assert_eq!(t.db.text("select role from users where id = 1").await, "user");
}

#[tokio::test]
async fn bad_roles_and_missing_accounts_are_refused() {
    let t = setup().await;
    for (body, message) in [
        (json!({}), "\"role\" is required"),
        (
            json!({"role": "root"}),
            "\"role\" must be one of [user, organizer, staff, admin]",
        ),
        (
            json!({"role": "Admin"}),
            "\"role\" must be one of [user, organizer, staff, admin]",
        ),
        (json!({"role": "staff", "id": 2}), "\"id\" is not allowed"),
    ] {
        let reply = give(&t.api, t.id, &t.admin, body.clone()).await;
        assert_eq!(reply.error(400), "invalid_input", "{body}");
        assert_eq!(reply.message(), message, "{body}");
    }
    let missing = t.give(UserId::new(9_999), &t.admin, Role::Staff).await;
    assert_eq!(missing.error(404), "not_found");
    assert_eq!(missing.message(), "User not found");
    t.delete(t.id, &t.admin).await.data(200);
    assert_eq!(t.give(t.id, &t.admin, Role::Staff).await.error(404), "not_found");
    let body = Some(json!({"role": "staff"}));
    let path = format!("{USERS}/me/role");
    let me = t.api.call("PATCH", &path, Some(&t.admin), body).await;
    assert_eq!(me.error(400), "invalid_input");
}

#[tokio::test]
async fn two_admins_who_demote_each_other_leave_one() {
    let t = setup().await;
    let other_api = t.another_api();
    for round in 0..20 {
        let other = t
            .rows()
            .user(&format!("admin{round}@example.test"), Role::Admin)
            .await;
        let (one, two) = join(
            give(&t.api, other, &t.admin, json!({"role": "user"})),
            give(
                &other_api,
                t.admin_id,
                &t.token(other, Role::Admin),
                json!({"role": "user"}),
            ),
        )
        .await;
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        // Whose session was ended already is told so, who comes at the same moment may be told the reason.
        assert!(matches!(statuses, [200, 401 | 403]), "{statuses:?}");
        assert_eq!(
            t.db.count("select count(*) from users where role = 'admin'")
                .await,
            1
        );
        t.db.run(&format!(
            "update users set role = case when id = {} then 'admin' else 'user' end",
            t.admin_id
        ))
        .await;
    }
}
