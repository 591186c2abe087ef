use crate::App;
use crate::tell::{Followers, Whom, tell};
use domain::message::{Part, Subject};
use domain::realtime::{Availability, Data, Message, State, Topic};
use domain::{Error, EventId};
use kv::Audience;

/// All who follow an event.
pub(crate) const fn followers(event: EventId) -> Followers {
    Followers {
        of: Subject::Event(event),
        audience: Audience::Event(event),
        whom: Whom::Anybody,
    }
}

/// Tells a part of an event's followers what was seen last. A part that waited tells them what is newer by then.
pub(crate) async fn tell_of_event(app: &App, event: EventId, part: &Part) -> Result<(), Error> {
    let last = app.connections.last_look(event).await?;
    // Nobody follows it any more.
    let Some(seen) = last.and_then(|look| look.seen) else {
        return Ok(());
    };
    let availability: Availability = serde_json::from_str(&seen.text).map_err(Error::internal)?;
    let message = Message::Update {
        topic: Topic::Event(event),
        state: State {
            version: seen.version,
            data: Data::Event(availability),
        },
    };
    tell(app, &followers(event), part, &message).await
}
