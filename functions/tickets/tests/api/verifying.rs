//! What a gate learns about a ticket.

use super::*;

/// The token of a ticket that the buyer has.
async fn bought(t: &Setup) -> (String, String) {
    let (_, codes) = Rows(&t.db).bought(t.buyer_id, t.ticket, 1).await;
    let ticket = t
        .get(&format!("/mine/{}", codes[0]), Some(&t.buyer))
        .await
        .data(200);
    (codes[0].clone(), ticket["token"].as_str().unwrap().to_owned())
}

async fn verify(t: &Setup, caller: &str, token: &str) -> Value {
    let path = format!("{TICKETS}/verify");
    t.api
        .post(&path, Some(caller), json!({"token": token}))
        .await
        .data(200)
}

#[tokio::test]
async fn a_gate_learns_whether_a_ticket_admits() {
    let t = setup().await;
    let (code, token) = bought(&t).await;
    for caller in [&t.organizer, &t.staff, &t.admin] {
        let verdict = verify(&t, caller, &token).await;
        assert_eq!(keys(&verdict), ["valid", "ticket"]);
        assert_eq!(verdict["valid"], true);
        assert_eq!(
            (&verdict["ticket"]["code"], &verdict["ticket"]["holderName"]),
            (&json!(code), &json!("buyer"))
        );
    }
    assert_eq!(verify(&t, &t.staff, &format!(" {token}\n")).await["valid"], true);
    for status in ["used", "void"] {
        t.db.run(&format!("update issued_tickets set status = '{status}'"))
            .await;
        let verdict = verify(&t, &t.staff, &token).await;
        assert_eq!(
            (
                &verdict["valid"],
                &verdict["reason"],
                &verdict["ticket"]["status"]
            ),
            (&json!(false), &json!(status), &json!(status))
        );
    }
    assert_eq!(
        t.db.count("select count(*) from issued_tickets where status = 'void'")
            .await,
        1
    );
}

#[tokio::test]
async fn nobody_is_admitted_to_an_event_that_was_called_off() {
    let t = setup().await;
    let (_, token) = bought(&t).await;
    t.db.run("update events set status = 'cancelled'").await;
    let verdict = verify(&t, &t.staff, &token).await;
    assert_eq!(
        (&verdict["valid"], &verdict["reason"]),
        (&json!(false), &json!("cancelled"))
    );
}

#[tokio::test]
async fn an_organizer_learns_nothing_about_tickets_of_others() {
    let t = setup().await;
    let (_, token) = bought(&t).await;
    assert_eq!(
        verify(&t, &t.other, &token).await,
        json!({"valid": false, "reason": "unknown"})
    );
    t.db.run("update issued_tickets set status = 'void'").await;
    assert_eq!(
        verify(&t, &t.other, &token).await,
        json!({"valid": false, "reason": "unknown"})
    );
}

#[tokio::test]
async fn a_gate_is_open_to_those_who_were_sent_there_and_only_as_long() {
    let t = setup().await;
    let (code, token) = bought(&t).await;
    let (unknown, rows) = (json!({"valid": false, "reason": "unknown"}), Rows(&t.db));
    let elsewhere = rows.user("elsewhere@example.test", Role::Staff).await;
    let their_event = rows.event(t.organizer_id, "Another").await;
    rows.staff(their_event, elsewhere).await;
    let theirs = TestTokens::of(elsewhere, Role::Staff, &t.clock);
    let claims = SigningKeys::parse(KEYS).unwrap().verify(&token).unwrap();
    let nobodys = ticketing::Claims {
        code: ticketing::TicketCode::parse(&"0".repeat(32)).unwrap(),
        ..claims
    };
    let nobodys = SigningKeys::parse(KEYS).unwrap().sign(&nobodys);
    for token in [&token, &nobodys] {
        assert_eq!(
            verify(&t, &theirs, token).await,
            unknown,
            "the ticket of another event and one that does not exist are answered alike"
        );
    }
    // An organizer who helps out at the event of another.
    let helper =
        t.db.count("select id from users where email = 'other@example.test'")
            .await;
    rows.staff(t.event, UserId::new(helper)).await;
    assert_eq!(verify(&t, &t.other, &token).await["ticket"]["code"], code);

    assert_eq!(verify(&t, &t.staff, &token).await["valid"], true);
    t.db.run("delete from event_staff").await;
    assert_eq!(verify(&t, &t.staff, &token).await, unknown);
    assert_eq!(verify(&t, &t.other, &token).await, unknown);
    for caller in [&t.organizer, &t.admin] {
        assert_eq!(verify(&t, caller, &token).await["valid"], true);
    }
}

#[tokio::test]
async fn what_was_not_signed_here_is_forged() {
    let t = setup().await;
    let (code, token) = bought(&t).await;
    let others = SigningKeys::parse("now:AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=").unwrap();
    let claims = SigningKeys::parse(KEYS).unwrap().verify(&token).unwrap();
    let (head, signature) = token.rsplit_once('.').unwrap();
    let other_event = ticketing::Claims {
        event: EventId::new(999),
        ..claims
    };
    let moved = SigningKeys::parse(KEYS).unwrap().sign(&other_event);
    let spliced = format!("{}.{signature}", moved.rsplit_once('.').unwrap().0);
    for forged in [
        String::new(),
        code,
        others.sign(&claims),
        head.to_owned(),
        spliced,
        token.replace("GF1", "GF2"),
        token.replace("now", "old"),
        format!("{token}="),
        "x".repeat(50_000),
        "https://example.test/\u{0}".to_owned(),
    ] {
        assert_eq!(
            verify(&t, &t.staff, &forged).await,
            json!({"valid": false, "reason": "forged"}),
            "{forged}"
        );
    }
    let older = SigningKeys::parse("old:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=").unwrap();
    assert_eq!(verify(&t, &t.staff, &older.sign(&claims)).await["valid"], true);
    t.db.run("delete from issued_tickets").await;
    assert_eq!(
        verify(&t, &t.staff, &token).await,
        json!({"valid": false, "reason": "unknown"})
    );
}

#[tokio::test]
async fn only_those_who_check_tickets_may_ask() {
    let t = setup().await;
    let file = "http/tickets/verify_ticket.json";
    assert_eq!(
        t.api.event(file, Some(&t.staff)).await.data(200)["reason"],
        "forged"
    );
    for token in [&t.buyer, &t.stranger] {
        assert_eq!(t.api.event(file, Some(token)).await.error(403), "forbidden");
    }
    let path = format!("{TICKETS}/verify");
    assert_eq!(
        t.api.post(&path, None, json!({"token": "x"})).await.error(401),
        "unauthenticated"
    );
    for body in [json!({}), json!({"token": 7}), json!({"token": null})] {
        let reply = t.api.post(&path, Some(&t.staff), body).await;
        assert_eq!(reply.error(400), "invalid_input");
    }
    assert_eq!(
        t.get("/verify", Some(&t.staff)).await.error(405),
        "method_not_allowed"
    );
}
