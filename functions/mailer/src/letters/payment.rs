use super::{Bill, greeting};
use crate::Language;
use crate::letter::{Block, Letter};
use domain::Timestamp;
use domain::notice::HOME;

/// An order that was paid.
pub struct Payment<'a> {
    /// Name of the buyer.
    pub name: &'a str,
    /// Code of the order.
    pub code: &'a str,
    /// What was paid for.
    pub bill: Bill,
    /// How, as the payment gateway calls it.
    pub method: Option<&'a str>,
    /// When the payment was known to have come in.
    pub paid_at: Timestamp,
    /// Page of the order.
    pub link: String,
}

/// A receipt.
pub fn payment(language: Language, order: Payment<'_>) -> Letter {
    let say = |id, en| language.pick(id, en).to_owned();
    let mut facts = vec![
        (language.pick("Kode pesanan", "Order code"), order.code.to_owned()),
        (
            language.pick("Dibayar pada", "Paid on"),
            language.moment(order.paid_at, HOME),
        ),
    ];
    if let Some(method) = order.method {
        facts.push((
            language.pick("Cara pembayaran", "Paid by"),
            method_name(language, method),
        ));
    }
    Letter {
        language,
        subject: match language {
            Language::Id => format!("Pembayaran diterima: {}", order.bill.total),
            Language::En => format!("Payment received: {}", order.bill.total),
        },
        preview: say("Ini tanda terima Anda.", "This is your receipt."),
        title: say(
            "Pembayaran Anda sudah kami terima",
            "We have received your payment",
        ),
        blocks: vec![
            Block::Paragraph(greeting(language, order.name)),
            Block::Paragraph(say(
                "Terima kasih. Simpan email ini sebagai tanda terima; tiket Anda datang dengan email tersendiri.",
                "Thank you. Keep this mail as your receipt; your tickets come in a mail of their own.",
            )),
            order.bill.block(language),
            Block::Facts(facts),
            Block::Button {
                label: language.pick("Lihat pesanan", "View order"),
                link: order.link,
            },
        ],
    }
}

/// What people call a method. One that is new at the gateway is shown under the gateway's own name.
fn method_name(language: Language, method: &str) -> String {
    let known = match method {
        "bank_transfer" => language.pick("Transfer ke virtual account", "Transfer to a virtual account"),
        "manual_transfer" => language.pick("Transfer bank", "Bank transfer"),
        "echannel" => "Mandiri Bill Payment",
        "permata" => "Permata Virtual Account",
        "credit_card" => language.pick("Kartu kredit atau debit", "Credit or debit card"),
        "gopay" => "GoPay",
        "shopeepay" => "ShopeePay",
        "ovo" => "OVO",
        "dana" => "DANA",
        "qris" => "QRIS",
        "cstore" => language.pick("Gerai ritel", "Convenience store"),
        "akulaku" => "Akulaku",
        "kredivo" => "Kredivo",
        other => other,
    };
    known.to_owned()
}
