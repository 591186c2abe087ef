use crate::App;
use crate::tell::{Followers, Whom, tell};
use domain::message::{Part, Subject};
use domain::realtime::{Message, Topic};
use domain::{Error, OrderId};
use kv::Audience;

/// Tells the buyer where an order stands, on every connection of a part that follows it.
pub(crate) async fn tell_of_order(app: &App, id: OrderId, part: &Part) -> Result<(), Error> {
    let followed = {
        let conn = app.db.conn().await?;
        db::realtime::order(&conn, id).await?
    };
    let Some(followed) = followed else {
        tracing::warn!(order = id.get(), "there is no such order");
        return Ok(());
    };
    let (owner, code) = (followed.owner, followed.state.order_id.clone());
    let message = Message::Update {
        topic: Topic::Order(code.clone()),
        state: followed.into_state(),
    };
    let followers = Followers {
        of: Subject::Order(id),
        audience: Audience::Order(code),
        whom: Whom::Owner(owner),
    };
    tell(app, &followers, part, &message).await
}
