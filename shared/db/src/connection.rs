use crate::error::{DbError, Result};
use crate::rds_token;
use aws_credential_types::Credentials;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Transaction};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A caller gets its 503 within 3 s, so connecting may take this long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection unused for this long is asked whether it still lives: an execution environment is frozen between
/// requests, and its sockets die without a word.
const STALE_AFTER: Duration = Duration::from_secs(30);

/// How long a stale connection may take to answer before it is replaced.
const PROBE_TIMEOUT: Duration = Duration::from_millis(250);

/// How to reach the database.
#[derive(Clone)]
pub struct Config {
    postgres: tokio_postgres::Config,
    iam_region: Option<String>,
}

impl Config {
    /// Reads `DATABASE_URL` and, for IAM authentication through RDS Proxy, `DATABASE_IAM_REGION` from a look-up.
    /// With IAM authentication or `sslmode=require`, TLS is used and the certificate is checked against public roots
    /// (RDS Proxy presents a certificate of Amazon Trust Services).
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn from_lookup<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Self, String> {
        let url = get("DATABASE_URL").ok_or("environment variable DATABASE_URL is required but not set")?;
        let mut postgres: tokio_postgres::Config = url
            .parse()
            .map_err(|e| format!("DATABASE_URL is not a PostgreSQL URL: {e}"))?;
        let iam_region = get("DATABASE_IAM_REGION").map(str::to_owned);
        // TLS or none, never whatever the server offers. One connector serves both: another for none would link the driver twice.
        let tls = iam_region.is_some() || postgres.get_ssl_mode() == SslMode::Require;
        postgres.ssl_mode(if tls { SslMode::Require } else { SslMode::Disable });
        postgres.connect_timeout(CONNECT_TIMEOUT);
        postgres.keepalives_idle(Duration::from_secs(30));
        postgres.tcp_user_timeout(Duration::from_secs(10));
        if let Some(name) = get("AWS_LAMBDA_FUNCTION_NAME") {
            postgres.application_name(name);
        }
        Ok(Self { postgres, iam_region })
    }

    async fn connect(&self) -> Result<Client> {
        let mut postgres = self.postgres.clone();
        if let Some(region) = &self.iam_region {
            postgres.password(iam_password(&postgres, region).map_err(DbError::Unavailable)?);
        }
        let attempt = async {
            let tls = tls().map_err(DbError::Unavailable)?;
            let (client, connection) = postgres.connect(tls).await?;
            tokio::spawn(connection);
            Ok(client)
        };
        // The driver's own time-out counts per address and not the handshake.
        match tokio::time::timeout(CONNECT_TIMEOUT, attempt).await {
            Ok(Ok(client)) => Ok(client),
            Ok(Err(error @ DbError::Unavailable(_))) => Err(error),
            Ok(Err(error)) => Err(DbError::Unavailable(error.into())),
            Err(_) => Err(DbError::Unavailable("connecting took longer than 2 s".into())),
        }
    }
}

fn iam_password(
    postgres: &tokio_postgres::Config,
    region: &str,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let credentials = Credentials::new(
        variable("AWS_ACCESS_KEY_ID")?,
        variable("AWS_SECRET_ACCESS_KEY")?,
        std::env::var("AWS_SESSION_TOKEN").ok(),
        None,
        "execution environment",
    );
    let host = match postgres.get_hosts().first() {
        Some(Host::Tcp(host)) => host,
        _ => return Err("DATABASE_URL names no host".into()),
    };
    let port = postgres.get_ports().first().copied().unwrap_or(5432);
    let user = postgres.get_user().ok_or("DATABASE_URL names no user")?;
    #[expect(
        clippy::disallowed_methods,
        reason = "a signature is checked against the wall clock of AWS"
    )]
    let now = std::time::SystemTime::now();
    rds_token::token(host, port, user, region, &credentials, now)
}

fn tls() -> Result<MakeRustlsConnect, Box<dyn std::error::Error + Send + Sync>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// The database as a function sees it: one connection, opened when first needed and replaced when it has died. RDS Proxy
/// is the pool; an execution environment works on one event at a time.
pub struct Db {
    config: Config,
    slot: Mutex<Option<Slot>>,
}

struct Slot {
    client: Client,
    last_used: Instant,
}

impl Db {
    /// Opens nothing yet.
    pub const fn new(config: Config) -> Self {
        Self {
            config,
            slot: Mutex::const_new(None),
        }
    }

    /// The connection, opened or replaced if need be.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] within 3 s if the database cannot be reached.
    pub async fn conn(&self) -> Result<Conn<'_>> {
        let mut guard = self.slot.lock().await;
        if guard.is_some() {
            // While the environment was frozen nobody read from the socket. What came in meanwhile, such as the server's
            // good-bye, is read before the connection is called alive: the runtime looks at its sockets during the first
            // pause and lets the task of the connection work during the second.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        }
        let alive = match guard.as_ref() {
            None => false,
            Some(slot) if slot.client.is_closed() => false,
            Some(slot) if slot.last_used.elapsed() < STALE_AFTER => true,
            Some(slot) => {
                matches!(
                    tokio::time::timeout(PROBE_TIMEOUT, slot.client.check_connection()).await,
                    Ok(Ok(()))
                )
            }
        };
        if !alive {
            // The old one goes first: if connecting fails, the next call starts anew.
            *guard = None;
            *guard = Some(Slot {
                client: self.config.connect().await?,
                last_used: Instant::now(),
            });
        }
        MutexGuard::try_map(guard, Option::as_mut)
            .map(|mut slot| {
                slot.last_used = Instant::now();
                Conn(slot)
            })
            .map_err(|_| DbError::Unavailable("the connection vanished".into()))
    }
}

/// The connection of this environment, for the time of one request.
pub struct Conn<'a>(tokio::sync::MappedMutexGuard<'a, Slot>);

impl Conn<'_> {
    /// Opens a transaction. It is rolled back unless committed.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn begin(&mut self) -> Result<Transaction<'_>> {
        Ok(self.0.client.transaction().await?)
    }
}

impl Deref for Conn<'_> {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0.client
    }
}

impl DerefMut for Conn<'_> {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.0.client
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    use testkit::TestDb;

    /// A line to a server on which connections made so far can fall silent without being closed.
    struct Line {
        port: u16,
        cut: Arc<std::sync::Mutex<Arc<AtomicBool>>>,
    }

    impl Line {
        fn to(server: String) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            let cut = Arc::new(std::sync::Mutex::new(Arc::new(AtomicBool::new(false))));
            let current = Arc::clone(&cut);
            std::thread::spawn(move || {
                for near in listener.incoming() {
                    let (near, far) = (near.unwrap(), TcpStream::connect(&server).unwrap());
                    let silent = Arc::clone(&current.lock().unwrap());
                    let ways = [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)];
                    for (mut from, mut to) in ways {
                        let silent = Arc::clone(&silent);
                        std::thread::spawn(move || {
                            let mut buffer = [0; 4_096];
                            while let Ok(count @ 1..) = from.read(&mut buffer) {
                                if !silent.load(Relaxed) && to.write_all(&buffer[..count]).is_err() {
                                    return;
                                }
                            }
                        });
                    }
                }
            });
            Self { port, cut }
        }

        fn cut(&self) {
            let fresh = Arc::new(AtomicBool::new(false));
            std::mem::replace(&mut *self.cut.lock().unwrap(), fresh).store(true, Relaxed);
        }
    }

    #[test]
    fn tls_is_used_when_asked_for_and_with_iam() {
        let mode = |query: &str, region: Option<&'static str>| {
            let url = format!("postgres://u:p@db.example/x{query}");
            let config = Config::from_lookup(|name| match name {
                "DATABASE_URL" => Some(url.as_str()),
                "DATABASE_IAM_REGION" => region,
                _ => None,
            });
            config.unwrap().postgres.get_ssl_mode()
        };
        for query in ["", "?sslmode=prefer", "?sslmode=disable"] {
            assert_eq!(mode(query, None), SslMode::Disable, "{query}");
            assert_eq!(mode(query, Some("ap-southeast-3")), SslMode::Require, "{query}");
        }
        assert_eq!(mode("?sslmode=require", None), SslMode::Require);
    }

    #[tokio::test]
    async fn a_connection_that_died_without_a_word_is_replaced_after_a_long_pause() {
        let test = TestDb::new().await;
        let (login, rest) = test.url().split_once('@').unwrap();
        let (server, database) = rest.split_once('/').unwrap();
        let line = Line::to(server.to_owned());
        let url = format!("{login}@127.0.0.1:{}/{database}", line.port);
        let db =
            Db::new(Config::from_lookup(|name| (name == "DATABASE_URL").then_some(url.as_str())).unwrap());
        drop(db.conn().await.unwrap());
        line.cut();
        let pause = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();

        // Within the time in which a connection counts as alive, nothing is asked.
        db.slot.lock().await.as_mut().unwrap().last_used = pause(20);
        drop(db.conn().await.unwrap());
        db.slot.lock().await.as_mut().unwrap().last_used = pause(31);
        let begun = Instant::now();
        let conn = db.conn().await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        conn.check_connection().await.unwrap();
    }
}
