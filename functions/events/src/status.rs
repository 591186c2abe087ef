//! Publishing an event, taking it back, calling it off: the same with another step.

use crate::{App, changes, check_upcoming, tell};
use db::events::EventPatch;
use domain::audit::Subject;
use domain::event::{EventStatus, Step};
use domain::{Error, EventId};
use views::EventOut;
use web::{Answer, Caller, Origin};

/// Takes a step with an event of the caller. One that was taken before changes nothing and is answered in the same way.
pub(crate) async fn take(
    app: &App,
    caller: Caller,
    origin: &Origin,
    action: &'static str,
    id: EventId,
    step: Step,
) -> web::Result<Answer<EventOut>> {
    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let before = match step {
        Step::Publish => db::events::lock_own(&tx, id, caller.id, caller.is_admin()).await?,
        Step::Unpublish | Step::Cancel => {
            db::events::lock_own_and_sale(&tx, id, caller.id, caller.is_admin()).await?
        }
    };
    let before = before.ok_or_else(|| Error::not_found("Event"))?;
    let taken = step == Step::Unpublish && db::events::is_bought(tx.client(), id).await?;
    let status = before.status_at(now).after(step, taken)?;
    if status == before.status {
        return Ok(Answer::ok(EventOut::new(before, now)));
    }
    if status == EventStatus::Published {
        check_upcoming(before.date, now)?;
    }
    let patch = EventPatch {
        status: Some(status),
        ..EventPatch::default()
    };
    let event = db::events::update(&tx, id, &patch, now).await?;
    let changes = changes::between(&before, &event, None);
    tell::webhooks(&tx, Some(before.status), &event, &changes, now).await?;
    let entry = origin.entry(caller, action, Subject::Event(id), changes, now);
    db::audit::record(&tx, &entry).await?;
    if step == Step::Cancel {
        // Its orders may be thousands: the janitor works them off, and whoever cancels need not wait for that.
        db::cancellations::start(&tx, id, caller.id, now).await?;
    }
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(EventOut::new(event, now)))
}
