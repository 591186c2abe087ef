//! Which payments a list shows.

use db::payments::Filter;
use domain::payment::PaymentStatus;
use domain::{Error, EventId, Timestamp, UserId};
use form_urlencoded::Serializer;

/// Longest name of an order that is looked for: ours have 38 characters.
const LONGEST_CODE: usize = 100;

/// What a caller asks for.
#[derive(Debug)]
pub(crate) struct Which {
    pub(crate) status: Option<PaymentStatus>,
    pub(crate) user: Option<UserId>,
    pub(crate) event: Option<EventId>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
    pub(crate) order: Option<String>,
    pub(crate) paid_twice: bool,
}

impl Which {
    /// Refuses what cannot be meant.
    ///
    /// # Errors
    /// If the time ends before it begins, or the name of the order is too long for one.
    pub(crate) fn check(&self) -> domain::Result<()> {
        if let (Some(from), Some(until)) = (self.from, self.until)
            && until <= from
        {
            return Err(Error::invalid_field(
                "endDate",
                "\"endDate\" must be after \"startDate\"",
            ));
        }
        if self
            .order
            .as_ref()
            .is_some_and(|order| order.len() > LONGEST_CODE)
        {
            let message = format!("\"orderId\" must be at most {LONGEST_CODE} characters long");
            return Err(Error::invalid_field("orderId", message));
        }
        Ok(())
    }

    /// As the database is asked.
    pub(crate) fn filter(&self) -> Filter<'_> {
        Filter {
            payer: self.user,
            status: self.status,
            event: self.event,
            from: self.from,
            until: self.until,
            order_code: self.order.as_deref(),
            paid_twice: self.paid_twice,
        }
    }

    /// As a query that asks for the same, with `&` at its end.
    pub(crate) fn query(&self) -> String {
        let mut query = Serializer::new(String::new());
        let mut add = |name, value: Option<String>| {
            if let Some(value) = value {
                query.append_pair(name, &value);
            }
        };
        add("status", self.status.map(|status| status.as_str().to_owned()));
        add("userId", self.user.map(|user| user.to_string()));
        add("eventId", self.event.map(|event| event.to_string()));
        add("startDate", self.from.map(|from| from.to_string()));
        add("endDate", self.until.map(|until| until.to_string()));
        add("orderId", self.order.clone());
        add("paidTwice", self.paid_twice.then(|| "true".to_owned()));
        let query = query.finish();
        if query.is_empty() {
            query
        } else {
            format!("{query}&")
        }
    }
}
