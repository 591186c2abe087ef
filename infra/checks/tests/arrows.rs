//! Which crate may depend on which: `functions → web|worker → runtime → domain`, `functions → adapters → domain`.

use checks::repository::{Workspace, workspace};

/// Crates that talk to something outside; none knows another. `aws` is what those with an AWS SDK have in common.
const ADAPTERS: [&str; 8] = [
    "blob",
    "db",
    "gateway",
    "kv",
    "mail",
    "push",
    "queue",
    "ticketing",
];

/// What a crate in `shared/` may link. `testkit` may link what it likes: nothing but tests links it.
#[expect(clippy::panic, reason = "a test fails by panicking")]
fn allowed(name: &str) -> &'static [&'static str] {
    match name {
        "domain" => &[],
        "aws" | "runtime" | "ticketing" => &["domain"],
        "db" => &["domain"],
        "outbound" => &[],
        "gateway" => &["domain", "outbound", "runtime"],
        "credentials" => &["domain", "runtime"],
        "kv" | "mail" | "push" | "queue" => &["aws", "domain"],
        "blob" => &["domain", "outbound", "runtime"],
        // What several functions do with pictures, over two adapters.
        "pictures" => &["blob", "db", "domain", "runtime", "web"],
        // Several functions ask the payment gateway, behind one breaker of the fleet, and apply what it says in one way.
        "settling" => &["db", "domain", "gateway", "kv", "queue", "runtime"],
        "views" => &["db", "domain"],
        "web" | "worker" => &["domain", "runtime"],
        "testkit" => &[
            "db", "domain", "gateway", "kv", "queue", "runtime", "settling", "web", "worker",
        ],
        other => panic!("shared/{other} is new: say here what it may link"),
    }
}

fn shared(workspace: &Workspace) -> impl Iterator<Item = (&str, &[String])> {
    workspace
        .members
        .iter()
        .filter_map(|(place, member)| Some((place.strip_prefix("shared/")?, member.links.as_slice())))
}

#[test]
fn shared_crates_link_only_what_lies_below_them() {
    let workspace = workspace().unwrap();
    for (name, links) in shared(&workspace).filter(|(name, _)| *name != "testkit") {
        for link in links {
            let link = link
                .strip_prefix("shared/")
                .unwrap_or_else(|| panic!("shared/{name} links {link}"));
            assert!(allowed(name).contains(&link), "shared/{name} links shared/{link}");
        }
    }
}

#[test]
fn adapters_do_not_know_each_other_and_the_domain_knows_nobody() {
    for (name, links) in shared(&workspace().unwrap()) {
        if ADAPTERS.contains(&name) {
            let others = links.iter().filter(|link| {
                link.strip_prefix("shared/")
                    .is_some_and(|link| ADAPTERS.contains(&link))
            });
            assert_eq!(others.count(), 0, "shared/{name} links another adapter");
        }
        if name == "domain" {
            assert!(links.is_empty(), "{links:?}");
        }
    }
}

#[test]
fn functions_link_shared_crates_only_and_nobody_links_a_function() {
    let workspace = workspace().unwrap();
    for (place, member) in &workspace.members {
        let all = member.links.iter().chain(&member.tests_link);
        if place.starts_with("functions/") {
            for link in &member.links {
                assert!(link.starts_with("shared/"), "{place} links {link}");
                assert_ne!(link, "shared/testkit", "{place} links it beyond its tests");
            }
        }
        // The checks read their routes, the benchmarks measure them.
        if !["infra/checks", "infra/load"].contains(&place.as_str()) {
            for link in all {
                assert!(!link.starts_with("functions/"), "{place} links {link}");
            }
        }
    }
}

#[test]
fn the_kit_of_the_tests_is_for_tests_only() {
    for (place, member) in workspace().unwrap().members {
        assert!(
            !member.links.iter().any(|link| link == "shared/testkit"),
            "{place} links shared/testkit beyond its tests"
        );
    }
}
