use crate::out::{WebhookOut, WebhookWithSecret};
use crate::{App, missing};
use axum::extract::State;
use domain::WebhookId;
use domain::api_key::Scope;
use domain::audit::{Changes, Subject};
use std::sync::Arc;
use web::{Access, Answer, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/webhooks/{id}/secret",
    Access::Publisher,
    "rotate_webhook_secret",
    "Have another secret made, which is shown this once; the one before it signs, too, for 24 hours",
)
.scope(Scope::WebhooksWrite)
.data::<WebhookWithSecret>();

pub(crate) async fn rotate_webhook_secret(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<WebhookId>,
    origin: Origin,
) -> web::Result<Answer<WebhookWithSecret>> {
    let now = app.clock.now();
    let secret = runtime::webhook::new_secret();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let endpoint = db::webhooks::rotate(&tx, id, caller.id, &secret, now).await?;
    let endpoint = endpoint.ok_or_else(missing)?;
    let changes = Changes::none().set("oldSecretUntil", endpoint.old_secret_until);
    let entry = origin.entry(caller, ROUTE.id, Subject::Webhook(id), changes, now);
    db::audit::record(&tx, &entry).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    let answer = Answer::ok(WebhookWithSecret {
        about: WebhookOut::from(endpoint),
        secret: runtime::webhook::secret_text(&secret),
    });
    Ok(answer.message("Webhook secret rotated"))
}
