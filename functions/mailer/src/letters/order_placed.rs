use super::{Bill, greeting};
use crate::Language;
use crate::letter::{Block, Letter};
use domain::Timestamp;
use domain::notice::HOME;

/// An order that waits for payment.
pub struct OrderPlaced<'a> {
    /// Name of the buyer.
    pub name: &'a str,
    /// Code of the order.
    pub code: &'a str,
    /// What it costs.
    pub bill: Bill,
    /// Until when it can be paid.
    pub pay_until: Timestamp,
    /// Page where it is paid.
    pub link: String,
}

/// Asks to pay an order.
pub fn order_placed(language: Language, order: OrderPlaced<'_>) -> Letter {
    let say = |id, en| language.pick(id, en).to_owned();
    let until = language.moment(order.pay_until, HOME);
    let (before, before_that) = match language {
        Language::Id => (
            format!("Bayar sebelum {until}."),
            format!(
                "Tiket Anda kami simpan sampai {until}. Setelah itu pesanan batal dan tiketnya dijual kembali."
            ),
        ),
        Language::En => (
            format!("Pay before {until}."),
            format!(
                "Your tickets are held until {until}. After that the order lapses and they go back on sale."
            ),
        ),
    };
    Letter {
        language,
        subject: say(
            "Selesaikan pembayaran pesanan Anda",
            "Complete the payment of your order",
        ),
        preview: before,
        title: say("Pesanan Anda menunggu pembayaran", "Your order awaits payment"),
        blocks: vec![
            Block::Paragraph(greeting(language, order.name)),
            Block::Paragraph(before_that),
            order.bill.block(language),
            Block::Button {
                label: language.pick("Bayar sekarang", "Pay now"),
                link: order.link,
            },
            Block::Facts(vec![
                (language.pick("Kode pesanan", "Order code"), order.code.to_owned()),
                (language.pick("Bayar sebelum", "Pay before"), until),
            ]),
        ],
    }
}
