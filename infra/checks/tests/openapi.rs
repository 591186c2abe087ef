//! The API document says what the functions do, and is valid in itself.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use checks::{fleet, openapi, repository};
use serde_json::Value;
use std::collections::BTreeSet;

fn document() -> Value {
    openapi::document().unwrap()
}

/// Calls `visit` with every object of a document.
fn walk(value: &Value, visit: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            visit(fields);
            fields.values().for_each(|value| walk(value, visit));
        }
        Value::Array(values) => values.iter().for_each(|value| walk(value, visit)),
        _ => {}
    }
}

#[test]
fn the_committed_document_is_fresh() {
    let committed = repository::read(repository::OPENAPI).unwrap();
    let fresh = openapi::text().unwrap();
    let line = committed
        .lines()
        .zip(fresh.lines())
        .position(|(committed, fresh)| committed != fresh);
    assert!(
        committed == fresh,
        "{} is outdated from line {}; write it with `cargo xtask openapi`",
        repository::OPENAPI,
        line.map_or_else(
            || committed.lines().count().min(fresh.lines().count()) + 1,
            |line| line + 1
        ),
    );
}

#[test]
fn operations_have_names_of_their_own_that_say_what_they_do() {
    let mut names = BTreeSet::new();
    for (function, route) in fleet::routes() {
        assert!(names.insert(route.id), "two routes are called {}", route.id);
        let plain = route
            .id
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(plain, "{function}: {} is not snake case", route.id);
        assert!(
            !route.summary.is_empty() && !route.summary.ends_with('.'),
            "{function}: the summary of {} is a line without a full stop",
            route.id
        );
    }
}

#[test]
fn no_two_routes_are_the_same() {
    let mut seen = BTreeSet::new();
    for (function, route) in fleet::routes() {
        assert!(
            seen.insert((route.method, route.path)),
            "{function}: {} {} exists twice",
            route.method,
            route.path
        );
    }
    let operations = document()["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|item| item.as_object().unwrap().len())
        .sum::<usize>();
    assert_eq!(operations, seen.len());
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    let document = document();
    let mut used = BTreeSet::new();
    walk(&document, &mut |fields| {
        if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
            used.insert(reference.to_owned());
        }
    });
    for kind in ["schemas", "responses", "parameters"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            assert!(
                used.contains(&format!("#/components/{kind}/{name}")),
                "nothing uses {kind}/{name}"
            );
        }
    }
}

#[test]
fn operations_say_who_may_call_them_and_what_they_answer() {
    let document = document();
    let bearer = serde_json::json!([{"bearerAuth": []}]);
    for (_, route) in fleet::routes() {
        let operation = &document["paths"][route.path][route.method.to_lowercase()];
        let open = matches!(route.access, web::Access::Public | web::Access::Gateway);
        assert_eq!(operation["security"] == bearer, !open, "{}", route.id);
        let answers = operation["responses"].as_object().unwrap();
        assert!(answers.contains_key(&route.status.to_string()), "{}", route.id);
        assert!(answers.contains_key("default"), "{}", route.id);
        assert_eq!(
            answers.contains_key("401"),
            route.access != web::Access::Public,
            "{}",
            route.id
        );
        for code in route.conflicts {
            assert!(
                answers["409"].to_string().contains(&format!("\"{code}\"")),
                "{}: {code}",
                route.id
            );
        }
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let in_path = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path" && parameter["required"] == true)
            .count();
        assert_eq!(in_path, route.path.matches('{').count(), "{}", route.id);
    }
}

#[test]
fn parameters_of_queries_are_never_null() {
    let document = document();
    let mut queries = 0;
    walk(&document["paths"], &mut |fields| {
        if fields.get("in").is_some_and(|place| place == "query") {
            queries += 1;
            let schema = fields["schema"].to_string();
            assert!(!schema.contains("null"), "{}: {schema}", fields["name"]);
        }
    });
    assert!(queries > 10, "{queries}");
}
