use crate::database::Database;
use crate::http::{self, Api};
use crate::imagekit::ImageKit;
use crate::midtrans::Midtrans;
use reqwest::Client;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A running fleet, as `fleet.json` describes it.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// Base URL of the API, `/api/v1` included.
    pub api_url: String,
    /// The same without a path.
    pub origin: String,
    /// The page of the API's documentation.
    pub docs_url: String,
    /// The WebSocket API.
    pub websocket_url: String,
    /// Endpoint of the AWS emulator.
    pub aws_url: String,
    /// The Midtrans simulator.
    pub midtrans_url: String,
    /// The ImageKit simulator.
    pub imagekit_url: String,
    /// The mailbox: its page, and `/api/email` below it.
    pub mailbox_url: String,
    /// URL of the database.
    pub database_url: String,
    /// The directory that `fleet.json` is in.
    pub local: PathBuf,
    accounts: Value,
    pub(crate) http: Client,
}

/// Keys of the fleet, for tests that play Midtrans or an attacker who has stolen one.
#[derive(Debug)]
pub struct Secrets {
    /// Signs access tokens.
    pub jwt_secret: String,
    /// Signs notifications.
    pub midtrans_server_key: String,
    /// Certificates of passes for Apple Wallet in PEM, the one that signs before the one that vouches for it.
    pub apple_certificates: String,
    /// The key file of the account that signs passes for Google Wallet.
    pub google_account: String,
}

impl Fleet {
    /// The fleet that `GIGGLEFEST_FLEET` names.
    ///
    /// # Panics
    /// When there is none.
    pub fn running() -> Self {
        let hint = "run `cargo xtask test --only acceptance`, which starts the fleet and sets it";
        let path = std::env::var_os("GIGGLEFEST_FLEET")
            .unwrap_or_else(|| panic!("GIGGLEFEST_FLEET is not set: {hint}"));
        let path = PathBuf::from(path);
        let fleet = read_json(&path, "is the fleet up? `cargo xtask up` starts it");
        let url = |key: &str| {
            let url = fleet[key].as_str();
            url.unwrap_or_else(|| panic!("{} has no {key:?}", path.display()))
                .trim_end_matches('/')
                .to_owned()
        };
        let api_url = url("api");
        Self {
            origin: api_url.trim_end_matches("/api/v1").to_owned(),
            api_url,
            docs_url: url("docs"),
            websocket_url: url("websocket"),
            aws_url: url("aws"),
            midtrans_url: url("midtrans"),
            imagekit_url: url("imagekit"),
            mailbox_url: url("mailbox"),
            database_url: url("database"),
            local: path.parent().expect("a file has a directory").to_path_buf(),
            accounts: fleet["accounts"].clone(),
            http: http::client(),
        }
    }

    /// The API for somebody without a token.
    pub fn stranger(&self) -> Api {
        Api::new(self, None)
    }

    /// The API for the bearer of a token.
    pub fn bearer(&self, token: &str) -> Api {
        Api::new(self, Some(token.to_owned()))
    }

    /// The payment gateway.
    pub fn midtrans(&self) -> Midtrans {
        Midtrans::new(self)
    }

    /// The image service.
    pub fn imagekit(&self) -> ImageKit {
        ImageKit::new(self)
    }

    /// The database, by a connection of the test's own.
    pub async fn database(&self) -> Database {
        Database::connect(&self.database_url).await
    }

    /// Another database of the same server, which what happens to the fleet's own leaves alone.
    pub async fn neighbour_database(&self) -> Database {
        let (server, _) = self
            .database_url
            .rsplit_once('/')
            .expect("the URL names a database");
        Database::connect(&format!("{server}/postgres")).await
    }

    /// Address and password of the demo account with a role.
    pub fn account(&self, role: &str) -> (String, String) {
        let found = self
            .accounts
            .as_array()
            .and_then(|all| all.iter().find(|account| account["role"] == role));
        let account =
            found.unwrap_or_else(|| panic!("fleet.json names no {role}; `cargo xtask seed` makes one"));
        let text = |key: &str| account[key].as_str().expect("accounts are texts").to_owned();
        (text("email"), text("password"))
    }

    /// The fleet's keys, from the file beside `fleet.json`.
    pub fn secrets(&self) -> Secrets {
        let file = self.local.join("secrets.json");
        let secrets = read_json(&file, "it is made by `cargo xtask up`");
        let told = |value: &Value| value.as_str().expect("secrets are texts").to_owned();
        let (text, passes) = (|key: &str| told(&secrets[key]), &secrets["passes"]);
        Secrets {
            apple_certificates: told(&passes["apple_certificates"]),
            google_account: told(&passes["google_account"]),
            jwt_secret: text("jwt_secret"),
            midtrans_server_key: text("midtrans_server_key"),
        }
    }
}

fn read_json(path: &Path, hint: &str) -> Value {
    let text = std::fs::read(path)
        .unwrap_or_else(|error| panic!("cannot read {} ({error}); {hint}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{} is not JSON: {error}", path.display()))
}
