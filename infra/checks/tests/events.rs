//! `events/` has a file for everything that a function can be handed, and nothing else.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use aws_lambda_events::sqs::SqsEvent;
use checks::{fleet, repository};
use lambda_http::RequestExt as _;
use std::collections::BTreeSet;

/// Names without `.json` in a folder of `events/`.
fn files(folder: &str) -> BTreeSet<String> {
    let names = repository::entries(&format!("events/{folder}")).unwrap();
    names
        .into_iter()
        .map(|name| {
            name.strip_suffix(".json")
                .unwrap_or_else(|| panic!("events/{folder}/{name} is not a JSON file"))
                .to_owned()
        })
        .collect()
}

#[test]
fn every_route_has_a_file_and_every_file_a_route() {
    let folders: BTreeSet<String> = repository::entries("events/http").unwrap().into_iter().collect();
    let names: BTreeSet<String> = fleet::HTTP
        .iter()
        .map(|function| function.name.to_owned())
        .collect();
    assert_eq!(folders, names, "folders of events/http and functions with routes");
    for function in fleet::HTTP {
        let routes: BTreeSet<String> = function.routes.iter().map(|route| route.id.to_owned()).collect();
        assert_eq!(
            files(&format!("http/{}", function.name)),
            routes,
            "files of events/http/{} and operation ids of its routes",
            function.name
        );
    }
}

#[test]
fn a_file_asks_for_its_route() {
    for (function, route) in fleet::routes() {
        let file = format!("events/http/{function}/{}.json", route.id);
        let text = repository::read(&file).unwrap();
        let request = lambda_http::request::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(request.method().as_str(), route.method, "{file}");
        let asked: Vec<&str> = request.raw_http_path().split('/').collect();
        let wanted: Vec<&str> = route.path.split('/').collect();
        let matches = asked.len() == wanted.len()
            && asked
                .iter()
                .zip(&wanted)
                .all(|(asked, wanted)| asked == wanted || (wanted.starts_with('{') && !asked.is_empty()));
        assert!(
            matches,
            "{file} asks for {}, not {}",
            request.raw_http_path(),
            route.path
        );
        let best = function_routes(function)
            .filter(|other| other.method == route.method && fits(other.path, &asked))
            .max_by_key(|other| {
                other
                    .path
                    .split('/')
                    .filter(|part| !part.starts_with('{'))
                    .count()
            });
        assert_eq!(
            best.map(|best| best.id),
            Some(route.id),
            "{file} reaches another route"
        );
        let takes_token = !matches!(route.access, web::Access::Public | web::Access::Gateway);
        assert_eq!(
            request.headers().contains_key("authorization"),
            takes_token,
            "{file}: a token is sent where one is needed"
        );
        let sends_body = !request.body().is_empty();
        let takes_body = route.body.is_some() || route.access == web::Access::Gateway;
        assert!(!sends_body || takes_body, "{file}: the route takes no body");
        assert!(
            sends_body || route.body.is_none(),
            "{file}: the route takes a body"
        );
    }
}

fn function_routes(name: &str) -> impl Iterator<Item = &'static web::Route> {
    fleet::routes()
        .filter(move |(function, _)| *function == name)
        .map(|(_, route)| route)
}

fn fits(path: &str, asked: &[&str]) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    parts.len() == asked.len()
        && parts
            .iter()
            .zip(asked)
            .all(|(part, asked)| part == asked || part.starts_with('{'))
}

/// `PaymentNotifications` as `payment-notifications`.
fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for (i, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && i > 0 {
            kebab.push('-');
        }
        kebab.extend(letter.to_lowercase());
    }
    kebab
}

#[test]
fn every_queue_has_messages_and_every_message_a_queue() {
    let queues: BTreeSet<String> = repository::deployed()
        .unwrap()
        .iter()
        .flat_map(|function| function.queues.iter().map(|queue| kebab(queue)))
        .collect();
    let folders: BTreeSet<String> = repository::entries("events/sqs").unwrap().into_iter().collect();
    assert_eq!(
        folders, queues,
        "folders of events/sqs and consumed queues of template.yaml"
    );
    for queue in queues {
        let messages = files(&format!("sqs/{queue}"));
        assert!(!messages.is_empty(), "events/sqs/{queue} is empty");
        for message in messages {
            let file = format!("events/sqs/{queue}/{message}.json");
            let event: SqsEvent = serde_json::from_value(repository::read_json(&file).unwrap())
                .unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(!event.records.is_empty(), "{file} has no message");
            for record in event.records {
                let source = record.event_source_arn.unwrap_or_default();
                assert!(
                    source.ends_with(&format!(":{queue}")),
                    "{file} comes from another queue"
                );
            }
        }
    }
}

#[test]
fn what_runs_on_a_schedule_has_a_file() {
    let scheduled: BTreeSet<String> = repository::deployed()
        .unwrap()
        .into_iter()
        .filter(|function| function.scheduled)
        .map(|function| function.name)
        .collect();
    assert_eq!(
        files("schedule"),
        scheduled,
        "files of events/schedule and schedules of template.yaml"
    );
}

#[test]
fn what_nothing_starts_is_started_by_a_file() {
    for function in repository::deployed().unwrap() {
        let started = !function.targets.is_empty()
            || !function.queues.is_empty()
            || function.scheduled
            || function.serves_sockets;
        if !started {
            assert!(
                !files(&function.name).is_empty(),
                "nothing starts {}, so events/{}/ must",
                function.name,
                function.name
            );
        }
    }
}

#[test]
fn the_files_of_the_websocket_api_are_what_its_function_reads() {
    let behind: Vec<String> = repository::deployed()
        .unwrap()
        .into_iter()
        .filter(|function| function.serves_sockets)
        .map(|function| function.name)
        .collect();
    assert_eq!(behind, ["realtime"]);
    let mut said = 0;
    for name in files("websocket") {
        let file = format!("events/websocket/{name}.json");
        let event = repository::read_json(&file).unwrap();
        serde_json::from_value::<worker::SocketEvent>(event.clone())
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        if let Some(text) = event["body"].as_str() {
            domain::realtime::read(text).unwrap_or_else(|error| panic!("{file}: {error}"));
            said += 1;
        }
    }
    assert!(said > 0, "no file says anything");
}
