use crate::{App, look};
use axum::extract::State;
use domain::Timestamp;
use domain::status::{Found, Health};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Failure, Route, Viewer};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/status",
    Access::Public,
    "get_status",
    "See whether the fleet works; admins see its services, queues and circuit breakers",
)
.data::<StatusOut>();

/// Whether the fleet works. That something does not is an answer, too, so the status of HTTP is 200.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatusOut {
    /// Of all together: `down` if nothing can be sold, `degraded` if something does not work.
    status: Health,
    /// What runs.
    version: &'static str,
    /// When it was looked at; it is looked at every five seconds at most.
    checked_at: Timestamp,
    /// For admins: what there is to say in detail.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<DetailsOut>,
}

/// What there is to say to admins.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DetailsOut {
    /// What the fleet is made of.
    services: Vec<ServiceOut>,
    /// The queues; null if they cannot be asked.
    queues: Option<Vec<QueueOut>>,
    /// Services that are left alone because they failed; null if that is not known.
    breakers: Option<Vec<BreakerOut>>,
}

/// A part of the fleet.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServiceOut {
    /// What it is called.
    name: &'static str,
    /// Whether it works.
    status: Health,
    /// Which version of it runs; null for services of others.
    version: Option<&'static str>,
}

/// A queue.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueueOut {
    /// What it is called.
    name: &'static str,
    /// Messages that wait, about.
    waiting: u64,
    /// Messages that are being worked on, about.
    in_flight: u64,
    /// Messages that were given up, about.
    dead_letters: u64,
}

/// A service that is left alone.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BreakerOut {
    /// What it is called.
    service: String,
    /// When it is asked again.
    open_until: Timestamp,
}

pub(crate) async fn get_status(
    State(app): State<Arc<App>>,
    viewer: Result<Viewer, Failure>,
) -> web::Result<Answer<StatusOut>> {
    // With the database down nobody is known any more, and that it is down is what there is to tell.
    let viewer = match viewer {
        Err(failure) if failure.is_unavailable() => Viewer(None),
        known => known?,
    };
    let (at, found) = look::look(&app, app.clock.now()).await;
    Ok(Answer::ok(StatusOut {
        status: found.health(at),
        version: env!("CARGO_PKG_VERSION"),
        checked_at: at,
        details: viewer.sees_all().then(|| details(found, at)),
    }))
}

fn details(found: Found, at: Timestamp) -> DetailsOut {
    let services = found.services(at).into_iter().map(|service| ServiceOut {
        name: service.name,
        status: service.health,
        version: service.is_ours.then_some(env!("CARGO_PKG_VERSION")),
    });
    let services = services.collect();
    let queues = found.queues.map(|queues| {
        let queues = queues.into_iter().map(|depth| QueueOut {
            name: depth.queue.as_str(),
            waiting: depth.waiting,
            in_flight: depth.in_flight,
            dead_letters: depth.dead,
        });
        queues.collect()
    });
    let breakers = found.breakers.map(|open| {
        let open = open.into_iter().map(|breaker| BreakerOut {
            service: breaker.service,
            open_until: breaker.until,
        });
        open.collect()
    });
    DetailsOut {
        services,
        queues,
        breakers,
    }
}
