//! What the person at the terminal sees: one line per finished step, with the time since the command began.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// Prints progress.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    started: Instant,
    colors: bool,
}

impl Terminal {
    pub fn new() -> Self {
        let colors = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self {
            started: Instant::now(),
            colors,
        }
    }

    /// A finished step, or one that begins and takes long.
    pub fn step(&self, text: &str) {
        // A progress bar of cargo may stand on the line; it is painted over.
        let clear = if self.colors { "\r\x1b[K" } else { "" };
        eprintln!("{clear}{:>7.1}s  {text}", self.started.elapsed().as_secs_f64());
    }

    /// Runs a step and tells its own duration when it succeeds.
    ///
    /// # Errors
    /// Those of the step.
    pub fn timed<T>(&self, text: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        let started = Instant::now();
        let value = step()?;
        self.step(&format!("{text} ({})", seconds(started.elapsed())));
        Ok(value)
    }

    pub fn heading(&self, text: &str) {
        if self.colors {
            eprintln!("\n\x1b[1m{text}\x1b[0m");
        } else {
            eprintln!("\n== {text}");
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// `1.2 s`, `2 min 5 s`.
pub fn seconds(duration: Duration) -> String {
    let whole = duration.as_secs();
    if whole >= 60 {
        format!("{} min {} s", whole / 60, whole % 60)
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

/// Ctrl-C and SIGTERM as a flag. The second one ends the process at once.
#[derive(Debug, Clone)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// # Errors
    /// When the signal handlers cannot be installed.
    pub fn install() -> Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&flag))
                .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)))
                .context("cannot listen for Ctrl-C")?;
        }
        Ok(Self(flag))
    }

    pub fn happened(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// # Errors
    /// When the person asked to stop.
    pub fn check(&self) -> Result<()> {
        if self.happened() {
            bail!("interrupted");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(seconds(Duration::from_millis(1234)), "1.2 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 5 s");
    }
}
