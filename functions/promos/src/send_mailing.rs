use crate::App;
use crate::mailing_out::MailingOut;
use crate::mailing_steps::{self, Asked};
use axum::extract::State;
use domain::mailing::{Step, send_time};
use domain::{MailingId, Timestamp};
use std::sync::Arc;
use web::{Access, Answer, Json, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/promos/mailings/{id}/send",
    Access::Publisher,
    "send_mailing",
    "Send a promotional mail, now or at a time; one that waits for its time gets another",
)
.body::<SendIn>()
.data::<MailingOut>()
.conflicts(&["mailing_begun", "mailing_over", "offer_over", "too_many_mailings"]);

web::input! {
    /// When it begins.
    pub(crate) struct SendIn {
        /// Within the next 90 days; at once if it is absent.
        send_at: Option<Timestamp>,
    }
}

pub(crate) async fn send_mailing(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<MailingId>,
    origin: Origin,
    Json(input): Json<SendIn>,
) -> web::Result<Answer<MailingOut>> {
    let send_at = send_time(input.send_at, app.clock.now())?;
    let asked = Asked {
        step: Step::Send,
        send_at: Some(send_at),
        action: ROUTE.id,
    };
    mailing_steps::take(&app, caller, &origin, id, asked).await
}
