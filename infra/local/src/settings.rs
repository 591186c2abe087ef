//! Values the fleet is configured with: secrets made once, and the template's parameters.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::ports::Ports;
use crate::process::write_atomically;
use crate::repo::Repo;
use crate::text::{random_bytes, random_hex};

/// The region everything runs in locally.
pub const REGION: &str = "ap-southeast-3";

/// The account of the image service, the first part of the path of its URLs.
pub const IMAGEKIT_ID: &str = "gigglefest";

/// An issuer of passes that Google does not know.
const GOOGLE_ISSUER: &str = "3388000000000000000";

/// The CloudFormation stack's name.
pub const STACK: &str = "gigglefest";

/// Random values of this machine's fleet, kept in `.local/secrets.json` (readable by the owner alone). A field that
/// an older file lacks is made up when it is first needed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Secrets {
    pub jwt_secret: String,
    pub midtrans_server_key: String,
    pub midtrans_client_key: String,
    pub imagekit_private_key: String,
    pub postgres_password: String,
    /// `id:base64 of 32 bytes`, as the ticketing crate reads them.
    pub ticket_signing_keys: String,
    /// What wallet passes are signed with; Python makes it once it is installed.
    pub passes: Option<PassSecrets>,
}

/// Certificates and keys of passes, as `python/wallet.py` makes them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassSecrets {
    /// PEM: the one that signs, then the one above it.
    pub apple_certificates: String,
    /// PEM.
    pub apple_key: String,
    /// The key file of a service account.
    pub google_account: String,
}

impl Secrets {
    /// Reads the secrets, making those that are missing.
    ///
    /// # Errors
    /// When the file is damaged or cannot be written.
    pub fn load(repo: &Repo) -> Result<Self> {
        let path = repo.local("secrets.json");
        let known = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).with_context(|| {
                format!("{} is damaged; delete it and start with --fresh", path.display())
            })?,
            Err(_) => Self::default(),
        };
        let complete = known.clone().completed()?;
        if complete != known {
            complete.store(repo)?;
        }
        Ok(complete)
    }

    fn store(&self, repo: &Repo) -> Result<()> {
        let path = repo.local("secrets.json");
        write_atomically(&path, &serde_json::to_vec_pretty(self)?)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(())
    }

    /// The same with what passes are signed with, made by `python` unless it is there.
    ///
    /// # Errors
    /// When it cannot be made or kept.
    pub fn with_passes(mut self, repo: &Repo, python: &Path) -> Result<Self> {
        if self.passes.is_some() {
            return Ok(self);
        }
        let made = Command::new(python)
            .arg(repo.python_source("wallet.py"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()
            .context("Python does not start")?;
        if !made.status.success() {
            bail!(
                "no certificate for passes: {}",
                String::from_utf8_lossy(&made.stderr).trim_end()
            );
        }
        self.passes = Some(serde_json::from_slice(&made.stdout)?);
        self.store(repo)?;
        Ok(self)
    }

    fn completed(mut self) -> Result<Self> {
        let fill = |value: &mut String, prefix: &str, bytes: usize| -> Result<()> {
            if value.is_empty() {
                *value = format!("{prefix}{}", random_hex(bytes)?);
            }
            Ok(())
        };
        fill(&mut self.jwt_secret, "", 32)?;
        fill(&mut self.midtrans_server_key, "SB-Mid-server-", 12)?;
        fill(&mut self.midtrans_client_key, "SB-Mid-client-", 8)?;
        fill(&mut self.imagekit_private_key, "private_", 12)?;
        fill(&mut self.postgres_password, "", 16)?;
        if self.ticket_signing_keys.is_empty() {
            self.ticket_signing_keys = format!("local:{}", STANDARD.encode(random_bytes(32)?));
        }
        Ok(self)
    }
}

/// Values for the parameters of `template.yaml`. Those that the template does not declare are left out when deploying.
pub fn parameters(ports: &Ports, secrets: &Secrets, database_url: &str) -> BTreeMap<&'static str, String> {
    let api = format!("http://localhost:{}", ports.api);
    let midtrans = format!("http://127.0.0.1:{}", ports.midtrans);
    let imagekit = format!("http://127.0.0.1:{}", ports.imagekit);
    let architecture = if std::env::consts::ARCH == "aarch64" {
        "arm64"
    } else {
        "x86_64"
    };
    let passes = secrets.passes.clone().unwrap_or_default();
    BTreeMap::from([
        ("Stage", "local".to_owned()),
        ("Architecture", architecture.to_owned()),
        ("DatabaseUrl", database_url.to_owned()),
        ("JwtSecret", secrets.jwt_secret.clone()),
        ("BaseUrl", api.clone()),
        ("FrontendUrl", api),
        ("MidtransServerKey", secrets.midtrans_server_key.clone()),
        ("MidtransSnapUrl", midtrans.clone()),
        ("MidtransCoreUrl", midtrans),
        ("ImageKitPrivateKey", secrets.imagekit_private_key.clone()),
        ("ImageKitUploadUrl", imagekit.clone()),
        ("ImageKitApiUrl", imagekit),
        (
            "ImageKitUrlEndpoint",
            format!("http://localhost:{}/{IMAGEKIT_ID}", ports.imagekit),
        ),
        // Every test and every client of this machine is one caller.
        ("RateLimitFactor", "100".to_owned()),
        // The emulator takes as many as come; tests of crowds need not wait for a pace that is meant for SES.
        ("PromotionsPerSecond", "50".to_owned()),
        ("MailFrom", "tickets@gigglefest.local".to_owned()),
        ("TicketSigningKeys", secrets.ticket_signing_keys.clone()),
        // Files for `cargo lambda watch` and variables do not bear line breaks.
        (
            "ApplePassCertificates",
            passes.apple_certificates.replace('\n', " "),
        ),
        ("ApplePassKey", passes.apple_key.replace('\n', " ")),
        ("GoogleWalletIssuer", GOOGLE_ISSUER.to_owned()),
        ("GoogleWalletAccount", passes.google_account),
        ("AwsEndpointUrl", aws_endpoint(ports)),
    ])
}

pub fn aws_endpoint(ports: &Ports) -> String {
    format!("http://127.0.0.1:{}", ports.aws)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_made_once_and_private() {
        let root = std::env::temp_dir().join(format!("xtask-secrets-{}", std::process::id()));
        let repo = Repo { root: root.clone() };
        let first = Secrets::load(&repo).unwrap();
        assert!(first.midtrans_server_key.starts_with("SB-Mid-server-"));
        assert_eq!(Secrets::load(&repo).unwrap(), first);
        let mode = fs::metadata(repo.local("secrets.json"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_secret_that_a_newer_version_needs_is_added_to_an_old_file() {
        let old = Secrets {
            jwt_secret: "kept".to_owned(),
            ..Secrets::default()
        };
        let new = old.completed().unwrap();
        assert_eq!(new.jwt_secret, "kept");
        assert!(new.ticket_signing_keys.starts_with("local:"));
    }
}
