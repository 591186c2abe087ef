//! Seat maps of houses: sections that sell nothing until an event says which of its tickets each of them sells.

use crate::{FieldError, TicketTypeId, seat_map};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Checks the sections of a house, which are those of a seat map without `ticketId`. Returns how many seats they have.
///
/// # Errors
/// Every fault with its path.
pub fn check(sections: &Value) -> Result<u32, Vec<FieldError>> {
    let mut sold = sections.clone();
    let mut problems = Vec::new();
    for (number, section) in sold.as_array_mut().into_iter().flatten().enumerate() {
        if let Some(fields) = section.as_object_mut()
            && fields.insert("ticketId".to_owned(), Value::from(1)).is_some()
        {
            let path = format!("sections[{number}].ticketId");
            let message = format!("{path}: is not allowed");
            problems.push(FieldError { field: path, message });
        }
    }
    match seat_map::read(sold) {
        Ok(sections) if problems.is_empty() => {
            let rows = sections.iter().flat_map(|section| &section.rows);
            Ok(u32::try_from(rows.map(|row| row.seats.len()).sum::<usize>()).unwrap_or(u32::MAX))
        }
        Ok(_) => Err(problems),
        Err(mut others) => {
            problems.append(&mut others);
            Err(problems)
        }
    }
}

/// Which ticket each section sells, by the name of the section.
pub type Tickets = BTreeMap<String, TicketTypeId>;

/// The sections of a house as an event sells them.
///
/// # Errors
/// A section for which no ticket is named, or a name that no section has.
pub fn sell(mut sections: Value, tickets: &Tickets) -> Result<Value, FieldError> {
    let refused = |name: &str, problem: &str| {
        let field = format!("tickets.{name}");
        let message = format!("{field}: {problem}");
        FieldError { field, message }
    };
    let mut unused = tickets.clone();
    for section in sections.as_array_mut().into_iter().flatten() {
        let Some(fields) = section.as_object_mut() else {
            continue;
        };
        let name = name_of(fields);
        let ticket = unused
            .remove(&name)
            .ok_or_else(|| refused(&name, "is required"))?;
        fields.insert("ticketId".to_owned(), Value::from(ticket.get()));
    }
    match unused.keys().next() {
        None => Ok(sections),
        Some(name) => Err(refused(name, "is no section of the venue")),
    }
}

/// What a section is called; a number is a name, too.
fn name_of(section: &Map<String, Value>) -> String {
    match section.get("name") {
        Some(Value::String(name)) => name.trim().to_owned(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn house() -> Value {
        json!([
            {"name": "Floor", "rows": [{"label": "A", "seats": [{"from": 1, "to": 4}]}]},
            {"name": "Balcony", "rows": [{"label": "A", "seats": [{"from": 1, "to": 2}]}]},
        ])
    }

    fn tickets(named: &[(&str, i64)]) -> Tickets {
        let named = named.iter();
        named
            .map(|(name, id)| ((*name).to_owned(), TicketTypeId::new(*id)))
            .collect()
    }

    fn paths(problems: Vec<FieldError>) -> Vec<String> {
        problems.into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn a_house_is_a_map_without_tickets() {
        assert_eq!(check(&house()), Ok(6));
        let mut wrong = house();
        wrong[0]["ticketId"] = json!(3);
        wrong[1]["rows"][0]["seats"] = json!([]);
        assert_eq!(
            paths(check(&wrong).unwrap_err()),
            ["sections[0].ticketId", "sections[1].rows[0].seats"]
        );
        for no_map in [json!(null), json!([]), json!("Floor"), json!([1])] {
            assert!(check(&no_map).is_err(), "{no_map}");
        }
    }

    #[test]
    fn an_event_sells_every_section_of_its_house() {
        let sold = sell(house(), &tickets(&[("Floor", 7), ("Balcony", 8)])).unwrap();
        let sections = seat_map::read(sold).unwrap();
        let sells: Vec<_> = sections.iter().map(|section| section.ticket.get()).collect();
        assert_eq!(sells, [7, 8]);
        let refused = |named: &[(&str, i64)]| sell(house(), &tickets(named)).unwrap_err().message;
        assert_eq!(refused(&[("Floor", 7)]), "tickets.Balcony: is required");
        assert_eq!(
            refused(&[("Floor", 7), ("Balcony", 8), ("Roof", 9)]),
            "tickets.Roof: is no section of the venue"
        );
    }
}
