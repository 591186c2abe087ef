use crate::App;
use axum::extract::State;
use db::transfers::Terms;
use domain::{Error, EventId};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/events/{id}/bank-transfer",
    Access::Publisher,
    "get_bank_transfer",
    "Read whether tickets of an own event can be paid by bank transfer, and to which account",
)
.data::<BankTransferOut>();

/// Whether and to which account tickets can be paid by bank transfer.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BankTransferOut {
    /// Whether buyers may pay so.
    pub(crate) enabled: bool,
    /// What the bank is called; null if no account was ever set.
    pub(crate) bank: Option<String>,
    /// Number of the account, in digits.
    pub(crate) account_number: Option<String>,
    /// Whose account it is.
    pub(crate) account_holder: Option<String>,
    /// How many hours a transfer is waited for, at most until the event begins or its sale ends.
    pub(crate) hours: Option<u32>,
}

impl From<Option<Terms>> for BankTransferOut {
    fn from(terms: Option<Terms>) -> Self {
        match terms {
            Some(terms) => Self {
                enabled: terms.enabled,
                bank: Some(terms.account.bank),
                account_number: Some(terms.account.number),
                account_holder: Some(terms.account.holder),
                hours: Some(terms.hours),
            },
            None => Self {
                enabled: false,
                bank: None,
                account_number: None,
                account_holder: None,
                hours: None,
            },
        }
    }
}

pub(crate) async fn get_bank_transfer(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<EventId>,
) -> web::Result<Answer<BankTransferOut>> {
    let conn = app.db.conn().await?;
    let terms = db::transfers::terms(&conn, id, caller.id, caller.is_admin()).await?;
    let terms = terms.ok_or_else(|| Error::not_found("Event"))?;
    Ok(Answer::ok(terms.into()))
}
