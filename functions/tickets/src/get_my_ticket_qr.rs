use crate::App;
use crate::issued::{Code, token};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use domain::Error;
use std::sync::Arc;
use web::{Access, Caller, Path, Route};

pub(crate) const PNG_ROUTE: Route = Route::new(
    "GET",
    "/api/v1/tickets/mine/{code}/qr.png",
    Access::User,
    "get_my_ticket_png",
    "QR code of a ticket of the caller, as PNG",
)
.media_type("image/png")
.conflicts(&["ticket_void"]);

pub(crate) const SVG_ROUTE: Route = Route::new(
    "GET",
    "/api/v1/tickets/mine/{code}/qr.svg",
    Access::User,
    "get_my_ticket_svg",
    "QR code of a ticket of the caller, as SVG",
)
.media_type("image/svg+xml")
.conflicts(&["ticket_void"]);

pub(crate) async fn get_my_ticket_png(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(code): Path<Code>,
) -> web::Result<Response> {
    let token = content(&app, caller, &code).await?;
    let png = ticketing::qr::png(&token).map_err(Error::internal)?;
    Ok(([(header::CONTENT_TYPE, "image/png")], png).into_response())
}

pub(crate) async fn get_my_ticket_svg(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(code): Path<Code>,
) -> web::Result<Response> {
    let token = content(&app, caller, &code).await?;
    let svg = ticketing::qr::svg(&token).map_err(Error::internal)?;
    // An SVG opened by itself is a document of this origin: nothing in it may run or load anything.
    let headers = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox; frame-ancestors 'none'",
        ),
    ];
    Ok((headers, svg).into_response())
}

/// What the QR code of the caller's ticket carries.
async fn content(app: &App, caller: Caller, code: &Code) -> Result<String, Error> {
    let conn = app.db.conn().await?;
    let ticket = db::issued::find_own(&conn, code.as_str(), caller.id)
        .await?
        .ok_or_else(|| Error::not_found("Ticket"))?;
    token(&ticket, &app.keys)?
        .ok_or_else(|| Error::conflict("ticket_void", "This ticket is void and has no QR code any more"))
}
