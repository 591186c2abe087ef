use super::{greeting, looks_like_a_link};
use crate::Language;
use crate::letter::{Block, Letter};
use domain::Timestamp;
use domain::mailing::Words;

/// What somebody promotes.
pub struct Promotion<'a> {
    /// Name of the recipient.
    pub name: &'a str,
    /// Name of the organizer who writes; the platform if there is none.
    pub sender: Option<&'a str>,
    /// What is said, in the language of the letter.
    pub words: &'a Words,
    /// The event that is promoted.
    pub event: Option<Promoted<'a>>,
    /// A promo code, and until when it is good.
    pub code: Option<(&'a str, Timestamp)>,
    /// Where one click ends mails of this kind.
    pub unsubscribe: String,
}

/// An event that is promoted.
pub struct Promoted<'a> {
    /// What it is called.
    pub name: &'a str,
    /// When it begins.
    pub date: Timestamp,
    /// Zone of the place.
    pub zone: &'a str,
    /// Where it takes place.
    pub location: &'a str,
    /// Its page.
    pub link: String,
}

/// Says what an organizer or the platform has to say, as plain text, and how to hear no more of it.
pub fn promotion(language: Language, promotion: Promotion<'_>) -> Letter {
    let say = |id, en| language.pick(id, en).to_owned();
    let zone = promotion
        .event
        .as_ref()
        .map_or("Asia/Jakarta", |event| event.zone);
    let mut blocks = vec![Block::Paragraph(greeting(language, promotion.name))];
    blocks.extend(promotion.words.text.paragraphs().map(Block::Paragraph));
    if let Some((code, until)) = promotion.code {
        blocks.push(Block::Facts(vec![
            (language.pick("Kode promo", "Promo code"), code.to_owned()),
            (
                language.pick("Berlaku sampai", "Good until"),
                language.moment(until, zone),
            ),
        ]));
    }
    if let Some(event) = promotion.event {
        blocks.push(Block::Facts(vec![
            (language.pick("Acara", "Event"), event.name.to_owned()),
            (
                language.pick("Waktu", "When"),
                language.moment(event.date, event.zone),
            ),
            (language.pick("Tempat", "Where"), event.location.to_owned()),
        ]));
        blocks.push(Block::Button {
            label: language.pick("Lihat acara", "Show the event"),
            link: event.link,
        });
    }
    // Whoever writes chose their name themselves.
    let sender = promotion.sender.filter(|name| !looks_like_a_link(name));
    blocks.push(Block::Leave {
        note: match (language, promotion.sender.is_some(), sender) {
            (Language::Id, true, Some(name)) => format!(
                "Email ini ditulis oleh {name}, penyelenggara di GiggleFest. Anda menerimanya karena memilih menerima email \
                 promosi."
            ),
            (Language::En, true, Some(name)) => format!(
                "This mail was written by {name}, an organizer on GiggleFest. You get it because you chose to get promotional \
                 mails."
            ),
            (_, true, None) => say(
                "Email ini ditulis oleh penyelenggara di GiggleFest. Anda menerimanya karena memilih menerima email promosi.",
                "This mail was written by an organizer on GiggleFest. You get it because you chose to get promotional mails.",
            ),
            (_, false, _) => say(
                "Anda menerima email ini karena memilih menerima email promosi.",
                "You get this mail because you chose to get promotional mails.",
            ),
        },
        label: language.pick("Berhenti berlangganan", "Unsubscribe"),
        link: promotion.unsubscribe,
    });
    let subject = promotion.words.subject.as_str().to_owned();
    Letter {
        language,
        preview: promotion.words.text.paragraphs().next().unwrap_or_default(),
        title: subject.clone(),
        subject,
        blocks,
    }
}
