use categories::{App, router};
use domain::user::Role;
use runtime::{Clock, Env};
use serde_json::{Value, json};
use testkit::{Api, Rows, TestDb, TestTokens, start, twins};
use web::Site;

struct Setup {
    db: TestDb,
    api: Api,
    clock: Clock,
    admin: String,
    user: String,
}

/// The function with a connection of its own, as an execution environment has.
fn api(db: &TestDb, clock: &Clock) -> Api {
    let app = App {
        db: db.db(),
        tokens: TestTokens::checker(),
        clock: clock.clone(),
    };
    Api::new(router(app, Site::from_env(&Env::default())))
}

async fn setup() -> Setup {
    let (db, clock) = (TestDb::new().await, Clock::set_to(start()));
    let rows = Rows(&db);
    let admin = rows.user("admin@example.test", Role::Admin).await;
    let user = rows.buyer("ayu@example.test").await;
    Setup {
        api: api(&db, &clock),
        admin: TestTokens::of(admin, Role::Admin, &clock),
        user: TestTokens::of(user, Role::User, &clock),
        clock,
        db,
    }
}

#[tokio::test]
async fn an_admin_makes_reads_renames_and_deletes_a_category() {
    let t = setup().await;
    let made = t
        .api
        .event("http/categories/create_category.json", Some(&t.admin))
        .await;
    let category = made.data(201);
    assert_eq!(made.message(), "Category created successfully");
    assert_eq!(category["createdAt"], "2030-01-01T12:00:00.000Z");
    let keys: Vec<_> = category.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["id", "name", "createdAt", "updatedAt"]);
    let path = format!("/api/v1/categories/{}", category["id"]);
    assert_eq!(t.api.get(&path, None).await.data(200), category);
    let renamed = t
        .api
        .call("PATCH", &path, Some(&t.admin), Some(json!({"name": "Theatre"})))
        .await
        .data(200);
    assert_eq!(renamed["name"], "Theatre");
    let deleted = t.api.call("DELETE", &path, Some(&t.admin), None).await;
    assert_eq!(deleted.data(200), Value::Null);
    assert_eq!(t.api.get(&path, None).await.error(404), "not_found");
}

#[tokio::test]
async fn a_name_is_taken_whatever_its_case() {
    let t = setup().await;
    for (name, status) in [("Jazz", 201), ("jazz", 409), ("JAZZ ", 409), ("Rock", 201)] {
        let reply = t
            .api
            .post("/api/v1/categories", Some(&t.admin), json!({"name": name}))
            .await;
        assert_eq!(reply.status.as_u16(), status, "{name}");
    }
    let rock = t.db.count("select id from categories where name = 'Rock'").await;
    let path = format!("/api/v1/categories/{rock}");
    assert_eq!(
        t.api
            .call("PATCH", &path, Some(&t.admin), Some(json!({"name": "jAzZ"})))
            .await
            .error(409),
        "name_taken"
    );
}

#[tokio::test]
async fn of_twenty_twins_one_makes_a_category_and_all_hear_of_it() {
    let t = setup().await;
    let apis: Vec<_> = (0..20).map(|_| api(&t.db, &t.clock)).collect();
    let body = json!({"name": "Jazz"});
    let heard = twins(&apis, "/api/v1/categories", &t.admin, "k", &body).await;
    for reply in &heard {
        assert_eq!(reply.data(201)["name"], "Jazz");
        assert_eq!(reply.bytes, heard[0].bytes);
    }
    let again = t.api.post_once("/api/v1/categories", &t.admin, "k", &body).await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    // Under another key it is another request, and the name is taken; a refusal is not kept.
    for key in ["k2", "k2"] {
        let refused = t.api.post_once("/api/v1/categories", &t.admin, key, &body).await;
        assert_eq!(refused.error(409), "name_taken");
    }
    assert_eq!(t.db.count("select count(*) from categories").await, 1);
    assert_eq!(t.db.count("select count(*) from idempotency_keys").await, 1);
}

#[tokio::test]
async fn only_admins_write() {
    let t = setup().await;
    for (method, path) in [
        ("POST", "/api/v1/categories"),
        ("PATCH", "/api/v1/categories/1"),
        ("DELETE", "/api/v1/categories/1"),
    ] {
        let body = Some(json!({"name": "X"}));
        assert_eq!(
            t.api.call(method, path, None, body.clone()).await.error(401),
            "unauthenticated"
        );
        assert_eq!(
            t.api
                .call(method, path, Some("forged"), body.clone())
                .await
                .error(401),
            "unauthenticated"
        );
        assert_eq!(
            t.api.call(method, path, Some(&t.user), body).await.error(403),
            "forbidden"
        );
    }
    assert_eq!(t.db.count("select count(*) from categories").await, 0);
}

#[tokio::test]
async fn the_list_pages_and_searches() {
    let t = setup().await;
    for i in 1..=12 {
        t.api
            .post(
                "/api/v1/categories",
                Some(&t.admin),
                json!({"name": format!("Kind {i} 100%")}),
            )
            .await
            .data(201);
    }
    let list = t
        .api
        .event("http/categories/list_categories.json", None)
        .await
        .data(200);
    assert_eq!(
        list["meta"],
        json!({"page": 1, "limit": 10, "total": 12, "totalPages": 2})
    );
    assert_eq!(list["categories"][0]["name"], "Kind 12 100%");
    let list = t.api.get("/api/v1/categories?page=2", None).await.data(200);
    assert_eq!(list["categories"].as_array().unwrap().len(), 2);
    let beyond = t.api.get("/api/v1/categories?page=9", None).await.data(200);
    assert_eq!(
        (
            beyond["categories"].as_array().unwrap().len(),
            &beyond["meta"]["total"]
        ),
        (0, &json!(12))
    );
    let found = t
        .api
        .get("/api/v1/categories?search=KIND%201%20100%25", None)
        .await
        .data(200);
    assert_eq!(found["meta"]["total"], 1);
    let wildcard = t.api.get("/api/v1/categories?search=_", None).await.data(200);
    assert_eq!(wildcard["meta"]["total"], 0);
    for bad in ["page=0", "limit=abc", "page=1&page=2", "search=a%00b"] {
        assert_eq!(
            t.api
                .get(&format!("/api/v1/categories?{bad}"), None)
                .await
                .error(400),
            "invalid_input",
            "{bad}"
        );
    }
}

#[tokio::test]
async fn a_category_in_use_stays() {
    let t = setup().await;
    Rows(&t.db).on_sale(50_000, 10).await;
    let id = t.db.count("select id from categories").await;
    let deleted = t
        .api
        .call(
            "DELETE",
            &format!("/api/v1/categories/{id}"),
            Some(&t.admin),
            None,
        )
        .await;
    assert_eq!(deleted.error(409), "in_use");
}

#[tokio::test]
async fn bad_input_is_told_by_field() {
    let t = setup().await;
    for (body, message) in [
        (json!({}), "\"name\" is required"),
        (json!({"name": ""}), "String must contain at least 1 character(s)"),
        (json!({"name": 7}), "\"name\" must be a string"),
        (
            json!({"name": "x".repeat(101)}),
            "\"name\" must be at most 100 characters long",
        ),
        (
            json!({"name": "a\u{0}b"}),
            "\"name\" must not contain control characters",
        ),
    ] {
        let reply = t.api.post("/api/v1/categories", Some(&t.admin), body).await;
        assert_eq!(reply.error(400), "invalid_input");
        assert_eq!(reply.message(), message);
        assert_eq!(reply.json()["details"][0]["field"], "name");
    }
    for path in [
        "/api/v1/categories/abc",
        "/api/v1/categories/0",
        "/api/v1/categories/1%20or%201=1",
    ] {
        assert_eq!(t.api.get(path, None).await.error(400), "invalid_input", "{path}");
    }
    assert_eq!(
        t.api.get("/api/v1/categories/1/x", None).await.error(404),
        "route_not_found"
    );
    assert_eq!(
        t.api
            .call("PUT", "/api/v1/categories/1", None, None)
            .await
            .error(405),
        "method_not_allowed"
    );
}

#[tokio::test]
async fn an_unchanged_list_is_not_sent_twice() {
    let t = setup().await;
    let first = t.api.get("/api/v1/categories/", None).await;
    let tag = first.headers["etag"].clone();
    let request = http::Request::get("/api/v1/categories").header("if-none-match", tag);
    let again = t.api.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0));
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("cache-control", "public, max-age=30"),
    ] {
        assert_eq!(first.headers[name], value);
    }
}

#[tokio::test]
async fn every_change_leaves_one_row_in_the_audit_log() {
    let t = setup().await;
    let id = testkit::Rows(&t.db).category("Concert").await;
    testkit::every_change_is_audited(&t.db, categories::ROUTES, &[], async |route| {
        let one = format!("/api/v1/categories/{id}");
        let (path, body) = match route.id {
            "create_category" => ("/api/v1/categories".to_owned(), Some(json!({"name": "Comedy"}))),
            "update_category" => (one, Some(json!({"name": "Theatre"}))),
            "delete_category" => (one, None),
            other => panic!("{other} is new: say here how it is called"),
        };
        t.api.call(route.method, &path, Some(&t.admin), body).await
    })
    .await;
    let told = "select string_agg(concat_ws(' ', subject_kind, changes), '; ' order by id) from audit_log";
    assert_eq!(
        t.db.text(told).await,
        "category {\"name\": {\"to\": \"Comedy\"}}; category {\"name\": {\"to\": \"Theatre\", \"from\": \"Concert\"}}; \
         category {}"
    );
    let path = format!("/api/v1/categories/{id}");
    for (method, status) in [("PATCH", 404), ("DELETE", 404)] {
        let gone = t
            .api
            .call(method, &path, Some(&t.admin), Some(json!({"name": "X"})))
            .await;
        assert_eq!(gone.error(status), "not_found");
    }
    assert_eq!(t.db.count("select count(*) from audit_log").await, 3);
}
