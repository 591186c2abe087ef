use crate::App;
use crate::call::call;
use db::webhooks::{Endpoint, Health};
use db::{notifications, outbox, webhook_deliveries, webhooks};
use domain::destination::WebAddress;
use domain::message::{Mail, Outgoing};
use domain::notice::Notice;
use domain::webhook::{Reception, judge};
use domain::{DeliveryId, Error, Timestamp};

/// Tries a delivery that is due, with no transaction open while its endpoint is called. It is claimed before: another worker with
/// the same message finds nothing to do, and if this one dies, it is due again.
pub(crate) async fn deliver(app: &App, id: DeliveryId) -> Result<(), Error> {
    let now = app.clock.now();
    let tried = {
        let conn = app.db.conn().await?;
        let Some(tried) = webhook_deliveries::claim(&conn, id, now).await? else {
            webhook_deliveries::set_aside(&conn, id, now).await?;
            return Ok(());
        };
        tried
    };
    let outcome = call(app, &tried, now).await;
    let reception = outcome.status.map_or(Reception::Refused, Reception::of);
    tracing::info!(
        delivery = id.get(),
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
        return Ok(());
    };
    let (failures, failing_since) = match reception {
        Reception::Taken => (0, None),
        Reception::Refused | Reception::Gone => (
            endpoint.failures.saturating_add(1),
            Some(endpoint.failing_since.unwrap_or(now)),
        ),
    };
    let spread = runtime::random::below(1_000);
    let since = failing_since.unwrap_or(now);
    let verdict = judge(reception, tried.tries, failures, since, spread, now);
    if !webhook_deliveries::finish(&tx, &tried, &outcome, &verdict, now).await? {
        tracing::warn!(delivery = id.get(), "a lease was over before its try was");
        return Ok(());
    }
    let health = Health {
        failures,
        failing_since,
        rest_until: verdict.rest_until,
        disabled: verdict.disabled,
    };
    webhooks::note(&tx, endpoint.id, &health, now).await?;
    if verdict.disabled.is_some() && endpoint.disabled.is_none() {
        tell_owner(&tx, &endpoint, now).await?;
    }
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(())
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
