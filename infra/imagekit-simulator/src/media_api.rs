//! The part of the media API that deals with single files.

use crate::answer;
use crate::world::Sim;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::Value;
use std::sync::Arc;

fn missing() -> Response {
    answer::error(StatusCode::NOT_FOUND, "The requested file does not exist.")
}

pub(crate) async fn list(State(sim): State<Arc<Sim>>) -> Response {
    let files = sim
        .world()
        .files
        .values()
        .map(|file| file.details(&sim.endpoint))
        .collect();
    answer::answer(StatusCode::OK, &Value::Array(files))
}

pub(crate) async fn details(State(sim): State<Arc<Sim>>, Path(id): Path<String>) -> Response {
    let world = sim.world();
    match world.files.values().find(|file| file.id == id) {
        Some(file) => answer::answer(StatusCode::OK, &file.details(&sim.endpoint)),
        None => missing(),
    }
}

pub(crate) async fn delete(State(sim): State<Arc<Sim>>, Path(id): Path<String>) -> Response {
    let mut world = sim.world();
    let before = world.files.len();
    world.files.retain(|_, file| file.id != id);
    if world.files.len() == before {
        return missing();
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    answer::number(&mut response);
    response
}
