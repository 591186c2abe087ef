//! The Snap API: tokens for the payment page.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::answer::Answer;
use crate::format;
use crate::snap_request::SnapRequest;
use crate::transaction::Targets;
use crate::world::{Session, SessionState, World};

impl World {
    /// `POST /snap/v1/transactions`
    pub(crate) fn snap_create(&mut self, now: Timestamp, json: &Value, targets: &Targets) -> Answer {
        let request = match SnapRequest::parse(json) {
            Ok(request) => request,
            Err(errors) => {
                let errors: Vec<&str> = errors.iter().map(String::as_str).collect();
                return Answer::snap_error(400, &errors);
            }
        };
        let order_id = request.details.order_id.clone();
        if self.is_in_use(&order_id) {
            let text = "transaction_details.order_id has been paid and utilized, please use another order ID";
            return Answer::snap_error(400, &[text]);
        }
        self.close_sessions(&order_id, SessionState::Replaced);
        let token = Uuid::new_v4().to_string();
        let session = Session {
            token: token.clone(),
            state: SessionState::Open,
            created_at: now,
            expires_at: request.page_end(now),
            request,
            targets: targets.clone(),
        };
        self.order_mut(&order_id).sessions.push(session);
        self.tokens.insert(token.clone(), order_id);
        let redirect_url = self.page_url(&token);
        Answer::snap(201, json!({"token": token, "redirect_url": redirect_url}))
    }

    /// `POST /snap/v1/transactions/{token}/cancel`
    pub(crate) fn snap_cancel(&mut self, now: Timestamp, token: &str) -> Answer {
        let Some(order_id) = self.tokens.get(token).cloned() else {
            return Answer::snap_error(404, &["token not found"]);
        };
        let in_use = self.is_in_use(&order_id);
        let Some(session) = self.session_mut(token) else {
            return Answer::snap_error(404, &["token not found"]);
        };
        if session.state == SessionState::Canceled {
            return Answer::snap_error(400, &["token already canceled"]);
        }
        if in_use {
            return Answer::snap_error(400, &["Transaction is on progress"]);
        }
        session.state = SessionState::Canceled;
        Answer::snap(200, json!({"canceled_at": format::utc_millis(now)}))
    }

    /// Address of the payment page of a token.
    pub(crate) fn page_url(&self, token: &str) -> String {
        format!("{}/snap/v3/redirection/{token}", self.public_url)
    }
}
