//! Tickets as a PDF to print or keep: one A4 page each, with the code at a size that any scanner reads. Fonts are embedded, text
//! stays text, and the same tickets always give the same bytes.

mod canvas;
mod font;

use crate::qr::{self, QrError};
use canvas::{Area, Canvas, Color, Fonts, Setting};
use domain::Timestamp;
use domain::language::Language;
use font::Face;
use pdf_writer::{Filter, Finish as _, Pdf, Rect, Ref, TextStr};
use std::io::Write as _;

/// What stands on a ticket.
#[derive(Debug, Clone)]
pub struct Page<'a> {
    /// What the event is called.
    pub event: &'a str,
    /// When the event begins.
    pub date: Timestamp,
    /// Zone of the place.
    pub zone: &'a str,
    /// Where it takes place.
    pub location: &'a str,
    /// Kind of the ticket.
    pub kind: &'a str,
    /// Where its holder sits, in the language of the ticket; `None` without a seat.
    pub seat: Option<&'a str>,
    /// Whose name is on it.
    pub holder: &'a str,
    /// What identifies it.
    pub code: &'a str,
    /// Code of the order that paid for it.
    pub order: &'a str,
    /// What its QR code carries.
    pub token: &'a str,
}

/// Why there is no PDF.
#[derive(Debug, thiserror::Error)]
pub enum PdfError {
    /// The token does not fit into a QR code.
    #[error(transparent)]
    Qr(#[from] QrError),
    /// A font that is compiled in is none.
    #[error("failed to read a font of tickets")]
    Font,
    /// A part of the file could not be compressed.
    #[error("failed to compress a part of the PDF")]
    Compression(#[from] std::io::Error),
}

/// Points in a millimetre.
const MM: f32 = 72.0 / 25.4;
/// A4.
const PAGE: (f32, f32) = (210.0 * MM, 297.0 * MM);
/// White around what is printed: no printer reaches the edge.
const MARGIN: f32 = 18.0 * MM;
/// Side of the code with its quiet zone: a module of a token's code is above 0.8 mm, twice what phones need.
const CODE: f32 = 62.0 * MM;
/// Height of the band with the name of the event.
const BAND: f32 = 42.0 * MM;
/// White inside the card.
const PADDING: f32 = 9.0 * MM;

const INK: Color = Color(0x1b, 0x1f, 0x2a);
const GREY: Color = Color(0x63, 0x6b, 0x7c);
const ACCENT: Color = Color(0x4b, 0x2e, 0x83);
const PALE: Color = Color(0xd9, 0xd2, 0xe9);
const WHITE: Color = Color(0xff, 0xff, 0xff);

/// Tickets, a page each.
///
/// # Errors
/// If a token is too long for a QR code, which that of a ticket never is.
pub fn render(language: Language, tickets: &[Page<'_>]) -> Result<Vec<u8>, PdfError> {
    let mut ids = 0;
    let mut next = || {
        ids += 1;
        Ref::new(ids)
    };
    let (catalog, tree, info) = (next(), next(), next());
    let fonts_at = Face::ALL.map(|face| (face, next()));
    let mut pdf = Pdf::new();
    let mut fonts = Fonts::load()?;
    let mut pages = Vec::with_capacity(tickets.len());
    for (ticket, number) in tickets.iter().zip(1..) {
        let counted = match (language, tickets.len()) {
            (_, 1) => None,
            (Language::Id, total) => Some(format!("Tiket {number} dari {total}")),
            (Language::En, total) => Some(format!("Ticket {number} of {total}")),
        };
        let mut canvas = Canvas::new(&mut fonts);
        draw(&mut canvas, language, ticket, counted.as_deref())?;
        let (id, content) = (next(), next());
        pdf.stream(content, &pack(&canvas.finish())?)
            .filter(Filter::FlateDecode);
        let mut page = pdf.page(id);
        page.parent(tree)
            .media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1))
            .contents(content);
        let mut resources = page.resources();
        let mut named = resources.fonts();
        for (face, at) in fonts_at {
            named.pair(face.resource(), at);
        }
        named.finish();
        resources.finish();
        page.finish();
        pages.push(id);
    }
    let count = i32::try_from(pages.len()).unwrap_or(i32::MAX);
    pdf.pages(tree).kids(pages).count(count);
    for (face, at) in fonts_at {
        fonts.get(face).embed(&mut pdf, at, &mut next)?;
    }
    pdf.catalog(catalog)
        .pages(tree)
        .lang(TextStr(language.as_str()))
        .viewer_preferences()
        .display_doc_title(true);
    let title = tickets.first().map_or("", |ticket| ticket.event);
    pdf.document_info(info)
        .title(TextStr(title))
        .creator(TextStr("GiggleFest"));
    Ok(pdf.finish())
}

fn draw(
    page: &mut Canvas<'_>,
    language: Language,
    ticket: &Page<'_>,
    counted: Option<&str>,
) -> Result<(), PdfError> {
    let say = |id: &'static str, en: &'static str| language.pick(id, en);
    let (left, width) = (MARGIN, PAGE.0 - 2.0 * MARGIN);
    let (inner, inner_width) = (left + PADDING, width - 2.0 * PADDING);
    let plain = Setting {
        face: Face::Regular,
        width,
        lines: 4,
        size: 9.5,
        least: 9.5,
    };

    // The name of the event, on a band.
    let band = Area {
        x: left,
        y: MARGIN,
        width,
        height: BAND,
    };
    page.fill(ACCENT, [band]);
    let name = Setting {
        face: Face::Bold,
        width: inner_width,
        lines: 2,
        size: 24.0,
        least: 11.0,
    };
    let name = page.fonts().set(ticket.event, name);
    let when = Setting {
        width: inner_width,
        lines: 1,
        size: 12.0,
        least: 8.0,
        ..plain
    };
    let when = page.fonts().set(&language.moment(ticket.date, ticket.zone), when);
    let gap = 2.0 * MM;
    let top = MARGIN + (BAND - name.height() - gap - when.height()) / 2.0;
    page.write(WHITE, &name, inner, top);
    page.write(PALE, &when, inner, top + name.height() + gap);

    // The code to the right …
    let body = MARGIN + BAND + PADDING;
    let code_left = inner + inner_width - CODE;
    let code = modules(ticket.token, code_left, body)?;
    page.fill(INK, code);
    let under = Setting {
        width: CODE,
        lines: 1,
        size: 8.0,
        least: 6.0,
        ..plain
    };
    let code = page.fonts().set(ticket.code, under);
    let code_top = body + CODE;
    let code_middle = (CODE - page.fonts().width(&code)) / 2.0;
    page.write(GREY, &code, code_left + code_middle, code_top);

    // … what it is for to the left.
    let column = inner_width - CODE - PADDING;
    let mut y = body;
    let facts = [
        Some((say("Nama", "Name"), ticket.holder, 15.0)),
        Some((say("Jenis tiket", "Ticket"), ticket.kind, 13.0)),
        ticket.seat.map(|seat| (say("Kursi", "Seat"), seat, 13.0)),
        Some((say("Tempat", "Place"), ticket.location, 12.0)),
        Some((say("Kode pesanan", "Order"), ticket.order, 9.0)),
    ];
    for (label, value, size) in facts.into_iter().flatten() {
        let label_setting = Setting {
            width: column,
            lines: 1,
            size: 8.5,
            least: 8.5,
            ..plain
        };
        let label = page.fonts().set(label, label_setting);
        page.write(GREY, &label, inner, y);
        y += label.height() + 0.6 * MM;
        let value_setting = Setting {
            face: Face::Bold,
            width: column,
            lines: 3,
            size,
            least: 7.0,
        };
        let value = page.fonts().set(value, value_setting);
        page.write(INK, &value, inner, y);
        y += value.height() + 3.6 * MM;
    }
    let end = y.max(code_top + code.height()) + PADDING;
    let card = Area {
        height: end - MARGIN,
        ..band
    };
    page.outline(PALE, card);

    // What one has to know at the gate.
    let mut y = end + 8.0 * MM;
    if let Some(counted) = counted {
        let counted = page.fonts().set(
            counted,
            Setting {
                face: Face::Bold,
                ..plain
            },
        );
        page.write(INK, &counted, left, y);
        y += counted.height() + 3.0 * MM;
    }
    for term in [
        say(
            "Tunjukkan kode QR ini di pintu masuk, dicetak atau di layar. Jaga agar kode tidak terlipat dan tidak kotor.",
            "Show this QR code at the entrance, on paper or on a screen. Keep it flat and clean.",
        ),
        say(
            "Kode berlaku untuk satu orang dan satu kali masuk. Yang dipindai lebih dahulu, dialah yang masuk: jangan \
             membagikan atau mengunggah kode ini.",
            "The code admits one person once. Whoever is scanned first gets in: do not share it and do not post it.",
        ),
        say(
            "Tiket yang dikembalikan, dibatalkan, atau dialihkan tidak berlaku lagi, juga bila sudah dicetak.",
            "A ticket that was refunded, cancelled or passed on is void, even if it was printed.",
        ),
    ] {
        let term = page.fonts().set(term, plain);
        page.write(GREY, &term, left, y);
        y += term.height() + 2.0 * MM;
    }
    Ok(())
}

/// The dark modules of a token's code, the upper left corner of its quiet zone here.
fn modules(token: &str, left: f32, top: f32) -> Result<Vec<Area>, PdfError> {
    let rows = qr::rows(token)?;
    // The largest code has 177 modules and a quiet zone.
    let number = |count: usize| u8::try_from(count).map_or(f32::from(u8::MAX), f32::from);
    let side = CODE / number(rows.len());
    let mut areas = Vec::new();
    for (y, row) in rows.iter().enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|a, b| a == b) {
            if run.first() == Some(&true) {
                areas.push(Area {
                    x: left + number(x) * side,
                    y: top + number(y) * side,
                    width: number(run.len()) * side,
                    height: side,
                });
            }
            x += run.len();
        }
    }
    Ok(areas)
}

/// Compresses a stream of the file.
fn pack(bytes: &[u8]) -> Result<Vec<u8>, std::io::Error> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}
