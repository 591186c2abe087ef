//! Reserved seating: which seats are the best that can be had, and which may be chosen.
//!
//! Seats that are wanted together are neighbours if a row has so many. Among places that are about as good as the best, one is
//! drawn, so that a crowd does not ask for the same seats. Seats for people who need them are kept until every other seat is sold.

use crate::Error;
use crate::cart::StockError;
use crate::language::Language;
use crate::ticket::Quantity;
use std::cmp::Reverse;
use std::collections::HashSet;

/// Number of a seat, unique within its event. "Seat id" in the API.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct SeatNumber(#[schemars(range(min = 1))] i32);

impl SeatNumber {
    /// A number as the database gave it.
    pub const fn new(number: i32) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> i32 {
        self.0
    }
}

impl<'de> serde::Deserialize<'de> for SeatNumber {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let number = crate::text::whole_number(input)?;
        match i32::try_from(number) {
            Ok(number) if number > 0 => Ok(Self(number)),
            _ => Err(serde::de::Error::custom("must hold ids of seats")),
        }
    }
}

/// Seats that somebody names: at least one, each once.
#[derive(Debug, Clone, PartialEq, Eq, schemars::JsonSchema)]
#[schemars(transparent)]
pub struct SeatNumbers(#[schemars(length(min = 1, max = 1000))] Vec<SeatNumber>);

impl SeatNumbers {
    /// The seats, in their order.
    pub fn as_slice(&self) -> &[SeatNumber] {
        &self.0
    }

    /// How many.
    pub fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }
}

impl<'de> serde::Deserialize<'de> for SeatNumbers {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let mut seats = Vec::<SeatNumber>::deserialize(input)?;
        let most = Quantity::MAX as usize;
        if seats.is_empty() || seats.len() > most {
            return Err(serde::de::Error::custom(format!("must hold 1 to {most} seats")));
        }
        seats.sort_unstable();
        if seats.windows(2).any(|two| matches!(two, [a, b] if a == b)) {
            return Err(serde::de::Error::custom("must hold each seat once"));
        }
        Ok(Self(seats))
    }
}

/// Where somebody sits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatName {
    /// What the section is called.
    pub section: String,
    /// What the row is called.
    pub row: String,
    /// What stands on the seat.
    pub label: String,
}

impl SeatName {
    /// As people say it: `Floor, row A, seat 12`.
    pub fn words(&self, language: Language) -> String {
        let Self { section, row, label } = self;
        match language {
            Language::Id => format!("{section}, baris {row}, kursi {label}"),
            Language::En => format!("{section}, row {row}, seat {label}"),
        }
    }
}

/// Whose a seat is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody's.
    Free,
    /// Somebody's who has not paid.
    Held,
    /// Somebody's who has paid.
    Sold,
}

/// A seat as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// Its number.
    pub number: SeatNumber,
    /// Neighbours have places that differ by one.
    pub place: i32,
    /// The lower the better: hundredths of the width of a seat.
    pub cost: i32,
    /// Whether it is kept for people who need it.
    pub accessible: bool,
    /// Whose it is.
    pub state: State,
}

/// A row of seats, from one end to the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Number of its section.
    pub section: i32,
    /// Number of the row within its section; neighbours differ by one.
    pub row: i32,
    /// Its seats.
    pub seats: Vec<Seat>,
}

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// How many seats.
    pub quantity: u32,
    /// Whether seats for people who need them are asked for.
    pub accessible: bool,
    /// Whether no single seat may be left free between others.
    pub no_singles: bool,
    /// Seats that are worse than the best ones by so much count as equally good.
    pub tolerance: i32,
}

/// Why a choice is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChoiceError {
    /// A seat that does not exist, or is sold as another kind of ticket.
    Unknown(SeatNumber),
    /// A seat that somebody else has.
    Taken(SeatNumber),
    /// A seat that is kept for people who need it.
    Accessible,
    /// A single seat would be left free, and others could be chosen without.
    Single,
    /// What is free is for those who wait for it.
    WaitedFor,
}

impl From<ChoiceError> for Error {
    fn from(error: ChoiceError) -> Self {
        match error {
            ChoiceError::Unknown(seat) => Self::invalid_field(
                "seatIds",
                format!(
                    "\"seatIds\" must hold seats of this ticket: {} is none",
                    seat.get()
                ),
            ),
            ChoiceError::Taken(seat) => {
                let message = format!("Seat {} is taken, please choose another", seat.get());
                Self::conflict("seat_taken", message)
            }
            ChoiceError::Accessible => Self::conflict(
                "seat_accessible",
                "This seat is kept for people who need it; ask for it with \"accessible\"",
            ),
            ChoiceError::WaitedFor => StockError::WaitedFor.into(),
            ChoiceError::Single => Self::conflict(
                "single_seat",
                "This choice leaves a single seat free, please choose seats beside it",
            ),
        }
    }
}

/// Neighbouring seats that may be given.
#[derive(Debug, Clone)]
struct Run<'a> {
    section: i32,
    row: i32,
    seats: Vec<&'a Seat>,
}

/// Whether seats that are kept for people who need them may be given to everybody: nothing else is left to sell. `lines` are all rows.
pub fn are_opened(lines: &[Line]) -> bool {
    let mut ordinary = lines
        .iter()
        .flat_map(|line| &line.seats)
        .filter(|seat| !seat.accessible);
    ordinary.all(|seat| seat.state == State::Sold)
}

/// How many seats of all rows are free and how many are held, of those that somebody might get.
pub fn left(lines: &[Line], accessible: bool) -> (u32, u32) {
    let any = accessible || are_opened(lines);
    let count = |state: State| {
        let seats = lines.iter().flat_map(|line| &line.seats);
        let seats = seats.filter(|seat| seat.state == state && (any || !seat.accessible));
        u32::try_from(seats.count()).unwrap_or(u32::MAX)
    };
    (count(State::Free), count(State::Held))
}

/// Seats that may be given, in runs of neighbours. Those in `given` count as free.
fn runs<'a>(lines: &'a [Line], any: bool, given: &HashSet<SeatNumber>) -> Vec<Run<'a>> {
    runs_of(lines, |seat| {
        (seat.state == State::Free || given.contains(&seat.number)) && (any || !seat.accessible)
    })
}

/// Seats of which something is true, in runs of neighbours.
fn runs_of<'a>(lines: &'a [Line], is_one: impl Fn(&Seat) -> bool) -> Vec<Run<'a>> {
    let mut runs: Vec<Run<'a>> = Vec::new();
    for line in lines {
        let mut last = None;
        for seat in &line.seats {
            if !is_one(seat) {
                last = None;
                continue;
            }
            match (runs.last_mut(), last) {
                (Some(run), Some(place)) if place + 1 == seat.place => run.seats.push(seat),
                _ => runs.push(Run {
                    section: line.section,
                    row: line.row,
                    seats: vec![seat],
                }),
            }
            last = Some(seat.place);
        }
    }
    runs
}

/// Seats of which one may be given with the others.
struct Candidate {
    run: usize,
    first: usize,
    /// Seats of it that are for people who need them and would be missed, if such are wanted.
    missing: usize,
    cost: i32,
}

/// The best seats of all rows that can be had together, or a sensible division of the group; `None` if there are not enough. `pick`
/// draws a number below the one it is given.
pub fn best(lines: &[Line], wish: Wish, pick: &mut dyn FnMut(u32) -> u32) -> Option<Vec<SeatNumber>> {
    let quantity = usize::try_from(wish.quantity)
        .ok()
        .filter(|quantity| *quantity > 0)?;
    let runs = runs(lines, wish.accessible || are_opened(lines), &HashSet::new());
    let chosen = together(&runs, quantity, wish, pick).or_else(|| divided(&runs, quantity, wish, pick))?;
    let mut numbers: Vec<SeatNumber> = chosen.iter().map(|seat| seat.number).collect();
    numbers.sort_unstable();
    Some(numbers)
}

/// The best seats that can be had together, by a look at some; `None` if others might be better, or if it takes seats for people who
/// need them or a division of the group.
///
/// `reach` is the least cost of a seat that is free and was not seen, or that was seen only because it is beside others. Those with less
/// were seen, with all runs of this many neighbours that they are in, and two seats more at each end.
pub fn best_near(
    lines: &[Line],
    reach: i32,
    wish: Wish,
    pick: &mut dyn FnMut(u32) -> u32,
) -> Option<Vec<SeatNumber>> {
    let quantity = usize::try_from(wish.quantity)
        .ok()
        .filter(|quantity| *quantity > 0)?;
    let runs = runs(lines, false, &HashSet::new());
    let mut found = candidates(&runs, quantity, wish, !wish.no_singles);
    // Without a seat of less than `reach` no run costs less on average.
    found.retain(|candidate| candidate.cost <= reach);
    let chosen = draw_best(&runs, found, quantity, wish, pick)?;
    Some(chosen.iter().map(|seat| seat.number).collect())
}

/// Seats with which some of those that somebody has already are neighbours without a gap: as many of them as can be, at the best
/// place; `None` if there are not so many in a row, or one would be left alone that must not be. `lines` are the rows of those
/// seats, and `are_opened` says whether seats for people who need them may be given to everybody.
pub fn beside(lines: &[Line], are_opened: bool, own: &[SeatNumber], wish: Wish) -> Option<Vec<SeatNumber>> {
    let quantity = usize::try_from(wish.quantity).ok()?;
    let own: HashSet<SeatNumber> = own.iter().copied().collect();
    let is_own = |seat: &Seat| own.contains(&seat.number);
    let any = wish.accessible || are_opened;
    let runs = runs_of(lines, |seat| {
        is_own(seat) || seat.state == State::Free && (any || !seat.accessible)
    });
    let mut found: Vec<(usize, usize, Vec<&Seat>)> = Vec::new();
    for run in &runs {
        for first in 0..run.seats.len() {
            let (mut more, mut with) = (Vec::with_capacity(quantity), 0);
            for (last, seat) in run.seats.iter().enumerate().skip(first) {
                if is_own(seat) {
                    with += 1;
                } else {
                    more.push(*seat);
                }
                if more.len() > quantity {
                    break;
                }
                let is_tidy = !wish.no_singles || wish.accessible || !leaves_alone(run, first, last, is_own);
                let accessible = more.iter().filter(|seat| seat.accessible).count();
                if more.len() == quantity && with > 0 && is_tidy && (!wish.accessible || accessible > 0) {
                    let missing = if wish.accessible { quantity - accessible } else { 0 };
                    found.push((missing, with, more.clone()));
                }
            }
        }
    }
    let rank = |(missing, with, more): &(usize, usize, Vec<&Seat>)| (*missing, Reverse(*with), mean(more));
    let (_, _, best) = found.into_iter().min_by_key(rank)?;
    Some(best.iter().map(|seat| seat.number).collect())
}

/// Whether a seat beside a part of a run stands alone once that part is taken, and did not before.
fn leaves_alone(run: &Run<'_>, first: usize, last: usize, is_own: impl Fn(&Seat) -> bool) -> bool {
    let is_free = |at: Option<usize>| {
        let seat = at.and_then(|at| run.seats.get(at));
        seat.is_some_and(|seat| !is_own(seat))
    };
    let before = is_free(first.checked_sub(1)) && !is_free(first.checked_sub(2)) && is_free(Some(first));
    let after = is_free(Some(last + 1)) && !is_free(Some(last + 2)) && is_free(Some(last));
    before || after
}

fn together<'a>(
    runs: &[Run<'a>],
    quantity: usize,
    wish: Wish,
    pick: &mut dyn FnMut(u32) -> u32,
) -> Option<Vec<&'a Seat>> {
    // Whoever needs a certain seat does not have to fit into the rest.
    let may_leave = !wish.no_singles || wish.accessible;
    let mut found = candidates(runs, quantity, wish, may_leave);
    if found.is_empty() && !may_leave {
        found = candidates(runs, quantity, wish, true);
    }
    draw_best(runs, found, quantity, wish, pick)
}

/// So many neighbours, wherever they are.
fn candidates(runs: &[Run<'_>], quantity: usize, wish: Wish, may_leave: bool) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (number, run) in runs.iter().enumerate() {
        for (first, window) in run.seats.windows(quantity).enumerate() {
            let after = run.seats.len() - quantity - first;
            if !may_leave && (first == 1 || after == 1) {
                continue;
            }
            let accessible = window.iter().filter(|seat| seat.accessible).count();
            if wish.accessible && accessible == 0 {
                continue;
            }
            let missing = if wish.accessible { quantity - accessible } else { 0 };
            found.push(Candidate {
                run: number,
                first,
                missing,
                cost: mean(window),
            });
        }
    }
    found
}

/// One of those that are about as good as the best.
fn draw_best<'a>(
    runs: &[Run<'a>],
    mut found: Vec<Candidate>,
    quantity: usize,
    wish: Wish,
    pick: &mut dyn FnMut(u32) -> u32,
) -> Option<Vec<&'a Seat>> {
    let missing = found.iter().map(|candidate| candidate.missing).min()?;
    found.retain(|candidate| candidate.missing == missing);
    let least = found.iter().map(|candidate| candidate.cost).min()?;
    found.retain(|candidate| candidate.cost <= least.saturating_add(wish.tolerance));
    // The best first, for whoever draws that.
    found.sort_by_key(|candidate| candidate.cost);
    let drawn = draw(&found, pick)?;
    let seats = runs
        .get(drawn.run)?
        .seats
        .get(drawn.first..drawn.first + quantity)?;
    Some(seats.to_vec())
}

fn draw<'a, T>(from: &'a [T], pick: &mut dyn FnMut(u32) -> u32) -> Option<&'a T> {
    let count = u32::try_from(from.len()).ok().filter(|count| *count > 0)?;
    from.get(usize::try_from(pick(count)).ok()?)
}

fn mean(seats: &[&Seat]) -> i32 {
    let sum: i64 = seats.iter().map(|seat| i64::from(seat.cost)).sum();
    let count = i64::try_from(seats.len()).unwrap_or(i64::MAX).max(1);
    i32::try_from(sum / count).unwrap_or(i32::MAX)
}

/// Most rows beside each other that are looked at for a divided group, before the whole section is.
const SPANS: [i32; 5] = [1, 2, 3, 5, 8];

/// How many are alone, in how many parts the group is and how far from the best; and its seats.
type Division<'a> = ((usize, usize, i32), Vec<&'a Seat>);

/// Divides a group that does not fit anywhere: among neighbouring rows of a section, else within a section, else anywhere. As few
/// parts as can be, and nobody alone if that can be avoided.
fn divided<'a>(
    runs: &[Run<'a>],
    quantity: usize,
    wish: Wish,
    pick: &mut dyn FnMut(u32) -> u32,
) -> Option<Vec<&'a Seat>> {
    let is_enough = |runs: &[&Run<'a>]| runs.iter().map(|run| run.seats.len()).sum::<usize>() >= quantity;
    let has_wanted = |seats: &[&Seat]| !wish.accessible || seats.iter().any(|seat| seat.accessible);
    let mut found: Vec<Division<'a>> = Vec::new();
    let consider = |chosen: &[&Run<'a>], found: &mut Vec<_>| {
        if !is_enough(chosen) {
            return;
        }
        if let Some((parts, alone, seats)) = divide(chosen, quantity, wish.accessible)
            && has_wanted(&seats)
        {
            found.push(((alone, parts, mean(&seats)), seats));
        }
    };
    for span in SPANS.into_iter().map(Some).chain([None]) {
        let mut tried = HashSet::new();
        for run in runs {
            if !tried.insert((run.section, span.map(|_| run.row))) {
                continue;
            }
            let within = |other: &&Run<'a>| {
                other.section == run.section
                    && span.is_none_or(|span| (run.row..run.row + span).contains(&other.row))
            };
            let chosen: Vec<&Run<'a>> = runs.iter().filter(within).collect();
            consider(&chosen, &mut found);
        }
        if !found.is_empty() {
            break;
        }
    }
    if found.is_empty() {
        consider(&runs.iter().collect::<Vec<_>>(), &mut found);
    }
    let best = found.iter().map(|(rank, _)| *rank).min()?;
    let good = |(alone, parts, cost): (usize, usize, i32)| {
        (alone, parts) == (best.0, best.1) && cost <= best.2.saturating_add(wish.tolerance)
    };
    found.retain(|(rank, _)| good(*rank));
    draw(&found, pick).map(|(_, seats)| seats.clone())
}

/// Takes a group from runs that have enough together, the longest first. Returns the number of parts, how many of them are a
/// single seat, and the seats.
fn divide<'a>(runs: &[&Run<'a>], quantity: usize, accessible: bool) -> Option<(usize, usize, Vec<&'a Seat>)> {
    let mut sorted: Vec<&Run<'a>> = runs.to_vec();
    let wanted = |run: &Run<'a>| accessible && run.seats.iter().any(|seat| seat.accessible);
    sorted.sort_by_key(|run| (Reverse(wanted(run)), Reverse(run.seats.len()), mean(&run.seats)));
    let (mut left, mut parts, mut alone) = (quantity, 0, 0);
    let mut seats = Vec::with_capacity(quantity);
    for (number, run) in sorted.iter().enumerate() {
        if left == 0 {
            break;
        }
        let mut take = run.seats.len().min(left);
        let next = sorted.get(number + 1).map_or(0, |run| run.seats.len());
        // Two more seats beside each other somewhere else, rather than one.
        if left - take == 1 && take > 2 && next >= 2 {
            take -= 1;
        }
        let windows = run.seats.windows(take);
        let best = windows.min_by_key(|window| {
            let missing = window.iter().filter(|seat| !seat.accessible).count();
            (if accessible { missing } else { 0 }, mean(window))
        })?;
        seats.extend_from_slice(best);
        parts += 1;
        alone += usize::from(take == 1);
        left -= take;
    }
    (left == 0).then_some((parts, alone, seats))
}

/// Seats that somebody chose.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'a> {
    /// Which.
    pub seats: &'a [SeatNumber],
    /// Which the same buyer has already: together with the chosen ones they leave or do not leave a single seat.
    pub own: &'a [SeatNumber],
    /// Whether seats for people who need them are asked for.
    pub accessible: bool,
    /// Whether no single seat may be left free between others.
    pub no_singles: bool,
}

impl Choice<'_> {
    /// Whether it may be taken. `are_opened` says whether seats for people who need them may be given to everybody. The rows of the
    /// chosen seats and of the buyer's own are enough, unless the choice leaves a single seat: then all rows say whether others could
    /// be chosen without.
    ///
    /// # Errors
    /// Why not.
    pub fn check(self, lines: &[Line], are_opened: bool) -> Result<(), ChoiceError> {
        let mut missing: HashSet<SeatNumber> = self.seats.iter().copied().collect();
        for seat in lines.iter().flat_map(|line| &line.seats) {
            if !missing.remove(&seat.number) {
                continue;
            }
            if seat.state != State::Free {
                return Err(ChoiceError::Taken(seat.number));
            }
            if seat.accessible && !self.accessible && !are_opened {
                return Err(ChoiceError::Accessible);
            }
        }
        if let Some(unknown) = missing.into_iter().min() {
            return Err(ChoiceError::Unknown(unknown));
        }
        if self.leaves_single(lines, are_opened) {
            // With what the buyer has already, so many seats could be had without leaving one.
            let count = self.seats.len() + self.own.len();
            let own = self.own.iter().copied().collect();
            if runs(lines, are_opened, &own)
                .iter()
                .any(|run| run.seats.len() == count || run.seats.len() >= count + 2)
            {
                return Err(ChoiceError::Single);
            }
        }
        Ok(())
    }

    /// Whether there is a rule against it, and a seat stands alone after the choice that did not before.
    pub fn leaves_single(self, lines: &[Line], are_opened: bool) -> bool {
        if !self.no_singles || self.accessible {
            return false;
        }
        let wanted: HashSet<SeatNumber> = self.seats.iter().copied().collect();
        let own: HashSet<SeatNumber> = self.own.iter().copied().collect();
        let mine = |seat: &Seat| wanted.contains(&seat.number) || own.contains(&seat.number);
        runs(lines, are_opened, &own).iter().any(|run| {
            let rest = run.seats.split(|seat| mine(seat));
            run.seats.iter().any(|seat| wanted.contains(&seat.number))
                && rest.into_iter().any(|rest| rest.len() == 1)
        })
    }
}

#[cfg(test)]
mod tests;
