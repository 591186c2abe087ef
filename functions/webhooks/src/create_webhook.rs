use crate::out::{WebhookOut, WebhookWithSecret};
use crate::{App, check_reach, url_taken};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use db::webhooks::{self, NewEndpoint, Written};
use domain::Error;
use domain::api_key::Scope;
use domain::audit::{Changes, Subject};
use domain::destination::WebAddress;
use domain::webhook::{MOST_ENDPOINTS, Subscription, WebhookDescription};
use std::sync::Arc;
use web::{Access, Answer, Keyed, Origin, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/webhooks",
    Access::Publisher,
    "create_webhook",
    "Have an own system told what happens to one's events; the secret is shown this once",
)
.status(201)
.scope(Scope::WebhooksWrite)
.body::<NewWebhook>()
.data::<WebhookWithSecret>()
.idempotent()
.conflicts(&["too_many_webhooks", "url_taken"]);

web::input! {
    /// A new webhook.
    pub(crate) struct NewWebhook {
        /// Where it is: HTTPS, port 443, a host of the public net.
        url: WebAddress,
        /// What its owner calls it.
        description: Option<WebhookDescription>,
        /// What it is told of.
        events: Subscription,
    }
}

pub(crate) async fn create_webhook(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    origin: Origin,
    mut request: Keyed<NewWebhook>,
) -> web::Result<Response> {
    let now = app.clock.now();
    let once = request.take_once(ROUTE.id, caller.id);
    let input = request.body;
    check_reach(app.reach, &input.url)?;
    let secret = runtime::webhook::new_secret();
    let new = NewEndpoint {
        url: &input.url,
        description: &input.description.unwrap_or_default(),
        events: &input.events,
        secret: &secret,
    };
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    if let Some(stored) = db::idempotency::claim(&tx, once.as_ref(), now).await? {
        return Ok(web::answer::stored(stored));
    }
    let endpoint = match webhooks::insert(&tx, caller.id, &new, now).await? {
        Written::Endpoint(endpoint) => *endpoint,
        Written::UrlTaken => return Err(url_taken().into()),
        Written::TooMany => {
            let message = format!("An account has at most {MOST_ENDPOINTS} webhooks");
            return Err(Error::conflict("too_many_webhooks", message).into());
        }
    };
    let changes = Changes::none()
        .set("url", &endpoint.url)
        .set("events", &endpoint.events);
    let subject = Subject::Webhook(endpoint.id);
    db::audit::record(&tx, &origin.entry(caller, ROUTE.id, subject, changes, now)).await?;
    let made = WebhookWithSecret {
        about: WebhookOut::from(endpoint),
        secret: runtime::webhook::secret_text(&secret),
    };
    let answer = Answer::created("Webhook created successfully", made);
    db::idempotency::store(tx.client(), once.as_ref(), &answer.to_stored()).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(answer.into_response())
}
