//! Bank transfers: who offers them, what is told, who confirms them, and that nobody pays twice.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use super::*;
use futures_util::future::join_all;

/// A sale whose organizer takes transfers for a day.
struct Sale {
    t: Setup,
    api: Api,
    event: i64,
    organizer: String,
}

const REFERENCE: &str = "BCA 20300102-17";

impl Sale {
    async fn of(price: i64, capacity: u32) -> Self {
        let t = Setup::new(price, capacity).await;
        let event = t.db.count("select id from events").await;
        let organizer = UserId::new(t.db.count("select organizer_id from events").await);
        let sale = Self {
            api: t.api(),
            organizer: TestTokens::of(organizer, Role::Organizer, &t.clock),
            event,
            t,
        };
        sale.offer(event, "1234567890").await;
        sale
    }

    async fn offer(&self, event: i64, number: &str) {
        self.t
            .db
            .run(&format!(
                "insert into transfer_accounts values ({event}, true, 'BCA', '{number}', 'PT Java Festival', 24, now(), now())"
            ))
            .await;
    }

    async fn begin(&self, body: Value) -> Reply {
        let mut body = body;
        body["method"] = "manual_transfer".into();
        self.t.initialize(&self.api, body).await
    }

    /// A transfer for so many tickets; its payment.
    async fn waiting(&self, quantity: u32) -> Value {
        self.begin(self.t.at_once(quantity)).await.data(201)["payment"].clone()
    }

    async fn confirm(&self, payment: &Value, reference: &str, amount: i64) -> Reply {
        let path = format!("/api/v1/payments/{}/transfer", payment["id"]);
        let body = json!({"reference": reference, "amount": amount});
        self.api.post(&path, Some(&self.organizer), body).await
    }

    async fn give_up(&self, payment: &Value, token: &str) -> Reply {
        let path = format!("/api/v1/payments/{}/transfer", payment["id"]);
        self.api.call("DELETE", &path, Some(token), None).await
    }

    async fn states(&self) -> (String, String, i64, i64, i64) {
        let db = &self.t.db;
        (
            db.text("select status from orders").await,
            db.text("select status from payments").await,
            db.count("select sum(held) from ticket_stock").await,
            db.count("select sum(sold) from ticket_stock").await,
            db.count("select count(*) from issued_tickets where status = 'valid'")
                .await,
        )
    }

    /// Ends the order as the janitor does.
    async fn expire(&self) {
        self.t
            .db
            .run(
                "update orders set status = 'expired'; update payments set status = 'expired';
                 insert into payment_transitions (payment_id, from_status, to_status, cause, at)
                 select id, 'pending', 'expired', 'a test', now() from payments;
                 update ticket_stock s set held = held - h.quantity from holds h
                 where h.ticket_type_id = s.ticket_type_id and h.stripe = s.stripe;
                 delete from holds",
            )
            .await;
    }

    async fn is_consistent(&self) {
        let db = self.t.db.db();
        let conn = db.conn().await.unwrap();
        let breaches = db::invariants::breaches(&conn).await.unwrap();
        assert!(breaches.is_empty(), "{breaches:#?}");
    }
}

fn states<'a>(
    order: &'a str,
    payment: &'a str,
    held: i64,
    sold: i64,
    tickets: i64,
) -> (String, String, i64, i64, i64) {
    (order.to_owned(), payment.to_owned(), held, sold, tickets)
}

#[tokio::test]
async fn a_buyer_is_told_where_to_transfer_what_by_when() {
    let sale = Sale::of(150_000, 10).await;
    let reply = sale.begin(sale.t.at_once(2)).await;
    let data = reply.data(201);
    assert_eq!(
        (&data["transactionToken"], &data["redirectUrl"]),
        (&Value::Null, &Value::Null)
    );
    let payment = &data["payment"];
    assert_eq!(payment["method"], "manual_transfer");
    assert_eq!(
        payment["transfer"],
        json!({
            "bank": "BCA", "accountNumber": "1234567890", "accountHolder": "PT Java Festival", "amount": 300_000,
            "code": format!("GF-{}", payment["id"]), "payUntil": "2030-01-02T12:00:00.000Z",
        })
    );
    assert_eq!(sale.states().await, states("pending", "pending", 2, 0, 0));
    let until = "select count(*) from orders o, holds h where o.expires_at = '2030-01-02 12:00Z' and h.expires_at = o.expires_at";
    assert_eq!(sale.t.db.count(until).await, 1, "the tickets are kept as long");
    let mail = "select count(*) from outbox where body like '%transfer_due%'";
    assert_eq!(sale.t.db.count(mail).await, 1);

    let again = sale.begin(json!({"orderId": payment["orderId"]})).await.data(201);
    assert_eq!(&again["payment"], payment);
    assert_eq!(sale.t.db.count(mail).await, 1, "the letter is written once");
    let read = sale
        .api
        .get(
            &format!("/api/v1/payments/{}", payment["id"]),
            Some(&sale.t.token),
        )
        .await
        .data(200);
    assert_eq!(&read, payment);
    let asked = sale.t.gateway.admin("GET", "requests", json!({})).await;
    assert_eq!(
        asked["requests"].as_array().unwrap().len(),
        0,
        "the gateway is never asked: {asked}"
    );
    sale.is_consistent().await;
}

#[tokio::test]
async fn the_organizer_finds_the_transfer_and_the_tickets_are_issued() {
    let sale = Sale::of(150_000, 10).await;
    let payment = sale.waiting(2).await;
    let list = "/api/v1/payments/transfers";
    let waiting = sale.api.get(list, Some(&sale.organizer)).await.data(200);
    assert_eq!(waiting["meta"]["total"], 1);
    let listed = &waiting["transfers"][0];
    assert_eq!(
        (&listed["paymentId"], &listed["buyer"]),
        (&payment["id"], &json!("ayu"))
    );
    assert_eq!(listed["due"], payment["transfer"]);
    let of_event = format!("{list}?eventId={}", sale.event);
    assert_eq!(
        sale.api.get(&of_event, Some(&sale.organizer)).await.data(200),
        waiting
    );
    let of_another = format!("{list}?eventId={}", sale.event + 1);
    assert_eq!(
        sale.api.get(&of_another, Some(&sale.organizer)).await.data(200)["meta"]["total"],
        0
    );

    for amount in [299_999, 300_001, 0] {
        let reply = sale.confirm(&payment, REFERENCE, amount).await;
        assert_eq!(reply.error(409), "amount_mismatch");
    }
    assert_eq!(
        sale.states().await,
        states("pending", "pending", 2, 0, 0),
        "nothing changed"
    );
    let confirmed = sale.confirm(&payment, REFERENCE, 300_000).await.data(200);
    assert_eq!(
        (&confirmed["status"], &confirmed["reference"]),
        (&json!("success"), &json!(REFERENCE))
    );
    assert_eq!(sale.states().await, states("paid", "success", 0, 2, 2));
    let book = "select string_agg(account || ' ' || debit || ' ' || credit, ', ' order by e.id)
                from ledger_entries e join ledger_postings p on p.id = e.posting_id";
    assert_eq!(sale.t.db.text(book).await, "bank 300000 0, organizer 0 300000");
    assert_eq!(
        sale.api.get(list, Some(&sale.organizer)).await.data(200)["meta"]["total"],
        0
    );
    assert_eq!(
        sale.t
            .db
            .count("select count(*) from audit_log where action = 'confirm_transfer'")
            .await,
        1
    );

    // The same again, by whomever, is the same answer; anything else is refused.
    assert_eq!(
        sale.confirm(&payment, REFERENCE, 300_000).await.data(200),
        confirmed
    );
    assert_eq!(
        sale.confirm(&payment, "BCA 18", 300_000).await.error(409),
        "transfer_confirmed"
    );
    assert_eq!(
        sale.confirm(&payment, REFERENCE, 1).await.error(409),
        "amount_mismatch"
    );
    assert_eq!(
        sale.t
            .db
            .count("select count(*) from audit_log where action = 'confirm_transfer'")
            .await,
        1
    );
    assert_eq!(
        sale.give_up(&payment, &sale.t.token).await.error(409),
        "order_paid"
    );
    let file = sale
        .api
        .get("/api/v1/payments/export", Some(&sale.organizer))
        .await;
    assert!(
        String::from_utf8(file.bytes)
            .unwrap()
            .contains(",manual_transfer,")
    );
    sale.is_consistent().await;
}

#[tokio::test]
async fn two_who_confirm_at_once_sell_once() {
    for _ in 0..5 {
        let sale = Sale::of(150_000, 10).await;
        let payment = sale.waiting(2).await;
        let apis: Vec<_> = (0..8).map(|_| sale.t.api()).collect();
        let path = format!("/api/v1/payments/{}/transfer", payment["id"]);
        // Half of them found it by another line of the statement.
        let replies = join_all(apis.iter().zip(0..).map(async |(api, number)| {
            let body = json!({"reference": format!("BCA {}", number % 2), "amount": 300_000});
            api.post(&path, Some(&sale.organizer), body).await
        }))
        .await;
        let confirmed = replies.iter().filter(|reply| reply.status == 200).count();
        assert_eq!(confirmed, 4, "those with one of both references");
        for reply in replies.iter().filter(|reply| reply.status != 200) {
            assert_eq!(reply.error(409), "transfer_confirmed");
        }
        assert_eq!(sale.states().await, states("paid", "success", 0, 2, 2));
        let postings = "select count(*) from ledger_postings";
        assert_eq!(sale.t.db.count(postings).await, 1);
        sale.is_consistent().await;
    }
}

#[tokio::test]
async fn a_transfer_confirms_one_payment() {
    let sale = Sale::of(150_000, 10).await;
    let payment = sale.waiting(2).await;
    sale.confirm(&payment, REFERENCE, 300_000).await.data(200);
    let second = sale.waiting(2).await;
    let reply = sale.confirm(&second, REFERENCE, 300_000).await;
    assert_eq!(reply.error(409), "reference_used");
    let waits = "select count(*) from orders where status = 'pending'";
    assert_eq!(sale.t.db.count(waits).await, 1);
    sale.confirm(&second, "BCA 18", 300_000).await.data(200);
    sale.is_consistent().await;
}

#[tokio::test]
async fn late_money_is_honoured_while_there_is_stock() {
    let sale = Sale::of(150_000, 2).await;
    let payment = sale.waiting(2).await;
    sale.expire().await;
    assert_eq!(sale.states().await, states("expired", "expired", 0, 0, 0));
    let late = "/api/v1/payments/transfers?status=expired";
    assert_eq!(
        sale.api.get(late, Some(&sale.organizer)).await.data(200)["meta"]["total"],
        1
    );
    sale.confirm(&payment, REFERENCE, 300_000).await.data(200);
    assert_eq!(sale.states().await, states("paid", "success", 0, 2, 2));
    sale.is_consistent().await;
}

#[tokio::test]
async fn late_money_without_stock_is_for_people_to_transfer_back() {
    let sale = Sale::of(150_000, 2).await;
    let payment = sale.waiting(2).await;
    sale.expire().await;
    // Somebody else has the tickets meanwhile.
    let other = Rows(&sale.t.db).buyer("budi@example.test").await;
    let other = TestTokens::of(other, Role::User, &sale.t.clock);
    let body = json!({"ticketId": sale.t.ticket, "quantity": 2, "method": "manual_transfer"});
    let theirs = sale
        .api
        .post("/api/v1/payments/initialize", Some(&other), body)
        .await
        .data(201)["payment"]
        .clone();
    let confirmed = sale.confirm(&payment, REFERENCE, 300_000).await.data(200);
    assert_eq!(confirmed["status"], "success");
    let of_order = format!(
        "select status from orders where code = '{}'",
        payment["orderId"].as_str().unwrap()
    );
    assert_eq!(sale.t.db.text(&of_order).await, "refund_due");
    assert_eq!(
        sale.confirm(&payment, REFERENCE, 300_000).await.data(200),
        confirmed
    );
    let tasks = sale
        .api
        .get("/api/v1/payments/refunds?status=manual", Some(&sale.organizer))
        .await
        .data(200);
    let task = &tasks["refunds"][0];
    assert_eq!(
        (&task["amount"], &task["cause"], &tasks["meta"]["total"]),
        (&json!(300_000), &json!("late_payment"), &json!(1))
    );
    sale.is_consistent().await;
    let done = format!("/api/v1/payments/refunds/{}/done", task["id"]);
    sale.api
        .post(&done, Some(&sale.organizer), json!({"reference": "BCA 99"}))
        .await
        .data(200);
    assert_eq!(sale.t.db.text(&of_order).await, "refunded");
    let left =
        "select coalesce(sum(debit - credit), 0) from ledger_entries where account in ('bank', 'unearned')";
    assert_eq!(sale.t.db.count(left).await, 0);
    sale.confirm(&theirs, "BCA 18", 300_000).await.data(200);
    sale.is_consistent().await;
}

#[tokio::test]
async fn tickets_paid_by_transfer_are_given_back_by_people() {
    let sale = Sale::of(150_000, 10).await;
    let payment = sale.waiting(2).await;
    sale.confirm(&payment, REFERENCE, 300_000).await.data(200);
    let refunds = format!("/api/v1/payments/{}/refunds", payment["id"]);
    let asked = sale
        .api
        .post(&refunds, Some(&sale.organizer), json!({"reason": "Ill"}))
        .await
        .data(201);
    assert_eq!(
        (&asked["status"], &asked["amount"]),
        (&json!("manual"), &json!(300_000))
    );
    assert_eq!(sale.states().await, states("paid", "success", 0, 0, 0));
    let done = format!("/api/v1/payments/refunds/{}/done", asked["id"]);
    sale.api
        .post(&done, Some(&sale.organizer), json!({"reference": "BCA 99"}))
        .await
        .data(200);
    assert_eq!(sale.states().await, states("refunded", "refunded", 0, 0, 0));
    let left = "select coalesce(sum(debit - credit), 0) from ledger_entries where account = 'bank'";
    assert_eq!(sale.t.db.count(left).await, 0);
    sale.is_consistent().await;
}

#[tokio::test]
async fn an_order_that_waits_for_a_transfer_is_not_paid_another_way() {
    let sale = Sale::of(150_000, 10).await;
    let payment = sale.waiting(2).await;
    for body in [json!({"orderId": payment["orderId"]}), sale.t.at_once(2)] {
        let reply = sale.t.initialize(&sale.api, body).await;
        assert_eq!(reply.error(409), "transfer_chosen");
    }
    let given_up = sale.give_up(&payment, &sale.t.token).await.data(200);
    assert_eq!(
        (&given_up["status"], &given_up["transfer"]),
        (&json!("cancelled"), &Value::Null)
    );
    assert_eq!(sale.states().await, states("cancelled", "cancelled", 0, 0, 0));
    assert_eq!(sale.give_up(&payment, &sale.t.token).await.data(200), given_up);
    let audited = "select count(*) from audit_log where action = 'give_up_transfer'";
    assert_eq!(sale.t.db.count(audited).await, 1);
    let closed = sale
        .t
        .initialize(&sale.api, json!({"orderId": payment["orderId"]}))
        .await;
    assert_eq!(closed.error(409), "order_closed");
    // Now another way is free, and the transfer that was made nevertheless is honoured, too.
    let page = sale.t.initialize(&sale.api, sale.t.at_once(2)).await.data(201);
    assert!(page["redirectUrl"].is_string());
    sale.confirm(&payment, REFERENCE, 300_000).await.data(200);
    let tickets = "select count(*) from issued_tickets";
    assert_eq!(sale.t.db.count(tickets).await, 2);
    sale.is_consistent().await;
}

#[tokio::test]
async fn an_order_whose_page_was_opened_is_not_paid_by_transfer() {
    let sale = Sale::of(150_000, 10).await;
    let opened = sale.t.initialize(&sale.api, sale.t.at_once(2)).await.data(201);
    let order = json!({"orderId": opened["payment"]["orderId"]});
    assert_eq!(sale.begin(order.clone()).await.error(409), "payment_page_opened");
    sale.t
        .gateway
        .pay(opened["payment"]["orderId"].as_str().unwrap(), "bca_va", "deny")
        .await;
    sale.t.clock.advance(3);
    let path = format!("/api/v1/payments/{}", opened["payment"]["id"]);
    sale.api.get(&path, Some(&sale.t.token)).await.data(200);
    assert_eq!(sale.begin(order).await.error(409), "payment_page_opened");
    assert_eq!(sale.t.db.count("select count(*) from transfers").await, 0);
}

#[tokio::test]
async fn while_the_gateway_is_away_a_transfer_helps() {
    let sale = Sale::of(150_000, 10).await;
    sale.t
        .gateway
        .faults(json!({"snap_create": {"respond": 503}}))
        .await;
    let away = sale.t.initialize(&sale.api, sale.t.at_once(2)).await;
    assert_eq!(away.error(503), "gateway_unavailable");
    let payment = sale.waiting(2).await;
    assert_eq!(payment["method"], "manual_transfer");
    assert_eq!(sale.t.db.count("select count(*) from orders").await, 1);
    assert_eq!(
        sale.t
            .db
            .count("select count(*) from payments where next_check_at is null")
            .await,
        1,
        "the reconciler has nothing to ask"
    );
    sale.confirm(&payment, REFERENCE, 300_000).await.data(200);
    sale.is_consistent().await;
}

#[tokio::test]
async fn a_page_that_comes_after_a_transfer_was_chosen_is_shown_to_nobody() {
    let sale = Sale::of(150_000, 10).await;
    let payment = sale.waiting(2).await;
    let db = sale.t.db.db();
    let conn = db.conn().await.unwrap();
    let id = domain::PaymentId::new(payment["id"].as_i64().unwrap());
    let stored = db::payments::store_page(&conn, id, "token", "https://page.example", start()).await;
    assert!(!stored.unwrap());
    assert_eq!(
        sale.t
            .db
            .count("select count(*) from payments where redirect_url is null")
            .await,
        1
    );
}

#[tokio::test]
async fn a_click_on_each_way_at_once_opens_one_of_them() {
    for round in 0..8 {
        let sale = Sale::of(150_000, 10).await;
        let (page_api, transfer_api) = (sale.t.api(), sale.t.api());
        let code = {
            // An order that nobody began to pay.
            let opened = sale.waiting(2).await;
            sale.t
                .db
                .run(
                    "delete from transfers; delete from payments;
                     update orders set expires_at = '2030-01-01 12:15Z'; update holds set expires_at = '2030-01-01 12:15Z'",
                )
                .await;
            opened["orderId"].clone()
        };
        let by_transfer = json!({"orderId": code, "method": "manual_transfer"});
        let by_page = json!({"orderId": code});
        let page = async {
            if round % 2 == 1 {
                tokio::task::yield_now().await;
            }
            sale.t.initialize(&page_api, by_page).await
        };
        let (page, transfer) = tokio::join!(page, sale.t.initialize(&transfer_api, by_transfer));
        let won = (page.status == 201, transfer.status == 201);
        assert!(won.0 != won.1, "{won:?}");
        if won.0 {
            assert_eq!(transfer.error(409), "payment_page_opened");
        } else {
            assert_eq!(page.error(409), "transfer_chosen");
        }
    }
}

#[tokio::test]
async fn a_transfer_is_only_for_what_its_organizer_offers_it_for() {
    let sale = Sale::of(150_000, 10).await;
    let refused = async |change: &str| {
        sale.t.db.run(change).await;
        let reply = sale.begin(sale.t.at_once(1)).await;
        assert_eq!(sale.t.db.count("select count(*) from orders").await, 0);
        reply.error(409)
    };
    assert_eq!(
        refused("update transfer_accounts set enabled = false").await,
        "transfer_not_offered"
    );
    assert_eq!(
        refused("update transfer_accounts set enabled = true; update ticket_types set sales_end = '2030-01-01 12:59Z'").await,
        "transfer_too_late"
    );
    assert_eq!(
        refused("update ticket_types set sales_end = null; update events set date = '2030-01-01 12:30Z'")
            .await,
        "transfer_too_late"
    );
    assert_eq!(
        refused("update events set date = '2030-01-31 12:00Z'; delete from transfer_accounts").await,
        "transfer_not_offered"
    );
    sale.offer(sale.event, "1234567890").await;
    sale.t
        .db
        .run("update ticket_types set sales_end = '2030-01-01 18:00Z'")
        .await;
    let payment = sale.waiting(1).await;
    assert_eq!(
        payment["transfer"]["payUntil"], "2030-01-01T18:00:00.000Z",
        "not beyond the sale"
    );
    let body = json!({"ticketId": sale.t.ticket, "quantity": 1, "method": "cash"});
    assert_eq!(
        sale.t.initialize(&sale.api, body).await.error(400),
        "invalid_input"
    );
}

#[tokio::test]
async fn events_of_one_order_have_to_share_an_account() {
    let sale = Sale::of(150_000, 10).await;
    let rows = Rows(&sale.t.db);
    let organizer = UserId::new(sale.t.db.count("select organizer_id from events").await);
    let category = domain::CategoryId::new(sale.t.db.count("select id from categories").await);
    let second = rows.event(organizer, "Java Rock").await;
    let other = rows.ticket_type(organizer, second, category, 50_000, 10).await;
    let payment = sale.waiting(1).await;
    // The order gets a line of the other event.
    sale.t
        .db
        .run(&format!(
            "delete from transfers; delete from payments; update orders set subtotal = 200000, total = 200000;
             insert into order_items (order_id, ticket_type_id, unit_price, quantity) select id, {other}, 50000, 1 from orders"
        ))
        .await;
    let order = json!({"orderId": payment["orderId"]});
    assert_eq!(sale.begin(order.clone()).await.error(409), "transfer_not_offered");
    sale.offer(second.get(), "999999").await;
    assert_eq!(sale.begin(order.clone()).await.error(409), "transfer_not_offered");
    sale.t.db.run("update transfer_accounts set account_number = '1234567890', hours = 5 where hours = 24 and event_id = (select max(id) from events)").await;
    let payment = sale.begin(order).await.data(201)["payment"].clone();
    assert_eq!(
        payment["transfer"]["payUntil"], "2030-01-01T17:00:00.000Z",
        "the shorter of both times"
    );
}

#[tokio::test]
async fn nobody_keeps_many_tickets_for_transfers() {
    let sale = Sale::of(150_000, 10).await;
    let first = sale.waiting(2).await;
    assert_eq!(sale.begin(sale.t.at_once(3)).await.error(409), "transfer_waiting");
    // Two windows at once do not get two of them either.
    sale.give_up(&first, &sale.t.token).await.data(200);
    let apis: Vec<_> = (0..6).map(|_| sale.t.api()).collect();
    let replies = join_all(apis.iter().zip(1..).map(async |(api, quantity)| {
        let body = json!({"ticketId": sale.t.ticket, "quantity": quantity, "method": "manual_transfer"});
        sale.t.initialize(api, body).await
    }))
    .await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
    let waiting = "select count(*) from orders where status = 'pending'";
    assert_eq!(sale.t.db.count(waiting).await, 1);

    sale.t
        .db
        .run(&format!(
            "update users set is_guest = true where id = {}",
            sale.t.user
        ))
        .await;
    sale.t
        .db
        .run("update orders set status = 'cancelled' where status = 'pending'")
        .await;
    assert_eq!(sale.begin(sale.t.at_once(1)).await.error(409), "account_required");
}

#[tokio::test]
async fn what_costs_nothing_is_not_transferred() {
    let sale = Sale::of(0, 10).await;
    let payment = sale.waiting(1).await;
    assert_eq!(
        (&payment["status"], &payment["method"]),
        (&json!("success"), &Value::Null)
    );
    assert_eq!(sale.t.db.count("select count(*) from transfers").await, 0);
}

#[tokio::test]
async fn transfers_are_confirmed_by_whom_they_go_to_and_given_up_by_who_pays() {
    let sale = Sale::of(150_000, 10).await;
    let payment = sale.waiting(2).await;
    let rows = Rows(&sale.t.db);
    let path = format!("/api/v1/payments/{}/transfer", payment["id"]);
    let body = json!({"reference": REFERENCE, "amount": 300_000});
    let stranger = rows.user("else@example.test", Role::Organizer).await;
    let stranger = TestTokens::of(stranger, Role::Organizer, &sale.t.clock);
    let reply = sale.api.post(&path, Some(&stranger), body.clone()).await;
    assert_eq!(reply.error(404), "not_found");
    assert_eq!(
        sale.api
            .get("/api/v1/payments/transfers", Some(&stranger))
            .await
            .data(200)["meta"]["total"],
        0
    );
    let reply = sale.api.post(&path, Some(&sale.t.token), body.clone()).await;
    assert_eq!(reply.error(403), "forbidden");
    for token in [&stranger, &sale.organizer] {
        assert_eq!(sale.give_up(&payment, token).await.error(404), "not_found");
    }
    for body in [
        json!({}),
        json!({"reference": "", "amount": 300_000}),
        json!({"reference": "a\u{7}b", "amount": 300_000}),
        json!({"reference": "x".repeat(101), "amount": 300_000}),
        json!({"reference": REFERENCE, "amount": -1}),
        json!({"reference": REFERENCE, "amount": "300000.50"}),
    ] {
        let reply = sale.api.post(&path, Some(&sale.organizer), body.clone()).await;
        assert_eq!(reply.error(400), "invalid_input", "{body}");
    }
    let admin = rows.user("admin@example.test", Role::Admin).await;
    let admin = TestTokens::of(admin, Role::Admin, &sale.t.clock);
    sale.api.post(&path, Some(&admin), body).await.data(200);
    sale.is_consistent().await;
}

#[tokio::test]
async fn giving_up_and_confirming_at_once_ends_in_one_of_both() {
    for _ in 0..10 {
        let sale = Sale::of(150_000, 10).await;
        let payment = sale.waiting(2).await;
        let (one, other) = (sale.t.api(), sale.t.api());
        let path = format!("/api/v1/payments/{}/transfer", payment["id"]);
        let body = json!({"reference": REFERENCE, "amount": 300_000});
        let (confirmed, given_up) = tokio::join!(
            one.post(&path, Some(&sale.organizer), body),
            other.call("DELETE", &path, Some(&sale.t.token), None)
        );
        assert_eq!(confirmed.status, 200, "money that came in is honoured");
        if given_up.status != 200 {
            assert_eq!(given_up.error(409), "order_paid");
        }
        assert_eq!(sale.states().await, states("paid", "success", 0, 2, 2));
        sale.is_consistent().await;
    }
}
