//! The API document: OpenAPI 3.1, made from the routes of all functions.

use crate::fleet;
use anyhow::{Context as _, Result, ensure};
use domain::webhook::{self, EventData, EventType, OrderData, RefundData, TestData};
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};
use web::{Access, Route};

/// Where the schemas of components stand.
const SCHEMAS: &str = "#/components/schemas/";

/// Code of the conflict with a request of the same idempotency key.
const IN_FLIGHT: &str = "request_in_flight";

/// The document as it is committed.
///
/// # Errors
/// If two types share a name, or a type of a query is no object.
pub fn text() -> Result<String> {
    let mut text = serde_json::to_string_pretty(&document()?)?;
    text.push('\n');
    Ok(text)
}

/// The document.
///
/// # Errors
/// If two types share a name, or a type of a query is no object.
pub fn document() -> Result<Value> {
    // What is sent and what is answered are described differently: a field that may be left out when sent is always there
    // when answered.
    let settings = || {
        SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        })
    };
    let mut sent = settings().into_generator();
    let mut answered = settings().for_serialize().into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for (function, route) in fleet::routes() {
        let operation = operation(route, &mut sent, &mut answered)
            .with_context(|| format!("{function}: {} {}", route.method, route.path))?;
        let item = paths
            .entry(route.path)
            .or_insert_with(|| Value::Object(Map::new()));
        if let Some(item) = item.as_object_mut() {
            item.insert(route.method.to_lowercase(), operation);
        }
    }
    let webhooks = webhooks(&mut answered)?;
    let schemas = merge(sent.take_definitions(true), answered.take_definitions(true))?;
    Ok(json!({
        "openapi": "3.1.0",
        "info": {
            "title": "GiggleFest API",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": ABOUT,
        },
        "servers": [{"url": "/"}],
        "tags": tags(),
        "paths": paths,
        "webhooks": webhooks,
        "components": {
            "schemas": schemas,
            "responses": responses(),
            "parameters": {"IdempotencyKey": idempotency_key()},
            "securitySchemes": {
                "bearerAuth": {
                    "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "The token that logging in gave, or an API key (`gfk_…`) where an operation names a scope. \
                                    Browsers may send the token as the cookie `token` instead.",
                },
            },
        },
    }))
}

/// What organizers' own systems are told: for each type of message the request that they get.
fn webhooks(answered: &mut SchemaGenerator) -> Result<Value> {
    let mut requests = Map::new();
    for kind in EventType::ALL {
        let data = match kind {
            EventType::OrderPaid | EventType::OrderExpired | EventType::OrderDisputed => {
                answered.subschema_for::<OrderData>()
            }
            EventType::OrderRefunded => answered.subschema_for::<RefundData>(),
            EventType::EventPublished
            | EventType::EventUnpublished
            | EventType::EventUpdated
            | EventType::EventCancelled => answered.subschema_for::<EventData>(),
            EventType::Test => answered.subschema_for::<TestData>(),
        };
        let message = json!({
            "type": "object",
            "required": ["type", "timestamp", "version", "data"],
            "properties": {
                "type": {"const": kind.as_str()},
                "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
                "version": {"const": webhook::VERSION},
                "data": data,
            },
        });
        let request = json!({"post": {
            "summary": about(kind, answered)?,
            "description": ABOUT_WEBHOOKS,
            "tags": ["webhooks"],
            "security": [],
            "parameters": [
                signed("webhook-id", "The same at each try: repetitions are known by it."),
                signed("webhook-timestamp", "Of this try, in seconds since 1970. Refuse what is older than five minutes."),
                signed("webhook-signature", "`v1,` and the signature in base64; two of them with a blank between after a rotation."),
            ],
            "requestBody": {"required": true, "content": {"application/json": {"schema": message}}},
            "responses": {
                "2XX": {"description": "Taken. Anything else is tried again; redirects are not followed."},
                "410": {"description": "Gone: the webhook is disabled at once."},
            },
        }});
        requests.insert(kind.as_str().to_owned(), request);
    }
    Ok(Value::Object(requests))
}

const ABOUT_WEBHOOKS: &str = "\
Signed as [Standard Webhooks](https://www.standardwebhooks.com) says: HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{body}`. It \
comes at least once, in no certain order, and is tried for three days; answer within ten seconds.";

/// What a type of message tells of, as its documentation says.
fn about(kind: EventType, answered: &mut SchemaGenerator) -> Result<String> {
    answered.subschema_for::<EventType>();
    let schema = answered.definitions().get("EventType");
    let choices = schema
        .and_then(|schema| schema.get("oneOf"))
        .and_then(Value::as_array);
    let choices = choices.context("the types of messages are not documented one by one")?;
    let choice = choices.iter().find(|choice| choice["const"] == kind.as_str());
    let text = choice.and_then(|choice| choice["description"].as_str());
    let text = text.with_context(|| format!("{} is not documented", kind.as_str()))?;
    Ok(text.replace('\n', " ").trim_end_matches('.').to_owned())
}

/// A header of every message.
fn signed(name: &str, about: &str) -> Value {
    json!({"name": name, "in": "header", "required": true, "description": about, "schema": {"type": "string"}})
}

const ABOUT: &str = "\
Answers are JSON in an envelope: `{\"status\":\"success\",\"message\",\"data\"}`, or \
`{\"status\":\"error\",\"message\",\"code\",\"details\"?,\"requestId\"}`. `message` is for people, `code` is stable and for programs. \
Dates are UTC with milliseconds, amounts are whole rupiah. What belongs to somebody else does not exist: it answers 404. \
A limit of requests answers 429, a part that is down 503, both with `Retry-After`.";

fn operation(route: &Route, sent: &mut SchemaGenerator, answered: &mut SchemaGenerator) -> Result<Value> {
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.summary,
        "tags": [group(route)],
        "security": security(route),
    });
    let Some(fields) = operation.as_object_mut() else {
        return Ok(operation);
    };
    let key = route
        .scope
        .map(|scope| format!("API keys need the scope `{scope}`."));
    let about: Vec<_> = who(route.access)
        .map(str::to_owned)
        .into_iter()
        .chain(key)
        .collect();
    if !about.is_empty() {
        fields.insert("description".to_owned(), json!(about.join(" ")));
    }
    let parameters = parameters(route)?;
    if !parameters.is_empty() {
        fields.insert("parameters".to_owned(), json!(parameters));
    }
    if let Some(body) = route.body {
        let schema = body(sent);
        let required = requires_something(&schema, sent);
        let mut content = Map::from_iter([("application/json".to_owned(), json!({"schema": schema}))]);
        if route.takes_image {
            let image = json!({"type": "object", "properties": {"image": {
                "description": "A JPEG, PNG, WebP or GIF of at most 5 MiB.", "type": "string", "format": "binary",
            }}});
            let form = json!({"schema": {"allOf": [schema, image]}});
            content.insert("multipart/form-data".to_owned(), form);
        }
        fields.insert(
            "requestBody".to_owned(),
            json!({"required": required, "content": content}),
        );
    }
    fields.insert("responses".to_owned(), answers(route, answered));
    Ok(operation)
}

/// The group of a route: what stands behind the version in its path.
fn group(route: &Route) -> &'static str {
    route
        .path
        .strip_prefix("/api/v1/")
        .and_then(|rest| rest.split('/').next())
        .unwrap_or("docs")
}

fn tags() -> Vec<Value> {
    let mut names: Vec<&str> = Vec::new();
    for (_, route) in fleet::routes() {
        if !names.contains(&group(route)) {
            names.push(group(route));
        }
    }
    names.iter().map(|name| json!({"name": name})).collect()
}

fn security(route: &Route) -> Value {
    match route.access {
        // A public read may show more to those who say who they are.
        Access::Public if route.method == "GET" && route.media_type.is_none() => {
            json!([{}, {"bearerAuth": []}])
        }
        Access::Public | Access::Gateway => json!([]),
        Access::User | Access::Publisher | Access::Staff | Access::Admin => json!([{"bearerAuth": []}]),
    }
}

/// Who may call a route, where a token alone is not enough.
const fn who(access: Access) -> Option<&'static str> {
    match access {
        Access::Public | Access::User => None,
        Access::Publisher => Some("For organizers, about what is theirs, and for admins."),
        Access::Staff => Some("For staff, for organizers about their own events, and for admins."),
        Access::Admin => Some("For admins."),
        Access::Gateway => Some("For the payment gateway, which is known by the signature in the body."),
    }
}

fn parameters(route: &Route) -> Result<Vec<Value>> {
    let mut parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            let schema = if name == "id" || name.ends_with("Id") {
                json!({"type": "integer", "format": "int64", "minimum": 1})
            } else {
                json!({"type": "string"})
            };
            json!({"name": name, "in": "path", "required": true, "schema": schema})
        })
        .collect();
    if let Some(query) = route.query {
        parameters.extend(query_parameters(query)?);
    }
    if route.idempotent {
        parameters.push(json!({"$ref": "#/components/parameters/IdempotencyKey"}));
    }
    Ok(parameters)
}

/// The fields of a query type, each as a parameter. They are written out in place: a parameter is not a component.
fn query_parameters(query: web::route::SchemaOf) -> Result<Vec<Value>> {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        })
        .into_generator();
    let schema = query(&mut generator).to_value();
    let fields = schema.get("properties").and_then(Value::as_object);
    let fields = fields.context("the type of a query must be a struct")?;
    let required = |name: &str| {
        schema
            .get("required")
            .and_then(Value::as_array)
            .is_some_and(|names| names.iter().any(|required| required == name))
    };
    let parameters = fields.iter().map(|(name, schema)| {
        let mut schema = without_null(schema);
        let description = schema
            .as_object_mut()
            .and_then(|schema| schema.remove("description"));
        let mut parameter = json!({"name": name, "in": "query", "required": required(name)});
        if let (Some(parameter), Some(description)) = (parameter.as_object_mut(), description) {
            parameter.insert("description".to_owned(), description);
        }
        if let Some(parameter) = parameter.as_object_mut() {
            parameter.insert("schema".to_owned(), schema);
        }
        parameter
    });
    Ok(parameters.collect())
}

/// The schema of a parameter that may be left out. In JSON it could be null; in a query there is no null.
fn without_null(schema: &Value) -> Value {
    let is_null = |value: &Value| value == "null" || value.get("type").is_some_and(|kind| kind == "null");
    let mut schema = schema.clone();
    let Some(fields) = schema.as_object_mut() else {
        return schema;
    };
    if fields.get("default").is_some_and(Value::is_null) {
        fields.remove("default");
    }
    if let Some(Value::Array(kinds)) = fields.get_mut("type") {
        kinds.retain(|kind| !is_null(kind));
        if let [kind] = kinds.as_slice() {
            let kind = kind.clone();
            fields.insert("type".to_owned(), kind);
        }
    }
    if let Some(Value::Array(choices)) = fields.get_mut("enum") {
        choices.retain(|choice| !choice.is_null());
    }
    if let Some(Value::Array(choices)) = fields.get("anyOf") {
        let rest: Vec<&Value> = choices.iter().filter(|choice| !is_null(choice)).collect();
        if let [Value::Object(choice)] = rest.as_slice() {
            let choice = choice.clone();
            fields.remove("anyOf");
            for (key, value) in choice {
                // What is said about the parameter goes before what is said about its type.
                fields.entry(key).or_insert(value);
            }
        }
    }
    schema
}

/// Whether a body must be sent: an empty one is an object without fields.
fn requires_something(schema: &Schema, generator: &SchemaGenerator) -> bool {
    let referred = schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|reference| reference.strip_prefix(SCHEMAS))
        .and_then(|name| generator.definitions().get(name));
    let schema = referred.unwrap_or_else(|| schema.as_value());
    schema
        .get("required")
        .and_then(Value::as_array)
        .is_some_and(|names| !names.is_empty())
}

fn answers(route: &Route, answered: &mut SchemaGenerator) -> Value {
    let content = match route.media_type {
        Some(media_type) => json!({media_type: {}}),
        None => {
            let data = route
                .data
                .map_or_else(|| json!({"type": "null"}), |data| data(answered).to_value());
            json!({"application/json": {"schema": {
                "type": "object",
                "required": ["status", "message", "data"],
                "properties": {"status": {"const": "success"}, "message": {"type": "string"}, "data": data},
            }}})
        }
    };
    let mut answers = Map::new();
    answers.insert(
        route.status.to_string(),
        json!({"description": "Success", "content": content}),
    );
    let mut refuse = |status: &str, name: &str| {
        answers.insert(
            status.to_owned(),
            json!({"$ref": format!("#/components/responses/{name}")}),
        );
    };
    let has_path = route.path.contains('{');
    let takes_something = has_path || route.body.is_some() || route.query.is_some() || route.idempotent;
    if takes_something || route.access == Access::Gateway {
        refuse("400", "Invalid");
    }
    if route.access != Access::Public {
        refuse("401", "Unauthenticated");
    }
    if matches!(route.access, Access::Publisher | Access::Staff | Access::Admin) {
        refuse("403", "Forbidden");
    }
    if has_path {
        refuse("404", "NotFound");
    }
    if route.body.is_some() {
        refuse("413", "TooLarge");
        refuse("415", "UnsupportedMedia");
    }
    refuse("default", "Error");
    let mut codes = route.conflicts.to_vec();
    if route.idempotent && !codes.contains(&IN_FLIGHT) {
        codes.push(IN_FLIGHT);
    }
    if !codes.is_empty() {
        let schema = json!({"allOf": [
            {"$ref": format!("{SCHEMAS}Error")},
            {"type": "object", "properties": {"code": {"enum": codes}}},
        ]});
        answers.insert(
            "409".to_owned(),
            json!({
                "description": format!("The state of things forbids it: {}", codes.join(", ")),
                "content": {"application/json": {"schema": schema}},
            }),
        );
    }
    answers.sort_keys();
    Value::Object(answers)
}

fn responses() -> Value {
    let responses = [
        ("Invalid", "The request is wrong; `details` names the fields"),
        ("Unauthenticated", "No token, or one that does not hold"),
        ("Forbidden", "The caller's role does not allow it"),
        ("NotFound", "There is none, or none of the caller's"),
        ("TooLarge", "The body is larger than 100 KiB"),
        ("UnsupportedMedia", "The body is not JSON"),
        (
            "Error",
            "Anything else; 429 and 503 say in `Retry-After` when to try again",
        ),
    ];
    let schema = json!({"$ref": format!("{SCHEMAS}Error")});
    responses
        .into_iter()
        .map(|(name, description)| {
            let response =
                json!({"description": description, "content": {"application/json": {"schema": schema}}});
            (name.to_owned(), response)
        })
        .collect::<Map<_, _>>()
        .into()
}

fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": false,
        "description": "Chosen by the client, kept for 24 hours. The same key with the same request gives the same answer again, \
            with another request 400 `idempotency_mismatch`, and while its twin is being worked on 409 `request_in_flight`.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    })
}

fn error_schema() -> Value {
    json!({
        "type": "object",
        "required": ["status", "message", "code", "requestId"],
        "properties": {
            "status": {"const": "error"},
            "message": {"type": "string", "description": "For people."},
            "code": {"type": "string", "description": "Stable, for programs."},
            "details": {
                "type": "array",
                "description": "The refused fields of the request.",
                "items": {
                    "type": "object",
                    "required": ["field", "message"],
                    "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                },
            },
            "retryAt": {
                "type": "string",
                "format": "date-time",
                "description": "When it may work again: stock that others hold comes back, or sale begins.",
            },
            "requestId": {"type": "string", "description": "Name it when you ask for help."},
        },
    })
}

/// Descriptions are comments of the code: their lines are joined and their links to code become plain names.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                match value {
                    Value::String(text) if name == "description" => {
                        let paragraphs = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
                        let joined = paragraphs.collect::<Vec<_>>().join("\n\n");
                        *text = joined.replace("[`", "`").replace("`]", "`");
                    }
                    _ => tidy(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// The schemas of what is sent and of what is answered, under one roof.
fn merge(sent: Map<String, Value>, answered: Map<String, Value>) -> Result<Map<String, Value>> {
    let mut schemas = sent;
    for (name, schema) in answered {
        let same = schemas.get(&name).is_none_or(|other| *other == schema);
        ensure!(
            same,
            "{name} names two types, or one type that is sent otherwise than it is answered"
        );
        schemas.insert(name, schema);
    }
    for schema in schemas.values_mut() {
        tidy(schema);
    }
    // The generator tells types of one name apart by a number at the end.
    for name in schemas.keys() {
        let plain = name.trim_end_matches(|c: char| c.is_ascii_digit());
        ensure!(
            plain == name || !schemas.contains_key(plain),
            "two types are called {plain}; give one of them another name"
        );
    }
    ensure!(
        !schemas.contains_key("Error"),
        "Error is the name of the envelope of errors"
    );
    schemas.insert("Error".to_owned(), error_schema());
    schemas.sort_keys();
    Ok(schemas)
}
