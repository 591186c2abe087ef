use crate::App;
use crate::issued::{Code, token};
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::Error;
use domain::language::Language;
use std::sync::Arc;
use ticketing::pdf::Page;
use web::{Access, Caller, Path, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/tickets/mine/{code}/ticket.pdf",
    Access::User,
    "get_my_ticket_pdf",
    "A ticket of the caller, as PDF to print",
)
.query::<PdfQuery>()
.media_type("application/pdf")
.conflicts(&["ticket_void"]);

web::input! {
    /// How the ticket is written.
    pub(crate) struct PdfQuery {
        /// `id` or `en`; the language that the caller has chosen, if absent.
        lang: Option<Language>,
    }
}

pub(crate) async fn get_my_ticket_pdf(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(code): Path<Code>,
    Query(query): Query<PdfQuery>,
) -> web::Result<Response> {
    let (ticket, language) = {
        let conn = app.db.conn().await?;
        let ticket = db::issued::find_own(&conn, code.as_str(), caller.id).await?;
        let ticket = ticket.ok_or_else(|| Error::not_found("Ticket"))?;
        let language = match query.lang {
            Some(language) => language,
            None => {
                let wishes = db::preferences::find(&conn, caller.id).await?;
                wishes.and_then(|wishes| wishes.language).unwrap_or_default()
            }
        };
        (ticket, language)
    };
    let token = token(&ticket, &app.keys)?
        .ok_or_else(|| Error::conflict("ticket_void", "This ticket is void and is not printed any more"))?;
    let seat = ticket.seat.as_ref().map(|seat| seat.words(language));
    let page = Page {
        event: &ticket.event_name,
        date: ticket.event_date,
        zone: &ticket.event_time_zone,
        location: &ticket.event_location,
        kind: &ticket.ticket_name,
        seat: seat.as_deref(),
        holder: &ticket.holder_name,
        code: &ticket.code,
        order: &ticket.order_code,
        token: &token,
    };
    let pdf = ticketing::pdf::render(language, &[page]).map_err(Error::internal)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/pdf")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"ticket.pdf\""),
        ),
    ];
    Ok((headers, pdf).into_response())
}
