//! How long the function `events` takes to list and search, against the same statements without it, and how that grows with the
//! number of events.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use axum::body::Body;
use db::Db;
use db::events::{Begin, Filter, Order};
use domain::{CategoryId, EventId, Rupiah, Timestamp};
use http_body_util::BodyExt as _;
use runtime::Env;
use tokio_postgres::Client;
use tower::ServiceExt as _;
use web::Site;

use crate::database::Database;
use crate::figures::{median, percentile};

/// How much longer a request may take in the function than its statements alone.
const RATIO: f64 = 1.5;

/// How long 95 of 100 requests may take in the function.
const P95: Duration = Duration::from_millis(50);

/// How much longer a request may take with all events than with a hundredth of them, where the answer is as long. Medians are
/// compared: the two are measured a minute apart, and what else the machine does then shows in the slowest requests.
const GROWTH: f64 = 2.0;

/// Rows of a page.
const LIMIT: u32 = 10;

/// A request and the same as the function asks the database.
struct Question {
    name: &'static str,
    path: String,
    filter: Filter,
    order: Order,
    begin: Begin,
}

/// What a question took.
struct Figures {
    name: &'static str,
    found: usize,
    ratio: f64,
    bare: Duration,
    p50: Duration,
    p95: Duration,
}

/// Measures and prints; tells whether the budgets are kept.
///
/// # Errors
/// If the server does not answer or the function answers wrongly.
pub async fn run(url: &str, total: Duration, events: u32) -> Result<bool> {
    let database = Database::make(url).await?;
    let outcome = measure(&database, total, events).await;
    database.remove().await?;
    outcome
}

async fn measure(database: &Database, total: Duration, events: u32) -> Result<bool> {
    ensure!(events >= 200, "at least 200 events are needed");
    let admin = database.connect().await?;
    let few = events / 100;
    seed(&admin, 1, few).await?;
    let before = ask_all(database, &admin, total / 4).await?;
    println!("{few} events are measured, now {events}");
    seed(&admin, few + 1, events).await?;
    let after = ask_all(database, &admin, total - total / 4).await?;
    report(&before, &after, few, events)
}

/// Events that one statement makes.
const EVENTS_AT_ONCE: usize = 2_000;

/// Makes the events of these numbers, with two kinds of tickets each; a tenth of them is sold out.
async fn seed(admin: &Client, first: u32, last: u32) -> Result<()> {
    admin
        .batch_execute(
            "insert into users (email, password_hash, name, age, phone_number, role, created_at, updated_at)
             select 'organizer@example.test', 'none', 'Organizer', 30, '0812', 'organizer', now(), now()
             where not exists (select from users);
             insert into categories (name, created_at, updated_at)
             select 'Category ' || n, now(), now() from generate_series(1, 8) n where not exists (select from categories)",
        )
        .await?;
    let sql = "
        with made as (
            insert into events (organizer_id, name, description, date, location, city, created_at, updated_at)
            select (select min(id) from users),
                   (array['Festival', 'Konser', 'Malam', 'Pekan', 'Parade', 'Pameran', 'Lomba', 'Temu'])[1 + n % 8] || ' '
                   || (array['Jazz', 'Rock', 'Dangdut', 'Komedi', 'Teater', 'Kuliner', 'Film', 'Puisi', 'Gamelan', 'Wayang',
                             'Keroncong'])[1 + n % 11] || ' ' || n,
                   'Acara nomor ' || n || ' dengan musik, makanan dan teman-teman dari seluruh kota.',
                   '2090-01-01'::timestamptz + n % 700 * interval '1 day', 'Gedung ' || n % 500,
                   (array['Jakarta', 'Bandung', 'Surabaya', 'Medan', 'Yogyakarta', 'Denpasar', 'Makassar', 'Semarang',
                          'Palembang'])[1 + n % 9],
                   '2020-01-01'::timestamptz + n * interval '1 minute', now()
            from generate_series($1::int, $2::int) n
            returning id, organizer_id
        ), types as (
            insert into ticket_types (event_id, category_id, created_by, name, price, capacity, stripes, created_at, updated_at)
            select made.id, 1 + (made.id + k) % 8, organizer_id, case k when 0 then 'Festival' else 'VIP' end,
                   50000 * (1 + made.id % 20) * (1 + k), 100, 1, now(), now()
            from made, generate_series(0, 1) k
            returning id, event_id
        )
        insert into ticket_stock (ticket_type_id, stripe, capacity, sold)
        select id, 0, 100, case when event_id % 10 = 0 then 100 else event_id % 100 end from types";
    // Few enough at a time that no statement runs into its time-out.
    for from in (first..=last).step_by(EVENTS_AT_ONCE) {
        let to = last.min(from + u32::try_from(EVENTS_AT_ONCE)? - 1);
        admin
            .execute(sql, &[&i32::try_from(from)?, &i32::try_from(to)?])
            .await
            .context("the events cannot be made")?;
    }
    admin.batch_execute("vacuum analyze").await?;
    Ok(())
}

/// What people ask for: the first page, a later one, words, misspelt words, filters.
async fn questions(admin: &Client) -> Result<Vec<Question>> {
    // A tenth before the end of the list.
    let sql = "select id, created_at from events order by created_at, id offset (select count(*) / 10 from events) limit 1";
    let row = admin.query_one(sql, &[]).await?;
    let (id, at): (i64, jiff::Timestamp) = (row.try_get(0)?, row.try_get(1)?);
    let at = Timestamp::new(at);
    let question = |name, query: &str, filter| Question {
        name,
        path: format!("/api/v1/events?limit={LIMIT}{query}"),
        filter,
        order: Order::Newest,
        begin: Begin::Offset(0),
    };
    let search = |text: &str| Filter {
        search: Some(text.to_owned()),
        ..Filter::default()
    };
    let from = Timestamp::parse("2090-06-01").context("a date")?;
    Ok(vec![
        question("newest first", "", Filter::default()),
        Question {
            begin: Begin::After(at, EventId::new(id)),
            ..question(
                "near the end, by cursor",
                &format!("&cursor={at}_{id}"),
                Filter::default(),
            )
        },
        Question {
            order: Order::Soonest,
            ..question(
                "soonest first, from a day on",
                "&sort=soonest&startDate=2090-06-01",
                Filter {
                    from: Some(from),
                    ..Filter::default()
                },
            )
        },
        question("a common word", "&search=jazz", search("jazz")),
        question("two words", "&search=konser%20gamelan", search("konser gamelan")),
        question(
            "words of one in 500",
            "&search=gedung%20137",
            search("gedung 137"),
        ),
        question(
            "words of a single event",
            "&search=rock%20199",
            search("rock 199"),
        ),
        question("a mistyped word", "&search=kroncong", search("kroncong")),
        question(
            "a city and a category",
            "&city=bandung&category=3",
            Filter {
                city: Some("bandung".to_owned()),
                category: Some(CategoryId::new(3)),
                ..Filter::default()
            },
        ),
        question(
            "a range of prices, with tickets left",
            "&minPrice=100000&maxPrice=200000&available=true",
            Filter {
                min_price: Rupiah::new(100_000),
                max_price: Rupiah::new(200_000),
                available: true,
                ..Filter::default()
            },
        ),
    ])
}

/// Asks every question both ways, in turns, for a while.
async fn ask_all(database: &Database, admin: &Client, total: Duration) -> Result<Vec<Figures>> {
    let url = database.url()?;
    let env = Env::of([
        ("DATABASE_URL", url.as_str()),
        ("JWT_SECRET", "a secret for a benchmark, 32 bytes"),
        ("FRONTEND_URL", "http://localhost"),
        ("MEDIA_BUCKET", "none"),
        ("AWS_REGION", "ap-southeast-3"),
        ("AWS_ACCESS_KEY_ID", "none"),
        ("AWS_SECRET_ACCESS_KEY", "none"),
    ]);
    let router = events::router(events::App::from_env(&env)?, Site::default());
    let config = db::Config::from_lookup(|name| env.get(name)).map_err(anyhow::Error::msg)?;
    let db = Db::new(config);
    let questions = questions(admin).await?;
    let mut figures = Vec::with_capacity(questions.len());
    let share = total / u32::try_from(questions.len())?;
    for question in questions {
        // The first touch of pages and plans is not measured.
        let ids = ask_database(&db, &question).await?;
        let shown = ask_function(&router, &question).await?;
        ensure!(
            ids == shown,
            "{}: the function lists {shown:?}, the statements find {ids:?}",
            question.path
        );
        let (mut bare, mut whole, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let begun = Instant::now();
        while ratios.len() < 20 || begun.elapsed() < share {
            let asked = Instant::now();
            ask_database(&db, &question).await?;
            let without = asked.elapsed();
            let asked = Instant::now();
            ask_function(&router, &question).await?;
            let with = asked.elapsed();
            ratios.push(with.as_secs_f64() / without.as_secs_f64());
            bare.push(without);
            whole.push(with);
        }
        bare.sort();
        whole.sort();
        figures.push(Figures {
            name: question.name,
            found: ids.len(),
            ratio: median(&ratios),
            bare: percentile(&bare, 0.5),
            p50: percentile(&whole, 0.5),
            p95: percentile(&whole, 0.95),
        });
    }
    Ok(figures)
}

/// The statements that the function sends, and no more. Gives the ids of the events.
async fn ask_database(db: &Db, question: &Question) -> Result<Vec<i64>> {
    let conn = db.conn().await?;
    let (events, _) =
        db::events::list(&conn, &question.filter, question.order, question.begin, LIMIT).await?;
    let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
    db::ticket_types::of_events(&conn, &ids).await?;
    Ok(ids.into_iter().map(EventId::get).collect())
}

/// The request through the router of the function, to the last byte of its answer. Gives the ids of the events.
async fn ask_function(router: &axum::Router, question: &Question) -> Result<Vec<i64>> {
    let request = http::Request::get(&question.path).body(Body::empty())?;
    let answer = router.clone().oneshot(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    ensure!(
        status == 200,
        "{}: {status} {}",
        question.path,
        String::from_utf8_lossy(&body)
    );
    let json: serde_json::Value = serde_json::from_slice(&body)?;
    let events = json.pointer("/data/events").and_then(|events| events.as_array());
    let ids = events.context("a list of events")?.iter();
    Ok(ids
        .filter_map(|event| event.get("id").and_then(serde_json::Value::as_i64))
        .collect())
}

/// Prints the figures; tells whether the budgets are kept.
fn report(before: &[Figures], after: &[Figures], few: u32, events: u32) -> Result<bool> {
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    println!(
        "\n{:<38} {:>10} {:>10} {:>7} {:>10} {:>22}",
        format!("{LIMIT} of {events} events"),
        "bare p50",
        "p50",
        "ratio",
        "p95",
        format!("p50 / of {few} events")
    );
    let mut kept = true;
    for (few, many) in before.iter().zip(after) {
        let growth = many.p50.as_secs_f64() / few.p50.as_secs_f64();
        let misses = [
            (many.ratio > RATIO, "ratio"),
            (many.p95 > P95, "p95"),
            (growth > GROWTH && few.found == many.found, "growth"),
        ];
        let missed: Vec<&str> = misses
            .iter()
            .filter_map(|(missed, name)| missed.then_some(*name))
            .collect();
        kept &= missed.is_empty();
        println!(
            "{:<38} {:>7.2} ms {:>7.2} ms {:>7.2} {:>7.2} ms {:>22.2}{}{}",
            many.name,
            ms(many.bare),
            ms(many.p50),
            many.ratio,
            ms(many.p95),
            growth,
            if few.found == many.found {
                String::new()
            } else {
                format!("  ({} found, then {})", few.found, many.found)
            },
            if missed.is_empty() {
                String::new()
            } else {
                format!("  MISSED: {}", missed.join(", "))
            }
        );
    }
    println!(
        "\nbudgets: ratio ≤ {RATIO}, p95 ≤ {} ms, growth ≤ {GROWTH}: {}",
        P95.as_millis(),
        if kept { "kept" } else { "MISSED" }
    );
    Ok(kept)
}
