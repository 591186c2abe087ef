//! Callers. A handler that takes none of these is public; there is no other way to a user's id.

use crate::failure::Failure;
use crate::tokens::Tokens;
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use domain::api_key::{self, KeyOwner, Scope};
use domain::user::Role;
use domain::{ApiKeyId, Error, Kind, SessionId, Timestamp, UserId};
use http::request::Parts;
use http::{HeaderMap, header};
use lambda_http::request::RequestContext;
use runtime::Clock;
use std::sync::Arc;

/// What a function must have so that its callers can be known. [`service!`](crate::service) writes it for an `App` with the
/// usual fields.
pub trait Service: Send + Sync + 'static {
    /// Checks tokens.
    fn tokens(&self) -> &Tokens;

    /// Tells the time.
    fn clock(&self) -> &Clock;

    /// Whether a session of somebody goes on.
    fn session_counts(
        &self,
        session: SessionId,
        user: UserId,
    ) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Whose API key has this hash, if it is a good one at this moment.
    fn key_owner(
        &self,
        hash: [u8; 32],
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<KeyOwner>, Error>> + Send;
}

/// Makes an `App` with the fields `tokens`, `clock` and `db` a [`Service`]: sessions and API keys are looked up in its
/// database.
#[macro_export]
macro_rules! service {
    ($app:ty) => {
        impl $crate::Service for $app {
            fn tokens(&self) -> &$crate::Tokens {
                &self.tokens
            }

            fn clock(&self) -> &::runtime::Clock {
                &self.clock
            }

            async fn session_counts(
                &self,
                session: ::domain::SessionId,
                user: ::domain::UserId,
            ) -> ::domain::Result<bool> {
                let conn = self.db.conn().await?;
                Ok(::db::sessions::counts(&conn, session, user).await?)
            }

            async fn key_owner(
                &self,
                hash: [u8; 32],
                now: ::domain::Timestamp,
            ) -> ::domain::Result<Option<::domain::api_key::KeyOwner>> {
                let conn = self.db.conn().await?;
                Ok(::db::api_keys::owner(&conn, &hash, now).await?)
            }
        }
    };
}

/// Somebody with a valid token or API key.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    /// Their account.
    pub id: UserId,
    /// What they may do, as of when the token was issued.
    pub role: Role,
    /// The log-in that the token belongs to; none for an API key.
    pub session: Option<SessionId>,
    /// The API key, if they are known by one.
    pub key: Option<ApiKeyId>,
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

/// Who calls, if they may do what is asked of their role.
///
/// A role is judged by what a token says, before anything is looked up; then the session must go on. An API key must have
/// the scope of the route, and its owner the role.
async fn judge<S: Service>(
    parts: &Parts,
    app: &S,
    may: impl Fn(Role) -> bool,
) -> Result<Option<Caller>, Failure> {
    let Some(token) = token(&parts.headers) else {
        return Ok(None);
    };
    let now = app.clock().now();
    if token.starts_with(api_key::PREFIX) {
        return by_key(parts, app, token, may).await.map(Some);
    }
    let claims = app.tokens().check(token, now).ok_or_else(unknown)?;
    if !may(claims.role) {
        return Err(Error::forbidden().into());
    }
    let caller = Caller {
        id: UserId::new(claims.id),
        role: claims.role,
        session: Some(SessionId::new(claims.sid)),
        key: None,
    };
    let session = SessionId::new(claims.sid);
    if !app.tokens().trusts(session, now) {
        if !app.session_counts(session, caller.id).await? {
            return Err(unknown().into());
        }
        app.tokens().trust(session, now);
    }
    Ok(Some(caller))
}

async fn by_key<S: Service>(
    parts: &Parts,
    app: &S,
    key: &str,
    may: impl Fn(Role) -> bool,
) -> Result<Caller, Failure> {
    let hash = runtime::random::sha256(key);
    let owner = app
        .key_owner(hash, app.clock().now())
        .await?
        .ok_or_else(unknown)?;
    let scope = parts.extensions.get::<Scope>();
    if !scope.is_some_and(|scope| owner.scopes.contains(scope)) {
        let message = match scope {
            Some(scope) => format!("This API key does not have the scope {scope}"),
            None => "API keys are not accepted here".to_owned(),
        };
        return Err(Error::new(Kind::Forbidden, "scope_missing", message).into());
    }
    if !may(owner.role) {
        return Err(Error::forbidden().into());
    }
    Ok(Caller {
        id: owner.id,
        role: owner.role,
        session: None,
        key: Some(owner.key),
    })
}

/// One answer for whatever is wrong with a token or key.
fn unknown() -> Error {
    Error::unauthenticated("Invalid token")
}

/// The caller, who must be somebody of such a role.
async fn required<S: Service>(parts: &Parts, app: &S, may: impl Fn(Role) -> bool) -> Result<Caller, Failure> {
    let caller = judge(parts, app, may).await?;
    Ok(caller.ok_or_else(|| Error::unauthenticated("No token provided"))?)
}

impl<S: Service> FromRequestParts<Arc<S>> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<S>) -> Result<Self, Failure> {
        required(parts, app.as_ref(), |_| true).await
    }
}

impl<S: Service> OptionalFromRequestParts<Arc<S>> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<S>) -> Result<Option<Self>, Failure> {
        judge(parts, app.as_ref(), |_| true).await
    }
}

impl<S: Service> FromRequestParts<Arc<S>> for Viewer {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<S>) -> Result<Self, Failure> {
        judge(parts, app.as_ref(), |_| true).await.map(Self)
    }
}

impl<S: Service> FromRequestParts<Arc<S>> for Publisher {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<S>) -> Result<Self, Failure> {
        required(parts, app.as_ref(), Role::may_publish).await.map(Self)
    }
}

impl<S: Service> FromRequestParts<Arc<S>> for Staff {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<S>) -> Result<Self, Failure> {
        required(parts, app.as_ref(), Role::may_check_in).await.map(Self)
    }
}

impl<S: Service> FromRequestParts<Arc<S>> for Admin {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<S>) -> Result<Self, Failure> {
        required(parts, app.as_ref(), |role| role == Role::Admin)
            .await
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::Subject;
    use domain::api_key::Scopes;
    use runtime::Secret;
    use std::sync::atomic::{AtomicU32, Ordering};

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

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    /// A service with one account, one session and one API key.
    struct App {
        tokens: Tokens,
        clock: Clock,
        looks: AtomicU32,
    }

    const AYU: UserId = UserId::new(7);
    const SESSION: SessionId = SessionId::new(3);

    impl Service for App {
        fn tokens(&self) -> &Tokens {
            &self.tokens
        }

        fn clock(&self) -> &Clock {
            &self.clock
        }

        async fn session_counts(&self, session: SessionId, user: UserId) -> Result<bool, Error> {
            self.looks.fetch_add(1, Ordering::Relaxed);
            Ok((session, user) == (SESSION, AYU))
        }

        async fn key_owner(&self, hash: [u8; 32], _: Timestamp) -> Result<Option<KeyOwner>, Error> {
            Ok((hash == runtime::random::sha256("gfk_good")).then(|| KeyOwner {
                key: ApiKeyId::new(7),
                id: AYU,
                role: Role::Organizer,
                scopes: Scopes::new(vec![Scope::EventsRead, Scope::TicketsCheck]).unwrap(),
            }))
        }
    }

    fn app() -> Arc<App> {
        Arc::new(App {
            tokens: Tokens::new(&Secret::new(SECRET), 3_600),
            clock: Clock::set_to(Timestamp::parse("2030-01-01T00:00:00Z").unwrap()),
            looks: AtomicU32::new(0),
        })
    }

    fn token_of(app: &App, id: UserId, session: SessionId, role: Role) -> String {
        let subject = Subject {
            id,
            email: "ayu@example.test",
            name: "Ayu",
            role,
            session,
        };
        app.tokens.issue(&subject, app.clock.now()).unwrap()
    }

    /// What an extractor says about a request with a credential to a route with a scope.
    async fn says<E: FromRequestParts<Arc<App>, Rejection = Failure>>(
        app: &Arc<App>,
        credential: &str,
        scope: Option<Scope>,
    ) -> Result<(), &'static str> {
        let request = http::Request::get("/").header("authorization", format!("Bearer {credential}"));
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        if let Some(scope) = scope {
            parts.extensions.insert(scope);
        }
        let judged = E::from_request_parts(&mut parts, app).await;
        judged.map(|_| ()).map_err(|failure| failure.code())
    }

    #[tokio::test]
    async fn a_session_is_looked_up_once_in_ten_seconds() {
        let app = app();
        let token = token_of(&app, AYU, SESSION, Role::User);
        for (seconds, looks) in [(0, 1), (9, 1), (1, 2), (1, 2)] {
            app.clock.advance(seconds);
            assert_eq!(says::<Caller>(&app, &token, None).await, Ok(()));
            assert_eq!(app.looks.load(Ordering::Relaxed), looks, "{seconds}");
        }
        app.tokens.distrust(SESSION);
        assert_eq!(says::<Caller>(&app, &token, None).await, Ok(()));
        assert_eq!(app.looks.load(Ordering::Relaxed), 3);
    }

    #[tokio::test]
    async fn a_session_must_go_on_and_be_the_callers() {
        let app = app();
        for (id, session) in [(AYU, SessionId::new(4)), (UserId::new(8), SESSION)] {
            let token = token_of(&app, id, session, Role::Admin);
            for _ in 0..2 {
                assert_eq!(says::<Admin>(&app, &token, None).await, Err("unauthenticated"));
            }
        }
    }

    #[tokio::test]
    async fn a_role_is_judged_before_the_session() {
        let app = app();
        let token = token_of(&app, AYU, SESSION, Role::User);
        assert_eq!(says::<Publisher>(&app, &token, None).await, Err("forbidden"));
        assert_eq!(says::<Staff>(&app, &token, None).await, Err("forbidden"));
        assert_eq!(says::<Admin>(&app, &token, None).await, Err("forbidden"));
        assert_eq!(app.looks.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_key_opens_routes_of_its_scopes_as_far_as_its_owner_may_go() {
        let app = app();
        let key = "gfk_good";
        assert_eq!(says::<Caller>(&app, key, None).await, Err("scope_missing"));
        assert_eq!(says::<Viewer>(&app, key, Some(Scope::EventsRead)).await, Ok(()));
        assert_eq!(says::<Staff>(&app, key, Some(Scope::TicketsCheck)).await, Ok(()));
        assert_eq!(
            says::<Admin>(&app, key, Some(Scope::EventsRead)).await,
            Err("forbidden")
        );
        assert_eq!(
            says::<Publisher>(&app, key, Some(Scope::EventsWrite)).await,
            Err("scope_missing")
        );
        assert_eq!(
            says::<Caller>(&app, "gfk_bad", Some(Scope::EventsRead)).await,
            Err("unauthenticated")
        );
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
