use super::greeting;
use crate::Language;
use crate::letter::{Block, Letter, TicketCard};
use domain::Timestamp;
use domain::seating::SeatName;

/// Most tickets in one mail. SES takes 500 parts of a mail and every ticket is two; and a mail longer than this is cut by
/// the clients that show it.
pub const MOST_TICKETS: usize = 50;

/// A paid order with its tickets.
pub struct Tickets<'a> {
    /// Name of the buyer.
    pub name: &'a str,
    /// Code of the order.
    pub code: &'a str,
    /// The tickets in this mail.
    pub tickets: Vec<Ticket<'a>>,
    /// How many the order has in all.
    pub total: usize,
    /// Page of the order.
    pub link: String,
}

/// A ticket with what is printed on it.
pub struct Ticket<'a> {
    /// What its event is called.
    pub event: &'a str,
    /// When the event begins.
    pub date: Timestamp,
    /// Zone of the place.
    pub zone: &'a str,
    /// Where it takes place.
    pub location: &'a str,
    /// Kind of the ticket.
    pub kind: &'a str,
    /// Where its holder sits, if it is a seat.
    pub seat: Option<&'a SeatName>,
    /// Whose name is on it.
    pub holder: &'a str,
    /// What identifies it.
    pub code: &'a str,
    /// Content-ID of the picture of its QR code.
    pub cid: String,
    /// File name of that picture.
    pub file_name: String,
}

/// Hands over tickets.
pub fn tickets(language: Language, order: Tickets<'_>) -> Letter {
    let say = |id, en| language.pick(id, en).to_owned();
    let shown = order.tickets.len();
    let mut events: Vec<&str> = order.tickets.iter().map(|ticket| ticket.event).collect();
    events.dedup();
    let subject = match (language, events.as_slice()) {
        (Language::Id, [event]) => format!("Tiket Anda untuk {event}"),
        (Language::En, [event]) => format!("Your tickets for {event}"),
        (Language::Id, _) => "Tiket Anda".to_owned(),
        (Language::En, _) => "Your tickets".to_owned(),
    };
    let mut blocks = vec![
        Block::Paragraph(greeting(language, order.name)),
        Block::Paragraph(say(
            "Tunjukkan kode QR berikut di pintu masuk, di layar ponsel atau dicetak. Tiket sebagai PDF dan berkas kalender terlampir.",
            "Show the QR codes below at the entrance, on your phone or on paper. The tickets as PDF and a calendar file are attached.",
        )),
        Block::Note(say(
            "Setiap kode berlaku untuk satu orang dan satu kali masuk. Jangan bagikan kepada orang yang tidak Anda kenal.",
            "Each code admits one person once. Do not share it with people you do not know.",
        )),
    ];
    let cards = order.tickets.into_iter().zip(1..);
    blocks.extend(cards.map(|(ticket, number)| Block::Ticket(card(language, ticket, number, order.total))));
    if order.total > shown {
        blocks.push(Block::Paragraph(match language {
            Language::Id => format!(
                "Email ini memuat {shown} dari {} tiket. Selebihnya ada di halaman pesanan.",
                order.total
            ),
            Language::En => format!(
                "This mail holds {shown} of {} tickets. The others are on the page of the order.",
                order.total
            ),
        }));
    }
    blocks.push(Block::Button {
        label: language.pick("Lihat pesanan", "View order"),
        link: order.link,
    });
    blocks.push(Block::Facts(vec![(
        language.pick("Kode pesanan", "Order code"),
        order.code.to_owned(),
    )]));
    Letter {
        language,
        subject,
        preview: say(
            "Tunjukkan kode QR ini di pintu masuk.",
            "Show these QR codes at the entrance.",
        ),
        title: say("Tiket Anda sudah siap", "Your tickets are ready"),
        blocks,
    }
}

pub(super) fn card(language: Language, ticket: Ticket<'_>, number: usize, total: usize) -> TicketCard {
    let (counted, alt) = match language {
        Language::Id => (
            format!("Tiket {number} dari {total}"),
            format!("Kode QR tiket {number}"),
        ),
        Language::En => (
            format!("Ticket {number} of {total}"),
            format!("QR code of ticket {number}"),
        ),
    };
    TicketCard {
        number: counted,
        event: ticket.event.to_owned(),
        kind: ticket.kind.to_owned(),
        facts: [
            Some((
                language.pick("Waktu", "When"),
                language.moment(ticket.date, ticket.zone),
            )),
            Some((language.pick("Tempat", "Where"), ticket.location.to_owned())),
            ticket
                .seat
                .map(|seat| (language.pick("Kursi", "Seat"), seat.words(language))),
            Some((language.pick("Atas nama", "Holder"), ticket.holder.to_owned())),
            Some((language.pick("Kode tiket", "Ticket code"), in_groups(ticket.code))),
        ]
        .into_iter()
        .flatten()
        .collect(),
        cid: ticket.cid,
        alt,
        file_name: ticket.file_name,
    }
}

/// The code in groups of four, as people read it to each other.
fn in_groups(code: &str) -> String {
    let digits: Vec<char> = code.chars().collect();
    let groups: Vec<String> = digits.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join(" ")
}
