//! What belongs to somebody is not there for anybody else: every route whose path names a thing is called by others of each
//! role, and then by its owner, so that "not there" is known not to be a mistake in the path.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod running;

use checks::fleet;
use domain::user::Role;
use domain::{EventId, TicketTypeId, UserId};
use runtime::Clock;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use testkit::{Rows, TestDb, TestTokens};
use web::{Access, Route};

/// Whose a thing is that a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// Somebody who buys.
    Buyer,
    /// Somebody who sells.
    Organizer,
    /// Nobody's: the route shows it to everybody.
    Nobody,
}

/// A body that the route takes; `hidden` is a ticket of the organizer.
fn body(route: &Route, hidden: TicketTypeId) -> Value {
    match route.id {
        "change_item" => json!({"quantity": 1}),
        "create_campaign_codes" => json!({"count": 1, "discount": 10}),
        "create_refund" => json!({"reason": "ill"}),
        "complete_refund" => json!({"reference": "BCA 1"}),
        "confirm_transfer" => json!({"reference": "BCA 2", "amount": 1}),
        "set_bank_transfer" => json!({
            "enabled": true, "bank": "BCA", "accountNumber": "1234567890", "accountHolder": "Owner", "hours": 24,
        }),
        "add_event_staff" => json!({"email": "helper@example.test"}),
        "update_webhook" => json!({"description": "Changed"}),
        "replay_failed_deliveries" => json!({"since": "2030-01-01"}),
        "set_seat_map" => json!({
            "sections": [{"name": "Floor", "ticketId": hidden, "rows": [{"label": "A", "seats": [{"from": 1, "to": 4}]}]}],
        }),
        "set_waiting_list" => json!({"mode": "in_order"}),
        "hide_review" => json!({"reason": "off topic"}),
        "create_ticket_transfer" => json!({"email": "friend@example.test"}),
        // The name that is on it: it keeps its code, by which other routes find it.
        "rename_ticket" => json!({"name": "buyer"}),
        "set_transfer_policy" => json!({"transfersAllowed": true, "renamesAllowed": true}),
        "undo_check_in" => json!({"reason": "by mistake"}),
        _ if route.body.is_some() => json!({"name": "Changed"}),
        _ => json!({}),
    }
}

/// A platform on which a buyer and an organizer own one thing of each kind.
struct Platform {
    db: TestDb,
    buyer: UserId,
    organizer: UserId,
    /// Not published, so that it is the organizer's alone.
    draft: EventId,
    hidden: TicketTypeId,
    /// What everybody can buy.
    sold: TicketTypeId,
    ticket: String,
    /// Sent to the gates of the draft by its organizer.
    helper: UserId,
    strangers: Vec<(UserId, Role)>,
}

async fn platform() -> Platform {
    let db = TestDb::new().await;
    let rows = Rows(&db);
    let sold = rows.on_sale(50_000, 10).await;
    let buyer = rows.buyer("buyer@example.test").await;
    let organizer = rows.user("owner@example.test", Role::Organizer).await;
    let category = rows.category("Theatre").await;
    let draft = rows.event(organizer, "Draft").await;
    let hidden = rows.ticket_type(organizer, draft, category, 50_000, 10).await;
    rows.seats(
        hidden,
        json!([{"label": "A", "seats": [{"from": 1, "to": 4}]}]),
        false,
    )
    .await;
    let refunded = rows.event(organizer, "Refunded").await;
    let given_back = rows.ticket_type(organizer, refunded, category, 50_000, 10).await;
    let (_, codes) = rows.bought(buyer, sold, 1).await;
    let mut strangers = Vec::new();
    for role in [Role::User, Role::Staff, Role::Organizer] {
        let id = rows.user(&format!("another-{role}@example.test"), role).await;
        strangers.push((id, role));
    }
    let helper = rows.user("helper@example.test", Role::Staff).await;
    rows.staff(draft, buyer).await;
    let more = [
        format!("update events set status = 'draft' where id = {draft}"),
        format!("insert into event_cancellations values ({draft}, {organizer}, now())"),
        format!(
            "insert into cart_items (id, user_id, ticket_type_id, quantity, reserved_until, held_since, created_at, updated_at)
             overriding system value values (71, {buyer}, {sold}, 1, now(), now(), now(), now())"
        ),
        format!(
            "insert into waiting_entries (ticket_type_id, user_id, quantity, joined_at) values ({sold}, {buyer}, 1, now())"
        ),
        format!(
            "insert into payments (id, order_id, user_id, amount, original_amount, status, payment_date, created_at, updated_at)
             overriding system value select 72, id, {buyer}, total, subtotal, 'success', now(), now(), now() from orders"
        ),
        format!(
            "insert into order_items (order_id, ticket_type_id, unit_price, quantity) select id, {given_back}, 0, 1 from orders;
             insert into refunds (id, payment_id, key, amount, reason, cause, status, created_at, updated_at)
             overriding system value values (76, 72, 'key', 1, 'ill', 'request', 'manual', now(), now());
             insert into refund_parts values (76, {refunded}, 1)"
        ),
        format!("insert into transfers values (72, {organizer}, 'BCA', '12345', 'Owner', now(), null, null, null, now())"),
        format!(
            "insert into sessions (id, user_id, created_at, last_used_at, expires_at, ip, user_agent)
             overriding system value values (73, {buyer}, now(), now(), '2100-01-01', '127.0.0.1', 'lost')"
        ),
        format!(
            "insert into api_keys (id, user_id, name, hint, key_hash, scopes, created_at)
             overriding system value values (74, {organizer}, 'key', 'gfk_', '\\x00', array['events:read'], now())"
        ),
        format!(
            "insert into images (id, owner_id, purpose, key, media_type, bytes, created_at, updated_at) overriding system value
             values (75, {organizer}, 'event', repeat('0', 32), 'image/png', 1, now(), now())"
        ),
        format!(
            "insert into promo_codes (id, code, organizer_id, percent, valid_from, valid_to, created_at, updated_at)
             overriding system value values (76, 'MINE', {organizer}, 1000, now(), '2100-01-01', now(), now())"
        ),
        format!(
            "insert into promo_campaigns (id, organizer_id, name, starts_at, ends_at, created_at, updated_at)
             overriding system value values (77, {organizer}, 'Mine', now(), '2100-01-01', now(), now())"
        ),
        format!(
            "insert into venues (id, organizer_id, name, location, time_zone, seats, created_at, updated_at)
             overriding system value values (84, {organizer}, 'Mine', 'Jakarta', 'Asia/Jakarta', 0, now(), now())"
        ),
        format!(
            "insert into mailings (id, organizer_id, audience, english_subject, english_text, status, created_at, updated_at)
             overriding system value values (81, {organizer}, 'past_buyers', 'Mine', 'Mine alone', 'draft', now(), now())"
        ),
        format!(
            "insert into webhook_endpoints (id, owner_id, url, description, events, secret, created_at, updated_at)
             overriding system value values (79, {organizer}, 'https://hooks.example.com', '', array['order.paid'],
                                             sha256(''), now(), now());
             insert into webhook_deliveries (id, endpoint_id, message_id, event, payload, state, created_at, finished_at)
             overriding system value values (80, 79, 'msg', 'order.paid', '{{}}', 'failed', now(), now())"
        ),
        format!(
            "insert into gates (id, event_id, name, created_at, updated_at) overriding system value
             values (81, {draft}, 'North', now(), now());
             insert into issued_tickets (id, code, order_item_id, unit, ticket_type_id, event_id, holder_id, holder_name, status,
                                         issued_at)
             overriding system value
             select 82, repeat('a', 32), i.id, 9, {hidden}, {draft}, {buyer}, 'x', 'used', now() from order_items i limit 1;
             insert into check_ins (id, event_id, ticket_id, device, scan_id, scanned_by, scanned_at, received_at, offline, let_in)
             overriding system value
             values (83, {draft}, 82, 'phone', '12345678', {organizer}, now(), now(), false, true);
             update issued_tickets set used_scan = 83, used_at = now() where id = 82"
        ),
        format!(
            "insert into issued_tickets (id, code, order_item_id, unit, ticket_type_id, event_id, holder_id, holder_name, issued_at)
             overriding system value
             select n, lpad(n::text, 32, '0'), i.id, n, {sold}, e.event_id, h.id, 'x', now()
             from (values (84, {organizer}), (85, {buyer})) as h (n, id), (select id from order_items limit 1) i,
                  (select event_id from ticket_types where id = {sold}) e;
             insert into handovers (id, ticket_id, from_id, to_email, token_hash, created_at, expires_at)
             overriding system value
             values (84, 84, {organizer}, 'buyer@example.test', '\\x01', now(), '2100-01-01'),
                    (85, 85, {buyer}, 'friend@example.test', '\\x02', now(), '2100-01-01')"
        ),
        format!(
            "insert into notifications (id, user_id, message, created_at) overriding system value
             values (77, {buyer}, 'yours alone', now())"
        ),
        format!(
            "insert into reviews (id, user_id, ticket_type_id, rating, comment, status, reason, created_at, updated_at)
             overriding system value values (78, {buyer}, {hidden}, 5, 'of a draft', 'held', 'it waits', now(), now())"
        ),
    ];
    for sql in more {
        db.run(&sql).await;
    }
    Platform {
        buyer,
        organizer,
        draft,
        hidden,
        sold,
        helper,
        ticket: codes.into_iter().next().unwrap(),
        strangers,
        db,
    }
}

impl Platform {
    /// Whose the thing is that the path of a route names, and the path with that thing in it.
    fn thing_of(&self, route: &Route) -> (Owner, String) {
        let Self {
            buyer,
            draft,
            hidden,
            sold,
            ticket,
            helper,
            ..
        } = self;
        // A review is its author's, but what becomes of it is the organizer's.
        let reviewer = match route.id {
            "approve_review" | "hide_review" => Owner::Organizer,
            // Only what everybody can read is reported.
            "report_review" => Owner::Nobody,
            _ => Owner::Buyer,
        };
        // Everybody may join a line, and nobody leaves that of another.
        let in_line = if route.id == "join_line" {
            Owner::Nobody
        } else {
            Owner::Buyer
        };
        // One was offered to them, another one they offer.
        let handover = match route.id {
            "withdraw_ticket_transfer" => "85",
            _ => "84",
        };
        // Whoever gets the money says that it has come in.
        let payer = if route.id == "confirm_transfer" {
            Owner::Organizer
        } else {
            Owner::Buyer
        };
        let named = BTreeMap::from([
            ("/api/v1/auth/sessions/{id}", (Owner::Buyer, "73".to_owned())),
            (
                "/api/v1/users/me/api-keys/{id}",
                (Owner::Organizer, "74".to_owned()),
            ),
            ("/api/v1/users/{id}", (Owner::Buyer, buyer.to_string())),
            ("/api/v1/events/{id}", (Owner::Organizer, draft.to_string())),
            (
                "/api/v1/events/venues/{venueId}",
                (Owner::Organizer, "84".to_owned()),
            ),
            ("/api/v1/tickets/{id}", (Owner::Organizer, hidden.to_string())),
            (
                "/api/v1/tickets/event/{eventId}",
                (Owner::Organizer, draft.to_string()),
            ),
            ("/api/v1/tickets/mine/{code}", (Owner::Buyer, ticket.clone())),
            (
                "/api/v1/tickets/transfers/{id}",
                (Owner::Buyer, handover.to_owned()),
            ),
            (
                "/api/v1/tickets/transfers/offer/{token}",
                (Owner::Nobody, "0".repeat(64)),
            ),
            ("/api/v1/images/{id}", (Owner::Organizer, "75".to_owned())),
            ("/api/v1/promos/{id}", (Owner::Organizer, "76".to_owned())),
            ("/api/v1/check-ins/{id}", (Owner::Organizer, "83".to_owned())),
            (
                "/api/v1/check-ins/gates/{id}",
                (Owner::Organizer, "81".to_owned()),
            ),
            (
                "/api/v1/check-ins/event/{eventId}",
                (Owner::Organizer, draft.to_string()),
            ),
            ("/api/v1/webhooks/{id}", (Owner::Organizer, "79".to_owned())),
            (
                "/api/v1/promos/mailings/{id}",
                (Owner::Organizer, "81".to_owned()),
            ),
            (
                "/api/v1/promos/campaigns/{id}",
                (Owner::Organizer, "77".to_owned()),
            ),
            (
                "/api/v1/promos/validate/{code}",
                (Owner::Nobody, "SUMMERFEST".to_owned()),
            ),
            ("/api/v1/cart/{id}", (Owner::Buyer, "71".to_owned())),
            (
                "/api/v1/cart/waiting-list/{ticketId}",
                (in_line, sold.to_string()),
            ),
            ("/api/v1/payments/{id}", (payer, "72".to_owned())),
            (
                "/api/v1/payments/refunds/{id}",
                (Owner::Organizer, "76".to_owned()),
            ),
            ("/api/v1/notifications/{id}", (Owner::Buyer, "77".to_owned())),
            ("/api/v1/reviews/{id}", (reviewer, "78".to_owned())),
            (
                "/api/v1/reviews/ticket/{ticketId}",
                (Owner::Organizer, hidden.to_string()),
            ),
            (
                "/api/v1/reviews/event/{eventId}",
                (Owner::Organizer, draft.to_string()),
            ),
            (
                "/api/v1/reviews/user/{userId}",
                (Owner::Nobody, buyer.to_string()),
            ),
            ("/api/v1/auth/verify/{token}", (Owner::Nobody, "0".repeat(64))),
            ("/api/v1/categories/{id}", (Owner::Nobody, "1".to_owned())),
            (
                "/api/v1/tickets/category/{categoryId}",
                (Owner::Nobody, "1".to_owned()),
            ),
            ("/api-docs/{file}", (Owner::Nobody, "swagger-ui.css".to_owned())),
        ]);
        let end = route.path.find('}').unwrap() + 1;
        let (first, rest) = route.path.split_at(end);
        let (owner, value) = named
            .get(first)
            .unwrap_or_else(|| panic!("{}: say here whose {first} is", route.id));
        let start = first.find('{').unwrap();
        let member = if route.id == "limit_staff" { helper } else { buyer };
        let path = format!(
            "{}{value}{}",
            &first[..start],
            rest.replace("{userId}", &member.to_string())
                .replace("{deliveryId}", "80")
        );
        assert!(
            !path.contains('{'),
            "{}: say here what stands in {path}",
            route.id
        );
        (*owner, path)
    }
}

#[tokio::test]
async fn what_is_somebodys_is_not_there_for_others() {
    let platform = platform().await;
    let clock = Clock::system();
    let mut seen = 0;
    for function in fleet::HTTP {
        let api = running::api(function.name, platform.db.url()).await;
        let mut routes: Vec<_> = function
            .routes
            .iter()
            .filter(|route| {
                route.path.contains('{') && !matches!(route.access, Access::Admin | Access::Gateway)
            })
            .collect();
        // The owner deletes last, or nothing would be left to look at.
        routes.sort_by_key(|route| (route.method == "DELETE", route.path.len()));
        for route in routes {
            let (owner, path) = platform.thing_of(route);
            if owner == Owner::Nobody {
                continue;
            }
            for (id, role) in &platform.strangers {
                let token = TestTokens::of(*id, *role, &clock);
                let reply = api
                    .call(
                        route.method,
                        &path,
                        Some(&token),
                        Some(body(route, platform.hidden)),
                    )
                    .await;
                let may_ask = match route.access {
                    Access::Publisher => *role == Role::Organizer,
                    Access::Staff => *role != Role::User,
                    _ => true,
                };
                let expected = if may_ask {
                    (404, "not_found")
                } else {
                    (403, "forbidden")
                };
                // Of accounts it is no secret that they are not one's own: the path says whose they are.
                let own_only = route.path == "/api/v1/users/{id}" && reply.status == 403;
                if !own_only {
                    assert_eq!(
                        (reply.status.as_u16(), reply.error(reply.status.as_u16()).as_str()),
                        expected,
                        "{} as another {role}",
                        route.id
                    );
                }
            }
            if route.access == Access::Public {
                let reply = api.call(route.method, &path, None, None).await;
                assert_eq!(reply.status, 404, "{} as nobody", route.id);
            }
            let (id, role) = match owner {
                Owner::Buyer => (platform.buyer, Role::User),
                _ => (platform.organizer, Role::Organizer),
            };
            let token = TestTokens::of(id, role, &clock);
            let reply = api
                .call(
                    route.method,
                    &path,
                    Some(&token),
                    Some(body(route, platform.hidden)),
                )
                .await;
            assert!(
                ![401, 403, 404].contains(&reply.status.as_u16()),
                "{} as its owner: {}",
                route.id,
                reply.status
            );
            if route.id == "publish_event" {
                let draft = format!("update events set status = 'draft' where id = {}", platform.draft);
                platform.db.run(&draft).await;
            }
            seen += 1;
        }
    }
    assert!(seen >= 20, "{seen} routes name a thing of somebody");
}
