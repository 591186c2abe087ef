use super::greeting;
use crate::Language;
use crate::letter::{Block, Letter};
use domain::Timestamp;
use domain::notice::HOME;

/// An organizer's own system that is told nothing any more.
#[derive(Clone, Copy)]
pub struct WebhookDisabled<'a> {
    /// Name of its owner.
    pub name: &'a str,
    /// Where it is.
    pub url: &'a str,
    /// What its owner calls it; may be empty.
    pub description: &'a str,
    /// Since when it has taken nothing.
    pub failing_since: Option<Timestamp>,
    /// Whether it said itself that it is gone.
    pub gone: bool,
}

/// Says that a webhook was disabled, why, and what to do.
pub fn webhook_disabled(language: Language, webhook: WebhookDisabled<'_>) -> Letter {
    let say = |id, en| language.pick(id, en).to_owned();
    let explained = if webhook.gone {
        say(
            "Webhook Anda menjawab bahwa alamatnya sudah tidak ada (410). Kami tidak mengirim apa pun lagi ke sana.",
            "Your webhook answered that it is gone (410). We send nothing there any more.",
        )
    } else {
        say(
            "Webhook Anda sudah berhari-hari tidak menerima satu pun pesan kami. Kami tidak mengirim apa pun lagi ke sana.",
            "Your webhook has taken none of our messages for days. We send nothing there any more.",
        )
    };
    let mut facts = vec![(language.pick("Alamat", "Address"), webhook.url.to_owned())];
    if !webhook.description.is_empty() {
        facts.push((
            language.pick("Keterangan", "Description"),
            webhook.description.to_owned(),
        ));
    }
    if let Some(since) = webhook.failing_since {
        facts.push((
            language.pick("Gagal sejak", "Failing since"),
            language.moment(since, HOME),
        ));
    }
    Letter {
        language,
        subject: say("Webhook Anda dinonaktifkan", "Your webhook was disabled"),
        preview: say(
            "Pesan kami tidak diterima lagi.",
            "It takes our messages no more.",
        ),
        title: say("Webhook Anda dinonaktifkan", "Your webhook was disabled"),
        blocks: vec![
            Block::Paragraph(greeting(language, webhook.name)),
            Block::Paragraph(explained),
            Block::Facts(facts),
            Block::Paragraph(say(
                "Setelah diperbaiki, aktifkan kembali melalui API dan minta pesan yang gagal dikirim ulang; pesan kami simpan 30 hari.",
                "Once it is mended, enable it through the API and have what failed sent again; we keep messages for 30 days.",
            )),
        ],
    }
}
