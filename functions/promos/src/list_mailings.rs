use crate::App;
use crate::mailing_out::MailingOut;
use axum::extract::State;
use std::sync::Arc;
use web::input::PageQuery;
use web::{Access, Answer, Meta, Publisher, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/promos/mailings",
    Access::Publisher,
    "list_mailings",
    "List one's promotional mails (all, for an admin), newest first",
)
.query::<PageQuery>()
.data::<MailingList>();

web::list! {
    /// A page of promotional mails.
    MailingList { mailings: MailingOut }
}

pub(crate) async fn list_mailings(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Query(PageQuery { page }): Query<PageQuery>,
) -> web::Result<Answer<MailingList>> {
    let conn = app.db.conn().await?;
    let (rows, total) = db::mailings::list(&conn, caller.id, caller.is_admin(), page).await?;
    Ok(Answer::ok(MailingList {
        mailings: rows.into_iter().map(MailingOut::from).collect(),
        meta: Meta::of(page, total),
    }))
}
