//! Making, changing and deleting ticket types, and who may.

use super::*;

#[tokio::test]
async fn an_organizer_puts_tickets_on_sale() {
    let t = setup().await;
    let made = t
        .api
        .event("http/tickets/create_ticket.json", Some(&t.organizer))
        .await;
    let ticket = made.data(201);
    assert_eq!(made.message(), "Ticket created successfully");
    assert_eq!(
        keys(&ticket)[..11],
        [
            "id",
            "name",
            "price",
            "quantity",
            "userId",
            "eventId",
            "categoryId",
            "imageUrl",
            "artist",
            "createdAt",
            "updatedAt"
        ]
    );
    assert_eq!(
        (&ticket["price"], &ticket["quantity"], &ticket["userId"]),
        (&json!(150_000), &json!(100), &json!(t.organizer_id))
    );
    assert_eq!(
        (
            &ticket["minPerOrder"],
            &ticket["maxPerOrder"],
            &ticket["maxPerUser"]
        ),
        (&json!(1), &json!(4), &Value::Null)
    );
    assert_eq!(ticket["event"]["name"], "Java Jazz");
    assert!(ticket["event"].get("tickets").is_none());
    assert_eq!(
        keys(&ticket["category"]),
        ["id", "name", "createdAt", "updatedAt"]
    );
    let read = t.get(&format!("/{}", ticket["id"]), None).await.data(200);
    assert_eq!(read, ticket);
    let stocked =
        t.db.count(&format!(
            "select sum(capacity) from ticket_stock where ticket_type_id = {}",
            ticket["id"]
        ))
        .await;
    assert_eq!(stocked, 100);
}

#[tokio::test]
async fn the_terms_of_sale_are_kept() {
    let t = setup().await;
    let mut body = t.body();
    for (field, value) in [
        ("price", json!("0")),
        ("quantity", json!("0")),
        ("salesStart", json!("2030-01-05")),
        ("salesEnd", json!("2030-01-06T07:00:00+07:00")),
        ("minPerOrder", json!(2)),
        ("maxPerOrder", json!(1000)),
        ("maxPerUser", json!("6")),
    ] {
        body[field] = value;
    }
    let ticket = t.api.post(TICKETS, Some(&t.organizer), body).await.data(201);
    for (field, value) in [
        ("price", json!(0)),
        ("quantity", json!(0)),
        ("salesStart", json!("2030-01-05T00:00:00.000Z")),
        ("salesEnd", json!("2030-01-06T00:00:00.000Z")),
        ("minPerOrder", json!(2)),
        ("maxPerOrder", json!(1000)),
        ("maxPerUser", json!(6)),
    ] {
        assert_eq!(ticket[field], value, "{field}");
    }
    let changed = json!({"salesEnd": "2030-01-07", "minPerOrder": 1, "maxPerUser": 8});
    let path = format!("{TICKETS}/{}", ticket["id"]);
    let changed = t
        .api
        .call("PATCH", &path, Some(&t.organizer), Some(changed))
        .await
        .data(200);
    assert_eq!(
        (
            &changed["salesStart"],
            &changed["salesEnd"],
            &changed["minPerOrder"],
            &changed["maxPerUser"]
        ),
        (
            &json!("2030-01-05T00:00:00.000Z"),
            &json!("2030-01-07T00:00:00.000Z"),
            &json!(1),
            &json!(8)
        )
    );
    let before = json!({"salesStart": "2030-01-07"});
    let refused = t.api.call("PATCH", &path, Some(&t.organizer), Some(before)).await;
    assert_eq!(
        refused.message(),
        "\"salesEnd\" must be later than \"salesStart\""
    );
    assert_eq!(refused.error(400), "invalid_input");
    let none = json!({"salesStart": null, "salesEnd": null, "maxPerUser": null});
    let cleared = t.api.call("PATCH", &path, Some(&t.organizer), Some(none)).await;
    let renamed = json!({"name": "Any time"});
    let renamed = t
        .api
        .call("PATCH", &path, Some(&t.organizer), Some(renamed))
        .await;
    for ticket in [cleared.data(200), renamed.data(200)] {
        for field in ["salesStart", "salesEnd", "maxPerUser"] {
            assert_eq!(ticket[field], json!(null), "{field}");
        }
        assert_eq!(ticket["minPerOrder"], 1);
    }
}

#[tokio::test]
async fn quantity_is_what_is_left_whatever_is_sold_or_held() {
    let t = setup().await;
    Rows(&t.db).bought(t.buyer_id, t.ticket, 3).await;
    let quantity = async || t.get(&format!("/{}", t.ticket), None).await.data(200)["quantity"].clone();
    assert_eq!(quantity().await, 37);
    for left in [100, 1, 0, 40] {
        let changed = t.patch(&t.organizer, json!({"quantity": left})).await.data(200);
        assert_eq!(changed["quantity"], left);
        assert_eq!((t.stock("capacity").await, t.stock("sold").await), (left + 3, 3));
        assert_eq!(
            t.db.count("select capacity::bigint from ticket_types").await,
            left + 3
        );
    }
    let most = t.patch(&t.organizer, json!({"quantity": 1_000_000})).await;
    assert_eq!(most.error(400), "invalid_input");
    assert_eq!(quantity().await, 40);
    assert_eq!(
        t.patch(&t.organizer, json!({"quantity": 999_997}))
            .await
            .data(200)["quantity"],
        999_997
    );
}

#[tokio::test]
async fn zero_is_a_value_and_nothing_is_none() {
    let t = setup().await;
    let path = format!("/{}", t.ticket);
    let before = t.get(&path, None).await.data(200);
    t.clock.advance(60);
    for body in [
        json!({}),
        json!({"eventId": 9, "categoryId": 9}),
        json!({"price": null}),
    ] {
        let reply = t.patch(&t.organizer, body).await;
        assert_eq!(reply.message(), "Ticket updated successfully");
        assert_eq!(reply.data(200), before);
    }
    let changed = t
        .api
        .event("http/tickets/update_ticket.json", Some(&t.organizer))
        .await
        .data(200);
    assert_eq!(
        (&changed["price"], &changed["quantity"], &changed["updatedAt"]),
        (&json!(175_000), &json!(80), &json!("2030-01-01T12:01:00.000Z"))
    );
    let zero = t
        .patch(&t.organizer, json!({"price": 0, "quantity": 0}))
        .await
        .data(200);
    assert_eq!(
        (&zero["price"], &zero["quantity"], &zero["name"]),
        (&json!(0), &json!(0), &before["name"])
    );
}

#[tokio::test]
async fn only_what_nobody_has_is_deleted() {
    let t = setup().await;
    t.db.run(&format!(
        "insert into cart_items (user_id, ticket_type_id, quantity, reserved_until, held_since, created_at, updated_at)
         values ({}, {}, 1, now(), now(), now(), now())",
        t.buyer_id, t.ticket
    ))
    .await;
    assert_eq!(t.delete(&t.organizer).await.error(409), "in_use");
    t.db.run("delete from cart_items").await;
    Rows(&t.db).bought(t.buyer_id, t.ticket, 1).await;
    assert_eq!(t.delete(&t.organizer).await.error(409), "in_use");
    assert_eq!(t.delete(&t.admin).await.error(409), "in_use");
    let fresh = t.api.post(TICKETS, Some(&t.organizer), t.body()).await.data(201);
    let path = format!("{TICKETS}/{}", fresh["id"]);
    let deleted = t.api.call("DELETE", &path, Some(&t.organizer), None).await;
    assert_eq!(deleted.message(), "Ticket deleted successfully");
    assert_eq!(deleted.data(200), Value::Null);
    assert_eq!(
        t.api
            .call("DELETE", &path, Some(&t.organizer), None)
            .await
            .error(404),
        "not_found"
    );
    assert_eq!(
        t.db.count("select count(distinct ticket_type_id) from ticket_stock")
            .await,
        1
    );
}

#[tokio::test]
async fn what_others_sell_does_not_exist_for_an_organizer() {
    let t = setup().await;
    let made = t.api.post(TICKETS, Some(&t.other), t.body()).await;
    assert_eq!(made.error(404), "not_found");
    assert_eq!(made.message(), "Event not found");
    let changed = t.patch(&t.other, json!({"price": 1})).await;
    assert_eq!(changed.error(404), "not_found");
    assert_eq!(changed.message(), "Ticket not found");
    assert_eq!(t.delete(&t.other).await.error(404), "not_found");
    assert_eq!(
        t.db.count("select sum(price)::bigint from ticket_types").await,
        150_000
    );
    let made = t.api.post(TICKETS, Some(&t.admin), t.body()).await.data(201);
    assert_eq!(made["event"]["organizerId"], t.organizer_id.get());
    t.patch(&t.admin, json!({"price": 1})).await.data(200);
    t.delete(&t.admin).await.data(200);
}

#[tokio::test]
async fn only_organizers_and_admins_write() {
    let t = setup().await;
    for (method, path) in [
        ("POST", TICKETS.to_owned()),
        ("PATCH", format!("{TICKETS}/{}", t.ticket)),
        ("DELETE", format!("{TICKETS}/{}", t.ticket)),
    ] {
        let body = Some(t.body());
        assert_eq!(
            t.api.call(method, &path, None, body.clone()).await.error(401),
            "unauthenticated"
        );
        for token in [&t.buyer, &t.staff] {
            assert_eq!(
                t.api
                    .call(method, &path, Some(token), body.clone())
                    .await
                    .error(403),
                "forbidden"
            );
        }
    }
    let gone = TestTokens::of(UserId::new(9_999), Role::Admin, &t.clock);
    assert_eq!(
        t.api.post(TICKETS, Some(&gone), t.body()).await.error(401),
        "unauthenticated"
    );
    assert_eq!(t.db.count("select count(*) from ticket_types").await, 1);
}

#[tokio::test]
async fn a_missing_event_is_told_before_a_missing_category() {
    let t = setup().await;
    for (event, category, message) in [
        (json!(999), json!(999), "Event not found"),
        (json!(t.event), json!(999), "Category not found"),
    ] {
        let mut body = t.body();
        (body["eventId"], body["categoryId"]) = (event, category);
        let reply = t.api.post(TICKETS, Some(&t.organizer), body).await;
        assert_eq!(reply.error(404), "not_found");
        assert_eq!(reply.message(), message);
    }
}

#[tokio::test]
async fn an_event_has_a_hundred_kinds_of_tickets_at_most() {
    let t = setup().await;
    t.db.run(
        "insert into ticket_types (event_id, category_id, created_by, name, price, capacity, stripes, created_at, updated_at)
         select event_id, category_id, created_by, 'Row ' || n, price, 0, 1, created_at, updated_at
         from ticket_types, generate_series(1, 98) as n",
    )
    .await;
    t.api.post(TICKETS, Some(&t.organizer), t.body()).await.data(201);
    let more = t.api.post(TICKETS, Some(&t.organizer), t.body()).await;
    assert_eq!(more.error(409), "too_many_ticket_types");
    let all = t.get(&format!("/event/{}", t.event), None).await.data(200);
    assert_eq!(all.as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn a_body_cannot_set_what_is_not_its_senders_to_set() {
    let t = setup().await;
    let mut body = t.body();
    for field in ["id", "userId", "createdBy", "sold", "held", "capacity", "stripes"] {
        body[field] = json!(77);
    }
    for field in ["createdAt", "updatedAt"] {
        body[field] = json!("2001-01-01T00:00:00Z");
    }
    body["imageUrl"] = json!("https://evil.example/x.png");
    let ticket = t.api.post(TICKETS, Some(&t.organizer), body).await.data(201);
    assert_eq!(
        (
            &ticket["id"],
            &ticket["userId"],
            &ticket["quantity"],
            &ticket["imageUrl"],
            &ticket["createdAt"]
        ),
        (
            &json!(2),
            &json!(t.organizer_id),
            &json!(10),
            &Value::Null,
            &json!("2030-01-01T12:00:00.000Z")
        )
    );
    let before = t.get(&format!("/{}", t.ticket), None).await.data(200);
    let patch = json!({"id": 9, "eventId": 9, "userId": 9, "createdAt": "2001-01-01", "capacity": 9});
    assert_eq!(t.patch(&t.organizer, patch).await.data(200), before);
}

#[tokio::test]
async fn parallel_changes_of_the_quantity_leave_counters_that_add_up() {
    let t = setup().await;
    let changes = (0..8).map(|i| {
        let app = App {
            db: t.db.db(),
            tokens: TestTokens::checker(),
            clock: t.clock.clone(),
            keys: SigningKeys::parse(KEYS).unwrap(),
            wallets: Wallets::default(),
            blobs: blob::Blobs::in_memory(),
        };
        let api = Api::new(router(app, Site::from_env(&Env::default())));
        let (token, path) = (t.organizer.clone(), format!("{TICKETS}/{}", t.ticket));
        tokio::spawn(async move {
            let body = Some(json!({"quantity": i * 10}));
            api.call("PATCH", &path, Some(&token), body).await.data(200)
        })
    });
    let changes: Vec<_> = changes.collect();
    for change in changes {
        change.await.unwrap();
    }
    assert_eq!(
        t.stock("capacity").await,
        t.db.count("select capacity::bigint from ticket_types").await
    );
}

#[tokio::test]
async fn the_map_says_how_many_seats_there_are() {
    let t = setup().await;
    let rows = Rows(&t.db);
    let seated = rows
        .ticket_type(t.organizer_id, t.event, t.category, 150_000, 5)
        .await;
    let row = json!([{"label": "A", "seats": [{"from": 1, "to": 12}]}]);
    rows.seats(seated, row, false).await;
    let path = format!("/{seated}");
    let ticket = t.get(&path, None).await.data(200);
    assert_eq!(
        (&ticket["seated"], &ticket["quantity"]),
        (&json!(true), &json!(12))
    );
    let patch = async |body: Value| {
        let path = format!("/api/v1/tickets/{seated}");
        t.api.call("PATCH", &path, Some(&t.organizer), Some(body)).await
    };
    assert_eq!(patch(json!({"quantity": 20})).await.error(409), "seated_ticket");
    let changed = patch(json!({"price": 175_000})).await.data(200);
    assert_eq!(
        (&changed["price"], &changed["quantity"]),
        (&json!(175_000), &json!(12))
    );
}
