use crate::{MailError, Mailbox};
use domain::Timestamp;
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::date::Date;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;
use mail_builder::headers::url::URL;
use mail_builder::mime::MimePart;

/// A mail, complete but for its sender.
#[derive(Debug, Clone)]
pub struct OutgoingMail {
    /// Makes the Message-ID, so that a mail client shows a mail sent twice once; letters and digits.
    pub id: String,
    /// When it was written.
    pub date: Timestamp,
    /// Who receives it.
    pub to: Mailbox,
    /// What it is about.
    pub subject: String,
    /// What it says, for clients that show plain text.
    pub text: String,
    /// What it says, as HTML; its pictures are referred to as `cid:…`.
    pub html: String,
    /// Pictures within the HTML.
    pub pictures: Vec<Picture>,
    /// Files to keep.
    pub attachments: Vec<Attachment>,
    /// Where one click ends mails of this kind (RFC 8058); none for mails that nobody can do without.
    pub unsubscribe: Option<String>,
}

/// A picture within the HTML of a mail.
#[derive(Debug, Clone)]
pub struct Picture {
    /// Unique in the world, as `ticket-1.ORDER-12@gigglefest`.
    pub cid: String,
    /// As `image/png`.
    pub media_type: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
}

/// A file that comes with a mail.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// How it is called when saved.
    pub file_name: String,
    /// As `image/png`.
    pub media_type: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
}

impl OutgoingMail {
    /// The mail as it goes over the wire.
    ///
    /// # Errors
    /// [`MailError::Permanent`] for an address outside of ASCII, which SES does not take.
    pub fn to_mime(&self, from: &Mailbox) -> Result<Vec<u8>, MailError> {
        let to = &self.to;
        for mailbox in [from, to] {
            if !mailbox.address.as_str().is_ascii() {
                let problem = "an address holds characters outside of ASCII".to_owned();
                return Err(MailError::Permanent(problem));
            }
        }
        let mut message = MessageBuilder::new()
            .message_id(format!("{}@{}", token(&self.id), from.domain()))
            .date(Date::new(self.date.unix_seconds()))
            .from(header(from))
            .to(header(to))
            .subject(one_line(&self.subject))
            // Keeps out-of-office answers from coming back.
            .header("Auto-Submitted", Text::new("auto-generated"));
        if let Some(url) = &self.unsubscribe {
            message = message
                .header("List-Unsubscribe", URL::new(link(url)))
                .header("List-Unsubscribe-Post", Raw::new("List-Unsubscribe=One-Click"));
        }
        message
            .body(self.body())
            .write_to_vec()
            .map_err(|error| MailError::Permanent(error.to_string()))
    }

    /// Text beside HTML, the HTML with its pictures, all of that before the attachments; a level that would hold one part
    /// is left out.
    fn body(&self) -> MimePart<'_> {
        let html = MimePart::new("text/html", self.html.as_str());
        let pictures = self.pictures.iter().map(|picture| {
            MimePart::new(picture.media_type, picture.bytes.as_slice())
                .inline()
                .cid(token(&picture.cid))
        });
        let html = group("multipart/related", html, pictures);
        let text = MimePart::new("text/plain", self.text.as_str());
        let content = group("multipart/alternative", text, [html].into_iter());
        let files = self.attachments.iter().map(|file| {
            MimePart::new(file.media_type, file.bytes.as_slice()).attachment(one_line(&file.file_name))
        });
        group("multipart/mixed", content, files)
    }
}

fn group<'a>(
    kind: &'static str,
    first: MimePart<'a>,
    rest: impl Iterator<Item = MimePart<'a>>,
) -> MimePart<'a> {
    let mut rest = rest.peekable();
    if rest.peek().is_none() {
        return first;
    }
    MimePart::new(kind, std::iter::once(first).chain(rest).collect::<Vec<_>>())
}

fn header(mailbox: &Mailbox) -> Address<'_> {
    let name = mailbox
        .name
        .as_deref()
        .map(one_line)
        .filter(|name| !name.is_empty());
    Address::new_address(name, mailbox.address.as_str())
}

/// The text with control characters as blanks. The encoder would not let them through either; this keeps it from having
/// to encode them.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>()
        .trim()
        .to_owned()
}

/// The text with nothing but what a URL between angle brackets may hold.
fn link(text: &str) -> String {
    let plain = |c: &char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | ',' | '"');
    text.chars().filter(plain).collect()
}

/// The text with nothing but what an id between angle brackets may hold.
fn token(text: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '@');
    text.chars().filter(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::user::Email;
    use mail_parser::{Message, MessageParser, MimeHeaders as _, PartType};
    use proptest::prelude::*;

    fn from() -> Mailbox {
        Mailbox::parse("GiggleFest <tiket@gigglefest.example>").unwrap()
    }

    fn mail() -> OutgoingMail {
        OutgoingMail {
            id: "00ff".to_owned(),
            date: Timestamp::parse("2030-01-05T12:30:00Z").unwrap(),
            to: Mailbox::new("Ayu Lestari", Email::parse("ayu@example.org").unwrap()),
            subject: "Tiket Anda".to_owned(),
            text: "Halo".to_owned(),
            html: "<p>Halo</p>".to_owned(),
            pictures: Vec::new(),
            attachments: Vec::new(),
            unsubscribe: None,
        }
    }

    fn parse(raw: &[u8]) -> Message<'_> {
        MessageParser::default().parse(raw).unwrap()
    }

    /// Header names and part types as they stand in the mail, so that nothing hides between them.
    fn header_names(raw: &[u8]) -> Vec<String> {
        let text = String::from_utf8(raw.to_vec()).unwrap();
        let head = text.split("\r\n\r\n").next().unwrap();
        let lines = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
        lines
            .map(|line| line.split(':').next().unwrap().to_owned())
            .collect()
    }

    fn shape(message: &Message<'_>, part: usize) -> String {
        let part = &message.parts[part];
        let kind = part.content_type().unwrap();
        let name = format!("{}/{}", kind.ctype(), kind.subtype().unwrap());
        match &part.body {
            PartType::Multipart(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| shape(message, *part as usize)).collect();
                format!("{name}[{}]", parts.join(" "))
            }
            _ => name,
        }
    }

    #[test]
    fn a_plain_mail_has_text_and_html_and_its_headers() {
        let raw = mail().to_mime(&from()).unwrap();
        let message = parse(&raw);
        assert_eq!(shape(&message, 0), "multipart/alternative[text/plain text/html]");
        assert_eq!(message.subject(), Some("Tiket Anda"));
        assert_eq!(message.message_id(), Some("00ff@gigglefest.example"));
        assert_eq!(message.date().unwrap().to_rfc3339(), "2030-01-05T12:30:00Z");
        assert_eq!(message.body_text(0).unwrap(), "Halo");
        assert_eq!(message.body_html(0).unwrap(), "<p>Halo</p>");
        let sender = message.from().unwrap().first().unwrap();
        assert_eq!(
            (sender.name(), sender.address()),
            (Some("GiggleFest"), Some("tiket@gigglefest.example"))
        );
        assert_eq!(
            header_names(&raw),
            [
                "Message-ID",
                "Date",
                "From",
                "To",
                "Subject",
                "Auto-Submitted",
                "MIME-Version",
                "Content-Type"
            ]
        );
    }

    #[test]
    fn a_mail_that_can_be_ended_says_where_with_one_click() {
        let url = "https://api.example/api/v1/users/unsubscribe?token=7.0123456789abcdef";
        let with = |url: &str| {
            let mail = OutgoingMail {
                unsubscribe: Some(url.to_owned()),
                ..mail()
            };
            mail.to_mime(&from()).unwrap()
        };
        let raw = with(url);
        let message = parse(&raw);
        let header = |name: &str| message.header_raw(name).unwrap().trim().to_owned();
        assert_eq!(header("List-Unsubscribe"), format!("<{url}>"));
        assert_eq!(header("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
        let evil = with("https://x.example/>\r\nBcc: evil@example.org\r\n\r\n");
        assert!(parse(&evil).bcc().is_none());
        assert_eq!(header_names(&evil).len(), 10);
    }

    #[test]
    fn pictures_stand_beside_the_html_and_attachments_beside_all() {
        let mail = OutgoingMail {
            pictures: vec![Picture {
                cid: "qr-1@x".to_owned(),
                media_type: "image/png",
                bytes: vec![0, 13, 10, 255],
            }],
            attachments: vec![Attachment {
                file_name: "tiket-1.png".to_owned(),
                media_type: "image/png",
                bytes: vec![1, 2, 3],
            }],
            ..mail()
        };
        let raw = mail.to_mime(&from()).unwrap();
        let message = parse(&raw);
        assert_eq!(
            shape(&message, 0),
            "multipart/mixed[multipart/alternative[text/plain multipart/related[text/html image/png]] image/png]"
        );
        let picture = message.parts.iter().find(|p| p.content_id().is_some()).unwrap();
        assert_eq!(picture.content_id(), Some("qr-1@x"));
        assert_eq!(picture.contents(), [0, 13, 10, 255]);
        let file = message
            .parts
            .iter()
            .find(|p| p.attachment_name().is_some())
            .unwrap();
        assert_eq!(file.attachment_name(), Some("tiket-1.png"));
        assert_eq!(file.contents(), [1, 2, 3]);
    }

    #[test]
    fn text_outside_of_ascii_arrives_and_lines_stay_short() {
        let long = "Konser 🎉 Música — 東京 ".repeat(30);
        let mail = OutgoingMail {
            to: Mailbox::new("Zoë “Z” Müller, Jr.", Email::parse("zoe@example.org").unwrap()),
            subject: long.clone(),
            text: long.clone(),
            html: format!("<p>{long}</p>"),
            ..mail()
        };
        let raw = mail.to_mime(&from()).unwrap();
        assert!(raw.is_ascii());
        assert!(raw.split(|byte| *byte == b'\n').all(|line| line.len() <= 100));
        let message = parse(&raw);
        assert_eq!(message.subject(), Some(long.trim()));
        assert_eq!(message.body_text(0).unwrap(), long);
        let to = message.to().unwrap().first().unwrap();
        assert_eq!(
            (to.name(), to.address()),
            (Some("Zoë “Z” Müller, Jr."), Some("zoe@example.org"))
        );
    }

    #[test]
    fn addresses_outside_of_ascii_are_refused_for_good() {
        let mail = OutgoingMail {
            to: Mailbox::new("Zoë", Email::parse("zoë@example.org").unwrap()),
            ..mail()
        };
        assert!(matches!(mail.to_mime(&from()), Err(MailError::Permanent(_))));
    }

    #[test]
    fn no_text_becomes_a_header_or_a_recipient() {
        let evil = "x\r\nBcc: evil@example.org\r\n\r\n<script>\u{0}\u{b}\u{85}\u{2028}";
        let mail = OutgoingMail {
            id: evil.to_owned(),
            to: Mailbox::new(
                format!("{evil}\" <evil@example.org>,"),
                Email::parse("ayu@example.org").unwrap(),
            ),
            subject: evil.to_owned(),
            pictures: vec![Picture {
                cid: evil.to_owned(),
                media_type: "image/png",
                bytes: vec![1],
            }],
            attachments: vec![Attachment {
                file_name: format!("{evil}\"; x=\""),
                media_type: "image/png",
                bytes: vec![1],
            }],
            ..mail()
        };
        let raw = mail.to_mime(&from()).unwrap();
        assert_eq!(
            header_names(&raw),
            [
                "Message-ID",
                "Date",
                "From",
                "To",
                "Subject",
                "Auto-Submitted",
                "MIME-Version",
                "Content-Type"
            ]
        );
        let message = parse(&raw);
        assert!(message.bcc().is_none());
        let to = message.to().unwrap();
        assert_eq!(to.iter().count(), 1);
        assert_eq!(to.first().unwrap().address(), Some("ayu@example.org"));
        for part in &message.parts {
            let known = [
                "Content-Type",
                "Content-Disposition",
                "Content-ID",
                "Content-Transfer-Encoding",
            ];
            let is_root = std::ptr::eq(part, &message.parts[0]);
            assert!(
                is_root || part.headers.iter().all(|h| known.contains(&h.name.as_str())),
                "{part:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_name_and_subject_leave_one_recipient_and_the_known_headers(
            name in any::<String>(), subject in any::<String>(), file_name in any::<String>(),
        ) {
            let mail = OutgoingMail {
                to: Mailbox::new(name, Email::parse("ayu@example.org").unwrap()),
                subject,
                attachments: vec![Attachment { file_name, media_type: "image/png", bytes: vec![1] }],
                ..mail()
            };
            let raw = mail.to_mime(&from()).unwrap();
            prop_assert_eq!(header_names(&raw).len(), 8);
            let message = parse(&raw);
            let to: Vec<_> = message.to().unwrap().iter().map(|a| a.address()).collect();
            prop_assert_eq!(to, [Some("ayu@example.org")]);
            prop_assert_eq!(message.parts.len(), 5);
        }
    }
}
