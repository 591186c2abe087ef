use crate::out::WebhookOut;
use crate::{App, check_reach, missing, url_taken};
use axum::extract::State;
use db::webhooks::{self, Change, Endpoint, Written};
use domain::WebhookId;
use domain::api_key::Scope;
use domain::audit::{Changes, Subject};
use domain::destination::WebAddress;
use domain::webhook::{Subscription, WebhookDescription, WhyDisabled};
use std::sync::Arc;
use web::{Access, Answer, Json, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PATCH",
    "/api/v1/webhooks/{id}",
    Access::Publisher,
    "update_webhook",
    "Change a webhook, disable it, or enable it again",
)
.scope(Scope::WebhooksWrite)
.body::<WebhookChanges>()
.data::<WebhookOut>()
.conflicts(&["url_taken"]);

web::input! {
    /// Changes to a webhook; absent fields stay.
    pub(crate) struct WebhookChanges {
        /// Where it is: HTTPS, port 443, a host of the public net. What waits goes there, too.
        url: Option<WebAddress>,
        /// What its owner calls it.
        description: Option<WebhookDescription>,
        /// What it is told of.
        events: Option<Subscription>,
        /// Whether it gets messages. What happens while it gets none is not told later.
        enabled: Option<bool>,
    }
}

pub(crate) async fn update_webhook(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<WebhookId>,
    origin: Origin,
    Json(input): Json<WebhookChanges>,
) -> web::Result<Answer<WebhookOut>> {
    let now = app.clock.now();
    if let Some(url) = &input.url {
        check_reach(app.reach, url)?;
    }
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let before = webhooks::lock_own(&tx, id, caller.id).await?;
    let before = before.ok_or_else(missing)?;
    let url = input.url.as_ref().map_or(before.url.as_str(), WebAddress::as_str);
    let change = Change {
        url,
        description: input
            .description
            .as_ref()
            .map_or(before.description.as_str(), WebhookDescription::as_str),
        events: input.events.as_ref().unwrap_or(&before.events),
        disabled: match input.enabled {
            Some(true) => None,
            Some(false) => before.disabled.or(Some((now, WhyDisabled::Owner))),
            None => before.disabled,
        },
        afresh: url != before.url || input.enabled == Some(true),
    };
    let after = match webhooks::update(&tx, id, &change, now).await? {
        Written::Endpoint(endpoint) => *endpoint,
        Written::UrlTaken | Written::TooMany => return Err(url_taken().into()),
    };
    let changes = between(&before, &after);
    if !changes.is_empty() {
        let entry = origin.entry(caller, ROUTE.id, Subject::Webhook(id), changes, now);
        db::audit::record(&tx, &entry).await?;
    }
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(WebhookOut::from(after)).message("Webhook updated successfully"))
}

/// What the audit log says is different.
fn between(before: &Endpoint, after: &Endpoint) -> Changes {
    Changes::none()
        .moved("url", &before.url, &after.url)
        .moved("description", &before.description, &after.description)
        .moved("events", &before.events, &after.events)
        .moved("enabled", &before.disabled.is_none(), &after.disabled.is_none())
}
