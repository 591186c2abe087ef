use crate::App;
use crate::call::call;
use db::webhook_deliveries::Try;
use db::webhooks::{Endpoint, Health};
use db::{notifications, outbox, webhook_deliveries, webhooks};
use domain::destination::WebAddress;
use domain::message::{Mail, Outgoing};
use domain::notice::Notice;
use domain::webhook::{Reception, failures, judge};
use domain::{DeliveryId, Error, Timestamp, WebhookId};
use std::time::Duration;
use tokio::time::Instant;

/// Time after which no further delivery is begun: with one that takes as long as it may, the function has time left.
const GOES_ON: Duration = Duration::from_secs(10);

/// Tries a delivery that is due and, while its endpoint takes what it is told, what else is due of it: few are under way at a time,
/// and the others were set aside.
pub(crate) async fn deliver(app: &App, id: DeliveryId) -> Result<(), Error> {
    let begun = Instant::now();
    let mut claimed = claim(app, id).await?;
    while let Some(tried) = claimed.take() {
        let reception = try_once(app, &tried).await?;
        if reception == Reception::Taken && begun.elapsed() < GOES_ON {
            claimed = claim_next(app, tried.endpoint).await?;
        }
    }
    Ok(())
}

/// Claims a delivery before it is tried: another worker with the same message finds nothing to do, and if this one dies, it is due
/// again.
async fn claim(app: &App, id: DeliveryId) -> Result<Option<Try>, Error> {
    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let tried = webhook_deliveries::claim(&tx, id, now).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    if tried.is_none() {
        webhook_deliveries::set_aside(&conn, id, now).await?;
    }
    Ok(tried)
}

/// Claims what is due next of an endpoint, announced or not.
async fn claim_next(app: &App, endpoint: WebhookId) -> Result<Option<Try>, Error> {
    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let tried = webhook_deliveries::claim_next(&tx, endpoint, now).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(tried)
}

/// Tries a claimed delivery, with no transaction open while its endpoint is called, and notes what came of it.
async fn try_once(app: &App, tried: &Try) -> Result<Reception, Error> {
    let now = app.clock.now();
    let outcome = call(app, tried, now).await;
    let reception = outcome.status.map_or(Reception::Refused, Reception::of);
    tracing::info!(
        delivery = tried.delivery.get(),
        webhook = tried.endpoint.get(),
        attempt = tried.attempts,
        status = outcome.status,
        duration_ms = outcome.duration_ms,
        "webhook tried"
    );

    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let Some(endpoint) = webhooks::lock(&tx, tried.endpoint).await? else {
        // Deleted meanwhile, with its deliveries.
        return Ok(reception);
    };
    let (failed, failing_since) = match reception {
        Reception::Taken => (0, None),
        Reception::Refused | Reception::Gone => (
            failures(tried.failures, endpoint.failures),
            Some(endpoint.failing_since.unwrap_or(now)),
        ),
    };
    let spread = runtime::random::below(1_000);
    let since = failing_since.unwrap_or(now);
    let verdict = judge(reception, tried.tries, failed, since, spread, now);
    if !webhook_deliveries::finish(&tx, tried, &outcome, &verdict, now).await? {
        tracing::warn!(
            delivery = tried.delivery.get(),
            "a lease was over before its try was"
        );
        return Ok(reception);
    }
    let health = Health {
        failures: failed,
        failing_since,
        rest_until: verdict.rest_until,
        disabled: verdict.disabled,
    };
    webhooks::note(&tx, endpoint.id, &health, now).await?;
    if verdict.disabled.is_some() && endpoint.disabled.is_none() {
        tell_owner(&tx, &endpoint, now).await?;
    }
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(reception)
}

/// Tells the owner of an endpoint that it gets nothing any more. The relay sends the mail.
async fn tell_owner(tx: &db::Transaction<'_>, endpoint: &Endpoint, now: Timestamp) -> Result<(), Error> {
    let mail = Mail::WebhookDisabled { webhook: endpoint.id };
    let mail = Outgoing::mail(runtime::random::hex::<16>(), mail)?;
    outbox::insert(tx, &mail, now).await?;
    let address = WebAddress::parse(&endpoint.url);
    let host = address.ok().and_then(|address| Some(address.name()?.to_owned()));
    let notice = Notice::WebhookDisabled {
        host: host.unwrap_or_else(|| endpoint.url.clone()),
    };
    let subject = format!("{} {now}", endpoint.id);
    notifications::tell(tx, endpoint.owner, &notice, &subject, now).await?;
    Ok(())
}
