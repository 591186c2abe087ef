use crate::support::{USERS, setup};
use domain::UserId;
use domain::user::Role;
use serde_json::{Value, json};

fn emails(data: &Value) -> Vec<&str> {
    let users = data["users"].as_array().unwrap();
    users.iter().map(|user| user["email"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_admin_lists_accounts_under_the_keys_that_clients_know() {
    let t = setup().await;
    let reply = t.api.event("http/users/list_users.json", Some(&t.admin)).await;
    assert_eq!(reply.message(), "Users retrieved successfully");
    assert_eq!(reply.headers["cache-control"], "no-store");
    let data = reply.data(200);
    assert_eq!(
        data["metadata"],
        json!({"total": 2, "totalPages": 1, "currentPage": 1, "limit": 10})
    );
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&data), ["users", "metadata"]);
    assert_eq!(
        keys(&data["metadata"]),
        ["total", "totalPages", "currentPage", "limit"]
    );
    assert_eq!(
        data["users"][1],
        json!({
            "id": t.id, "email": "ayu@example.test", "name": "ayu", "age": 30, "phoneNumber": "081200000000", "role": "user",
            "isVerified": true, "createdAt": "2030-01-01T12:00:00.000Z", "updatedAt": "2030-01-01T12:00:00.000Z",
            "authId": null, "deletedAt": null,
        })
    );
    assert_eq!(
        keys(&data["users"][1]),
        [
            "id",
            "email",
            "name",
            "age",
            "phoneNumber",
            "role",
            "isVerified",
            "createdAt",
            "updatedAt",
            "authId",
            "deletedAt"
        ]
    );
    assert!(!data.to_string().contains("not a hash"));
}

#[tokio::test]
async fn the_newest_come_first_and_every_page_once() {
    let t = setup().await;
    for number in 0..21 {
        t.rows().buyer(&format!("crowd{number}@example.test")).await;
    }
    // All were made at the same moment but one, which is newer than those after it.
    t.db.run("update users set created_at = created_at + interval '1 minute' where id = 5")
        .await;
    let mut seen = Vec::new();
    for (page, size) in [(1, 10), (2, 10), (3, 3), (4, 0)] {
        let data = t
            .api
            .get(&format!("{USERS}?page={page}"), Some(&t.admin))
            .await
            .data(200);
        assert_eq!(
            data["metadata"],
            json!({"total": 23, "totalPages": 3, "currentPage": page, "limit": 10})
        );
        let ids = data["users"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["id"].as_i64().unwrap());
        let before = seen.len();
        seen.extend(ids);
        assert_eq!(seen.len() - before, size, "page {page}");
    }
    let expected: Vec<i64> = [5]
        .into_iter()
        .chain((1..=23).rev().filter(|id| *id != 5))
        .collect();
    assert_eq!(seen, expected);
    let all = t
        .api
        .get(&format!("{USERS}?limit=1000"), Some(&t.admin))
        .await
        .data(200);
    assert_eq!(all["users"].as_array().unwrap().len(), 23);
    assert_eq!(all["metadata"]["limit"], 100);
}

#[tokio::test]
async fn a_search_finds_parts_of_addresses_and_takes_wildcards_literally() {
    let t = setup().await;
    for email in [
        "Budi.Santoso@example.test",
        "50_off@example.test",
        "500off@other.test",
    ] {
        t.rows().buyer(email).await;
    }
    for (search, found) in [
        ("BUDI", vec!["Budi.Santoso@example.test"]),
        ("santoso%40EXAMPLE", vec!["Budi.Santoso@example.test"]),
        ("50_off", vec!["50_off@example.test"]),
        ("50", vec!["500off@other.test", "50_off@example.test"]),
        ("%25", vec![]),
        ("%5C", vec![]),
        ("ayu%25test", vec![]),
        ("nobody", vec![]),
        ("%20ayu%20", vec!["ayu@example.test"]),
    ] {
        let path = format!("{USERS}?search={search}");
        let data = t.api.get(&path, Some(&t.admin)).await.data(200);
        assert_eq!(emails(&data), found, "{search}");
        assert_eq!(data["metadata"]["total"], found.len(), "{search}");
    }
    // Names are not searched, and a page past the end still counts.
    let path = format!("{USERS}?search=example&page=7&limit=2");
    let data = t.api.get(&path, Some(&t.admin)).await.data(200);
    assert_eq!(data["users"], json!([]));
    assert_eq!(
        data["metadata"],
        json!({"total": 4, "totalPages": 2, "currentPage": 7, "limit": 2})
    );
}

#[tokio::test]
async fn deleted_accounts_are_listed_only_when_asked_for() {
    let t = setup().await;
    t.clock.advance(60);
    t.delete(t.id, &t.admin).await.data(200);
    for query in ["", "?deleted=false", "?deleted="] {
        let data = t
            .api
            .get(&format!("{USERS}{query}"), Some(&t.admin))
            .await
            .data(200);
        assert_eq!(emails(&data), ["admin@example.test"], "{query}");
        assert_eq!(data["metadata"]["total"], 1);
    }
    let data = t
        .api
        .get(&format!("{USERS}?deleted=true"), Some(&t.admin))
        .await
        .data(200);
    assert_eq!(emails(&data), ["admin@example.test", "deleted-1@invalid"]);
    assert_eq!(data["users"][0]["deletedAt"], Value::Null);
    assert_eq!(data["users"][1]["deletedAt"], "2030-01-01T12:01:00.000Z");
    let past = t
        .api
        .get(&format!("{USERS}?deleted=true&page=2"), Some(&t.admin))
        .await
        .data(200);
    assert_eq!(past["metadata"]["total"], 2);
}

#[tokio::test]
async fn nobody_but_admins_lists_accounts() {
    let t = setup().await;
    let anonymous = t.api.get(USERS, None).await;
    assert_eq!(anonymous.error(401), "unauthenticated");
    for role in [Role::User, Role::Organizer, Role::Staff] {
        let reply = t.api.get(USERS, Some(&t.token(UserId::new(7), role))).await;
        assert_eq!(reply.error(403), "forbidden");
        assert_eq!(reply.message(), "Unauthorized");
    }
}

#[tokio::test]
async fn bad_parameters_are_refused() {
    let t = setup().await;
    let too_long = "x".repeat(101);
    for (query, message) in [
        ("page=0", "\"page\" must be a positive whole number"),
        ("page=-1", "\"page\" must be a positive whole number"),
        ("limit=abc", "\"limit\" must be a positive whole number"),
        ("page=1&page=2", "\"page\" is repeated"),
        ("deleted=yes", "\"deleted\" must be one of [true, false]"),
        ("search=a%00b", "\"search\" must not contain control characters"),
        (
            &format!("search={too_long}"),
            "\"search\" must be at most 100 characters long",
        ),
    ] {
        let reply = t.api.get(&format!("{USERS}?{query}"), Some(&t.admin)).await;
        assert_eq!(reply.error(400), "invalid_input", "{query}");
        assert_eq!(reply.message(), message);
    }
}
