//! Seat maps: what an organizer sends is read, every fault is told with its path, and every seat gets its place.
//!
//! Lengths are in seats: two neighbours are 1 apart. They are kept in hundredths of that.

mod reader;

use crate::text::texts;
use crate::{FieldError, TicketTypeId};
use reader::{Reader, SeatDraft, SectionDraft};
use serde_json::Value;
use std::collections::HashSet;

/// Most seats of a map.
pub const MOST_SEATS: usize = 20_000;
/// Most sections of a map.
const MOST_SECTIONS: usize = 100;
/// Most rows of a section.
const MOST_ROWS: usize = 200;
/// Most places of a row, gaps included.
const MOST_PLACES: i64 = 400;
/// Most faults that are told at once.
const MOST_PROBLEMS: usize = 20;
/// Farthest that anything lies from the corner of its section, in seats.
const FARTHEST: f64 = 2_000.0;
/// Hundredths of the width of a seat.
const UNIT: i64 = 100;
/// Between two sections that say nothing of where they are.
const BETWEEN_SECTIONS: i64 = 2 * UNIT;
/// Two seats that are closer than that lie upon each other.
const NARROWEST: i32 = 50;

texts! {
    /// What a section is called.
    SectionName: 1..=60, "must not be empty";
    /// What a row is called, such as `A`.
    RowLabel: 1..=10, "must not be empty";
    /// What stands on a seat, such as `12`.
    SeatLabel: 1..=10, "must not be empty";
    /// What stands on the stage of a map.
    StageName: 1..=40, "must not be empty";
}

/// A section with its rows, the nearest to the stage first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What it is called.
    pub name: SectionName,
    /// What is sold there; its price is that of every seat.
    pub ticket: TicketTypeId,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// A row with its seats, from one end to the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it is called.
    pub label: RowLabel,
    /// Its seats.
    pub seats: Vec<Seat>,
}

/// A seat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// What stands on it.
    pub label: SeatLabel,
    /// Neighbours have places that differ by one; a gap makes them differ by more.
    pub place: i32,
    /// Hundredths from the left edge of the map.
    pub x: i32,
    /// Hundredths from the upper edge of the map, where the stage is.
    pub y: i32,
    /// How far from the best seats of the map: its distance to the front, and half of that to the middle of its row.
    pub cost: i32,
    /// Whether it is kept for people who need it.
    pub accessible: bool,
}

/// Reads the sections of a map.
///
/// # Errors
/// Every fault with its path, at most 20 of them.
pub fn read(sections: Value) -> Result<Vec<Section>, Vec<FieldError>> {
    let mut reader = Reader::default();
    let drafts = reader.sections(sections);
    if reader.problems.is_empty() {
        let (sections, overlap) = place(drafts);
        if let Some(path) = overlap {
            reader.refuse(&path, "lies upon another seat");
        }
        if reader.problems.is_empty() {
            return Ok(sections);
        }
    }
    reader.problems.truncate(MOST_PROBLEMS);
    Err(reader.problems)
}

/// Gives every seat its place on the map and its cost. Also the path of a seat that lies upon another.
fn place(drafts: Vec<SectionDraft>) -> (Vec<Section>, Option<String>) {
    let mut bottom = 0;
    let mut placed = Vec::new();
    for section in drafts {
        let (left, top) = (section.x.unwrap_or(0), section.y.unwrap_or(bottom));
        let mut rows = Vec::new();
        for (row, number) in section.rows.into_iter().zip(0..) {
            // Rows that say nothing are centred over each other.
            let begin = left + row.x.unwrap_or(-(row.width - 1) * UNIT / 2);
            let line = top + row.y.unwrap_or(number * UNIT);
            let at = |seat: &SeatDraft| {
                let x = seat.x.map_or(begin + seat.place * UNIT, |x| left + x);
                (x, seat.y.map_or(line, |y| top + y))
            };
            let places: Vec<(i64, i64)> = row.seats.iter().map(at).collect();
            bottom = places
                .iter()
                .map(|(_, y)| y + UNIT + BETWEEN_SECTIONS)
                .fold(bottom, i64::max);
            rows.push((row.label, row.seats, places));
        }
        placed.push((section.name, section.ticket, rows));
    }
    let all = || {
        placed
            .iter()
            .flat_map(|(_, _, rows)| rows)
            .flat_map(|(_, _, places)| places)
    };
    let least_x = all().map(|(x, _)| *x).min().unwrap_or(0);
    let least_y = all().map(|(_, y)| *y).min().unwrap_or(0);
    let mut taken = HashSet::new();
    let mut overlap = None;
    let sections = placed.into_iter().map(|(name, ticket, rows)| {
        let rows = rows.into_iter().map(|(label, seats, places)| {
            let ends = places.iter().map(|(x, _)| *x);
            let middle = (ends.clone().min().unwrap_or(0) + ends.max().unwrap_or(0)) / 2;
            let seats = seats.into_iter().zip(places).map(|(seat, (x, y))| {
                let place = Seat {
                    label: seat.label,
                    place: small(seat.place),
                    x: small(x - least_x),
                    y: small(y - least_y),
                    cost: small((y - least_y) + (x - middle).abs() / 2),
                    accessible: seat.accessible,
                };
                let cell = (place.x / NARROWEST, place.y / NARROWEST);
                if !taken.insert(cell) && overlap.is_none() {
                    overlap = Some(seat.path);
                }
                place
            });
            Row {
                label,
                seats: seats.collect(),
            }
        });
        Section {
            name,
            ticket,
            rows: rows.collect(),
        }
    });
    (sections.collect(), overlap)
}

/// Everything lies within a few thousand seats of everything else.
fn small(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problems(sections: Value) -> Vec<String> {
        let problems = read(sections).expect_err("it is wrong");
        problems.into_iter().map(|problem| problem.message).collect()
    }

    #[expect(clippy::needless_pass_by_value, reason = "it is written where it is used")]
    fn row(seats: Value) -> Value {
        json!([{"name": "Floor", "ticketId": 7, "rows": [{"label": "A", "seats": seats}]}])
    }

    #[test]
    fn ranges_gaps_and_single_seats_make_a_row() {
        let sections = read(row(json!([
            {"from": 5, "to": 1, "step": 2}, {"gap": 2}, {"label": "W", "accessible": true},
        ])));
        let sections = sections.unwrap();
        let seats = &sections[0].rows[0].seats;
        let seen: Vec<_> = seats
            .iter()
            .map(|seat| (seat.label.as_str(), seat.place, seat.x, seat.accessible))
            .collect();
        assert_eq!(
            seen,
            [
                ("5", 0, 0, false),
                ("3", 1, 100, false),
                ("1", 2, 200, false),
                ("W", 5, 500, true)
            ]
        );
        assert_eq!(sections[0].ticket, TicketTypeId::new(7));
    }

    #[test]
    fn rows_are_centred_one_behind_the_other_and_the_middle_of_the_front_is_best() {
        let rows = json!([
            {"label": "A", "seats": [{"from": 1, "to": 3}]},
            {"label": "B", "seats": [{"from": 1, "to": 5}]},
        ]);
        let sections = read(json!([
            {"name": "Floor", "ticketId": 7, "rows": rows},
            {"name": "Balcony", "ticketId": 8, "rows": [{"label": "A", "seats": [{"label": "1"}]}]},
        ]));
        let sections = sections.unwrap();
        let at = |row: usize| -> Vec<(i32, i32, i32)> {
            let seats = sections[0].rows[row].seats.iter();
            seats.map(|seat| (seat.x, seat.y, seat.cost)).collect()
        };
        assert_eq!(at(0), [(100, 0, 50), (200, 0, 0), (300, 0, 50)]);
        assert_eq!(at(1)[0], (0, 100, 200));
        let balcony = &sections[1].rows[0].seats[0];
        assert_eq!((balcony.x, balcony.y), (200, 400));
    }

    #[test]
    fn what_is_said_of_places_is_kept() {
        let sections = read(json!([{"name": "Arc", "ticketId": 7, "x": 10, "y": 5, "rows": [
            {"label": "A", "seats": [{"label": "1", "x": 0, "y": 1.5}, {"label": "2", "x": 1, "y": 1.25}]},
            {"label": "B", "x": -2, "y": 4, "seats": [{"from": 1, "to": 2}]},
        ]}]));
        let sections = sections.unwrap();
        let places: Vec<(i32, i32)> = sections[0]
            .rows
            .iter()
            .flat_map(|row| row.seats.iter().map(|seat| (seat.x, seat.y)))
            .collect();
        assert_eq!(places, [(200, 25), (300, 0), (0, 275), (100, 275)]);
    }

    #[test]
    fn faults_are_told_with_their_paths() {
        assert_eq!(
            problems(row(json!([{"from": 1, "to": 3}, {"label": "4"}, {"label": 2}]))),
            ["sections[0].rows[0].seats[2].label: used twice"]
        );
        assert_eq!(
            problems(row(json!([{"label": "2"}, {"from": 1, "to": 3}]))),
            ["sections[0].rows[0].seats[1]: used twice: 2"]
        );
        assert_eq!(
            problems(json!([
                {"name": "", "ticketId": "x", "rows": 3, "colour": "red"},
                7,
                {"name": "B", "ticketId": 1, "rows": [{"label": "A"}, {"seats": [{"label": "1", "acessible": true}, {"gap": 0}]}]},
            ])),
            [
                "sections[0].name: must not be empty",
                "sections[0].ticketId: must be a whole number from 1 to 9223372036854775807",
                "sections[0].rows: must be a list",
                "sections[0].colour: is not allowed",
                "sections[1]: must be an object",
                "sections[2].rows[0].seats: is required",
                "sections[2].rows[1].label: is required",
                "sections[2].rows[1].seats[0].acessible: is not allowed",
                "sections[2].rows[1].seats[1].gap: must be a whole number from 1 to 50",
            ]
        );
        assert_eq!(problems(json!([])), ["sections: must not be empty"]);
        assert_eq!(problems(json!({})), ["sections: must be a list"]);
        assert_eq!(
            problems(json!([{"name": "A", "rows": [{"label": "A", "seats": [{"label": "1"}]}]}])),
            ["sections[0].ticketId: is required"]
        );
        assert_eq!(
            problems(row(json!([{"from": 1}]))),
            ["sections[0].rows[0].seats[0].to: is required"]
        );
    }

    #[test]
    fn names_and_labels_are_used_once() {
        let one = json!([{"label": "1"}]);
        assert_eq!(
            problems(json!([
                {"name": "A", "ticketId": 1, "rows": [{"label": "A", "seats": one}, {"label": "A", "seats": one}]},
                {"name": " A ", "ticketId": 1, "rows": [{"label": "A", "seats": one}]},
            ])),
            [
                "sections[0].rows[1].label: used twice",
                "sections[1].name: used twice"
            ]
        );
    }

    #[test]
    fn everything_has_a_limit() {
        let wide = json!([{"from": 1, "to": 400}]);
        assert!(read(row(wide.clone())).is_ok());
        assert_eq!(
            problems(row(json!([{"from": 1, "to": 401}]))),
            ["sections[0].rows[0].seats[0]: must have at most 400 seats"]
        );
        assert_eq!(
            problems(row(json!([{"from": 1, "to": 400}, {"label": "X"}]))),
            ["sections[0].rows[0].seats: must have at most 400 places"]
        );
        let rows: Vec<Value> = (0..51).map(|row| json!({"label": row, "seats": wide})).collect();
        assert_eq!(
            problems(json!([{"name": "A", "ticketId": 1, "rows": rows}])),
            ["sections: must have at most 20000 seats in all"]
        );
        assert!(read(json!([{"name": "A", "ticketId": 1, "rows": rows[..50]}])).is_ok());
        let many: Vec<Value> = (0..200).map(|_| json!(1)).collect();
        assert_eq!(
            problems(json!([{"name": "A", "ticketId": 1, "rows": many}])).len(),
            20
        );
        assert_eq!(
            problems(row(json!([{"label": "1", "x": 1e9}]))),
            ["sections[0].rows[0].seats[0].x: must be a number from -2000 to 2000"]
        );
    }

    #[test]
    fn two_seats_cannot_be_in_one_place() {
        assert_eq!(
            problems(row(
                json!([{"label": "1", "x": 3, "y": 0}, {"label": "2", "x": 3.2, "y": 0}])
            )),
            ["sections[0].rows[0].seats[1]: lies upon another seat"]
        );
    }
}
