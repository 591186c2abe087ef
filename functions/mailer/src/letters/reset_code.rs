use super::greeting;
use crate::Language;
use crate::letter::{Block, Letter};

/// Hands over the code with which a forgotten password is replaced.
pub fn reset_code(language: Language, name: &str, code: &str) -> Letter {
    let say = |id, en| language.pick(id, en).to_owned();
    Letter {
        language,
        subject: say(
            "Kode untuk mengganti kata sandi Anda",
            "Your code to reset your password",
        ),
        // The code itself is not shown on locked screens.
        preview: say("Kode berlaku 10 menit.", "The code is valid for 10 minutes."),
        title: say("Ganti kata sandi", "Reset your password"),
        blocks: vec![
            Block::Paragraph(greeting(language, name)),
            Block::Paragraph(say(
                "Masukkan kode berikut di halaman tempat Anda memintanya, lalu pilih kata sandi baru.",
                "Enter this code on the page where you asked for it, then choose a new password.",
            )),
            Block::Code(code.to_owned()),
            Block::Note(say(
                "Kode ini berlaku 10 menit. Jangan berikan kepada siapa pun, juga tidak kepada orang yang mengaku dari \
                 GiggleFest. Jika Anda tidak memintanya, abaikan saja email ini: kata sandi Anda tidak berubah.",
                "The code is valid for 10 minutes. Do not give it to anybody, not even to people who claim to be from \
                 GiggleFest. If you did not ask for it, just ignore this mail: your password stays as it is.",
            )),
        ],
    }
}
