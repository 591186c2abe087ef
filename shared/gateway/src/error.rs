use domain::{Error, Kind};
use outbound::OutboundError;

/// Why Midtrans did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// It could not be reached, took too long, is overloaded or broken. Whether the request had an effect is unknown.
    #[error("the payment gateway is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It has failed so often just now that it is left alone. Nothing was asked.
    #[error("the payment gateway is left alone for {seconds} s")]
    LeftAlone {
        /// Seconds after which it may be asked again.
        seconds: u32,
    },
    /// It knows no such transaction: no payment method was chosen yet.
    #[error("the payment gateway knows no such transaction")]
    NotFound,
    /// It refused.
    #[error("the payment gateway refused with {code}: {message}")]
    Refused {
        /// Its code, of the body or of HTTP.
        code: u16,
        /// Its words; for the log, not for clients.
        message: String,
    },
    /// It answered something that is not in its protocol.
    #[error("the payment gateway answered something unexpected")]
    Malformed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<GatewayError> for Error {
    fn from(error: GatewayError) -> Self {
        match error {
            GatewayError::Unavailable(_) | GatewayError::Malformed(_) => away(10).because(error),
            GatewayError::LeftAlone { seconds } => away(seconds).because(error),
            GatewayError::NotFound => Self::not_found("Transaction").because(error),
            GatewayError::Refused { .. } => {
                Self::conflict("payment_refused", "The payment gateway refused this payment").because(error)
            }
        }
    }
}

fn away(retry_after: u32) -> Error {
    let message = "The payment gateway is not available right now, please try again";
    Error::new(Kind::Unavailable, "gateway_unavailable", message).retry_after(retry_after)
}

impl From<OutboundError> for GatewayError {
    fn from(error: OutboundError) -> Self {
        match error {
            OutboundError::TooLarge(_) => Self::Malformed(error.into()),
            OutboundError::TimedOut(_) | OutboundError::Failed(_) => Self::Unavailable(error.into()),
        }
    }
}
