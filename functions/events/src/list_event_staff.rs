use crate::App;
use axum::extract::State;
use db::event_staff::Member;
use domain::api_key::Scope;
use domain::{Error, EventId, GateId, Timestamp, UserId};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/events/{id}/staff",
    Access::Publisher,
    "list_event_staff",
    "List who checks tickets at an event",
)
.data::<Vec<MemberOut>>()
.scope(Scope::EventsRead);

/// Somebody who checks tickets at an event.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "EventStaffMember")]
pub(crate) struct MemberOut {
    /// The account.
    user_id: UserId,
    /// Name.
    name: String,
    /// Mail address.
    email: String,
    /// Who said so.
    added_by: UserId,
    /// Since when.
    created_at: Timestamp,
    /// The only gate at which they do; null if it is every one.
    gate_id: Option<GateId>,
}

impl From<Member> for MemberOut {
    fn from(member: Member) -> Self {
        Self {
            user_id: member.user_id,
            name: member.name,
            email: member.email,
            added_by: member.added_by,
            created_at: member.created_at,
            gate_id: member.gate,
        }
    }
}

pub(crate) async fn list_event_staff(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<EventId>,
) -> web::Result<Answer<Vec<MemberOut>>> {
    let conn = app.db.conn().await?;
    if !db::events::is_own(&conn, id, caller.id, caller.is_admin()).await? {
        return Err(Error::not_found("Event").into());
    }
    let staff = db::event_staff::list(&conn, id).await?;
    Ok(Answer::ok(staff.into_iter().map(MemberOut::from).collect()))
}
