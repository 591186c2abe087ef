use super::greeting;
use crate::Language;
use crate::letter::{Block, Letter};
use domain::notice::Schedule;

/// An event at another time or place.
pub struct EventChanged<'a> {
    /// Name of the holder.
    pub name: &'a str,
    /// When and where it was to take place.
    pub before: &'a Schedule,
    /// When and where it does.
    pub after: &'a Schedule,
    /// Page of the event.
    pub link: String,
}

/// Says that the time or the place of an event changed; a calendar file is attached.
pub fn event_changed(language: Language, change: EventChanged<'_>) -> Letter {
    let say = |id, en| language.pick(id, en).to_owned();
    let (before, after, event) = (change.before, change.after, &change.after.event);
    let mut facts = vec![(language.pick("Acara", "Event"), event.clone())];
    let (old, new) = (
        language.moment(before.date, &before.zone),
        language.moment(after.date, &after.zone),
    );
    if old != new {
        facts.push((language.pick("Semula", "It was to begin"), old));
    }
    facts.push((language.pick("Waktu", "When"), new));
    if before.location != after.location {
        facts.push((
            language.pick("Tempat semula", "It was to be at"),
            before.location.clone(),
        ));
    }
    facts.push((language.pick("Tempat", "Where"), after.location.clone()));
    Letter {
        language,
        subject: match language {
            Language::Id => format!("Perubahan jadwal: {event}"),
            Language::En => format!("Change of plans: {event}"),
        },
        preview: say(
            "Waktu atau tempat acara Anda berubah.",
            "The time or the place of your event has changed.",
        ),
        title: say(
            "Waktu atau tempat acara Anda berubah",
            "The time or place of your event has changed",
        ),
        blocks: vec![
            Block::Paragraph(greeting(language, change.name)),
            Block::Paragraph(match language {
                Language::Id => {
                    format!("Penyelenggara {event} mengubah jadwal atau tempatnya. Tiket Anda tetap berlaku.")
                }
                Language::En => {
                    format!("The organizer of {event} has changed its time or place. Your tickets stay good.")
                }
            }),
            Block::Facts(facts),
            Block::Note(say(
                "Berkas kalender terlampir memperbarui catatan acara ini di kalender Anda.",
                "The attached calendar file updates the entry in your calendar.",
            )),
            Block::Button {
                label: language.pick("Lihat acara", "View event"),
                link: change.link,
            },
        ],
    }
}
