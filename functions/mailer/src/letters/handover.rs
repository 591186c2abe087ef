use super::tickets::{Ticket, card};
use super::{greeting, looks_like_a_link};
use crate::Language;
use crate::letter::{Block, Letter};
use domain::Timestamp;

/// A ticket that somebody offers.
pub struct TicketOffered<'a> {
    /// Name of whoever offers it.
    pub sender: &'a str,
    /// Kind of the ticket.
    pub kind: &'a str,
    /// What its event is called.
    pub event: &'a str,
    /// When the event begins.
    pub date: Timestamp,
    /// Zone of the place.
    pub zone: &'a str,
    /// Where it takes place.
    pub location: &'a str,
    /// Until when it can be accepted.
    pub until: Timestamp,
    /// Where it is accepted.
    pub link: String,
}

/// Asks whoever has an address whether they want a ticket. They may not know us, so nothing in it is a link but ours.
pub fn ticket_offered(language: Language, offer: TicketOffered<'_>) -> Letter {
    let say = |id, en| language.pick(id, en).to_owned();
    let somebody = language.pick("Seseorang", "Somebody");
    let (sender, event) = (offer.sender, offer.event);
    let sender = if looks_like_a_link(sender) {
        somebody
    } else {
        sender
    };
    let until = language.moment(offer.until, offer.zone);
    Letter {
        language,
        subject: match language {
            Language::Id => format!("Tiket untuk Anda: {event}"),
            Language::En => format!("A ticket for you: {event}"),
        },
        preview: match language {
            Language::Id => format!("Terima sebelum {until}."),
            Language::En => format!("Accept it before {until}."),
        },
        title: say("Ada tiket untuk Anda", "There is a ticket for you"),
        blocks: vec![
            Block::Paragraph(say("Halo,", "Hello,")),
            Block::Paragraph(match language {
                Language::Id => {
                    format!(
                        "{sender} ingin memberikan tiket {event} kepada Anda. Tiket ini tidak dipungut biaya."
                    )
                }
                Language::En => {
                    format!("{sender} would like to give you a ticket for {event}. It costs you nothing.")
                }
            }),
            Block::Facts(vec![
                (language.pick("Tiket", "Ticket"), offer.kind.to_owned()),
                (
                    language.pick("Waktu", "When"),
                    language.moment(offer.date, offer.zone),
                ),
                (language.pick("Tempat", "Where"), offer.location.to_owned()),
                (language.pick("Terima sebelum", "Accept before"), until),
            ]),
            Block::Button {
                label: language.pick("Lihat tiket", "View the ticket"),
                link: offer.link,
            },
            Block::Paragraph(say(
                "Untuk menerimanya, masuklah dengan akun yang memakai alamat email ini. Jika belum punya, buatlah terlebih dahulu; \
                 tawaran ini tetap menunggu Anda.",
                "To accept it, log in with an account of this mail address. If you have none yet, make one first; the offer waits \
                 for you.",
            )),
            Block::Note(say(
                "Jika Anda tidak mengenal pengirimnya atau tidak menginginkan tiket ini, abaikan saja email ini.",
                "If you do not know who sent it, or do not want the ticket, just ignore this mail.",
            )),
        ],
    }
}

/// A ticket with a new code.
pub struct NewCode<'a> {
    /// Name of its holder.
    pub name: &'a str,
    /// The ticket.
    pub ticket: Ticket<'a>,
    /// Page of the holder's tickets.
    pub link: String,
}

/// Hands a ticket over that was passed on.
pub fn ticket_received(language: Language, new: NewCode<'_>) -> Letter {
    let event = new.ticket.event;
    let (subject, said) = match language {
        Language::Id => (
            format!("Tiket Anda untuk {event}"),
            format!("Tiket {event} sekarang milik Anda. Tiket sebagai PDF dan berkas kalender terlampir."),
        ),
        Language::En => (
            format!("Your ticket for {event}"),
            format!("The ticket for {event} is yours now. It is attached as PDF, with a calendar file."),
        ),
    };
    let title = language.pick("Tiket ini milik Anda", "The ticket is yours");
    let note = language.pick(
        "Kode QR berikut baru. Kode pemilik sebelumnya tidak berlaku lagi.",
        "The QR code below is new. That of the former holder is no longer valid.",
    );
    with_code(language, new, (subject, title, said, note))
}

/// Hands a ticket over that got another name.
pub fn ticket_renamed(language: Language, new: NewCode<'_>) -> Letter {
    let (event, holder) = (new.ticket.event, new.ticket.holder);
    let (subject, said) = match language {
        Language::Id => (
            format!("Nama baru pada tiket Anda: {event}"),
            format!(
                "Tiket {event} kini atas nama {holder}. Tiket sebagai PDF dan berkas kalender terlampir."
            ),
        ),
        Language::En => (
            format!("A new name on your ticket: {event}"),
            format!(
                "Your ticket for {event} is in the name of {holder} now. It is attached as PDF, with a calendar file."
            ),
        ),
    };
    let title = language.pick("Nama pada tiket telah diubah", "The name was changed");
    let note = language.pick(
        "Kode QR berikut baru. Kode dan cetakan yang lama tidak berlaku lagi.",
        "The QR code below is new. The old code, and whatever was printed of it, is no longer valid.",
    );
    with_code(language, new, (subject, title, said, note))
}

fn with_code(
    language: Language,
    new: NewCode<'_>,
    (subject, title, said, note): (String, &str, String, &str),
) -> Letter {
    Letter {
        language,
        subject,
        preview: language
            .pick(
                "Tunjukkan kode QR ini di pintu masuk.",
                "Show this QR code at the entrance.",
            )
            .to_owned(),
        title: title.to_owned(),
        blocks: vec![
            Block::Paragraph(greeting(language, new.name)),
            Block::Paragraph(said),
            Block::Note(note.to_owned()),
            Block::Ticket(card(language, new.ticket, 1, 1)),
            Block::Button {
                label: language.pick("Tampilkan tiket", "Show tickets"),
                link: new.link,
            },
        ],
    }
}

/// A ticket that was taken back from somebody who did not pay for it.
pub struct TicketVoid<'a> {
    /// Name of whoever held it.
    pub name: &'a str,
    /// Kind of the ticket.
    pub kind: &'a str,
    /// What its event is called.
    pub event: &'a str,
    /// When the event begins.
    pub date: Timestamp,
    /// Zone of the place.
    pub zone: &'a str,
    /// Where it takes place.
    pub location: &'a str,
    /// Whether the event was called off.
    pub cancelled: bool,
    /// Page of the holder's tickets.
    pub link: String,
}

/// Says that a ticket which was passed on opens no gate any more.
pub fn ticket_void(language: Language, ticket: TicketVoid<'_>) -> Letter {
    let say = |id, en| language.pick(id, en).to_owned();
    let event = ticket.event;
    let said = match (language, ticket.cancelled) {
        (Language::Id, true) => {
            format!(
                "{event} dibatalkan oleh penyelenggaranya. Tiket Anda untuk acara ini tidak dapat digunakan."
            )
        }
        (Language::En, true) => {
            format!("{event} was called off by its organizer. Your ticket for it cannot be used.")
        }
        (Language::Id, false) => {
            format!(
                "Pembelian tiket {event} yang diberikan kepada Anda telah dibatalkan. Tiket itu tidak dapat digunakan lagi."
            )
        }
        (Language::En, false) => {
            format!(
                "The purchase of the ticket for {event} that was passed on to you was reversed. It cannot be used any more."
            )
        }
    };
    Letter {
        language,
        subject: match language {
            Language::Id => format!("Tiket tidak berlaku lagi: {event}"),
            Language::En => format!("No longer valid: your ticket for {event}"),
        },
        preview: say(
            "Tiket Anda tidak berlaku lagi.",
            "Your ticket is no longer valid.",
        ),
        title: say(
            "Maaf, tiket Anda tidak berlaku lagi",
            "Sorry, your ticket is no longer valid",
        ),
        blocks: vec![
            Block::Paragraph(greeting(language, ticket.name)),
            Block::Paragraph(said),
            Block::Facts(vec![
                (language.pick("Tiket", "Ticket"), ticket.kind.to_owned()),
                (
                    language.pick("Waktu", "When"),
                    language.moment(ticket.date, ticket.zone),
                ),
                (language.pick("Tempat", "Where"), ticket.location.to_owned()),
            ]),
            Block::Paragraph(say(
                "Uangnya kembali kepada orang yang membayar tiket ini. Jika ada pertanyaan, hubungi orang yang memberikannya kepada Anda.",
                "The money goes back to whoever paid for the ticket. If you have questions, please ask the person who passed it on to \
                 you.",
            )),
            Block::Button {
                label: language.pick("Tampilkan tiket", "Show tickets"),
                link: ticket.link,
            },
        ],
    }
}
