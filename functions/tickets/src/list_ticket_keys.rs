use crate::App;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use ticketing::PublicKey;
use web::{Access, Answer, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/tickets/keys",
    Access::Public,
    "list_ticket_keys",
    "Public keys with which a gate checks tickets without a connection",
)
.data::<KeySet>();

/// A JSON Web Key Set.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct KeySet {
    /// The current key first, then those that older tickets were signed with.
    keys: Vec<PublicKey>,
}

pub(crate) async fn list_ticket_keys(State(app): State<Arc<App>>) -> Answer<KeySet> {
    let keys = app.keys.public_keys();
    Answer::ok(KeySet { keys }).cached(300)
}
