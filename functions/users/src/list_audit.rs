use crate::App;
use axum::extract::State;
use db::audit::Filter;
use domain::audit::SubjectKind;
use domain::text::SearchText;
use domain::{AuditId, EventId, SubjectId, UserId};
use std::sync::Arc;
use views::AuditList;
use web::{Access, Admin, Answer, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/users/audit",
    Access::Admin,
    "list_audit",
    "Read who changed what, newest first",
)
.query::<AuditQuery>()
.data::<AuditList>();

web::input! {
    /// Which changes.
    pub(crate) struct AuditQuery {
        /// About things of that kind.
        subject_kind: Option<SubjectKind>,
        /// About the thing of that id; together with its kind it is one thing.
        subject_id: Option<SubjectId>,
        /// About that event and what belongs to it.
        event_id: Option<EventId>,
        /// Done by that account.
        actor_id: Option<UserId>,
        /// Done by that operation, such as `update_event`.
        action: Option<SearchText>,
        /// `nextCursor` of the page before, to go on where it ended.
        cursor: Option<AuditId>,
    }
}

pub(crate) async fn list_audit(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Query(query): Query<AuditQuery>,
) -> web::Result<Answer<AuditList>> {
    let filter = Filter {
        subject_kind: query.subject_kind,
        subject_id: query.subject_id,
        actor: query.actor_id,
        action: query.action.map(|action| action.as_str().to_owned()),
        event: query.event_id,
        before: query.cursor,
    };
    let conn = app.db.conn().await?;
    let rows = db::audit::list(&conn, &filter, AuditList::PAGE).await?;
    Ok(Answer::ok(AuditList::new(rows, caller.role)))
}
