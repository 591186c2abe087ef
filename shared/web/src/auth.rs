//! Callers. A handler that takes none of these is public; there is no other way to a user's id.

use crate::failure::Failure;
use crate::tokens::Tokens;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use domain::user::Role;
use domain::{Error, UserId};
use http::request::Parts;
use http::{HeaderMap, header};
use lambda_http::request::RequestContext;
use runtime::Clock;
use std::sync::Arc;

/// What a function must have so that its callers can be known.
pub trait Service: Send + Sync + 'static {
    /// Checks tokens.
    fn tokens(&self) -> &Tokens;

    /// Tells the time.
    fn clock(&self) -> &Clock;
}

/// Somebody with a valid token.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    /// Their account.
    pub id: UserId,
    /// What they may do, as of when the token was issued.
    pub role: Role,
}

impl Caller {
    /// Whether they run the platform.
    pub fn is_admin(self) -> bool {
        self.role == Role::Admin
    }
}

/// An organizer or an admin.
#[derive(Debug, Clone, Copy)]
pub struct Publisher(pub Caller);

/// Whoever checks tickets: staff, an organizer or an admin.
#[derive(Debug, Clone, Copy)]
pub struct Staff(pub Caller);

/// An admin.
#[derive(Debug, Clone, Copy)]
pub struct Admin(pub Caller);

/// Somebody or nobody: a public route that shows more to some. A bad token is refused all the same.
#[derive(Debug, Clone, Copy)]
pub struct Viewer(pub Option<Caller>);

impl Viewer {
    /// Their account, if they are known.
    pub fn id(self) -> Option<UserId> {
        self.0.map(|caller| caller.id)
    }

    /// Whether they see everything.
    pub fn sees_all(self) -> bool {
        self.0.is_some_and(Caller::is_admin)
    }
}

/// Address of the caller as the gateway saw it. Headers that a caller may write itself, such as `X-Forwarded-For`, are not
/// looked at.
#[derive(Debug, Clone)]
pub struct ClientIp(pub String);

impl<S: Send + Sync> FromRequestParts<S> for ClientIp {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let ip = match parts.extensions.get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.clone(),
            _ => None,
        };
        Ok(Self(ip.unwrap_or_else(|| "unknown".to_owned())))
    }
}

/// The token of a request: the second word of `Authorization`, else the cookie `token`. The header wins, good or bad.
fn token(headers: &HeaderMap) -> Option<&str> {
    let header = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    if let Some(header) = header.filter(|header| !header.trim().is_empty()) {
        return header.split_whitespace().nth(1);
    }
    let cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == "token" && !value.is_empty())
        .map(|(_, value)| value)
}

fn caller<S: Service>(headers: &HeaderMap, app: &S) -> Result<Option<Caller>, Failure> {
    let Some(token) = token(headers) else {
        return Ok(None);
    };
    let claims = app.tokens().check(token, app.clock().now());
    let claims = claims.ok_or_else(|| Error::unauthenticated("Invalid token"))?;
    Ok(Some(Caller {
        id: UserId::new(claims.id),
        role: claims.role,
    }))
}

impl<S: Service> FromRequestParts<Arc<S>> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<S>) -> Result<Self, Failure> {
        let caller = caller(&parts.headers, app.as_ref())?;
        Ok(caller.ok_or_else(|| Error::unauthenticated("No token provided"))?)
    }
}

impl<S: Service> OptionalFromRequestParts<Arc<S>> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<S>) -> Result<Option<Self>, Failure> {
        caller(&parts.headers, app.as_ref())
    }
}

impl<S: Service> FromRequestParts<Arc<S>> for Viewer {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<S>) -> Result<Self, Failure> {
        caller(&parts.headers, app.as_ref()).map(Self)
    }
}

impl<S: Service> FromRequestParts<Arc<S>> for Publisher {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<S>) -> Result<Self, Failure> {
        let caller = <Caller as FromRequestParts<Arc<S>>>::from_request_parts(parts, app).await?;
        if caller.role.may_publish() {
            Ok(Self(caller))
        } else {
            Err(Error::forbidden().into())
        }
    }
}

impl<S: Service> FromRequestParts<Arc<S>> for Staff {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<S>) -> Result<Self, Failure> {
        let caller = <Caller as FromRequestParts<Arc<S>>>::from_request_parts(parts, app).await?;
        if caller.role.may_check_in() {
            Ok(Self(caller))
        } else {
            Err(Error::forbidden().into())
        }
    }
}

impl<S: Service> FromRequestParts<Arc<S>> for Admin {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<S>) -> Result<Self, Failure> {
        let caller = <Caller as FromRequestParts<Arc<S>>>::from_request_parts(parts, app).await?;
        if caller.is_admin() {
            Ok(Self(caller))
        } else {
            Err(Error::forbidden().into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    http::HeaderName::from_static(name),
                    http::HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn the_header_wins_over_the_cookie() {
        assert_eq!(token(&headers(&[("authorization", "Bearer abc")])), Some("abc"));
        assert_eq!(token(&headers(&[("authorization", "whatever abc")])), Some("abc"));
        assert_eq!(token(&headers(&[("cookie", "a=b; token=xyz")])), Some("xyz"));
        assert_eq!(
            token(&headers(&[
                ("authorization", "Bearer abc"),
                ("cookie", "token=xyz")
            ])),
            Some("abc")
        );
        assert_eq!(
            token(&headers(&[("authorization", "abc"), ("cookie", "token=xyz")])),
            None
        );
        assert_eq!(token(&headers(&[("cookie", "token=")])), None);
        assert_eq!(token(&HeaderMap::new()), None);
    }
}
