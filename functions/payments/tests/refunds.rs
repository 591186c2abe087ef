//! Who may give what back, what is refused, and the list of what people have to transfer.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use domain::user::Role;
use domain::{EventId, TicketTypeId, UserId};
use payments::{App, router};
use queue::Publisher;
use runtime::{Clock, Env};
use serde_json::{Value, json};
use std::num::NonZeroU32;
use testkit::{Api, Gateway, Reply, Rows, TestDb, TestTokens, start};
use web::Site;

struct Setup {
    db: TestDb,
    clock: Clock,
    gateway: Gateway,
    api: Api,
    event: EventId,
    ticket: TicketTypeId,
    organizer: String,
    buyer: UserId,
    token: String,
    admin: String,
}

fn api(db: &TestDb, gateway: &Gateway, clock: &Clock) -> Api {
    let app = App {
        db: db.db(),
        midtrans: gateway.client(),
        store: kv::Store::in_memory(),
        caller_factor: NonZeroU32::MIN,
        queue: Publisher::in_memory(),
        tokens: TestTokens::checker(),
        clock: clock.clone(),
        payment_seconds: 900,
        finish_url: "https://shop.example/done".to_owned(),
    };
    Api::new(router(app, Site::from_env(&Env::default())))
}

impl Setup {
    async fn new() -> Self {
        let (db, gateway, clock) = (
            TestDb::new().await,
            Gateway::start().await,
            Clock::set_to(start()),
        );
        let rows = Rows(&db);
        let organizer = rows.user("organizer@example.test", Role::Organizer).await;
        let category = rows.category("Concert").await;
        let event = rows.event(organizer, "Java Jazz").await;
        let ticket = rows.ticket_type(organizer, event, category, 50_000, 20).await;
        let buyer = rows.buyer("ayu@example.test").await;
        let admin = rows.user("admin@example.test", Role::Admin).await;
        Self {
            api: api(&db, &gateway, &clock),
            organizer: TestTokens::of(organizer, Role::Organizer, &clock),
            token: TestTokens::of(buyer, Role::User, &clock),
            admin: TestTokens::of(admin, Role::Admin, &clock),
            db,
            clock,
            gateway,
            event,
            ticket,
            buyer,
        }
    }

    /// An order of three tickets at 50,000 rupiah that was paid by a method; its path.
    async fn paid(&self, method: &str) -> String {
        let (code, _) = Rows(&self.db).bought(self.buyer, self.ticket, 3).await;
        self.db
            .run(&format!(
                "with paid as (
                     insert into payments (order_id, user_id, amount, original_amount, status, payment_date, settled_at,
                                           created_at, updated_at)
                     select id, user_id, total, total, 'success', now(), now(), now(), now() from orders where code = '{code}'
                     returning id, amount
                 ), told as (
                     insert into payment_transactions (payment_id, transaction_id, status, amount_matches, gross_amount,
                                                       payment_type, created_at, updated_at)
                     select id, 't' || id, 'paid', true, amount || '.00', '{method}', now(), now() from paid
                 ), moved as (
                     insert into payment_transitions (payment_id, from_status, to_status, cause, at)
                     select id, 'pending', 'success', 'a test', now() from paid
                 ), posting as (
                     insert into ledger_postings (kind, payment_id, at) select 'charge', id, now() from paid returning id
                 )
                 insert into ledger_entries (posting_id, account, event_id, debit, credit)
                 select posting.id, 'gateway', null, 150000, 0 from posting
                 union all select posting.id, 'organizer', {}, 0, 150000 from posting",
                self.event
            ))
            .await;
        let id = self.db.count("select max(id) from payments").await;
        format!("/api/v1/payments/{id}/refunds")
    }

    async fn ask(&self, path: &str, token: &str, body: Value) -> Reply {
        self.api.post(path, Some(token), body).await
    }

    async fn tickets(&self) -> Vec<i64> {
        let mut ids = Vec::new();
        let client = self.db.client().await;
        let sql = "select id from issued_tickets where status <> 'void' order by id";
        for row in client.query_typed(sql, &[]).await.unwrap() {
            ids.push(row.get(0));
        }
        ids
    }
}

#[tokio::test]
async fn an_organizer_gives_the_money_for_one_ticket_back() {
    let t = Setup::new().await;
    let path = t.paid("gopay").await;
    assert_eq!(path, "/api/v1/payments/1/refunds");
    let reply = t
        .api
        .event("http/payments/create_refund.json", Some(&t.organizer))
        .await;
    assert_eq!(reply.message(), "Refund requested successfully");
    let refund = reply.data(201);
    assert_eq!(
        (
            &refund["amount"],
            &refund["status"],
            &refund["cause"],
            &refund["ticketIds"]
        ),
        (
            &json!(50_000),
            &json!("requested"),
            &json!("request"),
            &json!([1])
        )
    );
    assert_eq!(refund["parts"], json!([{"eventId": t.event, "amount": 50_000}]));
    assert_eq!(t.tickets().await, [2, 3]);
    let queues =
        "select string_agg(queue, ' ' order by queue) from outbox where queue in ('mail', 'refunds')";
    assert_eq!(t.db.text(queues).await, "mail refunds");
    let audited = "select concat_ws(' ', action, subject_kind, subject_id) from audit_log";
    assert_eq!(t.db.text(audited).await, "create_refund payment 1");
    // The same request again gives the same answer, and nothing more.
    let again = t
        .api
        .event("http/payments/create_refund.json", Some(&t.organizer))
        .await;
    assert_eq!(again.data(201), refund);
    assert_eq!(t.db.count("select count(*) from refunds").await, 1);
    for token in [&t.organizer, &t.admin, &t.token] {
        let file = "http/payments/list_payment_refunds.json";
        let listed = t.api.event(file, Some(token)).await.data(200);
        assert_eq!(listed["refunds"][0]["id"], refund["id"]);
        let left = json!({"ticketId": 2, "eventId": t.event, "amount": 50_000, "used": false});
        assert_eq!(listed["tickets"][0], left);
    }
}

#[tokio::test]
async fn nonsense_is_refused_with_a_word_of_what_is_wrong() {
    let t = Setup::new().await;
    let path = t.paid("gopay").await;
    for (body, code) in [
        (json!({}), "invalid_input"),
        (json!({"reason": ""}), "invalid_input"),
        (json!({"reason": "x".repeat(201)}), "invalid_input"),
        (json!({"reason": "ill", "amount": 0}), "invalid_input"),
        (json!({"reason": "ill", "amount": -1}), "invalid_input"),
        (json!({"reason": "ill", "amount": 1.5}), "invalid_input"),
        (json!({"reason": "ill", "amount": "1e3"}), "invalid_input"),
        (json!({"reason": "ill", "amount": 1e300}), "invalid_input"),
        (json!({"reason": "ill", "amount": [1]}), "invalid_input"),
        (json!({"reason": "ill", "ticketIds": []}), "invalid_input"),
        (json!({"reason": "ill", "ticketIds": 1}), "invalid_input"),
        (json!({"reason": "ill", "ticketIds": [0]}), "invalid_input"),
        (
            json!({"reason": "ill", "ticketIds": vec![1; 1_001]}),
            "invalid_input",
        ),
    ] {
        let refused = t.ask(&path, &t.admin, body.clone()).await;
        assert_eq!(refused.error(400), code, "{body}");
    }
    let conflicts = [
        (json!({"reason": "ill", "amount": 150_001}), "refund_too_large"),
        (
            json!({"reason": "ill", "ticketIds": [1], "amount": 50_001}),
            "refund_too_large",
        ),
        (
            json!({"reason": "ill", "amount": 100_000_000_000_i64}),
            "refund_too_large",
        ),
    ];
    for (body, code) in conflicts {
        assert_eq!(
            t.ask(&path, &t.admin, body.clone()).await.error(409),
            code,
            "{body}"
        );
    }
    let unknown = t
        .ask(&path, &t.admin, json!({"reason": "ill", "ticketIds": [99]}))
        .await;
    assert_eq!(unknown.error(404), "not_found");
    // As texts, as older clients send numbers.
    let texts = json!({"reason": "ill", "amount": "1000", "ticketIds": ["1"]});
    t.ask(&path, &t.admin, texts).await.data(201);
    let void = t
        .ask(&path, &t.admin, json!({"reason": "ill", "ticketIds": [1]}))
        .await;
    assert_eq!(void.error(409), "ticket_void");
    t.ask(&path, &t.admin, json!({"reason": "ill"})).await.data(201);
    let nothing = t.ask(&path, &t.admin, json!({"reason": "ill"})).await;
    assert_eq!(nothing.error(409), "nothing_to_refund");
    assert_eq!(t.db.count("select sum(amount) from refunds").await, 150_000);
}

#[tokio::test]
async fn buyers_give_back_only_while_the_organizer_lets_them_and_others_never() {
    let t = Setup::new().await;
    let path = t.paid("gopay").await;
    let wish = json!({"reason": "ill", "ticketIds": [1]});
    let stranger = Rows(&t.db).user("other@example.test", Role::Organizer).await;
    let stranger = TestTokens::of(stranger, Role::Organizer, &t.clock);
    assert_eq!(
        t.ask(&path, &stranger, wish.clone()).await.error(404),
        "not_found"
    );
    assert_eq!(
        t.ask(&path, &t.token, wish.clone()).await.error(409),
        "refund_not_allowed"
    );
    // The event begins in thirty days.
    t.db.run("update events set refund_hours = 721").await;
    assert_eq!(
        t.ask(&path, &t.token, wish.clone()).await.error(409),
        "refund_not_allowed"
    );
    t.db.run("update events set refund_hours = 720").await;
    let amount = json!({"reason": "ill", "amount": 10});
    assert_eq!(t.ask(&path, &t.token, amount).await.error(400), "invalid_input");
    t.db.run("update issued_tickets set status = 'used' where id = 2")
        .await;
    let used = json!({"reason": "ill", "ticketIds": [2]});
    assert_eq!(t.ask(&path, &t.token, used).await.error(409), "ticket_used");
    let refund = t.ask(&path, &t.token, wish).await.data(201);
    assert_eq!(
        (&refund["amount"], &refund["lastError"]),
        (&json!(50_000), &json!(null))
    );
}

#[tokio::test]
async fn what_was_passed_on_its_buyer_does_not_give_back_but_the_money_is_theirs() {
    let t = Setup::new().await;
    let path = t.paid("gopay").await;
    let friend = Rows(&t.db).buyer("friend@example.test").await;
    t.db.run(&format!(
        "update events set refund_hours = 720; update issued_tickets set holder_id = {friend} where id = 1"
    ))
    .await;
    let left = async |token: &str| {
        let listed = t.api.get(&path, Some(token)).await.data(200);
        listed["tickets"].as_array().unwrap().len()
    };
    assert_eq!((left(&t.token).await, left(&t.organizer).await), (2, 3));
    let wish = json!({"reason": "ill", "ticketIds": [1]});
    assert_eq!(t.ask(&path, &t.token, wish).await.error(404), "not_found");
    // Everything that is the buyer's to give back.
    let all = json!({"reason": "ill"});
    let refund = t.ask(&path, &t.token, all.clone()).await.data(201);
    assert_eq!(refund["amount"], 100_000);
    assert_eq!(left(&t.token).await, 0);
    let told = format!(
        "select coalesce(string_agg(notice ->> 'kind', ' '), 'nothing') from notifications where user_id = {friend}"
    );
    assert_eq!(t.db.text(&told).await, "nothing");
    // The organizer gives the third one back: to whoever paid, and its holder hears of it.
    let refund = t.ask(&path, &t.organizer, all).await.data(201);
    assert_eq!(refund["amount"], 50_000);
    assert_eq!(t.db.text(&told).await, "ticket_void");
    let mails = format!(
        "select count(*) from outbox where queue = 'mail' and body::jsonb -> 'body' ->> 'kind' = 'ticket_void'
         and body::jsonb -> 'body' ->> 'holder' = '{friend}'"
    );
    assert_eq!(t.db.count(&mails).await, 1);
}

#[tokio::test]
async fn twenty_requests_at_once_give_back_what_was_paid_and_no_more() {
    let t = Setup::new().await;
    let path = t.paid("gopay").await;
    let apis: Vec<Api> = (0..20).map(|_| api(&t.db, &t.gateway, &t.clock)).collect();
    let replies = futures_util::future::join_all(apis.iter().enumerate().map(async |(number, api)| {
        let body = if number % 2 == 0 {
            json!({"reason": "ill"})
        } else {
            json!({"reason": "ill", "amount": 100_000})
        };
        api.post(&path, Some(&t.admin), body).await
    }))
    .await;
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        let code = reply.error(409);
        assert!(
            ["nothing_to_refund", "refund_too_large"].contains(&code.as_str()),
            "{code}"
        );
    }
    assert_eq!(t.db.count("select sum(amount) from refunds").await, 150_000);
    assert_eq!(t.tickets().await.len(), 0);
}

#[tokio::test]
async fn what_people_have_to_transfer_is_listed_until_they_say_that_they_did() {
    let t = Setup::new().await;
    let path = t.paid("bank_transfer").await;
    let refund = t
        .ask(&path, &t.organizer, json!({"reason": "ill"}))
        .await
        .data(201);
    assert_eq!(refund["status"], "manual");
    let file = "http/payments/list_refunds.json";
    let stranger = Rows(&t.db).user("other@example.test", Role::Organizer).await;
    let stranger = TestTokens::of(stranger, Role::Organizer, &t.clock);
    for (token, count) in [(&t.organizer, 1), (&t.admin, 1), (&stranger, 0)] {
        let listed = t.api.event(file, Some(token)).await.data(200);
        assert_eq!(listed["refunds"].as_array().unwrap().len(), count, "{listed}");
        assert_eq!(listed["meta"]["total"], count);
    }
    let done = "http/payments/complete_refund.json";
    assert_eq!(t.api.event(done, Some(&stranger)).await.error(404), "not_found");
    for _ in 0..2 {
        let completed = t.api.event(done, Some(&t.organizer)).await.data(200);
        assert_eq!(
            (&completed["status"], &completed["reference"]),
            (&json!("done"), &json!("BCA 20300102-17"))
        );
    }
    let other = json!({"reference": "BCA 2"});
    let path = "/api/v1/payments/refunds/1/done";
    assert_eq!(t.ask(path, &t.admin, other).await.error(409), "refund_not_manual");
    let listed = t.api.event(file, Some(&t.admin)).await.data(200);
    assert_eq!(listed["meta"]["total"], 0);
    assert_eq!(t.db.text("select status from payments").await, "refunded");
    let audited = "select string_agg(action, ' ' order by id) from audit_log";
    assert_eq!(t.db.text(audited).await, "create_refund complete_refund");
    let broken = db::invariants::breaches(&t.db.db().conn().await.unwrap())
        .await
        .unwrap();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[tokio::test]
async fn what_was_not_paid_cannot_be_given_back() {
    let t = Setup::new().await;
    let path = t.paid("gopay").await;
    for (payment, order, code) in [
        ("pending", "pending", "not_refundable"),
        ("challenge", "pending", "not_refundable"),
        ("expired", "expired", "not_refundable"),
        ("conflicted", "disputed", "not_refundable"),
        ("chargeback", "disputed", "not_refundable"),
        ("refunded", "refunded", "nothing_to_refund"),
        ("success", "refund_due", "nothing_to_refund"),
    ] {
        t.db.run(&format!(
            "update payments set status = '{payment}'; update orders set status = '{order}'"
        ))
        .await;
        let refused = t.ask(&path, &t.admin, json!({"reason": "ill"})).await;
        assert_eq!(refused.error(409), code, "{payment} {order}");
    }
    assert_eq!(t.db.count("select count(*) from refunds").await, 0);
}
