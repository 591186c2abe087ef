//! Promo codes and campaigns over HTTP.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use domain::promo_code::{ALPHABET, RANDOM_LETTERS};
use domain::user::Role;
use domain::{EventId, TicketTypeId, UserId};
use promos::{App, router};
use runtime::{Clock, Env};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use testkit::{Api, Reply, Rows, TestDb, TestTokens, start, twins};
use web::Site;

const PROMOS: &str = "/api/v1/promos";
const CAMPAIGNS: &str = "/api/v1/promos/campaigns";

struct Setup {
    db: TestDb,
    api: Api,
    clock: Clock,
    organizer_id: UserId,
    organizer: String,
    other: String,
    admin: String,
    event: EventId,
    ticket: TicketTypeId,
}

fn api(db: &TestDb, clock: &Clock) -> Api {
    let app = App {
        db: db.db(),
        store: kv::Store::in_memory(),
        caller_factor: NonZeroU32::MIN,
        tokens: TestTokens::checker(),
        clock: clock.clone(),
    };
    Api::new(router(app, Site::from_env(&Env::default())))
}

async fn setup() -> Setup {
    let (db, clock) = (TestDb::new().await, Clock::set_to(start()));
    let rows = Rows(&db);
    let organizer_id = rows.user("organizer@example.test", Role::Organizer).await;
    let other = rows.user("other@example.test", Role::Organizer).await;
    let admin = rows.user("admin@example.test", Role::Admin).await;
    let category = rows.category("Concert").await;
    let event = rows.event(organizer_id, "Java Jazz").await;
    let ticket = rows.ticket_type(organizer_id, event, category, 50_000, 10).await;
    Setup {
        api: api(&db, &clock),
        organizer: TestTokens::of(organizer_id, Role::Organizer, &clock),
        other: TestTokens::of(other, Role::Organizer, &clock),
        admin: TestTokens::of(admin, Role::Admin, &clock),
        clock,
        organizer_id,
        event,
        ticket,
        db,
    }
}

impl Setup {
    async fn make(&self, token: &str, changes: Value) -> Reply {
        let mut body = json!({
            "code": "SUMMER", "discount": 20, "validFrom": "2030-01-01T00:00:00Z", "validTo": "2030-02-01T00:00:00Z",
        });
        for (key, value) in changes.as_object().unwrap() {
            body[key] = value.clone();
        }
        self.api.post(PROMOS, Some(token), body).await
    }

    async fn patch(&self, path: &str, token: &str, body: Value) -> Reply {
        self.api.call("PATCH", path, Some(token), Some(body)).await
    }

    async fn validate(&self, code: &str) -> Reply {
        self.api.get(&format!("{PROMOS}/validate/{code}"), None).await
    }

    async fn campaign(&self, token: &str) -> String {
        let body = json!({"name": "Early birds", "startsAt": "2030-01-01", "endsAt": "2030-01-31"});
        let made = self.api.post(CAMPAIGNS, Some(token), body).await.data(201);
        format!("{CAMPAIGNS}/{}", made["id"])
    }
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn the_contract_of_old_clients_holds() {
    let t = setup().await;
    let made = t.api.event("http/promos/create_promo.json", Some(&t.admin)).await;
    assert_eq!(made.message(), "Promo code created successfully");
    let promo = made.data(201);
    let known = [
        "id",
        "code",
        "discount",
        "validFrom",
        "validTo",
        "createdAt",
        "updatedAt",
    ];
    assert_eq!(keys(&promo)[..7], known);
    assert_eq!(
        (
            &promo["code"],
            &promo["discount"],
            &promo["validTo"],
            &promo["organizerId"]
        ),
        (
            &json!("SUMMERFEST"),
            &json!(20),
            &json!("2030-02-01T00:00:00.000Z"),
            &Value::Null
        )
    );
    let list = t
        .api
        .event("http/promos/list_promos.json", Some(&t.admin))
        .await
        .data(200);
    assert_eq!(list["promoCodes"], json!([promo]));
    assert_eq!(
        list["meta"],
        json!({"page": 1, "limit": 10, "total": 1, "totalPages": 1})
    );

    let valid = t.api.event("http/promos/validate_promo.json", None).await;
    assert_eq!(valid.message(), "Success");
    let valid = valid.data(200);
    assert_eq!(keys(&valid)[..7], known);
    for hidden in ["redeemed", "totalLimit", "userLimit", "organizerId", "campaignId"] {
        assert!(valid.get(hidden).is_none(), "{hidden}");
    }

    t.clock.advance(60);
    let changed = t.api.event("http/promos/update_promo.json", Some(&t.admin)).await;
    assert_eq!(changed.message(), "Promo code updated successfully");
    let changed = changed.data(200);
    assert_eq!(
        (
            &changed["discount"],
            &changed["totalLimit"],
            &changed["updatedAt"]
        ),
        (&json!(25), &json!(100), &json!("2030-01-01T12:01:00.000Z"))
    );
    let deleted = t.api.event("http/promos/delete_promo.json", Some(&t.admin)).await;
    assert_eq!(deleted.message(), "Promo code deleted successfully");
    assert_eq!(deleted.data(200), Value::Null);
    assert_eq!(t.validate("SUMMERFEST").await.error(400), "invalid_promo");
    assert_eq!(
        t.api
            .event("http/promos/delete_promo.json", Some(&t.admin))
            .await
            .error(404),
        "not_found"
    );
    // The row stays, and its name is free again.
    assert_eq!(t.db.count("select count(*) from promo_codes").await, 1);
    t.make(&t.admin, json!({"code": "summerfest"})).await.data(201);
    assert_eq!(
        t.db.count("select count(*) from audit_log where subject_kind = 'promo'")
            .await,
        4
    );
}

#[tokio::test]
async fn codes_are_looked_up_whatever_the_case_and_only_in_their_time() {
    let t = setup().await;
    let made = t
        .make(&t.organizer, json!({"code": "summer", "discount": "12.5"}))
        .await
        .data(201);
    assert_eq!(
        (&made["code"], &made["discount"]),
        (&json!("SUMMER"), &json!(12.5))
    );
    assert_eq!(made["organizerId"], t.organizer_id.get());
    assert_eq!(t.validate("sUmMeR").await.data(200)["discount"], 12.5);
    for unknown in [
        "WINTER",
        "x",
        "%21%21%21",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "%00abc",
        "'%20or%201=1",
    ] {
        let refused = t.validate(unknown).await;
        assert_eq!(refused.error(400), "invalid_promo", "{unknown}");
        assert_eq!(refused.json()["message"], "Invalid promo code");
    }
    t.db.run("update promo_codes set valid_to = '2030-01-01T12:00:00Z'")
        .await;
    t.validate("SUMMER").await.data(200);
    t.clock.advance(1);
    let over = t.validate("SUMMER").await;
    assert_eq!(over.error(400), "promo_not_valid_now");
    assert_eq!(over.json()["message"], "Promo code has expired or not yet valid");
    assert_eq!(
        t.make(&t.other, json!({"code": "Summer"})).await.error(409),
        "code_taken"
    );
    t.make(&t.other, json!({"code": "USED", "totalLimit": 1}))
        .await
        .data(201);
    t.db.run("update promo_codes set redeemed = 1 where code = 'USED'")
        .await;
    assert_eq!(t.validate("USED").await.error(409), "promo_used_up");
}

#[tokio::test]
async fn guessing_codes_is_stopped() {
    let t = setup().await;
    for number in 0..120 {
        assert_eq!(
            t.validate(&format!("GUESS{number}")).await.error(400),
            "invalid_promo"
        );
    }
    let stopped = t.validate("GUESS").await;
    assert_eq!(stopped.error(429), "rate_limited");
    assert!(stopped.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn bad_terms_are_refused_with_their_fields() {
    let t = setup().await;
    for (changes, field) in [
        (json!({"code": "AB"}), "code"),
        (json!({"code": "A B C"}), "code"),
        (json!({"code": null}), "code"),
        (json!({"discount": 0}), "discount"),
        (json!({"discount": 100.01}), "discount"),
        (json!({"discount": -5}), "discount"),
        (json!({"discount": "abc"}), "discount"),
        (json!({"discount": null}), "discount"),
        (json!({"amount": 5_000}), "amount"),
        (json!({"discount": null, "amount": 0}), "amount"),
        (json!({"discount": null, "amount": 5.5}), "amount"),
        (json!({"discount": null, "amount": 1e300}), "amount"),
        (json!({"maxDiscount": 0}), "maxDiscount"),
        (json!({"minSpend": -1}), "minSpend"),
        (json!({"eventIds": [0]}), "eventIds"),
        (json!({"eventIds": "1"}), "eventIds"),
        (json!({"ticketIds": vec![1; 101]}), "ticketIds"),
        (json!({"validTo": "2030-01-01T00:00:00Z"}), "validTo"),
        (json!({"validTo": "soon"}), "validTo"),
        (json!({"validFrom": null}), "validFrom"),
        (json!({"totalLimit": 0}), "totalLimit"),
        (json!({"userLimit": 1.5}), "userLimit"),
        (json!({"stackable": "yes"}), "stackable"),
    ] {
        let refused = t.make(&t.organizer, changes.clone()).await;
        assert_eq!(refused.error(400), "invalid_input", "{changes}");
        assert_eq!(refused.json()["details"][0]["field"], field, "{changes}");
    }
    assert_eq!(t.db.count("select count(*) from promo_codes").await, 0);
    let message = t.make(&t.organizer, json!({"discount": 101})).await.json()["message"].clone();
    assert_eq!(message, "Discount must be between 0 and 100");
    let made = t.make(&t.organizer, json!({"totalLimit": 5})).await.data(201);
    t.db.run("update promo_codes set redeemed = 3").await;
    let path = format!("{PROMOS}/{}", made["id"]);
    let refused = t.patch(&path, &t.organizer, json!({"totalLimit": 2})).await;
    assert_eq!(refused.json()["details"][0]["field"], "totalLimit");
    t.patch(&path, &t.organizer, json!({"totalLimit": 3}))
        .await
        .data(200);
    let amount = t
        .patch(&path, &t.organizer, json!({"amount": 25_000}))
        .await
        .data(200);
    assert_eq!(
        (&amount["discount"], &amount["amount"]),
        (&json!(0), &json!(25_000))
    );
}

#[tokio::test]
async fn limits_are_taken_away_by_null_and_stay_otherwise() {
    let t = setup().await;
    let limits = json!({"totalLimit": 5, "userLimit": 2, "maxDiscount": 10_000});
    let made = t.make(&t.organizer, limits).await.data(201);
    let path = format!("{PROMOS}/{}", made["id"]);
    for (body, expected) in [
        (json!({"stackable": true}), json!([5, 2, 10_000])),
        (json!({"userLimit": null}), json!([5, null, 10_000])),
        (
            json!({"totalLimit": null, "maxDiscount": null}),
            json!([null, null, null]),
        ),
        (json!({"totalLimit": 7}), json!([7, null, null])),
    ] {
        let promo = t.patch(&path, &t.organizer, body).await.data(200);
        assert_eq!(
            json!([promo["totalLimit"], promo["userLimit"], promo["maxDiscount"]]),
            expected
        );
    }
}

#[tokio::test]
async fn organizers_make_codes_for_their_own_events_only() {
    let t = setup().await;
    let own = json!({"eventIds": [t.event], "ticketIds": [t.ticket]});
    let made = t.make(&t.organizer, own.clone()).await.data(201);
    assert_eq!(
        (&made["eventIds"], &made["ticketIds"]),
        (&json!([t.event]), &json!([t.ticket]))
    );
    assert_eq!(
        t.make(&t.other, json!({"code": "MINE", "eventIds": [t.event]}))
            .await
            .error(404),
        "not_found"
    );
    assert_eq!(
        t.make(&t.other, json!({"code": "MINE", "ticketIds": [t.ticket]}))
            .await
            .error(404),
        "not_found"
    );
    let any = json!({"code": "ADMIN", "eventIds": [t.event]});
    t.make(&t.admin, any).await.data(201);
    let path = format!("{PROMOS}/{}", made["id"]);
    assert_eq!(
        t.patch(&path, &t.other, json!({"discount": 99})).await.error(404),
        "not_found"
    );
    assert_eq!(
        t.api.call("DELETE", &path, Some(&t.other), None).await.error(404),
        "not_found"
    );
    let list = async |token| t.api.get(PROMOS, Some(token)).await.data(200)["meta"]["total"].clone();
    assert_eq!(
        (
            list(&t.organizer).await,
            list(&t.other).await,
            list(&t.admin).await
        ),
        (json!(1), json!(0), json!(2))
    );
    t.patch(&path, &t.admin, json!({"discount": 5})).await.data(200);
    let nothing = t.patch(&path, &t.organizer, json!({})).await.data(200);
    assert_eq!(nothing["discount"], 5);
    let log = "select count(*) from audit_log where subject_kind = 'promo' and action = 'update_promo'";
    assert_eq!(t.db.count(log).await, 1);
}

#[tokio::test]
async fn a_campaign_has_codes_that_nobody_guesses() {
    let t = setup().await;
    let path = t.campaign(&t.organizer).await;
    let body = json!({"count": 2_500, "prefix": "early", "amount": 10_000, "eventIds": [t.event]});
    let made = t
        .api
        .post(&format!("{path}/codes"), Some(&t.organizer), body)
        .await
        .data(201);
    let codes: BTreeSet<_> = made["codes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|code| code.as_str().unwrap())
        .collect();
    assert_eq!((codes.len(), &made["count"]), (2_500, &json!(2_500)));
    for code in &codes {
        let letters = code.strip_prefix("EARLY-").unwrap();
        assert_eq!(letters.len(), RANDOM_LETTERS);
        assert!(letters.bytes().all(|letter| ALPHABET.contains(&letter)));
    }
    let one = codes.first().unwrap();
    let valid = t.validate(one).await.data(200);
    assert_eq!(
        (&valid["amount"], &valid["validTo"]),
        (&json!(10_000), &json!("2030-01-31T00:00:00.000Z"))
    );
    let id = path.rsplit('/').next().unwrap();
    let list = t
        .api
        .get(&format!("{PROMOS}?campaignId={id}&limit=100"), Some(&t.organizer))
        .await
        .data(200);
    assert_eq!(list["meta"]["total"], 2_500);
    assert_eq!(list["promoCodes"][0]["totalLimit"], 1);

    // Ending the campaign ends them all.
    let ended = t
        .patch(&path, &t.organizer, json!({"endsAt": "2030-01-01T11:00:00Z"}))
        .await;
    assert_eq!(ended.message(), "Campaign updated successfully");
    assert_eq!(t.validate(one).await.error(400), "promo_not_valid_now");

    for (token, body, code) in [
        (&t.other, json!({"count": 1, "discount": 1}), 404),
        (&t.organizer, json!({"count": 10_001, "discount": 1}), 400),
        (&t.organizer, json!({"count": 0, "discount": 1}), 400),
        (&t.organizer, json!({"count": 1}), 400),
        (
            &t.organizer,
            json!({"count": 1, "discount": 1, "prefix": "TOOLONGPREFIX"}),
            400,
        ),
    ] {
        t.api
            .post(&format!("{path}/codes"), Some(token), body)
            .await
            .error(code);
    }
    for bad in [
        json!({"endsAt": "2029-01-01"}),
        json!({"name": ""}),
        json!({"startsAt": "x"}),
    ] {
        assert_eq!(
            t.patch(&path, &t.organizer, bad).await.error(400),
            "invalid_input"
        );
    }
}

#[tokio::test]
async fn ten_thousand_codes_come_at_once_and_twins_get_the_same() {
    let t = setup().await;
    let path = format!("{}/codes", t.campaign(&t.admin).await);
    let apis: Vec<_> = (0..4).map(|_| api(&t.db, &t.clock)).collect();
    let body = json!({"count": 10_000, "discount": 100});
    let heard = twins(&apis, &path, &t.admin, "key", &body).await;
    for reply in &heard {
        assert_eq!(reply.data(201)["count"], 10_000);
        assert_eq!(reply.bytes, heard[0].bytes);
    }
    assert_eq!(t.db.count("select count(*) from promo_codes").await, 10_000);
    t.db.run(
        "insert into promo_codes (code, campaign_id, percent, valid_from, valid_to, created_at, updated_at)
         select 'X' || n, 1, 1, '2030-01-01', '2030-01-02', now(), now() from generate_series(10000, 99999) n",
    )
    .await;
    let more = t
        .api
        .post(&path, Some(&t.admin), json!({"count": 1, "discount": 1}))
        .await;
    assert_eq!(more.error(409), "campaign_full");
}

#[tokio::test]
async fn results_of_a_campaign_are_of_its_orders() {
    let t = setup().await;
    let path = t.campaign(&t.organizer).await;
    let empty = t.api.get(&path, Some(&t.organizer)).await.data(200);
    assert_eq!(
        empty["results"],
        json!({"codes": 0, "codesUsed": 0, "orders": 0, "paidOrders": 0, "redemptions": 0, "discount": 0, "revenue": 0,
               "conversion": null})
    );
    let body = json!({"count": 3, "discount": 10});
    t.api
        .post(&format!("{path}/codes"), Some(&t.organizer), body)
        .await
        .data(201);
    let rows = Rows(&t.db);
    let buyer = rows.buyer("ayu@example.test").await;
    for _ in 0..3 {
        rows.bought(buyer, t.ticket, 2).await;
    }
    // Of three orders one was never paid, and one holds a ticket of another organizer, too.
    let other = rows.user("another@example.test", Role::Organizer).await;
    let category = rows.category("Theatre").await;
    let event = rows.event(other, "Theatre").await;
    let foreign = rows.ticket_type(other, event, category, 70_000, 10).await;
    t.db.run(&format!(
        "insert into promo_redemptions select o.id, p.id, o.user_id, 5000, 'taken', now(), now()
         from (select id, user_id, row_number() over (order by id) as n from orders) o
         join (select id, row_number() over (order by id) as n from promo_codes) p using (n);
         update orders set status = 'expired' where id = 3;
         insert into order_items (order_id, ticket_type_id, unit_price, quantity) values (1, {foreign}, 70000, 1)"
    ))
    .await;
    let results = t.api.get(&path, Some(&t.organizer)).await.data(200)["results"].clone();
    assert_eq!(
        results,
        json!({"codes": 3, "codesUsed": 2, "orders": 3, "paidOrders": 2, "redemptions": 2, "discount": 10_000,
               "revenue": 200_000, "conversion": 0.6667})
    );
    assert_eq!(t.api.get(&path, Some(&t.other)).await.error(404), "not_found");
}

#[tokio::test]
async fn the_event_files_of_campaigns_reach_their_routes() {
    let t = setup().await;
    for (file, status) in [
        ("create_campaign", 201),
        ("list_campaigns", 200),
        ("get_campaign", 200),
        ("update_campaign", 200),
        ("create_campaign_codes", 201),
    ] {
        t.api
            .event(&format!("http/promos/{file}.json"), Some(&t.organizer))
            .await
            .data(status);
    }
}
