use crate::{Api, Fleet, unique};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};

/// The password of every buyer made here.
pub const PASSWORD: &str = "correct horse battery staple";

/// Somebody who buys.
#[derive(Debug, Clone)]
pub struct Buyer {
    /// Account.
    pub id: i64,
    /// Mail address, used by nobody else.
    pub email: String,
    /// The API with this buyer's token.
    pub api: Api,
}

/// Somebody who sells.
#[derive(Debug, Clone)]
pub struct Organizer {
    /// Account.
    pub id: i64,
    /// The API with this organizer's token.
    pub api: Api,
}

/// An event that belongs to one test.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its id.
    pub id: i64,
    /// Its name, used by no other event.
    pub name: String,
    category: i64,
    api: Api,
}

/// What is put on sale.
#[derive(Debug, Clone, Copy)]
pub struct TicketTerms {
    /// Rupiah for one.
    pub price: i64,
    /// How many there are.
    pub quantity: i64,
}

/// A body for `POST /auth/register`.
fn registration(email: &str) -> Value {
    json!({
        "email": email, "password": PASSWORD, "name": "Ayu Lestari", "age": 27, "phoneNumber": "081234567890",
    })
}

impl Buyer {
    /// A new account by the whole way: registration, link of the mail, log in.
    pub async fn register(fleet: &Fleet) -> Self {
        Self::register_as(fleet, &format!("buyer-{}@acceptance.example", unique())).await
    }

    /// A new account with this address by the whole way.
    pub async fn register_as(fleet: &Fleet, email: &str) -> Self {
        let stranger = fleet.stranger();
        stranger
            .post("/auth/register", &registration(email))
            .await
            .data(201);
        let link = fleet.verification_link(email).await;
        let page = stranger.get(&link).await;
        assert_eq!(page.status, 200, "{}", page.text());
        Self::log_in(fleet, email, PASSWORD).await
    }

    /// A guest with this address: no account, no password.
    pub async fn guest(fleet: &Fleet, email: &str) -> Self {
        let body = json!({"email": email, "name": "Ayu Lestari", "phoneNumber": "081234567890"});
        let data = fleet.stranger().post("/auth/guest", &body).await.data(201);
        Self::of(fleet, &data)
    }

    /// Logs in to an account that can.
    pub async fn log_in(fleet: &Fleet, email: &str, password: &str) -> Self {
        let credentials = json!({"email": email, "password": password});
        let data = fleet.stranger().post("/auth/login", &credentials).await.data(200);
        Self::of(fleet, &data)
    }

    fn of(fleet: &Fleet, data: &Value) -> Self {
        Self {
            id: data["user"]["id"].as_i64().expect("an account has an id"),
            email: data["user"]["email"]
                .as_str()
                .expect("an account has an address")
                .to_owned(),
            api: fleet.bearer(data["token"].as_str().expect("a log in gives a token")),
        }
    }

    /// Many accounts at once: their rows are written and their tokens signed here, because a crowd that registers would
    /// measure the hash of passwords.
    pub async fn crowd(fleet: &Fleet, size: usize) -> Vec<Self> {
        let mark = unique();
        let sql = "
            with crowd as (
                insert into users (email, password_hash, name, age, phone_number, is_verified, created_at, updated_at)
                select 'crowd-' || n || '-' || $1 || '@acceptance.example', 'no password', 'Crowd ' || n, 30, '0800', true,
                       now(), now()
                from generate_series(1, $2::bigint) n
                returning id, email
            ), logged_in as (
                insert into sessions (user_id, created_at, last_used_at, expires_at, ip, user_agent)
                select id, now(), now(), now() + interval '1 day', '127.0.0.1', 'crowd' from crowd
                returning id as session, user_id
            )
            select id, email, session from crowd join logged_in on user_id = id";
        let size = i64::try_from(size).expect("a crowd can be counted");
        let rows = fleet.database().await.rows(sql, &[&mark, &size]).await;
        let secret = fleet.secrets().jwt_secret;
        let buyers = rows.iter().map(|row| {
            let (id, email, session): (i64, String, i64) = (row.get(0), row.get(1), row.get(2));
            let token = fleet_token(&secret, id, &email, session);
            Self {
                id,
                api: fleet.bearer(&token),
                email,
            }
        });
        buyers.collect()
    }

    /// Puts tickets into the cart and turns it into an order. Gives its code.
    pub async fn order(&self, ticket: i64, quantity: i64) -> String {
        let item = json!({"ticketId": ticket, "quantity": quantity});
        self.api.post("/cart", &item).await.data(201);
        let order = self.api.post("/cart/checkout", &json!({})).await.data(200);
        order["orderId"].as_str().expect("an order has a code").to_owned()
    }

    /// Opens the payment page of an order and gives its address.
    pub async fn open_payment(&self, order: &str) -> String {
        let body = json!({"orderId": order});
        let data = self.api.post("/payments/initialize", &body).await.data(201);
        data["redirectUrl"]
            .as_str()
            .expect("a payment has a page")
            .to_owned()
    }

    /// Orders tickets and opens the page: all but paying. Gives the order's code.
    pub async fn order_to_pay(&self, ticket: i64, quantity: i64) -> String {
        let order = self.order(ticket, quantity).await;
        self.open_payment(&order).await;
        order
    }

    /// The tickets this buyer owns.
    pub async fn tickets(&self) -> Vec<Value> {
        let data = self.api.get("/tickets/mine?limit=100").await.data(200);
        data["tickets"].as_array().expect("a list of tickets").clone()
    }
}

impl Fleet {
    /// The link in the verification mail of an address.
    pub async fn verification_link(&self, email: &str) -> String {
        let mail = self.mail(email, "Verifikasi alamat").await;
        mail.link(&format!("{}/auth/verify/", self.api_url))
    }
}

impl Organizer {
    /// The organizer of the demo data.
    pub async fn demo(fleet: &Fleet) -> Self {
        Self::with_role(fleet, "organizer").await
    }

    /// The demo account with another role: `admin` and `staff` work at events, too.
    pub async fn with_role(fleet: &Fleet, role: &str) -> Self {
        let (email, password) = fleet.account(role);
        let account = Buyer::log_in(fleet, &email, &password).await;
        Self {
            id: account.id,
            api: account.api,
        }
    }

    /// Lets the demo account of the staff check tickets at an event.
    pub async fn send_staff(&self, fleet: &Fleet, event: i64) {
        let (email, _) = fleet.account("staff");
        let path = format!("/events/{event}/staff");
        self.api.post(&path, &json!({"email": email})).await.data(200);
    }

    /// Publishes an event of the test's own.
    pub async fn event(&self, name: &str) -> Event {
        let category = self.api.get("/categories?search=Music&limit=1").await.data(200);
        let name = format!("{name} {}", unique());
        let body = json!({
            "name": name, "description": "Made by a test.", "date": "2031-05-04T12:00:00.000Z",
            "location": "Taman Ismail Marzuki, Jakarta",
        });
        let event = self.api.post("/events", &body).await.data(201);
        Event {
            id: event["id"].as_i64().expect("an event has an id"),
            name,
            category: category["categories"][0]["id"]
                .as_i64()
                .expect("the demo data has categories"),
            api: self.api.clone(),
        }
    }
}

impl Event {
    /// Puts tickets of this event on sale and gives the id of their kind.
    pub async fn sell(&self, terms: TicketTerms) -> i64 {
        self.sell_under(terms, &json!({})).await
    }

    /// The same with further terms, `maxPerUser` for one.
    pub async fn sell_under(&self, terms: TicketTerms, more: &Value) -> i64 {
        let mut body = json!({
            "name": "Festival", "price": terms.price, "quantity": terms.quantity, "eventId": self.id,
            "categoryId": self.category,
        });
        for (key, value) in more.as_object().expect("terms are an object") {
            body[key] = value.clone();
        }
        let ticket = self.api.post("/tickets", &body).await.data(201);
        ticket["id"].as_i64().expect("a ticket type has an id")
    }
}

/// A token of a buyer as `auth` issues it, good for an hour.
fn fleet_token(secret: &str, id: i64, email: &str, session: i64) -> String {
    let now = jiff::Timestamp::now().as_second();
    let claims = json!({
        "id": id, "email": email, "role": "user", "sub": id.to_string(), "name": "Crowd", "iat": now, "exp": now + 3600,
        "jti": unique(), "sid": session,
    });
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!(
        "{}.{}",
        encode(&json!({"typ": "JWT", "alg": "HS256"})),
        encode(&claims)
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}
