//! The functions that answer HTTP requests.

use web::Route;

/// A function and its routes.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// Its folder, package and binary.
    pub name: &'static str,
    /// What it answers.
    pub routes: &'static [Route],
}

/// Every function with routes, in the order of the API document.
pub const HTTP: &[Function] = &[
    Function {
        name: "auth",
        routes: auth::ROUTES,
    },
    Function {
        name: "users",
        routes: users::ROUTES,
    },
    Function {
        name: "events",
        routes: events::ROUTES,
    },
    Function {
        name: "categories",
        routes: categories::ROUTES,
    },
    // Before the ticket types, which take their reviews with them.
    Function {
        name: "reviews",
        routes: reviews::ROUTES,
    },
    Function {
        name: "tickets",
        routes: tickets::ROUTES,
    },
    Function {
        name: "check-ins",
        routes: check_ins::ROUTES,
    },
    Function {
        name: "images",
        routes: images::ROUTES,
    },
    Function {
        name: "cart",
        routes: cart::ROUTES,
    },
    Function {
        name: "promos",
        routes: promos::ROUTES,
    },
    Function {
        name: "reports",
        routes: reports::ROUTES,
    },
    Function {
        name: "webhooks",
        routes: webhooks::ROUTES,
    },
    Function {
        name: "payments",
        routes: payments::ROUTES,
    },
    Function {
        name: "midtrans-webhook",
        routes: midtrans_webhook::ROUTES,
    },
    Function {
        name: "notifications",
        routes: notifications::ROUTES,
    },
    Function {
        name: "status",
        routes: status::ROUTES,
    },
    Function {
        name: "docs",
        routes: docs::ROUTES,
    },
];

/// Every route with the name of its function.
pub fn routes() -> impl Iterator<Item = (&'static str, &'static Route)> {
    HTTP.iter()
        .flat_map(|function| function.routes.iter().map(|route| (function.name, route)))
}

/// A path that a route matches: its parameters get values.
pub fn example(route: &Route) -> String {
    let segments = route.path.split('/').map(|segment| match segment {
        "{code}" => "0123456789abcdef0123456789abcdef",
        "{token}" => "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "{file}" => "swagger-ui.css",
        parameter if parameter.starts_with('{') => "1",
        literal => literal,
    });
    segments.collect::<Vec<_>>().join("/")
}
