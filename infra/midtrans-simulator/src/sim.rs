//! The running simulator: the state behind a lock, the clock, and the tasks around it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use simulator::Stop;
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::world::{World, later};

/// Notifications under way at the same time.
const SENDERS: usize = 256;
/// How often expiry is looked at when nobody asks.
const TICK: Duration = Duration::from_millis(200);

/// Real time plus what `POST /admin/clock` added.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    ahead_seconds: AtomicI64,
}

impl Clock {
    pub(crate) fn now(&self) -> Timestamp {
        later(
            Timestamp::now(),
            SignedDuration::from_secs(self.ahead_seconds.load(Ordering::Relaxed)),
        )
    }

    /// Moves the clock forward and returns how far it is ahead now, in seconds.
    pub(crate) fn advance(&self, seconds: u32) -> i64 {
        let seconds = i64::from(seconds);
        self.ahead_seconds.fetch_add(seconds, Ordering::Relaxed) + seconds
    }

    pub(crate) fn reset(&self) {
        self.ahead_seconds.store(0, Ordering::Relaxed);
    }

    pub(crate) fn ahead_seconds(&self) -> i64 {
        self.ahead_seconds.load(Ordering::Relaxed)
    }
}

pub(crate) struct Sim {
    pub(crate) config: Arc<Config>,
    pub(crate) clock: Clock,
    pub(crate) senders: Semaphore,
    world: Mutex<World>,
    pub(crate) stop: Stop,
}

impl Sim {
    pub(crate) fn new(config: Config, public_url: String) -> Arc<Self> {
        let config = Arc::new(config);
        Arc::new(Self {
            world: Mutex::new(World::new(Arc::clone(&config), public_url)),
            config,
            clock: Clock::default(),
            senders: Semaphore::new(SENDERS),
            stop: Stop::default(),
        })
    }

    /// The state, for looking up and noting things.
    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads or changes the state as of now, then starts what the change requires.
    pub(crate) fn with<R>(self: &Arc<Self>, act: impl FnOnce(&mut World, Timestamp) -> R) -> R {
        let now = self.clock.now();
        let (result, effects) = {
            let mut world = self.lock();
            world.expire_due(now);
            let result = act(&mut world, now);
            (result, std::mem::take(&mut world.effects))
        };
        self.perform(effects);
        result
    }

    /// Runs a task until it ends or the simulator stops.
    pub(crate) fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let stopped = self.stop.stopped();
        tokio::spawn(async move {
            tokio::select! {
                () = task => {}
                () = stopped => {}
            }
        });
    }

    /// Expires transactions in time although nobody asks for them.
    pub(crate) fn watch_expiry(self: &Arc<Self>) {
        let sim = Arc::clone(self);
        self.spawn(async move {
            loop {
                tokio::time::sleep(TICK).await;
                sim.with(|_, _| ());
            }
        });
    }
}
