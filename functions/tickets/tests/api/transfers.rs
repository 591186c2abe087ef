//! Tickets that go from one person to another, and names that are changed.

use super::*;

/// A buyer with one ticket, and somebody who may get it.
struct Passing {
    t: Setup,
    code: String,
    friend_id: UserId,
}

async fn passing() -> Passing {
    let t = setup().await;
    let (_, codes) = Rows(&t.db).bought(t.buyer_id, t.ticket, 1).await;
    let friend_id = Rows(&t.db).buyer("Friend@example.test").await;
    Passing {
        code: codes[0].clone(),
        friend_id,
        t,
    }
}

impl Passing {
    /// A token of the buyer, good from now on.
    fn buyer(&self) -> String {
        TestTokens::of(self.t.buyer_id, Role::User, &self.t.clock)
    }

    fn friend(&self) -> String {
        TestTokens::of(self.friend_id, Role::User, &self.t.clock)
    }

    async fn post(&self, path: &str, token: &str, body: Value) -> Reply {
        self.t
            .api
            .post(&format!("{TICKETS}{path}"), Some(token), body)
            .await
    }

    async fn offer_to(&self, email: &str) -> Reply {
        let path = format!("/mine/{}/transfers", self.code);
        self.post(&path, &self.buyer(), json!({"email": email})).await
    }

    /// Offers the ticket to the friend, and gives the id of the offer.
    async fn offered(&self) -> i64 {
        let made = self.offer_to("friend@EXAMPLE.test").await.data(201);
        made["id"].as_i64().unwrap()
    }

    async fn accept(&self, id: i64) -> Reply {
        let path = format!("/transfers/{id}/accept");
        self.post(&path, &self.friend(), json!({})).await
    }

    async fn decline(&self, id: i64, token: &str) -> Reply {
        self.post(&format!("/transfers/{id}/decline"), token, json!({}))
            .await
    }

    async fn withdraw(&self, id: i64, token: &str) -> Reply {
        let path = format!("{TICKETS}/transfers/{id}");
        self.t.api.call("DELETE", &path, Some(token), None).await
    }

    async fn rename(&self, code: &str, name: &str) -> Reply {
        let path = format!("{TICKETS}/mine/{code}/name");
        let body = json!({"name": name});
        self.t
            .api
            .call("PUT", &path, Some(&self.buyer()), Some(body))
            .await
    }

    async fn list(&self, which: &str, token: &str) -> Vec<Value> {
        let list = self.t.get(&format!("/transfers/{which}"), Some(token)).await;
        let list = list.data(200);
        let transfers = list["transfers"].as_array().unwrap().clone();
        assert_eq!(list["meta"]["total"], transfers.len());
        transfers
    }

    /// The status of the newest offer, as both see it.
    async fn status(&self) -> String {
        let sent = self.list("sent", &self.buyer()).await;
        sent[0]["status"].as_str().unwrap().to_owned()
    }

    async fn verify(&self, token: &str) -> Value {
        let path = format!("{TICKETS}/verify");
        let body = json!({"token": token});
        self.t.api.post(&path, Some(&self.t.staff), body).await.data(200)
    }

    /// The kinds of mails that wait in the outbox, by their names.
    async fn mails(&self) -> String {
        let sql =
            "select coalesce(string_agg(body::jsonb -> 'body' ->> 'kind', ' ' order by body::jsonb -> 'body' ->> 'kind'), '')
                   from outbox where queue = 'mail'";
        self.t.db.text(sql).await
    }

    /// What somebody was told, in one word each.
    async fn told(&self, user: UserId) -> String {
        let sql = format!(
            "select coalesce(string_agg(notice ->> 'kind', ' ' order by id), '') from notifications where user_id = {user}"
        );
        self.t.db.text(&sql).await
    }

    async fn is_consistent(&self) {
        let sql = "insert into payments (order_id, user_id, amount, original_amount, status, payment_date, created_at, updated_at)
                   select id, user_id, total, total, 'success', now(), now(), now() from orders";
        self.t.db.run(sql).await;
        let db = self.t.db.db();
        let conn = db.conn().await.unwrap();
        for rule in [
            db::invariants::Rule::TicketsBelongToTheirLine,
            db::invariants::Rule::CodesOpenOneTicket,
            db::invariants::Rule::OffersAreOfGoodTickets,
        ] {
            let breach = db::invariants::breach(&conn, rule, db::invariants::Slice::ALL).await;
            assert_eq!(breach.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn a_ticket_goes_to_whoever_accepts_it_and_its_old_code_is_dead() {
    let p = passing().await;
    let (t, code) = (&p.t, &p.code);
    let old = t.get(&format!("/mine/{code}"), Some(&p.buyer())).await.data(200);
    let old_token = old["token"].as_str().unwrap();
    let made = p.offer_to("friend@EXAMPLE.test").await.data(201);
    assert_eq!(
        keys(&made),
        [
            "id",
            "status",
            "ticketCode",
            "ticketName",
            "eventId",
            "eventName",
            "eventDate",
            "timeZone",
            "location",
            "fromName",
            "email",
            "createdAt",
            "expiresAt",
            "decidedAt"
        ]
    );
    assert_eq!(
        (&made["status"], &made["email"], &made["ticketCode"]),
        (&json!("open"), &json!("friend@EXAMPLE.test"), &json!(code))
    );
    assert_eq!(made["expiresAt"], "2030-01-04T12:00:00.000Z", "72 hours");
    // Until it is accepted it stays what it was.
    assert_eq!(p.verify(old_token).await["valid"], true);
    let received = p.list("received", &p.friend()).await;
    assert_eq!(received.len(), 1);
    assert_eq!(
        (
            &received[0]["id"],
            &received[0]["ticketCode"],
            &received[0]["fromName"]
        ),
        (&made["id"], &Value::Null, &json!("buyer"))
    );
    let id = made["id"].as_i64().unwrap();
    let taken = p
        .post(
            &format!("/transfers/{id}/accept"),
            &p.friend(),
            json!({"name": "Budi Santoso"}),
        )
        .await
        .data(200);
    assert_eq!(
        (&taken["holderName"], &taken["status"]),
        (&json!("Budi Santoso"), &json!("valid"))
    );
    assert_ne!(&taken["code"], code);
    for (token, valid) in [(old_token, false), (taken["token"].as_str().unwrap(), true)] {
        assert_eq!(p.verify(token).await["valid"], valid);
    }
    assert_eq!(
        p.verify(old_token).await,
        json!({"valid": false, "reason": "transferred"})
    );
    // Whoever checks other events learns nothing of it.
    let elsewhere = t
        .api
        .post(
            &format!("{TICKETS}/verify"),
            Some(&t.other),
            json!({"token": old_token}),
        )
        .await;
    assert_eq!(elsewhere.data(200)["reason"], "unknown");
    // The one who had it sees it among what was passed on, and nowhere else.
    for path in [
        format!("/mine/{code}"),
        format!("/mine/{code}/ticket.pdf"),
        format!("/mine/{}", taken["code"].as_str().unwrap()),
        format!("/mine/{}/qr.png", taken["code"].as_str().unwrap()),
    ] {
        assert_eq!(t.get(&path, Some(&p.buyer())).await.error(404), "not_found");
    }
    let mine = t.get("/mine", Some(&p.buyer())).await.data(200);
    assert_eq!(mine["meta"]["total"], 0);
    let theirs = t.get("/mine", Some(&p.friend())).await.data(200);
    assert_eq!(theirs["tickets"], json!([taken]));
    let sent = p.list("sent", &p.buyer()).await;
    assert_eq!(
        (&sent[0]["status"], &sent[0]["ticketCode"]),
        (&json!("accepted"), &Value::Null)
    );
    // Of two acceptances one wins.
    assert_eq!(p.accept(id).await.error(409), "transfer_over");
    assert_eq!(p.withdraw(id, &p.buyer()).await.error(409), "transfer_over");
    assert_eq!(p.told(t.buyer_id).await, "ticket_passed_on");
    assert_eq!(p.told(p.friend_id).await, "ticket_received");
    assert_eq!(p.mails().await, "ticket_offered ticket_received");
    let audit = format!(
        "select changes = '{{\"ticket\": {{\"to\": 1}}, \"holder\": {{\"from\": {}, \"to\": {}}}}}' from audit_log
         where event_id = {} and actor_id = {}",
        t.buyer_id, p.friend_id, t.event, p.friend_id
    );
    assert_eq!(t.db.text(&format!("select ({audit})::text")).await, "true");
    p.is_consistent().await;
}

#[tokio::test]
async fn the_link_of_the_mail_shows_the_offer_until_it_is_answered() {
    let p = passing().await;
    let id = p.offered().await;
    let token =
        p.t.db
            .text("select body::jsonb -> 'body' ->> 'token' from outbox where queue = 'mail'")
            .await;
    let stored = format!("select count(*) from handovers where token_hash = sha256('{token}')");
    assert_eq!(p.t.db.count(&stored).await, 1, "only its hash is stored");
    let shown = async |token: &str| p.t.get(&format!("/transfers/offer/{token}"), None).await;
    let offer = shown(&token).await.data(200);
    assert_eq!(
        keys(&offer),
        [
            "id",
            "ticketName",
            "eventId",
            "eventName",
            "eventDate",
            "timeZone",
            "location",
            "fromName",
            "expiresAt"
        ]
    );
    assert_eq!((&offer["id"], &offer["fromName"]), (&json!(id), &json!("buyer")));
    let other = "0".repeat(64);
    assert_eq!(shown(&other).await.error(404), "not_found");
    for bad in ["1", &"g".repeat(64)] {
        assert_eq!(shown(bad).await.error(400), "invalid_input");
    }
    p.t.clock.advance(72 * 3_600);
    assert_eq!(shown(&token).await.error(404), "not_found", "its time is over");
    p.t.clock.advance(-1);
    p.decline(id, &p.friend()).await.data(200);
    assert_eq!(shown(&token).await.error(404), "not_found", "it was answered");
}

#[tokio::test]
async fn an_offer_is_for_whoever_has_proved_its_address_and_is_no_secret_of_who_that_is() {
    let p = passing().await;
    let known = p.offer_to("friend@example.test").await.data(201);
    let id = known["id"].as_i64().unwrap();
    // Nobody else sees or answers it, also not under an address that is not proved, or as a guest.
    p.t.db
        .run(&format!(
            "update users set is_verified = false where id = {}",
            p.friend_id
        ))
        .await;
    assert_eq!(p.accept(id).await.error(404), "not_found");
    assert!(p.list("received", &p.friend()).await.is_empty());
    p.t.db
        .run(&format!(
            "update users set is_verified = true, is_guest = true where id = {}",
            p.friend_id
        ))
        .await;
    assert_eq!(p.accept(id).await.error(404), "not_found");
    p.t.db
        .run(&format!(
            "update users set is_guest = false where id = {}",
            p.friend_id
        ))
        .await;
    for token in [&p.t.stranger, &p.t.admin, &p.t.organizer, &p.buyer()] {
        let path = format!("/transfers/{id}/accept");
        assert_eq!(p.post(&path, token, json!({})).await.error(404), "not_found");
        assert_eq!(p.decline(id, token).await.error(404), "not_found");
    }
    for token in [&p.t.stranger, &p.t.admin, &p.friend()] {
        assert_eq!(p.withdraw(id, token).await.error(404), "not_found");
    }
    // What is not theirs cannot be offered.
    let path = format!("/mine/{}/transfers", p.code);
    let body = json!({"email": "nobody@example.test"});
    for token in [&p.t.stranger, &p.t.organizer, &p.friend()] {
        assert_eq!(p.post(&path, token, body.clone()).await.error(404), "not_found");
    }
    p.withdraw(id, &p.buyer()).await.data(200);
    // An address without an account is answered in the same way, and its owner accepts once there is one.
    let unknown = p.offer_to("new@example.test").await.data(201);
    for field in ["status", "ticketName", "fromName", "expiresAt", "decidedAt"] {
        assert_eq!(known[field], unknown[field], "{field}");
    }
    let late = Rows(&p.t.db).buyer("new@example.test").await;
    let token = TestTokens::of(late, Role::User, &p.t.clock);
    let path = format!("/transfers/{}/accept", unknown["id"]);
    let taken = p.post(&path, &token, json!({})).await.data(200);
    assert_eq!(taken["holderName"], "new", "the name of the account");
    p.is_consistent().await;
}

#[tokio::test]
async fn an_offer_is_withdrawn_declined_or_runs_out_and_may_be_made_again() {
    let p = passing().await;
    let first = p.offered().await;
    assert_eq!(
        p.offer_to("other2@example.test").await.error(409),
        "transfer_open"
    );
    p.withdraw(first, &p.buyer()).await.data(200);
    assert_eq!(p.status().await, "withdrawn");
    assert_eq!(p.accept(first).await.error(409), "transfer_over");
    assert_eq!(p.decline(first, &p.friend()).await.error(409), "transfer_over");

    let second = p.offered().await;
    p.decline(second, &p.friend()).await.data(200);
    assert_eq!(p.status().await, "declined");
    assert_eq!(p.told(p.t.buyer_id).await, "ticket_declined");
    assert_eq!(p.accept(second).await.error(409), "transfer_over");

    let third = p.offered().await;
    p.t.clock.advance(72 * 3_600);
    assert_eq!(p.status().await, "expired");
    assert_eq!(p.accept(third).await.error(409), "transfer_over");
    assert_eq!(p.withdraw(third, &p.buyer()).await.error(409), "transfer_over");

    let fourth = p.offered().await;
    p.accept(fourth).await.data(200);
    let statuses = "select string_agg(status, ' ' order by id) from handovers";
    assert_eq!(p.t.db.text(statuses).await, "withdrawn declined expired accepted");
    p.is_consistent().await;
}

#[tokio::test]
async fn a_ticket_that_was_used_or_taken_back_is_not_offered_any_more() {
    for (status, error) in [("used", "ticket_used"), ("void", "ticket_void")] {
        let p = passing().await;
        let id = p.offered().await;
        p.t.db
            .run(&format!("update issued_tickets set status = '{status}'"))
            .await;
        assert_eq!(p.status().await, "ended");
        assert_eq!(p.accept(id).await.error(409), "transfer_over");
        assert_eq!(p.offer_to("friend@example.test").await.error(409), error);
        assert_eq!(p.rename(&p.code, "Another").await.error(409), error);
        // Whoever is let out again may offer it again; the old offer stays ended.
        p.t.db.run("update issued_tickets set status = 'valid'").await;
        assert_eq!(p.accept(id).await.error(409), "transfer_over");
        p.offered().await;
    }
}

#[tokio::test]
async fn the_organizer_forbids_either_or_ends_both_early() {
    let p = passing().await;
    let id = p.offered().await;
    p.t.db
        .run("update events set transfers_allowed = false, renames_allowed = false")
        .await;
    assert_eq!(p.accept(id).await.error(409), "transfers_forbidden");
    p.withdraw(id, &p.buyer()).await.data(200);
    assert_eq!(
        p.offer_to("friend@example.test").await.error(409),
        "transfers_forbidden"
    );
    assert_eq!(p.rename(&p.code, "Another").await.error(409), "renames_forbidden");
    // The event begins in thirty days.
    p.t.db
        .run("update events set transfers_allowed = true, renames_allowed = true, transfer_hours = 720")
        .await;
    assert_eq!(
        p.offer_to("friend@example.test").await.error(409),
        "transfers_closed"
    );
    assert_eq!(p.rename(&p.code, "Another").await.error(409), "transfers_closed");
    p.t.db.run("update events set transfer_hours = 719").await;
    let made = p.offer_to("friend@example.test").await.data(201);
    assert_eq!(
        made["expiresAt"], "2030-01-01T13:00:00.000Z",
        "not longer than it may be accepted"
    );
    p.t.db
        .run("update events set status = 'cancelled', transfer_hours = 0")
        .await;
    let id = made["id"].as_i64().unwrap();
    assert_eq!(p.accept(id).await.error(409), "event_cancelled");
    p.decline(id, &p.friend()).await.data(200);
}

#[tokio::test]
async fn another_name_comes_with_another_code() {
    let p = passing().await;
    let t = &p.t;
    let old = t
        .get(&format!("/mine/{}", p.code), Some(&p.buyer()))
        .await
        .data(200);
    let new = p.rename(&p.code, "Siti Rahayu").await.data(200);
    assert_eq!(new["holderName"], "Siti Rahayu");
    assert_ne!(new["code"], old["code"]);
    assert_eq!(
        p.verify(old["token"].as_str().unwrap()).await,
        json!({"valid": false, "reason": "transferred"})
    );
    assert_eq!(p.verify(new["token"].as_str().unwrap()).await["valid"], true);
    assert_eq!(p.rename(&p.code, "Another").await.error(404), "not_found");
    let code = new["code"].as_str().unwrap();
    assert_eq!(
        p.rename(code, "Siti Rahayu").await.data(200),
        new,
        "said again it changes nothing"
    );
    assert_eq!(p.mails().await, "ticket_renamed");
    let history = "select string_agg(concat_ws(' ', code, reason, holder_id), '; ') from retired_codes";
    assert_eq!(
        t.db.text(history).await,
        format!("{} renamed {}", p.code, t.buyer_id)
    );
    for bad in [json!({}), json!({"name": ""}), json!({"name": "x".repeat(101)})] {
        let path = format!("{TICKETS}/mine/{code}/name");
        let reply = t.api.call("PUT", &path, Some(&p.buyer()), Some(bad)).await;
        assert_eq!(reply.error(400), "invalid_input");
    }
    // Not for ever on one day: gates carry the codes along.
    let mut code = code.to_owned();
    for number in 2..=10 {
        let new = p.rename(&code, &format!("Name {number}")).await.data(200);
        code = new["code"].as_str().unwrap().to_owned();
    }
    let refused = p.rename(&code, "Name 11").await;
    assert_eq!(refused.error(429), "rate_limited");
    assert_eq!(refused.headers["retry-after"], "86400");
    t.clock.advance(86_400);
    p.rename(&code, "Name 11").await.data(200);
    p.is_consistent().await;
}

#[tokio::test]
async fn offers_are_counted_by_account_and_by_address() {
    let p = passing().await;
    let bad = ["", "friend", "a@b", "BUYER@example.test"];
    for email in bad {
        assert_eq!(p.offer_to(email).await.error(400), "invalid_input", "{email}");
    }
    let made = |from: UserId, to: &str, count: i64| {
        format!(
            "insert into handovers (ticket_id, from_id, to_email, status, created_at, expires_at, decided_at)
             select 1, {from}, '{to}', 'withdrawn', '2030-01-01T11:00:00Z', now(), now() from generate_series(1, {count})"
        )
    };
    p.t.db
        .run(&made(p.t.organizer_id, "FRIEND@example.test", 10))
        .await;
    let refused = p.offer_to("friend@example.test").await;
    assert_eq!(refused.error(429), "rate_limited");
    let other = p.offer_to("another@example.test").await.data(201);
    p.withdraw(other["id"].as_i64().unwrap(), &p.buyer())
        .await
        .data(200);
    p.t.db.run(&made(p.t.buyer_id, "many@example.test", 49)).await;
    assert_eq!(
        p.offer_to("another@example.test").await.error(429),
        "rate_limited"
    );
    p.t.clock.advance(86_400 + 1);
    p.offer_to("friend@example.test").await.data(201);
}

#[tokio::test]
async fn a_request_that_is_sent_again_offers_and_accepts_once() {
    let p = passing().await;
    let path = format!("{TICKETS}/mine/{}/transfers", p.code);
    let body = json!({"email": "friend@example.test"});
    let first = p.t.api.post_once(&path, &p.buyer(), "k", &body).await;
    let again = p.t.api.post_once(&path, &p.buyer(), "k", &body).await;
    assert_eq!(first.data(201), again.data(201));
    assert_eq!(p.mails().await, "ticket_offered");
    let path = format!("{TICKETS}/transfers/{}/accept", first.data(201)["id"]);
    let first = p.t.api.post_once(&path, &p.friend(), "k", &json!({})).await;
    let again = p.t.api.post_once(&path, &p.friend(), "k", &json!({})).await;
    assert_eq!(first.data(200), again.data(200));
    assert_eq!(p.t.db.count("select count(*) from retired_codes").await, 1);
    assert_eq!(p.mails().await, "ticket_offered ticket_received");
}

#[tokio::test]
async fn of_twenty_acceptances_at_once_one_wins_and_of_acceptance_and_withdrawal_one() {
    for round in 0..4 {
        let p = passing().await;
        let id = p.offered().await;
        let apis: Vec<Api> = (0..20).map(|_| environment(&p.t.db, &p.t.clock)).collect();
        let replies = futures_util::future::join_all(apis.iter().enumerate().map(async |(number, api)| {
            if number % 5 == round {
                let path = format!("{TICKETS}/transfers/{id}");
                (false, api.call("DELETE", &path, Some(&p.buyer()), None).await)
            } else {
                let path = format!("{TICKETS}/transfers/{id}/accept");
                (true, api.post(&path, Some(&p.friend()), json!({})).await)
            }
        }))
        .await;
        let won: Vec<bool> = replies
            .iter()
            .filter(|(_, reply)| reply.status.is_success())
            .map(|(accepts, _)| *accepts)
            .collect();
        assert_eq!(won.len(), 1, "one of them wins");
        for (_, lost) in replies.iter().filter(|(_, reply)| !reply.status.is_success()) {
            assert_eq!(lost.error(409), "transfer_over");
        }
        let retired = p.t.db.count("select count(*) from retired_codes").await;
        assert_eq!(retired, i64::from(won[0]));
        let holder = UserId::new(p.t.db.count("select holder_id from issued_tickets").await);
        assert_eq!(holder, if won[0] { p.friend_id } else { p.t.buyer_id });
        p.is_consistent().await;
    }
}

#[tokio::test]
async fn files_of_events_are_answered() {
    let p = passing().await;
    let id = p.offered().await;
    assert_eq!(id, 1);
    for (file, status) in [
        ("list_sent_transfers", 200),
        ("list_received_transfers", 200),
        ("get_ticket_offer", 404),
        ("rename_ticket", 404),
        ("create_ticket_transfer", 404),
        ("withdraw_ticket_transfer", 404),
        ("accept_ticket_transfer", 200),
        ("decline_ticket_transfer", 409),
    ] {
        let file = format!("http/tickets/{file}.json");
        let reply = p.t.api.event(&file, Some(&p.friend())).await;
        assert_eq!(reply.status.as_u16(), status, "{file}");
    }
}
