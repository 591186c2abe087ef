use crate::App;
use crate::alert_out::AlertOut;
use axum::extract::State;
use domain::AlertId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use web::{Access, Admin, Answer, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/status/alerts",
    Access::Admin,
    "list_alerts",
    "What is wrong with the fleet, and what was, newest first",
)
.query::<AlertQuery>()
.data::<AlertList>();

/// Alerts of one answer.
const PAGE: u32 = 50;

/// Where alerts stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AlertState {
    /// They last.
    Open,
    /// They are over.
    Closed,
}

web::input! {
    /// Which alerts.
    pub(crate) struct AlertQuery {
        /// Those that stand there.
        state: Option<AlertState>,
        /// `nextCursor` of the page before, to go on where it ended.
        cursor: Option<AlertId>,
    }
}

/// A page of alerts.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AlertList {
    alerts: Vec<AlertOut>,
    /// Where the next page begins; `null` on the last one.
    next_cursor: Option<AlertId>,
}

pub(crate) async fn list_alerts(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Query(query): Query<AlertQuery>,
) -> web::Result<Answer<AlertList>> {
    let conn = app.db.conn().await?;
    let language = app.language_of(&conn, caller.id).await?;
    let lasts = query.state.map(|state| state == AlertState::Open);
    let mut rows = db::alerts::list(&conn, lasts, query.cursor, PAGE + 1).await?;
    let page = usize::try_from(PAGE).unwrap_or(usize::MAX);
    let more = rows.len() > page;
    rows.truncate(page);
    Ok(Answer::ok(AlertList {
        next_cursor: rows.last().filter(|_| more).map(|last| last.id),
        alerts: rows
            .into_iter()
            .map(|kept| AlertOut::new(kept, language))
            .collect(),
    }))
}
