use crate::App;
use domain::message::{Happening, Outgoing, Part, Subject};
use domain::realtime::Message;
use domain::{Error, SessionId, UserId};
use futures_util::{StreamExt as _, stream};
use kv::{Audience, Connection};
use push::Pushed;
use std::collections::HashSet;

/// Connections told at a time: each is a call, and the gateway's answers take milliseconds.
const AT_ONCE: usize = 32;

/// Which followers may hear a message.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Whom {
    /// Everybody.
    Anybody,
    /// Everybody with an account, while their session goes on.
    WhoeverIsIn,
    /// One account, while the session goes on.
    Owner(UserId),
}

/// Followers who are told something.
pub(crate) struct Followers {
    /// What they are told of.
    pub(crate) of: Subject,
    /// Who follows that.
    pub(crate) audience: Audience,
    /// Which of them may hear it.
    pub(crate) whom: Whom,
}

/// Sends for the parts of a crowd and says how many there are. None, and nothing was sent, if those who follow are so few
/// that the caller tells them at once.
///
/// # Errors
/// If the followers cannot be read or the queue does not take a part. A repetition may send for parts once more.
pub(crate) async fn share_out(app: &App, followers: &Followers) -> Result<usize, Error> {
    let (mut parts, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = app
            .connections
            .followers(&followers.audience, after.clone(), app.clock.now())
            .await?;
        let until = page.next.clone();
        parts.push(Part::Between { after, until });
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if parts.len() < 2 {
        return Ok(0);
    }
    let count = parts.len();
    send_for(app, followers.of, parts).await?;
    Ok(count)
}

async fn send_for(app: &App, of: Subject, parts: Vec<Part>) -> Result<(), Error> {
    let messages: Result<Vec<Outgoing>, Error> = parts
        .into_iter()
        .map(|part| Outgoing::happening(runtime::random::hex::<16>(), Happening::Part { of, part }))
        .collect();
    let sent = app.queue.send_all(&messages?).await;
    sent.failed.map_or(Ok(()), |error| Err(error.into()))
}

/// Tells a part of the followers something. A connection that is gone is forgotten, one whose session has ended is ended.
/// Whoever could not be told is told by a delivery of their own, so that nobody else hears it again.
///
/// # Errors
/// If the followers cannot be read or the queue does not take what is to be repeated. For a connection that is told again:
/// if it could not be told this time either.
pub(crate) async fn tell(
    app: &App,
    followers: &Followers,
    part: &Part,
    message: &Message,
) -> Result<(), Error> {
    let text = message.to_text()?;
    let (mut after, until) = match part {
        Part::Between { after, until } => (after.clone(), until.as_ref()),
        Part::Again(connection) => return tell_again(app, followers, connection, &text).await,
    };
    let mut missed = Vec::new();
    loop {
        let page = app
            .connections
            .followers(&followers.audience, after, app.clock.now())
            .await?;
        let mut told = page.followers;
        told.retain(|follower| until.is_none_or(|until| follower.id <= *until));
        let going_on = going_on(app, followers.whom, &told).await?;
        let telling = told.into_iter().map(|follower| {
            let standing = standing(followers.whom, &follower, &going_on);
            tell_or_miss(app, &followers.audience, follower, standing, &text)
        });
        let told: Vec<_> = stream::iter(telling).buffer_unordered(AT_ONCE).collect().await;
        missed.extend(told.into_iter().flatten());
        after = page.next.filter(|next| until.is_none_or(|until| next < until));
        if after.is_none() {
            break;
        }
    }
    if missed.is_empty() {
        return Ok(());
    }
    tracing::warn!(
        connections = missed.len(),
        "connections could not be told for now"
    );
    send_for(app, followers.of, missed).await
}

/// The part that is to be told again, if somebody could not be told.
async fn tell_or_miss(
    app: &App,
    audience: &Audience,
    follower: Connection,
    standing: Standing,
    text: &str,
) -> Option<Part> {
    match tell_one(app, audience, &follower, standing, text).await {
        Ok(Told::Through) => None,
        Ok(Told::Stuck) => Some(Part::Again(follower.id)),
        Err(error) => {
            tracing::warn!(?error, "a connection could not be told");
            Some(Part::Again(follower.id))
        }
    }
}

/// Tells one connection what it could not be told before. One that is stuck again, now that it is asked for alone, has a
/// client that reads nothing: it is ended, and reads where things stand when it comes back.
async fn tell_again(app: &App, followers: &Followers, connection: &str, text: &str) -> Result<(), Error> {
    let audience = &followers.audience;
    let Some(follower) = app.connections.follower(audience, connection).await? else {
        return Ok(());
    };
    let going_on = going_on(app, followers.whom, std::slice::from_ref(&follower)).await?;
    let standing = standing(followers.whom, &follower, &going_on);
    match tell_one(app, audience, &follower, standing, text).await? {
        Told::Through => Ok(()),
        Told::Stuck => end(app, audience, &follower).await,
    }
}

/// What became of telling a connection.
#[derive(Debug, Clone, Copy)]
enum Told {
    /// It knows, or is not to know.
    Through,
    /// Its client does not read, or the gateway is asked for too much.
    Stuck,
}

async fn tell_one(
    app: &App,
    audience: &Audience,
    follower: &Connection,
    standing: Standing,
    text: &str,
) -> Result<Told, Error> {
    match standing {
        Standing::Hears => match app.pusher.push(&follower.id, text).await? {
            Pushed::Taken => {}
            Pushed::Gone => forget(app, audience, follower).await?,
            Pushed::Stuck => return Ok(Told::Stuck),
        },
        Standing::IsOut => end(app, audience, follower).await?,
        Standing::IsNotMeant => {}
    }
    Ok(Told::Through)
}

/// The sessions of followers that go on, where that matters.
async fn going_on(app: &App, whom: Whom, followers: &[Connection]) -> Result<HashSet<SessionId>, Error> {
    if matches!(whom, Whom::Anybody) || followers.is_empty() {
        return Ok(HashSet::new());
    }
    let sessions: Vec<SessionId> = followers
        .iter()
        .filter_map(|follower| Some(follower.who?.session))
        .collect();
    let conn = app.db.conn().await?;
    Ok(db::realtime::going_on(&conn, &sessions).await?)
}

/// What a follower is to a message.
#[derive(Debug, Clone, Copy)]
enum Standing {
    /// It is for them.
    Hears,
    /// The session has ended.
    IsOut,
    /// It is not for them, an order that somebody else has taken over for one.
    IsNotMeant,
}

fn standing(whom: Whom, follower: &Connection, going_on: &HashSet<SessionId>) -> Standing {
    let owner = match whom {
        Whom::Anybody => return Standing::Hears,
        Whom::WhoeverIsIn => None,
        Whom::Owner(owner) => Some(owner),
    };
    match follower.who {
        Some(who) if !going_on.contains(&who.session) => Standing::IsOut,
        Some(who) if owner.is_none_or(|owner| owner == who.user) => Standing::Hears,
        _ => Standing::IsNotMeant,
    }
}

async fn end(app: &App, audience: &Audience, follower: &Connection) -> Result<(), Error> {
    app.pusher.end(&follower.id).await?;
    forget(app, audience, follower).await
}

/// Forgets a connection. Its items may be gone already but for the one that led to it.
async fn forget(app: &App, audience: &Audience, follower: &Connection) -> Result<(), Error> {
    app.connections.close(&follower.id).await?;
    Ok(app.connections.drop_follower(audience, &follower.id).await?)
}
