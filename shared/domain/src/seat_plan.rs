//! A seat map as it stands, and its drawing: an SVG that needs no script. States differ in shape as well as in colour, the colours
//! (of Okabe and Ito) are told apart by the colour-blind, and every seat says in words what it is.

use crate::language::Language;
use crate::seating::{SeatName, SeatNumber, State};
use crate::{Rupiah, TicketTypeId};
use std::fmt::{self, Write as _};

/// A map with its rows as they stand.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What stands on the stage.
    pub stage: String,
    /// Whether no choice may leave a single seat free.
    pub no_single_seats: bool,
    /// Counts how often it was set.
    pub version: u32,
    /// Its rows, in the order of the map.
    pub rows: Vec<PlanRow>,
}

/// A row of a map.
#[derive(Debug, Clone)]
pub struct PlanRow {
    /// Number of its section.
    pub section_no: i32,
    /// What its section is called.
    pub section: String,
    /// What is sold there.
    pub ticket_type: TicketTypeId,
    /// What that is called.
    pub ticket: String,
    /// What a seat costs.
    pub price: Rupiah,
    /// What it is called.
    pub label: String,
    /// Its seats, from one end to the other.
    pub seats: Vec<PlanSeat>,
}

/// A seat of a map.
#[derive(Debug, Clone)]
pub struct PlanSeat {
    /// Its number.
    pub number: SeatNumber,
    /// What stands on it.
    pub label: String,
    /// Hundredths of the width of a seat from the left edge.
    pub x: i32,
    /// Hundredths from the upper edge.
    pub y: i32,
    /// Whether it is kept for people who need it.
    pub accessible: bool,
    /// Whose it is.
    pub state: State,
}

impl Plan {
    /// How many seats stand like that.
    pub fn count(&self, state: State) -> usize {
        let seats = self.rows.iter().flat_map(|row| &row.seats);
        seats.filter(|seat| seat.state == state).count()
    }
}

/// Width of a seat with what is between it and the next, in units of the drawing.
const PITCH: f32 = 24.0;
/// White around everything.
const MARGIN: f32 = 28.0;
/// Beside the seats, for the labels of rows.
const SIDE: f32 = 40.0;
/// Above the first row: the name of the event, the stage and the name of the first section.
const HEAD: f32 = 138.0;
/// Below the last row, for what the signs mean.
const FOOT: f32 = 96.0;
/// Narrowest drawing: what the signs mean has to fit.
const NARROWEST: f32 = 620.0;

const STYLE: &str = "\
text{font-family:'Noto Sans',Verdana,Arial,sans-serif;fill:#1b1f2a}\
.t{font-size:20px;font-weight:bold}.s{font-size:13px;font-weight:bold}.p{font-size:12px;fill:#636b7c}\
.r{font-size:10px;fill:#636b7c}.l{font-size:12px}.f{fill:#0072b2}.h{fill:#e69f00}.o{fill:#e4e6ea;stroke:#8a91a0;stroke-width:1}\
.a{fill:#009e73}.w{fill:none;stroke:#fff;stroke-width:1.6;stroke-linecap:round;stroke-linejoin:round}\
.x{fill:none;stroke:#8a91a0;stroke-width:1.4;stroke-linecap:round}";

/// Signs that are drawn again and again, around the middle of a seat. Which symbol belongs to what, see [`symbol`].
const SYMBOLS: &str = "\
<g id=\"f\"><circle class=\"f\" r=\"9\"/></g>\
<g id=\"h\"><circle class=\"h\" r=\"9\"/><circle r=\"3.2\" fill=\"#fff\"/></g>\
<g id=\"s\"><circle class=\"o\" r=\"8.5\"/><path class=\"x\" d=\"M-3-3 3 3M3-3-3 3\"/></g>\
<g id=\"fa\"><rect class=\"a\" x=\"-9.5\" y=\"-9.5\" width=\"19\" height=\"19\" rx=\"4\"/><use href=\"#i\"/></g>\
<g id=\"ha\"><rect class=\"h\" x=\"-9.5\" y=\"-9.5\" width=\"19\" height=\"19\" rx=\"4\"/><use href=\"#i\"/></g>\
<g id=\"sa\"><rect class=\"o\" x=\"-9\" y=\"-9\" width=\"18\" height=\"18\" rx=\"4\"/><path class=\"x\" d=\"M-3-3 3 3M3-3-3 3\"/></g>";

/// Somebody in a wheelchair.
const WHEELCHAIR: &str = "\
<g id=\"i\"><circle cx=\"-1\" cy=\"-5.6\" r=\"1.6\" fill=\"#fff\"/>\
<path class=\"w\" d=\"M-1-3v4h3.6l1.8 4.2M-1-1h3.4M-2.6 0a4 4 0 1 0 5 5.2\"/></g>";

const fn symbol(state: State, accessible: bool) -> &'static str {
    match (state, accessible) {
        (State::Free, false) => "f",
        (State::Held, false) => "h",
        (State::Sold, false) => "s",
        (State::Free, true) => "fa",
        (State::Held, true) => "ha",
        (State::Sold, true) => "sa",
    }
}

const fn words(language: Language, state: State) -> &'static str {
    match state {
        State::Free => language.pick("kosong", "free"),
        State::Held => language.pick("dipesan", "reserved"),
        State::Sold => language.pick("terjual", "sold"),
    }
}

/// Draws the map of an event.
pub fn svg(plan: &Plan, event: &str, language: Language) -> String {
    let mut svg =
        String::with_capacity(4_096 + plan.rows.iter().map(|row| row.seats.len() * 110).sum::<usize>());
    // Writing to a text cannot fail.
    let _ = draw(&mut svg, plan, event, language);
    svg
}

/// From hundredths of a seat to units of the drawing.
fn units(hundredths: i32) -> f32 {
    // Seats lie within a few thousand seats of each other.
    f32::from(i16::try_from(hundredths / 100).unwrap_or(i16::MAX)).mul_add(PITCH, fraction(hundredths))
}

fn fraction(hundredths: i32) -> f32 {
    f32::from(i16::try_from(hundredths % 100).unwrap_or(0)) * PITCH / 100.0
}

fn draw(svg: &mut String, plan: &Plan, event: &str, language: Language) -> fmt::Result {
    let seats = || plan.rows.iter().flat_map(|row| &row.seats);
    let right = units(seats().map(|seat| seat.x).max().unwrap_or(0));
    let bottom = units(seats().map(|seat| seat.y).max().unwrap_or(0));
    let width = (2.0 * (MARGIN + SIDE) + right).max(NARROWEST);
    let left = (width - right) / 2.0;
    let height = HEAD + bottom + FOOT;
    let middle = width / 2.0;
    let title = language.pick("Denah tempat duduk", "Seat map");
    let (free, held, sold) = (
        plan.count(State::Free),
        plan.count(State::Held),
        plan.count(State::Sold),
    );
    let counts = match language {
        Language::Id => format!("{free} kursi kosong, {held} dipesan, {sold} terjual"),
        Language::En => format!("{free} seats free, {held} reserved, {sold} sold"),
    };
    write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-labelledby=\"name what\" lang=\"{}\"><title id=\"name\">{title}: {}</title>\
         <desc id=\"what\">{counts}</desc><style>{STYLE}</style><defs>{WHEELCHAIR}{SYMBOLS}</defs>\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>",
        language.as_str(),
        escape(event)
    )?;
    write!(
        svg,
        "<text class=\"t\" x=\"{middle}\" y=\"34\" text-anchor=\"middle\">{}</text>\
         <text class=\"p\" x=\"{middle}\" y=\"53\" text-anchor=\"middle\">{counts}</text>",
        escape(event)
    )?;
    let stage = (right * 0.6).clamp(160.0, 900.0) / 2.0;
    write!(
        svg,
        "<path d=\"M{} 68h{}l-14 24h-{}z\" fill=\"#4b2e83\"/>\
         <text class=\"s\" x=\"{middle}\" y=\"84\" text-anchor=\"middle\" style=\"fill:#fff\">{}</text>",
        middle - stage,
        2.0 * stage,
        2.0f32.mul_add(stage, -28.0),
        escape(&plan.stage)
    )?;
    let sections = plan.rows.chunk_by(|one, next| one.section_no == next.section_no);
    for rows in sections {
        section(svg, rows, left, language)?;
    }
    legend(svg, plan, middle, HEAD + bottom + 52.0, language)?;
    svg.push_str("</svg>");
    Ok(())
}

fn section(svg: &mut String, rows: &[PlanRow], left: f32, language: Language) -> fmt::Result {
    let Some(first) = rows.first() else {
        return Ok(());
    };
    let seats = || rows.iter().flat_map(|row| &row.seats);
    let (least, most) = (
        seats().map(|seat| seat.x).min().unwrap_or(0),
        seats().map(|seat| seat.x).max().unwrap_or(0),
    );
    let top = HEAD + units(seats().map(|seat| seat.y).min().unwrap_or(0));
    let middle = left + f32::midpoint(units(least), units(most));
    let price = if first.price == Rupiah::ZERO {
        language.pick("gratis", "free of charge").to_owned()
    } else {
        first.price.to_string()
    };
    write!(
        svg,
        "<text class=\"s\" x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{} <tspan class=\"p\" font-weight=\"normal\">· {} · {}</tspan></text>",
        top - 19.0,
        escape(&first.section),
        escape(&first.ticket),
        escape(&price)
    )?;
    for row in rows {
        let ends = [row.seats.first(), row.seats.last()];
        for (end, (offset, anchor)) in ends.into_iter().flatten().zip([(-17.0, "end"), (17.0, "start")]) {
            write!(
                svg,
                "<text class=\"r\" x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\" aria-hidden=\"true\">{}</text>",
                left + units(end.x) + offset,
                HEAD + units(end.y) + 3.5,
                escape(&row.label)
            )?;
        }
        for seat in &row.seats {
            let name = SeatName {
                section: row.section.clone(),
                row: row.label.clone(),
                label: seat.label.clone(),
            };
            let accessible = match seat.accessible {
                true => language.pick(", kursi roda", ", accessible"),
                false => "",
            };
            write!(
                svg,
                "<use href=\"#{}\" x=\"{}\" y=\"{}\" id=\"s{}\"><title>{}: {}{accessible}</title></use>",
                symbol(seat.state, seat.accessible),
                left + units(seat.x),
                HEAD + units(seat.y),
                seat.number.get(),
                escape(&name.words(language)),
                words(language, seat.state),
            )?;
        }
    }
    Ok(())
}

/// What the signs mean.
fn legend(svg: &mut String, plan: &Plan, middle: f32, y: f32, language: Language) -> fmt::Result {
    let has_accessible = plan
        .rows
        .iter()
        .flat_map(|row| &row.seats)
        .any(|seat| seat.accessible);
    let mut signs = vec![
        ("f", language.pick("Kosong", "Free"), 90.0),
        ("h", language.pick("Dipesan", "Reserved"), 104.0),
        ("s", language.pick("Terjual", "Sold"), 92.0),
    ];
    if has_accessible {
        signs.push((
            "fa",
            language.pick("Kosong, untuk kursi roda", "Free, accessible"),
            170.0,
        ));
    }
    let width: f32 = signs.iter().map(|(_, _, width)| width).sum();
    let mut x = middle - width / 2.0 + 10.0;
    for (sign, meaning, width) in signs {
        write!(
            svg,
            "<use href=\"#{sign}\" x=\"{x}\" y=\"{y}\"/><text class=\"l\" x=\"{}\" y=\"{}\">{meaning}</text>",
            x + 15.0,
            y + 4.2
        )?;
        x += width;
    }
    Ok(())
}

/// A text within XML.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let seat = |number: i32, state, accessible| PlanSeat {
            number: SeatNumber::new(number),
            label: number.to_string(),
            x: (number - 1) * 150,
            y: 0,
            accessible,
            state,
        };
        Plan {
            stage: "Stage <1>".to_owned(),
            no_single_seats: false,
            version: 1,
            rows: vec![PlanRow {
                section_no: 0,
                section: "Floor & more".to_owned(),
                ticket_type: TicketTypeId::new(7),
                ticket: "Festival".to_owned(),
                price: Rupiah::new(150_000).unwrap(),
                label: "A".to_owned(),
                seats: vec![
                    seat(1, State::Free, false),
                    seat(2, State::Held, false),
                    seat(3, State::Sold, false),
                    seat(4, State::Free, true),
                ],
            }],
        }
    }

    #[test]
    fn every_seat_says_what_it_is() {
        let svg = svg(&plan(), "Java \"Jazz\"", Language::En);
        for part in [
            "<title id=\"name\">Seat map: Java &quot;Jazz&quot;</title>",
            "<desc id=\"what\">2 seats free, 1 reserved, 1 sold</desc>",
            "<title>Floor &amp; more, row A, seat 1: free</title>",
            "<title>Floor &amp; more, row A, seat 2: reserved</title>",
            "<title>Floor &amp; more, row A, seat 3: sold</title>",
            "<title>Floor &amp; more, row A, seat 4: free, accessible</title>",
            "Stage &lt;1&gt;",
            "id=\"s4\"",
        ] {
            assert!(svg.contains(part), "{part}\n{svg}");
        }
        assert!(svg.starts_with("<svg xmlns") && svg.ends_with("</svg>"));
        assert!(!svg.contains("NaN"));
    }

    #[test]
    fn it_is_written_in_the_language_that_was_asked_for() {
        let svg = svg(&plan(), "Java Jazz", Language::Id);
        assert!(
            svg.contains("Floor &amp; more, baris A, kursi 1: kosong"),
            "{svg}"
        );
        assert!(svg.contains("lang=\"id\""));
    }

    #[test]
    fn a_fraction_of_a_seat_is_kept() {
        assert!((units(150) - 36.0).abs() < 0.001);
        assert!((units(25) - 6.0).abs() < 0.001);
    }
}
