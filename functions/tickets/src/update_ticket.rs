use crate::terms::{Limit, Terms};
use crate::{App, changes};
use axum::extract::State;
use db::ticket_types::TicketTypePatch;
use domain::api_key::Scope;
use domain::audit::Subject;
use domain::change::Change;
use domain::image::Purpose;
use domain::ticket::{Artist, Capacity, TicketName};
use domain::{Error, ImageId, Rupiah, TicketTypeId, Timestamp};
use pictures::Use;
use std::sync::Arc;
use views::FullTicketOut;
use web::{Access, Answer, Json, Origin, Path, Publisher, Route, WithImage};

pub(crate) const ROUTE: Route = Route::new(
    "PATCH",
    "/api/v1/tickets/{id}",
    Access::Publisher,
    "update_ticket",
    "Change a ticket type; what is sold stays sold",
)
.scope(Scope::TicketsWrite)
.body::<TicketChanges>()
.or_form_with_image()
.data::<FullTicketOut>()
.conflicts(&["seated_ticket"]);

web::input! {
    /// Changes to a ticket type; absent fields stay. Event and category cannot be changed.
    pub(crate) struct TicketChanges {
        /// What it is called.
        name: Option<TicketName>,
        /// Price of one in rupiah for later orders; 0 for free.
        price: Option<Rupiah>,
        /// How many shall be left to sell; what is sold or reserved comes on top. 0 stops the sale.
        quantity: Option<Capacity>,
        /// Who performs.
        artist: Option<Artist>,
        /// When sale starts; `null` for at once.
        sales_start: Change<Timestamp>,
        /// When sale ends; `null` for when the event begins.
        sales_end: Change<Timestamp>,
        /// Fewest in one order.
        min_per_order: Option<Limit>,
        /// Most in one order.
        max_per_order: Option<Limit>,
        /// Most per buyer; `null` for any number.
        max_per_user: Change<Limit>,
        /// A picture that was uploaded before, in place of the one that is shown; a form may hold one as its file `image` instead.
        image_id: Option<ImageId>,
    }
}

pub(crate) async fn update_ticket(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<TicketTypeId>,
    origin: Origin,
    WithImage {
        image,
        rest: Json(input),
    }: WithImage<Json<TicketChanges>>,
) -> web::Result<Answer<FullTicketOut>> {
    let (now, missing) = (app.clock.now(), || Error::not_found("Ticket"));
    let using = Use {
        owner: caller.id,
        any_owner: caller.is_admin(),
        purpose: Purpose::Ticket,
    };
    let mut conn = app.db.conn().await?;
    let picture = pictures::choose(&conn, &app.blobs, using, (image, input.image_id), now).await?;
    let tx = conn.begin().await?;
    let image = pictures::take(&tx, using, picture, now).await?;
    let before = db::ticket_types::lock_own(&tx, id, caller.id, caller.is_admin()).await?;
    let before = before.ok_or_else(missing)?;
    let terms = Terms::of(&before).with(
        (input.sales_start, input.sales_end),
        (input.min_per_order, input.max_per_order),
        input.max_per_user,
    );
    terms.check()?;
    if before.seated && input.quantity.is_some() {
        let message = "The seat map says how many there are; its organizer may set another map";
        return Err(Error::conflict("seated_ticket", message).into());
    }
    let patch = TicketTypePatch {
        name: input.name,
        price: input.price,
        left: input.quantity,
        artist: input.artist,
        sales_start: input.sales_start,
        sales_end: input.sales_end,
        min_per_order: input.min_per_order.map(Limit::get),
        max_per_order: input.max_per_order.map(Limit::get),
        max_per_user: input.max_per_user.map(Limit::get),
    };
    if !db::ticket_types::update(&tx, id, &patch, now).await? {
        let most = Capacity::MAX;
        let message = format!("\"quantity\" and what is sold or reserved must be at most {most} together");
        return Err(Error::invalid_field("quantity", message).into());
    }
    if let Some(image) = image {
        db::images::show_on_ticket_type(&tx, id, image, now).await?;
    }
    let ticket = db::ticket_types::find(tx.client(), id, Some(caller.id), caller.is_admin()).await?;
    let ticket = ticket.ok_or_else(missing)?;
    let changes = changes::between(&before, &ticket.ticket, picture);
    if !changes.is_empty() {
        let subject = Subject::TicketType(id, before.event_id);
        let entry = origin.entry(caller, ROUTE.id, subject, changes, now);
        db::audit::record(&tx, &entry).await?;
    }
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(FullTicketOut::new(ticket, now)).message("Ticket updated successfully"))
}
