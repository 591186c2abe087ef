use crate::Language;
use crate::letter::{Block, Letter};
use domain::Timestamp;
use domain::alert::{Condition, News, Turn};
use domain::notice::HOME;

/// What was found of the fleet in one look.
#[derive(Clone, Copy)]
pub struct Alerts<'a> {
    /// When.
    pub at: Timestamp,
    /// What.
    pub news: &'a [News],
    /// Where admins see it all.
    pub link: &'a str,
}

/// Tells the operators what is wrong, what still is, and what is over.
pub fn alerts(language: Language, alerts: Alerts<'_>) -> Letter {
    let say = |id, en| language.pick(id, en).to_owned();
    let of = |turn| alerts.news.iter().filter(move |news| news.turn == turn);
    let title = title(
        language,
        of(Turn::Opened).count(),
        of(Turn::Lasts).count(),
        of(Turn::Over).count(),
    );
    let mut blocks = vec![Block::Paragraph(format!(
        "{} {}.",
        language.pick("Keadaan pada", "As of"),
        language.moment(alerts.at, HOME)
    ))];
    for (turn, heading) in [
        (Turn::Opened, say("Baru:", "New:")),
        (Turn::Lasts, say("Belum selesai:", "Not over yet:")),
        (Turn::Over, say("Selesai:", "Over:")),
    ] {
        let facts: Vec<_> = of(turn).map(|news| Block::Facts(facts(language, news))).collect();
        if !facts.is_empty() {
            blocks.push(Block::Paragraph(heading));
            blocks.extend(facts);
        }
    }
    blocks.push(Block::Button {
        label: language.pick("Lihat semua peringatan", "See all alerts"),
        link: alerts.link.to_owned(),
    });
    blocks.push(Block::Note(say(
        "Peringatan yang sudah ditangani dapat dikonfirmasi di sana; setelah itu hanya dikabarkan lagi bila bertambah atau selesai.",
        "Alerts that somebody sees to can be acknowledged there; after that they are told again only if they grow or are over.",
    )));
    let preview = alerts.news.iter().min_by_key(|news| news.turn);
    Letter {
        language,
        subject: title.clone(),
        preview: preview.map_or_else(String::new, |news| news.condition.text(language)),
        title,
        blocks,
    }
}

fn title(language: Language, opened: usize, lasting: usize, over: usize) -> String {
    let problems = |count: usize| match language {
        Language::En if count == 1 => "1 problem".to_owned(),
        Language::En => format!("{count} problems"),
        Language::Id => format!("{count} gangguan"),
    };
    let (count, id, en) = match (opened, lasting) {
        (0, 0) => (over, "selesai", "over"),
        (0, _) => (lasting, "belum selesai", "not over yet"),
        (_, _) => (opened, "baru", "found"),
    };
    format!("GiggleFest: {} {}", problems(count), language.pick(id, en))
}

fn facts(language: Language, news: &News) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        (language.pick("Apa", "What"), news.condition.text(language)),
        (language.pick("Sejak", "Since"), language.moment(news.since, HOME)),
    ];
    if let Condition::RuleBroken { rows, .. } = &news.condition
        && !rows.is_empty()
    {
        facts.push((language.pick("Contoh", "Examples"), rows.join("; ")));
    }
    if news.turn != Turn::Over {
        let advice = news.condition.advice(language).to_owned();
        facts.push((language.pick("Tindakan", "To do"), advice));
    }
    facts
}
