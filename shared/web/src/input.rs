//! Bodies, queries and paths. A request type is declared with [`input!`](crate::input!): its fields parse themselves, all
//! problems are told at once, and a key that is repeated is refused rather than guessed at.

use crate::failure::Failure;
use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use bytes::Bytes;
use domain::idempotency::Once;
use domain::page::Page;
use domain::{Error, FieldError, Kind, UserId};
use http::request::Parts;
use http::{HeaderMap, header};
use serde::de::value::UnitDeserializer;
use serde::de::{DeserializeOwned, Deserializer as _, IntoDeserializer as _, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;
use std::str::FromStr;

/// Largest JSON body.
pub const LARGEST_BODY: usize = 100 * 1024;

/// Largest body of the few routes that take a [`LargeJson`]: Lambda takes 6 MB, in which every quote of the body is escaped.
pub const LARGEST_LARGE_BODY: usize = 4 * 1024 * 1024;

/// A type that is read field by field.
pub trait Input: Sized {
    /// Reads the fields; problems stay in `fields`. `None` only if there was a problem.
    fn read(fields: &mut Fields) -> Option<Self>;
}

/// A request without fields. What is sent is ignored.
#[derive(Debug, Clone, Copy, schemars::JsonSchema)]
pub struct Nothing {}

impl Input for Nothing {
    fn read(_: &mut Fields) -> Option<Self> {
        Some(Self {})
    }
}

/// The fields of a request and the problems found so far.
#[derive(Debug, Default)]
pub struct Fields {
    values: Map<String, Value>,
    problems: Vec<FieldError>,
}

impl Fields {
    /// Takes a field. A missing field is read as a unit, which optional types take for `null`; a
    /// [`Change`](domain::change::Change) tells them apart.
    pub fn take<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let Some(value) = self.values.remove(name) else {
            let absent: UnitDeserializer<serde_json::Error> = ().into_deserializer();
            let value = T::deserialize(absent).ok();
            if value.is_none() {
                self.refuse(name, format!("\"{name}\" is required"));
            }
            return value;
        };
        serde_json::from_value(value)
            .map_err(|error| self.refuse(name, say(name, &error.to_string())))
            .ok()
    }

    /// Refuses every field that was not taken.
    pub fn refuse_others(&mut self) {
        let names: Vec<String> = self.values.keys().cloned().collect();
        for name in names {
            let shown: String = name.chars().take(60).collect();
            self.refuse(&shown, format!("\"{shown}\" is not allowed"));
        }
    }

    /// Adds a problem of one field.
    pub fn refuse(&mut self, field: &str, message: impl Into<String>) {
        self.problems.push(FieldError {
            field: field.to_owned(),
            message: message.into(),
        });
    }

    /// Reads `T`, or tells every problem.
    fn finish<T: Input>(mut self) -> Result<T, Error> {
        let read = T::read(&mut self);
        match read {
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => Err(Error::invalid_fields(self.problems)),
        }
    }

    fn from_pairs(query: &str) -> Self {
        let mut fields = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if fields
                .values
                .insert(name.clone().into_owned(), Value::String(value.into_owned()))
                .is_some()
            {
                fields.refuse(&name, format!("\"{name}\" is repeated"));
            }
        }
        // An empty parameter is the same as none: forms send them.
        fields.values.retain(|_, value| value.as_str() != Some(""));
        fields
    }

    fn from_json(body: &[u8]) -> Result<Self, Error> {
        let malformed = |error: serde_json::Error| {
            Error::invalid("malformed_json", format!("The body is not valid JSON: {error}"))
        };
        let mut input = serde_json::Deserializer::from_slice(body);
        let fields = input.deserialize_map(ObjectVisitor).map_err(malformed)?;
        input.end().map_err(malformed)?;
        Ok(fields)
    }
}

/// Reads an object and notices repeated keys, which a plain map would swallow.
struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            let problem = format!("\"{name}\" is repeated");
            if fields.values.insert(name.clone(), value).is_some() {
                fields.refuse(&name, problem);
            }
        }
        Ok(fields)
    }
}

/// Turns what a field's type said into a sentence about the field.
fn say(name: &str, problem: &str) -> String {
    let problem = match problem
        .strip_prefix("invalid type: ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        Some((_, expected)) => format!("must be {expected}"),
        None => match problem.split_once(", expected ") {
            Some((start, expected)) if start.starts_with("unknown variant") => {
                let choices = expected.trim_start_matches("one of ").replace("` or `", "`, `");
                let choices = choices.replace('`', "");
                format!("must be one of [{choices}]")
            }
            _ => problem.to_owned(),
        },
    };
    let stands_alone = problem.starts_with(char::is_uppercase);
    if stands_alone {
        problem
    } else {
        format!("\"{name}\" {problem}")
    }
}

/// Declares a request type. Fields are read by their names in camel case; `Option` marks what may be missing. With
/// `strict` a field that is not listed is refused, otherwise it is ignored.
#[macro_export]
macro_rules! input {
    ($(#[$doc:meta])* $vis:vis struct $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty),* $(,)? }) => {
        $crate::input!(@ $(#[$doc])* $vis $name { $($(#[$field_doc])* $field: $kind),* } |_fields| {});
    };
    (strict $(#[$doc:meta])* $vis:vis struct $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty),* $(,)? }) => {
        $crate::input!(@ $(#[$doc])* $vis $name { $($(#[$field_doc])* $field: $kind),* } |fields| fields.refuse_others());
    };
    (@ $(#[$doc:meta])* $vis:vis $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty),* } $others:expr) => {
        $(#[$doc])*
        #[derive(Debug, schemars::JsonSchema)]
        #[schemars(rename_all = "camelCase")]
        $vis struct $name { $($(#[$field_doc])* pub $field: $kind),* }

        impl $crate::input::Input for $name {
            fn read(fields: &mut $crate::input::Fields) -> Option<Self> {
                $(let $field = fields.take::<$kind>(&$crate::input::camel_case(stringify!($field)));)*
                let others: fn(&mut $crate::input::Fields) = $others;
                others(fields);
                Some(Self { $($field: $field?),* })
            }
        }
    };
}

/// `phone_number` as `phoneNumber`.
pub fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

/// A JSON body.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: Input, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let body = json_body(request, LARGEST_BODY).await?;
        Ok(Self(read_body(&body)?))
    }
}

/// A JSON body that may be much larger than others.
#[derive(Debug)]
pub struct LargeJson<T>(pub T);

impl<T: Input, S: Send + Sync> FromRequest<S> for LargeJson<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let body = json_body(request, LARGEST_LARGE_BODY).await?;
        Ok(Self(read_body(&body)?))
    }
}

fn read_body<T: Input>(body: &[u8]) -> Result<T, Error> {
    let fields = if body.iter().all(u8::is_ascii_whitespace) {
        Fields::default()
    } else {
        Fields::from_json(body)?
    };
    fields.finish()
}

async fn json_body(request: Request, largest: usize) -> Result<Bytes, Error> {
    let content_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let media = content_type
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase();
    let json = media.is_empty()
        || media == "application/json"
        || (media.starts_with("application/") && media.ends_with("+json"));
    let body = to_bytes(request.into_body(), largest)
        .await
        .map_err(|_| Error::new(Kind::TooLarge, "body_too_large", "request entity too large"))?;
    if !json && !body.is_empty() {
        return Err(Error::new(
            Kind::UnsupportedMedia,
            "unsupported_media_type",
            "The body must be application/json",
        ));
    }
    Ok(body)
}

/// A JSON body and the `Idempotency-Key` that came with it, if any.
#[derive(Debug)]
pub struct Keyed<T> {
    /// The body.
    pub body: T,
    key: Option<IdempotencyKey>,
}

/// A key by which a repetition of a request is known.
#[derive(Debug)]
struct IdempotencyKey {
    key: String,
    request_hash: [u8; 32],
}

impl<T> Keyed<T> {
    /// Takes the key, as one of this caller's for this route.
    pub fn take_once(&mut self, operation: &'static str, caller: UserId) -> Option<Once> {
        self.key.take().map(|key| Once {
            operation,
            caller,
            key: key.key,
            request_hash: key.request_hash,
        })
    }
}

impl<T: Input, S: Send + Sync> FromRequest<S> for Keyed<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        Self::read(request, LARGEST_BODY).await
    }
}

/// A JSON body with its key that may be as large as a [`LargeJson`].
#[derive(Debug)]
pub struct LargeKeyed<T>(pub Keyed<T>);

impl<T: Input, S: Send + Sync> FromRequest<S> for LargeKeyed<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        Keyed::read(request, LARGEST_LARGE_BODY).await.map(Self)
    }
}

impl<T: Input> Keyed<T> {
    async fn read(request: Request, largest: usize) -> Result<Self, Failure> {
        let key = idempotency_key(request.headers())?;
        let target = format!("{} {}\n", request.method(), request.uri().path());
        let body = json_body(request, largest).await?;
        let key = key.map(|key| {
            let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
            hash.update(target.as_bytes());
            hash.update(&body);
            let mut request_hash = [0; 32];
            request_hash.copy_from_slice(hash.finish().as_ref());
            IdempotencyKey { key, request_hash }
        });
        Ok(Self {
            body: read_body(&body)?,
            key,
        })
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or("");
    if key.is_empty() || key.len() > 255 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = "Idempotency-Key must be 1 to 255 visible ASCII characters";
        return Err(Error::invalid("invalid_idempotency_key", message));
    }
    Ok(Some(key.to_owned()))
}

/// Query parameters. Unknown ones are ignored, empty ones count as absent, repeated ones are refused.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: Input, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        Ok(Self(
            Fields::from_pairs(parts.uri.query().unwrap_or("")).finish()?,
        ))
    }
}

/// Reads `page` and `limit` of a query: page 1 of 10 rows unless said otherwise; a larger limit than 100 is cut to 100.
pub fn page(fields: &mut Fields) -> Option<Page> {
    let mut positive = |name: &str, default: u32| {
        let number = fields.take::<Option<PositiveNumber>>(name)?;
        Some(number.map_or(default, |n| n.0))
    };
    let (number, limit) = (positive("page", 1), positive("limit", Page::DEFAULT_LIMIT));
    let number = number?;
    if number > Page::MAX_NUMBER {
        fields.refuse("page", format!("\"page\" must be at most {}", Page::MAX_NUMBER));
        return None;
    }
    Some(Page {
        number,
        limit: limit?.min(Page::MAX_LIMIT),
    })
}

struct PositiveNumber(u32);

impl<'de> serde::Deserialize<'de> for PositiveNumber {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        match text.parse::<u64>() {
            Ok(number) if number >= 1 && !text.starts_with('+') => {
                Ok(Self(u32::try_from(number).unwrap_or(u32::MAX)))
            }
            _ => Err(serde::de::Error::custom("must be a positive whole number")),
        }
    }
}

/// The query of a paged list without filters.
#[derive(Debug, schemars::JsonSchema)]
pub struct PageQuery {
    /// Which page.
    #[schemars(with = "PageParameters", flatten)]
    pub page: Page,
}

/// A switch of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Flag {
    /// It is on.
    True,
    /// It is off.
    False,
}

/// Parameters of a paged list, for the API document.
#[derive(schemars::JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct PageParameters {
    /// Page, from 1.
    #[schemars(range(min = 1), default)]
    page: Option<u32>,
    /// Rows on a page, 10 unless said otherwise, at most 100.
    #[schemars(range(min = 1, max = 100), default)]
    limit: Option<u32>,
}

impl Input for PageQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        page(fields).map(|page| Self { page })
    }
}

/// One parameter of the path.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: FromStr<Err: fmt::Display> + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let params = path_params(parts, state).await?;
        Ok(Self(parse_param(params.iter().next())?))
    }
}

/// Two parameters of the path, in its order.
#[derive(Debug)]
pub struct Paths<A, B>(pub A, pub B);

impl<A, B, S> FromRequestParts<S> for Paths<A, B>
where
    A: FromStr<Err: fmt::Display> + Send,
    B: FromStr<Err: fmt::Display> + Send,
    S: Send + Sync,
{
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let params = path_params(parts, state).await?;
        let mut params = params.iter();
        Ok(Self(parse_param(params.next())?, parse_param(params.next())?))
    }
}

async fn path_params<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
) -> Result<axum::extract::RawPathParams, Error> {
    axum::extract::RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| Error::invalid("invalid_path", "The path is not valid UTF-8"))
}

fn parse_param<T: FromStr<Err: fmt::Display>>(param: Option<(&str, &str)>) -> Result<T, Error> {
    let (name, text) = param.unwrap_or(("id", ""));
    text.parse()
        .map_err(|problem: T::Err| Error::invalid_field(name, say(name, &problem.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ticket::Quantity;
    use domain::user::{Email, Role};

    input! {
        /// A test type.
        #[expect(dead_code, reason = "only the problems of reading it are looked at")]
        pub struct Loose {
            /// Address.
            email: Email,
            /// How many.
            how_many: Option<Quantity>,
        }
    }

    input! {
        strict
        /// A test type.
        #[expect(dead_code, reason = "only the problems of reading it are looked at")]
        pub struct Strict {
            /// Role.
            role: Role,
        }
    }

    fn problems<T: Input>(body: &str) -> String {
        match read_body::<T>(body.as_bytes()) {
            Ok(_) => String::new(),
            Err(error) => error.message,
        }
    }

    #[test]
    fn all_problems_are_told_at_once() {
        assert_eq!(
            problems::<Loose>(r#"{"howMany":0}"#),
            r#""email" is required, Quantity must be at least 1"#
        );
        assert_eq!(problems::<Loose>(""), r#""email" is required"#);
        assert_eq!(
            problems::<Loose>(r#"{"email":7,"howMany":"x"}"#),
            r#""email" must be a string, "howMany" must be a whole number"#
        );
        assert_eq!(problems::<Loose>(r#"{"email":"a@b.co","unknown":1}"#), "");
    }

    #[test]
    fn strict_types_refuse_what_they_do_not_know() {
        assert_eq!(
            problems::<Strict>(r#"{"role":"root","isVerified":true}"#),
            r#""role" must be one of [user, organizer, staff, admin], "isVerified" is not allowed"#
        );
    }

    #[test]
    fn repeated_keys_are_refused() {
        assert_eq!(
            problems::<Loose>(r#"{"email":"a@b.co","email":"c@d.co"}"#),
            r#""email" is repeated"#
        );
        let error = Fields::from_pairs("page=1&page=2")
            .finish::<PageQuery>()
            .unwrap_err();
        assert_eq!(error.message, r#""page" is repeated"#);
    }

    #[test]
    fn malformed_json_is_told_apart() {
        for body in ["{", "[]", "1", "null", "\"x\"", r#"{"a":1}x"#, r#"{"a":01}"#] {
            assert!(
                problems::<Loose>(body).starts_with("The body is not valid JSON"),
                "{body}: {}",
                problems::<Loose>(body)
            );
        }
    }

    #[test]
    fn pages_have_sane_limits() {
        let read = |query: &str| {
            Fields::from_pairs(query)
                .finish::<PageQuery>()
                .map(|q| (q.page.number, q.page.limit))
        };
        assert_eq!(read("").unwrap(), (1, 10));
        assert_eq!(read("page=3&limit=20").unwrap(), (3, 20));
        assert_eq!(read("limit=1000000").unwrap(), (1, 100));
        assert_eq!(read("page=&limit=").unwrap(), (1, 10));
        for bad in [
            "page=0",
            "page=-1",
            "page=abc",
            "page=1.5",
            "limit=0",
            "page=99999999999",
            "page=%2B1",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_written_as_clients_write_them() {
        assert_eq!(
            ["email", "phone_number", "max_per_order"].map(camel_case),
            ["email", "phoneNumber", "maxPerOrder"]
        );
    }
}
