//! Who reads which payments: one, the own, all, and as CSV.

use super::*;

#[tokio::test]
async fn payments_are_seen_by_their_payer_and_by_admins() {
    let t = Setup::new(150_000, 10).await;
    let api = t.api();
    let payment = t.initialize(&api, t.at_once(2)).await.data(201)["payment"].clone();
    let path = format!("/api/v1/payments/{}", payment["id"]);
    let other = Rows(&t.db).buyer("budi@example.test").await;
    let other = TestTokens::of(other, Role::User, &t.clock);
    let admin = Rows(&t.db).user("admin@example.test", Role::Admin).await;
    let admin = TestTokens::of(admin, Role::Admin, &t.clock);
    assert_eq!(
        api.get(&path, Some(&t.token)).await.data(200)["orderId"],
        payment["orderId"]
    );
    assert_eq!(
        api.get(&path, Some(&admin)).await.data(200)["orderId"],
        payment["orderId"]
    );
    assert_eq!(api.get(&path, Some(&other)).await.error(404), "not_found");
    let own = api
        .event("http/payments/payment_history.json", Some(&t.token))
        .await
        .data(200);
    assert_eq!(
        own["meta"],
        json!({"page": 1, "limit": 10, "total": 1, "totalPages": 1})
    );
    assert_eq!(own["payments"][0]["user"]["name"], "ayu");
    assert_eq!(
        api.get("/api/v1/payments/history", Some(&other)).await.data(200)["meta"]["total"],
        0
    );
    assert_eq!(
        api.event("http/payments/list_payments.json", Some(&admin))
            .await
            .data(200)["meta"]["total"],
        1
    );
    assert_eq!(
        api.get("/api/v1/payments", Some(&t.token)).await.error(403),
        "forbidden"
    );
}

/// Three payments, a minute apart; the second is paid.
#[expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
async fn three_payments(t: &Setup, api: &Api) -> Vec<Value> {
    let mut payments = Vec::new();
    for quantity in 1..=3 {
        let payment = t.initialize(api, t.at_once(quantity)).await.data(201)["payment"].clone();
        payments.push(payment);
        t.clock.advance(60);
    }
    let paid = payments[1]["id"].as_i64().unwrap();
    t.db.run(&format!(
        "update payments set status = 'success', settled_at = payment_date where id = {paid}"
    ))
    .await;
    payments
}

#[tokio::test]
async fn admins_find_payments_by_what_they_know_of_them() {
    let t = Setup::new(150_000, 10).await;
    let api = t.api();
    let payments = three_payments(&t, &api).await;
    let admin = Rows(&t.db).user("admin@example.test", Role::Admin).await;
    let admin = TestTokens::of(admin, Role::Admin, &t.clock);
    let found = async |query: &str| {
        let data = api
            .get(&format!("/api/v1/payments?{query}"), Some(&admin))
            .await
            .data(200);
        let ids: Vec<i64> = data["payments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|payment| {
                payments
                    .iter()
                    .position(|one| one["id"] == payment["id"])
                    .unwrap() as i64
            })
            .collect();
        (ids, data["meta"].clone())
    };
    let ids = async |query: &str| found(query).await.0;
    assert_eq!(ids("").await, [2, 1, 0], "the newest first");
    assert_eq!(ids("status=success").await, [1]);
    assert_eq!(ids(&format!("userId={}&status=pending", t.user)).await, [2, 0]);
    assert_eq!(ids("userId=999").await, [0_i64; 0]);
    let event = t.db.count("select id from events").await;
    assert_eq!(ids(&format!("eventId={event}")).await, [2, 1, 0]);
    assert_eq!(ids(&format!("eventId={}", event + 1)).await, [0_i64; 0]);
    let code = payments[2]["orderId"].as_str().unwrap();
    assert_eq!(ids(&format!("orderId={code}")).await, [2]);
    assert_eq!(
        ids("startDate=2030-01-01T12:01:00Z").await,
        [2, 1],
        "its bound is in it"
    );
    assert_eq!(
        ids("startDate=2030-01-01T12:01:00Z&endDate=2030-01-01T12:02:00Z").await,
        [1]
    );

    assert_eq!(ids("paidTwice=true").await, [0_i64; 0]);
    t.db.run(&format!(
        "update payments set paid_twice = true where id = {}",
        payments[1]["id"]
    ))
    .await;
    assert_eq!(ids("paidTwice=true").await, [1]);
    assert_eq!(ids("paidTwice=false").await, [2, 1, 0]);
    let file = api
        .get("/api/v1/payments/export?paidTwice=true", Some(&admin))
        .await;
    assert_eq!(String::from_utf8(file.bytes).unwrap().lines().count(), 2);

    let (first, meta) = found("limit=2").await;
    assert_eq!(first, [2, 1]);
    assert_eq!(meta["total"], 3);
    let (rest, meta) = found(&format!("limit=2&cursor={}", meta["nextCursor"])).await;
    assert_eq!(rest, [0]);
    assert_eq!(meta["nextCursor"], Value::Null);
    let (second, meta) = found("limit=2&page=2").await;
    assert_eq!((second, &meta["nextCursor"]), (vec![0], &Value::Null));
    assert_eq!(found("limit=2&page=3").await.1["total"], 3);

    for wrong in [
        "status=paid",
        "paidTwice=perhaps",
        "userId=x",
        "startDate=soon",
        "cursor=x",
        "startDate=2030-01-02&endDate=2030-01-01",
    ] {
        let reply = api.get(&format!("/api/v1/payments?{wrong}"), Some(&admin)).await;
        assert_eq!(reply.error(400), "invalid_input", "{wrong}");
    }
    let long = format!("/api/v1/payments?orderId={}", "9".repeat(101));
    assert_eq!(api.get(&long, Some(&admin)).await.error(400), "invalid_input");
}

#[tokio::test]
async fn payments_are_exported_for_admins_and_for_organizers_of_their_events() {
    let t = Setup::new(150_000, 10).await;
    let api = t.api();
    let payments = three_payments(&t, &api).await;
    t.db.run("update events set name = '=HYPERLINK(\"http://evil.example\"), cheap'")
        .await;
    let file = async |path: &str, token: &str| {
        let reply = api.get(path, Some(token)).await;
        assert_eq!(reply.status, 200);
        assert_eq!(
            reply.headers["content-type"],
            "text/csv; charset=utf-8; header=present"
        );
        assert_eq!(
            reply.headers["content-disposition"],
            "attachment; filename=\"payments.csv\""
        );
        assert!(!reply.headers.contains_key("link"));
        String::from_utf8(reply.bytes).unwrap()
    };
    let admin = Rows(&t.db).user("admin@example.test", Role::Admin).await;
    let admin = TestTokens::of(admin, Role::Admin, &t.clock);
    let text = file("/api/v1/payments/export", &admin).await;
    let lines: Vec<&str> = text.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 4);
    let event = t.db.count("select id from events").await;
    let (id, code) = (&payments[1]["id"], payments[1]["orderId"].as_str().unwrap());
    assert_eq!(
        lines[2],
        format!(
            "{id},{code},success,{},{event},\"'=HYPERLINK(\"\"http://evil.example\"\"), cheap\",2,300000,0,0,0,300000,0,IDR,,\
             2030-01-01T12:01:00.000Z,2030-01-01T12:01:00.000Z",
            t.user
        )
    );
    let chosen = api
        .event("http/payments/export_payments.json", Some(&admin))
        .await;
    let chosen = String::from_utf8(chosen.bytes).unwrap();
    assert_eq!(chosen.matches("\r\n").count(), 2, "the paid one");

    let organizer = UserId::new(t.db.count("select organizer_id from events").await);
    let own = TestTokens::of(organizer, Role::Organizer, &t.clock);
    assert_eq!(file("/api/v1/payments/export", &own).await, text);
    let stranger = Rows(&t.db).user("else@example.test", Role::Organizer).await;
    let stranger = TestTokens::of(stranger, Role::Organizer, &t.clock);
    let theirs = format!("/api/v1/payments/export?eventId={event}");
    for path in ["/api/v1/payments/export", &theirs] {
        assert_eq!(file(path, &stranger).await.matches("\r\n").count(), 1, "{path}");
    }
    assert_eq!(
        api.get("/api/v1/payments/export", Some(&t.token))
            .await
            .error(403),
        "forbidden"
    );
}

#[tokio::test]
async fn an_export_goes_on_where_its_file_is_full() {
    let t = Setup::new(150_000, 10).await;
    let payments = three_payments(&t, &t.api()).await;
    let ids: Vec<i64> = payments
        .iter()
        .map(|payment| payment["id"].as_i64().unwrap())
        .collect();
    let db = t.db.db();
    let conn = db.conn().await.unwrap();
    let filter = db::payments::Filter::default();
    let mut after = None;
    for (expected, more) in [(&ids[..2], true), (&ids[2..], false)] {
        let (rows, told) = db::payments::export(&conn, &filter, None, after, 2)
            .await
            .unwrap();
        let exported: Vec<i64> = rows.iter().map(|row| row.id.get()).collect();
        assert_eq!((exported.as_slice(), told), (expected, more));
        after = rows.last().map(|row| row.id);
    }
}
