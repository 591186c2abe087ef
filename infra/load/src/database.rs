//! A migrated database of the bench's own.

use anyhow::{Context as _, Result};
use tokio_postgres::{Client, Config, NoTls};

/// One name for all runs: what an interrupted run left behind goes when the next one begins.
const NAME: &str = "gigglefest_load";

/// A migrated database. It has to be dropped by [`Database::remove`].
pub struct Database {
    url: String,
    server: Config,
}

impl Database {
    /// Makes the database on the server.
    ///
    /// # Errors
    /// If the server does not answer or does not let this account make databases.
    pub async fn make(url: &str) -> Result<Self> {
        let server: Config = url.parse().context("DATABASE_URL is not a PostgreSQL URL")?;
        let database = Self {
            url: url.to_owned(),
            server,
        };
        database.remove().await?;
        let admin = connect(&database.server).await?;
        admin
            .batch_execute(&format!("create database {NAME}"))
            .await
            .context("the database cannot be made")?;
        let mut client = database.connect().await?;
        db::migrations::run(&mut client)
            .await
            .context("the migrations failed")?;
        Ok(database)
    }

    /// A connection to it.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn connect(&self) -> Result<Client> {
        connect(self.server.clone().dbname(NAME)).await
    }

    /// Its address, as functions are told it.
    ///
    /// # Errors
    /// If the address of the server does not end with the name of a database.
    pub fn url(&self) -> Result<String> {
        let (address, options) = match self.url.split_once('?') {
            Some((address, options)) => (address, format!("?{options}")),
            None => (self.url.as_str(), String::new()),
        };
        let (server, _) = address
            .rsplit_once('/')
            .context("DATABASE_URL must end with /database")?;
        Ok(format!("{server}/{NAME}{options}"))
    }

    /// Drops it.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn remove(&self) -> Result<()> {
        let admin = connect(&self.server).await?;
        let sql = format!("drop database if exists {NAME} with (force)");
        admin
            .batch_execute(&sql)
            .await
            .context("the database cannot be dropped")
    }
}

/// Prints which server it is, and whether it keeps what it confirms.
///
/// # Errors
/// If the server does not answer.
pub async fn describe(admin: &Client) -> Result<()> {
    let setting = async |name: &str| -> Result<String> {
        Ok(admin
            .query_one("select current_setting($1)", &[&name])
            .await?
            .try_get(0)?)
    };
    let durable = setting("fsync").await? == "on" && setting("synchronous_commit").await? == "on";
    println!(
        "PostgreSQL {}, commits {}",
        setting("server_version").await?,
        if durable {
            "wait for the disk"
        } else {
            "do NOT wait for the disk: the figures are those of tests only"
        }
    );
    Ok(())
}

async fn connect(config: &Config) -> Result<Client> {
    let (client, connection) = config
        .connect(NoTls)
        .await
        .context("no connection to the server that DATABASE_URL names")?;
    tokio::spawn(connection);
    Ok(client)
}
