//! What an organizer sends, read with every fault and its path.

use super::{
    FARTHEST, MOST_PLACES, MOST_PROBLEMS, MOST_ROWS, MOST_SEATS, MOST_SECTIONS, RowLabel, SeatLabel,
    SectionName,
};
use crate::text::whole_number;
use crate::{FieldError, TicketTypeId};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// A section as it was sent.
pub(super) struct SectionDraft {
    pub(super) name: SectionName,
    pub(super) ticket: TicketTypeId,
    pub(super) x: Option<i64>,
    pub(super) y: Option<i64>,
    pub(super) rows: Vec<RowDraft>,
}

pub(super) struct RowDraft {
    pub(super) label: RowLabel,
    pub(super) x: Option<i64>,
    pub(super) y: Option<i64>,
    pub(super) seats: Vec<SeatDraft>,
    /// Places, gaps included.
    pub(super) width: i64,
}

pub(super) struct SeatDraft {
    pub(super) label: SeatLabel,
    pub(super) place: i64,
    pub(super) x: Option<i64>,
    pub(super) y: Option<i64>,
    pub(super) accessible: bool,
    pub(super) path: String,
}

#[derive(Default)]
pub(super) struct Reader {
    pub(super) problems: Vec<FieldError>,
    pub(super) seats: usize,
}

impl Reader {
    pub(super) fn refuse(&mut self, path: &str, problem: &str) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(FieldError {
                field: path.to_owned(),
                message: format!("{path}: {problem}"),
            });
        }
    }

    /// Whether enough faults were found to stop.
    fn is_full(&self) -> bool {
        self.problems.len() >= MOST_PROBLEMS
    }

    fn list(&mut self, path: &str, value: Option<Value>, most: usize) -> Vec<Value> {
        match value {
            Some(Value::Array(values)) if values.is_empty() => {
                self.refuse(path, "must not be empty");
                Vec::new()
            }
            Some(Value::Array(values)) if values.len() > most => {
                self.refuse(path, &format!("must have at most {most}"));
                Vec::new()
            }
            Some(Value::Array(values)) => values,
            None | Some(Value::Null) => {
                self.refuse(path, "is required");
                Vec::new()
            }
            Some(_) => {
                self.refuse(path, "must be a list");
                Vec::new()
            }
        }
    }

    fn object(&mut self, path: &str, value: Value) -> Option<Map<String, Value>> {
        if let Value::Object(fields) = value {
            return Some(fields);
        }
        self.refuse(path, "must be an object");
        None
    }

    fn no_others(&mut self, path: &str, fields: &Map<String, Value>) {
        for name in fields.keys() {
            let shown: String = name.chars().take(60).collect();
            self.refuse(&format!("{path}.{shown}"), "is not allowed");
        }
    }

    fn text<T>(
        &mut self,
        path: &str,
        fields: &mut Map<String, Value>,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let path = format!("{path}.{name}");
        let text = match fields.remove(name) {
            Some(Value::String(text)) => text,
            Some(Value::Number(number)) if number.is_u64() => number.to_string(),
            None => {
                self.refuse(&path, "is required");
                return None;
            }
            Some(_) => {
                self.refuse(&path, "must be a text");
                return None;
            }
        };
        parse(&text).map_err(|problem| self.refuse(&path, &problem)).ok()
    }

    fn number(
        &mut self,
        path: &str,
        fields: &mut Map<String, Value>,
        name: &str,
        within: std::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        let number = whole_number(fields.remove(name)?).ok();
        let number = number.filter(|number| within.contains(number));
        if number.is_none() {
            let (least, most) = (within.start(), within.end());
            let problem = format!("must be a whole number from {least} to {most}");
            self.refuse(&format!("{path}.{name}"), &problem);
        }
        number
    }

    /// A length in seats, in hundredths.
    fn length(&mut self, path: &str, fields: &mut Map<String, Value>, name: &str) -> Option<i64> {
        let value = fields.remove(name)?;
        match value.as_f64() {
            Some(length) if length.abs() <= FARTHEST => Some((length * 100.0).round() as i64),
            _ => {
                let problem = format!("must be a number from -{FARTHEST} to {FARTHEST}");
                self.refuse(&format!("{path}.{name}"), &problem);
                None
            }
        }
    }

    fn flag(&mut self, path: &str, fields: &mut Map<String, Value>, name: &str) -> bool {
        match fields.remove(name) {
            None => false,
            Some(Value::Bool(flag)) => flag,
            Some(_) => {
                self.refuse(&format!("{path}.{name}"), "must be true or false");
                false
            }
        }
    }

    pub(super) fn sections(&mut self, value: Value) -> Vec<SectionDraft> {
        let mut names = HashSet::new();
        let mut drafts = Vec::new();
        let values = self.list("sections", Some(value), MOST_SECTIONS);
        for (number, value) in values.into_iter().enumerate() {
            if self.is_full() {
                break;
            }
            let path = format!("sections[{number}]");
            let Some(mut fields) = self.object(&path, value) else {
                continue;
            };
            let name = self.text(&path, &mut fields, "name", SectionName::parse);
            let ticket = self.number(&path, &mut fields, "ticketId", 1..=i64::MAX);
            if ticket.is_none() && self.problems.is_empty() {
                self.refuse(&format!("{path}.ticketId"), "is required");
            }
            let (x, y) = (
                self.length(&path, &mut fields, "x"),
                self.length(&path, &mut fields, "y"),
            );
            let rows = self.rows(&path, fields.remove("rows"));
            self.no_others(&path, &fields);
            if let Some(name) = &name
                && !names.insert(name.as_str().to_owned())
            {
                self.refuse(&format!("{path}.name"), "used twice");
            }
            if let (Some(name), Some(ticket)) = (name, ticket) {
                let ticket = TicketTypeId::new(ticket);
                drafts.push(SectionDraft {
                    name,
                    ticket,
                    x,
                    y,
                    rows,
                });
            }
        }
        drafts
    }

    fn rows(&mut self, section: &str, value: Option<Value>) -> Vec<RowDraft> {
        let mut labels = HashSet::new();
        let mut drafts = Vec::new();
        let values = self.list(&format!("{section}.rows"), value, MOST_ROWS);
        for (number, value) in values.into_iter().enumerate() {
            if self.is_full() {
                break;
            }
            let path = format!("{section}.rows[{number}]");
            let Some(mut fields) = self.object(&path, value) else {
                continue;
            };
            let label = self.text(&path, &mut fields, "label", RowLabel::parse);
            let (x, y) = (
                self.length(&path, &mut fields, "x"),
                self.length(&path, &mut fields, "y"),
            );
            let (seats, width) = self.seats(&path, fields.remove("seats"));
            self.no_others(&path, &fields);
            if let Some(label) = label {
                if !labels.insert(label.as_str().to_owned()) {
                    self.refuse(&format!("{path}.label"), "used twice");
                }
                drafts.push(RowDraft {
                    label,
                    x,
                    y,
                    seats,
                    width,
                });
            }
        }
        drafts
    }

    /// The seats of a row and how many places they take.
    fn seats(&mut self, row: &str, value: Option<Value>) -> (Vec<SeatDraft>, i64) {
        let list = format!("{row}.seats");
        let mut seats = Vec::new();
        let mut labels = HashSet::new();
        let mut place = 0;
        // A row is a list of seats, ranges and gaps.
        let most = usize::try_from(MOST_PLACES).unwrap_or(usize::MAX);
        for (number, value) in self.list(&list, value, most).into_iter().enumerate() {
            if self.is_full() {
                break;
            }
            let path = format!("{list}[{number}]");
            let Some(mut fields) = self.object(&path, value) else {
                continue;
            };
            if fields.contains_key("gap") {
                place += self.number(&path, &mut fields, "gap", 1..=50).unwrap_or(1);
                self.no_others(&path, &fields);
                continue;
            }
            let accessible = self.flag(&path, &mut fields, "accessible");
            let before = seats.len();
            if fields.contains_key("from") || fields.contains_key("to") {
                for label in self.range(&path, &mut fields) {
                    let draft = SeatDraft {
                        label,
                        place,
                        x: None,
                        y: None,
                        accessible,
                        path: path.clone(),
                    };
                    place += 1;
                    seats.push(draft);
                }
            } else {
                let (x, y) = (
                    self.length(&path, &mut fields, "x"),
                    self.length(&path, &mut fields, "y"),
                );
                if let Some(label) = self.text(&path, &mut fields, "label", SeatLabel::parse) {
                    let path = path.clone();
                    seats.push(SeatDraft {
                        label,
                        place,
                        x,
                        y,
                        accessible,
                        path,
                    });
                    place += 1;
                }
            }
            self.no_others(&path, &fields);
            let twice = seats.get(before..).unwrap_or_default().iter();
            let twice = twice.filter(|seat| !labels.insert(seat.label.as_str().to_owned()));
            if let Some(seat) = twice.last() {
                let problem = format!("used twice: {}", seat.label.as_str());
                let at = if seats.len() - before == 1 { ".label" } else { "" };
                let problem = if at.is_empty() {
                    problem.as_str()
                } else {
                    "used twice"
                };
                self.refuse(&format!("{path}{at}"), problem);
            }
        }
        if place > MOST_PLACES {
            self.refuse(&list, &format!("must have at most {MOST_PLACES} places"));
        }
        if seats.is_empty() && self.problems.is_empty() {
            self.refuse(&list, "must hold a seat");
        }
        let was_within = self.seats <= MOST_SEATS;
        self.seats += seats.len();
        if was_within && self.seats > MOST_SEATS {
            self.refuse(
                "sections",
                &format!("must have at most {MOST_SEATS} seats in all"),
            );
        }
        (seats, place)
    }

    /// The labels of a range.
    fn range(&mut self, path: &str, fields: &mut Map<String, Value>) -> Vec<SeatLabel> {
        let missing = ["from", "to"]
            .into_iter()
            .find(|name| !fields.contains_key(*name));
        if let Some(name) = missing {
            fields.clear();
            self.refuse(&format!("{path}.{name}"), "is required");
            return Vec::new();
        }
        let from = self.number(path, fields, "from", 0..=9_999);
        let to = self.number(path, fields, "to", 0..=9_999);
        let step = match fields.contains_key("step") {
            true => self.number(path, fields, "step", 1..=10),
            false => Some(1),
        };
        let (Some(from), Some(to), Some(step)) = (from, to, step) else {
            return Vec::new();
        };
        let count = (from - to).abs() / step + 1;
        if count > MOST_PLACES {
            self.refuse(path, &format!("must have at most {MOST_PLACES} seats"));
            return Vec::new();
        }
        let direction = if from <= to { step } else { -step };
        (0..count)
            .filter_map(|number| SeatLabel::parse(&(from + number * direction).to_string()).ok())
            .collect()
    }
}
