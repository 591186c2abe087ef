use super::greeting;
use crate::Language;
use crate::letter::{Block, Letter};

/// Asks to prove a mail address.
pub fn verification(language: Language, name: &str, link: &str) -> Letter {
    let say = |id, en| language.pick(id, en).to_owned();
    Letter {
        language,
        subject: say("Verifikasi alamat email Anda", "Verify your email address"),
        preview: say(
            "Satu langkah lagi sebelum Anda dapat membeli tiket.",
            "One more step before you can buy tickets.",
        ),
        title: say("Selamat datang di GiggleFest", "Welcome to GiggleFest"),
        blocks: vec![
            Block::Paragraph(greeting(language, name)),
            Block::Paragraph(say(
                "Terima kasih sudah mendaftar. Pastikan alamat email ini milik Anda dengan menekan tombol berikut.",
                "Thank you for signing up. Please confirm that this email address is yours.",
            )),
            Block::Button {
                label: language.pick("Verifikasi email", "Verify email"),
                link: link.to_owned(),
            },
            Block::Note(say(
                "Tautan ini berlaku 24 jam dan hanya dapat dipakai satu kali. Jika Anda tidak mendaftar, abaikan saja email \
                 ini.",
                "The link is valid for 24 hours and works once. If you did not sign up, just ignore this mail.",
            )),
        ],
    }
}
