use super::greeting;
use crate::Language;
use crate::letter::{Block, Letter};
use domain::{Rupiah, Timestamp};

/// An event that does not take place.
pub struct EventCancelled<'a> {
    /// Name of the buyer.
    pub name: &'a str,
    /// What the event is called.
    pub event: &'a str,
    /// When it would have begun.
    pub date: Timestamp,
    /// Zone of the place.
    pub zone: &'a str,
    /// Where it would have taken place.
    pub location: &'a str,
    /// Code of the order.
    pub code: &'a str,
    /// What was paid for the whole order.
    pub paid: Rupiah,
    /// Page of the order.
    pub link: String,
}

/// Says that an event was called off, and what becomes of the money.
pub fn event_cancelled(language: Language, order: EventCancelled<'_>) -> Letter {
    let say = |id, en| language.pick(id, en).to_owned();
    let event = order.event;
    let explained = match language {
        Language::Id => {
            format!(
                "{event} dibatalkan oleh penyelenggaranya. Tiket Anda untuk acara ini tidak dapat digunakan."
            )
        }
        Language::En => {
            format!("{event} was called off by its organizer. Your tickets for it cannot be used.")
        }
    };
    let mut blocks = vec![
        Block::Paragraph(greeting(language, order.name)),
        Block::Paragraph(explained),
        Block::Facts(vec![
            (language.pick("Acara", "Event"), event.to_owned()),
            (
                language.pick("Semula", "It was to begin"),
                language.moment(order.date, order.zone),
            ),
            (language.pick("Tempat", "Place"), order.location.to_owned()),
            (language.pick("Kode pesanan", "Order code"), order.code.to_owned()),
        ]),
    ];
    if order.paid > Rupiah::ZERO {
        blocks.push(Block::Paragraph(say(
            "Uang Anda untuk tiket ini akan kami kembalikan; Anda tidak perlu melakukan apa pun.",
            "You will get your money for these tickets back; there is nothing you have to do.",
        )));
    }
    blocks.push(Block::Button {
        label: language.pick("Lihat pesanan", "View order"),
        link: order.link,
    });
    Letter {
        language,
        subject: match language {
            Language::Id => format!("Dibatalkan: {event}"),
            Language::En => format!("Called off: {event}"),
        },
        preview: say("Acara Anda dibatalkan.", "Your event was called off."),
        title: say("Maaf, acara Anda dibatalkan", "Sorry, your event was called off"),
        blocks,
    }
}
