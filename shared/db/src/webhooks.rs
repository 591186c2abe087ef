//! Where organizers' own systems are told what happened. Whoever locks an endpoint and its deliveries locks the endpoint first.

use crate::error::{DbError, Result};
use crate::sql::{RowExt as _, params};
use domain::destination::WebAddress;
use domain::webhook::{
    EventType, MOST_ENDPOINTS, OVERLAP_SECONDS, Subscription, WebhookDescription, WhyDisabled,
};
use domain::{Timestamp, UserId, WebhookId};
use tokio_postgres::{Client, Row, Transaction};

/// An endpoint as its owner sees it, without its secrets.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its id.
    pub id: WebhookId,
    /// Whose it is.
    pub owner: UserId,
    /// Where it is.
    pub url: String,
    /// What its owner calls it.
    pub description: String,
    /// What it is told of.
    pub events: Subscription,
    /// Until when the secret before the last one signs, too.
    pub old_secret_until: Option<Timestamp>,
    /// Failures since the last success.
    pub failures: u32,
    /// When the first of them was.
    pub failing_since: Option<Timestamp>,
    /// Since when it gets nothing, and why.
    pub disabled: Option<(Timestamp, WhyDisabled)>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its owner last changed it, or it was disabled.
    pub updated_at: Timestamp,
}

macro_rules! endpoint_columns {
    () => {
        "id, owner_id, url, description, events, old_secret_until, failures, failing_since, disabled_at, disabled_reason,
         created_at, updated_at"
    };
}

/// What a new endpoint is made of.
pub struct NewEndpoint<'a> {
    /// Where it is.
    pub url: &'a WebAddress,
    /// What its owner calls it.
    pub description: &'a WebhookDescription,
    /// What it is told of.
    pub events: &'a Subscription,
    /// What signs its messages.
    pub secret: &'a [u8; 32],
}

/// What came of making or changing an endpoint.
#[derive(Debug)]
pub enum Written {
    /// How it is now.
    Endpoint(Box<Endpoint>),
    /// The account has [`MOST_ENDPOINTS`] already.
    TooMany,
    /// The account has one with that address.
    UrlTaken,
}

// The lock on the account lets endpoints be counted one after the other.
const LOCK_OWNER_SQL: &str = "select id from users where id = $1 and deleted_at is null for no key update";

const COUNT_SQL: &str = "select count(*)::int as endpoints from webhook_endpoints where owner_id = $1";

const INSERT_SQL: &str = concat!(
    "insert into webhook_endpoints (owner_id, url, description, events, secret, created_at, updated_at)
     values ($1, $2, $3, $4, $5, $6, $6) on conflict (owner_id, url) do nothing returning ",
    endpoint_columns!()
);

/// Makes an endpoint.
pub async fn insert(
    tx: &Transaction<'_>,
    owner: UserId,
    new: &NewEndpoint<'_>,
    now: Timestamp,
) -> Result<Written> {
    let locked = tx
        .query_typed_opt(LOCK_OWNER_SQL, params![INT8: owner.get()])
        .await?;
    let count = tx.query_typed_one(COUNT_SQL, params![INT8: owner.get()]).await?;
    if locked.is_none() || count.count("endpoints")? >= MOST_ENDPOINTS {
        return Ok(Written::TooMany);
    }
    let params = params![
        INT8: owner.get(), TEXT: new.url.as_str(), TEXT: new.description.as_str(), TEXT_ARRAY: new.events.names(),
        BYTEA: new.secret.as_slice(), TIMESTAMPTZ: now.inner(),
    ];
    match tx.query_typed_opt(INSERT_SQL, params).await? {
        Some(row) => Ok(Written::Endpoint(Box::new(read(&row)?))),
        None => Ok(Written::UrlTaken),
    }
}

const LIST_SQL: &str = concat!(
    "select ",
    endpoint_columns!(),
    " from webhook_endpoints where owner_id = $1 order by id"
);

/// The endpoints of an account, oldest first.
pub async fn list(db: &Client, owner: UserId) -> Result<Vec<Endpoint>> {
    let rows = db.query_typed(LIST_SQL, params![INT8: owner.get()]).await?;
    rows.iter().map(read).collect()
}

const FIND_OWN_SQL: &str = concat!(
    "select ",
    endpoint_columns!(),
    " from webhook_endpoints where id = $1 and owner_id = $2"
);

/// An endpoint of an account.
pub async fn find_own(db: &Client, id: WebhookId, owner: UserId) -> Result<Option<Endpoint>> {
    let params = params![INT8: id.get(), INT8: owner.get()];
    let row = db.query_typed_opt(FIND_OWN_SQL, params).await?;
    row.as_ref().map(read).transpose()
}

const LOCK_OWN_SQL: &str = concat!(
    "select ",
    endpoint_columns!(),
    " from webhook_endpoints where id = $1 and owner_id = $2 for no key update"
);

/// An endpoint of an account, locked.
pub async fn lock_own(tx: &Transaction<'_>, id: WebhookId, owner: UserId) -> Result<Option<Endpoint>> {
    let params = params![INT8: id.get(), INT8: owner.get()];
    let row = tx.query_typed_opt(LOCK_OWN_SQL, params).await?;
    row.as_ref().map(read).transpose()
}

const FIND_SQL: &str = concat!(
    "select ",
    endpoint_columns!(),
    " from webhook_endpoints where id = $1"
);

/// An endpoint, whoever owns it.
pub async fn find(db: &Client, id: WebhookId) -> Result<Option<Endpoint>> {
    let row = db.query_typed_opt(FIND_SQL, params![INT8: id.get()]).await?;
    row.as_ref().map(read).transpose()
}

const LOCK_SQL: &str = concat!(
    "select ",
    endpoint_columns!(),
    " from webhook_endpoints where id = $1 for no key update"
);

/// An endpoint, whoever owns it, locked.
pub async fn lock(tx: &Transaction<'_>, id: WebhookId) -> Result<Option<Endpoint>> {
    let row = tx.query_typed_opt(LOCK_SQL, params![INT8: id.get()]).await?;
    row.as_ref().map(read).transpose()
}

/// How an endpoint is to be.
pub struct Change<'a> {
    /// Where it is.
    pub url: &'a str,
    /// What its owner calls it.
    pub description: &'a str,
    /// What it is told of.
    pub events: &'a Subscription,
    /// Since when its owner does not want it to be told anything.
    pub disabled: Option<(Timestamp, WhyDisabled)>,
    /// Whether its failures are forgotten: it is another place now, or is tried anew.
    pub afresh: bool,
}

const UPDATE_SQL: &str = concat!(
    "update webhook_endpoints
     set url = $2, description = $3, events = $4, disabled_at = $5, disabled_reason = $6, updated_at = $8,
         failures = case when $7 then 0 else failures end,
         failing_since = case when $7 then null else failing_since end,
         rest_until = case when $7 then null else rest_until end
     where id = $1 returning ",
    endpoint_columns!()
);

/// Changes a locked endpoint.
pub async fn update(
    tx: &Transaction<'_>,
    id: WebhookId,
    change: &Change<'_>,
    now: Timestamp,
) -> Result<Written> {
    let disabled_at = change.disabled.map(|(at, _)| at.inner());
    let why = change.disabled.map(|(_, why)| why.as_str());
    let params = params![
        INT8: id.get(), TEXT: change.url, TEXT: change.description, TEXT_ARRAY: change.events.names(),
        TIMESTAMPTZ: disabled_at, TEXT: why, BOOL: change.afresh, TIMESTAMPTZ: now.inner(),
    ];
    let updated = tx
        .query_typed_one(UPDATE_SQL, params)
        .await
        .map_err(DbError::from);
    match updated {
        Ok(row) => Ok(Written::Endpoint(Box::new(read(&row)?))),
        Err(error) if error.is_constraint("webhook_endpoints_owner_id_url_key") => Ok(Written::UrlTaken),
        Err(error) => Err(error),
    }
}

const ROTATE_SQL: &str = concat!(
    "update webhook_endpoints set old_secret = secret, old_secret_until = $4, secret = $3, updated_at = $5
     where id = $1 and owner_id = $2 returning ",
    endpoint_columns!()
);

/// Gives an endpoint of an account another secret; the one before it signs, too, for [`OVERLAP_SECONDS`]. `None` if there is no
/// such endpoint.
pub async fn rotate(
    tx: &Transaction<'_>,
    id: WebhookId,
    owner: UserId,
    secret: &[u8; 32],
    now: Timestamp,
) -> Result<Option<Endpoint>> {
    let until = now.plus_seconds(OVERLAP_SECONDS);
    let params = params![
        INT8: id.get(), INT8: owner.get(), BYTEA: secret.as_slice(), TIMESTAMPTZ: until.inner(),
        TIMESTAMPTZ: now.inner(),
    ];
    let row = tx.query_typed_opt(ROTATE_SQL, params).await?;
    row.as_ref().map(read).transpose()
}

const DELETE_SQL: &str = "delete from webhook_endpoints where id = $1 and owner_id = $2";

/// Deletes an endpoint of an account with what it was sent. `false` if there is none.
pub async fn delete(tx: &Transaction<'_>, id: WebhookId, owner: UserId) -> Result<bool> {
    let params = params![INT8: id.get(), INT8: owner.get()];
    Ok(tx.execute_typed(DELETE_SQL, params).await? == 1)
}

/// What a try says about an endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Health {
    /// Failures since the last success, this try included.
    pub failures: u32,
    /// When the first of them was.
    pub failing_since: Option<Timestamp>,
    /// Until when it is left alone.
    pub rest_until: Option<Timestamp>,
    /// Why it gets nothing from now on.
    pub disabled: Option<WhyDisabled>,
}

impl Health {
    /// That of an endpoint that is to be tried at once, because its owner says that it works.
    pub const fn tried_anew(endpoint: &Endpoint) -> Self {
        Self {
            failures: endpoint.failures,
            failing_since: endpoint.failing_since,
            rest_until: None,
            disabled: None,
        }
    }
}

// One that its owner has disabled meanwhile stays so for that reason.
const NOTE_SQL: &str = "
    update webhook_endpoints
    set failures = $2, failing_since = $3, rest_until = $4,
        disabled_at = case when $5::text is null then disabled_at else coalesce(disabled_at, $6) end,
        disabled_reason = case when $5::text is null then disabled_reason else coalesce(disabled_reason, $5) end,
        updated_at = case when $5::text is null then updated_at else $6 end
    where id = $1";

/// Notes how a locked endpoint is.
pub async fn note(tx: &Transaction<'_>, id: WebhookId, health: &Health, now: Timestamp) -> Result<()> {
    let failures = i32::try_from(health.failures).unwrap_or(i32::MAX);
    let since = health.failing_since.map(Timestamp::inner);
    let rest = health.rest_until.map(Timestamp::inner);
    let why = health.disabled.map(WhyDisabled::as_str);
    let params = params![
        INT8: id.get(), INT4: failures, TIMESTAMPTZ: since, TIMESTAMPTZ: rest, TEXT: why, TIMESTAMPTZ: now.inner(),
    ];
    tx.execute_typed(NOTE_SQL, params).await?;
    Ok(())
}

fn read(row: &Row) -> Result<Endpoint> {
    let names: Vec<&str> = row.col("events")?;
    let known = names
        .into_iter()
        .map(EventType::parse)
        .collect::<Option<Vec<_>>>();
    let disabled_at = row.time_opt("disabled_at")?;
    Ok(Endpoint {
        id: row.id("id", WebhookId::new)?,
        owner: row.id("owner_id", UserId::new)?,
        url: row.col("url")?,
        description: row.col("description")?,
        events: known
            .and_then(Subscription::new)
            .ok_or(DbError::Value("webhook_endpoints.events"))?,
        old_secret_until: row.time_opt("old_secret_until")?,
        failures: row.count("failures")?,
        failing_since: row.time_opt("failing_since")?,
        disabled: disabled_at
            .map(|at| Ok::<_, DbError>((at, row.word("disabled_reason", WhyDisabled::parse)?)))
            .transpose()?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}
