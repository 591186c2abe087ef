//! What organizers' own systems are told of an event. The relay publishes it: this function has no queue.

use db::events::Event;
use db::webhook_deliveries::{self, ChangedEvent};
use domain::audit::Changes;
use domain::event::EventStatus;
use domain::webhook::EventType;
use domain::{Error, Timestamp};

/// Tells of an event that stood there before, if it existed, and is as it is now.
pub(crate) async fn webhooks(
    tx: &db::Transaction<'_>,
    from: Option<EventStatus>,
    event: &Event,
    changes: &Changes,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(kind) = EventType::of_event(from, event.status, !changes.is_empty()) else {
        return Ok(());
    };
    let changed = ChangedEvent {
        id: event.id,
        organizer: event.organizer_id,
        status: event.status_at(now),
        changed: changes.fields(),
    };
    webhook_deliveries::tell_of_event(tx, changed, kind, &runtime::random::hex::<16>, now).await?;
    Ok(())
}
