//! The audit log as admins read it, and what of this function is written there.

use crate::support::{USERS, setup};
use domain::user::Role;
use serde_json::{Value, json};

#[tokio::test]
async fn what_admins_do_to_accounts_leaves_one_row() {
    let t = setup().await;
    // What people do to their own account is not written down: the log is about what is done to things of others.
    let own: Vec<&str> = users::ROUTES
        .iter()
        .filter(|route| route.method != "GET" && route.access != web::Access::Admin)
        .map(|route| route.id)
        .collect();
    testkit::every_change_is_audited(&t.db, users::ROUTES, &own, async |route| {
        let (path, body) = match route.id {
            "change_user_role" => (
                format!("{USERS}/{}/role", t.id),
                Some(json!({"role": "organizer"})),
            ),
            "delete_user" => (format!("{USERS}/{}", t.id), None),
            other => panic!("{other} is new: say here how it is called"),
        };
        t.api.call(route.method, &path, Some(&t.admin), body).await
    })
    .await;
    let told = "select string_agg(concat_ws(' ', subject_kind, subject_id, changes), '; ' order by id) from audit_log";
    assert_eq!(
        t.db.text(told).await,
        "user 1 {\"role\": {\"to\": \"organizer\", \"from\": \"user\"}}; user 1 {}"
    );
}

#[tokio::test]
async fn the_same_role_again_is_not_written_down() {
    let t = setup().await;
    t.give(t.id, &t.admin, Role::User).await.data(200);
    t.give(t.admin_id, &t.admin, Role::User).await.error(409);
    assert_eq!(t.db.count("select count(*) from audit_log").await, 0);
}

#[tokio::test]
async fn admins_read_the_log_by_what_who_and_how() {
    let t = setup().await;
    for role in [Role::Staff, Role::Organizer] {
        t.give(t.id, &t.admin, role).await.data(200);
    }
    t.db.run(
        "insert into audit_log (at, actor_id, actor_role, actor_via, action, subject_kind, subject_id, event_id, changes, request_id)
         values (now(), 9, 'organizer', 'api_key', 'update_ticket', 'ticket_type', 1, 7, '{}', 'r')",
    )
    .await;
    let ids = async |query: &str| {
        let reply = t.api.get(&format!("{USERS}/audit?{query}"), Some(&t.admin)).await;
        let log = reply.data(200);
        log["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["id"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    for (query, found) in [
        ("", vec![3, 2, 1]),
        ("subjectKind=user", vec![2, 1]),
        ("subjectKind=user&subjectId=1", vec![2, 1]),
        ("subjectKind=event", vec![]),
        ("subjectId=1", vec![3, 2, 1]),
        ("eventId=7", vec![3]),
        ("actorId=2", vec![2, 1]),
        ("actorId=9", vec![3]),
        ("action=change_user_role", vec![2, 1]),
        ("action=delete_user", vec![]),
        ("cursor=3", vec![2, 1]),
        ("actorId=2&cursor=2", vec![1]),
    ] {
        assert_eq!(ids(query).await, found, "{query}");
    }
    let file = t
        .api
        .event("http/users/list_audit.json", Some(&t.admin))
        .await
        .data(200);
    assert_eq!(
        (&file["entries"][0]["changes"], &file["nextCursor"]),
        (
            &json!({"role": {"from": "staff", "to": "organizer"}}),
            &Value::Null
        )
    );
    for query in ["subjectKind=order", "subjectId=x", "actorId=0", "cursor=-1"] {
        let reply = t.api.get(&format!("{USERS}/audit?{query}"), Some(&t.admin)).await;
        assert_eq!(reply.error(400), "invalid_input", "{query}");
    }
    let own = t.api.get(&format!("{USERS}/audit"), Some(&t.token)).await;
    assert_eq!(own.error(403), "forbidden");
    let organizer = t.rows().user("other@example.test", Role::Organizer).await;
    let token = t.token(organizer, Role::Organizer);
    let refused = t.api.get(&format!("{USERS}/audit"), Some(&token)).await;
    assert_eq!(refused.error(403), "forbidden");
}
