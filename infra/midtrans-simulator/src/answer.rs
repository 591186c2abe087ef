//! Answers of the Snap and Core APIs.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::message::Body;

/// An answer: HTTP status and JSON body.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) http: u16,
    pub(crate) body: Value,
}

pub(crate) const NOT_FOUND: &str = "Transaction doesn't exist.";
pub(crate) const CANNOT_MODIFY: &str = "Merchant cannot modify the status of the transaction";

impl Answer {
    /// A Snap answer that is not an error.
    pub(crate) fn snap(http: u16, body: Value) -> Self {
        Self { http, body }
    }

    /// A Snap error; several messages may be given together.
    pub(crate) fn snap_error(http: u16, messages: &[&str]) -> Self {
        Self {
            http,
            body: json!({"error_messages": messages}),
        }
    }

    /// A Core answer about a transaction. The result is in the body; HTTP says 200.
    pub(crate) fn core(body: Body) -> Self {
        Self {
            http: 200,
            body: Value::Object(body),
        }
    }

    /// A Core error. Most results, even "not found", come with HTTP 200 and the code in the body only.
    pub(crate) fn core_error(code: u16, message: &str) -> Self {
        let http = match code {
            400 | 401 | 403 | 405 | 413 | 429 | 500.. => code,
            _ => 200,
        };
        let id = Uuid::new_v4().to_string();
        Self {
            http,
            body: json!({"status_code": code.to_string(), "status_message": message, "id": id}),
        }
    }

    /// A Core validation error.
    pub(crate) fn core_invalid(messages: &[&str]) -> Self {
        let mut answer = Self::core_error(400, "One or more parameters in the payload is invalid.");
        if let Some(body) = answer.body.as_object_mut() {
            body.insert("validation_messages".to_owned(), json!(messages));
        }
        answer
    }

    /// `status_code` of a Core answer.
    pub(crate) fn code(&self) -> Option<String> {
        match self.body.get("status_code")? {
            Value::String(code) => Some(code.clone()),
            other => Some(other.to_string()),
        }
    }

    /// Whether the request had the effect it asked for.
    pub(crate) fn is_success(&self) -> bool {
        let code = self.code();
        self.http < 400 && matches!(code.as_deref(), None | Some("200" | "201" | "407"))
    }
}
