use crate::{App, Report};
use domain::{Error, EventId, Timestamp};

/// Cancelled events of one run.
const EVENTS_AT_ONCE: u32 = 20;

/// Orders read at a time.
const ORDERS_AT_ONCE: u32 = 200;

/// Most orders of one run. The next run is a minute away and goes on where this one ended.
const ORDERS_OF_A_RUN: usize = 2_000;

/// Takes the tickets of cancelled events back, order by order. What is done with an order commits at once, so a run that dies
/// leaves at most one order half done, which is none at all.
pub(crate) async fn work_off(app: &App, report: &mut Report, now: Timestamp) -> Result<(), Error> {
    let events = {
        let conn = app.db.conn().await?;
        db::cancellations::unfinished(&conn, EVENTS_AT_ONCE).await?
    };
    for event in events {
        if report.orders_called_off < ORDERS_OF_A_RUN {
            work_off_event(app, event, report, now).await?;
        }
    }
    Ok(())
}

async fn work_off_event(app: &App, event: EventId, report: &mut Report, now: Timestamp) -> Result<(), Error> {
    let mut conn = app.db.conn().await?;
    let mut last = None;
    while report.orders_called_off < ORDERS_OF_A_RUN {
        let waiting = db::cancellations::waiting(&conn, event, last, ORDERS_AT_ONCE).await?;
        let Some(newest) = waiting.last() else {
            break;
        };
        last = Some(*newest);
        for order in waiting {
            let done = {
                let tx = conn.begin().await?;
                let random = runtime::random::hex::<16>;
                let done = db::cancellations::work_off(&tx, event, order, &random, now).await;
                // Rolled back, it waits for the next run; the others need not.
                if done.is_ok() {
                    tx.commit().await.map_err(db::DbError::from)?;
                }
                done
            };
            match done {
                Ok(done) => report.orders_called_off += usize::from(done),
                Err(error) => {
                    tracing::error!(order = order.get(), ?error, "an order of a cancelled event stays");
                }
            }
        }
    }
    if db::cancellations::finish(&conn, event, now).await? {
        tracing::info!(
            event = event.get(),
            "all orders of a cancelled event are worked off"
        );
    }
    Ok(())
}
