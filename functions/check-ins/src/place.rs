//! Where a caller may scan tickets.

use db::check_ins::{self, Place};
use domain::{Error, EventId, GateId};
use web::Caller;

/// The event and gate at which a caller scans.
///
/// # Errors
/// Not found, if they do not check tickets at that event or at that gate.
pub(crate) async fn of(
    conn: &db::Client,
    caller: Caller,
    event: EventId,
    gate: Option<GateId>,
) -> domain::Result<Place> {
    let place = check_ins::place(conn, event, caller.id, caller.is_admin(), gate).await?;
    let place = place.ok_or_else(|| Error::not_found("Event"))?;
    if place.gate.is_none() && gate.is_some() {
        return Err(Error::not_found("Gate"));
    }
    Ok(place)
}
