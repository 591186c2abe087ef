//! Settings of one simulator.

use std::net::{Ipv4Addr, SocketAddr};

/// Settings of one simulator; [`Config::default`] suits tests (any free port, well-known test keys).
#[derive(Clone)]
pub struct Config {
    /// Address to listen on; port 0 takes any free port, see [`Simulator::url`](crate::Simulator::url).
    pub listen: SocketAddr,
    /// The account's private key: user name of Basic authentication, and key of every signed URL.
    pub private_key: String,
    /// The account's id: first part of the path of a delivery URL.
    pub imagekit_id: String,
    /// Where browsers and clients reach the simulator, used in `url`; default `http://<listen>`.
    pub public_url: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            private_key: "private_TESTKEY".to_owned(),
            imagekit_id: "gigglefest".to_owned(),
            public_url: None,
        }
    }
}
