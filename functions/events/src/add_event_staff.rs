use crate::App;
use crate::list_event_staff::MemberOut;
use axum::extract::State;
use db::event_staff::{self, MOST_PER_EVENT, Who};
use domain::audit::{Changes, Subject};
use domain::user::Email;
use domain::{Error, EventId, UserId};
use std::sync::Arc;
use web::{Access, Answer, Json, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/events/{id}/staff",
    Access::Publisher,
    "add_event_staff",
    "Let somebody check tickets at an event; adding again changes nothing",
)
.body::<StaffIn>()
.data::<Vec<MemberOut>>()
.conflicts(&["too_many_staff"]);

web::input! {
    /// Whom: an account that may check tickets, by its id or by its mail address.
    pub(crate) struct StaffIn {
        /// The account.
        user_id: Option<UserId>,
        /// Its mail address, if the id is not known.
        email: Option<Email>,
    }
}

pub(crate) async fn add_event_staff(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<EventId>,
    origin: Origin,
    Json(input): Json<StaffIn>,
) -> web::Result<Answer<Vec<MemberOut>>> {
    let now = app.clock.now();
    let who = match (input.user_id, &input.email) {
        (Some(id), None) => Who::Id(id),
        (None, Some(email)) => Who::Email(email),
        _ => {
            let message = "Either \"userId\" or \"email\" is required";
            return Err(Error::invalid_field("userId", message).into());
        }
    };
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    // The lock makes the number of people hold until the end of the transaction.
    db::events::lock_own(&tx, id, caller.id, caller.is_admin())
        .await?
        .ok_or_else(|| Error::not_found("Event"))?;
    let user = event_staff::find(tx.client(), who).await?;
    let user = user.ok_or_else(|| Error::not_found("User"))?;
    if event_staff::add(&tx, id, user, caller.id, now).await? {
        let changes = Changes::none().set("staff", user);
        let entry = origin.entry(caller, ROUTE.id, Subject::Event(id), changes, now);
        db::audit::record(&tx, &entry).await?;
    }
    let staff = event_staff::list(tx.client(), id).await?;
    if staff.len() > MOST_PER_EVENT {
        let message = format!("At most {MOST_PER_EVENT} people check tickets at an event");
        return Err(Error::conflict("too_many_staff", message).into());
    }
    tx.commit().await.map_err(db::DbError::from)?;
    let staff = staff.into_iter().map(MemberOut::from).collect();
    Ok(Answer::ok(staff).message("Staff added successfully"))
}
