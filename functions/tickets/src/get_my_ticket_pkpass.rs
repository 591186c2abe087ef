use crate::App;
use crate::issued::{Code, token};
use crate::wallets::pass;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::Error;
use std::sync::Arc;
use web::{Access, Caller, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/tickets/mine/{code}/ticket.pkpass",
    Access::User,
    "get_my_ticket_pkpass",
    "A ticket that the caller bought, as a pass for Apple Wallet",
)
.media_type("application/vnd.apple.pkpass")
.conflicts(&["ticket_void"]);

pub(crate) async fn get_my_ticket_pkpass(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(code): Path<Code>,
) -> web::Result<Response> {
    let ticket = {
        let conn = app.db.conn().await?;
        db::issued::find_own(&conn, code.as_str(), caller.id)
            .await?
            .ok_or_else(|| Error::not_found("Ticket"))?
    };
    let token = token(&ticket, &app.keys)?
        .ok_or_else(|| Error::conflict("ticket_void", "This ticket is void and has no pass any more"))?;
    let file = app.wallets.apple(&pass(&ticket, &token), app.clock.now())?;
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/vnd.apple.pkpass"),
        ),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"ticket.pkpass\""),
        ),
    ];
    Ok((headers, file).into_response())
}
