//! The admin interface: what the account holds, and what shall go wrong.

use crate::answer;
use crate::world::{Faults, Sim, World};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use http::StatusCode;
use serde_json::json;
use std::sync::Arc;

pub(crate) fn routes() -> Router<Arc<Sim>> {
    Router::new()
        .route("/health", get(health))
        .route("/faults", get(show_faults).put(set_faults).delete(clear_faults))
        .route("/files", get(files))
        .route("/reset", post(reset))
}

async fn health() -> Response {
    answer::answer(StatusCode::OK, &json!({"status": "up"}))
}

async fn show_faults(State(sim): State<Arc<Sim>>) -> Response {
    let faults = serde_json::to_value(&sim.world().faults).unwrap_or_default();
    answer::answer(StatusCode::OK, &faults)
}

async fn set_faults(State(sim): State<Arc<Sim>>, body: Bytes) -> Response {
    match serde_json::from_slice(&body) {
        Ok(faults) => {
            sim.world().faults = faults;
            show_faults(State(sim)).await
        }
        Err(error) => answer::error(StatusCode::BAD_REQUEST, &format!("faults: {error}")),
    }
}

async fn clear_faults(State(sim): State<Arc<Sim>>) -> Response {
    sim.world().faults = Faults::default();
    show_faults(State(sim)).await
}

async fn files(State(sim): State<Arc<Sim>>) -> Response {
    let world = sim.world();
    let files: Vec<_> = world
        .files
        .values()
        .map(|file| file.details(&sim.endpoint))
        .collect();
    let versions: u64 = world.files.values().map(|file| u64::from(file.versions)).sum();
    let body = json!({"files": files, "versions": versions, "uploads": world.uploads});
    answer::answer(StatusCode::OK, &body)
}

async fn reset(State(sim): State<Arc<Sim>>) -> Response {
    *sim.world() = World::default();
    answer::answer(StatusCode::OK, &json!({}))
}
