use crate::{EVENTS, Setup, setup};
use serde_json::{Value, json};
use testkit::Rows;

async fn publish(t: &Setup, events: &[(&str, &str, &str, &str, &str)]) {
    for (name, description, location, city, date) in events {
        let body = json!({"name": name, "description": description, "location": location, "city": city, "date": date});
        t.api.post(EVENTS, Some(&t.organizer), body).await.data(201);
    }
}

#[tokio::test]
async fn words_are_found_in_both_languages_and_with_typing_errors() {
    let t = setup().await;
    publish(
        &t,
        &[
            (
                "Pertunjukan Wayang Kulit",
                "Malam penuh cerita",
                "Taman Budaya",
                "Surakarta",
                "2030-02-01",
            ),
            (
                "Summer Festival",
                "Bands are playing all night",
                "Ancol Beach",
                "Jakarta",
                "2030-03-01",
            ),
            (
                "Stand-up Night",
                "Komedian terbaik",
                "Gedung Kesenian",
                "Jakarta",
                "2030-04-01",
            ),
        ],
    )
    .await;
    for (search, names) in [
        ("wayang", vec!["Pertunjukan Wayang Kulit"]),
        ("WAYANG kulit", vec!["Pertunjukan Wayang Kulit"]),
        ("pertunjukkan", vec!["Pertunjukan Wayang Kulit"]),
        ("cerita", vec!["Pertunjukan Wayang Kulit"]),
        ("festivals", vec!["Summer Festival"]),
        ("play", vec!["Summer Festival"]),
        ("fest", vec!["Summer Festival"]),
        ("festval", vec!["Summer Festival"]),
        ("surakarta", vec!["Pertunjukan Wayang Kulit"]),
        ("jakarta", vec!["Stand-up Night", "Summer Festival"]),
        ("jakarta -summer", vec!["Stand-up Night"]),
        ("zzzzqqqq", vec![]),
        ("\"", vec![]),
    ] {
        let query = format!("search={}", encode(search));
        assert_eq!(t.names(&query, None).await, names, "{search}");
    }
    for operators in ["a & | ! ( :*", "')", "\\", "%", "-", "or", "<->"] {
        let reply = t
            .api
            .get(&format!("{EVENTS}?search={}", encode(operators)), None)
            .await;
        assert_eq!(reply.status, 200, "{operators}");
    }
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn city_price_and_availability_narrow_the_list() {
    let t = setup().await;
    publish(
        &t,
        &[
            ("Cheap", "", "Hall", "Bandung", "2030-02-01"),
            ("Dear", "", "Hall", "bandung", "2030-02-02"),
            ("Gone", "", "Hall", "Jakarta", "2030-02-03"),
        ],
    )
    .await;
    let rows = Rows(&t.db);
    let category = rows.category("Concert").await;
    for (event, price) in [(1, 50_000), (2, 500_000), (3, 50_000)] {
        rows.ticket_type(t.organizer_id, domain::EventId::new(event), category, price, 10)
            .await;
    }
    t.db.run("update ticket_stock s set sold = s.capacity from ticket_types t where t.id = s.ticket_type_id and t.event_id = 3")
        .await;
    for (query, names) in [
        ("city=BANDUNG", vec!["Dear", "Cheap"]),
        ("city=bali", vec![]),
        ("maxPrice=100000", vec!["Gone", "Cheap"]),
        ("minPrice=100000", vec!["Dear"]),
        ("minPrice=50000&maxPrice=50000&available=true", vec!["Cheap"]),
        ("available=true", vec!["Dear", "Cheap"]),
        ("available=false", vec!["Gone", "Dear", "Cheap"]),
        ("sort=soonest", vec!["Cheap", "Dear", "Gone"]),
    ] {
        assert_eq!(t.names(query, None).await, names, "{query}");
    }
    for bad in [
        "minPrice=-1",
        "maxPrice=x",
        "available=maybe",
        "sort=name",
        "cursor=x",
        "cursor=2030-01-01T00:00:00Z_-1",
    ] {
        assert_eq!(
            t.api.get(&format!("{EVENTS}?{bad}"), None).await.error(400),
            "invalid_input",
            "{bad}"
        );
    }
}

#[tokio::test]
async fn a_price_and_a_category_are_those_of_one_kind_of_ticket() {
    let t = setup().await;
    publish(&t, &[("Mixed", "", "Hall", "Bandung", "2030-02-01")]).await;
    let rows = Rows(&t.db);
    let (concert, theatre) = (rows.category("Concert").await, rows.category("Theatre").await);
    let event = domain::EventId::new(1);
    rows.ticket_type(t.organizer_id, event, concert, 50_000, 10).await;
    rows.ticket_type(t.organizer_id, event, theatre, 500_000, 10)
        .await;
    t.db.run("update ticket_stock s set sold = s.capacity from ticket_types t where t.id = s.ticket_type_id and t.price = 50000")
        .await;
    for (query, found) in [
        ("minPrice=40000&maxPrice=60000".to_owned(), true),
        ("minPrice=100000&maxPrice=200000".to_owned(), false),
        ("minPrice=500000".to_owned(), true),
        ("minPrice=500001".to_owned(), false),
        ("maxPrice=49999".to_owned(), false),
        (format!("category={concert}"), true),
        (format!("category={concert}&minPrice=50001"), false),
        (format!("category={theatre}&maxPrice=499999"), false),
        (format!("category={theatre}&minPrice=500000"), true),
        (format!("category={concert}&available=true"), false),
        (format!("category={theatre}&available=true"), true),
        ("maxPrice=60000&available=true".to_owned(), false),
    ] {
        let names = t.names(&query, None).await;
        assert_eq!(names, vec!["Mixed"; usize::from(found)], "{query}");
    }
}

#[tokio::test]
async fn totals_are_counted_up_to_fifty_beyond_the_page() {
    let t = setup().await;
    t.db.run(&format!(
        "insert into events (organizer_id, name, date, location, created_at, updated_at)
         select {}, 'Jazz ' || n, '2030-01-01', 'Hall', now(), now() from generate_series(1, 150) n",
        t.organizer_id
    ))
    .await;
    for query in ["", "&search=jazz", "&search=jas", "&search=hall&sort=soonest"] {
        for (page, total, pages) in [
            (1, 61, 7),
            (2, 71, 8),
            (5, 101, 11),
            (10, 150, 15),
            (15, 150, 15),
            (16, 150, 15),
        ] {
            let path = format!("{EVENTS}?limit=10&page={page}{query}");
            let meta = t.api.get(&path, None).await.data(200)["meta"].clone();
            assert_eq!(
                (&meta["total"], &meta["totalPages"]),
                (&json!(total), &json!(pages)),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn the_end_of_a_list_by_cursor_is_not_taken_for_a_typing_error() {
    let t = setup().await;
    for name in ["Festival", "Festivals", "Festiwal"] {
        Rows(&t.db).event(t.organizer_id, name).await;
    }
    for (search, pages) in [("festival", vec![1, 1, 0]), ("festifal", vec![1, 1, 1, 0])] {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        while found.last() != Some(&0) {
            let path = format!("{EVENTS}?limit=1&search={search}{cursor}");
            let list = t.api.get(&path, None).await.data(200);
            found.push(list["events"].as_array().unwrap().len());
            if let Some(next) = list["meta"]["nextCursor"].as_str() {
                cursor = format!("&cursor={next}");
            }
        }
        assert_eq!(found, pages, "{search}");
    }
}

#[tokio::test]
async fn a_cursor_goes_on_where_the_page_ended_even_when_events_are_added() {
    let t = setup().await;
    for i in 1..=7 {
        Rows(&t.db).event(t.organizer_id, &format!("Event {i}")).await;
    }
    for sort in ["newest", "soonest"] {
        let all = t.names(&format!("limit=100&sort={sort}"), None).await;
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        for _ in 0..10 {
            let list = t
                .api
                .get(&format!("{EVENTS}?limit=3&sort={sort}{cursor}"), None)
                .await
                .data(200);
            let names = list["events"]
                .as_array()
                .unwrap()
                .iter()
                .map(|event| event["name"].as_str().unwrap().to_owned());
            seen.extend(names);
            let Value::String(next) = &list["meta"]["nextCursor"] else {
                break;
            };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, all, "{sort}");
    }
}
