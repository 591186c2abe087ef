use super::greeting;
use crate::Language;
use crate::letter::{Block, Letter};
use domain::Rupiah;

/// A payment that came too late for its tickets.
pub struct RefundDue<'a> {
    /// Name of the buyer.
    pub name: &'a str,
    /// Code of the order.
    pub code: &'a str,
    /// Whether an event of the order was called off.
    pub cancelled: bool,
    /// What was paid and goes back.
    pub amount: Rupiah,
    /// Page of the order.
    pub link: String,
}

/// Says that money came in for an order that could not be honoured, and goes back.
pub fn refund_due(language: Language, order: RefundDue<'_>) -> Letter {
    let say = |id, en| language.pick(id, en).to_owned();
    let amount = order.amount;
    let explained = match language {
        Language::Id if order.cancelled => format!(
            "Pembayaran Anda sebesar {amount} kami terima setelah acaranya dibatalkan. Seluruh uang Anda akan kami kembalikan; \
             Anda tidak perlu melakukan apa pun."
        ),
        Language::En if order.cancelled => format!(
            "Your payment of {amount} reached us after the event had been called off. You will get all of your money back; \
             there is nothing you have to do."
        ),
        Language::Id => format!(
            "Pembayaran Anda sebesar {amount} baru kami terima setelah batas waktu, dan tiket yang Anda pesan sudah habis \
             terjual. Seluruh uang Anda akan kami kembalikan; Anda tidak perlu melakukan apa pun."
        ),
        Language::En => format!(
            "Your payment of {amount} reached us after the time to pay was over, and the tickets of your order have been sold \
             out since. You will get all of your money back; there is nothing you have to do."
        ),
    };
    Letter {
        language,
        subject: say("Uang Anda akan dikembalikan", "Your money will be returned"),
        preview: say(
            "Pembayaran Anda tiba terlambat.",
            "Your payment arrived too late.",
        ),
        title: say(
            "Maaf, tiket Anda sudah tidak tersedia",
            "Sorry, your tickets are no longer available",
        ),
        blocks: vec![
            Block::Paragraph(greeting(language, order.name)),
            Block::Paragraph(explained),
            Block::Facts(vec![
                (language.pick("Kode pesanan", "Order code"), order.code.to_owned()),
                (
                    language.pick("Dikembalikan", "To be returned"),
                    amount.to_string(),
                ),
            ]),
            Block::Button {
                label: language.pick("Lihat pesanan", "View order"),
                link: order.link,
            },
        ],
    }
}
