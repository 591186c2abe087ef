use crate::App;
use crate::get_bank_transfer::BankTransferOut;
use axum::extract::State;
use db::transfers::{NewTerms, Terms};
use domain::audit::{Changes, Subject};
use domain::transfer::{AccountHolder, AccountNumber, BankAccount, BankName, TransferHours};
use domain::{Error, EventId};
use std::sync::Arc;
use web::{Access, Answer, Json, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PUT",
    "/api/v1/events/{id}/bank-transfer",
    Access::Publisher,
    "set_bank_transfer",
    "Let buyers pay for tickets of an event by transfer to a bank account, or not any more. Who waits for a transfer goes on doing \
     so, to the account that was told",
)
.body::<BankTransferIn>()
.data::<BankTransferOut>();

web::input! {
    strict
    /// Whether and to which account tickets can be paid by bank transfer.
    pub(crate) struct BankTransferIn {
        /// Whether buyers may pay so.
        enabled: bool,
        /// What the bank is called.
        bank: BankName,
        /// Number of the account.
        account_number: AccountNumber,
        /// Whose account it is, as the bank knows them.
        account_holder: AccountHolder,
        /// How many hours a transfer is waited for; the time to look for it at the bank is part of them.
        hours: TransferHours,
    }
}

pub(crate) async fn set_bank_transfer(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<EventId>,
    origin: Origin,
    Json(input): Json<BankTransferIn>,
) -> web::Result<Answer<BankTransferOut>> {
    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let new = NewTerms {
        enabled: input.enabled,
        bank: &input.bank,
        number: &input.account_number,
        holder: &input.account_holder,
        hours: input.hours.get(),
    };
    let before = db::transfers::set_terms(&tx, id, caller.id, caller.is_admin(), &new, now).await?;
    let before = before.ok_or_else(|| Error::not_found("Event"))?;
    let after = Terms {
        enabled: input.enabled,
        account: BankAccount {
            bank: input.bank.as_str().to_owned(),
            number: input.account_number.as_str().to_owned(),
            holder: input.account_holder.as_str().to_owned(),
        },
        hours: input.hours.get(),
    };
    let changes = changes(before.as_ref(), &after);
    let entry = origin.entry(caller, ROUTE.id, Subject::Event(id), changes, now);
    db::audit::record(&tx, &entry).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(Some(after).into()).message("Bank transfer updated successfully"))
}

/// What is different. Whose account it is tells who somebody is, so the log says that it was changed, and of its number the last four
/// digits.
fn changes(before: Option<&Terms>, after: &Terms) -> Changes {
    let changes = Changes::none()
        .moved(
            "enabled",
            &before.map(|before| before.enabled),
            &Some(after.enabled),
        )
        .moved("hours", &before.map(|before| before.hours), &Some(after.hours));
    if before.is_some_and(|before| before.account == after.account) {
        return changes;
    }
    let end = |account: &BankAccount| {
        let start = account.number.len().saturating_sub(4);
        format!("…{}", account.number.get(start..).unwrap_or_default())
    };
    let changes = changes.set("account", end(&after.account));
    match before {
        Some(before) => changes.set("accountBefore", end(&before.account)),
        None => changes,
    }
}
