//! Houses that an organizer uses again.

use super::*;
use testkit::Reply;

const VENUES: &str = "/api/v1/events/venues";

fn hall() -> Value {
    json!({"name": "Ciputra Artpreneur", "location": "Jl. Prof. Dr. Satrio", "city": "Jakarta", "sections": [
        {"name": "Floor", "rows": [{"label": "A", "seats": [{"from": 1, "to": 4}]}]},
        {"name": "Balcony", "rows": [{"label": "A", "seats": [{"from": 1, "to": 2}]}]},
    ]})
}

impl Setup {
    async fn venue(&self, body: Value) -> Reply {
        self.api.post(VENUES, Some(&self.organizer), body).await
    }

    async fn venues(&self, token: &str) -> Value {
        self.api.get(VENUES, Some(token)).await.data(200)["venues"].clone()
    }
}

#[tokio::test]
async fn a_house_is_written_down_changed_and_deleted() {
    let t = setup().await;
    let made = t.venue(hall()).await;
    assert_eq!(made.message(), "Venue created successfully");
    let made = made.data(201);
    assert_eq!(
        made,
        json!({
            "id": 1, "name": "Ciputra Artpreneur", "location": "Jl. Prof. Dr. Satrio", "city": "Jakarta",
            "timeZone": "Asia/Jakarta", "seats": 6, "organizerId": t.organizer_id, "createdAt": "2030-01-01T12:00:00.000Z",
            "updatedAt": "2030-01-01T12:00:00.000Z", "sections": hall()["sections"],
        })
    );
    let file = "http/events/get_venue.json";
    assert_eq!(t.api.event(file, Some(&t.organizer)).await.data(200), made);
    let listed = t.venues(&t.organizer).await;
    assert_eq!(
        (&listed[0]["seats"], listed[0].get("sections")),
        (&json!(6), None)
    );
    assert_eq!(t.venues(&t.admin).await.as_array().unwrap().len(), 1);
    assert_eq!(t.venues(&t.other).await, json!([]));

    t.clock.advance(60);
    let file = "http/events/update_venue.json";
    let changed = t.api.event(file, Some(&t.organizer)).await.data(200);
    assert_eq!(
        (&changed["name"], &changed["seats"], &changed["updatedAt"]),
        (
            &json!("Ciputra Artpreneur, large hall"),
            &json!(6),
            &json!("2030-01-01T12:01:00.000Z")
        )
    );
    let path = format!("{VENUES}/1");
    let patch = async |body: Value| t.api.call("PATCH", &path, Some(&t.organizer), Some(body)).await;
    t.clock.advance(60);
    assert_eq!(
        patch(json!({"city": "Jakarta"})).await.data(200),
        changed,
        "nothing is different"
    );
    let empty = patch(json!({"city": null, "sections": null})).await.data(200);
    assert_eq!(
        (&empty["city"], &empty["seats"], &empty["sections"]),
        (&Value::Null, &json!(0), &Value::Null)
    );

    let file = "http/events/delete_venue.json";
    let deleted = t.api.event(file, Some(&t.organizer)).await;
    assert_eq!(deleted.message(), "Venue deleted successfully");
    assert_eq!(
        t.api.event(file, Some(&t.organizer)).await.error(404),
        "not_found"
    );
    let sql = "select count(*) from audit_log where subject_kind = 'venue'";
    assert_eq!(t.db.count(sql).await, 4);
}

#[tokio::test]
async fn a_house_whose_seats_make_no_sense_is_refused() {
    let t = setup().await;
    let mut sold = hall();
    sold["sections"][1]["ticketId"] = json!(1);
    let mut twice = hall();
    twice["sections"][1]["name"] = json!("Floor");
    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": "", "location": "Jakarta"}), "name"),
        (
            json!({"name": "Hall", "location": "Jakarta", "timeZone": "Mars"}),
            "timeZone",
        ),
        (
            json!({"name": "Hall", "location": "Jakarta", "sections": []}),
            "sections",
        ),
        (
            json!({"name": "Hall", "location": "Jakarta", "seats": 5}),
            "seats",
        ),
        (sold, "sections[1].ticketId"),
        (twice, "sections[1].name"),
    ] {
        let refused = t.venue(body.clone()).await;
        assert_eq!(refused.error(400), "invalid_input", "{body}");
        assert_eq!(refused.json()["details"][0]["field"], field, "{body}");
    }
    assert_eq!(
        t.api.post(VENUES, Some(&t.user), hall()).await.error(403),
        "forbidden"
    );
    assert_eq!(t.db.count("select count(*) from venues").await, 0);
}

#[tokio::test]
async fn an_event_takes_the_seats_of_a_house() {
    let t = setup().await;
    let rows = Rows(&t.db);
    let category = rows.category("Concert").await;
    let event = rows.event(t.organizer_id, "Java Jazz").await;
    let floor = rows
        .ticket_type(t.organizer_id, event, category, 150_000, 5)
        .await;
    let balcony = rows.ticket_type(t.organizer_id, event, category, 90_000, 5).await;
    let venue = t.venue(hall()).await.data(201)["id"].clone();
    let path = format!("{EVENTS}/{event}/seat-map");
    let set = async |token: &str, body: Value| t.api.call("PUT", &path, Some(token), Some(body)).await;
    let tickets = json!({"Floor": floor, "Balcony": balcony});

    for (tickets, message) in [
        (json!({"Floor": floor}), "tickets.Balcony: is required"),
        (
            json!({"Floor": floor, "Balcony": balcony, "Roof": floor}),
            "tickets.Roof: is no section of the venue",
        ),
        (
            json!({"Floor": floor, "Balcony": 999_999}),
            "sections[1].ticketId: is no ticket of this event",
        ),
    ] {
        let refused = set(&t.organizer, json!({"venueId": venue, "tickets": tickets})).await;
        assert_eq!(refused.error(400), "invalid_input");
        assert_eq!(refused.json()["details"][0]["message"], message);
    }
    for body in [
        json!({"venueId": venue}),
        json!({"tickets": tickets}),
        json!({"venueId": venue, "tickets": tickets, "sections": hall()["sections"]}),
        json!({"venueId": venue, "tickets": {"Floor": "first"}}),
    ] {
        assert_eq!(
            set(&t.organizer, body.clone()).await.error(400),
            "invalid_input",
            "{body}"
        );
    }
    let whole = json!({"venueId": venue, "tickets": tickets, "noSingleSeats": true});
    assert_eq!(set(&t.organizer, whole.clone()).await.data(200)["seats"], 6);
    let map = t.api.get(&path, None).await.data(200);
    assert_eq!(
        (&map["sections"][1]["name"], &map["sections"][1]["price"]),
        (&json!("Balcony"), &json!(90_000))
    );

    // What becomes of the house is nothing to the event, and houses of others are not there.
    t.api
        .call("DELETE", &format!("{VENUES}/{venue}"), Some(&t.organizer), None)
        .await
        .data(200);
    assert_eq!(t.api.get(&path, None).await.data(200), map);
    assert_eq!(set(&t.organizer, whole).await.error(404), "not_found");
    let others = t.api.post(VENUES, Some(&t.other), hall()).await.data(201)["id"].clone();
    let body = json!({"venueId": others, "tickets": tickets});
    assert_eq!(set(&t.organizer, body).await.error(404), "not_found");
    let bare = t
        .venue(json!({"name": "Field", "location": "Bandung"}))
        .await
        .data(201)["id"]
        .clone();
    let body = json!({"venueId": bare, "tickets": {}});
    assert_eq!(set(&t.organizer, body).await.error(400), "invalid_input");
}
