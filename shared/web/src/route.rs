//! What a route is.

use crate::finish::{self, Site};
use axum::Extension;
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};
use domain::api_key::Scope;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::sync::Arc;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Public,
    /// Everybody with a valid token.
    User,
    /// Organizers, for what is theirs, and admins.
    Publisher,
    /// Whoever checks tickets: staff, organizers for their own events, and admins.
    Staff,
    /// Admins.
    Admin,
    /// The payment gateway, known by its signature.
    Gateway,
}

/// Writes the schema of a type.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One route: what the router mounts and what the OpenAPI document says.
///
/// Pass its fields on, never a `&Route` into an `async fn`: what a future holds is kept by the linker, and with the route all
/// its schemas, 0.2 MB of a function's zip that only the document needs.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// HTTP method.
    pub method: &'static str,
    /// Path with parameters in braces.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Name of the operation, unique in the fleet: `verb_resource`.
    pub id: &'static str,
    /// One line for the document.
    pub summary: &'static str,
    /// Status of success.
    pub status: u16,
    /// Its body, if it takes one.
    pub body: Option<SchemaOf>,
    /// Whether the body may be a form with a picture, too.
    pub takes_image: bool,
    /// Its query parameters, if it takes any.
    pub query: Option<SchemaOf>,
    /// The `data` of its answer; `null` if absent.
    pub data: Option<SchemaOf>,
    /// Media type of an answer that is not the envelope.
    pub media_type: Option<&'static str>,
    /// Whether it honours `Idempotency-Key`.
    pub idempotent: bool,
    /// Codes of the conflicts (409) that it answers.
    pub conflicts: &'static [&'static str],
    /// Which scope opens it to API keys; without one it takes none.
    pub scope: Option<Scope>,
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

impl Route {
    /// A route that takes nothing and answers 200.
    pub const fn new(
        method: &'static str,
        path: &'static str,
        access: Access,
        id: &'static str,
        summary: &'static str,
    ) -> Self {
        Self {
            method,
            path,
            access,
            id,
            summary,
            status: 200,
            body: None,
            takes_image: false,
            query: None,
            data: None,
            media_type: None,
            idempotent: false,
            conflicts: &[],
            scope: None,
        }
    }

    /// Status of success.
    #[must_use]
    pub const fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// It takes a JSON body.
    #[must_use]
    pub const fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(schema_of::<T>);
        self
    }

    /// Its body may be a form with a picture, too: see [`WithImage`](crate::WithImage).
    #[must_use]
    pub const fn or_form_with_image(mut self) -> Self {
        self.takes_image = true;
        self
    }

    /// It takes query parameters.
    #[must_use]
    pub const fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(schema_of::<T>);
        self
    }

    /// What stands in `data` of its answer.
    #[must_use]
    pub const fn data<T: JsonSchema>(mut self) -> Self {
        self.data = Some(schema_of::<T>);
        self
    }

    /// It answers something else than the envelope.
    #[must_use]
    pub const fn media_type(mut self, media_type: &'static str) -> Self {
        self.media_type = Some(media_type);
        self
    }

    /// It honours `Idempotency-Key`.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// It is open to API keys with this scope.
    #[must_use]
    pub const fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Codes of the conflicts that it answers.
    #[must_use]
    pub const fn conflicts(mut self, codes: &'static [&'static str]) -> Self {
        self.conflicts = codes;
        self
    }
}

/// Builds the router of a function.
pub struct Router<S> {
    routes: axum::Router<Arc<S>>,
}

impl<S: Send + Sync + 'static> Default for Router<S> {
    fn default() -> Self {
        Self {
            routes: axum::Router::new(),
        }
    }
}

impl<S: Send + Sync + 'static> Router<S> {
    /// Mounts a handler where its route says.
    // Inlined, so that no reference to the route is left in a binary: its schemas would stay, too.
    #[inline(always)]
    #[must_use]
    pub fn at<T: 'static>(self, route: &Route, handler: impl Handler<T, Arc<S>>) -> Self {
        self.mount(route.method, route.path, route.scope, handler)
    }

    fn mount<T: 'static>(
        self,
        method: &str,
        path: &str,
        scope: Option<Scope>,
        handler: impl Handler<T, Arc<S>>,
    ) -> Self {
        let filter = match method {
            "POST" => MethodFilter::POST,
            "PATCH" => MethodFilter::PATCH,
            "PUT" => MethodFilter::PUT,
            "DELETE" => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        };
        let mut mounted = on(filter, handler);
        if let Some(scope) = scope {
            mounted = mounted.layer(Extension(scope));
        }
        Self {
            routes: self.routes.route(path, mounted),
        }
    }

    /// The finished router: unknown paths and methods answer with the envelope, and every answer is finished.
    pub fn build(self, app: S, site: Site) -> axum::Router {
        let routes = self
            .routes
            .fallback(finish::unknown_route)
            .method_not_allowed_fallback(finish::unknown_method)
            .with_state(Arc::new(app));
        // The outer router sees the request before the inner one matches its path, so a trailing slash can be dropped.
        axum::Router::new()
            .fallback_service(routes)
            .layer(axum::middleware::from_fn_with_state(
                Arc::new(site),
                finish::finish,
            ))
    }
}
