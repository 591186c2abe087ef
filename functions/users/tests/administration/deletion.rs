use crate::support::{Setup, USERS, at, credentials_of, pending_order, put_into_cart, setup};
use domain::UserId;
use domain::event::{EventName, EventStatus, Location};
use domain::price::{ServiceFee, TaxRate};
use domain::time::ZoneName;
use domain::user::{Email, Role};
use serde_json::{Value, json};
use testkit::start;

#[tokio::test]
async fn the_account_is_emptied_and_what_refers_to_it_stays() {
    let t = setup().await;
    let ticket = t.rows().on_sale(50_000, 100).await;
    let (_, codes) = t.rows().bought(t.id, ticket, 2).await;
    let (_, others) = t.rows().bought(t.admin_id, ticket, 1).await;
    pending_order(&t.db.db(), t.id, ticket, 3).await;
    assert!(put_into_cart(&t.db.db(), t.id, ticket, 7).await);
    assert!(put_into_cart(&t.db.db(), t.admin_id, ticket, 1).await);
    let tables = ["orders", "order_items", "payments"];
    let mut before = Vec::new();
    for table in tables {
        before.push(t.table(table).await);
    }
    let admin = t.row(t.admin_id).await;
    t.clock.advance(60);

    let reply = t.api.event("http/users/delete_user.json", Some(&t.admin)).await;
    assert_eq!(reply.message(), "User deleted successfully");
    assert_eq!(reply.data(200), Value::Null);

    let row = "select concat_ws('|', email, password_hash, name, age, phone_number, role, is_verified,
                                deleted_at at time zone 'UTC',
                                (select ended_at at time zone 'UTC' from sessions where user_id = 1))
               from users where id = 1";
    assert_eq!(
        t.db.text(row).await,
        "deleted-1@invalid|!|Deleted user|1|-|user|f|2030-01-01 12:01:00"
    );
    for (table, before) in tables.into_iter().zip(before) {
        assert_eq!(t.table(table).await, before, "{table}");
    }
    assert!(mentions_nothing_personal(&t).await);
    assert_eq!(t.row(t.admin_id).await, admin);
    // Tickets stay good, under another name; those of others keep theirs.
    let tickets = "select string_agg(concat_ws(' ', code, status, holder_id, holder_name), '\n' order by id) from issued_tickets";
    assert_eq!(
        t.db.text(tickets).await,
        format!(
            "{} valid 1 Deleted user\n{} valid 1 Deleted user\n{} valid 2 admin",
            codes[0], codes[1], others[0]
        )
    );
    // The cart went back on sale, the unpaid order keeps its stock until its time to pay is over.
    assert_eq!(
        t.db.text("select string_agg(user_id::text, ' ') from cart_items")
            .await,
        "2"
    );
    let stock =
        "select concat_ws(' ', sum(held), sum(sold), (select sum(quantity) from holds)) from ticket_stock";
    assert_eq!(t.db.text(stock).await, "4 3 4");
}

/// Whether address, name and number of the deleted account are gone from everything that is kept for good.
async fn mentions_nothing_personal(t: &Setup) -> bool {
    for table in ["users", "orders", "order_items", "payments", "issued_tickets"] {
        let rows = t.table(table).await;
        for personal in ["ayu@example.test", ",ayu,", "081200000000,user,"] {
            if rows.contains(personal) {
                return false;
            }
        }
    }
    true
}

#[tokio::test]
async fn a_deleted_account_neither_logs_in_nor_buys_nor_shows_itself() {
    let t = setup().await;
    let ticket = t.rows().on_sale(50_000, 10).await;
    let db = t.db.db();
    assert!(credentials_of(&db, "AYU@example.test").await.is_some());
    t.trust(&t.token).await;
    t.delete(t.id, &t.admin).await.data(200);
    assert!(credentials_of(&db, "ayu@example.test").await.is_none());
    assert!(!put_into_cart(&db, t.id, ticket, 1).await);
    // Its session is trusted here for ten seconds; elsewhere its tokens open nothing any more.
    let me = t.api.get(&format!("{USERS}/me"), Some(&t.token)).await;
    assert_eq!(me.error(404), "not_found");
    for token in [&t.token, &t.admin] {
        let read = t.api.get(&format!("{USERS}/{}", t.id), Some(token)).await;
        assert_eq!(read.error(404), "not_found");
    }
    let body = Some(json!({"name": "Back again"}));
    let path = format!("{USERS}/{}", t.id);
    let patched = t.api.call("PATCH", &path, Some(&t.token), body).await;
    assert_eq!(patched.error(404), "not_found");
    let elsewhere = t.another_api().get(&format!("{USERS}/me"), Some(&t.token)).await;
    assert_eq!(elsewhere.error(401), "unauthenticated");
    assert_eq!(
        t.db.text("select name from users where id = 1").await,
        "Deleted user"
    );
    assert_eq!(t.db.count("select count(*) from cart_items").await, 0);
}

#[tokio::test]
async fn the_address_is_free_again() {
    let t = setup().await;
    t.delete(t.id, &t.admin).await.data(200);
    let again = t.rows().buyer("Ayu@example.test").await;
    assert_ne!(again, t.id);
    let (found, _) = credentials_of(&t.db.db(), "ayu@example.test").await.unwrap();
    assert_eq!(found, again);
    // And it can be deleted once more: the replaced addresses do not meet.
    t.delete(again, &t.admin).await.data(200);
    assert_eq!(t.db.count("select count(distinct email) from users").await, 3);
}

#[tokio::test]
async fn what_was_mailed_to_a_deleted_account_is_void() {
    let t = setup().await;
    t.db.run("update users set is_verified = false").await;
    let db = t.db.db();
    let links = [(t.id, [1; 32]), (t.admin_id, [2; 32])];
    {
        let mut conn = db.conn().await.unwrap();
        let tx = conn.begin().await.unwrap();
        for (user, hash) in &links {
            db::verifications::put(&tx, *user, hash, at(3_600), start())
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
    }
    t.db.run(
        "insert into password_resets (token_hash, address_hash, user_id, expires_at, created_at)
         select decode(md5(id::text), 'hex'), '\\x00', id, now(), now() from users",
    )
    .await;
    t.delete(t.id, &t.admin).await.data(200);
    assert_eq!(
        t.db.count("select user_id from email_verifications").await,
        t.admin_id.get()
    );
    assert_eq!(
        t.db.count("select user_id from password_resets").await,
        t.admin_id.get()
    );

    // A link that was being mailed at that moment proves nothing either.
    let mut conn = db.conn().await.unwrap();
    let tx = conn.begin().await.unwrap();
    db::verifications::put(&tx, t.id, &[3; 32], at(3_600), start())
        .await
        .unwrap();
    let used = db::verifications::use_up(&tx, &[3; 32], start()).await.unwrap();
    assert_eq!(used, None);
    let used = db::verifications::use_up(&tx, &[2; 32], start()).await.unwrap();
    assert_eq!(used, Some(t.admin_id));
    tx.commit().await.unwrap();
    assert_eq!(
        t.db.count("select id from users where is_verified").await,
        t.admin_id.get()
    );
}

#[tokio::test]
async fn an_admin_cannot_delete_his_own_account() {
    let t = setup().await;
    let before = t.row(t.admin_id).await;
    assert_eq!(t.delete(t.admin_id, &t.admin).await.error(409), "own_account");
    assert_eq!(t.row(t.admin_id).await, before);
    let other = t.rows().user("other@example.test", Role::Admin).await;
    t.delete(t.admin_id, &t.token(other, Role::Admin)).await.data(200);
    // His token has not run out, but he is an admin no more.
    assert_eq!(t.delete(t.id, &t.admin).await.error(403), "forbidden");
    assert_eq!(
        t.db.count("select count(*) from users where deleted_at is null")
            .await,
        2
    );
}

#[tokio::test]
async fn an_organizer_with_published_events_to_come_stays() {
    let t = setup().await;
    let organizer = t.rows().user("organizer@example.test", Role::Organizer).await;
    t.rows().event(organizer, "Java Jazz").await;
    t.rows().event(t.admin_id, "Of somebody else").await;
    let db = t.db.db();
    {
        let mut conn = db.conn().await.unwrap();
        let tx = conn.begin().await.unwrap();
        db::verifications::put(&tx, organizer, &[1; 32], at(3_600), start())
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    let before = t.row(organizer).await;
    let reply = t.delete(organizer, &t.admin).await;
    assert_eq!(reply.error(409), "has_events");
    assert_eq!(t.row(organizer).await, before);
    assert_eq!(
        t.db.count("select count(*) from email_verifications").await,
        1,
        "a refusal changes nothing"
    );
    for status in ["draft", "cancelled"] {
        t.db.run("update events set status = 'published'").await;
        assert_eq!(t.delete(organizer, &t.admin).await.error(409), "has_events");
        t.db.run(&format!("update events set status = '{status}'")).await;
        t.delete(organizer, &t.admin).await.data(200);
        t.db.run("update users set deleted_at = null").await;
    }
    t.db.run("update events set status = 'published'").await;
    t.clock.advance(30 * 86_400 - 1);
    let admin = t.token(t.admin_id, Role::Admin);
    assert_eq!(t.delete(organizer, &admin).await.error(409), "has_events");
    t.clock.advance(1);
    t.delete(organizer, &admin).await.data(200);
    assert_eq!(
        t.db.count("select count(*) from events where organizer_id = 3")
            .await,
        1
    );
}

#[tokio::test]
async fn a_deleted_organizer_makes_no_events() {
    let t = setup().await;
    let organizer = t.rows().user("organizer@example.test", Role::Organizer).await;
    t.delete(organizer, &t.admin).await.data(200);
    let event = db::events::NewEvent {
        name: EventName::parse("Ghost").unwrap(),
        description: None,
        date: at(86_400),
        ends_at: None,
        time_zone: ZoneName::jakarta(),
        location: Location::parse("Nowhere").unwrap(),
        city: None,
        service_fee: ServiceFee::default(),
        tax_rate: TaxRate::default(),
        status: EventStatus::Published,
    };
    let db = t.db.db();
    let conn = db.conn().await.unwrap();
    let made = db::events::insert(&conn, organizer, &event, start())
        .await
        .unwrap();
    assert!(made.is_none());
    assert_eq!(t.db.count("select count(*) from events").await, 0);
}

#[tokio::test]
async fn missing_accounts_and_strangers_are_refused() {
    let t = setup().await;
    let missing = t.delete(UserId::new(9_999), &t.admin).await;
    assert_eq!(missing.error(404), "not_found");
    assert_eq!(missing.message(), "User not found");
    let path = format!("{USERS}/{}", t.id);
    assert_eq!(
        t.api.call("DELETE", &path, None, None).await.error(401),
        "unauthenticated"
    );
    for role in [Role::User, Role::Organizer, Role::Staff] {
        let token = t.token(t.id, role);
        for id in [t.id, t.admin_id] {
            let reply = t.delete(id, &token).await;
            assert_eq!(reply.error(403), "forbidden");
            assert_eq!(reply.message(), "Unauthorized");
        }
    }
    for path in ["abc", "0", "-1"] {
        let reply = t
            .api
            .call("DELETE", &format!("{USERS}/{path}"), Some(&t.admin), None)
            .await;
        assert_eq!(reply.error(400), "invalid_input", "{path}");
    }
    assert_eq!(
        t.db.count("select count(*) from users where deleted_at is null")
            .await,
        2
    );
    t.delete(t.id, &t.admin).await.data(200);
    let emptied = t.row(t.id).await;
    t.clock.advance(60);
    assert_eq!(t.delete(t.id, &t.admin).await.error(404), "not_found");
    assert_eq!(t.row(t.id).await, emptied, "the second time changes nothing");
}

#[tokio::test]
async fn nobody_gets_the_replaced_address() {
    let t = setup().await;
    t.delete(t.id, &t.admin).await.data(200);
    assert!(Email::parse("deleted-1@invalid").is_none());
    let steal = "update users set email = 'DELETED-1@invalid' where id = 2";
    let stolen = t.db.client().await.execute_typed(steal, &[]).await.unwrap_err();
    assert_eq!(
        stolen.as_db_error().unwrap().constraint(),
        Some("users_email_key")
    );
}
