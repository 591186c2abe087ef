use crate::App;
use crate::mailing_out::MailingOut;
use crate::mailing_steps::{self, Asked};
use axum::extract::State;
use domain::MailingId;
use domain::mailing::Step;
use std::sync::Arc;
use web::{Access, Answer, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/promos/mailings/{id}/pause",
    Access::Publisher,
    "pause_mailing",
    "Hold a promotional mail: nobody else gets it until it is resumed",
)
.data::<MailingOut>()
.conflicts(&["mailing_draft", "mailing_over"]);

pub(crate) async fn pause_mailing(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<MailingId>,
    origin: Origin,
) -> web::Result<Answer<MailingOut>> {
    let asked = Asked {
        step: Step::Pause,
        send_at: None,
        action: ROUTE.id,
    };
    mailing_steps::take(&app, caller, &origin, id, asked).await
}
