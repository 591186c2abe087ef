use super::greeting;
use crate::Language;
use crate::letter::{Block, Letter};
use domain::notice::Turned;

/// Tickets that somebody waited for.
pub struct TicketsOffered<'a> {
    /// Name of whose turn it is.
    pub name: &'a str,
    /// What is kept for them, and until when.
    pub turned: &'a Turned,
    /// Page of their cart.
    pub link: String,
}

/// Says that it is somebody's turn in a waiting list.
pub fn tickets_offered(language: Language, offered: TicketsOffered<'_>) -> Letter {
    let say = |id, en| language.pick(id, en).to_owned();
    let Turned {
        ticket,
        event,
        quantity,
        until,
        zone,
    } = offered.turned;
    let until = language.moment(*until, zone);
    Letter {
        language,
        subject: match language {
            Language::Id => format!("Giliran Anda: tiket {event}"),
            Language::En => format!("Your turn: tickets for {event}"),
        },
        preview: match language {
            Language::Id => format!("Selesaikan pesanan sebelum {until}."),
            Language::En => format!("Order before {until}."),
        },
        title: say("Sekarang giliran Anda", "It is your turn"),
        blocks: vec![
            Block::Paragraph(greeting(language, offered.name)),
            Block::Paragraph(match language {
                Language::Id => format!(
                    "Tiket yang Anda tunggu tersedia lagi. {quantity} tiket {ticket} untuk {event} ada di keranjang Anda dan kami \
                     simpan sampai {until}. Setelah itu tiketnya diberikan kepada antrean berikutnya."
                ),
                Language::En if *quantity == 1 => format!(
                    "What you waited for is available again. One {ticket} ticket for {event} is in your cart, and we keep it until \
                     {until}. After that it goes to the next in line."
                ),
                Language::En => format!(
                    "What you waited for is available again. {quantity} {ticket} tickets for {event} are in your cart, and we keep \
                     them until {until}. After that they go to the next in line."
                ),
            }),
            Block::Facts(vec![
                (language.pick("Acara", "Event"), event.clone()),
                (language.pick("Tiket", "Ticket"), ticket.clone()),
                (language.pick("Jumlah", "Number"), quantity.to_string()),
                (language.pick("Disimpan sampai", "Kept until"), until),
            ]),
            Block::Button {
                label: language.pick("Buka keranjang", "Open the cart"),
                link: offered.link,
            },
            Block::Note(say(
                "Anda menerima email ini karena ikut antre untuk tiket ini. Jika Anda tidak menginginkannya lagi, hapus dari \
                 keranjang supaya orang berikutnya tidak perlu menunggu.",
                "You get this mail because you joined the waiting list of these tickets. If you do not want them any more, please \
                 remove them from your cart, so that the next one need not wait.",
            )),
        ],
    }
}
