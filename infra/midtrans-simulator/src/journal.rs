//! The journal of API calls received.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde_json::{Value, json};

/// Older calls are forgotten.
const SIZE: usize = 10_000;

/// One API call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) id: u64,
    pub(crate) at: Timestamp,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) operation: &'static str,
    pub(crate) order_id: String,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) request: Value,
    pub(crate) outcome: Outcome,
}

/// How an API call ended.
#[derive(Clone, Debug, Default)]
pub(crate) enum Outcome {
    /// Not answered (yet).
    #[default]
    Open,
    Answered {
        http_status: u16,
        /// `status_code` of a Core answer.
        status_code: Option<String>,
        /// The answer kept under an idempotency key.
        replayed: bool,
        fault: bool,
    },
    /// A fault closed the connection; whether the call was carried out before.
    ConnectionClosed { carried_out: bool },
    /// A fault keeps the client waiting for ever; whether the call was carried out before.
    LeftHanging { carried_out: bool },
}

impl Call {
    pub(crate) fn to_json(&self) -> Value {
        let outcome = match &self.outcome {
            Outcome::Open => json!({"kind": "open"}),
            Outcome::Answered {
                http_status,
                status_code,
                replayed,
                fault,
            } => json!({
                "kind": "answered",
                "http_status": http_status,
                "status_code": status_code,
                "replayed": replayed,
                "fault": fault,
            }),
            Outcome::ConnectionClosed { carried_out } => {
                json!({"kind": "connection_closed", "carried_out": carried_out})
            }
            Outcome::LeftHanging { carried_out } => {
                json!({"kind": "left_hanging", "carried_out": carried_out})
            }
        };
        json!({
            "id": self.id,
            "at": self.at.to_string(),
            "method": self.method,
            "path": self.path,
            "operation": self.operation,
            "order_id": self.order_id,
            "idempotency_key": self.idempotency_key,
            "user_agent": self.user_agent,
            "request": self.request,
            "outcome": outcome,
        })
    }
}

#[derive(Debug, Default)]
pub(crate) struct Journal {
    calls: VecDeque<Call>,
    next_id: u64,
}

impl Journal {
    /// Adds a call and returns its id.
    pub(crate) fn add(&mut self, mut call: Call) -> u64 {
        self.next_id += 1;
        call.id = self.next_id;
        self.calls.push_back(call);
        if self.calls.len() > SIZE {
            self.calls.pop_front();
        }
        self.next_id
    }

    pub(crate) fn close(&mut self, id: u64, outcome: Outcome) {
        if let Some(call) = self.calls.iter_mut().rev().find(|call| call.id == id) {
            call.outcome = outcome;
        }
    }

    /// Newest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().rev()
    }
}
