//! A request that creates something can be sent again: it honours `Idempotency-Key`.

use checks::fleet;
use std::collections::BTreeMap;

/// Routes that create something and take no key, and why.
fn exempt() -> BTreeMap<&'static str, &'static str> {
    BTreeMap::from([
        (
            "register",
            "there is no account yet to which a key could belong; the address is taken the second time",
        ),
        (
            "begin_as_guest",
            "there is no account yet to which a key could belong; a guest that orders nothing is forgotten",
        ),
        (
            "create_api_key",
            "the answer holds the API key, which is kept nowhere; one too many is seen in the list and revoked",
        ),
        (
            "create_socket_ticket",
            "the answer holds the ticket, which is kept nowhere; one that is not used is over in a minute",
        ),
        (
            "create_image",
            "it hands out an address for an upload; one that is not used is forgotten",
        ),
    ])
}

#[test]
fn what_creates_something_takes_a_key() {
    let exempt = exempt();
    for (function, route) in fleet::routes() {
        let creates = route.method == "POST" && route.status == 201;
        let excused = exempt.get(route.id);
        assert!(
            !creates || route.idempotent || excused.is_some(),
            "{function}: {} creates something: read the request as web::Keyed, claim its key with db::idempotency in the \
             transaction of the effect, and declare the route idempotent(); or say here why it needs no key",
            route.id
        );
        assert!(
            excused.is_none() || creates && !route.idempotent,
            "{function}: {} needs no excuse here",
            route.id
        );
    }
}

#[test]
fn excuses_are_for_routes_that_exist() {
    for (id, reason) in exempt() {
        assert!(
            fleet::routes().any(|(_, route)| route.id == id),
            "there is no {id} any more, which is excused because {reason}"
        );
    }
}
