use crate::{App, Report};
use domain::message::{Outgoing, RefundWork};
use domain::{Error, Timestamp};

/// Refunds of one run; the next run is a minute away.
const AT_ONCE: u32 = 500;

/// A refund that was announced is announced again after this time, unless its worker says otherwise.
const PATIENCE_SECONDS: i64 = 300;

/// Announces the refunds that the gateway is to be asked about again: the relay publishes them within the minute.
pub(crate) async fn announce(app: &App, report: &mut Report, now: Timestamp) -> Result<(), Error> {
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let due = db::refunds::due(&tx, AT_ONCE, now.plus_seconds(PATIENCE_SECONDS), now).await?;
    let messages = due
        .iter()
        .map(|refund| Outgoing::refund(runtime::random::hex::<16>(), RefundWork { refund: *refund }));
    let messages = messages.collect::<domain::Result<Vec<_>>>()?;
    db::outbox::insert_all(&tx, &messages, now).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    report.refunds_announced = due.len();
    Ok(())
}
