//! The texts of the mails, both languages side by side. One file per mail.

mod alerts;
mod bill;
mod event_cancelled;
mod event_changed;
mod event_reminder;
mod handover;
mod order_placed;
mod payment;
mod promotion;
mod refund;
mod refund_due;
mod reset_code;
mod tickets;
mod tickets_offered;
mod transfer;
mod verification;
mod webhook_disabled;

pub use alerts::{Alerts, alerts};
pub use bill::{Bill, Line};
pub use event_cancelled::{EventCancelled, event_cancelled};
pub use event_changed::{EventChanged, event_changed};
pub use event_reminder::{EventReminder, event_reminder};
pub use handover::{
    NewCode, TicketOffered, TicketVoid, ticket_offered, ticket_received, ticket_renamed, ticket_void,
};
pub use order_placed::{OrderPlaced, order_placed};
pub use payment::{Payment, payment};
pub use promotion::{Promoted, Promotion, promotion};
pub use refund::{Progress, Refund, refund};
pub use refund_due::{RefundDue, refund_due};
pub use reset_code::reset_code;
pub use tickets::{MOST_TICKETS, Ticket, Tickets, tickets};
pub use tickets_offered::{TicketsOffered, tickets_offered};
pub use transfer::{TransferDue, TransferEnded, transfer_due, transfer_ended};
pub use verification::verification;
pub use webhook_disabled::{WebhookDisabled, webhook_disabled};

use crate::Language;

/// The words before the letter proper.
fn greeting(language: Language, name: &str) -> String {
    let hello = language.pick("Halo", "Hello");
    if looks_like_a_link(name) {
        format!("{hello},")
    } else {
        format!("{hello} {name},")
    }
}

/// Whether a mail client might make a link of a name. Anybody can register anybody's address under any name, and our mail
/// shall not carry an advertisement to a stranger.
fn looks_like_a_link(name: &str) -> bool {
    let dotted = |word: &str| {
        let mut parts = word.split('.');
        parts.next().is_some_and(|first| !first.is_empty())
            && parts.any(|part| part.chars().take_while(|c| c.is_alphanumeric()).count() >= 2)
    };
    name.contains(['/', ':', '@']) || name.split_whitespace().any(dotted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_greeted_by_name_but_links_are_not() {
        for name in [
            "Ayu",
            "Ayu Lestari",
            "J.K. Rowling",
            "Raden Mas H. O. S.",
            "Sri Dr.",
            "李小龍",
            "O'Neil",
        ] {
            assert_eq!(greeting(Language::Id, name), format!("Halo {name},"));
        }
        for name in [
            "http://evil.example",
            "menang di evil.id sekarang",
            "www.evil.com/x",
            "a@evil.id",
            "evil.co.id.",
        ] {
            assert_eq!(greeting(Language::En, name), "Hello,", "{name}");
        }
    }
}
