//! Bank transfers as the API shows them.

use db::transfers::{ListedTransfer, Transfer};
use domain::payment::PaymentStatus;
use domain::transfer::code;
use domain::{PaymentId, Rupiah, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

/// What a buyer has to transfer.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransferDueOut {
    /// What the bank is called.
    bank: String,
    /// Number of the account, in digits.
    account_number: String,
    /// Whose account it is.
    account_holder: String,
    /// How much, in rupiah; exactly.
    amount: Rupiah,
    /// To be written on the transfer, so that it is found.
    code: String,
    /// Until when the tickets are kept for it.
    pay_until: Timestamp,
}

impl TransferDueOut {
    /// A transfer of so much.
    pub(crate) fn new(transfer: &Transfer, amount: Rupiah) -> Self {
        let account = transfer.account.clone();
        Self {
            bank: account.bank,
            account_number: account.number,
            account_holder: account.holder,
            amount,
            code: code(transfer.payment_id),
            pay_until: transfer.expires_at,
        }
    }
}

/// A transfer as its organizer sees it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransferOut {
    /// The payment that it makes.
    payment_id: PaymentId,
    /// What the order is called.
    order_id: String,
    /// Where the payment stands: `pending` until the transfer is confirmed.
    status: PaymentStatus,
    /// What the buyer was told.
    due: TransferDueOut,
    /// Name of the buyer.
    buyer: String,
    /// When the buyer chose to pay so.
    created_at: Timestamp,
    /// By which it was found at the bank; null until it is confirmed.
    reference: Option<String>,
    /// When it was confirmed.
    confirmed_at: Option<Timestamp>,
}

impl From<ListedTransfer> for TransferOut {
    fn from(listed: ListedTransfer) -> Self {
        Self {
            payment_id: listed.transfer.payment_id,
            order_id: listed.order_code,
            status: listed.status,
            due: TransferDueOut::new(&listed.transfer, listed.amount),
            buyer: listed.buyer_name,
            created_at: listed.created_at,
            reference: listed.transfer.reference,
            confirmed_at: listed.transfer.confirmed_at,
        }
    }
}

web::list! {
    /// A page of bank transfers.
    TransferList { transfers: TransferOut }
}
