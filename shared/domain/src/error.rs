//! The one error of the fleet.
//!
//! Which error to use where: rules and queries return [`Error`] built by one of its constructors; the adapters
//! (`db`, `gateway`, …) have their own error types that convert into it; `web` alone knows HTTP statuses.
//! The text in `message` is for the person at the client. What happened inside goes into [`Internal`], which has no
//! `Display` on purpose: it can be logged, never answered.

use std::error::Error as StdError;
use std::fmt;

/// Result of a rule or a query.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in terms of what the caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The request itself is wrong; repeating it will not help.
    Invalid,
    /// No credentials, or credentials that do not hold.
    Unauthenticated,
    /// Known caller, not allowed.
    Forbidden,
    /// Missing, or not the caller's to see.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The state of things forbids it: sold out, already paid, a twin request in flight.
    Conflict,
    /// The body is larger than the route takes.
    TooLarge,
    /// The body is of a type the route does not take.
    UnsupportedMedia,
    /// Too many requests of this kind by this caller.
    RateLimited,
    /// Something we depend on is down; the same request may work later.
    Unavailable,
    /// Our fault.
    Internal,
}

/// One field of the request that was refused.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FieldError {
    /// Name as in the request, with a dotted path for nested fields.
    pub field: String,
    /// What is wrong with it, as a whole sentence part.
    pub message: String,
}

/// Context for the log: never leaves the process otherwise.
pub struct Internal(Box<dyn StdError + Send + Sync>);

impl Internal {
    /// The chain of causes on one line, for the log.
    pub fn chain(&self) -> String {
        let mut text = self.0.to_string();
        let mut cause = self.0.source();
        while let Some(inner) = cause {
            text.push_str(": ");
            text.push_str(&inner.to_string());
            cause = inner.source();
        }
        text
    }
}

impl fmt::Debug for Internal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.chain())
    }
}

/// An error with a stable code. See the module documentation for who builds it.
#[derive(Debug)]
pub struct Error {
    /// What the caller can do about it.
    pub kind: Kind,
    /// Stable, machine-readable: clients may match on it.
    pub code: &'static str,
    /// For people; existing clients show it as it is.
    pub message: String,
    /// The refused fields, where the request was invalid.
    pub fields: Vec<FieldError>,
    /// Seconds after which a repetition makes sense.
    pub retry_after: Option<u32>,
    /// When stock that others hold may come back.
    pub retry_at: Option<crate::Timestamp>,
    /// For the log only.
    pub internal: Option<Internal>,
}

impl Error {
    /// An error of a kind with a stable code and a text for people.
    pub fn new(kind: Kind, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            code,
            message: message.into(),
            fields: Vec::new(),
            retry_after: None,
            retry_at: None,
            internal: None,
        }
    }

    /// The request is wrong as a whole.
    pub fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, code, message)
    }

    /// Some fields of the request are wrong. The message joins theirs with commas, as clients show it.
    pub fn invalid_fields(fields: Vec<FieldError>) -> Self {
        let message = fields
            .iter()
            .map(|f| f.message.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        Self {
            fields,
            ..Self::new(Kind::Invalid, "invalid_input", message)
        }
    }

    /// One field of the request is wrong.
    pub fn invalid_field(field: &str, message: impl Into<String>) -> Self {
        Self::invalid_fields(vec![FieldError {
            field: field.to_owned(),
            message: message.into(),
        }])
    }

    /// Credentials are missing or do not hold.
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(Kind::Unauthenticated, "unauthenticated", message)
    }

    /// The caller's role does not allow it.
    pub fn forbidden() -> Self {
        Self::new(Kind::Forbidden, "forbidden", "Unauthorized")
    }

    /// `thing` starts with a capital letter: "Event" gives "Event not found".
    pub fn not_found(thing: &str) -> Self {
        Self::new(Kind::NotFound, "not_found", format!("{thing} not found"))
    }

    /// The state of things forbids it.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, code, message)
    }

    /// A dependency is down; the caller may repeat after `seconds`.
    pub fn unavailable(what: &str, seconds: u32) -> Self {
        let message = format!("{what} is not available right now, please try again");
        Self {
            retry_after: Some(seconds),
            ..Self::new(Kind::Unavailable, "unavailable", message)
        }
    }

    /// Our fault; `cause` goes to the log.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Kind::Internal, "internal", "Something went wrong on our side").because(cause)
    }

    /// Adds the cause for the log.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.internal = Some(Internal(cause.into()));
        self
    }

    /// Adds the number of seconds after which a repetition makes sense.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl StdError for Error {}
