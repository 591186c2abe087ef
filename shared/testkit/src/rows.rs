use crate::{Gateway, TestDb, start};
use db::issued::Unit;
use db::seat_maps::{NewMap, SetMap};
use db::stock::{Owner, Want};
use db::ticket_types::{Made, NewTicketType};
use db::users::{Created, NewUser};
use domain::event::{CategoryName, EventName, EventStatus, Location};
use domain::order::OrderStatus;
use domain::price::{Line, ServiceFee, TaxRate, price};
use domain::seat_map::StageName;
use domain::ticket::{Capacity, TicketName};
use domain::time::ZoneName;
use domain::transfer::BankAccount;
use domain::user::{Age, Email, PersonName, Phone, Role};
use domain::{CategoryId, EventId, PromoId, Rupiah, TicketTypeId, Timestamp, UserId};

/// A line of an order for an event without fees and taxes.
pub fn line(ticket_type: TicketTypeId, unit_price: i64, quantity: u32) -> Line {
    Line {
        ticket_type,
        event: EventId::new(1),
        organizer: UserId::new(1),
        unit_price: Rupiah::new(unit_price).expect("a valid price"),
        quantity,
        service_fee: ServiceFee::default(),
        tax_rate: TaxRate::default(),
    }
}

/// Makes the rows a test starts from.
pub struct Rows<'a>(pub &'a TestDb);

impl Rows<'_> {
    /// A verified account named after its address, logged in.
    pub async fn user(&self, email: &str, role: Role) -> UserId {
        let (db, email) = (self.0.db(), Email::parse(email).expect("a valid address"));
        let mut conn = db.conn().await.expect("a connection");
        let tx = conn.begin().await.expect("a transaction");
        let name = PersonName::parse(email.as_str().split('@').next().unwrap_or("x")).expect("a valid name");
        let user = NewUser {
            email: &email,
            password_hash: "not a hash",
            name: &name,
            age: serde_json::from_str::<Age>("30").expect("a valid age"),
            phone_number: &Phone::parse("081200000000").expect("a valid number"),
            role,
        };
        let Created::User(user) = db::users::insert(&tx, &user, start()).await.expect("a user") else {
            panic!("the address is taken");
        };
        tx.commit().await.expect("commit");
        let id = user.id;
        self.0
            .run(&format!("update users set is_verified = true where id = {id}"))
            .await;
        self.session(id).await;
        user.id
    }

    /// The session that tokens of tests belong to.
    pub async fn session(&self, user: UserId) {
        let sql = "insert into sessions (id, user_id, created_at, last_used_at, expires_at, ip, user_agent)
                   overriding system value";
        let values = format!("values (-{user}, {user}, now(), now(), '2100-01-01', '127.0.0.1', 'test')");
        self.0.run(&format!("{sql} {values}")).await;
    }

    /// A buyer.
    pub async fn buyer(&self, email: &str) -> UserId {
        self.user(email, Role::User).await
    }

    /// A category.
    pub async fn category(&self, name: &str) -> CategoryId {
        let db = self.0.db();
        let conn = db.conn().await.expect("a connection");
        let name = CategoryName::parse(name).expect("a valid name");
        match db::categories::insert(&conn, &name, start())
            .await
            .expect("a category")
        {
            db::categories::Written::Category(category) => category.id,
            other => panic!("{other:?}"),
        }
    }

    /// A published event a month after the start of tests.
    pub async fn event(&self, organizer: UserId, name: &str) -> EventId {
        let db = self.0.db();
        let conn = db.conn().await.expect("a connection");
        let event = db::events::NewEvent {
            name: EventName::parse(name).expect("a valid name"),
            description: None,
            date: start().plus_seconds(30 * 86_400),
            ends_at: None,
            time_zone: ZoneName::jakarta(),
            location: Location::parse("Gelora Bung Karno, Jakarta").expect("a valid place"),
            city: None,
            service_fee: ServiceFee::default(),
            tax_rate: TaxRate::default(),
            status: EventStatus::Published,
        };
        db::events::insert(&conn, organizer, &event, start())
            .await
            .expect("an event")
            .expect("an organizer")
            .id
    }

    /// Lets somebody check tickets at an event.
    pub async fn staff(&self, event: EventId, user: UserId) {
        let sql = "insert into event_staff (event_id, user_id, added_by, created_at)";
        self.0
            .run(&format!("{sql} values ({event}, {user}, {user}, now())"))
            .await;
    }

    /// A ticket type with these many units at this price.
    pub async fn ticket_type(
        &self,
        organizer: UserId,
        event: EventId,
        category: CategoryId,
        price: i64,
        capacity: u32,
    ) -> TicketTypeId {
        let db = self.0.db();
        let mut conn = db.conn().await.expect("a connection");
        let tx = conn.begin().await.expect("a transaction");
        let new = NewTicketType {
            event_id: event,
            category_id: category,
            name: TicketName::parse("Festival").expect("a valid name"),
            price: Rupiah::new(price).expect("a valid price"),
            capacity: Capacity::new(capacity).expect("a valid capacity"),
            artist: None,
            sales_start: None,
            sales_end: None,
            min_per_order: 1,
            max_per_order: 10,
            max_per_user: None,
        };
        let made = db::ticket_types::insert(&tx, organizer, false, &new, start())
            .await
            .expect("a ticket type");
        tx.commit().await.expect("commit");
        match made {
            Made::TicketType(id) => id,
            other => panic!("{other:?}"),
        }
    }

    /// An organizer with one event and one ticket type: what most tests of buying need.
    pub async fn on_sale(&self, price: i64, capacity: u32) -> TicketTypeId {
        let organizer = self.user("organizer@example.test", Role::Organizer).await;
        let category = self.category("Concert").await;
        let event = self.event(organizer, "Java Jazz").await;
        self.ticket_type(organizer, event, category, price, capacity)
            .await
    }

    /// Makes the units of a ticket type the seats of a map: one section with these rows, as an organizer sends them. Seats are
    /// numbered from 1 on.
    pub async fn seats(&self, ticket: TicketTypeId, rows: serde_json::Value, no_single_seats: bool) {
        let sql = format!("select event_id from ticket_types where id = {ticket}");
        let event = EventId::new(self.0.count(&sql).await);
        let sections = serde_json::json!([{"name": "Floor", "ticketId": ticket, "rows": rows}]);
        let sections = domain::seat_map::read(sections).expect("a valid map");
        let stage = StageName::parse("Stage").expect("a valid name");
        let map = NewMap {
            stage: &stage,
            no_single_seats,
            sections: &sections,
        };
        let db = self.0.db();
        let mut conn = db.conn().await.expect("a connection");
        let tx = conn.begin().await.expect("a transaction");
        let set = db::seat_maps::set(&tx, event, &map, start())
            .await
            .expect("an answer");
        assert!(matches!(set, SetMap::Done { .. }), "{set:?}");
        tx.commit().await.expect("commit");
    }

    /// A promo code of the platform that takes 10 % off everything around the start of tests, changed by assignments in SQL.
    pub async fn promo(&self, code: &str, changes: &str) -> PromoId {
        let sql = format!(
            "insert into promo_codes (code, percent, valid_from, valid_to, created_at, updated_at)
             values ('{code}', 1000, '2029-12-01', '2030-02-01', '2029-12-01', '2029-12-01');
             update promo_codes set {changes} where code = '{code}'"
        );
        self.0.run(&sql).await;
        let sql = format!("select id from promo_codes where code = '{code}'");
        PromoId::new(self.0.count(&sql).await)
    }

    /// An order of one kind of ticket that waits for its payment on a page of the gateway, for a quarter of an hour. Returns its
    /// code.
    pub async fn order_to_pay(
        &self,
        gateway: &Gateway,
        buyer: UserId,
        ticket_type: TicketTypeId,
        quantity: u32,
        now: Timestamp,
    ) -> String {
        let code = domain::order::code(runtime::random::bytes());
        let until = now.plus_seconds(900);
        let price = price(&[line(ticket_type, 50_000, quantity)], &[]).expect("a price");
        let db = self.0.db();
        let mut conn = db.conn().await.expect("a connection");
        let tx = conn.begin().await.expect("a transaction");
        let (order, lines) = db::orders::insert(&tx, &code, buyer, &price, until, now)
            .await
            .expect("an order");
        let want = Want {
            ticket_type,
            quantity,
            first_stripe: 0,
            until,
        };
        let owner = Owner::Order(*lines.first().expect("a line"));
        let taken = db::stock::take(&tx, owner, want, now).await.expect("an answer");
        taken.expect("there is stock");
        db::payments::open(&tx, order.id, until, now)
            .await
            .expect("a payment");
        tx.commit().await.expect("commit");
        gateway.page(&code, price.total, now, until).await;
        code
    }

    /// An order of one kind of ticket that waits for a bank transfer, until a time. Returns its code.
    pub async fn order_to_transfer(
        &self,
        buyer: UserId,
        ticket_type: TicketTypeId,
        quantity: u32,
        until: Timestamp,
    ) -> String {
        let code = domain::order::code(runtime::random::bytes());
        let price = price(&[line(ticket_type, 50_000, quantity)], &[]).expect("a price");
        let account = BankAccount {
            bank: "BCA".to_owned(),
            number: "1234567890".to_owned(),
            holder: "PT Java Festival".to_owned(),
        };
        let db = self.0.db();
        let mut conn = db.conn().await.expect("a connection");
        let tx = conn.begin().await.expect("a transaction");
        let (order, lines) = db::orders::insert(&tx, &code, buyer, &price, until, start())
            .await
            .expect("an order");
        let want = Want {
            ticket_type,
            quantity,
            first_stripe: 0,
            until,
        };
        let owner = Owner::Order(*lines.first().expect("a line"));
        let taken = db::stock::take(&tx, owner, want, start())
            .await
            .expect("an answer");
        taken.expect("there is stock");
        let organizer = db::transfers::offers(&tx, order.id).await.expect("offers");
        let organizer = organizer.first().expect("an event").organizer;
        let begun = db::transfers::begin(&tx, order.id, organizer, &account, until, start()).await;
        begun.expect("an answer").expect("a payment");
        tx.commit().await.expect("commit");
        code
    }

    /// Tickets that a buyer paid for: an order, its stock sold, and the issued tickets. Returns the code of the order and
    /// those of the tickets.
    pub async fn bought(
        &self,
        buyer: UserId,
        ticket_type: TicketTypeId,
        quantity: u32,
    ) -> (String, Vec<String>) {
        let db = self.0.db();
        let mut conn = db.conn().await.expect("a connection");
        let tx = conn.begin().await.expect("a transaction");
        let price = price(&[line(ticket_type, 50_000, quantity)], &[]).expect("a price");
        let code = domain::order::code(runtime::random::bytes());
        let (order, items) = db::orders::insert(&tx, &code, buyer, &price, start(), start())
            .await
            .expect("an order");
        db::orders::set_status(&tx, order.id, OrderStatus::Paid, start())
            .await
            .expect("the order is paid");
        let units: Vec<Unit> = items
            .iter()
            .flat_map(|item| (1..=quantity).map(|number| (*item, number)))
            .map(|(item, number)| Unit {
                item,
                number,
                code: runtime::random::hex::<16>(),
            })
            .collect();
        db::issued::insert(&tx, &units, start()).await.expect("tickets");
        tx.commit().await.expect("commit");
        self.0
            .run(&format!(
                "update ticket_stock set sold = sold + {quantity} where ticket_type_id = {ticket_type} and stripe = 0"
            ))
            .await;
        (code, units.into_iter().map(|unit| unit.code).collect())
    }
}
