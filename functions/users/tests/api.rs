mod environment;

use domain::UserId;
use domain::user::Role;
use environment::api;
use runtime::Clock;
use serde_json::{Value, json};
use testkit::{Api, Reply, Rows, TestDb, TestTokens, start};

const USERS: &str = "/api/v1/users";

struct Setup {
    db: TestDb,
    api: Api,
    clock: Clock,
    id: UserId,
    token: String,
    other_id: UserId,
    other: String,
    admin_id: UserId,
    admin: String,
}

async fn setup() -> Setup {
    let (db, clock) = (TestDb::new().await, Clock::set_to(start()));
    let rows = Rows(&db);
    let id = rows.buyer("ayu@example.test").await;
    let other_id = rows.user("organizer@example.test", Role::Organizer).await;
    let admin_id = rows.user("admin@example.test", Role::Admin).await;
    Setup {
        api: api(&db, &clock),
        token: TestTokens::of(id, Role::User, &clock),
        other: TestTokens::of(other_id, Role::Organizer, &clock),
        admin: TestTokens::of(admin_id, Role::Admin, &clock),
        id,
        other_id,
        admin_id,
        clock,
        db,
    }
}

impl Setup {
    async fn patch(&self, id: UserId, token: &str, body: Value) -> Reply {
        self.api
            .call("PATCH", &format!("{USERS}/{id}"), Some(token), Some(body))
            .await
    }

    async fn read(&self, id: UserId, token: &str) -> Reply {
        self.api.get(&format!("{USERS}/{id}"), Some(token)).await
    }
}

#[tokio::test]
async fn people_read_themselves() {
    let t = setup().await;
    let me = t.api.event("http/users/get_me.json", Some(&t.token)).await;
    assert_eq!(me.message(), "User retrieved successfully");
    assert_eq!(me.headers["cache-control"], "no-store");
    let me = me.data(200);
    let keys: Vec<_> = me.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
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
            "authId"
        ]
    );
    assert_eq!(
        me,
        json!({
            "id": t.id, "email": "ayu@example.test", "name": "ayu", "age": 30, "phoneNumber": "081200000000", "role": "user",
            "isVerified": true, "createdAt": "2030-01-01T12:00:00.000Z", "updatedAt": "2030-01-01T12:00:00.000Z",
            "authId": null,
        })
    );
    assert_eq!(t.read(t.id, &t.token).await.data(200), me);
    let file = t.api.event("http/users/get_user.json", Some(&t.admin)).await;
    assert_eq!(file.data(200), me);
}

#[tokio::test]
async fn nobody_but_admins_reads_others() {
    let t = setup().await;
    for (id, token) in [
        (t.id, &t.other),
        (t.other_id, &t.token),
        (t.admin_id, &t.token),
        (UserId::new(9_999), &t.token),
    ] {
        let reply = t.read(id, token).await;
        assert_eq!(reply.error(404), "not_found");
        assert_eq!(reply.message(), "User not found");
    }
    for id in [t.id, t.other_id, t.admin_id] {
        assert_eq!(t.read(id, &t.admin).await.data(200)["id"], id.get());
    }
    assert_eq!(t.read(UserId::new(9_999), &t.admin).await.error(404), "not_found");
}

#[tokio::test]
async fn people_change_their_own_profile() {
    let t = setup().await;
    t.clock.advance(60);
    let changed = t.api.event("http/users/update_user.json", Some(&t.token)).await;
    assert_eq!(changed.message(), "User updated successfully");
    let changed = changed.data(200);
    assert_eq!(
        (
            &changed["name"],
            &changed["age"],
            &changed["phoneNumber"],
            &changed["updatedAt"]
        ),
        (
            &json!("Ayu Putri"),
            &json!(31),
            &json!("+62 812 0000 0000"),
            &json!("2030-01-01T12:01:00.000Z")
        )
    );
    for (body, field, value) in [
        (json!({"name": "  Ayu  "}), "name", json!("Ayu")),
        (json!({"age": 150}), "age", json!(150)),
        (json!({"age": 32.0}), "age", json!(32)),
        (
            json!({"phoneNumber": "0812345678"}),
            "phoneNumber",
            json!("0812345678"),
        ),
    ] {
        assert_eq!(t.patch(t.id, &t.token, body).await.data(200)[field], value);
    }
    assert_eq!(t.read(t.id, &t.token).await.data(200)["name"], "Ayu");
}

#[tokio::test]
async fn nobody_changes_others_not_even_admins() {
    let t = setup().await;
    for (id, token) in [
        (t.other_id, &t.token),
        (t.id, &t.admin),
        (UserId::new(9_999), &t.admin),
    ] {
        let reply = t.patch(id, token, json!({"name": "Eve"})).await;
        assert_eq!(reply.error(403), "forbidden");
        assert_eq!(reply.message(), "Unauthorized - Can only update own profile");
    }
    t.patch(t.admin_id, &t.admin, json!({"name": "Boss"}))
        .await
        .data(200);
    assert_eq!(
        t.db.count("select count(*) from users where name = 'Eve'").await,
        0
    );
}

#[tokio::test]
async fn fields_that_are_not_theirs_to_set_are_refused() {
    let t = setup().await;
    for field in [
        "role",
        "isVerified",
        "email",
        "password",
        "passwordHash",
        "id",
        "createdAt",
        "updatedAt",
        "authId",
        "__proto__",
    ] {
        for body in [json!({field: "admin"}), json!({"name": "Ayu", field: true})] {
            let reply = t.patch(t.id, &t.token, body).await;
            assert_eq!(reply.error(400), "invalid_input");
            assert_eq!(reply.message(), format!("\"{field}\" is not allowed"));
        }
    }
    let row =
        t.db.text("select name || role || is_verified || email from users where id = 1")
            .await;
    assert_eq!(row, "ayuusertrueayu@example.test");
}

#[tokio::test]
async fn bad_values_are_refused_in_the_words_that_clients_know() {
    let t = setup().await;
    for (body, message) in [
        (json!({}), "At least one field must be provided for update"),
        (
            json!({"name": null, "age": null}),
            "At least one field must be provided for update",
        ),
        (json!({"name": ""}), "Name is required"),
        (json!({"name": "  "}), "Name is required"),
        (json!({"name": 7}), "\"name\" must be a string"),
        (
            json!({"name": "x".repeat(101)}),
            "\"name\" must be at most 100 characters long",
        ),
        (
            json!({"name": "a\u{0}b"}),
            "\"name\" must not contain control characters",
        ),
        (json!({"age": 0}), "Age must be greater than 0"),
        (json!({"age": -5}), "Age must be greater than 0"),
        (json!({"age": "21"}), "Expected number, received string"),
        (json!({"age": 20.5}), "\"age\" must be a whole number"),
        (json!({"age": 151}), "\"age\" must be at most 150"),
        (json!({"age": 1e300}), "\"age\" must be a whole number"),
        (json!({"age": u64::MAX}), "\"age\" must be a smaller number"),
        (json!({"age": [1]}), "\"age\" must be a whole number"),
        (
            json!({"phoneNumber": "081234567"}),
            "Phone number must be at least 10 digits",
        ),
        (
            json!({"phoneNumber": 81_234_567_890_i64}),
            "\"phoneNumber\" must be a string",
        ),
        (
            json!({"phoneNumber": "0".repeat(31)}),
            "\"phoneNumber\" must be at most 30 characters long",
        ),
        (
            json!({"name": "", "age": 0, "phoneNumber": "1"}),
            "Name is required, Age must be greater than 0, Phone number must be at least 10 digits",
        ),
    ] {
        let reply = t.patch(t.id, &t.token, body.clone()).await;
        assert_eq!(reply.error(400), "invalid_input", "{body}");
        assert_eq!(reply.message(), message);
    }
    let file = |body: String| {
        http::Request::patch(format!("{USERS}/{}", t.id))
            .header("authorization", format!("Bearer {}", t.token))
            .body(axum::body::Body::from(body))
            .unwrap()
    };
    let malformed = t.api.send(file("{\"name\":".to_owned())).await;
    assert_eq!(malformed.error(400), "malformed_json");
    let repeated = t.api.send(file(r#"{"name":"A","name":"B"}"#.to_owned())).await;
    assert_eq!(repeated.message(), "\"name\" is repeated");
    let huge = t.api.send(file("x".repeat(200_000))).await;
    assert_eq!(huge.error(413), "body_too_large");
    for path in ["abc", "0", "-1", "9223372036854775808"] {
        let reply = t.api.get(&format!("{USERS}/{path}"), Some(&t.token)).await;
        assert_eq!(reply.error(400), "invalid_input", "{path}");
    }
    assert_eq!(t.read(t.id, &t.token).await.data(200)["name"], "ayu");
}

#[tokio::test]
async fn a_token_is_needed_and_its_account_must_exist() {
    let t = setup().await;
    for path in [format!("{USERS}/me"), format!("{USERS}/{}", t.id)] {
        let reply = t.api.get(&path, None).await;
        assert_eq!(reply.error(401), "unauthenticated");
        assert_eq!(reply.message(), "No token provided");
        let reply = t.api.get(&path, Some("forged")).await;
        assert_eq!(reply.error(401), "unauthenticated");
        assert_eq!(reply.message(), "Invalid token");
    }
    let anonymous = t
        .api
        .call(
            "PATCH",
            &format!("{USERS}/{}", t.id),
            None,
            Some(json!({"name": "X"})),
        )
        .await;
    assert_eq!(anonymous.error(401), "unauthenticated");
    let gone = UserId::new(9_999);
    let token = TestTokens::of(gone, Role::User, &t.clock);
    assert_eq!(
        t.api.get(&format!("{USERS}/me"), Some(&token)).await.error(401),
        "unauthenticated"
    );
    assert_eq!(
        t.patch(gone, &token, json!({"name": "X"})).await.error(401),
        "unauthenticated"
    );
}
