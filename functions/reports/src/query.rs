//! What a report is asked for.

use db::reports::Scope;
use domain::report::{Form, Interval};
use domain::{Error, EventId, Timestamp};
use web::Caller;

/// Most rows of a report: a year of days of 27 events.
pub(crate) const MOST_ROWS: u32 = 10_000;

web::input! {
    /// Which report.
    pub(crate) struct ReportQuery {
        /// About that event; all of one's own if absent (all there are, for an admin).
        event_id: Option<EventId>,
        /// What happened at that time or later.
        from: Option<Timestamp>,
        /// What happened before that time.
        to: Option<Timestamp>,
        /// How long a period is, a day if absent. It begins at midnight of the event's time zone, a week on Monday.
        interval: Option<Interval>,
        /// `json` if absent.
        format: Option<Form>,
    }
}

impl ReportQuery {
    /// What the caller may see of what was asked for.
    pub(crate) async fn scope(&self, db: &db::Client, caller: Caller) -> web::Result<Scope> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from >= to
        {
            return Err(Error::invalid_field("to", "\"to\" must be later than \"from\"").into());
        }
        if let Some(event) = self.event_id
            && !db::events::is_own(db, event, caller.id, caller.is_admin()).await?
        {
            return Err(Error::not_found("Event").into());
        }
        Ok(Scope {
            organizer: (!caller.is_admin()).then_some(caller.id),
            event: self.event_id,
            from: self.from,
            until: self.to,
        })
    }

    pub(crate) fn interval(&self) -> Interval {
        self.interval.unwrap_or_default()
    }
}

/// Refuses a report that is longer than one may be: it was read with one row more.
pub(crate) fn check_length<T>(rows: &[T]) -> Result<(), Error> {
    if u32::try_from(rows.len()).is_ok_and(|rows| rows <= MOST_ROWS) {
        return Ok(());
    }
    let message =
        format!("The report has more than {MOST_ROWS} rows; ask for less time, longer periods or one event");
    Err(Error::invalid("report_too_long", message))
}
