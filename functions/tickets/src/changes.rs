//! What the audit log says about a ticket type.

use db::ticket_types::TicketType;
use domain::ImageId;
use domain::audit::Changes;

/// What a new one sells.
pub(crate) fn of_new(ticket: &TicketType) -> Changes {
    Changes::none()
        .set("name", &ticket.name)
        .set("price", ticket.price)
        .set("capacity", ticket.capacity)
}

/// What is different after a change. Of the stock the capacity is told: what is left changes with every sale. A new picture
/// is told by its id: it is shown when it is ready, which may be later.
pub(crate) fn between(before: &TicketType, after: &TicketType, picture: Option<ImageId>) -> Changes {
    Changes::none()
        .moved("name", &before.name, &after.name)
        .moved("price", &before.price, &after.price)
        .moved("capacity", &before.capacity, &after.capacity)
        .moved("artist", &before.artist, &after.artist)
        .moved("imageUrl", &before.image_url, &after.image_url)
        .moved("salesStart", &before.sales_start, &after.sales_start)
        .moved("salesEnd", &before.sales_end, &after.sales_end)
        .moved("minPerOrder", &before.min_per_order, &after.min_per_order)
        .moved("maxPerOrder", &before.max_per_order, &after.max_per_order)
        .moved("maxPerUser", &before.max_per_user, &after.max_per_user)
        .set_if("imageId", picture)
}
