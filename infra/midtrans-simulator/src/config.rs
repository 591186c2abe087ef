//! Settings of one simulator.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Settings of one simulator; [`Config::default`] suits tests (any free port, well-known test keys).
#[derive(Clone)]
pub struct Config {
    /// Address to listen on; port 0 takes any free port, see [`Simulator::url`](crate::Simulator::url).
    pub listen: SocketAddr,
    /// The merchant's server key: user name of Basic authentication and part of every signature.
    pub server_key: String,
    /// The merchant's client key, used by the browser to turn a card number into a token.
    pub client_key: String,
    /// Merchant id shown in answers and notifications.
    pub merchant_id: String,
    /// Payment Notification URL of the dashboard. Without it only URLs of the `X-Override-Notification` and
    /// `X-Append-Notification` headers are called. Plain `http://` only.
    pub notification_url: Option<String>,
    /// Where browsers and clients reach the simulator, used in `redirect_url`; default `http://<listen>`.
    pub public_url: Option<String>,
    /// Where the payment page sends the browser at the end, unless the transaction has `callbacks.finish`.
    pub finish_url: Option<String>,
    /// Factor for the real retry intervals of notifications (2, 10, 30, 90, 210 minutes).
    pub retry_scale: f64,
    /// How long a notification waits for the receiver's answer. Midtrans waits 15 seconds.
    pub notification_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            server_key: "SB-Mid-server-TESTKEY".to_owned(),
            client_key: "SB-Mid-client-TESTKEY".to_owned(),
            merchant_id: "G000000001".to_owned(),
            notification_url: None,
            public_url: None,
            finish_url: None,
            retry_scale: 0.01,
            notification_timeout: Duration::from_secs(15),
        }
    }
}
