use crate::terms::{Limit, Terms};
use crate::{App, changes};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use db::ticket_types::{MOST_PER_EVENT, Made, NewTicketType};
use domain::api_key::Scope;
use domain::audit::Subject;
use domain::image::Purpose;
use domain::ticket::{Artist, Capacity, TicketName};
use domain::{CategoryId, Error, EventId, ImageId, Rupiah, Timestamp};
use pictures::Use;
use std::sync::Arc;
use views::FullTicketOut;
use web::{Access, Answer, Keyed, Origin, Publisher, Route, WithImage};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/tickets",
    Access::Publisher,
    "create_ticket",
    "Put a ticket type of an event on sale",
)
.scope(Scope::TicketsWrite)
.status(201)
.body::<TicketIn>()
.or_form_with_image()
.data::<FullTicketOut>()
.idempotent()
.conflicts(&["too_many_ticket_types"]);

web::input! {
    /// A new ticket type.
    pub(crate) struct TicketIn {
        /// What it is called.
        name: TicketName,
        /// Price of one in rupiah; 0 for free.
        price: Rupiah,
        /// How many there are to sell.
        quantity: Capacity,
        /// Its event.
        event_id: EventId,
        /// Its category.
        category_id: CategoryId,
        /// Who performs.
        artist: Option<Artist>,
        /// When sale starts; at once unless said otherwise.
        sales_start: Option<Timestamp>,
        /// When sale ends; with the event unless said otherwise.
        sales_end: Option<Timestamp>,
        /// Fewest in one order; 1 unless said otherwise.
        min_per_order: Option<Limit>,
        /// Most in one order; 10 unless said otherwise.
        max_per_order: Option<Limit>,
        /// Most per buyer; no limit unless said otherwise.
        max_per_user: Option<Limit>,
        /// A picture that was uploaded before; a form may hold one as its file `image` instead.
        image_id: Option<ImageId>,
    }
}

pub(crate) async fn create_ticket(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    origin: Origin,
    WithImage {
        image,
        rest: mut request,
    }: WithImage<Keyed<TicketIn>>,
) -> web::Result<Response> {
    let now = app.clock.now();
    let once = request.take_once(ROUTE.id, caller.id);
    let input = request.body;
    let terms = Terms::USUAL.with(
        (input.sales_start.into(), input.sales_end.into()),
        (input.min_per_order, input.max_per_order),
        input.max_per_user.into(),
    );
    terms.check()?;
    let new = NewTicketType {
        event_id: input.event_id,
        category_id: input.category_id,
        name: input.name,
        price: input.price,
        capacity: input.quantity,
        artist: input.artist,
        sales_start: terms.sales_start,
        sales_end: terms.sales_end,
        min_per_order: terms.min_per_order,
        max_per_order: terms.max_per_order,
        max_per_user: terms.max_per_user,
    };
    let using = Use {
        owner: caller.id,
        any_owner: caller.is_admin(),
        purpose: Purpose::Ticket,
    };
    let mut conn = app.db.conn().await?;
    let image = pictures::choose(&conn, &app.blobs, using, (image, input.image_id), now).await?;
    let tx = conn.begin().await?;
    if let Some(stored) = db::idempotency::claim(&tx, once.as_ref(), now).await? {
        return Ok(web::answer::stored(stored));
    }
    let image = pictures::take(&tx, using, image, now).await?;
    let id = match db::ticket_types::insert(&tx, caller.id, caller.is_admin(), &new, now).await? {
        Made::TicketType(id) => id,
        Made::NoEvent => return Err(Error::not_found("Event").into()),
        Made::NoCategory => return Err(Error::not_found("Category").into()),
        Made::NoCreator => return Err(Error::unauthenticated("Invalid token").into()),
        Made::TooMany => {
            let message = format!("An event has at most {MOST_PER_EVENT} kinds of tickets");
            return Err(Error::conflict("too_many_ticket_types", message).into());
        }
    };
    if let Some(image) = image {
        db::images::show_on_ticket_type(&tx, id, image, now).await?;
    }
    let ticket = db::ticket_types::find(tx.client(), id, Some(caller.id), caller.is_admin()).await?;
    let ticket = ticket.ok_or_else(|| Error::not_found("Ticket"))?;
    let subject = Subject::TicketType(id, new.event_id);
    let entry = origin.entry(caller, ROUTE.id, subject, changes::of_new(&ticket.ticket), now);
    db::audit::record(&tx, &entry).await?;
    let answer = Answer::created("Ticket created successfully", FullTicketOut::new(ticket, now));
    db::idempotency::store(tx.client(), once.as_ref(), &answer.to_stored()).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(answer.into_response())
}
