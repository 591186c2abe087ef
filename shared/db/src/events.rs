//! Events.

use crate::categories::Deleted;
use crate::error::{DbError, Result};
use crate::sql::{RowExt as _, anywhere, params};
use crate::ticket_types::int;
use crate::users;
use domain::change::Change;
use domain::event::{City, EventName, EventStatus, Location};
use domain::price::{ServiceFee, TaxRate};
use domain::text::Description;
use domain::time::ZoneName;
use domain::{CategoryId, EventId, OrderId, Rupiah, TicketTypeId, Timestamp, UserId};
use tokio_postgres::{Client, Row, Transaction};

/// An event.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// Who publishes it.
    pub organizer_id: UserId,
    /// What it is called.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// When it begins.
    pub date: Timestamp,
    /// When it ends, if its organizer says so.
    pub ends_at: Option<Timestamp>,
    /// Zone of the place, for showing the date.
    pub time_zone: String,
    /// Where it takes place.
    pub location: String,
    /// In which city, if its organizer says so.
    pub city: Option<String>,
    /// What is added for each ticket that costs something.
    pub service_fee: ServiceFee,
    /// Tax on price and fee.
    pub tax_rate: TaxRate,
    /// Its picture.
    pub image_url: Option<String>,
    /// Where it stands as stored; [`Event::status_at`] says where it stands.
    pub status: EventStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Event {
    /// Where it stands at `now`.
    pub fn status_at(&self, now: Timestamp) -> EventStatus {
        self.status.at(self.date, self.ends_at, now)
    }
}

/// Which events a list shows. Absent fields do not restrict.
#[derive(Debug, Default)]
pub struct Filter {
    /// Words or parts of words in the name, the description, the location or the city.
    pub search: Option<String>,
    /// In that city, whatever the case.
    pub city: Option<String>,
    /// Having a ticket type of this category.
    pub category: Option<CategoryId>,
    /// Having a ticket type that costs that or more.
    pub min_price: Option<Rupiah>,
    /// Having a ticket type that costs that or less.
    pub max_price: Option<Rupiah>,
    /// Having tickets left to sell.
    pub available: bool,
    /// Beginning then or later.
    pub from: Option<Timestamp>,
    /// Beginning then or earlier.
    pub to: Option<Timestamp>,
    /// Who looks: organizers see their own drafts.
    pub viewer: Option<UserId>,
    /// Whether the viewer sees every draft.
    pub sees_all: bool,
}

/// In which order a list stands. Both are stable: equal times are told apart by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Made last, shown first.
    #[default]
    Newest,
    /// Beginning first, shown first.
    Soonest,
}

/// Where a page of a list begins.
#[derive(Debug, Clone, Copy)]
pub enum Begin {
    /// After so many rows.
    Offset(i64),
    /// After the event with this time (of making or of beginning, by the order) and id: as fast at the end of a long list
    /// as at its start, and no row is shown twice when others are added.
    After(Timestamp, EventId),
}

/// So many events beyond a page are counted, and no more: a count of all that match costs more than the page, and grows with
/// the number of events.
pub const COUNTED_BEYOND: i64 = 50;

/// The condition. `$1` words, `$2` a pattern, `$3` a word to be guessed; without a search all are null. What the ticket types of
/// an event offer stands on its row. That tells which events may have one that fits; where it is not enough (`$12`), the types
/// themselves are looked at, by a query that is asked for each event: as `exists` it would be planned as a table of all types.
/// Words are the same in most languages: the same twice would be taken for twice as many events.
macro_rules! matching {
    () => {
        r"from events e
        where (status <> 'draft' or organizer_id = $10 or $11)
          and ($1::text is null
               or words @@ (
                    websearch_to_tsquery('indonesian', $1)
                    || coalesce(nullif(websearch_to_tsquery('english', $1), websearch_to_tsquery('indonesian', $1)), '')
                    || coalesce(nullif(websearch_to_tsquery('simple', $1), websearch_to_tsquery('english', $1)), ''))
               or haystack like $2 escape '\')
          and ($3::text is null or $3 <% haystack)
          and ($4::text is null or lower(city) = lower($4))
          and ($5::timestamptz is null or date >= $5) and ($6::timestamptz is null or date <= $6)
          and ($7::bigint is null or category_ids @> array[$7])
          and ($8::bigint is null or max_price >= $8) and ($9::bigint is null or min_price <= $9)
          and (not $12 or (
                select true from ticket_types t
                where t.event_id = e.id and ($7::bigint is null or t.category_id = $7)
                  and ($8::bigint is null or t.price >= $8) and ($9::bigint is null or t.price <= $9)
                  and (not $13 or exists (
                        select 1 from stock s where s.ticket_type_id = t.id and s.held + s.sold < s.capacity)
                      and not exists (
                        select 1 from waiting_entries w where w.ticket_type_id = t.id and w.status = 'waiting'))
                limit 1))"
    };
}

/// The page and what is counted beyond it are found in one pass.
macro_rules! page {
    ($after:literal, $order:literal) => {
        concat!(
            "with found as materialized (
                select id, created_at, date ",
            matching!(),
            " and ($14::timestamptz is null or ",
            $after,
            ") order by ",
            $order,
            " limit $16::bigint + $17 + $18
            ), page as (
                select id from found order by ",
            $order,
            " limit $16 offset $17
            )
            select (select count(*) from found) as total, id, organizer_id, name, description, date, ends_at, time_zone, location,
                   city, service_fee, tax_rate, image_url, status, created_at, updated_at
            from (select) always left join (page join events e using (id)) on true
            order by ",
            $order
        )
    };
}

const NEWEST_SQL: &str = page!("(created_at, id) < ($14, $15)", "created_at desc, id desc");
const SOONEST_SQL: &str = page!("(date, id) > ($14, $15)", "date, id");

/// A page of the events that the viewer may see, and how many there are from where the list began, counted up to
/// [`COUNTED_BEYOND`] beyond the page: one more than that stands for any number. If a search finds nothing, it is taken for
/// mistyped and words that look alike are found.
pub async fn list(
    db: &Client,
    filter: &Filter,
    order: Order,
    begin: Begin,
    limit: u32,
) -> Result<(Vec<Event>, i64)> {
    let found = find_page(db, filter, order, begin, limit, false).await?;
    if found.1 > 0 || filter.search.is_none() {
        return Ok(found);
    }
    // Nothing after a cursor is the end of a list, unless its first page was guessed, too.
    if matches!(begin, Begin::After(..))
        && find_page(db, filter, order, Begin::Offset(0), 1, false).await?.1 > 0
    {
        return Ok(found);
    }
    find_page(db, filter, order, begin, limit, true).await
}

async fn find_page(
    db: &Client,
    filter: &Filter,
    order: Order,
    begin: Begin,
    limit: u32,
    mistyped: bool,
) -> Result<(Vec<Event>, i64)> {
    let search = filter.search.as_deref();
    let (words, guess) = if mistyped { (None, search) } else { (search, None) };
    let pattern = words.map(|words| anywhere(&words.to_lowercase()));
    let (from, to) = (filter.from.map(Timestamp::inner), filter.to.map(Timestamp::inner));
    let (category, viewer) = (
        filter.category.map(CategoryId::get),
        filter.viewer.map(UserId::get),
    );
    let (min, max) = (
        filter.min_price.map(Rupiah::get),
        filter.max_price.map(Rupiah::get),
    );
    // The row of the event tells each of these, but not whether one type has them together.
    let asked = [category.is_some(), min.is_some(), max.is_some()];
    let of_types = filter.available || asked.into_iter().filter(|asked| *asked).count() > 1;
    let (after, after_id, offset) = match begin {
        Begin::Offset(offset) => (None, None, offset),
        Begin::After(at, id) => (Some(at.inner()), Some(id.get()), 0),
    };
    let limit = i64::from(limit);
    let sql = match order {
        Order::Newest => NEWEST_SQL,
        Order::Soonest => SOONEST_SQL,
    };
    let params = params![
        TEXT: words, TEXT: pattern, TEXT: guess, TEXT: filter.city, TIMESTAMPTZ: from, TIMESTAMPTZ: to, INT8: category,
        INT8: min, INT8: max, INT8: viewer, BOOL: filter.sees_all, BOOL: of_types, BOOL: filter.available,
        TIMESTAMPTZ: after, INT8: after_id, INT8: limit, INT8: offset, INT8: COUNTED_BEYOND + 1,
    ];
    let rows = db.query_typed(sql, params).await?;
    let total = rows.first().map_or(Ok(0), |row| row.col("total"))?;
    let shown = rows
        .iter()
        .filter(|row| !matches!(row.col("id"), Ok(None::<i64>)));
    Ok((shown.map(read).collect::<Result<_>>()?, total))
}

const FIND_SQL: &str = "
    select id, organizer_id, name, description, date, ends_at, time_zone, location, city, service_fee, tax_rate, image_url, status, created_at, updated_at
    from events where id = $1 and (status <> 'draft' or organizer_id = $2 or $3)";

/// The event of that id, if the viewer may see it: drafts are seen by their organizer and by admins.
pub async fn find(db: &Client, id: EventId, viewer: Option<UserId>, sees_all: bool) -> Result<Option<Event>> {
    let viewer = viewer.map(UserId::get);
    let row = db
        .query_typed_opt(FIND_SQL, params![INT8: id.get(), INT8: viewer, BOOL: sees_all])
        .await?;
    row.as_ref().map(read).transpose()
}

/// What a new event is made of.
#[derive(Debug)]
pub struct NewEvent {
    /// What it is called.
    pub name: EventName,
    /// What it is about.
    pub description: Option<Description>,
    /// When it begins.
    pub date: Timestamp,
    /// When it ends, if its organizer says so.
    pub ends_at: Option<Timestamp>,
    /// Zone of the place.
    pub time_zone: ZoneName,
    /// Where it takes place.
    pub location: Location,
    /// In which city.
    pub city: Option<City>,
    /// What is added for each ticket that costs something.
    pub service_fee: ServiceFee,
    /// Tax on price and fee.
    pub tax_rate: TaxRate,
    /// Whether everybody sees it at once.
    pub status: EventStatus,
}

const INSERT_SQL: &str = "
    insert into events (organizer_id, name, description, date, time_zone, location, status, created_at, updated_at, city,
                        ends_at, service_fee, tax_rate)
    select id, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10, $11, $12 from users where id = $1 and deleted_at is null for share
    returning id, organizer_id, name, description, date, ends_at, time_zone, location, city, service_fee, tax_rate, image_url, status, created_at, updated_at";

/// Makes an event. `None` if the organizer's account is gone.
pub async fn insert(
    db: &Client,
    organizer: UserId,
    event: &NewEvent,
    now: Timestamp,
) -> Result<Option<Event>> {
    let description = event.description.as_ref().map(Description::as_str);
    let row = db
        .query_typed_opt(
            INSERT_SQL,
            params![
                INT8: organizer.get(), TEXT: event.name.as_str(), TEXT: description, TIMESTAMPTZ: event.date.inner(),
                TEXT: event.time_zone.as_str(), TEXT: event.location.as_str(), TEXT: event.status.as_str(),
                TIMESTAMPTZ: now.inner(), TEXT: event.city.as_ref().map(City::as_str),
                TIMESTAMPTZ: event.ends_at.map(Timestamp::inner), INT8: event.service_fee.get(),
                INT4: int(event.tax_rate.get()),
            ],
        )
        .await?;
    row.as_ref().map(read).transpose()
}

/// Changes to an event; absent fields stay.
#[derive(Debug, Default)]
pub struct EventPatch {
    /// What it is called.
    pub name: Option<EventName>,
    /// What it is about.
    pub description: Option<Description>,
    /// When it begins.
    pub date: Option<Timestamp>,
    /// When it ends.
    pub ends_at: Change<Timestamp>,
    /// Zone of the place.
    pub time_zone: Option<ZoneName>,
    /// Where it takes place.
    pub location: Option<Location>,
    /// In which city.
    pub city: Option<City>,
    /// What is added for each ticket that costs something, from the next order on.
    pub service_fee: Option<ServiceFee>,
    /// Tax on price and fee, from the next order on.
    pub tax_rate: Option<TaxRate>,
    /// Draft, published or cancelled.
    pub status: Option<EventStatus>,
}

const LOCK_OWN_SQL: &str = "
    select id, organizer_id, name, description, date, ends_at, time_zone, location, city, service_fee, tax_rate, image_url, status, created_at, updated_at
    from events where id = $1 and (organizer_id = $2 or $3) for no key update";

/// An event of this organizer (any event for an admin), locked against other changes. `None` if the organizer's account is
/// gone, too.
pub async fn lock_own(
    tx: &Transaction<'_>,
    id: EventId,
    organizer: UserId,
    any_owner: bool,
) -> Result<Option<Event>> {
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
    let Some(row) = tx.query_typed_opt(LOCK_OWN_SQL, params).await? else {
        return Ok(None);
    };
    // Asked after the lock, for which a deletion of the account that is under way was waited.
    if !any_owner && users::find_live(tx.client(), organizer).await?.is_none() {
        return Ok(None);
    }
    read(&row).map(Some)
}

/// The lock of the sale of an event, of this transaction. Sales share it, see [`keep_on_sale`]; who stops the sale has it
/// alone. It is not the lock of a row, because shared locks of rows are given out while somebody waits for them alone: during
/// a rush the sale could not be stopped.
macro_rules! sale_of {
    ($lock:literal, $event:literal) => {
        concat!(
            "select ",
            $lock,
            "(hashtextextended('sale of event ' || ",
            $event,
            ", 0))"
        )
    };
}

const STOP_SALE_SQL: &str = concat!(
    sale_of!("pg_advisory_xact_lock", "id"),
    " from events where id = $1 and (organizer_id = $2 or $3)"
);

/// The same as [`lock_own`], and no ticket of the event is reserved or ordered until the end of the transaction: who was
/// about to do so has finished, others wait and then find what was made of the event. Nothing that a sale locks may be locked before.
pub async fn lock_own_and_sale(
    tx: &Transaction<'_>,
    id: EventId,
    organizer: UserId,
    any_owner: bool,
) -> Result<Option<Event>> {
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
    tx.query_typed(STOP_SALE_SQL, params).await?;
    lock_own(tx, id, organizer, any_owner).await
}

const STOP_SALE_OF_TYPE_SQL: &str = concat!(
    sale_of!("pg_advisory_xact_lock", "t.event_id"),
    " from ticket_types t join events e on e.id = t.event_id where t.id = $1 and (e.organizer_id = $2 or $3)"
);

/// No ticket of the event of an own ticket type is reserved or ordered until the end of the transaction, as with
/// [`lock_own_and_sale`].
pub(crate) async fn stop_sale_of_type(
    tx: &Transaction<'_>,
    ticket_type: TicketTypeId,
    organizer: UserId,
    any_owner: bool,
) -> Result<()> {
    let params = params![INT8: ticket_type.get(), INT8: organizer.get(), BOOL: any_owner];
    tx.query_typed(STOP_SALE_OF_TYPE_SQL, params).await?;
    Ok(())
}

const KEEP_ON_SALE_SQL: &str = concat!(
    sale_of!("pg_advisory_xact_lock_shared", "event_id"),
    " from (select distinct event_id from ticket_types where id = any($1) order by event_id) types"
);

/// Lets nobody stop the sale of these ticket types' events before the end of the transaction. What is read of the events
/// afterwards, by another statement, stays true until then. Everybody takes the locks by the ids' order.
pub(crate) async fn keep_on_sale(db: &Client, types: &[i64]) -> Result<()> {
    db.query_typed(KEEP_ON_SALE_SQL, params![INT8_ARRAY: types])
        .await?;
    Ok(())
}

const KEEP_ORDER_ON_SALE_SQL: &str = concat!(
    sale_of!("pg_advisory_xact_lock_shared", "event_id"),
    " from (select distinct t.event_id from order_items i join ticket_types t on t.id = i.ticket_type_id
            where i.order_id = $1 order by t.event_id) types"
);

/// The same for the events of an order.
pub(crate) async fn keep_order_on_sale(tx: &Transaction<'_>, order: OrderId) -> Result<()> {
    tx.query_typed(KEEP_ORDER_ON_SALE_SQL, params![INT8: order.get()])
        .await?;
    Ok(())
}

const OWNED_SQL: &str = "select 1 as one from events where id = $1 and (organizer_id = $2 or $3)";

/// Whether an event is this organizer's (any event is an admin's).
pub async fn is_own(db: &Client, id: EventId, organizer: UserId, any_owner: bool) -> Result<bool> {
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
    Ok(db.query_typed_opt(OWNED_SQL, params).await?.is_some())
}

const UPCOMING_SQL: &str = "
    select id, organizer_id, name, description, date, ends_at, time_zone, location, city, service_fee, tax_rate, image_url, status, created_at, updated_at
    from events where status = 'published' and date > $1 and ($2::timestamptz is null or (date, id) > ($2, $3))
    order by date, id limit $4";

/// Published events that are still to begin, the next one first, after the event with this time of beginning and id.
pub async fn upcoming(
    db: &Client,
    now: Timestamp,
    after: Option<(Timestamp, EventId)>,
    limit: u32,
) -> Result<Vec<Event>> {
    let (at, id) = (after.map(|(at, _)| at.inner()), after.map(|(_, id)| id.get()));
    let limit = i64::from(limit);
    let params = params![TIMESTAMPTZ: now.inner(), TIMESTAMPTZ: at, INT8: id, INT8: limit];
    let rows = db.query_typed(UPCOMING_SQL, params).await?;
    rows.iter().map(read).collect()
}

const OF_HOLDER_SQL: &str = "
    select id, organizer_id, name, description, date, ends_at, time_zone, location, city, service_fee, tax_rate, image_url, status, created_at, updated_at
    from events where id in (
        select t.event_id from issued_tickets t
        join order_items i on i.id = t.order_item_id join orders o on o.id = i.order_id
        where t.holder_id = $1 and t.status <> 'void' and ($2::text is null or o.code = $2)
    )
    order by date desc, id desc limit $3";

/// Events that somebody has tickets for (those of one order, if its code is given), the last one first.
pub async fn of_holder(db: &Client, holder: UserId, order: Option<&str>, limit: u32) -> Result<Vec<Event>> {
    let limit = i64::from(limit);
    let params = params![INT8: holder.get(), TEXT: order, INT8: limit];
    let rows = db.query_typed(OF_HOLDER_SQL, params).await?;
    rows.iter().map(read).collect()
}

const IS_BOUGHT_SQL: &str = "
    select exists (select 1 from ticket_types t join order_items i on i.ticket_type_id = t.id where t.event_id = $1)
        or exists (select 1 from ticket_types t join cart_items i on i.ticket_type_id = t.id where t.event_id = $1)
        as bought";

/// Whether somebody has a ticket of the event in an order or in a cart.
pub async fn is_bought(db: &Client, id: EventId) -> Result<bool> {
    db.query_typed_one(IS_BOUGHT_SQL, params![INT8: id.get()])
        .await?
        .col("bought")
}

const UPDATE_SQL: &str = "
    update events
    set name = coalesce($2, name), description = coalesce($3, description), date = coalesce($4, date),
        time_zone = coalesce($5, time_zone), location = coalesce($6, location), status = coalesce($7, status),
        city = coalesce($9, city), ends_at = case when $13 then ends_at else $10 end, service_fee = coalesce($11, service_fee),
        tax_rate = coalesce($12, tax_rate),
        updated_at = case when num_nonnulls($2, $3, $4, $5, $6, $7, $9, $11, $12) > 0 or not $13 then $8 else updated_at end
    where id = $1
    returning id, organizer_id, name, description, date, ends_at, time_zone, location, city, service_fee, tax_rate, image_url, status, created_at, updated_at";

/// Changes an event that [`lock_own`] gave. Without changes it stays as it is, its time of change included.
pub async fn update(tx: &Transaction<'_>, id: EventId, patch: &EventPatch, now: Timestamp) -> Result<Event> {
    let row = tx
        .query_typed_one(
            UPDATE_SQL,
            params![
                INT8: id.get(),
                TEXT: patch.name.as_ref().map(EventName::as_str),
                TEXT: patch.description.as_ref().map(Description::as_str),
                TIMESTAMPTZ: patch.date.map(Timestamp::inner),
                TEXT: patch.time_zone.as_ref().map(ZoneName::as_str),
                TEXT: patch.location.as_ref().map(Location::as_str),
                TEXT: patch.status.map(EventStatus::as_str),
                TIMESTAMPTZ: now.inner(),
                TEXT: patch.city.as_ref().map(City::as_str),
                TIMESTAMPTZ: patch.ends_at.set().map(Timestamp::inner),
                INT8: patch.service_fee.map(ServiceFee::get),
                INT4: patch.tax_rate.map(|rate| int(rate.get())),
                BOOL: patch.ends_at.is_keep(),
            ],
        )
        .await?;
    read(&row)
}

// All that may be published is locked, so that nothing comes out of a draft before the end of the transaction.
const HAS_UPCOMING_SQL: &str = "
    with own as materialized (
        select status, date from events where organizer_id = $1 and status in ('draft', 'published') for no key update
    )
    select count(*) filter (where status = 'published' and date > $2) > 0 as upcoming from own";

/// Whether an organizer has published events that are still to come. The organizer's account is locked already.
pub async fn has_upcoming(tx: &Transaction<'_>, organizer: UserId, now: Timestamp) -> Result<bool> {
    tx.query_typed_one(
        HAS_UPCOMING_SQL,
        params![INT8: organizer.get(), TIMESTAMPTZ: now.inner()],
    )
    .await?
    .col("upcoming")
}

const DELETE_SQL: &str = "delete from events where id = $1 and (organizer_id = $2 or $3)";

/// Deletes an event without ticket types. One with ticket types, or that was promoted, has a history and is cancelled instead.
pub async fn delete(db: &Client, id: EventId, organizer: UserId, any_owner: bool) -> Result<Deleted> {
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
    match db.execute_typed(DELETE_SQL, params).await.map_err(DbError::from) {
        Ok(0) => Ok(Deleted::Missing),
        Ok(_) => Ok(Deleted::Done),
        Err(error)
            if error.is_constraint("ticket_types_event_id_fkey")
                || error.is_constraint("mailings_event_id_fkey")
                || error.is_constraint("mailings_past_event_id_fkey") =>
        {
            Ok(Deleted::InUse)
        }
        Err(error) => Err(error),
    }
}

fn read(row: &Row) -> Result<Event> {
    Ok(Event {
        id: row.id("id", EventId::new)?,
        organizer_id: row.id("organizer_id", UserId::new)?,
        name: row.col("name")?,
        description: row.col("description")?,
        date: row.time("date")?,
        ends_at: row.time_opt("ends_at")?,
        time_zone: row.col("time_zone")?,
        location: row.col("location")?,
        city: row.col("city")?,
        service_fee: service_fee(row, "service_fee")?,
        tax_rate: tax_rate(row, "tax_rate")?,
        image_url: row.col("image_url")?,
        status: row.word("status", EventStatus::parse)?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

/// What an event adds for each ticket.
pub(crate) fn service_fee(row: &Row, name: &'static str) -> Result<ServiceFee> {
    ServiceFee::new(row.col(name)?).ok_or(DbError::Value(name))
}

/// Tax of an event.
pub(crate) fn tax_rate(row: &Row, name: &'static str) -> Result<TaxRate> {
    TaxRate::new(row.count(name)?).ok_or(DbError::Value(name))
}

/// An event in the columns `e_…` of a joined row.
pub(crate) fn read_joined(row: &Row) -> Result<Event> {
    Ok(Event {
        id: row.id("e_id", EventId::new)?,
        organizer_id: row.id("e_organizer_id", UserId::new)?,
        name: row.col("e_name")?,
        description: row.col("e_description")?,
        date: row.time("e_date")?,
        ends_at: row.time_opt("e_ends_at")?,
        time_zone: row.col("e_time_zone")?,
        location: row.col("e_location")?,
        city: row.col("e_city")?,
        service_fee: service_fee(row, "e_service_fee")?,
        tax_rate: tax_rate(row, "e_tax_rate")?,
        image_url: row.col("e_image_url")?,
        status: row.word("e_status", EventStatus::parse)?,
        created_at: row.time("e_created_at")?,
        updated_at: row.time("e_updated_at")?,
    })
}
