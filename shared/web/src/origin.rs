//! From where a request came, for the audit log.

use crate::auth::{Caller, ClientIp};
use axum::extract::FromRequestParts;
use domain::Timestamp;
use domain::audit::{Changes, Entry, Subject, Via};
use http::header;
use http::request::Parts;
use std::convert::Infallible;

/// Longest name of a client that is kept, in characters.
const LONGEST_AGENT: usize = 200;

/// The id of a request, as its answer tells it.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// From where a request came.
#[derive(Debug, Clone)]
pub struct Origin(domain::audit::Origin);

impl Origin {
    /// Address as the gateway saw it.
    pub fn client_ip(&self) -> &str {
        &self.0.client_ip
    }

    /// What the program calls itself, shortened.
    pub fn user_agent(&self) -> &str {
        &self.0.user_agent
    }

    /// What a caller changes by an operation, for the audit log.
    pub fn entry(
        &self,
        caller: Caller,
        action: &'static str,
        subject: Subject,
        changes: Changes,
        at: Timestamp,
    ) -> Entry<'_> {
        Entry {
            actor: caller.id,
            role: caller.role,
            via: caller.key.map_or(Via::Session, |_| Via::ApiKey),
            key: caller.key,
            origin: &self.0,
            action,
            subject,
            changes,
            at,
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let ClientIp(client_ip) = ClientIp::from_request_parts(parts, state).await?;
        let agent = parts.headers.get(header::USER_AGENT);
        let agent = agent.and_then(|agent| agent.to_str().ok()).unwrap_or("unknown");
        let request = parts.extensions.get::<RequestId>();
        Ok(Self(domain::audit::Origin {
            client_ip,
            user_agent: agent.chars().take(LONGEST_AGENT).collect(),
            request_id: request.map_or_else(String::new, |id| id.0.clone()),
        }))
    }
}
