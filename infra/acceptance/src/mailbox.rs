use crate::{Fleet, eventually};
use mail_parser::{MessageParser, MimeHeaders as _};
use serde_json::Value;
use std::time::Duration;

/// A mail as it lies in the mailbox.
#[derive(Debug)]
pub struct Mail {
    /// Subject.
    pub subject: String,
    /// The text part.
    pub text: String,
    /// The HTML part.
    pub html: String,
    /// Pictures that the HTML shows: content id and bytes.
    pub pictures: Vec<(String, Vec<u8>)>,
    /// Attached files: name and bytes.
    pub attachments: Vec<(String, Vec<u8>)>,
}

impl Fleet {
    /// Waits for a mail to an address whose subject holds a text.
    pub async fn mail(&self, to: &str, subject: &str) -> Mail {
        let what = format!("a mail to {to} about {subject:?}");
        eventually(&what, Duration::from_secs(60), async || {
            let all = self.mails(to).await;
            all.into_iter().find(|mail| mail.subject.contains(subject))
        })
        .await
    }

    /// The mails that an address has got so far, the oldest first.
    pub async fn mails(&self, to: &str) -> Vec<Mail> {
        let list = self
            .http
            .get(format!("{}/api/email", self.mailbox_url))
            .query(&[("to.address", to)])
            .send()
            .await
            .expect("the mailbox answers");
        let list: Value = list.json().await.expect("the mailbox answers with JSON");
        let mut mails = Vec::new();
        for entry in list.as_array().expect("a list of mails") {
            let id = entry["id"].as_str().expect("a mail has an id");
            let url = format!("{}/api/email/{id}/source", self.mailbox_url);
            let raw = self.http.get(url).send().await.expect("the mailbox answers");
            mails.push(Mail::parse(&raw.bytes().await.expect("a mail arrives")));
        }
        mails
    }
}

impl Fleet {
    /// To whom the mail service took mails since it was started, one entry for each mail. The mailbox shows the last 5,000 only.
    pub async fn recipients(&self) -> Vec<String> {
        let url = format!("{}/_ministack/ses/messages", self.aws_url);
        let list = self.http.get(url).send().await.expect("the emulator answers");
        let list: Value = list.json().await.expect("the emulator answers with JSON");
        let accounts = list["messages"].as_object().expect("mails by account");
        let mails = accounts.values().filter_map(Value::as_array).flatten();
        let first = mails.filter_map(|mail| mail["To"][0].as_str());
        let address = |to: &str| {
            to.rsplit('<')
                .next()
                .unwrap_or(to)
                .trim_end_matches('>')
                .to_owned()
        };
        first.map(address).collect()
    }
}

impl Mail {
    fn parse(raw: &[u8]) -> Self {
        let message = MessageParser::default()
            .parse(raw)
            .unwrap_or_else(|| panic!("not a mail: {}", String::from_utf8_lossy(raw)));
        let mut mail = Self {
            subject: message.subject().unwrap_or_default().to_owned(),
            text: message.body_text(0).unwrap_or_default().into_owned(),
            html: message.body_html(0).unwrap_or_default().into_owned(),
            pictures: Vec::new(),
            attachments: Vec::new(),
        };
        for part in message.attachments() {
            let bytes = part.contents().to_vec();
            match (part.content_id(), part.attachment_name()) {
                (Some(id), _) => mail.pictures.push((id.to_owned(), bytes)),
                (None, name) => mail
                    .attachments
                    .push((name.unwrap_or_default().to_owned(), bytes)),
            }
        }
        mail
    }

    /// The first link in the HTML that begins like that.
    ///
    /// # Panics
    /// When there is none.
    pub fn link(&self, start: &str) -> String {
        let links = self.html.split("href=\"").skip(1);
        let mut links = links.filter_map(|rest| rest.split('"').next());
        links
            .find(|link| link.starts_with(start))
            .unwrap_or_else(|| panic!("no link {start}… in {}", self.html))
            .replace("&amp;", "&")
    }
}
