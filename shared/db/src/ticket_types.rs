//! Ticket types: what is sold. "Ticket" in the API.

use crate::categories::{Category, Deleted};
use crate::error::{DbError, Result};
use crate::events::{self, Event, service_fee, tax_rate};
use crate::sql::{self, RowExt as _, anywhere, params};
use crate::stock;
use domain::change::Change;
use domain::event::{EventStatus, end_of};
use domain::inventory;
use domain::page::Page;
use domain::price::{Line, ServiceFee, TaxRate};
use domain::ticket::{Artist, Capacity, SaleRules, TicketName};
use domain::{CategoryId, EventId, Rupiah, TicketTypeId, Timestamp, UserId};
use tokio_postgres::{Client, Row, Transaction};

/// A ticket type.
#[derive(Debug, Clone)]
pub struct TicketType {
    /// Its id.
    pub id: TicketTypeId,
    /// Its event.
    pub event_id: EventId,
    /// Its category.
    pub category_id: CategoryId,
    /// Who made it.
    pub created_by: UserId,
    /// What it is called.
    pub name: String,
    /// Price of one.
    pub price: Rupiah,
    /// How many there are in all.
    pub capacity: u32,
    /// How many are neither sold nor held.
    pub left: u32,
    /// Whether each is a seat of the event's map.
    pub seated: bool,
    /// Who performs.
    pub artist: Option<String>,
    /// Its picture.
    pub image_url: Option<String>,
    /// When sale starts.
    pub sales_start: Option<Timestamp>,
    /// When sale ends.
    pub sales_end: Option<Timestamp>,
    /// Fewest in one order.
    pub min_per_order: u32,
    /// Most in one order.
    pub max_per_order: u32,
    /// Most per buyer.
    pub max_per_user: Option<u32>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A ticket type with its event and category.
#[derive(Debug, Clone)]
pub struct FullTicketType {
    /// The ticket type.
    pub ticket: TicketType,
    /// Its event.
    pub event: Event,
    /// Its category.
    pub category: Category,
}

impl FullTicketType {
    /// So many of it as a line of an order.
    pub const fn line(&self, quantity: u32) -> Line {
        Line {
            ticket_type: self.ticket.id,
            event: self.event.id,
            organizer: self.event.organizer_id,
            unit_price: self.ticket.price,
            quantity,
            service_fee: self.event.service_fee,
            tax_rate: self.event.tax_rate,
        }
    }
}

/// What a purchase has to know of a ticket type.
#[derive(Debug, Clone)]
pub struct ForSale {
    /// Its id.
    pub id: TicketTypeId,
    /// Its event.
    pub event_id: EventId,
    /// Whose event.
    pub organizer_id: UserId,
    /// What it is called.
    pub name: String,
    /// The rules of its sale.
    pub rules: SaleRules,
    /// What the event adds for each.
    pub service_fee: ServiceFee,
    /// Tax of the event.
    pub tax_rate: TaxRate,
    /// Over how many stripes its stock is spread.
    pub stripes: u32,
    /// Whether each is a seat of the event's map.
    pub seated: bool,
    /// Whether people may wait for it once it is sold out. It stays so until the end of the transaction.
    pub has_line: bool,
}

impl ForSale {
    /// So many of it as a line of an order.
    pub const fn line(&self, quantity: u32) -> Line {
        Line {
            ticket_type: self.id,
            event: self.event_id,
            organizer: self.organizer_id,
            unit_price: self.rules.price,
            quantity,
            service_fee: self.service_fee,
            tax_rate: self.tax_rate,
        }
    }
}

/// The columns of a ticket type. `left_over` is what can still be bought: nothing while others wait for it.
macro_rules! ticket_type_columns {
    () => {
        "t.id, t.event_id, t.category_id, t.created_by, t.name, t.price, t.capacity, t.artist, t.image_url, t.sales_start,
        t.sales_end, t.min_per_order, t.max_per_order, t.max_per_user, t.seated, t.created_at, t.updated_at,
        case when exists (select from waiting_entries w where w.ticket_type_id = t.id and w.status = 'waiting') then 0
             else (select coalesce(sum(s.capacity - s.held - s.sold), 0)::int from stock s where s.ticket_type_id = t.id)
        end as left_over"
    };
}

/// The columns of a ticket type with its event and category.
macro_rules! full_columns {
    () => {
        concat!(
            ticket_type_columns!(),
            ", e.id as e_id, e.organizer_id as e_organizer_id, e.name as e_name, e.description as e_description, e.date as e_date, e.ends_at as e_ends_at,
            e.time_zone as e_time_zone, e.location as e_location, e.city as e_city,
        e.service_fee as e_service_fee, e.tax_rate as e_tax_rate, e.image_url as e_image_url, e.status as e_status,
            e.created_at as e_created_at, e.updated_at as e_updated_at,
            c.id as c_id, c.name as c_name, c.created_at as c_created_at, c.updated_at as c_updated_at"
        )
    };
}
pub(crate) use {full_columns, ticket_type_columns};

/// Which ticket types a list shows. Absent fields do not restrict.
#[derive(Debug, Default)]
pub struct Filter {
    /// In the name or the artist.
    pub search: Option<String>,
    /// In the artist.
    pub artist: Option<String>,
    /// Costing that or more.
    pub min_price: Option<i64>,
    /// Costing that or less.
    pub max_price: Option<i64>,
    /// Of that event.
    pub event: Option<EventId>,
    /// Of that category.
    pub category: Option<CategoryId>,
    /// Who looks: organizers see what their own drafts will sell.
    pub viewer: Option<UserId>,
    /// Whether the viewer sees every draft.
    pub sees_all: bool,
}

const LIST_SQL: &str = concat!(
    "select ",
    full_columns!(),
    r", count(*) over () as total
    from ticket_types t join events e on e.id = t.event_id join categories c on c.id = t.category_id
    where (e.status <> 'draft' or e.organizer_id = $7 or $8)
      and ($1::text is null or t.name ilike $1 escape '\' or t.artist ilike $1 escape '\')
      and ($2::text is null or t.artist ilike $2 escape '\')
      and ($3::bigint is null or t.price >= $3) and ($4::bigint is null or t.price <= $4)
      and ($5::bigint is null or t.event_id = $5) and ($6::bigint is null or t.category_id = $6)
    order by t.created_at desc, t.id desc limit $9 offset $10"
);

const COUNT_SQL: &str = r"
    select count(*) as total from ticket_types t join events e on e.id = t.event_id
    where (e.status <> 'draft' or e.organizer_id = $7 or $8)
      and ($1::text is null or t.name ilike $1 escape '\' or t.artist ilike $1 escape '\')
      and ($2::text is null or t.artist ilike $2 escape '\')
      and ($3::bigint is null or t.price >= $3) and ($4::bigint is null or t.price <= $4)
      and ($5::bigint is null or t.event_id = $5) and ($6::bigint is null or t.category_id = $6)";

/// A page of the ticket types of events that the viewer may see, newest first, and how many there are in all.
pub async fn list(db: &Client, filter: &Filter, page: Page) -> Result<(Vec<FullTicketType>, i64)> {
    let rows = select(db, filter, i64::from(page.limit), page.offset()).await?;
    let total = sql::total(&rows, page, count(db, filter)).await?;
    Ok((rows.iter().map(read_full).collect::<Result<_>>()?, total))
}

/// The newest of the ticket types that a filter lets through, at most so many.
pub async fn newest(db: &Client, filter: &Filter, most: u32) -> Result<Vec<FullTicketType>> {
    let rows = select(db, filter, i64::from(most), 0).await?;
    rows.iter().map(read_full).collect()
}

async fn select(db: &Client, filter: &Filter, limit: i64, offset: i64) -> Result<Vec<Row>> {
    let (search, artist) = (
        filter.search.as_deref().map(anywhere),
        filter.artist.as_deref().map(anywhere),
    );
    let (event, category) = (
        filter.event.map(EventId::get),
        filter.category.map(CategoryId::get),
    );
    let params = params![
        TEXT: search, TEXT: artist, INT8: filter.min_price, INT8: filter.max_price, INT8: event, INT8: category,
        INT8: filter.viewer.map(UserId::get), BOOL: filter.sees_all, INT8: limit, INT8: offset,
    ];
    Ok(db.query_typed(LIST_SQL, params).await?)
}

async fn count(db: &Client, filter: &Filter) -> Result<i64> {
    let (search, artist) = (
        filter.search.as_deref().map(anywhere),
        filter.artist.as_deref().map(anywhere),
    );
    let (event, category) = (
        filter.event.map(EventId::get),
        filter.category.map(CategoryId::get),
    );
    let params = params![
        TEXT: search, TEXT: artist, INT8: filter.min_price, INT8: filter.max_price, INT8: event, INT8: category,
        INT8: filter.viewer.map(UserId::get), BOOL: filter.sees_all,
    ];
    db.query_typed_one(COUNT_SQL, params).await?.col("total")
}

const FIND_SQL: &str = concat!(
    "select ",
    full_columns!(),
    "
    from ticket_types t join events e on e.id = t.event_id join categories c on c.id = t.category_id
    where t.id = $1 and (e.status <> 'draft' or e.organizer_id = $2 or $3)"
);

/// The ticket type of that id, if the viewer may see its event.
pub async fn find(
    db: &Client,
    id: TicketTypeId,
    viewer: Option<UserId>,
    sees_all: bool,
) -> Result<Option<FullTicketType>> {
    let viewer = viewer.map(UserId::get);
    let row = db
        .query_typed_opt(FIND_SQL, params![INT8: id.get(), INT8: viewer, BOOL: sees_all])
        .await?;
    row.as_ref().map(read_full).transpose()
}

const FULL_BY_IDS_SQL: &str = concat!(
    "select ",
    full_columns!(),
    "
    from ticket_types t join events e on e.id = t.event_id join categories c on c.id = t.category_id
    where t.id = any($1)"
);

/// Some ticket types with their events and categories, whatever state their events are in: for what was bought.
pub async fn full_by_ids(db: &Client, ids: &[TicketTypeId]) -> Result<Vec<FullTicketType>> {
    let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    let rows = db.query_typed(FULL_BY_IDS_SQL, params![INT8_ARRAY: ids]).await?;
    rows.iter().map(read_full).collect()
}

const OF_EVENTS_SQL: &str = concat!(
    "select ",
    ticket_type_columns!(),
    " from ticket_types t where t.event_id = any($1) order by t.event_id, t.id"
);

/// The ticket types of some events, in the order in which they were made.
pub async fn of_events(db: &Client, events: &[EventId]) -> Result<Vec<TicketType>> {
    let ids: Vec<i64> = events.iter().map(|id| id.get()).collect();
    let rows = db.query_typed(OF_EVENTS_SQL, params![INT8_ARRAY: ids]).await?;
    rows.iter().map(read).collect()
}

const FOR_SALE_SQL: &str = "
    select t.id, t.name, t.price, t.sales_start, t.sales_end, t.min_per_order, t.max_per_order, t.max_per_user, t.stripes,
           t.seated, t.waiting_list <> 'off' as has_line, e.id as e_id, e.organizer_id, e.service_fee, e.tax_rate, e.status as e_status, e.date as e_date,
           e.ends_at as e_ends_at
    from ticket_types t join events e on e.id = t.event_id
    where t.id = any($1) and e.status <> 'draft' order by t.id";

/// The rules of sale of some ticket types, by id; those that do not exist are left out. Their events keep their status
/// until the end of the transaction: whoever stops a sale waits for it, and nobody else does.
pub async fn for_sale(db: &Client, ids: &[TicketTypeId]) -> Result<Vec<ForSale>> {
    let ids: Vec<i64> = ids.iter().map(|id| id.get()).collect();
    let params = params![INT8_ARRAY: ids];
    // Both are sent before either is answered: one round trip.
    let (kept, rows) = tokio::join!(
        biased;
        events::keep_on_sale(db, &ids),
        db.query_typed(FOR_SALE_SQL, params)
    );
    kept?;
    let rows = rows?;
    rows.iter()
        .map(|row| {
            Ok(ForSale {
                id: row.id("id", TicketTypeId::new)?,
                event_id: row.id("e_id", EventId::new)?,
                organizer_id: row.id("organizer_id", UserId::new)?,
                name: row.col("name")?,
                service_fee: service_fee(row, "service_fee")?,
                tax_rate: tax_rate(row, "tax_rate")?,
                stripes: row.count("stripes")?,
                seated: row.col("seated")?,
                has_line: row.col("has_line")?,
                rules: SaleRules {
                    price: row.rupiah("price")?,
                    sales_start: row.time_opt("sales_start")?,
                    sales_end: row.time_opt("sales_end")?,
                    min_per_order: row.count("min_per_order")?,
                    max_per_order: row.count("max_per_order")?,
                    max_per_user: row.count_opt("max_per_user")?,
                    event_status: row.word("e_status", EventStatus::parse)?,
                    event_date: row.time("e_date")?,
                    event_ends: end_of(row.time("e_date")?, row.time_opt("e_ends_at")?),
                },
            })
        })
        .collect()
}

/// What a new ticket type is made of.
#[derive(Debug)]
pub struct NewTicketType {
    /// Its event.
    pub event_id: EventId,
    /// Its category.
    pub category_id: CategoryId,
    /// What it is called.
    pub name: TicketName,
    /// Price of one.
    pub price: Rupiah,
    /// How many there are.
    pub capacity: Capacity,
    /// Who performs.
    pub artist: Option<Artist>,
    /// When sale starts.
    pub sales_start: Option<Timestamp>,
    /// When sale ends.
    pub sales_end: Option<Timestamp>,
    /// Fewest in one order.
    pub min_per_order: u32,
    /// Most in one order.
    pub max_per_order: u32,
    /// Most per buyer.
    pub max_per_user: Option<u32>,
}

/// What became of an attempt to make a ticket type.
#[derive(Debug, PartialEq, Eq)]
pub enum Made {
    /// It was made.
    TicketType(TicketTypeId),
    /// There is no such event, or it is not the caller's.
    NoEvent,
    /// There is no such category.
    NoCategory,
    /// The event has [`MOST_PER_EVENT`] already.
    TooMany,
    /// The account of the creator is gone.
    NoCreator,
}

/// Most ticket types of one event: an answer shows all of them.
pub const MOST_PER_EVENT: i64 = 100;

const LOCK_EVENT_SQL: &str =
    "select id from events where id = $1 and (organizer_id = $2 or $3) for no key update";

const COUNT_OF_EVENT_SQL: &str = "select count(*) as made from ticket_types where event_id = $1";

const INSERT_SQL: &str = "
    insert into ticket_types (event_id, category_id, created_by, name, price, capacity, stripes, artist, sales_start,
                              sales_end, min_per_order, max_per_order, max_per_user, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14)
    returning id";

const INSERT_STOCK_SQL: &str = "
    insert into ticket_stock (ticket_type_id, stripe, capacity)
    select $1, ordinality - 1, capacity from unnest($2::int[]) with ordinality as spread (capacity, ordinality)";

/// Makes a ticket type of an event of this organizer (of any event for an admin), with its stock spread over stripes.
pub async fn insert(
    tx: &Transaction<'_>,
    creator: UserId,
    any_owner: bool,
    new: &NewTicketType,
    now: Timestamp,
) -> Result<Made> {
    let lock = params![INT8: new.event_id.get(), INT8: creator.get(), BOOL: any_owner];
    let count = params![INT8: new.event_id.get()];
    // The count is a statement of its own, so that it sees what others made while the lock was waited for, and it holds until
    // the end of the transaction.
    let (locked, made) = tokio::join!(
        biased;
        tx.query_typed_opt(LOCK_EVENT_SQL, lock),
        tx.query_typed_one(COUNT_OF_EVENT_SQL, count)
    );
    if locked?.is_none() {
        return Ok(Made::NoEvent);
    }
    if made?.col::<i64>("made")? >= MOST_PER_EVENT {
        return Ok(Made::TooMany);
    }
    let stripes = inventory::stripes_for(new.capacity.get());
    let row = tx
        .query_typed_one(
            INSERT_SQL,
            params![
                INT8: new.event_id.get(), INT8: new.category_id.get(), INT8: creator.get(), TEXT: new.name.as_str(),
                INT8: new.price.get(), INT4: int(new.capacity.get()), INT4: int(stripes),
                TEXT: new.artist.as_ref().map(Artist::as_str), TIMESTAMPTZ: new.sales_start.map(Timestamp::inner),
                TIMESTAMPTZ: new.sales_end.map(Timestamp::inner), INT4: int(new.min_per_order), INT4: int(new.max_per_order),
                INT4: new.max_per_user.map(int), TIMESTAMPTZ: now.inner(),
            ],
        )
        .await;
    let id = match row.map_err(DbError::from) {
        Ok(row) => row.id("id", TicketTypeId::new)?,
        Err(error) if error.is_constraint("ticket_types_category_id_fkey") => return Ok(Made::NoCategory),
        Err(error) if error.is_constraint("ticket_types_created_by_fkey") => return Ok(Made::NoCreator),
        Err(error) => return Err(error),
    };
    let spread: Vec<i32> = inventory::spread(new.capacity.get(), stripes)
        .into_iter()
        .map(int)
        .collect();
    tx.execute_typed(INSERT_STOCK_SQL, params![INT8: id.get(), INT4_ARRAY: spread])
        .await?;
    Ok(Made::TicketType(id))
}

/// Changes to a ticket type; absent fields stay.
#[derive(Debug, Default)]
pub struct TicketTypePatch {
    /// What it is called.
    pub name: Option<TicketName>,
    /// Price of one, for later orders.
    pub price: Option<Rupiah>,
    /// How many shall be left to sell; what is sold or held stays on top of it.
    pub left: Option<Capacity>,
    /// Who performs.
    pub artist: Option<Artist>,
    /// When sale starts.
    pub sales_start: Change<Timestamp>,
    /// When sale ends.
    pub sales_end: Change<Timestamp>,
    /// Fewest in one order.
    pub min_per_order: Option<u32>,
    /// Most in one order.
    pub max_per_order: Option<u32>,
    /// Most per buyer.
    pub max_per_user: Change<u32>,
}

const LOCK_OWN_SQL: &str = concat!(
    "select ",
    ticket_type_columns!(),
    " from ticket_types t join events e on e.id = t.event_id
    where t.id = $1 and (e.organizer_id = $2 or $3) for no key update of t"
);

/// A ticket type of an event of this organizer (any for an admin), locked against other changes. Its stock is not.
pub async fn lock_own(
    tx: &Transaction<'_>,
    id: TicketTypeId,
    organizer: UserId,
    any_owner: bool,
) -> Result<Option<TicketType>> {
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
    let row = tx.query_typed_opt(LOCK_OWN_SQL, params).await?;
    row.as_ref().map(read).transpose()
}

const UPDATE_SQL: &str = "
    update ticket_types
    set name = coalesce($2, name), price = coalesce($3, price), artist = coalesce($4, artist),
        sales_start = case when $12 then sales_start else $5 end, sales_end = case when $13 then sales_end else $6 end,
        min_per_order = coalesce($7, min_per_order), max_per_order = coalesce($8, max_per_order),
        max_per_user = case when $14 then max_per_user else $9 end, capacity = coalesce($10, capacity),
        updated_at = case
            when num_nonnulls($2, $3, $4, $7, $8, $10) > 0 or not ($12 and $13 and $14) then $11 else updated_at
        end
    where id = $1";

/// Changes a ticket type that [`lock_own`] gave. Without changes it stays as it is, its time of change included. Returns
/// `false`, with nothing changed, if more would exist than a ticket type may have.
pub async fn update(
    tx: &Transaction<'_>,
    id: TicketTypeId,
    patch: &TicketTypePatch,
    now: Timestamp,
) -> Result<bool> {
    let capacity = match patch.left {
        None => None,
        Some(left) => match stock::set_left(tx, id, left).await? {
            Some(capacity) => Some(capacity),
            None => return Ok(false),
        },
    };
    tx.execute_typed(
        UPDATE_SQL,
        params![
            INT8: id.get(), TEXT: patch.name.as_ref().map(TicketName::as_str), INT8: patch.price.map(Rupiah::get),
            TEXT: patch.artist.as_ref().map(Artist::as_str), TIMESTAMPTZ: patch.sales_start.set().map(Timestamp::inner),
            TIMESTAMPTZ: patch.sales_end.set().map(Timestamp::inner), INT4: patch.min_per_order.map(int),
            INT4: patch.max_per_order.map(int), INT4: patch.max_per_user.set().map(int),
            INT4: capacity.map(|capacity| int(capacity.get())), TIMESTAMPTZ: now.inner(),
            BOOL: patch.sales_start.is_keep(), BOOL: patch.sales_end.is_keep(), BOOL: patch.max_per_user.is_keep(),
        ],
    )
    .await?;
    Ok(true)
}

const DELETE_SQL: &str = "
    delete from ticket_types t using events e
    where t.id = $1 and e.id = t.event_id and (e.organizer_id = $2 or $3)
      and not exists (select 1 from order_items i where i.ticket_type_id = t.id)
      and not exists (select 1 from cart_items i where i.ticket_type_id = t.id)";

const OWNED_SQL: &str = "
    select 1 as one from ticket_types t join events e on e.id = t.event_id
    where t.id = $1 and (e.organizer_id = $2 or $3)";

/// Deletes a ticket type that nobody has in a cart or an order.
pub async fn delete(db: &Client, id: TicketTypeId, organizer: UserId, any_owner: bool) -> Result<Deleted> {
    let deleted = db
        .execute_typed(
            DELETE_SQL,
            params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner],
        )
        .await;
    match deleted.map_err(DbError::from) {
        Ok(0) => {
            let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
            let owned = db.query_typed_opt(OWNED_SQL, params).await?;
            Ok(if owned.is_some() {
                Deleted::InUse
            } else {
                Deleted::Missing
            })
        }
        Ok(_) => Ok(Deleted::Done),
        // Somebody bought or reserved it between the look and the deletion.
        Err(DbError::Constraint { .. }) => Ok(Deleted::InUse),
        Err(error) => Err(error),
    }
}

/// Counts are far below the limit of the column type: the schema and the types of `domain` bound them.
pub(crate) fn int(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn read(row: &Row) -> Result<TicketType> {
    Ok(TicketType {
        id: row.id("id", TicketTypeId::new)?,
        event_id: row.id("event_id", EventId::new)?,
        category_id: row.id("category_id", CategoryId::new)?,
        created_by: row.id("created_by", UserId::new)?,
        name: row.col("name")?,
        price: row.rupiah("price")?,
        capacity: row.count("capacity")?,
        left: row.count("left_over")?,
        seated: row.col("seated")?,
        artist: row.col("artist")?,
        image_url: row.col("image_url")?,
        sales_start: row.time_opt("sales_start")?,
        sales_end: row.time_opt("sales_end")?,
        min_per_order: row.count("min_per_order")?,
        max_per_order: row.count("max_per_order")?,
        max_per_user: row.count_opt("max_per_user")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

pub(crate) fn read_full(row: &Row) -> Result<FullTicketType> {
    Ok(FullTicketType {
        ticket: read(row)?,
        event: events::read_joined(row)?,
        category: Category {
            id: row.id("c_id", CategoryId::new)?,
            name: row.col("c_name")?,
            created_at: row.time("c_created_at")?,
            updated_at: row.time("c_updated_at")?,
        },
    })
}
