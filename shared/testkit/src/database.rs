#![expect(
    clippy::disallowed_methods,
    reason = "tests talk to PostgreSQL itself, not through RDS Proxy"
)]

use db::{Config, Db};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio_postgres::{Client, NoTls};

/// A database of one test, migrated, dropped at the end of the test. The server is named by `TEST_DATABASE_URL`; without it
/// the test fails rather than skips.
pub struct TestDb {
    name: String,
    url: String,
}

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// Key of the lock under which the template is made; an arbitrary number.
const TEMPLATE_LOCK: i64 = 7_166_331_403;

impl TestDb {
    /// Clones the migrated template, which the first test of a schema makes.
    pub async fn new() -> Self {
        let template = template_name();
        let admin = connect(&admin_url()).await;
        make_template(&admin, &template).await;
        let name = format!(
            "test_{}_{}",
            std::process::id(),
            COUNTER.fetch_add(1, Ordering::Relaxed)
        );
        // Two clones of one template at a time are refused by the server, so the lock serves here, too.
        locked(&admin, async || {
            admin
                .batch_execute(&format!("drop database if exists {name}"))
                .await
                .expect("drop a leftover");
            admin
                .batch_execute(&format!("create database {name} template {template}"))
                .await
                .expect("clone the template");
        })
        .await;
        let url = with_database(&admin_url(), &name);
        Self { name, url }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The database as functions see it, with a connection of its own.
    pub fn db(&self) -> Db {
        Db::new(
            Config::from_lookup(|name| (name == "DATABASE_URL").then_some(self.url.as_str()))
                .expect("a valid URL"),
        )
    }

    /// A connection past the functions, to look at rows.
    pub async fn client(&self) -> Client {
        connect(&self.url).await
    }

    /// The first column of the first row of a query, as a number: `count("select count(*) from holds")`.
    pub async fn count(&self, sql: &str) -> i64 {
        let sql = &format!("select ({sql})::bigint");
        self.client().await.query_one(sql, &[]).await.expect(sql).get(0)
    }

    /// The first column of the first row of a query, as text.
    pub async fn text(&self, sql: &str) -> String {
        self.client().await.query_one(sql, &[]).await.expect(sql).get(0)
    }

    /// Runs statements.
    pub async fn run(&self, sql: &str) {
        self.client().await.batch_execute(sql).await.expect(sql);
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        let name = self.name.clone();
        // The test's own runtime is ending; another thread has one of its own.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let admin = connect(&admin_url()).await;
                let _ = admin
                    .batch_execute(&format!("drop database if exists {name} with (force)"))
                    .await;
            });
        });
        let _ = dropping.join();
    }
}

/// Address of the server's maintenance database.
fn admin_url() -> String {
    std::env::var("TEST_DATABASE_URL").expect(
        "TEST_DATABASE_URL is not set: these tests need PostgreSQL; `cargo xtask test` starts one and sets the variable",
    )
}

fn with_database(url: &str, name: &str) -> String {
    let (base, query) = url
        .split_once('?')
        .map_or((url, None), |(base, query)| (base, Some(query)));
    let (server, _) = base
        .rsplit_once('/')
        .expect("TEST_DATABASE_URL ends with /database");
    query.map_or_else(
        || format!("{server}/{name}"),
        |query| format!("{server}/{name}?{query}"),
    )
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap_or_else(|error| {
        panic!("PostgreSQL does not answer at TEST_DATABASE_URL: {error:?}; `cargo xtask test` starts one")
    });
    tokio::spawn(connection);
    client
}

/// A template per version of the migrations, so that an edit makes a new one.
fn template_name() -> String {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        format!(
            "template_{}",
            runtime::random::to_hex(&db::migrations::fingerprint().to_be_bytes())
        )
    })
    .clone()
}

async fn make_template(admin: &Client, name: &str) {
    let exists = async || {
        let row = admin
            .query_one(
                "select count(*) from pg_database where datname = $1 and datistemplate",
                &[&name],
            )
            .await;
        row.expect("look for the template").get::<_, i64>(0) > 0
    };
    if exists().await {
        return;
    }
    locked(admin, async || {
        if exists().await {
            return;
        }
        let building = format!("{name}_building");
        for sql in [
            format!("drop database if exists {building} with (force)"),
            format!("create database {building}"),
        ] {
            admin.batch_execute(&sql).await.expect("make the template");
        }
        let mut client = connect(&with_database(&admin_url(), &building)).await;
        db::migrations::run(&mut client)
            .await
            .expect("the migrations run");
        drop(client);
        // The server notices a closed connection a moment later.
        let rename = format!("alter database {building} rename to {name}");
        for attempt in 0.. {
            match admin.batch_execute(&rename).await {
                Ok(()) => break,
                Err(error) if attempt == 50 => panic!("rename the template: {error:?}"),
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            }
        }
        admin
            .batch_execute(&format!("alter database {name} is_template true"))
            .await
            .expect("mark the template");
    })
    .await;
}

async fn locked(admin: &Client, work: impl AsyncFnOnce()) {
    admin
        .batch_execute(&format!("select pg_advisory_lock({TEMPLATE_LOCK})"))
        .await
        .expect("lock");
    work().await;
    admin
        .batch_execute(&format!("select pg_advisory_unlock({TEMPLATE_LOCK})"))
        .await
        .expect("unlock");
}
