//! Campaigns: groups of promo codes with one time, and what they brought.

use crate::error::{DbError, Result};
use crate::sql::{self, RowExt as _, params};
use domain::page::Page;
use domain::promo::{CampaignName, Results};
use domain::{CampaignId, Timestamp, UserId};
use tokio_postgres::{Client, Row, Transaction};

/// A group of codes.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// Its id.
    pub id: CampaignId,
    /// Whose events it is for; `None` if it is the platform's.
    pub organizer: Option<UserId>,
    /// What it is called.
    pub name: String,
    /// Its codes work from then …
    pub starts_at: Timestamp,
    /// … until then.
    pub ends_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

const INSERT_SQL: &str = "
    insert into promo_campaigns (organizer_id, name, starts_at, ends_at, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $5)
    returning id, organizer_id, name, starts_at, ends_at, created_at, updated_at";

/// Makes a campaign.
pub async fn insert(
    tx: &Transaction<'_>,
    organizer: Option<UserId>,
    name: &CampaignName,
    starts_at: Timestamp,
    ends_at: Timestamp,
    now: Timestamp,
) -> Result<Campaign> {
    let params = params![
        INT8: organizer.map(UserId::get), TEXT: name.as_str(), TIMESTAMPTZ: starts_at.inner(),
        TIMESTAMPTZ: ends_at.inner(), TIMESTAMPTZ: now.inner(),
    ];
    read(&tx.query_typed_one(INSERT_SQL, params).await?)
}

const LIST_SQL: &str = "
    select id, organizer_id, name, starts_at, ends_at, created_at, updated_at, count(*) over () as total
    from promo_campaigns where organizer_id = $1 or $2 order by id desc limit $3 offset $4";

const COUNT_SQL: &str = "select count(*) as total from promo_campaigns where organizer_id = $1 or $2";

/// A page of an organizer's campaigns (of all, for an admin), newest first, and how many there are.
pub async fn list(
    db: &Client,
    organizer: UserId,
    any_owner: bool,
    page: Page,
) -> Result<(Vec<Campaign>, i64)> {
    let limit = i64::from(page.limit);
    let params = params![INT8: organizer.get(), BOOL: any_owner, INT8: limit, INT8: page.offset()];
    let rows = db.query_typed(LIST_SQL, params).await?;
    let counted = async {
        let params = params![INT8: organizer.get(), BOOL: any_owner];
        db.query_typed_one(COUNT_SQL, params).await?.col("total")
    };
    let total = sql::total(&rows, page, counted).await?;
    Ok((rows.iter().map(read).collect::<Result<_>>()?, total))
}

const FIND_SQL: &str = "
    select id, organizer_id, name, starts_at, ends_at, created_at, updated_at
    from promo_campaigns where id = $1 and (organizer_id = $2 or $3)";

/// A campaign of this organizer (any for an admin).
pub async fn find(
    db: &Client,
    id: CampaignId,
    organizer: UserId,
    any_owner: bool,
) -> Result<Option<Campaign>> {
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
    let row = db.query_typed_opt(FIND_SQL, params).await?;
    row.as_ref().map(read).transpose()
}

const LOCK_SQL: &str = "
    select id, organizer_id, name, starts_at, ends_at, created_at, updated_at
    from promo_campaigns where id = $1 and (organizer_id = $2 or $3) for no key update";

/// The same, locked.
pub async fn lock(
    tx: &Transaction<'_>,
    id: CampaignId,
    organizer: UserId,
    any_owner: bool,
) -> Result<Option<Campaign>> {
    let params = params![INT8: id.get(), INT8: organizer.get(), BOOL: any_owner];
    let row = tx.query_typed_opt(LOCK_SQL, params).await?;
    row.as_ref().map(read).transpose()
}

const UPDATE_SQL: &str = "
    update promo_campaigns set name = $2, starts_at = $3, ends_at = $4, updated_at = $5 where id = $1";

/// Makes a locked campaign into this.
pub async fn update(tx: &Transaction<'_>, campaign: &Campaign) -> Result<()> {
    let params = params![
        INT8: campaign.id.get(), TEXT: campaign.name, TIMESTAMPTZ: campaign.starts_at.inner(),
        TIMESTAMPTZ: campaign.ends_at.inner(), TIMESTAMPTZ: campaign.updated_at.inner(),
    ];
    tx.execute_typed(UPDATE_SQL, params).await?;
    Ok(())
}

const COUNT_CODES_SQL: &str = "select count(*) as codes from promo_codes where campaign_id = $1";

/// How many codes a locked campaign has, deleted ones included.
pub async fn count_codes(tx: &Transaction<'_>, campaign: CampaignId) -> Result<i64> {
    tx.query_typed_one(COUNT_CODES_SQL, params![INT8: campaign.get()])
        .await?
        .col("codes")
}

// An organizer's codes may stand in an order with other organizers' tickets, whose price is not theirs to see.
const RESULTS_SQL: &str = "
    with uses as (
        select r.promo_id, r.order_id, r.discount, o.status = 'paid' as paid
        from promo_codes p join promo_redemptions r on r.promo_id = p.id join orders o on o.id = r.order_id
        where p.campaign_id = $1
    )
    select (select count(*) from promo_codes where campaign_id = $1) as codes,
           count(distinct promo_id) filter (where paid) as codes_used,
           count(distinct order_id) as orders,
           count(distinct order_id) filter (where paid) as paid_orders,
           count(*) filter (where paid) as redemptions,
           coalesce(sum(discount) filter (where paid), 0)::bigint as discount,
           (select coalesce(sum(i.charged), 0)::bigint
            from order_items i join ticket_types t on t.id = i.ticket_type_id join events e on e.id = t.event_id
            where i.order_id in (select order_id from uses where paid)
              and ($2::bigint is null or e.organizer_id = $2)) as revenue
    from uses";

/// What a campaign has brought. Orders count while they are paid: one whose money went back brings nothing.
pub async fn results(db: &Client, campaign: &Campaign) -> Result<Results> {
    let params = params![INT8: campaign.id.get(), INT8: campaign.organizer.map(UserId::get)];
    let row = db.query_typed_one(RESULTS_SQL, params).await?;
    let count = |name| {
        let counted: i64 = row.col(name)?;
        u64::try_from(counted).map_err(|_| DbError::Value(name))
    };
    Ok(Results {
        codes: count("codes")?,
        codes_used: count("codes_used")?,
        orders: count("orders")?,
        paid_orders: count("paid_orders")?,
        redemptions: count("redemptions")?,
        discount: row.col("discount")?,
        revenue: row.col("revenue")?,
    })
}

fn read(row: &Row) -> Result<Campaign> {
    let organizer: Option<i64> = row.col("organizer_id")?;
    Ok(Campaign {
        id: row.id("id", CampaignId::new)?,
        organizer: organizer.map(UserId::new),
        name: row.col("name")?,
        starts_at: row.time("starts_at")?,
        ends_at: row.time("ends_at")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}
