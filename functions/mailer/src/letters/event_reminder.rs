use super::greeting;
use crate::Language;
use crate::letter::{Block, Letter};
use domain::notice::Schedule;

/// An event that begins soon.
pub struct EventReminder<'a> {
    /// Name of the holder.
    pub name: &'a str,
    /// When and where it takes place.
    pub schedule: &'a Schedule,
    /// How many good tickets the holder has.
    pub tickets: u32,
    /// Page of the holder's tickets.
    pub link: String,
}

/// Reminds of an event, the day before; a calendar file is attached.
pub fn event_reminder(language: Language, reminder: EventReminder<'_>) -> Letter {
    let say = |id, en| language.pick(id, en).to_owned();
    let (schedule, event, tickets) = (reminder.schedule, &reminder.schedule.event, reminder.tickets);
    let when = language.moment(schedule.date, &schedule.zone);
    Letter {
        language,
        subject: match language {
            Language::Id => format!("Sebentar lagi: {event}"),
            Language::En => format!("Coming up: {event}"),
        },
        preview: when.clone(),
        title: say("Acara Anda sebentar lagi", "Your event is coming up"),
        blocks: vec![
            Block::Paragraph(greeting(language, reminder.name)),
            Block::Paragraph(match language {
                Language::Id => {
                    format!("{event} segera dimulai. Anda punya {tickets} tiket.")
                }
                Language::En if tickets == 1 => format!("{event} begins soon. You have one ticket."),
                Language::En => format!("{event} begins soon. You have {tickets} tickets."),
            }),
            Block::Facts(vec![
                (language.pick("Waktu", "When"), when),
                (language.pick("Tempat", "Where"), schedule.location.clone()),
            ]),
            Block::Paragraph(say(
                "Siapkan kode QR tiket Anda sebelum sampai di pintu masuk: di layar ponsel dengan kecerahan penuh, atau \
                 dicetak. Kodenya ada di email tiket dan di halaman berikut.",
                "Have the QR codes of your tickets ready before you are at the entrance: on your phone at full brightness, or \
                 on paper. They are in the mail with your tickets and on this page.",
            )),
            Block::Button {
                label: language.pick("Tampilkan tiket", "Show tickets"),
                link: reminder.link,
            },
            Block::Note(say(
                "Anda menerima pengingat ini karena memegang tiket acara ini. Pengingat dapat dimatikan di preferensi akun Anda.",
                "You get this reminder because you hold tickets of this event. You can switch reminders off in the preferences \
                 of your account.",
            )),
        ],
    }
}
