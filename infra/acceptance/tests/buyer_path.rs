//! What a person does from the registration to the gate, step by step over the public interface.

use acceptance::{
    Api, Buyer, Fleet, Gate, Mail, Organizer, PASSWORD, Refusal, Reply, Scanned, Stock, TicketTerms,
    eventually, read_qr, unique,
};
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_buyer_gets_from_the_registration_to_the_gate() {
    let fleet = Fleet::running();
    let organizer = Organizer::demo(&fleet).await;
    let event = organizer.event("Buyer's path").await;
    let terms = TicketTerms {
        price: 150_000,
        quantity: 10,
    };
    let ticket = event.sell(terms).await;

    let email = format!("putri-{}@acceptance.example", unique());
    register(&fleet, &email).await;
    prove_the_address(&fleet, &email).await;
    let buyer = Buyer::log_in(&fleet, &email, PASSWORD).await;
    let listed = find_in_the_list(&fleet.stranger(), &event.name).await;
    assert_eq!(listed["tickets"][0]["id"], ticket);
    assert_eq!(listed["tickets"][0]["quantity"], 10);

    fill_the_cart(&buyer, ticket).await;
    let order = check_out(&fleet, &buyer).await;
    let page = open_the_payment(&buyer, &order).await;
    pay_on_the_page(&fleet, &order, &page).await;
    read_the_history(&buyer, &order, &event.name).await;

    let tickets = buyer.tickets().await;
    assert_eq!(tickets.len(), 2);
    let gate = Gate::with_keys(&fleet.stranger().get("/tickets/keys").await.data(200));
    for issued in &tickets {
        assert_eq!(issued["orderId"], order.as_str());
        assert_eq!(issued["eventName"], event.name.as_str());
        check_the_qr_codes(&buyer, issued, &gate, event.id, ticket).await;
    }
    pass_the_gate(&fleet, &organizer, &tickets[0]).await;
    read_the_mail(&fleet, &email, &event.name, &tickets).await;

    let sold = Stock {
        capacity: 10,
        held: 0,
        sold: 2,
    };
    assert_eq!(fleet.database().await.stock(ticket).await, sold);
    let listed = find_in_the_list(&fleet.stranger(), &event.name).await;
    assert_eq!(listed["tickets"][0]["quantity"], 8);
}

async fn register(fleet: &Fleet, email: &str) {
    let body = json!({
        "email": email, "password": PASSWORD, "name": "Putri Ayu", "age": 24, "phoneNumber": "081298765432",
        "role": "admin",
    });
    let reply = fleet.stranger().post("/auth/register", &body).await;
    let data = reply.data(201);
    assert_eq!(reply.message(), "User registered successfully");
    assert_eq!(
        data["token"],
        Value::Null,
        "nobody is logged in before the address is proved"
    );
    let user = &data["user"];
    assert_eq!(
        (&user["isVerified"], &user["role"]),
        (&json!(false), &json!("user"))
    );
    assert!(
        user.get("password").is_none() && user.get("passwordHash").is_none(),
        "{user}"
    );
    assert_eq!(
        user["verificationToken"],
        Value::Null,
        "the token is in the mail alone"
    );

    let again = fleet.stranger().post("/auth/register", &body).await;
    assert_eq!(
        (again.status, again.message().as_str()),
        (400, "Email already exists")
    );
}

async fn prove_the_address(fleet: &Fleet, email: &str) {
    let stranger = fleet.stranger();
    let credentials = json!({"email": email, "password": PASSWORD});
    let early = stranger.post("/auth/login", &credentials).await;
    assert_eq!(early.error(403), "email_not_verified");
    assert!(
        early.message().contains("verify"),
        "clients look for that word: {}",
        early.message()
    );
    let wrong = stranger
        .post(
            "/auth/login",
            &json!({"email": email, "password": "something else"}),
        )
        .await;
    assert_eq!(
        (wrong.status, wrong.message().as_str()),
        (401, "Invalid email or password")
    );

    let link = fleet.verification_link(email).await;
    let page = stranger.get(&link).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(
        page.text().contains("Email Verified Successfully!"),
        "{}",
        page.text()
    );
    let twice = stranger.get(&link).await;
    assert_eq!(
        (twice.error(400).as_str(), twice.message().as_str()),
        ("invalid_token", "Invalid verification token")
    );
}

async fn find_in_the_list(api: &Api, name: &str) -> Value {
    let word = name.rsplit(' ').next().unwrap();
    let data = api.get(&format!("/events?search={word}")).await.data(200);
    let found = data["events"].as_array().unwrap();
    assert_eq!(found.len(), 1, "{data}");
    assert_eq!(found[0]["name"], name);
    found[0].clone()
}

async fn fill_the_cart(buyer: &Buyer, ticket: i64) {
    let one = json!({"ticketId": ticket, "quantity": 1});
    buyer.api.post("/cart", &one).await.data(201);
    let item = buyer.api.post("/cart", &one).await.data(201);
    assert_eq!(item["quantity"], 2, "the same ticket adds up");
    let until: jiff::Timestamp = item["reservedUntil"].as_str().unwrap().parse().unwrap();
    let left = until.duration_since(jiff::Timestamp::now()).as_secs();
    assert!(
        (540..=600).contains(&left),
        "reserved for ten minutes, not for {left} s"
    );
    let cart = buyer.api.get("/cart").await.data(200);
    assert_eq!(
        (&cart["total"], &cart["totalItems"]),
        (&json!(300_000), &json!(1))
    );
}

async fn check_out(fleet: &Fleet, buyer: &Buyer) -> String {
    let key = unique();
    let first = buyer.api.post_once("/cart/checkout", &key, &json!({})).await;
    let data = first.data(200);
    assert_eq!(
        (&data["total"], &data["status"]),
        (&json!(300_000), &json!("pending"))
    );
    let order = data["orderId"].as_str().unwrap().to_owned();
    let again = buyer.api.post_once("/cart/checkout", &key, &json!({})).await;
    assert_eq!(
        (again.status, &again.bytes),
        (200, &first.bytes),
        "the same key gives the same answer"
    );
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(buyer.api.get("/cart").await.data(200)["totalItems"], 0);
    let orders = "select count(*) from orders where user_id = $1";
    assert_eq!(fleet.database().await.number(orders, &[&buyer.id]).await, 1);
    order
}

async fn open_the_payment(buyer: &Buyer, order: &str) -> String {
    let data = buyer
        .api
        .post("/payments/initialize", &json!({"orderId": order}))
        .await
        .data(201);
    let payment = &data["payment"];
    assert_eq!(payment["orderId"], order);
    assert_eq!(
        (&payment["status"], &payment["amount"]),
        (&json!("pending"), &json!(300_000))
    );
    assert!(
        data["transactionToken"]
            .as_str()
            .is_some_and(|token| !token.is_empty()),
        "{data}"
    );
    data["redirectUrl"].as_str().unwrap().to_owned()
}

async fn pay_on_the_page(fleet: &Fleet, order: &str, url: &str) {
    let midtrans = fleet.midtrans();
    let page = midtrans.open(url).await;
    assert!(page.html.contains(order), "{}", page.html);
    let paid = midtrans.press(&page, "pay", Some("bca_va")).await;
    assert_eq!(paid.result(), "settlement");
    let way_out = paid.way_out();
    assert!(
        way_out.starts_with(&format!("{}/payment/finish?", fleet.origin)),
        "{way_out}"
    );
    let thanks = fleet.stranger().get(&way_out).await;
    assert_eq!(thanks.status, 200, "{}", thanks.text());
    assert!(thanks.header("content-type").starts_with("text/html"));
    assert!(thanks.text().contains(order), "{}", thanks.text());
}

async fn read_the_history(buyer: &Buyer, order: &str, event: &str) {
    let payment = eventually("the payment is a success", PATIENCE, async || {
        let data = buyer.api.get("/payments/history").await.data(200);
        assert_eq!(data["meta"]["total"], 1);
        let payment = data["payments"][0].clone();
        (payment["status"] != "pending").then_some(payment)
    })
    .await;
    assert_eq!(payment["status"], "success", "{payment}");
    assert_eq!(
        (&payment["orderId"], &payment["quantity"]),
        (&json!(order), &json!(2))
    );
    assert_eq!(payment["ticket"]["event"]["name"], event);
    let id = &payment["id"];
    assert_eq!(
        buyer.api.get(&format!("/payments/{id}")).await.data(200)["status"],
        "success"
    );
}

async fn check_the_qr_codes(buyer: &Buyer, issued: &Value, gate: &Gate, event: i64, ticket: i64) {
    let code = issued["code"].as_str().unwrap();
    let token = issued["token"].as_str().unwrap();
    let png = buyer.api.get(&format!("/tickets/mine/{code}/qr.png")).await;
    assert_eq!((png.status, png.header("content-type")), (200, "image/png"));
    assert_eq!(read_qr(&png.bytes), token, "the picture carries the token");
    let svg = buyer.api.get(&format!("/tickets/mine/{code}/qr.svg")).await;
    assert_eq!((svg.status, svg.header("content-type")), (200, "image/svg+xml"));
    assert!(
        svg.text().starts_with("<svg") || svg.text().starts_with("<?xml"),
        "{}",
        svg.text()
    );

    let expected = Scanned {
        code: code.to_owned(),
        event,
        ticket_type: ticket,
    };
    assert_eq!(
        gate.scan(token),
        Ok(expected),
        "the public keys alone prove the ticket"
    );
    for place in 0..token.len() {
        let mut bent = token.as_bytes().to_vec();
        bent[place] ^= 1;
        let bent = String::from_utf8(bent).unwrap();
        assert!(gate.scan(&bent).is_err(), "byte {place} does not matter: {bent}");
    }
    let edited = token.replacen("GF1.", "GF1.x", 1);
    assert_eq!(gate.scan(&edited), Err(Refusal::UnknownKey));
}

async fn pass_the_gate(fleet: &Fleet, organizer: &Organizer, issued: &Value) {
    let token = issued["token"].as_str().unwrap();
    let staff = Organizer::with_role(fleet, "staff").await;
    let event = issued["eventId"].as_i64().unwrap();
    organizer.send_staff(fleet, event).await;
    for api in [&organizer.api, &staff.api] {
        let verdict = api
            .post("/tickets/verify", &json!({"token": token}))
            .await
            .data(200);
        assert_eq!(verdict["valid"], true, "{verdict}");
        assert_eq!(verdict["ticket"]["code"], issued["code"]);
    }
    // A changed payload, still in the alphabet of tokens.
    let (head, signature) = token.rsplit_once('.').unwrap();
    let (head, payload) = head.rsplit_once('.').unwrap();
    let first = if payload.starts_with('A') { "B" } else { "A" };
    let forged = format!("{head}.{first}{}.{signature}", &payload[1..]);
    let verdict = staff
        .api
        .post("/tickets/verify", &json!({"token": forged}))
        .await
        .data(200);
    assert_eq!(
        (&verdict["valid"], &verdict["reason"]),
        (&json!(false), &json!("forged"))
    );
}

async fn read_the_mail(fleet: &Fleet, email: &str, event: &str, tickets: &[Value]) {
    let mail: Mail = fleet.mail(email, event).await;
    let (codes, others): (Vec<_>, Vec<_>) = mail
        .attachments
        .iter()
        .cloned()
        .partition(|(name, _)| name.ends_with(".png"));
    let names: Vec<&str> = others.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[0], "tickets.pdf");
    assert!(names.len() == 2 && names[1].ends_with(".ics"), "{names:?}");
    assert!(others[0].1.starts_with(b"%PDF-"));
    for kind in [&mail.pictures, &codes] {
        let mut carried: Vec<String> = kind.iter().map(|(_, bytes)| read_qr(bytes)).collect();
        let mut tokens: Vec<&str> = tickets
            .iter()
            .map(|ticket| ticket["token"].as_str().unwrap())
            .collect();
        carried.sort_unstable();
        tokens.sort_unstable();
        assert_eq!(carried, tokens, "each ticket is shown and attached");
    }
    for (id, _) in &mail.pictures {
        assert!(
            mail.html.contains(&format!("cid:{id}")),
            "picture {id} is not shown"
        );
    }
    // People read a code in groups.
    let joined = |text: &str| -> String { text.chars().filter(|c| !c.is_whitespace()).collect() };
    for ticket in tickets {
        let code = ticket["code"].as_str().unwrap();
        assert!(
            joined(&mail.text).contains(code) && joined(&mail.html).contains(code),
            "no code {code}: {}",
            mail.text
        );
    }
}

#[tokio::test]
async fn a_free_ticket_needs_no_payment_page() {
    let fleet = Fleet::running();
    let event = Organizer::demo(&fleet).await.event("Open rehearsal").await;
    let terms = TicketTerms {
        price: 0,
        quantity: 5,
    };
    let ticket = event.sell(terms).await;
    let buyer = Buyer::register(&fleet).await;
    let order = buyer.order(ticket, 1).await;
    let data = buyer
        .api
        .post("/payments/initialize", &json!({"orderId": order}))
        .await
        .data(201);
    assert_eq!(
        (&data["redirectUrl"], &data["payment"]["status"]),
        (&Value::Null, &json!("success"))
    );
    assert_eq!(
        buyer.tickets().await.len(),
        1,
        "the tickets are there with the answer"
    );
    fleet.mail(&buyer.email, &event.name).await;
}

#[tokio::test]
async fn tickets_can_be_bought_without_a_cart_as_older_clients_do() {
    let fleet = Fleet::running();
    let event = Organizer::demo(&fleet).await.event("At once").await;
    let terms = TicketTerms {
        price: 99_000,
        quantity: 3,
    };
    let ticket = event.sell(terms).await;
    let buyer = Buyer::register(&fleet).await;
    let body = json!({"ticketId": ticket, "quantity": 2});
    let data = buyer.api.post("/payments/initialize", &body).await.data(201);
    assert_eq!(data["payment"]["amount"], 198_000);
    let order = data["payment"]["orderId"].as_str().unwrap();
    fleet.midtrans().pay(order, "gopay").await;
    eventually("two tickets are issued", PATIENCE, async || {
        (buyer.tickets().await.len() == 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_tickets_of_one_are_not_the_tickets_of_another() {
    let fleet = Fleet::running();
    let event = Organizer::demo(&fleet).await.event("Mine").await;
    let terms = TicketTerms {
        price: 0,
        quantity: 5,
    };
    let ticket = event.sell(terms).await;
    let owner = Buyer::register(&fleet).await;
    let order = owner.order(ticket, 1).await;
    owner
        .api
        .post("/payments/initialize", &json!({"orderId": order}))
        .await
        .data(201);
    let issued = owner.tickets().await.remove(0);
    let code = issued["code"].as_str().unwrap();

    let other = Buyer::register(&fleet).await;
    assert_eq!(other.tickets().await, Vec::<Value>::new());
    for path in [
        format!("/tickets/mine/{code}"),
        format!("/tickets/mine/{code}/qr.png"),
        format!("/tickets/mine/{code}/qr.svg"),
    ] {
        assert_eq!(other.api.get(&path).await.error(404), "not_found", "{path}");
        assert_eq!(
            fleet.stranger().get(&path).await.error(401),
            "unauthenticated",
            "{path}"
        );
    }
    let theirs: Reply = other
        .api
        .post("/payments/initialize", &json!({"orderId": order}))
        .await;
    assert_eq!(theirs.error(404), "not_found", "an order is its buyer's");
    let scan = json!({"token": issued["token"]});
    assert_eq!(
        other.api.post("/tickets/verify", &scan).await.error(403),
        "forbidden"
    );
}
