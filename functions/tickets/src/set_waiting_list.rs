use crate::App;
use axum::extract::State;
use db::waiting_list::{Settings, Wish};
use domain::TicketTypeId;
use domain::api_key::Scope;
use domain::audit::{Changes, Subject};
use domain::waiting_list::{ClaimMinutes, Mode};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Json, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PUT",
    "/api/v1/tickets/{id}/waiting-list",
    Access::Publisher,
    "set_waiting_list",
    "Let people wait for tickets of a kind when it is sold out, or close the line",
)
.scope(Scope::TicketsWrite)
.body::<WaitingListIn>()
.data::<WaitingListSettingsOut>();

web::input! {
    /// How a waiting list is run.
    pub(crate) struct WaitingListIn {
        /// `in_order`: strictly by the time of joining; what comes back is kept until it is enough for the first, so no group starves.
        /// `who_fits`: the first whom it is enough for, so nothing lies idle. `off`: the line is over for all who wait.
        mode: Mode,
        /// For how many minutes tickets are kept for whoever's turn it is; absent, it stays as it is.
        claim_minutes: Option<ClaimMinutes>,
    }
}

/// How a waiting list is run.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WaitingListSettingsOut {
    /// Whether there is a waiting list, and who comes next.
    mode: Mode,
    /// For how many minutes tickets are kept for whoever's turn it is.
    claim_minutes: ClaimMinutes,
}

impl From<Settings> for WaitingListSettingsOut {
    fn from(settings: Settings) -> Self {
        Self {
            mode: settings.mode,
            claim_minutes: settings.claim,
        }
    }
}

pub(crate) async fn set_waiting_list(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<TicketTypeId>,
    origin: Origin,
    Json(input): Json<WaitingListIn>,
) -> web::Result<Answer<WaitingListSettingsOut>> {
    let now = app.clock.now();
    let wish = Wish {
        mode: input.mode,
        claim: input.claim_minutes,
    };
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let (before, after, event) =
        db::waiting_list::set(&tx, id, caller.id, caller.is_admin(), wish, now).await?;
    let changes = Changes::none()
        .moved("waitingList", &before.mode, &after.mode)
        .moved("claimMinutes", &before.claim, &after.claim);
    if !changes.is_empty() {
        let entry = origin.entry(caller, ROUTE.id, Subject::TicketType(id, event), changes, now);
        db::audit::record(&tx, &entry).await?;
    }
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(WaitingListSettingsOut::from(after)).message("Waiting list updated successfully"))
}
