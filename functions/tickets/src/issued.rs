//! Issued tickets as the API shows them.

use crate::App;
use crate::wallets::Wallet;
use db::issued::IssuedTicket;
use domain::{Error, EventId, TicketTypeId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use std::str::FromStr;
use ticketing::{Claims, SigningKeys, TicketCode};
use views::SeatOut;

/// A ticket that somebody bought, or got from whoever did.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IssuedTicketOut {
    /// What identifies it: 32 hexadecimal digits.
    code: String,
    /// Whether it still admits.
    #[schemars(extend("enum" = ["valid", "used", "void"]))]
    status: String,
    /// What its QR code carries; null once the ticket is void.
    token: Option<String>,
    /// Its kind.
    ticket_id: TicketTypeId,
    /// What its kind is called.
    ticket_name: String,
    /// Its event.
    event_id: EventId,
    /// What the event is called.
    event_name: String,
    /// When the event begins.
    event_date: Timestamp,
    /// Where it takes place.
    location: String,
    /// Whose name is on it.
    holder_name: String,
    /// Code of the order that paid for it.
    order_id: String,
    /// When it was issued.
    issued_at: Timestamp,
    /// Zone of the place, for showing the date.
    time_zone: String,
    /// Where its holder sits; null without a seat.
    seat: Option<SeatOut>,
    /// For which wallets it has a pass; none once the ticket is void.
    wallets: Vec<Wallet>,
}

impl IssuedTicketOut {
    pub(crate) fn new(ticket: IssuedTicket, app: &App) -> Result<Self, Error> {
        let token = token(&ticket, &app.keys)?;
        Ok(Self {
            seat: ticket.seat.map(SeatOut::from),
            wallets: token.as_ref().map_or_else(Vec::new, |_| app.wallets.offered()),
            token,
            code: ticket.code,
            status: ticket.status,
            ticket_id: ticket.ticket_type_id,
            ticket_name: ticket.ticket_name,
            event_id: ticket.event_id,
            event_name: ticket.event_name,
            event_date: ticket.event_date,
            location: ticket.event_location,
            holder_name: ticket.holder_name,
            order_id: ticket.order_code,
            issued_at: ticket.issued_at,
            time_zone: ticket.event_time_zone,
        })
    }
}

/// The signed content of a ticket's QR code. A void ticket has none: a gate without a connection would let it pass.
pub(crate) fn token(ticket: &IssuedTicket, keys: &SigningKeys) -> Result<Option<String>, Error> {
    if ticket.status == "void" {
        return Ok(None);
    }
    let code = TicketCode::parse(&ticket.code)
        .ok_or_else(|| Error::internal("an issued ticket has a code that is none"))?;
    Ok(Some(keys.sign(&Claims {
        code,
        event: ticket.event_id,
        ticket_type: ticket.ticket_type_id,
        issued_at: ticket.issued_at,
    })))
}

/// The code of a ticket in a path.
pub(crate) struct Code(String);

impl Code {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Code {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let code = TicketCode::parse(text).ok_or("must be 32 hexadecimal digits in lower case")?;
        Ok(Self(code.to_string()))
    }
}
