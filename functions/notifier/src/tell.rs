use crate::App;
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

/// Tells followers something. A connection that is gone is forgotten, one whose session has ended is ended.
///
/// # Errors
/// If somebody could not be told for now. Everybody else was; a repetition tells them once more.
pub(crate) async fn tell(app: &App, audience: &Audience, whom: Whom, message: &Message) -> Result<(), Error> {
    let (text, now) = (message.to_text()?, app.clock.now());
    let (mut after, mut failure) = (None, None);
    loop {
        let page = app.connections.followers(audience, after, now).await?;
        let going_on = going_on(app, whom, &page.followers).await?;
        let telling = page.followers.into_iter().map(|follower| {
            let standing = standing(whom, &follower, &going_on);
            tell_one(app, audience, follower, standing, &text)
        });
        let told: Vec<_> = stream::iter(telling).buffer_unordered(AT_ONCE).collect().await;
        failure = told.into_iter().find_map(Result::err).or(failure);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    failure.map_or(Ok(()), Err)
}

async fn tell_one(
    app: &App,
    audience: &Audience,
    follower: Connection,
    standing: Standing,
    text: &str,
) -> Result<(), Error> {
    match standing {
        Standing::Hears => match app.pusher.push(&follower.id, text).await? {
            Pushed::Taken => Ok(()),
            Pushed::Gone => forget(app, audience, &follower).await,
        },
        Standing::IsOut => {
            app.pusher.end(&follower.id).await?;
            forget(app, audience, &follower).await
        }
        Standing::IsNotMeant => Ok(()),
    }
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

/// Forgets a connection. Its items may be gone already but for the one that led to it.
async fn forget(app: &App, audience: &Audience, follower: &Connection) -> Result<(), Error> {
    app.connections.close(&follower.id).await?;
    Ok(app.connections.drop_follower(audience, &follower.id).await?)
}
