use super::greeting;
use crate::Language;
use crate::letter::{BillLine, Block, Letter};
use domain::{Rupiah, Timestamp};

/// Where the platform is at home: times that belong to no event are shown in this zone.
const HOME: &str = "Asia/Jakarta";

/// An order that waits for payment.
pub struct OrderPlaced<'a> {
    /// Name of the buyer.
    pub name: &'a str,
    /// Code of the order.
    pub code: &'a str,
    /// What is bought.
    pub lines: Vec<Line>,
    /// Taken off the sum of the lines.
    pub discount: Rupiah,
    /// Service fees.
    pub fee: Rupiah,
    /// Taxes.
    pub tax: Rupiah,
    /// What is charged.
    pub total: Rupiah,
    /// Until when it can be paid.
    pub pay_until: Timestamp,
    /// Page where it is paid.
    pub link: String,
}

/// One line of an order.
pub struct Line {
    /// What the ticket is called.
    pub ticket: String,
    /// What its event is called.
    pub event: String,
    /// How many.
    pub quantity: u32,
    /// Price of all of them.
    pub price: Rupiah,
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
    let mut sums = Vec::new();
    if order.discount > Rupiah::ZERO {
        sums.push((
            language.pick("Potongan", "Discount"),
            format!("−{}", order.discount),
        ));
    }
    let added = [
        (language.pick("Biaya layanan", "Service fee"), order.fee),
        (language.pick("Pajak", "Tax"), order.tax),
    ];
    for (name, amount) in added {
        if amount > Rupiah::ZERO {
            sums.push((name, amount.to_string()));
        }
    }
    sums.push(("Total", order.total.to_string()));
    let lines = order.lines.into_iter().map(|line| BillLine {
        what: format!("{} × {}", line.quantity, line.ticket),
        of: line.event,
        price: line.price.to_string(),
    });
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
            Block::Bill {
                lines: lines.collect(),
                sums,
            },
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
