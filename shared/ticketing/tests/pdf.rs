//! The PDF of tickets is read by a library that shares no code with what writes it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use domain::language::Language;
use domain::{EventId, TicketTypeId, Timestamp};
use lopdf::Document;
use lopdf::content::{Content, Operation};
use std::collections::BTreeMap;
use ticketing::pdf::{Page, render};
use ticketing::{Claims, SigningKeys, TicketCode};

const CODE: &str = "0123456789abcdef0123456789abcdef";

fn token(ticket_type: i64) -> String {
    let keys = SigningKeys::parse("k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    keys.sign(&Claims {
        code: TicketCode::parse(CODE).unwrap(),
        event: EventId::new(7),
        ticket_type: TicketTypeId::new(ticket_type),
        issued_at: Timestamp::parse("2030-01-01T00:00:00Z").unwrap(),
    })
}

fn page<'a>(event: &'a str, holder: &'a str, token: &'a str) -> Page<'a> {
    Page {
        event,
        date: Timestamp::parse("2030-01-05T12:30:00Z").unwrap(),
        zone: "Asia/Jakarta",
        location: "Gelora Bung Karno, Jakarta",
        kind: "Festival A",
        seat: Some("Tribune, row C, seat 12"),
        holder,
        code: CODE,
        order: "ORDER-0123456789ABCDEF0123456789ABCDEF",
        token,
    }
}

fn read(pdf: &[u8]) -> Document {
    Document::load_mem(pdf).unwrap()
}

/// What stands on a page, as a reader copies it: its glyphs through the map of their font. Where lines break does not matter.
fn text(document: &Document, page: u32) -> String {
    let fonts = document.get_page_fonts(document.get_pages()[&page]).unwrap();
    let mut maps: BTreeMap<Vec<u8>, BTreeMap<u16, char>> = BTreeMap::new();
    for (name, font) in fonts {
        let map = font
            .get_deref(b"ToUnicode", document)
            .unwrap()
            .as_stream()
            .unwrap();
        let map = String::from_utf8(map.get_plain_content().unwrap()).unwrap();
        let number = |hex: &str| u16::from_str_radix(hex.trim_matches(['<', '>']), 16).unwrap();
        let pairs = map.lines().filter_map(|line| line.split_once(' '));
        let pairs = pairs.filter(|(glyph, letter)| glyph.starts_with('<') && letter.starts_with('<'));
        let pairs = pairs.filter(|(glyph, _)| *glyph != "<0000>");
        let letters = pairs.map(|(glyph, letter)| {
            let letter = char::from_u32(number(letter).into()).unwrap();
            (number(glyph), letter)
        });
        maps.insert(name, letters.collect());
    }
    let (mut font, mut text) = (Vec::new(), String::new());
    for operation in operations(document, page) {
        match operation.operator.as_str() {
            "Tf" => font = operation.operands[0].as_name().unwrap().to_vec(),
            "Tj" => {
                for glyph in operation.operands[0].as_str().unwrap().chunks(2) {
                    text.push(maps[&font][&u16::from_be_bytes([glyph[0], glyph[1]])]);
                }
                text.push(' ');
            }
            _ => {}
        }
    }
    text
}

fn operations(document: &Document, page: u32) -> Vec<Operation> {
    let id = document.get_pages()[&page];
    Content::decode(&document.get_page_content(id).unwrap())
        .unwrap()
        .operations
}

fn numbers(operation: &Operation) -> Vec<f32> {
    operation
        .operands
        .iter()
        .map(|operand| operand.as_float().unwrap())
        .collect()
}

/// The small rectangles of a page, drawn as a picture and read by a decoder of QR codes.
fn scanned(document: &Document, page: u32) -> String {
    let operations = operations(document, page);
    let rectangles = operations.iter().filter(|operation| operation.operator == "re");
    let modules: Vec<Vec<f32>> = rectangles.map(numbers).filter(|re| re[3] < 10.0).collect();
    assert!(modules.len() > 100, "{}", modules.len());
    let lowest = |i: usize| modules.iter().map(|re| re[i]).fold(f32::MAX, f32::min);
    let (left, bottom, side) = (lowest(0), lowest(1), lowest(3));
    let (scale, quiet) = (4_usize, 5_usize);
    let cell = |length: f32| (length / side).round() as usize;
    let width = (49 + 2 * quiet) * scale;
    let mut grey = vec![255_u8; width * width];
    for re in &modules {
        let (x, y) = (cell(re[0] - left) + quiet, cell(re[1] - bottom) + quiet);
        for row in y * scale..(y + 1) * scale {
            // The page counts from below, a picture from above.
            let start = (width - 1 - row) * width + x * scale;
            grey[start..start + cell(re[2]) * scale].fill(0);
        }
    }
    let mut picture = rqrr::PreparedImage::prepare_from_greyscale(width, width, |x, y| grey[y * width + x]);
    picture.detect_grids()[0].decode().unwrap().1
}

#[test]
fn a_ticket_says_what_it_is_for_and_its_code_is_read() {
    let token = token(1);
    let pdf = render(Language::Id, &[page("Java Jazz 2030", "Siti Nurhaliza", &token)]).unwrap();
    let document = read(&pdf);
    let text = text(&document, 1);
    for part in [
        "Java Jazz 2030",
        "Sabtu, 5 Januari 2030 pukul 19.30 WIB",
        "Nama Siti Nurhaliza",
        "Jenis tiket Festival A",
        "Gelora Bung Karno, Jakarta",
        "ORDER-0123456789ABCDEF0123456789ABCDEF",
        CODE,
        "Tunjukkan kode QR",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("Tiket 1"), "one ticket is not counted: {text}");
    assert_eq!(scanned(&document, 1), token);
    assert!(pdf.len() < 40_000, "{} bytes", pdf.len());
}

#[test]
fn each_ticket_of_an_order_has_a_page_in_the_language_of_its_buyer() {
    let tokens = [token(1), token(2), token(3)];
    let pages: Vec<_> = tokens
        .iter()
        .map(|token| page("Java Jazz 2030", "Siti", token))
        .collect();
    let document = read(&render(Language::En, &pages).unwrap());
    assert_eq!(document.get_pages().len(), 3);
    for (token, number) in tokens.iter().zip(1..) {
        let text = text(&document, number);
        assert!(text.contains(&format!("Ticket {number} of 3")), "{text}");
        assert!(text.contains("Saturday, 5 January 2030 at 19:30 WIB"), "{text}");
        assert_eq!(scanned(&document, number), *token);
    }
    let catalog = document.catalog().unwrap();
    assert_eq!(catalog.get(b"Lang").unwrap().as_str().unwrap(), b"en");
}

#[test]
fn nothing_leaves_the_page_whatever_organizers_and_buyers_are_called() {
    let token = token(1);
    let long = "Festival Musik Tradisional Nusantara ".repeat(8);
    let endless = "X".repeat(400);
    for (event, holder) in [
        (long.as_str(), "Ångström Łukasz Đặng"),
        (endless.as_str(), endless.as_str()),
        ("名前 \u{1f389} \u{202e}drow", "<b>&(\\)\0\n"),
        ("", " "),
    ] {
        let pdf = render(Language::En, &[page(event, holder, &token)]).unwrap();
        let document = read(&pdf);
        assert_eq!(document.get_pages().len(), 1);
        assert_eq!(scanned(&document, 1), token);
        for operation in operations(&document, 1) {
            if operation.operator == "re" {
                let re = numbers(&operation);
                assert!(re[0] >= 0.0 && re[1] >= 0.0 && re[0] + re[2] < 595.3 && re[1] + re[3] < 841.9);
            }
        }
    }
}

#[test]
fn letters_that_the_fonts_lack_are_shown_as_unknown() {
    let token = token(1);
    let document = read(&render(Language::En, &[page("Jazz", "Ångström 名", &token)]).unwrap());
    assert!(text(&document, 1).contains("Ångström \u{fffd}"));
}

#[test]
fn the_same_tickets_give_the_same_bytes() {
    let token = token(1);
    let render = || render(Language::Id, &[page("Jazz", "Siti", &token)]).unwrap();
    assert_eq!(render(), render());
}
