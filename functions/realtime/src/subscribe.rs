use crate::App;
use domain::message::{Happening, Outgoing};
use domain::realtime::{Availability, Data, Message, RequestId, State, Topic, most_topics};
use domain::{Error, EventId, Kind, Timestamp};
use kv::{Connection, Following, Look, Who};

/// Lets a connection follow a topic and tells where it stands. That is read after the connection was written down as a
/// follower: whatever changes later, it is told.
pub(crate) async fn subscribe(
    app: &App,
    connection: &Connection,
    topic: Topic,
    id: Option<RequestId>,
) -> Result<Message, Error> {
    let now = app.clock.now();
    let state = match &topic {
        Topic::Order(code) => {
            let who = known(connection)?;
            order(app, code, who).await?;
            follow(app, connection, &topic, now).await?;
            Some(order(app, code, who).await?)
        }
        Topic::Notifications => {
            let who = known(connection)?;
            let conn = app.db.conn().await?;
            let going_on = db::realtime::going_on(&conn, &[who.session]).await?;
            if !going_on.contains(&who.session) {
                return Err(unknown());
            }
            follow(app, connection, &topic, now).await?;
            None
        }
        Topic::Event(event) => {
            let last = app.connections.last_look(*event).await?;
            // Only of an event that everybody may see was something seen, so a crowd does not ask the database.
            if last.is_none_or(|look| look.seen.is_none()) {
                let conn = app.db.conn().await?;
                let seen = db::realtime::availability(&conn, *event, now).await?;
                seen.ok_or_else(|| Error::not_found("Event"))?;
            }
            follow(app, connection, &topic, now).await?;
            look(app, *event, now).await?
        }
    };
    Ok(Message::Subscribed { topic, id, state })
}

fn known(connection: &Connection) -> Result<Who, Error> {
    connection.who.ok_or_else(unknown)
}

fn unknown() -> Error {
    Error::unauthenticated("Connect with a ticket to follow what is yours")
}

async fn order(app: &App, code: &str, who: Who) -> Result<State, Error> {
    let conn = app.db.conn().await?;
    let order = db::realtime::own_order(&conn, code, who.user, who.session).await?;
    let order = order.ok_or_else(|| Error::not_found("Order"))?;
    Ok(order.into_state())
}

async fn follow(app: &App, connection: &Connection, topic: &Topic, now: Timestamp) -> Result<(), Error> {
    match app.connections.follow(connection, topic, now).await? {
        Following::Yes => Ok(()),
        Following::TooMany => {
            let most = most_topics(connection.who.is_none());
            let message = format!("This connection may follow {most} topics");
            Err(Error::conflict("too_many_topics", message))
        }
        Following::Gone => Err(Error::new(
            Kind::NotFound,
            "not_connected",
            "The connection has ended",
        )),
    }
}

/// What was seen last of an event, and takes care that somebody goes on looking.
async fn look(app: &App, event: EventId, now: Timestamp) -> Result<Option<State>, Error> {
    let last = app.connections.last_look(event).await?;
    // While the looks go on, a crowd that comes writes nothing to them.
    if last.as_ref().is_none_or(|look| look.is_lost(now)) && app.connections.begin_looks(event, now).await? {
        let message = Outgoing::happening(runtime::random::hex::<16>(), Happening::Look { event })?;
        app.queue.send(&message).await?;
    }
    last.and_then(|look| state(look).transpose()).transpose()
}

/// What was seen as it is sent; none if nothing was seen yet.
fn state(look: Look) -> Result<Option<State>, Error> {
    let Some(seen) = look.seen else {
        return Ok(None);
    };
    let availability: Availability = serde_json::from_str(&seen.text).map_err(Error::internal)?;
    Ok(Some(State {
        version: seen.version,
        data: Data::Event(availability),
    }))
}
