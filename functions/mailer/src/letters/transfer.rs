use super::greeting;
use crate::Language;
use crate::letter::{Block, Letter};
use domain::notice::HOME;
use domain::{Rupiah, Timestamp};

/// A bank transfer that is waited for.
pub struct TransferDue<'a> {
    /// Name of the buyer.
    pub name: &'a str,
    /// Code of the order.
    pub order: &'a str,
    /// What the bank is called.
    pub bank: &'a str,
    /// Number of the account.
    pub number: &'a str,
    /// Whose account it is.
    pub holder: &'a str,
    /// How much.
    pub amount: Rupiah,
    /// To be written on the transfer.
    pub code: &'a str,
    /// Until when the tickets are kept.
    pub pay_until: Timestamp,
    /// Page of the order.
    pub link: String,
}

/// Says what to transfer where and until when.
pub fn transfer_due(language: Language, transfer: TransferDue<'_>) -> Letter {
    let say = |id, en| language.pick(id, en).to_owned();
    let (amount, until) = (transfer.amount, language.moment(transfer.pay_until, HOME));
    let (before, explained) = match language {
        Language::Id => (
            format!("Transfer {amount} sebelum {until}."),
            format!(
                "Silakan transfer tepat {amount} ke rekening penyelenggara berikut dan tulis kodenya pada berita transfer. Tiket \
                 Anda kami simpan sampai {until}."
            ),
        ),
        Language::En => (
            format!("Transfer {amount} before {until}."),
            format!(
                "Please transfer exactly {amount} to the organizer's account below and write the code on the transfer. Your \
                 tickets are held until {until}."
            ),
        ),
    };
    Letter {
        language,
        subject: say(
            "Transfer untuk menyelesaikan pesanan Anda",
            "Transfer to complete your order",
        ),
        preview: before,
        title: say(
            "Pesanan Anda menunggu transfer",
            "Your order awaits your transfer",
        ),
        blocks: vec![
            Block::Paragraph(greeting(language, transfer.name)),
            Block::Paragraph(explained),
            Block::Code(transfer.number.to_owned()),
            Block::Facts(vec![
                (language.pick("Bank", "Bank"), transfer.bank.to_owned()),
                (
                    language.pick("Nomor rekening", "Account number"),
                    transfer.number.to_owned(),
                ),
                (
                    language.pick("Atas nama", "Account holder"),
                    transfer.holder.to_owned(),
                ),
                (language.pick("Jumlah", "Amount"), amount.to_string()),
                (
                    language.pick("Berita transfer", "Write on it"),
                    transfer.code.to_owned(),
                ),
                (language.pick("Transfer sebelum", "Transfer before"), until),
                (
                    language.pick("Kode pesanan", "Order code"),
                    transfer.order.to_owned(),
                ),
            ]),
            Block::Paragraph(say(
                "Setelah penyelenggara menemukan transfer Anda, tiketnya kami kirim lewat email. Itu dapat memerlukan waktu.",
                "Once the organizer has found your transfer, your tickets come by mail. That may take a while.",
            )),
            Block::Button {
                label: language.pick("Lihat pesanan", "View order"),
                link: transfer.link,
            },
        ],
    }
}

/// A bank transfer for which nobody waits any more.
pub struct TransferEnded<'a> {
    /// Name of the buyer.
    pub name: &'a str,
    /// Code of the order.
    pub order: &'a str,
    /// Whether an event of the order was called off.
    pub cancelled: bool,
    /// Page of the order.
    pub link: String,
}

/// Asks not to transfer any more.
pub fn transfer_ended(language: Language, transfer: TransferEnded<'_>) -> Letter {
    let say = |id, en| language.pick(id, en).to_owned();
    let why = if transfer.cancelled {
        say(
            "Acaranya dibatalkan, jadi pesanan Anda kami batalkan.",
            "The event was called off, so your order was ended.",
        )
    } else {
        say(
            "Transfer Anda belum ditemukan sampai batas waktunya, jadi pesanan Anda batal dan tiketnya dijual kembali.",
            "Your transfer was not found in time, so your order has lapsed and its tickets are back on sale.",
        )
    };
    Letter {
        language,
        subject: say("Mohon jangan transfer lagi", "Please do not transfer any more"),
        preview: why.clone(),
        title: say("Pesanan Anda telah berakhir", "Your order has ended"),
        blocks: vec![
            Block::Paragraph(greeting(language, transfer.name)),
            Block::Paragraph(why),
            Block::Paragraph(say(
                "Mohon jangan transfer lagi untuk pesanan ini. Jika Anda sudah melakukannya, tunggulah: begitu penyelenggara \
                 menemukannya, Anda menerima tiket atau uang Anda kembali.",
                "Please do not transfer for this order any more. If you already have, please wait: once the organizer finds it, you \
                 get your tickets or your money back.",
            )),
            Block::Facts(vec![(
                language.pick("Kode pesanan", "Order code"),
                transfer.order.to_owned(),
            )]),
            Block::Button {
                label: language.pick("Lihat pesanan", "View order"),
                link: transfer.link,
            },
        ],
    }
}
