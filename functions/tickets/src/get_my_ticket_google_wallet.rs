use crate::App;
use crate::issued::{Code, token};
use crate::wallets::pass;
use axum::extract::State;
use domain::Error;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Caller, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/tickets/mine/{code}/google-wallet",
    Access::User,
    "get_my_ticket_google_wallet",
    "Where the caller saves a bought ticket in Google Wallet",
)
.data::<SaveLink>()
.conflicts(&["ticket_void"]);

/// A link for the holder alone: it holds what the QR code carries.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SaveLink {
    /// Opened on the holder's phone or in a browser, it saves the pass.
    save_url: String,
}

pub(crate) async fn get_my_ticket_google_wallet(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(code): Path<Code>,
) -> web::Result<Answer<SaveLink>> {
    let ticket = {
        let conn = app.db.conn().await?;
        db::issued::find_own(&conn, code.as_str(), caller.id)
            .await?
            .ok_or_else(|| Error::not_found("Ticket"))?
    };
    let token = token(&ticket, &app.keys)?
        .ok_or_else(|| Error::conflict("ticket_void", "This ticket is void and has no pass any more"))?;
    let save_url = app.wallets.google(&pass(&ticket, &token), app.clock.now())?;
    Ok(Answer::ok(SaveLink { save_url }))
}
