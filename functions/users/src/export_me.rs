use crate::App;
use axum::extract::State;
use db::personal_data::{self, ROWS_OF_A_PART, Rows};
use domain::page::Part;
use domain::{Error, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use web::input::camel_case;
use web::{Access, Answer, Caller, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/users/me/export",
    Access::User,
    "export_me",
    "Get everything that is stored about the caller, without passwords and tokens; what is much comes in parts",
)
.query::<ExportQuery>()
.data::<ExportOut>();

web::input! {
    /// Which part.
    pub(crate) struct ExportQuery {
        /// `nextPart` of the part before; the first one unless said otherwise.
        part: Option<Part>,
    }
}

/// Everything that is stored about somebody.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExportOut {
    /// Of which moment it is.
    exported_at: Timestamp,
    /// What is stored, by its kind: `users` holds the account, `orders` the orders, and so on.
    stored: BTreeMap<String, Vec<Map<String, Value>>>,
    /// Asks for what is left of kinds of which there are more than 500; null at the end.
    next_part: Option<Part>,
}

pub(crate) async fn export_me(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<ExportQuery>,
) -> web::Result<Answer<ExportOut>> {
    let exported_at = app.clock.now();
    let part = query.part.unwrap_or(Part::FIRST);
    let conn = app.db.conn().await?;
    let tables = personal_data::export(&conn, caller.id, part.earlier())
        .await?
        .ok_or_else(|| Error::not_found("User"))?;
    let more = tables
        .iter()
        .any(|table| i64::try_from(table.rows.len()).is_ok_and(|rows| rows >= ROWS_OF_A_PART));
    let stored = tables
        .into_iter()
        .map(|Rows { table, rows }| {
            (
                camel_case(table),
                rows.into_iter().map(as_clients_write).collect(),
            )
        })
        .collect();
    let data = ExportOut {
        exported_at,
        stored,
        next_part: more.then(|| part.next()),
    };
    Ok(Answer::ok(data).message("Data exported successfully"))
}

/// A row with its columns named as everywhere in the API.
fn as_clients_write(row: Map<String, Value>) -> Map<String, Value> {
    row.into_iter()
        .map(|(column, value)| (camel_case(&column), value))
        .collect()
}
