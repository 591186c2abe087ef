//! What a mail says, apart from how it looks. HTML and plain text are made of the same blocks, so that they cannot say
//! different things, and everything a person typed is escaped in one place: the template.

use crate::Language;
use askama::Template;
use std::fmt::Write as _;

/// A mail in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Its language.
    pub language: Language,
    /// What it is about.
    pub subject: String,
    /// The line that mail clients show beside the subject.
    pub preview: String,
    /// Its heading.
    pub title: String,
    /// What it says, from top to bottom.
    pub blocks: Vec<Block>,
}

/// A piece of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// Sentences.
    Paragraph(String),
    /// Sentences of less weight.
    Note(String),
    /// What to do next.
    Button {
        /// What it is called.
        label: &'static str,
        /// Where it leads.
        link: String,
    },
    /// Digits to copy.
    Code(String),
    /// Names and values.
    Facts(Vec<(&'static str, String)>),
    /// What is bought and what it costs.
    Bill {
        /// What is bought.
        lines: Vec<BillLine>,
        /// Sums; the last one counts.
        sums: Vec<(&'static str, String)>,
    },
    /// A ticket with its code.
    Ticket(TicketCard),
    /// Sentences of less weight, and where they lead.
    Leave {
        /// The sentences.
        note: String,
        /// What the link is called.
        label: &'static str,
        /// Where it leads.
        link: String,
    },
}

/// One line of a bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillLine {
    /// How many of which ticket.
    pub what: String,
    /// Of which event.
    pub of: String,
    /// What that costs.
    pub price: String,
}

/// A ticket as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketCard {
    /// `Ticket 1 of 3`.
    pub number: String,
    /// What the event is called.
    pub event: String,
    /// Kind of the ticket.
    pub kind: String,
    /// When, where, for whom, and the code.
    pub facts: Vec<(&'static str, String)>,
    /// Content-ID of the picture of the QR code.
    pub cid: String,
    /// What the picture shows, for those who cannot see it.
    pub alt: String,
    /// File name under which the picture is attached.
    pub file_name: String,
}

#[derive(Template)]
#[template(path = "letter.html")]
struct Html<'a> {
    letter: &'a Letter,
}

impl Letter {
    /// The letter as HTML.
    ///
    /// # Errors
    /// None that can be provoked: writing into memory does not fail.
    pub fn html(&self) -> Result<String, askama::Error> {
        Html { letter: self }.render()
    }

    /// The letter as plain text.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.title);
        for block in &self.blocks {
            // Writing into a String does not fail.
            let _ = block.write_text(&mut text);
            text.push('\n');
        }
        let _ = writeln!(text, "--\n{}", self.footer());
        text
    }

    fn footer(&self) -> &'static str {
        self.language.pick(
            "Email ini dikirim otomatis oleh GiggleFest.",
            "This mail was sent automatically by GiggleFest.",
        )
    }

    fn link_hint(&self) -> &'static str {
        self.language.pick(
            "Jika tombol tidak berfungsi, salin tautan ini ke peramban Anda:",
            "If the button does not work, copy this link into your browser:",
        )
    }
}

impl Block {
    fn write_text(&self, text: &mut String) -> std::fmt::Result {
        match self {
            Self::Paragraph(sentences) | Self::Note(sentences) => writeln!(text, "{sentences}"),
            Self::Button { label, link } => writeln!(text, "{label}:\n{link}"),
            Self::Leave { note, label, link } => writeln!(text, "{note}\n{label}: {link}"),
            Self::Code(digits) => writeln!(text, "{digits}"),
            Self::Facts(facts) => write_facts(text, facts),
            Self::Bill { lines, sums } => {
                for line in lines {
                    writeln!(text, "{} ({}): {}", line.what, line.of, line.price)?;
                }
                write_facts(text, sums)
            }
            Self::Ticket(card) => {
                writeln!(text, "{}\n{} - {}", card.number, card.event, card.kind)?;
                write_facts(text, &card.facts)?;
                writeln!(text, "{}: {}", card.alt, card.file_name)
            }
        }
    }
}

fn write_facts(text: &mut String, facts: &[(&'static str, String)]) -> std::fmt::Result {
    facts
        .iter()
        .try_for_each(|(name, value)| writeln!(text, "{name}: {value}"))
}
