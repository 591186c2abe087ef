use aws_sdk_ses::error::{DisplayErrorContext, ProvideErrorMetadata as _, SdkError};
use aws_sdk_ses::operation::send_raw_email::SendRawEmailError;

/// Why a mail was not handed over. The reasons hold no addresses, so they can be logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// The mail itself is refused, and would be again: an address that cannot exist, content that is not let through.
    #[error("the mail is refused: {0}")]
    Permanent(String),
    /// The mail service is busy, down, paused or not set up; the same mail may go later.
    #[error("the mail could not be handed over: {0}")]
    Transient(String),
}

impl From<SdkError<SendRawEmailError>> for MailError {
    fn from(error: SdkError<SendRawEmailError>) -> Self {
        let Some(answer) = error.as_service_error() else {
            return Self::Transient(without_addresses(&DisplayErrorContext(&error).to_string()));
        };
        let code = answer.code().unwrap_or("without a code");
        let message = answer.message().unwrap_or_default();
        let reason = format!("{code} {}", without_addresses(message));
        // A sender that is not verified is refused with the same code as bad content, but it is our setup that is wrong,
        // and no mail may be lost over that.
        match code {
            "MessageRejected" if message.contains("not verified") => Self::Transient(reason),
            "MessageRejected" | "InvalidParameterValue" => Self::Permanent(reason),
            _ => Self::Transient(reason),
        }
    }
}

impl From<MailError> for domain::Error {
    fn from(error: MailError) -> Self {
        match error {
            MailError::Transient(_) => Self::unavailable("The mail service", 30).because(error),
            MailError::Permanent(_) => Self::internal(error),
        }
    }
}

/// The text with every word that holds an `@` left out: SES repeats addresses in its refusals.
fn without_addresses(text: &str) -> String {
    let words = text.split_whitespace();
    let shown = words.map(|word| if word.contains('@') { "(address)" } else { word });
    shown.collect::<Vec<_>>().join(" ")
}
