//! The document of the WebSocket API: AsyncAPI 3.0, made from the types that `realtime` reads and `notifier` writes.

use anyhow::{Context as _, Result};
use domain::realtime::{
    CONNECTION_SECONDS, MESSAGES, MOST_BYTES, MOST_CONNECTIONS, MOST_TOPICS, MOST_TOPICS_OF_STRANGERS,
    Message, Request, TICKET_SECONDS,
};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The document as it is committed.
///
/// # Errors
/// If a type of the messages is no choice between several.
pub fn text() -> Result<String> {
    let mut text = serde_json::to_string_pretty(&document()?)?;
    text.push('\n');
    Ok(text)
}

/// The document.
///
/// # Errors
/// If a type of the messages is no choice between several.
pub fn document() -> Result<Value> {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut answered = settings.clone().for_serialize().into_generator();
    let told = answered.root_schema_for::<Message>();
    let mut sent = settings.into_generator();
    let asked = sent.root_schema_for::<Request>();
    let mut schemas: Map<String, Value> = Map::new();
    let mut messages: Map<String, Value> = Map::new();
    let (mut asks, mut tells) = (Vec::new(), Vec::new());
    for (root, tag, list) in [(told, "type", &mut tells), (asked, "action", &mut asks)] {
        let mut root = serde_json::to_value(root)?;
        if let Some(Value::Object(found)) = root.pointer_mut("/components/schemas").map(Value::take) {
            schemas.extend(found);
        }
        let kinds = root.get_mut("oneOf").and_then(Value::as_array_mut);
        for kind in kinds.context("the messages are no choice")? {
            let name = kind
                .pointer(&format!("/properties/{tag}/const"))
                .and_then(Value::as_str)
                .with_context(|| format!("a message has no {tag}"))?
                .to_owned();
            let about = kind.get("description").cloned().unwrap_or_default();
            list.push(json!({"$ref": format!("#/channels/realtime/messages/{name}")}));
            messages.insert(
                name.clone(),
                json!({"name": name, "summary": about, "contentType": "application/json", "payload": kind.take()}),
            );
        }
    }
    let listed: Map<String, Value> = messages
        .keys()
        .map(|name| {
            let reference = format!("#/components/messages/{name}");
            (name.clone(), json!({"$ref": reference}))
        })
        .collect();
    let channel = json!({"$ref": "#/channels/realtime"});
    Ok(json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "GiggleFest over WebSockets",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT"},
            "description": about(),
        },
        "defaultContentType": "application/json",
        "channels": {
            "realtime": {
                "address": "/v1",
                "description": "The name of the stage is the version of what is said over it.",
                "messages": listed,
                "bindings": {"ws": {
                    "method": "GET",
                    "query": {"type": "object", "properties": {"ticket": {
                        "type": "string",
                        "description": "What `POST /api/v1/realtime/tickets` gave. Without it nothing but events can be followed.",
                    }}},
                }},
            },
        },
        "operations": {
            "ask": {
                "action": "receive", "channel": channel, "messages": asks,
                "summary": "What clients send. Each message is answered by one.",
            },
            "tell": {"action": "send", "channel": channel, "messages": tells, "summary": "What clients are told."},
        },
        "components": {"messages": messages, "schemas": schemas},
    }))
}

fn about() -> String {
    let (messages, seconds) = (MESSAGES.uses, MESSAGES.window_seconds);
    format!(
        "Follow an order, how many tickets of an event are left, and your notifications. Get a ticket with \
         `POST /api/v1/realtime/tickets`, open the WebSocket with it (`?ticket=…`, once, within {TICKET_SECONDS} seconds), and \
         subscribe. Messages tell where something stands. They may repeat and overtake each other: keep the highest `version` \
         of each topic. After a connection has ended, connect and subscribe again; the answer tells where things stand by then. \
         Whatever is told here can be read over HTTP, too.\n\n\
         Limits: {MOST_CONNECTIONS} connections of an account, {MOST_TOPICS} topics ({MOST_TOPICS_OF_STRANGERS} without a ticket) \
         and {messages} messages in {seconds} seconds of a connection, {MOST_BYTES} bytes of a message. A connection ends when it \
         goes on sending too much, when it does not read what it is told, after ten minutes in which nothing is said, and after \
         {} minutes in any case. What is yours is told while the session goes on with which the ticket was got.",
        CONNECTION_SECONDS / 60
    )
}
