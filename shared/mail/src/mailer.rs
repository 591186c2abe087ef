use crate::{MailError, Mailbox, OutgoingMail};
use aws_sdk_ses::Client;
use aws_sdk_ses::config::retry::RetryConfig;
use aws_sdk_ses::config::timeout::TimeoutConfig;
use aws_sdk_ses::primitives::Blob;
use aws_sdk_ses::types::RawMessage;
use std::sync::Mutex;
use std::time::Duration;

/// How long SES may take to answer, which it usually does within a second. A call is not made again by itself: SES may have taken
/// the mail of one that was too slow, and a throttled mail is better delivered by the queue a moment later.
const PATIENCE: Duration = Duration::from_secs(8);

/// What the mail service calls a mail; bounces and complaints refer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderId(pub String);

/// Hands mails over.
pub struct Mailer {
    from: Mailbox,
    backend: Backend,
}

enum Backend {
    Ses {
        client: Client,
        /// Says where SES reports bounces and complaints.
        configuration_set: Option<String>,
    },
    Memory(Mutex<Memory>),
}

#[derive(Default)]
struct Memory {
    delivered: Vec<Delivered>,
    failures: Vec<MailError>,
}

/// A mail kept by [`Mailer::in_memory`].
#[derive(Debug, Clone)]
pub struct Delivered {
    /// Whom it was handed over for.
    pub to: String,
    /// The mail as it would go over the wire.
    pub raw: Vec<u8>,
}

impl Mailer {
    /// Sends through SES, under a configuration set if there is one. Nothing is connected yet; a call takes 8 s at most.
    pub async fn connect(from: Mailbox, configuration_set: Option<String>) -> Self {
        let shared = aws::config().await;
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(2))
            .operation_attempt_timeout(PATIENCE)
            .operation_timeout(PATIENCE)
            .build();
        let config = aws_sdk_ses::config::Builder::from(&shared).timeout_config(timeouts);
        Self::over(config, from, configuration_set)
    }

    fn over(config: aws_sdk_ses::config::Builder, from: Mailbox, configuration_set: Option<String>) -> Self {
        let client = Client::from_conf(config.retry_config(RetryConfig::disabled()).build());
        Self {
            from,
            backend: Backend::Ses {
                client,
                configuration_set,
            },
        }
    }

    /// Keeps mails in memory, for tests of one function.
    pub fn in_memory(from: Mailbox) -> Self {
        Self {
            from,
            backend: Backend::Memory(Mutex::default()),
        }
    }

    /// Takes what was sent through a mailer made by [`Mailer::in_memory`].
    pub fn take_delivered(&self) -> Vec<Delivered> {
        self.memory(|memory| std::mem::take(&mut memory.delivered))
            .unwrap_or_default()
    }

    /// Lets the next call of a mailer made by [`Mailer::in_memory`] fail; several failures come in the order given.
    pub fn fail_next(&self, error: MailError) {
        self.memory(|memory| memory.failures.push(error));
    }

    fn memory<T>(&self, work: impl FnOnce(&mut Memory) -> T) -> Option<T> {
        match &self.backend {
            Backend::Memory(memory) => memory.lock().ok().map(|mut memory| work(&mut memory)),
            Backend::Ses { .. } => None,
        }
    }

    /// Hands one mail over. Handing it over twice sends it twice: SES knows no repetition.
    ///
    /// # Errors
    /// Whether trying again can help. After a time-out nobody knows whether the mail went.
    pub async fn send(&self, mail: &OutgoingMail) -> Result<ProviderId, MailError> {
        let raw = mail.to_mime(&self.from)?;
        let to = mail.to.address.as_str();
        match &self.backend {
            Backend::Ses {
                client,
                configuration_set,
            } => {
                let raw = RawMessage::builder().data(Blob::new(raw)).build();
                let raw = raw.map_err(|error| MailError::Permanent(error.to_string()))?;
                let request = client
                    .send_raw_email()
                    .set_configuration_set_name(configuration_set.clone())
                    .source(self.from.address.as_str())
                    .destinations(to)
                    .raw_message(raw);
                // The SDK's future nests so deep that a caller's compiler reaches its limit without a box.
                let answer = Box::pin(request.send()).await?;
                Ok(ProviderId(answer.message_id))
            }
            Backend::Memory(_) => self
                .memory(|memory| {
                    if !memory.failures.is_empty() {
                        return Err(memory.failures.remove(0));
                    }
                    let to = to.to_owned();
                    memory.delivered.push(Delivered { to, raw });
                    Ok(ProviderId(format!("memory-{}", memory.delivered.len())))
                })
                .unwrap_or_else(|| Err(MailError::Transient("the memory is poisoned".to_owned()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ses::config::{BehaviorVersion, Config, Credentials, Region};
    use aws_smithy_http_client::Builder as HttpBuilder;
    use domain::Timestamp;
    use domain::user::Email;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const ACCEPTED: &str = "<SendRawEmailResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\">\
        <SendRawEmailResult><MessageId>0100-abc</MessageId></SendRawEmailResult></SendRawEmailResponse>";

    fn refusal(code: &str, message: &str) -> String {
        format!(
            "<ErrorResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\"><Error><Type>Sender</Type>\
             <Code>{code}</Code><Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
        )
    }

    /// Answers like SES, one answer a connection, and returns what was asked.
    async fn ses(answers: Vec<(u16, String)>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = tokio::spawn(async move {
            let mut asked = Vec::new();
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !complete(&request) {
                    assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
                }
                let answer = format!(
                    "HTTP/1.1 {status} x\r\ncontent-type: text/xml\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
                asked.push(String::from_utf8(request).unwrap());
            }
            asked
        });
        (url, asked)
    }

    fn complete(request: &[u8]) -> bool {
        let text = String::from_utf8_lossy(request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            return false;
        };
        let length = head.lines().find_map(|line| {
            line.to_lowercase()
                .strip_prefix("content-length: ")
                .map(str::to_owned)
        });
        length.is_none_or(|length| body.len() >= length.parse().unwrap())
    }

    fn mailer(url: &str) -> Mailer {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("ap-southeast-3"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .http_client(HttpBuilder::new().build_http())
            .timeout_config(
                TimeoutConfig::builder()
                    .operation_attempt_timeout(Duration::from_millis(500))
                    .build(),
            )
            .endpoint_url(url);
        Mailer::over(
            config,
            Mailbox::parse("GiggleFest <tiket@gigglefest.example>").unwrap(),
            Some("reports".to_owned()),
        )
    }

    fn mail() -> OutgoingMail {
        OutgoingMail {
            id: "00ff".to_owned(),
            date: Timestamp::parse("2030-01-05T12:30:00Z").unwrap(),
            to: Mailbox::new("Ayu", Email::parse("ayu@example.org").unwrap()),
            subject: "Tiket".to_owned(),
            text: "Halo".to_owned(),
            html: "<p>Halo</p>".to_owned(),
            pictures: Vec::new(),
            attachments: Vec::new(),
            unsubscribe: None,
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn ses_gets_source_recipient_and_the_raw_mail() {
        let (url, asked) = ses(vec![(200, ACCEPTED.to_owned())]).await;
        let id = mailer(&url).send(&mail()).await.unwrap();
        assert_eq!(id, ProviderId("0100-abc".to_owned()));
        let asked = asked.await.unwrap().remove(0);
        for part in [
            "Action=SendRawEmail",
            "Source=tiket%40gigglefest.example",
            "Destinations.member.1=ayu%40example.org",
            "ConfigurationSetName=reports",
            "RawMessage.Data=",
        ] {
            assert!(asked.contains(part), "{part} in {asked}");
        }
        assert!(!asked.contains("Destinations.member.2"));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_refused_mail_is_permanent_and_the_reason_holds_no_address() {
        for code in ["MessageRejected", "InvalidParameterValue"] {
            let (url, _asked) = ses(vec![(400, refusal(code, "Bad mail for ayu@example.org today"))]).await;
            let error = mailer(&url).send(&mail()).await.unwrap_err();
            let reason = format!("{code} Bad mail for (address) today");
            assert_eq!(error, MailError::Permanent(reason));
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_is_wrong_with_our_account_loses_no_mail() {
        for (code, message) in [
            (
                "MessageRejected",
                "Email address is not verified. Failed the check: tiket@gigglefest.example",
            ),
            ("AccountSendingPausedException", "paused"),
            ("MailFromDomainNotVerifiedException", "MX"),
            ("SignatureDoesNotMatch", "keys"),
        ] {
            let (url, _asked) = ses(vec![(400, refusal(code, message))]).await;
            let error = mailer(&url).send(&mail()).await.unwrap_err();
            assert!(
                matches!(&error, MailError::Transient(reason) if !reason.contains('@')),
                "{error}"
            );
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn throttling_is_left_to_the_queue() {
        let busy = (400, refusal("Throttling", "Maximum sending rate exceeded."));
        let (url, asked) = ses(vec![busy]).await;
        let error = mailer(&url).send(&mail()).await.unwrap_err();
        assert!(
            matches!(&error, MailError::Transient(reason) if reason.starts_with("Throttling ")),
            "{error}"
        );
        assert_eq!(asked.await.unwrap().len(), 1);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn nobody_there_and_nobody_answering_are_transient() {
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        let error = mailer(&format!("http://{closed}"))
            .send(&mail())
            .await
            .unwrap_err();
        assert!(matches!(error, MailError::Transient(_)), "{error}");

        // Who takes the mail and says nothing may have sent it: nobody is asked again here.
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let error = mailer(&url).send(&mail()).await.unwrap_err();
        assert!(
            matches!(&error, MailError::Transient(reason) if reason.contains("timeout")),
            "{error}"
        );
        silent.accept().await.unwrap();
        let again = tokio::time::timeout(Duration::from_millis(50), silent.accept()).await;
        assert!(again.is_err(), "the mail was handed over twice");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_memory_keeps_mails_and_fails_when_told() {
        let mailer = Mailer::in_memory(Mailbox::parse("tiket@gigglefest.example").unwrap());
        mailer.fail_next(MailError::Transient("busy".to_owned()));
        assert!(mailer.send(&mail()).await.is_err());
        assert!(mailer.send(&mail()).await.is_ok());
        let delivered = mailer.take_delivered();
        assert_eq!(delivered.len(), 1);
        assert_eq!(delivered[0].to, "ayu@example.org");
        assert!(mailer.take_delivered().is_empty());
    }
}
