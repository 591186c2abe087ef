use crate::{App, Report};
use db::invariants::{Breach, Rule, Slice, Subject};
use domain::{Error, Timestamp};
use std::time::{Duration, Instant};

/// Time for one run: less than the function has, as the last statement may take five seconds.
const TIME: Duration = Duration::from_secs(35);

/// Older slices of a rule that are looked at in one run. A small platform has no more of them, so it is looked at whole by the
/// hour; a large one hour after hour in turns, 160,000 orders at a time.
const SLICES_OF_A_RUN: i64 = 16;

/// Parts in which a rule was broken at the last look, looked at again in one run.
const KNOWN_PARTS: u32 = 16;

/// Ids of a slice: few enough to be read in a fraction of the time a statement has.
const fn slice_size(subject: Subject) -> i64 {
    match subject {
        Subject::Orders
        | Subject::Payments
        | Subject::Refunds
        | Subject::Postings
        | Subject::IssuedTickets => 10_000,
        // Each of these stands for many rows.
        Subject::TicketTypes | Subject::Promos => 500,
    }
}

/// What is left to look at for a rule.
struct Work {
    rule: Rule,
    slices: Vec<Slice>,
    breach: Option<Breach>,
    is_late: bool,
}

/// Looks for what must never be: first where it was found before, then the newest, and every rule in its turn, so that a slow one
/// keeps no other waiting. What is found is an error in the log and kept for `watchman`, which tells people; nothing is mended,
/// because what broke a rule is for people to find out. What could not be looked at in time is told as such.
pub(crate) async fn check(app: &App, report: &mut Report, now: Timestamp) -> Result<(), Error> {
    let begun = Instant::now();
    let conn = app.db.conn().await?;
    let mut all = Vec::with_capacity(Rule::ALL.len());
    for rule in Rule::ALL {
        all.push(plan(&conn, rule, now).await?);
    }
    while begun.elapsed() < TIME && all.iter().any(|work| !work.slices.is_empty()) {
        for work in &mut all {
            if begun.elapsed() < TIME {
                look(&conn, work, now).await?;
            }
        }
    }
    for work in all {
        if work.is_late || !work.slices.is_empty() {
            let slices = work.slices.len();
            tracing::warn!(
                rule = work.rule.name(),
                slices,
                "a rule was not looked at in time"
            );
            report.rules_unfinished.push(work.rule.name());
        }
        if let Some(breach) = work.breach {
            tracing::error!(
                rule = breach.rule,
                count = breach.count,
                rows = ?breach.rows,
                "a rule is broken that must never be"
            );
            report.rules_broken.push(breach.rule);
        }
    }
    Ok(())
}

/// What is to be looked at for a rule in this run.
async fn plan(conn: &db::Client, rule: Rule, now: Timestamp) -> Result<Work, Error> {
    let mut work = Work {
        rule,
        slices: vec![Slice::ALL],
        breach: None,
        is_late: false,
    };
    if let Some(subject) = rule.subject() {
        match db::invariants::newest(conn, subject).await {
            Ok(newest) => work.slices = turn(newest, slice_size(subject), now),
            Err(error) if error.is_out_of_time() => {
                work.slices.clear();
                work.is_late = true;
            }
            Err(error) => return Err(error.into()),
        }
    }
    // They are taken from the end.
    work.slices.reverse();
    let known = db::broken_rules::parts(conn, rule, KNOWN_PARTS).await?;
    work.slices.retain(|slice| !known.contains(slice));
    work.slices.extend(known);
    Ok(work)
}

/// Looks at the next slice of a rule. One that takes too long is looked at in halves.
async fn look(conn: &db::Client, work: &mut Work, now: Timestamp) -> Result<(), Error> {
    let Some(slice) = work.slices.pop() else {
        return Ok(());
    };
    match db::invariants::breach(conn, work.rule, slice).await {
        Ok(found) => {
            db::broken_rules::note(conn, work.rule, slice, found.as_ref(), now).await?;
            match (&mut work.breach, found) {
                (Some(known), Some(found)) => {
                    known.count += found.count;
                    known.rows.extend(found.rows);
                }
                (None, Some(found)) => work.breach = Some(found),
                (_, None) => {}
            }
        }
        Err(error) if error.is_out_of_time() => match halves(slice) {
            Some([older, newer]) if work.rule.subject().is_some() => {
                db::broken_rules::split(conn, work.rule, slice, older.until).await?;
                work.slices.extend([older, newer]);
            }
            _ => work.is_late = true,
        },
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Both halves of a slice, the older first; `None` if it is one id.
fn halves(slice: Slice) -> Option<[Slice; 2]> {
    let Slice { after, until } = slice;
    let middle = after + (until - after) / 2;
    (middle > after).then_some([Slice { after, until: middle }, Slice { after: middle, until }])
}

/// The slices whose turn it is, the newest first: always the newest of all, and of the older ones as many as a run takes. The
/// hour says which, so nothing has to be remembered and all of them have their turn.
fn turn(newest: i64, size: i64, now: Timestamp) -> Vec<Slice> {
    let slice = |number: i64| Slice {
        after: (newest - (number + 1) * size).max(0),
        until: newest - number * size,
    };
    let older = ((newest - size).max(0) + size - 1) / size;
    let first = now.unix_seconds() / 3_600 * SLICES_OF_A_RUN;
    let turn = (0..older.min(SLICES_OF_A_RUN)).map(|number| (first + number).rem_euclid(older) + 1);
    let mut numbers: Vec<i64> = turn.collect();
    numbers.sort_unstable();
    std::iter::once(0).chain(numbers).map(slice).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn hour(number: i64) -> Timestamp {
        Timestamp::parse("2030-01-01T12:00:00Z")
            .unwrap()
            .plus_seconds(3_600 * number)
    }

    fn ids(slices: &[Slice]) -> Vec<i64> {
        let ids = slices.iter().flat_map(|slice| slice.after + 1..=slice.until);
        let mut ids: Vec<i64> = ids.collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn a_small_platform_is_looked_at_whole() {
        for newest in [0, 1, 9, 10, 11, 95, 160, 170] {
            let slices = turn(newest, 10, hour(3));
            assert_eq!(ids(&slices), (1..=newest).collect::<Vec<_>>());
            assert!(slices.iter().all(|slice| slice.until - slice.after <= 10));
        }
    }

    #[test]
    fn a_large_platform_is_looked_at_in_turns_and_its_newest_each_time() {
        let mut seen = BTreeSet::new();
        // 1,000 slices, 16 an hour.
        for number in 0..63 {
            let slices = turn(10_000, 10, hour(number));
            assert_eq!(slices.len(), 17);
            assert_eq!(
                slices[0],
                Slice {
                    after: 9_990,
                    until: 10_000
                }
            );
            assert!(slices.is_sorted_by(|a, b| a.after >= b.until), "the newest first");
            seen.extend(ids(&slices));
        }
        assert_eq!(seen.len(), 10_000);
    }

    #[test]
    fn halves_end_at_single_ids() {
        let mut slices = vec![Slice { after: 3, until: 20 }];
        let mut single = Vec::new();
        while let Some(slice) = slices.pop() {
            match halves(slice) {
                Some(halves) => slices.extend(halves),
                None => single.push(slice),
            }
        }
        assert_eq!(ids(&single), (4..=20).collect::<Vec<_>>());
        assert_eq!(single.len(), 17);
        assert_eq!(halves(Slice { after: 0, until: 0 }), None);
    }
}
