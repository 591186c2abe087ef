//! Promo codes and their redemptions.
//!
//! A redemption is taken by one statement that counts it against the limit of its code, in the transaction of the order; a
//! limit per buyer holds because every buying transaction locks its buyer first. The row of a code is locked after the stock,
//! wherever both are, and several codes by their ids, so that nobody waits in a circle.

use crate::error::{DbError, Result};
use crate::orders::Order;
use crate::sql::{self, RowExt as _, params};
use crate::ticket_types::int;
use domain::page::Page;
use domain::percent::Percent;
use domain::price::Price;
use domain::promo::{Limits, Off, Promo, PromoError, Terms, Usage, check_combination};
use domain::promo_code::{PromoCode, PromoCodes};
use domain::{CampaignId, Error, EventId, OrderId, PromoId, Rupiah, TicketTypeId, Timestamp, UserId};
use tokio_postgres::{Client, Row, Transaction};

/// A promo code as it is stored.
#[derive(Debug, Clone)]
pub struct StoredPromo {
    /// What it is and does. Its time is its own; a campaign may end it earlier.
    pub promo: Promo,
    /// Its campaign, if it belongs to one.
    pub campaign: Option<CampaignId>,
    /// Redemptions that count.
    pub redeemed: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The columns of a code `p`; `$time` says from when until when it works.
macro_rules! columns_with {
    ($time:literal) => {
        concat!(
            "p.id, p.code, p.organizer_id, p.campaign_id, p.percent, p.amount, p.cap, p.min_spend, p.event_ids, p.ticket_type_ids,
            p.first_purchase_only, p.stackable, ",
            $time,
            " p.total_limit, p.user_limit, p.redeemed, p.created_at, p.updated_at"
        )
    };
}

/// The same as they are stored.
macro_rules! columns {
    () => {
        columns_with!("p.valid_from, p.valid_to,")
    };
}

/// The same, with the time for which its campaign works, too.
macro_rules! working_columns {
    () => {
        columns_with!(
            "greatest(p.valid_from, c.starts_at) as valid_from, least(p.valid_to, c.ends_at) as valid_to,"
        )
    };
}

const FOR_PURCHASE_SQL: &str = concat!(
    "select ",
    working_columns!(),
    ",
    (select count(*)::int from promo_redemptions r where r.promo_id = p.id and r.user_id = $2 and r.status <> 'returned') as by_user,
    exists (select 1 from orders o where o.user_id = $2 and o.status not in ('expired', 'cancelled')) as ordered_before,
    exists (select 1 from users u where u.id = $2 and u.is_guest) as is_guest
    from promo_codes p left join promo_campaigns c on c.id = p.campaign_id
    where p.code = any($1) and p.deleted_at is null"
);

/// The codes that somebody gives with an order, in that order, if this buyer may use them at `now`. Limits are looked at here
/// and enforced by [`redeem`].
///
/// # Errors
/// A [`PromoError`] that says why not, or the database does not answer.
pub async fn for_purchase(
    db: &Client,
    codes: &PromoCodes,
    buyer: UserId,
    now: Timestamp,
) -> Result<Vec<StoredPromo>, Error> {
    if codes.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = codes.as_slice().iter().map(PromoCode::as_str).collect();
    let rows = db
        .query_typed(FOR_PURCHASE_SQL, params![TEXT_ARRAY: names, INT8: buyer.get()])
        .await
        .map_err(DbError::from)?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let stored = read(row)?;
        let usage = Usage {
            redeemed: stored.redeemed,
            by_user: row.count("by_user")?,
            ordered_before: row.col("ordered_before")?,
            is_guest: row.col("is_guest")?,
        };
        found.push((stored, usage));
    }
    let mut promos = Vec::with_capacity(names.len());
    for code in codes.as_slice() {
        let of_code = found.iter().find(|(stored, _)| stored.promo.code == *code);
        let (stored, usage) = of_code.ok_or(PromoError::Unknown)?;
        stored.promo.check(*usage, now)?;
        promos.push(stored.clone());
    }
    check_combination(promos.iter().map(|stored| &stored.promo.terms))?;
    Ok(promos)
}

// The row may have waited for another order: its limit is judged by what that one left, and the code must still be what the
// order was priced with.
const REDEEM_SQL: &str = "
    with taken as (
        update promo_codes set redeemed = redeemed + 1
        where id = $1 and deleted_at is null and updated_at = $5 and (total_limit is null or redeemed < total_limit)
          and (user_limit is null or user_limit > (
                select count(*) from promo_redemptions where promo_id = $1 and user_id = $3 and status <> 'returned'))
        returning id
    )
    insert into promo_redemptions (promo_id, order_id, user_id, discount, status, created_at, updated_at)
    select id, $2, $3, $4, 'taken', $6, $6 from taken
    returning promo_id";

/// Takes the redemptions of a new order whose buyer is locked. The last thing that its transaction locks.
///
/// # Errors
/// A [`PromoError`] if others were quicker, or `promo_changed`; the transaction has to be rolled back then.
pub async fn redeem(
    tx: &Transaction<'_>,
    order: OrderId,
    buyer: UserId,
    promos: &[StoredPromo],
    price: &Price,
    now: Timestamp,
) -> Result<(), Error> {
    let mut uses: Vec<_> = promos.iter().zip(&price.promos).collect();
    uses.sort_by_key(|(stored, _)| stored.promo.id);
    for (stored, discount) in uses {
        let params = params![
            INT8: stored.promo.id.get(), INT8: order.get(), INT8: buyer.get(), INT8: discount.get(),
            TIMESTAMPTZ: stored.updated_at.inner(), TIMESTAMPTZ: now.inner(),
        ];
        let taken = tx
            .query_typed_opt(REDEEM_SQL, params)
            .await
            .map_err(DbError::from)?;
        if taken.is_none() {
            return Err(refusal(tx, stored, buyer, now).await?);
        }
    }
    Ok(())
}

/// Why a redemption was not to be had that a moment ago was.
async fn refusal(
    tx: &Transaction<'_>,
    stored: &StoredPromo,
    buyer: UserId,
    now: Timestamp,
) -> Result<Error, Error> {
    let codes = PromoCodes::one(stored.promo.code.clone());
    match for_purchase(tx.client(), &codes, buyer, now).await {
        Ok(_) => Ok(Error::conflict(
            "promo_changed",
            "The promo code was changed at this moment, please try again",
        )),
        Err(error) => Ok(error),
    }
}

const GIVE_BACK_SQL: &str = "
    with returned as (
        update promo_redemptions set status = 'returned', updated_at = $2
        where order_id = $1 and status = 'taken' returning promo_id
    ), locked as (
        select id from promo_codes where id in (select promo_id from returned) order by id for no key update
    )
    update promo_codes p set redeemed = redeemed - 1 from locked where p.id = locked.id";

/// Gives the redemptions of a locked order back that came to nothing. A second time changes nothing.
pub async fn give_back(tx: &Transaction<'_>, order: &Order, now: Timestamp) -> Result<()> {
    if order.discount > Rupiah::ZERO {
        let params = params![INT8: order.id.get(), TIMESTAMPTZ: now.inner()];
        tx.execute_typed(GIVE_BACK_SQL, params).await?;
    }
    Ok(())
}

// The rows are locked before they are judged, so that the last redemption is counted once.
const TAKE_AGAIN_SQL: &str = "
    with locked as (
        select id, total_limit is null or redeemed < total_limit as free from promo_codes
        where id in (select promo_id from promo_redemptions where order_id = $1 and status = 'returned')
        order by id for no key update
    ), counted as (
        update promo_codes p set redeemed = redeemed + 1 from locked where p.id = locked.id and locked.free
    )
    update promo_redemptions r set status = case when locked.free then 'taken' else 'beyond' end, updated_at = $2
    from locked where r.order_id = $1 and r.promo_id = locked.id and r.status = 'returned'";

/// Takes the redemptions of a locked order again that was paid after it had ended. If others have used a code up meanwhile, the
/// order keeps its price, which was promised, and the redemption is not counted against the limit.
pub async fn take_again(tx: &Transaction<'_>, order: &Order, now: Timestamp) -> Result<()> {
    if order.discount > Rupiah::ZERO {
        let params = params![INT8: order.id.get(), TIMESTAMPTZ: now.inner()];
        tx.execute_typed(TAKE_AGAIN_SQL, params).await?;
    }
    Ok(())
}

const OF_ORDER_SQL: &str = "
    select p.code, r.discount from promo_redemptions r join promo_codes p on p.id = r.promo_id
    where r.order_id = $1 order by p.code";

/// The codes of an order, and what each takes off.
pub async fn of_order(db: &Client, order: OrderId) -> Result<Vec<(String, Rupiah)>> {
    let rows = db.query_typed(OF_ORDER_SQL, params![INT8: order.get()]).await?;
    rows.iter()
        .map(|row| Ok((row.col("code")?, row.rupiah("discount")?)))
        .collect()
}

const BY_CODE_SQL: &str = concat!(
    "select ",
    working_columns!(),
    " from promo_codes p left join promo_campaigns c on c.id = p.campaign_id where p.code = $1 and p.deleted_at is null"
);

/// The code of that name, with the time for which it and its campaign work.
pub async fn by_code(db: &Client, code: &PromoCode) -> Result<Option<StoredPromo>> {
    let row = db
        .query_typed_opt(BY_CODE_SQL, params![TEXT: code.as_str()])
        .await?;
    row.as_ref().map(read).transpose()
}

const LIST_SQL: &str = concat!(
    "select ",
    columns!(),
    ", count(*) over () as total from promo_codes p
    where p.deleted_at is null and (p.organizer_id = $1 or $2) and ($3::bigint is null or p.campaign_id = $3)
    order by p.created_at desc, p.id desc limit $4 offset $5"
);

const COUNT_SQL: &str = "
    select count(*) as total from promo_codes
    where deleted_at is null and (organizer_id = $1 or $2) and ($3::bigint is null or campaign_id = $3)";

/// A page of an organizer's codes (of all, for an admin), newest first, and how many there are; those of one campaign, if it is
/// given.
pub async fn list(
    db: &Client,
    organizer: UserId,
    any_owner: bool,
    campaign: Option<CampaignId>,
    page: Page,
) -> Result<(Vec<StoredPromo>, i64)> {
    let (campaign, limit) = (campaign.map(CampaignId::get), i64::from(page.limit));
    let params = params![
        INT8: organizer.get(), BOOL: any_owner, INT8: campaign, INT8: limit, INT8: page.offset(),
    ];
    let rows = db.query_typed(LIST_SQL, params).await?;
    let counted = async {
        let params = params![INT8: organizer.get(), BOOL: any_owner, INT8: campaign];
        db.query_typed_one(COUNT_SQL, params).await?.col("total")
    };
    let total = sql::total(&rows, page, counted).await?;
    Ok((rows.iter().map(read).collect::<Result<_>>()?, total))
}

const LOCK_OWN_SQL: &str = concat!(
    "select ",
    columns!(),
    " from promo_codes p
    where p.id = $1 and p.deleted_at is null and (p.organizer_id = $2 or $3) for no key update"
);

/// A code of this organizer (any for an admin), locked.
pub async fn lock_own(
    tx: &Transaction<'_>,
    id: PromoId,
    organizer: UserId,
    any_owner: bool,
) -> Result<Option<StoredPromo>> {
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
    let row = tx.query_typed_opt(LOCK_OWN_SQL, params).await?;
    row.as_ref().map(read).transpose()
}

const SCOPE_SQL: &str = "
    select (select count(*) from events where id = any($1) and (organizer_id = $3 or $4)) = cardinality($1) as events,
           (select count(*) from ticket_types t join events e on e.id = t.event_id
            where t.id = any($2) and (e.organizer_id = $3 or $4)) = cardinality($2) as ticket_types";

/// Checks that the events and ticket types that a code is for are this organizer's (that they exist, for an admin).
///
/// # Errors
/// What is missing.
pub async fn check_scope(
    tx: &Transaction<'_>,
    terms: &Terms,
    organizer: UserId,
    any_owner: bool,
) -> Result<(), Error> {
    let (events, types) = (event_ids(terms), ticket_type_ids(terms));
    let params = params![INT8_ARRAY: events, INT8_ARRAY: types, INT8: organizer.get(), BOOL: any_owner];
    let row = tx
        .query_typed_one(SCOPE_SQL, params)
        .await
        .map_err(DbError::from)?;
    if !row.col::<bool>("events")? {
        return Err(Error::not_found("Event"));
    }
    if !row.col::<bool>("ticket_types")? {
        return Err(Error::not_found("Ticket"));
    }
    Ok(())
}

/// What became of an attempt to write a code.
#[derive(Debug)]
pub enum Written {
    /// It is there.
    Promo(Box<StoredPromo>),
    /// Another code has that name.
    CodeTaken,
}

const INSERT_SQL: &str = concat!(
    "with made as (
        insert into promo_codes (code, organizer_id, campaign_id, percent, amount, cap, min_spend, event_ids, ticket_type_ids,
                                 first_purchase_only, stackable, valid_from, valid_to, total_limit, user_limit, created_at,
                                 updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16)
        returning *
    )
    select ",
    columns!(),
    " from made p"
);

/// Makes a code.
pub async fn insert(
    tx: &Transaction<'_>,
    code: &PromoCode,
    terms: &Terms,
    limits: Limits,
    campaign: Option<CampaignId>,
    now: Timestamp,
) -> Result<Written> {
    let (percent, amount) = off_columns(terms.off);
    let params = params![
        TEXT: code.as_str(), INT8: terms.organizer.map(UserId::get), INT8: campaign.map(CampaignId::get), INT4: percent,
        INT8: amount, INT8: terms.cap.map(Rupiah::get), INT8: terms.min_spend.get(), INT8_ARRAY: event_ids(terms),
        INT8_ARRAY: ticket_type_ids(terms), BOOL: terms.first_purchase_only, BOOL: terms.stackable,
        TIMESTAMPTZ: terms.valid_from.inner(), TIMESTAMPTZ: terms.valid_to.inner(), INT4: limits.total.map(int),
        INT4: limits.per_user.map(int), TIMESTAMPTZ: now.inner(),
    ];
    written(tx.query_typed_one(INSERT_SQL, params).await)
}

const UPDATE_SQL: &str = concat!(
    "with changed as (
        update promo_codes
        set code = $2, percent = $3, amount = $4, cap = $5, min_spend = $6, event_ids = $7, ticket_type_ids = $8,
            first_purchase_only = $9, stackable = $10, valid_from = $11, valid_to = $12, total_limit = $13, user_limit = $14,
            updated_at = $15
        where id = $1 returning *
    )
    select ",
    columns!(),
    " from changed p"
);

/// Makes a locked code into this. Whose it is, and its campaign, stay.
pub async fn update(tx: &Transaction<'_>, promo: &Promo, now: Timestamp) -> Result<Written> {
    let (terms, limits) = (&promo.terms, promo.limits);
    let (percent, amount) = off_columns(terms.off);
    let params = params![
        INT8: promo.id.get(), TEXT: promo.code.as_str(), INT4: percent, INT8: amount,
        INT8: terms.cap.map(Rupiah::get), INT8: terms.min_spend.get(), INT8_ARRAY: event_ids(terms),
        INT8_ARRAY: ticket_type_ids(terms), BOOL: terms.first_purchase_only, BOOL: terms.stackable,
        TIMESTAMPTZ: terms.valid_from.inner(), TIMESTAMPTZ: terms.valid_to.inner(), INT4: limits.total.map(int),
        INT4: limits.per_user.map(int), TIMESTAMPTZ: now.inner(),
    ];
    written(tx.query_typed_one(UPDATE_SQL, params).await)
}

fn written(row: std::result::Result<Row, tokio_postgres::Error>) -> Result<Written> {
    match row.map_err(DbError::from) {
        Ok(row) => Ok(Written::Promo(Box::new(read(&row)?))),
        Err(error) if error.is_constraint("promo_codes_code_key") => Ok(Written::CodeTaken),
        Err(error) => Err(error),
    }
}

const DELETE_SQL: &str = "
    update promo_codes set deleted_at = $4, updated_at = $4
    where id = $1 and deleted_at is null and (organizer_id = $2 or $3)";

/// Ends a code of this organizer (any for an admin) for good; what was bought with it keeps its price. `false` if there is none.
pub async fn delete(
    tx: &Transaction<'_>,
    id: PromoId,
    organizer: UserId,
    any_owner: bool,
    now: Timestamp,
) -> Result<bool> {
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner, TIMESTAMPTZ: now.inner()];
    Ok(tx.execute_typed(DELETE_SQL, params).await? > 0)
}

const INSERT_MANY_SQL: &str = "
    insert into promo_codes (code, organizer_id, campaign_id, percent, amount, cap, min_spend, event_ids, ticket_type_ids,
                             first_purchase_only, stackable, valid_from, valid_to, total_limit, user_limit, created_at,
                             updated_at)
    select code, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16 from unnest($1::text[]) code
    on conflict (code) where deleted_at is null do nothing
    returning code";

/// Makes codes of a campaign that differ in nothing but their names. Returns those that were made: names that are taken are left
/// out.
pub async fn insert_many(
    tx: &Transaction<'_>,
    codes: &[PromoCode],
    terms: &Terms,
    limits: Limits,
    campaign: CampaignId,
    now: Timestamp,
) -> Result<Vec<String>> {
    let (percent, amount) = off_columns(terms.off);
    let names: Vec<&str> = codes.iter().map(PromoCode::as_str).collect();
    let params = params![
        TEXT_ARRAY: names, INT8: terms.organizer.map(UserId::get), INT8: campaign.get(), INT4: percent, INT8: amount,
        INT8: terms.cap.map(Rupiah::get), INT8: terms.min_spend.get(), INT8_ARRAY: event_ids(terms),
        INT8_ARRAY: ticket_type_ids(terms), BOOL: terms.first_purchase_only, BOOL: terms.stackable,
        TIMESTAMPTZ: terms.valid_from.inner(), TIMESTAMPTZ: terms.valid_to.inner(), INT4: limits.total.map(int),
        INT4: limits.per_user.map(int), TIMESTAMPTZ: now.inner(),
    ];
    let rows = tx.query_typed(INSERT_MANY_SQL, params).await?;
    rows.iter().map(|row| row.col("code")).collect()
}

fn event_ids(terms: &Terms) -> Vec<i64> {
    terms.events.iter().map(|id| id.get()).collect()
}

fn ticket_type_ids(terms: &Terms) -> Vec<i64> {
    terms.ticket_types.iter().map(|id| id.get()).collect()
}

fn off_columns(off: Off) -> (Option<i32>, Option<i64>) {
    match off {
        Off::Percent(percent) => (Some(int(percent.hundredths())), None),
        Off::Amount(amount) => (None, Some(amount.get())),
    }
}

fn read(row: &Row) -> Result<StoredPromo> {
    let rupiah = |name: &'static str| -> Result<Option<Rupiah>> {
        let value: Option<i64> = row.col(name)?;
        value
            .map(|value| Rupiah::new(value).ok_or(DbError::Value(name)))
            .transpose()
    };
    let off = match (row.count_opt("percent")?, rupiah("amount")?) {
        (Some(percent), None) => Percent::new(percent).map(Off::Percent),
        (None, Some(amount)) => Some(Off::Amount(amount)),
        _ => None,
    };
    let organizer: Option<i64> = row.col("organizer_id")?;
    let campaign: Option<i64> = row.col("campaign_id")?;
    let (events, types): (Vec<i64>, Vec<i64>) = (row.col("event_ids")?, row.col("ticket_type_ids")?);
    Ok(StoredPromo {
        promo: Promo {
            id: row.id("id", PromoId::new)?,
            code: PromoCode::parse(row.col("code")?).map_err(|_| DbError::Value("code"))?,
            terms: Terms {
                off: off.ok_or(DbError::Value("percent"))?,
                cap: rupiah("cap")?,
                min_spend: row.rupiah("min_spend")?,
                organizer: organizer.map(UserId::new),
                events: events.into_iter().map(EventId::new).collect(),
                ticket_types: types.into_iter().map(TicketTypeId::new).collect(),
                first_purchase_only: row.col("first_purchase_only")?,
                stackable: row.col("stackable")?,
                valid_from: row.time("valid_from")?,
                valid_to: row.time("valid_to")?,
            },
            limits: Limits {
                total: row.count_opt("total_limit")?,
                per_user: row.count_opt("user_limit")?,
            },
        },
        campaign: campaign.map(CampaignId::new),
        redeemed: row.count("redeemed")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}
