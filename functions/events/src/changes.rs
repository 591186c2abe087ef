//! What the audit log says about an event.

use db::events::Event;
use domain::ImageId;
use domain::audit::Changes;

/// What a new one is.
pub(crate) fn of_new(event: &Event) -> Changes {
    Changes::none()
        .set("name", &event.name)
        .set("date", event.date)
        .set("location", &event.location)
        .set("status", event.status)
}

/// What is different after a change. A new picture is told by its id: it is shown when it is ready, which may be later.
pub(crate) fn between(before: &Event, after: &Event, picture: Option<ImageId>) -> Changes {
    Changes::none()
        .moved("name", &before.name, &after.name)
        .moved("description", &before.description, &after.description)
        .moved("date", &before.date, &after.date)
        .moved("endsAt", &before.ends_at, &after.ends_at)
        .moved("timeZone", &before.time_zone, &after.time_zone)
        .moved("location", &before.location, &after.location)
        .moved("city", &before.city, &after.city)
        .moved("serviceFee", &before.service_fee, &after.service_fee)
        .moved("taxRate", &before.tax_rate, &after.tax_rate)
        .moved("status", &before.status, &after.status)
        .set_if("imageId", picture)
}
