use crate::App;
use crate::tell::{Whom, tell};
use domain::realtime::{Data, Message, State, Topic};
use domain::{Error, NotificationId};
use kv::Audience;

/// Tells those for whom a notification is that it is there.
pub(crate) async fn tell_of_notification(app: &App, id: NotificationId) -> Result<(), Error> {
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
    match reader {
        Some(reader) => tell(app, &Audience::Reader(reader), Whom::Owner(reader), &message).await,
        None => tell(app, &Audience::Readers, Whom::WhoeverIsIn, &message).await,
    }
}
