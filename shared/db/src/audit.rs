//! The audit log. Rows are added in the transaction of the change that they tell of; the schema refuses to change or to
//! delete them.

use crate::error::{DbError, Result};
use crate::sql::{RowExt as _, params};
use domain::audit::{Entry, SubjectKind, Via};
use domain::user::Role;
use domain::{ApiKeyId, AuditId, EventId, SubjectId, Timestamp, UserId};
use serde_json::Value;
use tokio_postgres::{Client, Row, Transaction};

const RECORD_SQL: &str = "
    insert into audit_log (at, actor_id, actor_role, actor_via, action, subject_kind, subject_id, event_id, changes,
                           client_ip, user_agent, request_id, actor_key_id)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";

/// Writes down what this transaction changes.
pub async fn record(tx: &Transaction<'_>, entry: &Entry<'_>) -> Result<()> {
    let changes = serde_json::to_value(&entry.changes).map_err(|_| DbError::Value("audit_log.changes"))?;
    let params = params![
        TIMESTAMPTZ: entry.at.inner(), INT8: entry.actor.get(), TEXT: entry.role.as_str(),
        TEXT: entry.via.as_str(), TEXT: entry.action, TEXT: entry.subject.kind().as_str(),
        INT8: entry.subject.id().get(), INT8: entry.subject.event().map(EventId::get), JSONB: changes,
        TEXT: entry.origin.client_ip, TEXT: entry.origin.user_agent, TEXT: entry.origin.request_id,
        INT8: entry.key.map(ApiKeyId::get),
    ];
    tx.execute_typed(RECORD_SQL, params).await?;
    Ok(())
}

/// A row of the log.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its id; later rows have larger ones.
    pub id: AuditId,
    /// When it happened.
    pub at: Timestamp,
    /// Who did it.
    pub actor_id: UserId,
    /// What they were then.
    pub actor_role: Role,
    /// How they were known.
    pub actor_via: Via,
    /// Their API key, if they used one.
    pub actor_key_id: Option<ApiKeyId>,
    /// Operation id of the route.
    pub action: String,
    /// What kind of thing was changed.
    pub subject_kind: SubjectKind,
    /// Which one of that kind.
    pub subject_id: SubjectId,
    /// The event that it belongs to.
    pub event_id: Option<EventId>,
    /// What is different since, field by field.
    pub changes: Value,
    /// Address of the client; `None` once the account was erased.
    pub client_ip: Option<String>,
    /// What the client said it was; `None` once the account was erased.
    pub user_agent: Option<String>,
    /// The request.
    pub request_id: String,
}

/// Which rows are shown. Absent fields do not restrict.
#[derive(Debug, Default)]
pub struct Filter {
    /// About things of that kind.
    pub subject_kind: Option<SubjectKind>,
    /// About the thing of that id.
    pub subject_id: Option<SubjectId>,
    /// Done by that account.
    pub actor: Option<UserId>,
    /// Done by that operation.
    pub action: Option<String>,
    /// About that event and what belongs to it.
    pub event: Option<EventId>,
    /// Written before that row.
    pub before: Option<AuditId>,
}

const LIST_SQL: &str = "
    select id, at, actor_id, actor_role, actor_via, action, subject_kind, subject_id, event_id, changes, client_ip,
           user_agent, request_id, actor_key_id
    from audit_log
    where ($1::text is null or subject_kind = $1) and ($2::bigint is null or subject_id = $2)
      and ($3::bigint is null or actor_id = $3) and ($4::text is null or action = $4)
      and ($5::bigint is null or event_id = $5) and ($6::bigint is null or id < $6)
    order by id desc limit $7";

/// The newest rows that a filter lets through, at most so many.
pub async fn list(db: &Client, filter: &Filter, limit: u32) -> Result<Vec<Record>> {
    let (kind, subject) = (
        filter.subject_kind.map(SubjectKind::as_str),
        filter.subject_id.map(SubjectId::get),
    );
    let (actor, event) = (filter.actor.map(UserId::get), filter.event.map(EventId::get));
    let (before, limit) = (filter.before.map(AuditId::get), i64::from(limit));
    let params = params![
        TEXT: kind, INT8: subject, INT8: actor, TEXT: filter.action, INT8: event, INT8: before, INT8: limit,
    ];
    let rows = db.query_typed(LIST_SQL, params).await?;
    rows.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Record> {
    Ok(Record {
        id: row.id("id", AuditId::new)?,
        at: row.time("at")?,
        actor_id: row.id("actor_id", UserId::new)?,
        actor_role: row.word("actor_role", Role::parse)?,
        actor_via: row.word("actor_via", Via::parse)?,
        actor_key_id: row.col::<Option<i64>>("actor_key_id")?.map(ApiKeyId::new),
        action: row.col("action")?,
        subject_kind: row.word("subject_kind", SubjectKind::parse)?,
        subject_id: row.id("subject_id", SubjectId::new)?,
        event_id: row.col::<Option<i64>>("event_id")?.map(EventId::new),
        changes: row.col("changes")?,
        client_ip: row.col("client_ip")?,
        user_agent: row.col("user_agent")?,
        request_id: row.col("request_id")?,
    })
}
