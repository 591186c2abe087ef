#![doc = include_str!("../README.md")]

mod discard;
mod message;
mod publish;
pub mod render;

use blob::Blobs;
use db::images::{Image, Named};
use domain::breaker::Breaker;
use domain::image::{MOST_ATTEMPTS, State, retry_seconds};
use domain::{Error, Kind};
use gateway::imagekit::{Delivery, ImageKit};
use runtime::{BootError, Clock, Env};
use std::sync::Mutex;
use worker::{Consumer, Record};

/// A worker that says nothing for so long is dead: the function's time-out is shorter.
const LEASE_SECONDS: i64 = 90;

/// What the worker works with.
pub struct App {
    /// The database.
    pub db: db::Db,
    /// Uploads and pictures.
    pub blobs: Blobs,
    /// Takes pictures to where they are shown.
    pub imagekit: ImageKit,
    /// Makes the URLs that show them.
    pub delivery: Delivery,
    /// Keeps this process from asking an ImageKit that is away.
    pub breaker: Mutex<Breaker>,
    /// Tells the time.
    pub clock: Clock,
}

impl App {
    /// Reads the configuration.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn from_env(env: &Env) -> Result<Self, BootError> {
        let config = db::Config::from_lookup(|name| env.get(name)).map_err(BootError::Other)?;
        Ok(Self {
            db: db::Db::new(config),
            blobs: Blobs::from_env(env)?,
            imagekit: ImageKit::from_env(env)?,
            delivery: Delivery::from_env(env)?,
            breaker: Mutex::default(),
            clock: Clock::system(),
        })
    }

    /// Does what the row of a picture asks for, if nobody else does it at this moment.
    async fn work(&self, named: Named<'_>) -> Result<(), Error> {
        let now = self.clock.now();
        let claimed = {
            let conn = self.db.conn().await?;
            db::images::claim(&conn, named, now.plus_seconds(LEASE_SECONDS), now).await?
        };
        let Some(image) = claimed else { return Ok(()) };
        let done = match image.state {
            State::Discarded => discard::discard(self, &image).await,
            _ => publish::publish(self, &image).await,
        };
        match done {
            Ok(()) => Ok(()),
            Err(error) => self.give_back(&image, error).await,
        }
    }

    /// What could not be done is announced again later. Where something is merely away, that is all; a mistake of ours is
    /// also told to the queue, so that people hear of it.
    async fn give_back(&self, image: &Image, error: Error) -> Result<(), Error> {
        let now = self.clock.now();
        let conn = self.db.conn().await?;
        if image.attempts >= MOST_ATTEMPTS && image.state != State::Discarded {
            db::images::fail(&conn, image.id, "given_up", now).await?;
            return Err(error);
        }
        let retry_at = now.plus_seconds(retry_seconds(image.attempts));
        db::images::defer(&conn, image.id, retry_at).await?;
        if error.kind != Kind::Unavailable {
            return Err(error);
        }
        let cause = error.internal.as_ref().map(domain::error::Internal::chain);
        let (image_id, attempts) = (image.id.get(), image.attempts);
        tracing::warn!(image_id, attempts, cause, "the image waits for its next attempt");
        Ok(())
    }
}

impl Consumer for App {
    async fn consume(&self, record: &Record) -> Result<(), Error> {
        let mut outcome = Ok(());
        for key in message::pictures(&record.body)? {
            // A notice of the store may name several objects; one that fails does not hold up the others.
            if let Err(error) = self.work(key.named()).await {
                outcome = Err(error);
            }
        }
        outcome
    }
}
