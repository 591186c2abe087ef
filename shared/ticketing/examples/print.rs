//! Writes a ticket to look at: `cargo run -p ticketing --example print > ticket.pdf`.

use domain::language::Language;
use domain::{EventId, TicketTypeId, Timestamp};
use std::error::Error;
use std::io::Write as _;
use ticketing::pdf::{Page, render};
use ticketing::{Claims, SigningKeys, TicketCode};

fn main() -> Result<(), Box<dyn Error>> {
    let keys = SigningKeys::parse("demo:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")?;
    let code = "0123456789abcdef0123456789abcdef";
    let token = keys.sign(&Claims {
        code: TicketCode::parse(code).ok_or("the code is none")?,
        event: EventId::new(1),
        ticket_type: TicketTypeId::new(1),
        issued_at: Timestamp::parse("2030-01-01").ok_or("the time is none")?,
    });
    let page = Page {
        event: "Festival Musik Nusantara",
        date: Timestamp::parse("2030-01-05T12:30:00Z").ok_or("the time is none")?,
        zone: "Asia/Jakarta",
        location: "Gelora Bung Karno, Jakarta",
        kind: "Festival A",
        seat: Some("Tribune, baris C, kursi 12"),
        holder: "Siti Nurhaliza",
        code,
        order: "ORDER-0123456789ABCDEF0123456789ABCDEF",
        token: &token,
    };
    let pdf = render(Language::Id, &[page])?;
    std::io::stdout().write_all(&pdf)?;
    Ok(())
}
