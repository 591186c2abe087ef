//! What is stored about people is listed, given out on demand, and gone after an erasure.

use crate::support::at;
use db::personal_data::{self, Erased, Erasure, Is, TABLES, Table};
use db::stock::{self, Owner, Want};
use domain::user::Role;
use domain::{PaymentId, UserId};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use testkit::{Rows, TestDb, start};
use tokio_postgres::Client;

/// Stands in every column that tells who somebody is.
const CANARY: &str = "canary-7f3";
/// Stands in every column that nobody gets to see.
const SECRET: &str = "secret-9c1";

/// Columns that take only words of a list, truth values, numbers or times: the words above cannot stand in them.
const CLOSED: [(&str, &str); 5] = [
    ("preferences", "language"),
    ("mailing_recipients", "state"),
    ("mailing_recipients", "reason"),
    ("api_keys", "scopes"),
    ("transfer_accounts", "account_number"),
];

/// Columns of the fleet's tables with their types, by table.
async fn schema(client: &Client) -> BTreeMap<String, BTreeMap<String, String>> {
    let sql = "
        select c.table_name::text, c.column_name::text, c.data_type::text
        from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
        where table_schema = 'public' and t.table_type = 'BASE TABLE' and table_name <> 'refinery_schema_history'";
    let mut schema: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for row in client.query(sql, &[]).await.unwrap() {
        let columns = schema.entry(row.get(0)).or_default();
        columns.insert(row.get(1), row.get(2));
    }
    schema
}

/// Where a word stands, as `table.column`.
async fn hits(client: &Client, word: &str) -> BTreeSet<String> {
    let mut hits = BTreeSet::new();
    for (table, columns) in schema(client).await {
        for (column, kind) in columns {
            let found = if kind == "bytea" {
                format!("position('{word}'::bytea in {column}) > 0")
            } else {
                format!("position('{word}' in {column}::text) > 0")
            };
            let sql = format!("select count(*) from {table} where {found}");
            if client.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0) > 0 {
                hits.insert(format!("{table}.{column}"));
            }
        }
    }
    hits
}

#[tokio::test]
async fn every_table_and_column_is_listed() {
    let db = TestDb::new().await;
    let schema = schema(&db.client().await).await;
    for (table, columns) in &schema {
        let listed = TABLES.iter().find(|listed| listed.name == table);
        let listed = listed.unwrap_or_else(|| {
            panic!(
                "table {table} is new: say in shared/db/src/personal_data.rs whose its rows are, what each column is, and what \
                 becomes of them; if they are somebody's, add it to EXPORT_SQL and ERASE_SQL and fill it in this test"
            )
        });
        let listed: BTreeSet<_> = listed.columns.iter().map(|column| column.name).collect();
        let there: BTreeSet<_> = columns.keys().map(String::as_str).collect();
        assert_eq!(
            listed, there,
            "columns of {table} in shared/db/src/personal_data.rs and in the migrated schema: say what a new one is to a person"
        );
    }
    let names: BTreeSet<_> = TABLES.iter().map(|table| table.name).collect();
    assert_eq!(names.len(), TABLES.len(), "a table is listed twice");
    assert_eq!(names.len(), schema.len(), "a table is listed that does not exist");
}

#[test]
fn what_the_list_says_of_a_table_fits_together() {
    for table in TABLES {
        let has = |is| table.columns.iter().any(|column| column.is == is);
        let personal = has(Is::Erased) || has(Is::Secret);
        let name = table.name;
        match table.erasure {
            Erasure::Nothing => assert!(!personal && !has(Is::Kept), "{name}"),
            Erasure::Columns(reason) => assert!(personal && !reason.is_empty(), "{name}"),
            Erasure::Stays(reason) => assert!(!personal && !reason.is_empty(), "{name}"),
            Erasure::Rows => {}
        }
        assert_eq!(
            table.whose.is_empty(),
            table.erasure == Erasure::Nothing,
            "{name}: whose it is"
        );
    }
}

/// Somebody who has done everything that one can do, with the words above wherever they fit.
async fn somebody(db: &TestDb) -> UserId {
    let rows = Rows(db);
    let user = rows
        .user(&format!("{CANARY}@example.test"), Role::Organizer)
        .await;
    let category = rows.category("Concert").await;
    let event = rows.event(user, "Java Jazz").await;
    let ticket = rows.ticket_type(user, event, category, 50_000, 100).await;
    rows.bought(user, ticket, 2).await;
    {
        let until = start().plus_seconds(600);
        let database = db.db();
        let mut conn = database.conn().await.unwrap();
        let tx = conn.begin().await.unwrap();
        let item = db::cart::insert(&tx, user, ticket, 3, until, start())
            .await
            .unwrap();
        let want = Want {
            ticket_type: ticket,
            quantity: 3,
            first_stripe: 0,
            until,
        };
        stock::take(&tx, Owner::Cart(item.id), want, start())
            .await
            .unwrap()
            .unwrap();
        tx.commit().await.unwrap();
    }
    db.run(&format!(
        "update events set status = 'cancelled';
         update users set password_hash = '{SECRET}', phone_number = '{CANARY}';
         insert into preferences (user_id, language, updated_at) values ({user}, 'en', now());
         insert into followed_categories values ({user}, {category}, now());
         insert into waiting_entries (ticket_type_id, user_id, quantity, joined_at) values ({ticket}, {user}, 1, now());
         insert into notifications (user_id, message, created_at) values ({user}, '{CANARY}', now());
         insert into notifications (user_id, notice, happening, created_at)
             values ({user}, '{{\"kind\":\"sold_out\",\"ticket\":\"{CANARY}\",\"event\":\"\"}}', 'sold_out {CANARY}', now());
         insert into mail_suppressions (address_hash, bounced_at)
             select sha256(convert_to(lower(email), 'UTF8')), now() from users;
         insert into notification_marks select id, user_id, true, now() from notifications;
         insert into reviews (user_id, ticket_type_id, rating, comment, status, created_at, updated_at)
             values ({user}, {ticket}, 5, '{CANARY}', 'shown', now(), now());
         insert into review_counts
             select ticket_type_id, (created_at at time zone 'UTC')::date, rating, 1 from reviews;
         insert into review_reports select id, user_id, '{CANARY}', now() from reviews;
         insert into sessions (user_id, created_at, last_used_at, expires_at, ip, user_agent)
             values ({user}, now(), now(), now(), '{CANARY}', '{CANARY}');
         insert into refresh_tokens (token_hash, session_id, created_at)
             select '{SECRET}'::bytea, max(id), now() from sessions;
         insert into socket_tickets (token_hash, session_id, expires_at)
             select '{SECRET}'::bytea, max(id), now() from sessions;
         insert into api_keys (user_id, name, hint, key_hash, scopes, created_at)
             values ({user}, '{CANARY}', '{CANARY}', '{SECRET}', array['events:read'], now());
         insert into email_verifications values ({user}, '{SECRET}', now(), now());
         insert into password_resets
             (token_hash, address_hash, user_id, code_hash, code_expires_at, expires_at, created_at)
             values ('{SECRET}', '{SECRET}', {user}, '{SECRET}', now(), now(), now());
         insert into role_changes (user_id, changed_by, from_role, to_role, at)
             values ({user}, {user}, 'user', 'organizer', now());
         insert into audit_log (at, actor_id, actor_role, actor_via, action, subject_kind, subject_id, changes, client_ip,
                                user_agent, request_id)
             values (now(), {user}, 'organizer', 'session', 'create_event', 'event', {event}, '{{}}', '{CANARY}', '{CANARY}', 'r');
         insert into event_staff values ({event}, {user}, {user}, now());
         insert into gates (event_id, name, created_at, updated_at) values ({event}, 'North', now(), now());
         insert into check_ins (event_id, ticket_id, device, scan_id, scanned_by, scanned_at, received_at, offline, let_in)
             select event_id, id, 'phone', 'scan ' || code, {user}, now(), now(), false, true from issued_tickets;
         insert into check_in_undos (ticket_id, scan, at, undone_by, reason)
             select ticket_id, id, now(), {user}, 'by mistake' from check_ins;
         insert into handovers (ticket_id, from_id, to_email, token_hash, created_at, expires_at)
             select id, {user}, '{CANARY}@example.test', '{SECRET}', now(), now() from issued_tickets where unit = 1;
         insert into handovers (ticket_id, from_id, to_email, to_id, status, created_at, expires_at, decided_at)
             select id, {user}, '{CANARY}@example.test', {user}, 'accepted', now(), now(), now() from issued_tickets where unit = 2;
         insert into retired_codes
             select md5(code), ticket_id, event_id, holder_id, 'transferred', h.id, now()
             from handovers h join issued_tickets t on t.id = h.ticket_id where h.status = 'accepted';
         insert into images (owner_id, purpose, key, media_type, bytes, created_at, updated_at)
             values ({user}, 'event', md5('x'), 'image/png', 1, now(), now());
         insert into promo_campaigns (organizer_id, name, starts_at, ends_at, created_at, updated_at)
             values ({user}, 'Early birds', now(), now() + '1 day', now(), now());
         insert into venues (organizer_id, name, location, city, time_zone, sections, seats, created_at, updated_at)
             values ({user}, 'Hall', 'Jl. Satrio', 'Jakarta', 'Asia/Jakarta', '[]', 0, now(), now());
         insert into promo_codes (code, organizer_id, percent, valid_from, valid_to, created_at, updated_at)
             values ('EARLY', {user}, 1000, now(), now() + '1 day', now(), now());
         insert into mailings (organizer_id, audience, event_id, english_subject, english_text, status, send_at, started_at,
                               created_at, updated_at)
             values ({user}, 'past_buyers', {event}, 'Hello', 'Do come.', 'sending', now(), now(), now(), now());
         insert into mailing_recipients (mailing_id, user_id, state, decided_at)
             select id, {user}, 'sent', now() from mailings;
         insert into promo_redemptions select o.id, p.id, o.user_id, 1, 'taken', now(), now() from orders o, promo_codes p;
         insert into payments (order_id, user_id, amount, original_amount, status, transaction_token, redirect_url,
                               payment_date, created_at, updated_at)
             select id, user_id, total, total, 'success', '{SECRET}', '{SECRET}', now(), now(), now() from orders;
         insert into payment_transactions (payment_id, transaction_id, status, amount_matches, gross_amount, created_at, updated_at)
             select id, 'T-1', 'paid', true, amount::text, now(), now() from payments;
         insert into payment_transitions (payment_id, from_status, to_status, cause, at)
             select id, 'pending', 'success', 'T-1', now() from payments;
         insert into refunds (payment_id, key, amount, reason, cause, status, created_at, updated_at, finished_at)
             select id, 'R-1', 1, 'ill', 'request', 'succeeded', now(), now(), now() from payments;
         insert into event_cancellations (event_id, started_by, started_at) values ({event}, {user}, now());
         insert into payment_notifications (fingerprint, order_code, transaction_status, status_code, body, received_at,
                                            last_received_at)
             select '\\x01', code, 'settlement', '200', '{SECRET}', now(), now() from orders;
         insert into transfers (payment_id, organizer_id, bank, account_number, account_holder, expires_at, created_at)
             select id, {user}, 'BCA', '1234567890', 'Another', now(), now() from payments;
         insert into transfer_accounts
             select id, true, '{CANARY}', '1234567890', '{CANARY}', 24, now(), now() from events where organizer_id = {user};
         insert into idempotency_keys (scope, key, request_hash, status, body, created_at, user_id)
             values ('checkout {user}', '{SECRET}', '{SECRET}', 200, '{SECRET}', now(), {user});
         insert into webhook_endpoints (id, owner_id, url, description, events, secret, old_secret, old_secret_until,
                                        created_at, updated_at)
             overriding system value
             values (61, {user}, 'https://{CANARY}.example.com', '{CANARY}', array['order.paid'], rpad('{SECRET}', 32)::bytea,
                     rpad('{SECRET}', 32)::bytea, now(), now(), now());
         insert into webhook_deliveries (endpoint_id, message_id, event, payload, state, last_body, created_at, finished_at)
             values (61, 'msg_1', 'order.paid', '{{}}', 'delivered', '{CANARY}', now(), now());
         insert into outbox (id, queue, body, created_at) values (
             md5('mail'), 'mail',
             '{{\"id\":\"m\",\"body\":{{\"kind\":\"reset_code\",\"to\":\"{CANARY}@EXAMPLE.test\",\"name\":\"{CANARY}\",\"code\":\"{SECRET}\"}}}}',
             now()),
             (md5('order'), 'mail', '{{\"id\":\"o\",\"body\":{{\"kind\":\"tickets\",\"order\":1}}}}', now())"
    ))
    .await;
    user
}

/// Rows of a table without what erasure takes from them.
async fn remaining(client: &Client, table: &Table) -> String {
    let gone: Vec<_> = table
        .columns
        .iter()
        .filter(|column| matches!(column.is, Is::Erased | Is::Secret))
        .map(|column| column.name)
        // When it was erased is new.
        .chain((table.name == "users").then_some("deleted_at"))
        .chain((table.name == "users").then_some("updated_at"))
        // An open offer ends with the account of either side.
        .chain((table.name == "handovers").then_some("status"))
        .chain((table.name == "handovers").then_some("decided_at"))
        .collect();
    let sql = format!(
        "select coalesce(string_agg((to_jsonb(t) - $1::text[])::text, ' ' order by to_jsonb(t)::text), '') from {} t",
        table.name
    );
    client.query_one(&sql, &[&gone]).await.unwrap().get(0)
}

#[tokio::test]
async fn nothing_of_what_tells_who_somebody_is_survives_an_erasure() {
    let db = TestDb::new().await;
    let user = somebody(&db).await;
    let mut client = db.client().await;
    let schema = schema(&client).await;
    let filled: BTreeSet<_> = &hits(&client, CANARY).await | &hits(&client, SECRET).await;
    for table in TABLES {
        for column in table.columns {
            let open = ["text", "bytea", "jsonb", "json", "ARRAY"]
                .contains(&schema[table.name][column.name].as_str());
            let closed = CLOSED.contains(&(table.name, column.name));
            let personal = matches!(column.is, Is::Erased | Is::Secret);
            // Times that a mail was sent at, in a list.
            let times = (table.name, column.name) == ("password_resets", "mailed_at");
            let place = format!("{}.{}", table.name, column.name);
            assert!(
                !open || !personal || closed || times || filled.contains(&place),
                "{place} is personal: put CANARY or SECRET into it in `somebody`, so that this test sees whether it is erased"
            );
        }
    }
    let mut before = Vec::new();
    for table in TABLES {
        before.push(remaining(&client, table).await);
    }
    let tx = client.transaction().await.unwrap();
    let erased = personal_data::erase_own(&tx, user, SECRET, at(60)).await.unwrap();
    assert_eq!(erased, Erased::Done);
    tx.commit().await.unwrap();

    let left = &hits(&client, CANARY).await | &hits(&client, SECRET).await;
    assert!(
        left.is_empty(),
        "{left:?} still tell who it was: add them to ERASE_SQL in shared/db/src/personal_data.rs"
    );
    for (table, before) in TABLES.iter().zip(before) {
        match table.erasure {
            Erasure::Rows if table.name == "outbox" => {
                assert_eq!(
                    db.count("select count(*) from outbox where queue = 'mail'").await,
                    1,
                    "mails about orders stay"
                );
            }
            Erasure::Rows => {
                let sql = format!("select count(*) from {}", table.name);
                assert_eq!(db.count(&sql).await, 0, "rows of {} stay", table.name);
            }
            Erasure::Columns(_) | Erasure::Stays(_) => {
                assert_eq!(remaining(&client, table).await, before, "{}", table.name);
            }
            Erasure::Nothing => {}
        }
    }
    let age = "select age from users";
    assert_eq!(db.count(age).await, 1);
    // What the cart held is back on sale, what was sold is sold.
    let stock = "select concat_ws(' ', sum(held), sum(sold)) from ticket_stock";
    assert_eq!(db.text(stock).await, "0 2");
}

#[tokio::test]
async fn people_get_everything_about_them_but_secrets() {
    let db = TestDb::new().await;
    let user = somebody(&db).await;
    let other = Rows(&db).buyer("other-5d2@example.test").await;
    let client = db.client().await;
    let exported = personal_data::export(&client, user, 0).await.unwrap().unwrap();
    let tables: BTreeSet<_> = exported.iter().map(|rows| rows.table).collect();
    for table in TABLES.iter().filter(|table| table.is_given_out()) {
        assert!(
            tables.contains(table.name),
            "{} is not exported: add it to EXPORT_SQL",
            table.name
        );
    }
    for rows in &exported {
        let table = TABLES.iter().find(|table| table.name == rows.table).unwrap();
        let shown: BTreeSet<_> = table
            .columns
            .iter()
            .filter(|column| matches!(column.is, Is::Kept | Is::Erased))
            .map(|column| column.name)
            .collect();
        assert!(!rows.rows.is_empty(), "{} has no row in `somebody`", table.name);
        for row in &rows.rows {
            let columns: BTreeSet<_> = row.keys().map(String::as_str).collect();
            assert_eq!(columns, shown, "{}", table.name);
        }
    }
    let text = format!("{exported:?}");
    assert!(text.contains(CANARY));
    assert!(!text.contains(SECRET) && !text.contains(&hex(SECRET)) && !text.contains("other-5d2"));

    let others = personal_data::export(&client, other, 0).await.unwrap().unwrap();
    let text = format!("{others:?}");
    assert!(text.contains("other-5d2") && !text.contains(CANARY));
    let orders = others.iter().find(|rows| rows.table == "orders").unwrap();
    assert!(orders.rows.is_empty());
    assert!(
        personal_data::export(&client, UserId::new(9_999), 0)
            .await
            .unwrap()
            .is_none()
    );
}

/// Bytes as PostgreSQL writes them.
fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn an_erasure_needs_the_password_that_was_checked() {
    let db = TestDb::new().await;
    let user = somebody(&db).await;
    let mut client = db.client().await;
    let tx = client.transaction().await.unwrap();
    let erased = personal_data::erase_own(&tx, user, "another hash", at(60))
        .await
        .unwrap();
    assert_eq!(erased, Erased::PasswordChanged);
    let erased = personal_data::erase_own(&tx, UserId::new(9_999), SECRET, at(60))
        .await
        .unwrap();
    assert_eq!(erased, Erased::Missing);
    drop(tx);
    assert!(!hits(&client, CANARY).await.is_empty());
}

#[tokio::test]
async fn a_payment_page_that_opens_while_its_payer_is_erased_is_not_kept() {
    let db = TestDb::new().await;
    let user = somebody(&db).await;
    let payment = PaymentId::new(db.count("select id from payments").await);
    let (mut erasing, opening) = (db.client().await, db.client().await);
    let tx = erasing.transaction().await.unwrap();
    let erased = personal_data::erase_own(&tx, user, SECRET, at(60)).await.unwrap();
    assert_eq!(erased, Erased::Done);
    let store = db::payments::store_page(&opening, payment, SECRET, SECRET, at(61));
    let end = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        tx.commit().await.unwrap();
    };
    let (stored, ()) = tokio::join!(store, end);
    stored.unwrap();
    assert!(hits(&opening, SECRET).await.is_empty());
}

#[tokio::test]
async fn an_export_is_readable_by_programs() {
    let db = TestDb::new().await;
    let user = somebody(&db).await;
    let exported = personal_data::export(&db.client().await, user, 0)
        .await
        .unwrap()
        .unwrap();
    let account = &exported.iter().find(|rows| rows.table == "users").unwrap().rows[0];
    assert_eq!(account["age"], Value::from(30));
    assert_eq!(account["role"], "organizer");
    assert_eq!(account["deleted_at"], Value::Null);
}
