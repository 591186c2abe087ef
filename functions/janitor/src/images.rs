use crate::{App, Report};
use db::images::KEEP_SECONDS;
use domain::message::{MediaWork, Outgoing};
use domain::{Error, Timestamp};

/// Pictures of one run; the next run is a minute away.
const AT_ONCE: u32 = 200;

/// A picture that was announced is announced again after this time, unless its worker says otherwise.
const PATIENCE_SECONDS: i64 = 300;

/// Discards what nothing shows, and announces what is due: the relay publishes it within the minute.
pub(crate) async fn sweep(app: &App, report: &mut Report, now: Timestamp) -> Result<(), Error> {
    let mut conn = app.db.conn().await?;
    let idle_since = now.plus_seconds(-KEEP_SECONDS);
    report.images_discarded = db::images::discard_idle(&conn, idle_since, AT_ONCE, now).await?;
    let tx = conn.begin().await?;
    let due = db::images::due(&tx, AT_ONCE, now.plus_seconds(PATIENCE_SECONDS), now).await?;
    for image in &due {
        let message = Outgoing::media(runtime::random::hex::<16>(), MediaWork { image: *image })?;
        db::outbox::insert(&tx, &message, now).await?;
    }
    tx.commit().await.map_err(db::DbError::from)?;
    report.images_announced = due.len();
    Ok(())
}
