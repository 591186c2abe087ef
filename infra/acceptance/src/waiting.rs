use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Asks again and again until there is an answer. What happens behind a queue takes milliseconds, but on a busy machine
/// it may take seconds, so `patience` is long and the questions are frequent.
///
/// # Panics
/// When the answer does not come in time; `what` says what was waited for.
pub async fn eventually<T>(what: &str, patience: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    let mut pause = Duration::from_millis(20);
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(
            started.elapsed() < patience,
            "waited {} s in vain: {what}",
            patience.as_secs()
        );
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(250));
    }
}

/// Letters and digits that no other test uses, in this run or another one.
pub fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let moment = jiff::Timestamp::now().as_microsecond();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{moment:x}{:x}n{count:x}", std::process::id())
}
