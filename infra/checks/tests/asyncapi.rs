//! The document of the WebSocket API says what is said over it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use checks::{asyncapi, repository};
use domain::event::EventStatus;
use domain::order::OrderStatus;
use domain::payment::PaymentStatus;
use domain::realtime::{Availability, Data, Message, OrderState, State, TicketsLeft, Told, Topic};
use domain::{Error, EventId, NotificationId, TicketTypeId, Timestamp};
use serde_json::Value;
use std::collections::BTreeSet;

#[test]
fn the_committed_document_is_fresh() {
    let committed = repository::read(repository::ASYNCAPI).unwrap();
    assert!(
        committed == asyncapi::text().unwrap(),
        "{} is outdated; write it with `cargo xtask openapi`",
        repository::ASYNCAPI
    );
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                    found.insert(reference.to_owned());
                }
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = asyncapi::document().unwrap();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in &found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    for kind in ["messages", "schemas"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let reference = format!("#/components/{kind}/{name}");
            assert!(found.contains(&reference), "nothing uses {kind}/{name}");
        }
    }
}

/// What is wrong with a value by a schema of the document, as far as the schemas of this document go.
fn complaint(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#')).unwrap();
        return complaint(document, target, value);
    }
    if let Some(all) = schema["allOf"].as_array() {
        return all.iter().find_map(|part| complaint(document, part, value));
    }
    for choice in ["anyOf", "oneOf"] {
        if let Some(some) = schema[choice].as_array() {
            let fits = some.iter().any(|part| complaint(document, part, value).is_none());
            return (!fits).then(|| format!("{value} is none of {choice}"));
        }
    }
    if schema.get("const").is_some_and(|wanted| wanted != value) {
        return Some(format!("{value} is not {}", schema["const"]));
    }
    if schema["enum"]
        .as_array()
        .is_some_and(|words| !words.contains(value))
    {
        return Some(format!("{value} is none of {}", schema["enum"]));
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds = &schema["type"];
    let of_kind = kinds == kind || kinds.as_array().is_some_and(|kinds| kinds.contains(&kind.into()));
    if !kinds.is_null() && !of_kind {
        return Some(format!("{value} is no {kinds}"));
    }
    match value {
        Value::Array(values) => values
            .iter()
            .find_map(|value| complaint(document, &schema["items"], value)),
        Value::Object(fields) => {
            let required = schema["required"].as_array().into_iter().flatten();
            let missing = required
                .filter_map(Value::as_str)
                .find(|name| !fields.contains_key(*name));
            if let Some(name) = missing {
                return Some(format!("{name} is missing"));
            }
            fields
                .iter()
                .find_map(|(name, value)| match schema["properties"].get(name) {
                    Some(property) => complaint(document, property, value),
                    None => Some(format!("{name} is not described")),
                })
        }
        _ => None,
    }
}

#[test]
fn what_clients_are_told_is_described() {
    let document = asyncapi::document().unwrap();
    let topic = Topic::Event(EventId::new(7));
    let state = |data: Data| State { version: 3, data };
    let at = Timestamp::parse("2030-01-01T00:00:00Z").unwrap();
    let states = [
        Data::Order(OrderState {
            order_id: domain::order::code([1; 16]),
            status: OrderStatus::Paid,
            payment_status: Some(PaymentStatus::Success),
            expires_at: at,
        }),
        Data::Event(Availability {
            event_id: EventId::new(7),
            status: EventStatus::Published,
            tickets: vec![TicketsLeft {
                ticket_id: TicketTypeId::new(9),
                quantity: 5,
            }],
        }),
        Data::Notification(Told {
            id: NotificationId::new(3),
            created_at: at,
        }),
    ];
    let mut messages = vec![
        Message::Subscribed {
            topic: topic.clone(),
            id: None,
            state: None,
        },
        Message::Unsubscribed {
            topic: topic.clone(),
            id: None,
        },
        Message::Pong { id: None },
        Message::refusal(&Error::unavailable("The database", 2), None),
    ];
    messages.extend(states.into_iter().map(|data| Message::Update {
        topic: topic.clone(),
        state: state(data),
    }));
    let mut kinds = BTreeSet::new();
    for message in messages {
        let value: Value = serde_json::from_str(&message.to_text().unwrap()).unwrap();
        let kind = value["type"].as_str().unwrap().to_owned();
        let described = &document["components"]["messages"][&kind]["payload"];
        assert!(described.is_object(), "{kind} is not described");
        let wrong = complaint(&document, described, &value);
        assert_eq!(wrong, None, "{value}");
        kinds.insert(kind);
    }
    let tells = document["operations"]["tell"]["messages"].as_array().unwrap();
    assert_eq!(tells.len(), kinds.len(), "{kinds:?}");
}

#[test]
fn the_examples_of_requests_are_described() {
    let document = asyncapi::document().unwrap();
    let mut kinds = BTreeSet::new();
    for name in repository::entries("events/websocket").unwrap() {
        let event = repository::read_json(&format!("events/websocket/{name}")).unwrap();
        let Some(text) = event["body"].as_str() else {
            continue;
        };
        let value: Value = serde_json::from_str(text).unwrap();
        let kind = value["action"].as_str().unwrap().to_owned();
        let described = &document["components"]["messages"][&kind]["payload"];
        let wrong = complaint(&document, described, &value);
        assert_eq!(wrong, None, "{name}");
        kinds.insert(kind);
    }
    let asks = document["operations"]["ask"]["messages"].as_array().unwrap();
    assert_eq!(asks.len(), kinds.len(), "{kinds:?}");
}
