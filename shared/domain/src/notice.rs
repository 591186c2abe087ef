//! What the system itself tells people within the application. A notice is kept as what happened and is put into words when it
//! is read, in the language that its reader has chosen by then.

use crate::alert::{Condition, Turn};
use crate::language::Language;
use crate::percent::Percent;
use crate::promo::{Off, Terms};
use crate::promo_code::PromoCode;
use crate::review::{Hold, Rating};
use crate::{Rupiah, Timestamp};

/// Where the platform is at home: times that belong to no event are shown in this zone.
pub const HOME: &str = "Asia/Jakarta";

/// Something that happened, for the person whom it concerns. Orders are named by their codes, everything else by its name.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Notice {
    /// An order waits for payment.
    OrderPlaced {
        /// The order.
        order: String,
        /// Until when it can be paid.
        pay_until: Timestamp,
    },
    /// An order is paid and its tickets are there.
    OrderPaid {
        /// The order.
        order: String,
        /// How many tickets it has.
        tickets: u32,
    },
    /// The time to pay an order is over.
    OrderExpired {
        /// The order.
        order: String,
    },
    /// An order that was to be paid ended because an event of it was called off.
    OrderCalledOff {
        /// The order.
        order: String,
    },
    /// Money came for an order that could no longer be honoured.
    PaidTooLate {
        /// The order.
        order: String,
        /// What goes back.
        amount: Rupiah,
    },
    /// Somebody asked for money to be given back.
    RefundStarted {
        /// The order.
        order: String,
        /// How much.
        amount: Rupiah,
    },
    /// People have to transfer money back.
    RefundManual {
        /// The order.
        order: String,
        /// How much.
        amount: Rupiah,
    },
    /// Money went back.
    RefundDone {
        /// The order.
        order: String,
        /// How much.
        amount: Rupiah,
    },
    /// A refund came to nothing.
    RefundFailed {
        /// The order.
        order: String,
        /// How much it would have been.
        amount: Rupiah,
    },
    /// The time or the place of an event changed.
    EventChanged(Schedule),
    /// An event was called off.
    EventCancelled {
        /// The event.
        event: String,
    },
    /// An event begins soon.
    EventReminder(Schedule),
    /// A ticket that somebody offered was accepted.
    TicketPassedOn {
        /// Its kind.
        ticket: String,
        /// Of which event.
        event: String,
    },
    /// A ticket that somebody offered is not wanted.
    TicketDeclined {
        /// Its kind.
        ticket: String,
        /// Of which event.
        event: String,
    },
    /// Somebody has a ticket that another passed on to them.
    TicketReceived {
        /// Its kind.
        ticket: String,
        /// Of which event.
        event: String,
    },
    /// A ticket was taken back from somebody who did not pay for it.
    TicketVoid {
        /// Its kind.
        ticket: String,
        /// Of which event.
        event: String,
    },
    /// A review waits for a moderator.
    ReviewHeld {
        /// What it is about.
        ticket: String,
        /// Why.
        hold: Hold,
    },
    /// A moderator shows a review.
    ReviewShown {
        /// What it is about.
        ticket: String,
    },
    /// A moderator took a review away.
    ReviewHidden {
        /// What it is about.
        ticket: String,
        /// Why, in the moderator's words.
        reason: String,
    },
    /// Somebody reviewed tickets of an organizer.
    ReviewReceived {
        /// What it is about.
        ticket: String,
        /// Of which event.
        event: String,
        /// Its stars.
        rating: i32,
    },
    /// An organizer's own system took nothing for so long that it is told nothing any more.
    WebhookDisabled {
        /// Its host.
        host: String,
    },
    /// The last ticket of a kind was sold.
    SoldOut {
        /// The kind of ticket.
        ticket: String,
        /// Of which event.
        event: String,
    },
    /// It is somebody's turn who waited for tickets: some are kept in their cart.
    TicketsOffered(Turned),
    /// Tickets were kept for somebody who waited for them, and their time is over.
    OfferLapsed {
        /// The kind of ticket.
        ticket: String,
        /// Of which event.
        event: String,
    },
    /// The platform offers a promo code.
    PromoOffered(Offer),
    /// What a promo code of the platform gives has changed.
    PromoChanged(Offer),
    /// A promo code of the platform is over.
    PromoEnded {
        /// The code.
        code: String,
    },
    /// Something is wrong with the fleet, or right again: the most important of what was found at once.
    SystemAlert {
        /// Whether it begins, lasts or is over.
        turn: Turn,
        /// What it is.
        condition: Condition,
        /// How much else was found.
        more: usize,
    },
}

/// When and where an event takes place.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Schedule {
    /// What the event is called.
    pub event: String,
    /// When it begins.
    pub date: Timestamp,
    /// Zone of the place.
    pub zone: String,
    /// Where it takes place.
    pub location: String,
}

/// What is kept for somebody who waited for it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Turned {
    /// The kind of ticket.
    pub ticket: String,
    /// Of which event.
    pub event: String,
    /// How many.
    pub quantity: u32,
    /// Until when they are kept.
    pub until: Timestamp,
    /// Zone of the event.
    pub zone: String,
}

/// What a promo code gives.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Offer {
    /// The code.
    pub code: String,
    /// What it takes off, as people write it: `10%` or `Rp 50.000`.
    pub off: String,
    /// Until when.
    pub until: Timestamp,
}

impl Offer {
    /// What a code of these terms gives.
    pub fn new(code: &PromoCode, terms: &Terms) -> Self {
        let percent = |percent: Percent| format!("{percent}%");
        Self {
            code: code.as_str().to_owned(),
            off: match terms.off {
                Off::Percent(part) => percent(part),
                Off::Amount(amount) => amount.to_string(),
            },
            until: terms.valid_to,
        }
    }
}

impl Notice {
    /// What happened, in one word: with what it happened to, it makes sure that nobody is told twice.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::OrderPlaced { .. } => "order_placed",
            Self::OrderPaid { .. } => "order_paid",
            Self::OrderExpired { .. } => "order_expired",
            Self::OrderCalledOff { .. } => "order_called_off",
            Self::PaidTooLate { .. } => "paid_too_late",
            Self::RefundStarted { .. } => "refund_started",
            Self::RefundManual { .. } => "refund_manual",
            Self::RefundDone { .. } => "refund_done",
            Self::RefundFailed { .. } => "refund_failed",
            Self::EventChanged(_) => "event_changed",
            Self::EventCancelled { .. } => "event_cancelled",
            Self::EventReminder(_) => "event_reminder",
            Self::TicketPassedOn { .. } => "ticket_passed_on",
            Self::TicketDeclined { .. } => "ticket_declined",
            Self::TicketReceived { .. } => "ticket_received",
            Self::TicketVoid { .. } => "ticket_void",
            Self::ReviewHeld { .. } => "review_held",
            Self::ReviewShown { .. } => "review_shown",
            Self::ReviewHidden { .. } => "review_hidden",
            Self::ReviewReceived { .. } => "review_received",
            Self::WebhookDisabled { .. } => "webhook_disabled",
            Self::SoldOut { .. } => "sold_out",
            Self::TicketsOffered(_) => "tickets_offered",
            Self::OfferLapsed { .. } => "offer_lapsed",
            Self::PromoOffered(_) => "promo_offered",
            Self::PromoChanged(_) => "promo_changed",
            Self::PromoEnded { .. } => "promo_ended",
            Self::SystemAlert { .. } => "system_alert",
        }
    }

    /// A review of so many stars.
    pub fn review_received(ticket: &str, event: &str, rating: Rating) -> Self {
        Self::ReviewReceived {
            ticket: ticket.to_owned(),
            event: event.to_owned(),
            rating: rating.get(),
        }
    }

    /// The notice in words. The English ones about promo codes are those that clients of the Express version know.
    pub fn text(&self, language: Language) -> String {
        match language {
            Language::Id => self.indonesian(),
            Language::En => self.english(),
        }
    }

    fn indonesian(&self) -> String {
        let language = Language::Id;
        match self {
            Self::OrderPlaced { order, pay_until } => {
                let until = language.moment(*pay_until, HOME);
                format!("Pesanan {order} menunggu pembayaran. Bayar sebelum {until}.")
            }
            Self::OrderPaid { order, tickets } => {
                format!("Pesanan {order} sudah lunas, {tickets} tiket Anda sudah siap.")
            }
            Self::OrderExpired { order } => {
                format!("Waktu pembayaran pesanan {order} sudah habis. Tiketnya dijual kembali.")
            }
            Self::OrderCalledOff { order } => {
                format!(
                    "Acara dalam pesanan {order} dibatalkan, jadi pesanan ini berakhir. Jangan membayar lagi."
                )
            }
            Self::PaidTooLate { order, amount } => {
                format!("Pembayaran pesanan {order} tiba terlambat. {amount} akan kami kembalikan.")
            }
            Self::RefundStarted { order, amount } => {
                format!("Pengembalian dana {amount} untuk pesanan {order} sedang diproses.")
            }
            Self::RefundManual { order, amount } => {
                format!("Tim kami akan mentransfer {amount} untuk pesanan {order}. Periksa email Anda.")
            }
            Self::RefundDone { order, amount } => {
                format!("{amount} untuk pesanan {order} telah dikembalikan.")
            }
            Self::RefundFailed { order, amount } => format!(
                "Pengembalian dana {amount} untuk pesanan {order} tidak dilakukan: uangnya sudah kembali dengan cara lain."
            ),
            Self::EventChanged(new) => {
                let (date, event, location) =
                    (language.moment(new.date, &new.zone), &new.event, &new.location);
                format!("Jadwal atau tempat {event} berubah: {date}, {location}.")
            }
            Self::EventCancelled { event } => format!("{event} dibatalkan. Tiket Anda tidak berlaku lagi."),
            Self::EventReminder(soon) => {
                let (date, event, location) = (
                    language.moment(soon.date, &soon.zone),
                    &soon.event,
                    &soon.location,
                );
                format!("{event} sebentar lagi: {date}, {location}. Siapkan tiket Anda.")
            }
            Self::TicketPassedOn { ticket, event } => {
                format!("Tiket {ticket} untuk {event} sudah diterima. Kode QR lamanya tidak berlaku lagi.")
            }
            Self::TicketDeclined { ticket, event } => {
                format!("Tiket {ticket} untuk {event} tidak jadi diterima. Tiket itu tetap milik Anda.")
            }
            Self::TicketReceived { ticket, event } => {
                format!("Tiket {ticket} untuk {event} sekarang milik Anda.")
            }
            Self::TicketVoid { ticket, event } => {
                format!("Tiket {ticket} untuk {event} tidak berlaku lagi: pembeliannya dibatalkan.")
            }
            Self::ReviewHeld { ticket, hold } => {
                format!(
                    "Ulasan Anda tentang {ticket} menunggu moderator: {}",
                    hold.in_words(language)
                )
            }
            Self::ReviewShown { ticket } => format!("Ulasan Anda tentang {ticket} sekarang ditampilkan"),
            Self::ReviewHidden { ticket, reason } => {
                format!("Ulasan Anda tentang {ticket} disembunyikan: {reason}")
            }
            Self::ReviewReceived {
                ticket,
                event,
                rating,
            } => {
                format!("Ulasan baru untuk {ticket} ({event}): {rating} dari 5 bintang")
            }
            Self::WebhookDisabled { host } => {
                format!("Webhook Anda di {host} dinonaktifkan: pesan kami tidak diterima lagi")
            }
            Self::SoldOut { ticket, event } => format!("Tiket {ticket} untuk {event} habis terjual"),
            Self::TicketsOffered(turned) => {
                let (
                    until,
                    Turned {
                        ticket,
                        event,
                        quantity,
                        ..
                    },
                ) = (language.moment(turned.until, &turned.zone), turned);
                format!(
                    "Giliran Anda: {quantity} tiket {ticket} untuk {event} ada di keranjang Anda sampai {until}."
                )
            }
            Self::OfferLapsed { ticket, event } => format!(
                "Waktu untuk membeli tiket {ticket} untuk {event} yang kami simpan sudah habis. Anda dapat ikut antre lagi."
            ),
            Self::PromoOffered(offer) => {
                let (until, Offer { code, off, .. }) = (language.day(offer.until, HOME), offer);
                format!("Kode promo baru {code} tersedia! Dapatkan diskon {off}. Berlaku sampai {until}")
            }
            Self::PromoChanged(offer) => {
                let (until, Offer { code, off, .. }) = (language.day(offer.until, HOME), offer);
                format!("Kode promo {code} diperbarui! Sekarang diskon {off}. Berlaku sampai {until}")
            }
            Self::PromoEnded { code } => format!("Kode promo {code} tidak tersedia lagi"),
            Self::SystemAlert {
                turn,
                condition,
                more,
            } => {
                let what = condition.text(language);
                let said = match turn {
                    Turn::Opened => format!("Gangguan sistem: {what}."),
                    Turn::Lasts => format!("Gangguan sistem belum selesai: {what}."),
                    Turn::Over => format!("Gangguan sistem selesai: {what}."),
                };
                if *more == 0 {
                    said
                } else {
                    format!("{said} Dan {more} kabar lain.")
                }
            }
        }
    }

    fn english(&self) -> String {
        let language = Language::En;
        match self {
            Self::OrderPlaced { order, pay_until } => {
                let until = language.moment(*pay_until, HOME);
                format!("Order {order} awaits payment. Pay before {until}.")
            }
            Self::OrderPaid { order, tickets: 1 } => format!("Order {order} is paid, your ticket is ready."),
            Self::OrderPaid { order, tickets } => {
                format!("Order {order} is paid, your {tickets} tickets are ready.")
            }
            Self::OrderExpired { order } => {
                format!("The time to pay order {order} is over. Its tickets went back on sale.")
            }
            Self::OrderCalledOff { order } => {
                format!(
                    "An event of order {order} was called off, so the order has ended. Please do not pay any more."
                )
            }
            Self::PaidTooLate { order, amount } => {
                format!("The payment of order {order} came too late. You will get {amount} back.")
            }
            Self::RefundStarted { order, amount } => {
                format!("Your refund of {amount} for order {order} is on its way.")
            }
            Self::RefundManual { order, amount } => {
                format!("Our team will transfer {amount} for order {order} to you. Please look at your mail.")
            }
            Self::RefundDone { order, amount } => format!("{amount} for order {order} went back to you."),
            Self::RefundFailed { order, amount } => format!(
                "The refund of {amount} for order {order} was not made: the money went back another way."
            ),
            Self::EventChanged(new) => {
                let (date, event, location) =
                    (language.moment(new.date, &new.zone), &new.event, &new.location);
                format!("Time or place of {event} changed: {date}, {location}.")
            }
            Self::EventCancelled { event } => {
                format!("{event} was called off. Your tickets are no longer valid.")
            }
            Self::EventReminder(soon) => {
                let (date, event, location) = (
                    language.moment(soon.date, &soon.zone),
                    &soon.event,
                    &soon.location,
                );
                format!("{event} begins soon: {date}, {location}. Have your tickets ready.")
            }
            Self::TicketPassedOn { ticket, event } => {
                format!("Your {ticket} ticket for {event} was accepted. Its old QR code is no longer valid.")
            }
            Self::TicketDeclined { ticket, event } => {
                format!("Your {ticket} ticket for {event} was not accepted. It is still yours.")
            }
            Self::TicketReceived { ticket, event } => {
                format!("A {ticket} ticket for {event} is yours now.")
            }
            Self::TicketVoid { ticket, event } => {
                format!("Your {ticket} ticket for {event} is no longer valid: its purchase was reversed.")
            }
            Self::ReviewHeld { ticket, hold } => {
                format!(
                    "Your review of {ticket} waits for a moderator: {}",
                    hold.in_words(language)
                )
            }
            Self::ReviewShown { ticket } => format!("Your review of {ticket} is shown now"),
            Self::ReviewHidden { ticket, reason } => format!("Your review of {ticket} was hidden: {reason}"),
            Self::ReviewReceived {
                ticket,
                event,
                rating,
            } => {
                format!("A new review of {ticket} ({event}): {rating} of 5 stars")
            }
            Self::WebhookDisabled { host } => {
                format!("Your webhook at {host} was disabled: it takes our messages no more")
            }
            Self::SoldOut { ticket, event } => format!("{ticket} tickets for {event} are sold out"),
            Self::TicketsOffered(turned) => {
                let (
                    until,
                    Turned {
                        ticket,
                        event,
                        quantity,
                        ..
                    },
                ) = (language.moment(turned.until, &turned.zone), turned);
                match quantity {
                    1 => format!(
                        "It is your turn: a {ticket} ticket for {event} is in your cart until {until}."
                    ),
                    _ => format!(
                        "It is your turn: {quantity} {ticket} tickets for {event} are in your cart until {until}."
                    ),
                }
            }
            Self::OfferLapsed { ticket, event } => format!(
                "The time to buy the {ticket} tickets for {event} that we kept for you is over. You can join the line again."
            ),
            Self::PromoOffered(offer) => {
                let (until, Offer { code, off, .. }) = (language.day(offer.until, HOME), offer);
                format!("New promo code {code} is available! Get {off} discount. Valid until {until}")
            }
            Self::PromoChanged(offer) => {
                let (until, Offer { code, off, .. }) = (language.day(offer.until, HOME), offer);
                format!(
                    "Promo code {code} has been updated! Now offering {off} discount. Valid until {until}"
                )
            }
            Self::PromoEnded { code } => format!("Promo code {code} is no longer available"),
            Self::SystemAlert {
                turn,
                condition,
                more,
            } => {
                let what = condition.text(language);
                let said = match turn {
                    Turn::Opened => format!("System alert: {what}."),
                    Turn::Lasts => format!("System alert, not over yet: {what}."),
                    Turn::Over => format!("System alert is over: {what}."),
                };
                if *more == 0 {
                    said
                } else {
                    format!("{said} And {more} more.")
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
