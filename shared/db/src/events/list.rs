//! Lists of events, and how they are searched.

use super::{Event, read};
use crate::error::Result;
use crate::sql::{RowExt as _, anywhere, params};
use domain::{CategoryId, EventId, Rupiah, Timestamp, UserId};
use tokio_postgres::Client;

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
