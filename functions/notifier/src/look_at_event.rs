use crate::App;
use crate::tell::share_out;
use crate::tell_of_event::{followers, tell_of_event};
use domain::event::EventStatus;
use domain::message::{Happening, Outgoing, Part};
use domain::realtime::{Availability, PAUSES, next_pause, telling_seconds};
use domain::{Error, EventId};
use kv::{Audience, LEASE_SECONDS, Look, Turn};

/// Looks how many tickets of an event are left, tells its followers if that has changed, and sends for the next look.
///
/// Sales send nothing: a thousand in a second are one look and one message per follower, and what nobody follows costs
/// nothing. The looks go on for as long as somebody follows, so the last change is always seen.
pub(crate) async fn look_at_event(app: &App, event: EventId) -> Result<(), Error> {
    let now = app.clock.now();
    let look = match app.connections.take_look(event, now).await? {
        Turn::Yours(look) => look,
        // A delivery that repeats the one at work: if that dies, the look that is sent for here does its work, and if not,
        // it finds that none is due.
        Turn::Taken => return send_for_next(app, event, LEASE_SECONDS).await,
        Turn::NotDue => return Ok(()),
    };
    if !is_followed(app, event).await? {
        app.connections.end_looks(event, look.version).await?;
        // Somebody may have come who still found the looks going on.
        if !is_followed(app, event).await? || !app.connections.begin_looks(event, now).await? {
            return Ok(());
        }
        return send_for_next(app, event, 0).await;
    }
    // A failure must not end the looks: it is tried again at the next.
    let (told, pause) = match look_and_tell(app, event, &look).await {
        Ok(told) => {
            let pause = next_pause(look.pause, told.changed);
            (true, pause.max(telling_seconds(told.parts)))
        }
        Err(error) => {
            tracing::warn!(event = event.get(), ?error, "a look at an event failed");
            (false, *PAUSES.end())
        }
    };
    let ended = app
        .connections
        .end_look(event, look.version, told, pause, app.clock.now());
    if ended.await? {
        send_for_next(app, event, pause).await?;
    }
    Ok(())
}

async fn is_followed(app: &App, event: EventId) -> Result<bool, Error> {
    let audience = Audience::Event(event);
    let mut after = None;
    loop {
        let page = app
            .connections
            .followers(&audience, after, app.clock.now())
            .await?;
        if !page.followers.is_empty() {
            return Ok(true);
        }
        after = page.next;
        if after.is_none() {
            return Ok(false);
        }
    }
}

/// What a look did.
struct Told {
    /// Whether something has changed since the last look.
    changed: bool,
    /// Parts of a crowd that were sent for.
    parts: usize,
}

/// Looks, and tells what has changed. What is seen is kept before it is told: who comes meanwhile either is among the followers
/// who are told, or reads it there.
async fn look_and_tell(app: &App, event: EventId, look: &Look) -> Result<Told, Error> {
    let seen = {
        let conn = app.db.conn().await?;
        db::realtime::availability(&conn, event, app.clock.now()).await?
    };
    let seen = seen.unwrap_or_else(|| Availability {
        event_id: event,
        status: EventStatus::Draft,
        tickets: Vec::new(),
    });
    let text = serde_json::to_string(&seen).map_err(Error::internal)?;
    let changed = look.seen.as_ref().is_none_or(|seen| seen.text != text);
    if !changed && look.told {
        return Ok(Told { changed, parts: 0 });
    }
    // What has not changed keeps its number: whoever has heard it drops the repetition.
    if changed && !app.connections.keep_look(event, look.version, &text).await? {
        return Ok(Told { changed, parts: 0 });
    }
    let parts = share_out(app, &followers(event)).await?;
    if parts == 0 {
        tell_of_event(app, event, &Part::ALL).await?;
    }
    Ok(Told { changed, parts })
}

async fn send_for_next(app: &App, event: EventId, pause: i64) -> Result<(), Error> {
    let next = Outgoing::happening(runtime::random::hex::<16>(), Happening::Look { event })?;
    let seconds = u16::try_from(pause).unwrap_or(0);
    Ok(app.queue.send_later(&next, seconds).await?)
}
