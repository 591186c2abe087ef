//! Seat maps: set by an organizer, seen by everybody.

use super::*;
use domain::{EventId, TicketTypeId};
use testkit::Reply;

/// An event on sale with two tickets.
struct House {
    setup: Setup,
    event: EventId,
    floor: TicketTypeId,
    balcony: TicketTypeId,
}

async fn house() -> House {
    let setup = setup().await;
    let rows = Rows(&setup.db);
    let category = rows.category("Concert").await;
    let event = rows.event(setup.organizer_id, "Wayang & \"Friends\"").await;
    let floor = rows
        .ticket_type(setup.organizer_id, event, category, 150_000, 5)
        .await;
    let balcony = rows
        .ticket_type(setup.organizer_id, event, category, 90_000, 5)
        .await;
    House {
        setup,
        event,
        floor,
        balcony,
    }
}

impl House {
    /// Two sections: a floor of seven seats, one of them for a wheelchair, and a balcony of two.
    fn map(&self) -> Value {
        json!({"stage": "Panggung", "noSingleSeats": true, "sections": [
            {"name": "Floor", "ticketId": self.floor, "rows": [
                {"label": "A", "seats": [{"from": 1, "to": 3}, {"label": "4", "accessible": true}]},
                {"label": "B", "seats": [{"from": 1, "to": 2}, {"gap": 1}, {"label": "3"}]},
            ]},
            {"name": "Balcony", "ticketId": self.balcony, "rows": [{"label": "A", "seats": [{"from": 1, "to": 2}]}]},
        ]})
    }

    fn path(&self, rest: &str) -> String {
        format!("{EVENTS}/{}/seat-map{rest}", self.event)
    }

    async fn set(&self, token: &str, body: Value) -> Reply {
        self.setup
            .api
            .call("PUT", &self.path(""), Some(token), Some(body))
            .await
    }

    async fn get(&self, rest: &str, token: Option<&str>) -> Reply {
        self.setup.api.get(&self.path(rest), token).await
    }

    /// The faults that a body has, by the field in which they are.
    async fn faults(&self, body: Value) -> Vec<String> {
        let reply = self.set(&self.setup.organizer, body).await;
        assert_eq!(reply.error(400), "invalid_input");
        let reply = reply.json();
        let errors = reply["details"].as_array().unwrap();
        errors
            .iter()
            .map(|error| error["message"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[tokio::test]
async fn everybody_sees_the_map_that_an_organizer_sets() {
    let t = house().await;
    assert_eq!(t.get("", None).await.error(404), "not_found");
    let set = t.set(&t.setup.organizer, t.map()).await;
    assert_eq!(set.message(), "Seat map updated successfully");
    assert_eq!(set.data(200), json!({"eventId": t.event, "seats": 9}));

    let shown = t.get("", None).await;
    assert_eq!(shown.headers["cache-control"], "public, max-age=2");
    let map = shown.data(200);
    assert_eq!(
        (&map["stage"], &map["noSingleSeats"], &map["version"]),
        (&json!("Panggung"), &json!(true), &json!(1))
    );
    assert_eq!(
        (&map["free"], &map["held"], &map["sold"]),
        (&json!(9), &json!(0), &json!(0))
    );
    let floor = &map["sections"][0];
    assert_eq!(
        (&floor["name"], &floor["ticketId"], &floor["price"]),
        (&json!("Floor"), &json!(t.floor), &json!(150_000))
    );
    assert_eq!(floor["rows"][0]["seats"][0]["id"], 1);
    assert_eq!(floor["rows"][0]["seats"][3]["accessible"], true);
    assert_eq!(floor["rows"][0]["seats"][0].get("accessible"), None);
    let row = &floor["rows"][1]["seats"];
    let across = |seat: usize| row[seat]["x"].as_f64().unwrap();
    assert!((across(1) - across(0) - 1.0).abs() < 0.01 && (across(2) - across(1) - 2.0).abs() < 0.01);
    assert_eq!(map["sections"][1]["rows"][0]["seats"][1]["id"], 9);

    // What is sold or in a cart is seen.
    t.setup
        .db
        .run(
            "update seat_stock set sold = true where number = 2;
              update seat_stock set holder_id = 1, held_until = '2100-01-01' where number = 9",
        )
        .await;
    let states = t.get("/states", None).await.data(200);
    assert_eq!(
        states,
        json!({"version": 1, "firstSeatId": 1, "states": "fsffffffh"})
    );
    let picture = t.get(".svg?lang=en", None).await;
    assert_eq!(
        (picture.status.as_u16(), &picture.headers["content-type"]),
        (200, &http::HeaderValue::from_static("image/svg+xml"))
    );
    let policy = picture.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("default-src 'none'; style-src 'unsafe-inline'"),
        "{policy}"
    );
    let picture = String::from_utf8(picture.bytes.to_vec()).unwrap();
    for part in [
        "Wayang &amp; &quot;Friends&quot;",
        "Floor, row A, seat 2: sold",
        "Balcony, row A, seat 2: reserved",
        "7 seats free, 1 reserved, 1 sold",
    ] {
        assert!(picture.contains(part), "{part}\n{picture}");
    }
    assert_eq!(t.get(".svg?lang=fr", None).await.error(400), "invalid_input");

    let own = t.get("", Some(&t.setup.organizer)).await;
    assert_eq!(own.headers["cache-control"], "no-store");
    // What a ticket says is left to sell, and that it is a seat.
    let event = t
        .setup
        .api
        .get(&format!("{EVENTS}/{}", t.event), None)
        .await
        .data(200);
    let tickets = event["tickets"].as_array().unwrap();
    let floor = tickets
        .iter()
        .find(|ticket| ticket["id"] == json!(t.floor))
        .unwrap();
    assert_eq!((&floor["seated"], &floor["quantity"]), (&json!(true), &json!(6)));
}

#[tokio::test]
async fn a_map_that_nobody_has_a_seat_of_may_be_replaced() {
    let t = house().await;
    t.set(&t.setup.organizer, t.map()).await.data(200);
    let smaller = json!({"sections": [
        {"name": "Hall", "ticketId": t.floor, "rows": [{"label": "1", "seats": [{"from": 10, "to": 6, "step": 2}]}]},
    ]});
    t.set(&t.setup.organizer, smaller.clone()).await.data(200);
    let map = t.get("", None).await.data(200);
    assert_eq!(
        (&map["version"], &map["free"], &map["stage"]),
        (&json!(2), &json!(3), &json!("Stage"))
    );
    let seats = map["sections"][0]["rows"][0]["seats"].as_array().unwrap().clone();
    let named: Vec<_> = seats
        .iter()
        .map(|seat| (seat["id"].clone(), seat["label"].clone()))
        .collect();
    assert_eq!(
        named,
        [
            (json!(10), json!("10")),
            (json!(11), json!("8")),
            (json!(12), json!("6"))
        ],
        "numbers are not given again"
    );
    // The balcony has no seats any more, and nothing to sell until its organizer says so.
    let sql = format!(
        "select coalesce(sum(capacity), 0) from stock where ticket_type_id = {}",
        t.balcony
    );
    assert_eq!(t.setup.db.count(&sql).await, 0);

    t.setup
        .db
        .run("update seat_stock set holder_id = 1, held_until = '2100-01-01' where number = 11")
        .await;
    assert_eq!(
        t.set(&t.setup.organizer, t.map()).await.error(409),
        "seats_in_use"
    );
    assert_eq!(t.get("", None).await.data(200)["version"], 2);

    let sql = format!(
        "select count(*) from audit_log where action = 'set_seat_map' and subject_id = {} and actor_id = {}",
        t.event, t.setup.organizer_id
    );
    assert_eq!(t.setup.db.count(&sql).await, 2);
}

#[tokio::test]
async fn a_map_is_its_organizers() {
    let t = house().await;
    assert_eq!(t.set(&t.setup.other, t.map()).await.error(404), "not_found");
    assert_eq!(t.set(&t.setup.user, t.map()).await.error(403), "forbidden");
    let nobody = t.setup.api.call("PUT", &t.path(""), None, Some(t.map())).await;
    assert_eq!(nobody.error(401), "unauthenticated");
    t.set(&t.setup.admin, t.map()).await.data(200);
    // A draft is not shown to others.
    t.setup.db.run("update events set status = 'draft'").await;
    for rest in ["", "/states", ".svg"] {
        assert_eq!(t.get(rest, None).await.error(404), "not_found");
        assert_eq!(t.get(rest, Some(&t.setup.other)).await.error(404), "not_found");
        assert_eq!(t.get(rest, Some(&t.setup.organizer)).await.status, 200);
    }
}

#[tokio::test]
async fn every_fault_of_a_map_is_told_with_its_path() {
    let t = house().await;
    assert_eq!(t.faults(json!({})).await, ["sections: is required"]);
    assert_eq!(
        t.faults(json!({"sections": []})).await,
        ["sections: must not be empty"]
    );
    let mut wrong = t.map();
    wrong["sections"][0]["rows"][1]["seats"][2] = json!({"label": "2"});
    wrong["sections"][1]["rows"][0]["label"] = json!("");
    wrong["sections"][1]["colour"] = json!("red");
    let faults = t.faults(wrong).await;
    for part in [
        "sections[0].rows[1].seats[2]",
        "sections[1].rows[0].label",
        "sections[1].colour: is not allowed",
    ] {
        assert!(
            faults.iter().any(|fault| fault.contains(part)),
            "{part}: {faults:?}"
        );
    }
    let mut stranger = t.map();
    stranger["sections"][1]["ticketId"] = json!(999_999);
    assert_eq!(
        t.faults(stranger).await,
        ["sections[1].ticketId: is no ticket of this event"]
    );
    let mut twice = t.map();
    twice["sections"][1]["x"] = json!(0);
    twice["sections"][1]["y"] = json!(0);
    assert!(t.faults(twice).await[0].contains("lies upon another seat"));
    assert_eq!(t.get("", None).await.error(404), "not_found", "nothing was made");
}

#[tokio::test]
async fn a_map_of_a_large_house_is_taken_and_a_larger_one_is_not() {
    let t = house().await;
    // Each seat by itself, as drawing tools write maps: far more than other bodies may have.
    let row = |row: u32| {
        let seats = (1..=100).map(|seat| json!({"label": seat, "x": seat, "y": row}));
        json!({"label": row, "seats": seats.collect::<Vec<_>>()})
    };
    let rows = |count: u32| (1..=count).map(row).collect::<Vec<_>>();
    let sections = json!([{"name": "Floor", "ticketId": t.floor, "rows": rows(100)}]);
    let set = t.set(&t.setup.organizer, json!({"sections": sections})).await;
    assert_eq!(set.data(200)["seats"], 10_000);
    let picture = t.get(".svg", None).await;
    // What Lambda answers is at most 6 MB.
    assert!(picture.bytes.len() < 3_000_000, "{}", picture.bytes.len());

    let sections =
        json!([{"name": "Floor", "ticketId": t.floor, "rows": rows(100), "note": "x".repeat(4_200_000)}]);
    let refused = t.set(&t.setup.organizer, json!({"sections": sections})).await;
    assert_eq!(refused.error(413), "body_too_large");
}
