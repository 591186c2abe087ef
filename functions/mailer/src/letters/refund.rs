use super::greeting;
use crate::Language;
use crate::letter::{Block, Letter};
use domain::Rupiah;

/// What a letter about a refund is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It was asked for.
    Started,
    /// People have to transfer it.
    Manual,
    /// The money went back.
    Done,
}

/// Money on its way back.
pub struct Refund<'a> {
    /// Name of the buyer.
    pub name: &'a str,
    /// Code of the order.
    pub code: &'a str,
    /// How much.
    pub amount: Rupiah,
    /// How many tickets were taken back for it.
    pub tickets: u32,
    /// Why.
    pub reason: &'a str,
    /// By which a transfer is found again at the bank.
    pub reference: Option<&'a str>,
    /// Page of the order.
    pub link: String,
}

/// Says that money goes back, has to be transferred by people, or went back.
pub fn refund(language: Language, progress: Progress, refund: Refund<'_>) -> Letter {
    let say = |id, en| language.pick(id, en).to_owned();
    let amount = refund.amount;
    let (subject, explained) = match (progress, language) {
        (Progress::Started, Language::Id) => (
            "Pengembalian dana sedang diproses",
            format!(
                "Kami mengembalikan {amount} kepada Anda lewat cara pembayaran yang Anda gunakan. Anda tidak perlu melakukan \
                 apa pun; kami memberi tahu Anda begitu uangnya dikirim."
            ),
        ),
        (Progress::Started, Language::En) => (
            "Your refund is on its way",
            format!(
                "We are returning {amount} to you by the way you paid. There is nothing you have to do; we will tell you as soon \
                 as the money was sent."
            ),
        ),
        (Progress::Manual, Language::Id) => (
            "Pengembalian dana lewat transfer",
            format!(
                "Cara pembayaran yang Anda gunakan tidak dapat menerima pengembalian dana secara otomatis, jadi tim kami \
                 mentransfer {amount} secara manual. Balas email ini dengan nama bank, nomor rekening, dan nama pemilik \
                 rekening Anda."
            ),
        ),
        (Progress::Manual, Language::En) => (
            "Your refund by bank transfer",
            format!(
                "The way you paid cannot take money back by itself, so our team transfers {amount} by hand. Please answer this \
                 mail with the name of your bank, your account number and the name of its holder."
            ),
        ),
        (Progress::Done, Language::Id) => (
            "Dana Anda telah dikembalikan",
            format!(
                "Kami telah mengembalikan {amount}. Sampai terlihat di rekening Anda, bank Anda dapat memerlukan beberapa hari."
            ),
        ),
        (Progress::Done, Language::En) => (
            "Your money was returned",
            format!("We have returned {amount}. Your bank may take some days until you see it."),
        ),
    };
    let mut facts = vec![
        (
            language.pick("Kode pesanan", "Order code"),
            refund.code.to_owned(),
        ),
        (language.pick("Jumlah", "Amount"), amount.to_string()),
        (language.pick("Alasan", "Reason"), refund.reason.to_owned()),
    ];
    if let Some(reference) = refund.reference {
        facts.push((language.pick("Referensi", "Reference"), reference.to_owned()));
    }
    let mut blocks = vec![Block::Paragraph(greeting(language, refund.name))];
    if amount > Rupiah::ZERO {
        blocks.push(Block::Paragraph(explained));
    }
    if refund.tickets > 0 {
        blocks.push(Block::Paragraph(match language {
            Language::Id => format!("{} tiket dari pesanan ini tidak berlaku lagi.", refund.tickets),
            Language::En if refund.tickets == 1 => "One ticket of this order is no longer valid.".to_owned(),
            Language::En => format!("{} tickets of this order are no longer valid.", refund.tickets),
        }));
    }
    blocks.push(Block::Facts(facts));
    blocks.push(Block::Button {
        label: language.pick("Lihat pesanan", "View order"),
        link: refund.link,
    });
    Letter {
        language,
        subject: subject.to_owned(),
        preview: say(
            "Tentang uang Anda untuk pesanan ini.",
            "About your money for this order.",
        ),
        title: subject.to_owned(),
        blocks,
    }
}
