//! What a route says about its callers is what its function does: every route is called by nobody, by somebody with a forged
//! token, and by people of each role. No database is needed, because a caller is judged before anything else is done.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod running;

use checks::{fleet, repository};
use domain::UserId;
use domain::user::Role;
use runtime::Clock;
use testkit::{Api, TestTokens};
use web::{Access, Route};

/// Whether somebody of a role may call a route.
fn may_call(role: Role, access: Access) -> bool {
    match access {
        Access::Public | Access::User => true,
        Access::Publisher => matches!(role, Role::Organizer | Role::Admin),
        Access::Staff => matches!(role, Role::Staff | Role::Organizer | Role::Admin),
        Access::Admin => role == Role::Admin,
        Access::Gateway => false,
    }
}

/// The router of a function without a database.
async fn api(function: &str) -> Api {
    running::api(function, "postgres://nobody@127.0.0.1:9/none").await
}

async fn call(api: &Api, route: &Route, token: Option<&str>) -> (u16, String) {
    let reply = api.call(route.method, &fleet::example(route), token, None).await;
    let code = match reply.status.as_u16() {
        200..=299 => String::new(),
        status => reply.error(status),
    };
    (reply.status.as_u16(), code)
}

#[tokio::test]
async fn without_a_good_token_only_public_routes_answer() {
    for function in fleet::HTTP {
        let api = api(function.name).await;
        for route in function.routes {
            let unauthenticated = (401, "unauthenticated".to_owned());
            match route.access {
                Access::User | Access::Publisher | Access::Staff | Access::Admin => {
                    for token in [None, Some("forged"), Some("")] {
                        assert_eq!(call(&api, route, token).await, unauthenticated, "{}", route.id);
                    }
                }
                Access::Public => {
                    assert_ne!(call(&api, route, None).await, unauthenticated, "{}", route.id);
                }
                // Known by a signature in the body, which an empty body has not.
                Access::Gateway => {
                    let (status, _) = call(&api, route, None).await;
                    assert!((400..500).contains(&status), "{}: {status}", route.id);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_role_opens_what_its_routes_say_and_nothing_else() {
    let clock = Clock::system();
    for function in fleet::HTTP {
        let api = api(function.name).await;
        for route in function.routes {
            if matches!(route.access, Access::Public | Access::Gateway) {
                continue;
            }
            for role in Role::ALL {
                let token = TestTokens::of(UserId::new(1), role, &clock);
                let (status, code) = call(&api, route, Some(&token)).await;
                let refused = status == 403 && code == "forbidden" || status == 401;
                // A profile is its owner's, whatever the role: the path names account 1, which is the caller's.
                assert_eq!(
                    refused,
                    !may_call(role, route.access),
                    "{} as {role}: {status} {code}",
                    route.id
                );
            }
        }
    }
}

#[tokio::test]
async fn an_expired_token_is_none() {
    let then = Clock::set_to(domain::Timestamp::parse("2020-01-01").unwrap());
    let token = TestTokens::of(UserId::new(1), Role::Admin, &then);
    for function in fleet::HTTP {
        let api = api(function.name).await;
        for route in function.routes {
            if matches!(
                route.access,
                Access::User | Access::Publisher | Access::Staff | Access::Admin
            ) {
                assert_eq!(call(&api, route, Some(&token)).await.0, 401, "{}", route.id);
            }
        }
    }
}

#[tokio::test]
async fn every_declared_route_is_listed_and_mounted() {
    for function in fleet::HTTP {
        let mut declared = 0;
        for file in repository::entries(&format!("functions/{}/src", function.name)).unwrap() {
            if file.ends_with(".rs") {
                let text = repository::read(&format!("functions/{}/src/{file}", function.name)).unwrap();
                declared += text.matches("Route::new(").count();
            }
        }
        assert_eq!(
            declared,
            function.routes.len(),
            "ROUTES of {} lacks a route",
            function.name
        );
        let (api, clock) = (api(function.name).await, Clock::system());
        let admin = TestTokens::of(UserId::new(1), Role::Admin, &clock);
        for route in function.routes {
            let (_, code) = call(&api, route, Some(&admin)).await;
            assert!(
                !["route_not_found", "method_not_allowed"].contains(&code.as_str()),
                "the router of {} does not mount {}",
                function.name,
                route.id
            );
        }
    }
}
