//! Figures of a measurement.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// The value below which this share of the sorted values lies.
pub fn percentile(sorted: &[Duration], share: f64) -> Duration {
    let last = sorted.len().saturating_sub(1);
    let index = (last as f64 * share).round() as usize;
    sorted.get(index).copied().unwrap_or_default()
}

/// The middle of some values, the mean of the two in the middle if their number is even.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.len() / 2;
    let lower = sorted.len().saturating_sub(1) / 2;
    match (sorted.get(lower), sorted.get(upper)) {
        (Some(lower), Some(upper)) => f64::midpoint(*lower, *upper),
        _ => 0.0,
    }
}

/// What several variants of the same thing reached in their rounds.
///
/// Each variant is measured for a moment before the next has its turn, so that a noisy neighbour hits all of them. A ratio is taken
/// within each round, and the median of the rounds counts.
pub struct Rounds<V> {
    rates: BTreeMap<V, Vec<f64>>,
    waits: BTreeMap<V, Vec<Duration>>,
}

impl<V: Copy + Ord> Rounds<V> {
    /// Lets the variants take turns for so long, and at least once. `phase` measures one of them: how many times per second it was
    /// done, and how long each took.
    ///
    /// # Errors
    /// Those of `phase`.
    pub async fn take<const N: usize>(
        mut variants: [V; N],
        total: Duration,
        mut phase: impl AsyncFnMut(V) -> Result<(f64, Vec<Duration>)>,
    ) -> Result<Self> {
        // The first touch of tables and caches is not measured.
        for variant in variants {
            phase(variant).await?;
        }
        let mut rounds = Self {
            rates: BTreeMap::new(),
            waits: BTreeMap::new(),
        };
        let begun = Instant::now();
        while rounds.rates.is_empty() || begun.elapsed() < total {
            for variant in variants {
                let (rate, waits) = phase(variant).await?;
                rounds.rates.entry(variant).or_default().push(rate);
                rounds.waits.entry(variant).or_default().extend(waits);
            }
            // What grows or slows down within a round favours the first of it, so the next round runs backwards.
            variants.reverse();
        }
        Ok(rounds)
    }

    /// Median over the rounds of what one variant reached of another.
    ///
    /// # Errors
    /// If one of them was not measured.
    pub fn ratio(&self, above: V, below: V) -> Result<f64> {
        let (above, below) = (
            self.rates.get(&above).context("no rate")?,
            self.rates.get(&below).context("no rate")?,
        );
        let ratios = above.iter().zip(below).map(|(above, below)| above / below);
        Ok(median(&ratios.collect::<Vec<_>>()))
    }

    /// Prints a table.
    ///
    /// # Errors
    /// If a variant was not measured.
    pub fn print(&mut self, title: &str, describe: impl Fn(V) -> &'static str) -> Result<()> {
        println!(
            "\n{title:<48} {:>9} {:>19} {:>10} {:>10}",
            "median", "least – most", "p50", "p95"
        );
        for (variant, waits) in &mut self.waits {
            let of_rounds = self.rates.get(variant).context("a variant without a rate")?;
            waits.sort();
            let (least, most) = of_rounds.iter().fold((f64::MAX, 0.0), |(least, most), rate| {
                (rate.min(least), rate.max(most))
            });
            println!(
                "{:<48} {:>9.0} {:>9.0} – {:>7.0} {:>7.2} ms {:>7.2} ms",
                describe(*variant),
                median(of_rounds),
                least,
                most,
                percentile(waits, 0.5).as_secs_f64() * 1_000.0,
                percentile(waits, 0.95).as_secs_f64() * 1_000.0,
            );
        }
        println!();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&values, 0.0), Duration::from_millis(1));
        assert_eq!(percentile(&values, 0.95), Duration::from_millis(95));
        assert_eq!(percentile(&values, 1.0), Duration::from_millis(100));
        assert_eq!(percentile(&[], 0.5), Duration::ZERO);
    }

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median(&[]).abs() < 1e-9);
    }
}
