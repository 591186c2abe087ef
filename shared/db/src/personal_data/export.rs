//! What is stored about somebody, for them.

use super::TABLES;
use crate::error::{DbError, Result};
use crate::sql::{RowExt as _, params};
use domain::UserId;
use serde_json::{Map, Value};
use tokio_postgres::Client;

macro_rules! rows {
    ($table:literal, $whose:literal) => {
        concat!(
            "'",
            $table,
            "', (select coalesce(jsonb_agg(to_jsonb(part)), '[]') from (select t.* from ",
            $table,
            " t where ",
            $whose,
            " order by 1, 2 limit $2 offset $3) part)"
        )
    };
}

/// Most rows of a table in one part of an export: an answer of a function may hold 6 MB.
pub const ROWS_OF_A_PART: i64 = 500;

// One statement, so that all of it is of one moment. The first two columns tell the rows of each table apart.
const EXPORT_SQL: &str = concat!(
    "select jsonb_build_object(",
    rows!("users", "t.id = $1"),
    ", ",
    rows!("preferences", "t.user_id = $1"),
    ", ",
    rows!("followed_categories", "t.user_id = $1"),
    ", ",
    rows!("notifications", "t.user_id = $1"),
    ", ",
    rows!("notification_marks", "t.user_id = $1"),
    ", ",
    rows!("reviews", "t.user_id = $1"),
    ", ",
    rows!("review_reports", "t.user_id = $1"),
    ", ",
    rows!("sessions", "t.user_id = $1"),
    ", ",
    rows!("api_keys", "t.user_id = $1"),
    ", ",
    rows!("webhook_endpoints", "t.owner_id = $1"),
    ", ",
    rows!(
        "webhook_deliveries",
        "t.endpoint_id in (select id from webhook_endpoints where owner_id = $1)"
    ),
    ", ",
    rows!("email_verifications", "t.user_id = $1"),
    ", ",
    rows!("password_resets", "t.user_id = $1"),
    ", ",
    rows!("role_changes", "t.user_id = $1"),
    ", ",
    rows!("audit_log", "t.actor_id = $1"),
    ", ",
    rows!("event_staff", "t.user_id = $1"),
    ", ",
    rows!("events", "t.organizer_id = $1"),
    ", ",
    rows!(
        "gates",
        "t.event_id in (select id from events where organizer_id = $1)"
    ),
    ", ",
    rows!(
        "transfer_accounts",
        "t.event_id in (select id from events where organizer_id = $1)"
    ),
    ", ",
    rows!("ticket_types", "t.created_by = $1"),
    ", ",
    rows!("images", "t.owner_id = $1"),
    ", ",
    rows!("cart_items", "t.user_id = $1"),
    ", ",
    rows!("waiting_entries", "t.user_id = $1"),
    ", ",
    rows!("orders", "t.user_id = $1"),
    ", ",
    rows!(
        "order_items",
        "t.order_id in (select id from orders where user_id = $1)"
    ),
    ", ",
    rows!("promo_campaigns", "t.organizer_id = $1"),
    ", ",
    rows!("venues", "t.organizer_id = $1"),
    ", ",
    rows!("promo_codes", "t.organizer_id = $1"),
    ", ",
    rows!("promo_redemptions", "t.user_id = $1"),
    ", ",
    rows!("mailings", "t.organizer_id = $1"),
    ", ",
    rows!("mailing_recipients", "t.user_id = $1"),
    ", ",
    rows!("issued_tickets", "t.holder_id = $1"),
    ", ",
    rows!(
        "handovers",
        "t.from_id = $1 or t.to_id = $1 or lower(t.to_email) =
         (select lower(email) from users where id = $1 and is_verified and not is_guest)"
    ),
    ", ",
    rows!("retired_codes", "t.holder_id = $1"),
    ", ",
    rows!(
        "check_ins",
        "t.ticket_id in (select id from issued_tickets where holder_id = $1)"
    ),
    ", ",
    rows!(
        "check_in_undos",
        "t.ticket_id in (select id from issued_tickets where holder_id = $1)"
    ),
    ", ",
    rows!("payments", "t.user_id = $1"),
    ", ",
    rows!(
        "payment_transactions",
        "t.payment_id in (select id from payments where user_id = $1)"
    ),
    ", ",
    rows!(
        "transfers",
        "t.payment_id in (select id from payments where user_id = $1)"
    ),
    ", ",
    rows!(
        "payment_transitions",
        "t.payment_id in (select id from payments where user_id = $1)"
    ),
    ", ",
    rows!(
        "refunds",
        "t.payment_id in (select id from payments where user_id = $1)"
    ),
    ", ",
    rows!("event_cancellations", "t.started_by = $1"),
    ", ",
    rows!(
        "payment_notifications",
        "t.order_code in (select code from orders where user_id = $1)"
    ),
    ", ",
    rows!(
        "mail_suppressions",
        "t.address_hash = (select sha256(convert_to(lower(email), 'UTF8')) from users where id = $1)"
    ),
    ") as stored from users where id = $1 and deleted_at is null"
);

/// The rows of one table that are about somebody.
#[derive(Debug)]
pub struct Rows {
    /// The table.
    pub table: &'static str,
    /// What they get to see, by column.
    pub rows: Vec<Map<String, Value>>,
}

/// Everything that is stored about somebody, without tokens and hashes, and no more than [`ROWS_OF_A_PART`] of each table, after
/// as many as the `earlier` parts gave. `None` if there is no such account.
pub async fn export(db: &Client, user: UserId, earlier: u32) -> Result<Option<Vec<Rows>>> {
    let skipped = ROWS_OF_A_PART.saturating_mul(i64::from(earlier));
    let params = params![INT8: user.get(), INT8: ROWS_OF_A_PART, INT8: skipped];
    let Some(row) = db.query_typed_opt(EXPORT_SQL, params).await? else {
        return Ok(None);
    };
    let stored = row.col::<Value>("stored")?;
    let tables = TABLES.iter().filter(|table| table.is_given_out());
    let exported = tables.map(|table| {
        let rows = stored
            .get(table.name)
            .and_then(Value::as_array)
            .ok_or(DbError::Value("a table that is not exported"))?;
        Ok(Rows {
            table: table.name,
            rows: rows.iter().map(|row| table.given_out(row)).collect(),
        })
    });
    exported.collect::<Result<_>>().map(Some)
}
