use crate::{App, Report};
use db::waiting_list::{self, Served};
use domain::message::Outgoing;
use domain::{Error, TicketTypeId, Timestamp};

/// Places that end in one statement.
const PLACES_AT_ONCE: u32 = 1_000;

/// Offers that are looked at in one run because their time is over.
const LAPSED_OF_A_RUN: u32 = 500;

/// Most people who get tickets in one run. The next run is a minute away, and nobody passes the line meanwhile.
const OFFERS_OF_A_RUN: usize = 500;

/// Ends what is over: places in lines that are, and offers whose stock the sweep gave back.
pub(crate) async fn tidy(app: &App, report: &mut Report, now: Timestamp) -> Result<(), Error> {
    let mut conn = app.db.conn().await?;
    loop {
        let closed = waiting_list::close_over(&conn, now, PLACES_AT_ONCE).await?;
        report.places_closed += closed;
        if closed < u64::from(PLACES_AT_ONCE) {
            break;
        }
    }
    for (entry, user) in waiting_list::overdue(&conn, now, LAPSED_OF_A_RUN).await? {
        let tx = conn.begin().await?;
        let lapsed = waiting_list::lapse(&tx, entry, user, now).await?;
        tx.commit().await.map_err(db::DbError::from)?;
        report.offers_lapsed += usize::from(lapsed);
    }
    Ok(())
}

/// Keeps free tickets for those whose turn it is. Each offer commits at once, so a run that dies loses none of them, and nobody is
/// offered the same twice.
pub(crate) async fn serve(app: &App, report: &mut Report, now: Timestamp) -> Result<(), Error> {
    let lines = {
        let conn = app.db.conn().await?;
        waiting_list::lines(&conn).await?
    };
    for line in lines {
        // A line that somebody blocks need not keep the others waiting.
        if let Err(error) = serve_line(app, line, report, now).await {
            tracing::error!(ticket_type = line.get(), ?error, "a waiting list was not served");
        }
    }
    Ok(())
}

async fn serve_line(app: &App, line: TicketTypeId, report: &mut Report, now: Timestamp) -> Result<(), Error> {
    let mut conn = app.db.conn().await?;
    let mut letters: Vec<Outgoing> = Vec::new();
    let mut tries = OFFERS_OF_A_RUN.saturating_sub(report.offers_made);
    let mut end = Ok(());
    while tries > 0 {
        tries -= 1;
        match serve_next(&mut conn, line, now).await {
            Ok(Served::Offered(letter)) => letters.push(letter),
            Ok(Served::Passed) => {}
            Ok(Served::Nobody) => break,
            Err(error) => {
                end = Err(error);
                break;
            }
        }
    }
    report.offers_made += letters.len();
    app.queue
        .publish_committed(&letters, async |ids| {
            db::outbox::mark_published(&conn, ids, now).await
        })
        .await;
    end
}

async fn serve_next(conn: &mut db::Conn<'_>, line: TicketTypeId, now: Timestamp) -> Result<Served, Error> {
    let random = runtime::random::hex::<16>;
    let tx = conn.begin().await?;
    let served = waiting_list::serve(&tx, line, &random, now).await?;
    if !matches!(served, Served::Nobody) {
        tx.commit().await.map_err(db::DbError::from)?;
    }
    Ok(served)
}
