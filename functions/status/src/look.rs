use crate::App;
use domain::Timestamp;
use domain::status::{BREAKERS, Found, OpenBreaker};
use std::sync::PoisonError;
use std::time::Duration;

/// Seconds for which what was found is told again: whoever asks a hundred times a second has it looked up once.
const FRESH_SECONDS: i64 = 5;

/// What does not answer within this time counts as away. The answer is due before the caller's own time-out.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Looks at everything at once. What does not answer is itself what there is to tell.
pub(crate) async fn look(app: &App, now: Timestamp) -> (Timestamp, Found) {
    let last = app.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some((at, found)) = last
        && (0..FRESH_SECONDS).contains(&now.seconds_since(at))
    {
        return (at, found);
    }
    let (waiting, queues, breakers) = tokio::join!(
        patiently("the database", waiting(app)),
        patiently("the queues", async { Ok(app.gauge.read().await?) }),
        patiently("the table of breakers", breakers(app, now)),
    );
    let found = Found {
        waiting,
        queues,
        breakers,
    };
    *app.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, found.clone()));
    (now, found)
}

async fn waiting(app: &App) -> domain::Result<domain::status::Waiting> {
    let conn = app.db.conn().await?;
    Ok(db::waiting::oldest(&conn).await?)
}

async fn breakers(app: &App, now: Timestamp) -> domain::Result<Vec<OpenBreaker>> {
    let mut open = Vec::new();
    for service in BREAKERS {
        if let Some(until) = app.store.left_alone_until(service, now).await? {
            open.push(OpenBreaker {
                service: service.to_owned(),
                until,
            });
        }
    }
    Ok(open)
}

async fn patiently<T>(what: &str, asked: impl Future<Output = domain::Result<T>>) -> Option<T> {
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(found)) => Some(found),
        Ok(Err(error)) => {
            let cause = error.internal.as_ref().map(domain::error::Internal::chain);
            tracing::warn!(
                what,
                code = error.code,
                cause,
                "cannot look at a part of the fleet"
            );
            None
        }
        Err(_) => {
            tracing::warn!(what, "a part of the fleet does not answer in time");
            None
        }
    }
}
