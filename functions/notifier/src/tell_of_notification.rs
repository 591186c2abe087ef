use crate::App;
use crate::tell::{Followers, Whom, share_out, tell};
use domain::message::{Part, Subject};
use domain::realtime::{Data, Message, State, Topic};
use domain::{Error, NotificationId};
use kv::Audience;

/// Tells those for whom a notification is that it is there: a part of them, or without one all, a crowd in parts.
pub(crate) async fn tell_of_notification(
    app: &App,
    id: NotificationId,
    part: Option<&Part>,
) -> Result<(), Error> {
    let found = {
        let conn = app.db.conn().await?;
        db::realtime::told(&conn, id).await?
    };
    // It was deleted meanwhile: nothing is there to read.
    let Some((reader, told)) = found else {
        return Ok(());
    };
    let message = Message::Update {
        topic: Topic::Notifications,
        state: State {
            version: told.id.get(),
            data: Data::Notification(told),
        },
    };
    let (audience, whom) = match reader {
        Some(reader) => (Audience::Reader(reader), Whom::Owner(reader)),
        None => (Audience::Readers, Whom::WhoeverIsIn),
    };
    let followers = Followers {
        of: Subject::Told(id),
        audience,
        whom,
    };
    if part.is_none() && share_out(app, &followers).await? > 0 {
        return Ok(());
    }
    tell(app, &followers, part.unwrap_or(&Part::ALL), &message).await
}
