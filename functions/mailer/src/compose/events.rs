//! Mails about an event, to those who have tickets for it.

use super::orders::{link, order_and_buyer};
use super::tickets::calendar_file;
use super::{Composed, Content, address};
use crate::App;
use crate::letters::{self, EventCancelled, EventChanged, EventReminder};
use db::announcements::{Announcement, Occasion};
use domain::event::EventStatus;
use domain::order::OrderStatus;
use domain::{AnnouncementId, Error, EventId, OrderId, UserId};

pub(super) async fn event_cancelled(
    app: &App,
    id: &str,
    order: OrderId,
    event: EventId,
) -> Result<Composed, Error> {
    let (order, user, language, event) = {
        let conn = app.db.conn().await?;
        let (order, user, language) = order_and_buyer(app, &conn, order).await?;
        let event = db::events::find(&conn, event, None, true).await?;
        (
            order,
            user,
            language,
            event.ok_or_else(|| Error::not_found("Event"))?,
        )
    };
    if event.status != EventStatus::Cancelled {
        return Ok(Composed::Overtaken("the event was not cancelled"));
    }
    if !matches!(order.status, OrderStatus::Paid | OrderStatus::Refunded) {
        return Ok(Composed::Overtaken("the order has no tickets any more"));
    }
    let letter = letters::event_cancelled(
        language,
        EventCancelled {
            name: &user.name,
            event: &event.name,
            date: event.date,
            zone: &event.time_zone,
            location: &event.location,
            code: &order.code,
            paid: order.total,
            link: link(app, &order),
        },
    );
    address(app, id, &user.email, &user.name, letter.into())
}

/// What holders of tickets are told of an event.
pub(super) async fn announcement_to(
    app: &App,
    id: &str,
    announcement: AnnouncementId,
    holder: UserId,
) -> Result<Composed, Error> {
    let now = app.clock.now();
    let (found, event, holder, language, wanted, tickets) = {
        let conn = app.db.conn().await?;
        let found = db::announcements::find(&conn, announcement, now).await?;
        let found = found.ok_or_else(|| Error::not_found("Announcement"))?;
        let event = db::events::find(&conn, found.event, None, true).await?;
        let Some(holder) = db::users::find(&conn, holder).await? else {
            return Ok(Composed::Overtaken("the holder has left"));
        };
        let wishes = db::preferences::find(&conn, holder.id).await?.unwrap_or_default();
        let language = wishes.language.unwrap_or(app.language);
        let tickets = db::issued::count_good(&conn, found.event, holder.id).await?;
        (found, event, holder, language, wishes.mail_reminders, tickets)
    };
    let event = event.ok_or_else(|| Error::not_found("Event"))?;
    let Announcement {
        occasion, schedule, ..
    } = &found;
    if !found.is_true {
        return Ok(Composed::Overtaken("the event has changed again or is over"));
    }
    if tickets == 0 {
        return Ok(Composed::Overtaken("the holder has no tickets any more"));
    }
    let letter = match occasion {
        Occasion::Changed(before) => letters::event_changed(
            language,
            EventChanged {
                name: &holder.name,
                before,
                after: schedule,
                link: format!("{}/events/{}", app.frontend_url, event.id),
            },
        ),
        Occasion::Reminder if !wanted => {
            return Ok(Composed::Overtaken("the holder does not want reminders"));
        }
        Occasion::Reminder => letters::event_reminder(
            language,
            EventReminder {
                name: &holder.name,
                schedule,
                tickets,
                link: format!("{}/tickets", app.frontend_url),
            },
        ),
    };
    let content = Content {
        attachments: vec![calendar_file(app, &event)],
        ..letter.into()
    };
    address(app, id, &holder.email, &holder.name, content)
}
