//! The terms of sale of a ticket type, and when they contradict each other.

use db::ticket_types::TicketType;
use domain::change::Change;
use domain::ticket::Quantity;
use domain::{Error, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

/// A limit per order or per buyer: 1 to 1,000.
#[derive(Debug, Clone, Copy, JsonSchema)]
pub(crate) struct Limit(#[schemars(range(min = 1, max = 1000))] u32);

impl Limit {
    pub(crate) const fn get(self) -> u32 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let limit = Quantity::deserialize(input);
        limit
            .map(|limit| Self(limit.get()))
            .map_err(|_| serde::de::Error::custom("must be a whole number between 1 and 1000"))
    }
}

/// When and how many at once.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) sales_start: Option<Timestamp>,
    pub(crate) sales_end: Option<Timestamp>,
    pub(crate) min_per_order: u32,
    pub(crate) max_per_order: u32,
    pub(crate) max_per_user: Option<u32>,
}

impl Terms {
    /// The terms that hold unless the organizer says otherwise.
    pub(crate) const USUAL: Self = Self {
        sales_start: None,
        sales_end: None,
        min_per_order: 1,
        max_per_order: 10,
        max_per_user: None,
    };

    /// The terms of a ticket type as it stands.
    pub(crate) const fn of(ticket: &TicketType) -> Self {
        Self {
            sales_start: ticket.sales_start,
            sales_end: ticket.sales_end,
            min_per_order: ticket.min_per_order,
            max_per_order: ticket.max_per_order,
            max_per_user: ticket.max_per_user,
        }
    }

    /// The terms with changes on top.
    pub(crate) fn with(
        self,
        sales: (Change<Timestamp>, Change<Timestamp>),
        per_order: (Option<Limit>, Option<Limit>),
        per_user: Change<Limit>,
    ) -> Self {
        Self {
            sales_start: sales.0.of(self.sales_start),
            sales_end: sales.1.of(self.sales_end),
            min_per_order: per_order.0.map_or(self.min_per_order, Limit::get),
            max_per_order: per_order.1.map_or(self.max_per_order, Limit::get),
            max_per_user: per_user.map(Limit::get).of(self.max_per_user),
        }
    }

    /// Refuses terms under which nothing could ever be bought.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if let (Some(start), Some(end)) = (self.sales_start, self.sales_end)
            && start >= end
        {
            let message = "\"salesEnd\" must be later than \"salesStart\"";
            return Err(Error::invalid_field("salesEnd", message));
        }
        for (field, most) in [
            ("maxPerOrder", Some(self.max_per_order)),
            ("maxPerUser", self.max_per_user),
        ] {
            if most.is_some_and(|most| most < self.min_per_order) {
                let message = format!("\"{field}\" must be at least \"minPerOrder\"");
                return Err(Error::invalid_field(field, message));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_that_let_nobody_buy_are_refused() {
        let at = Timestamp::parse;
        let (early, late) = (at("2030-01-01"), at("2030-01-02"));
        let with = |sales: (Option<_>, Option<_>), order: (u32, u32), user: Option<u32>| {
            let order = (Some(Limit(order.0)), Some(Limit(order.1)));
            let sales = (sales.0.into(), sales.1.into());
            let terms = Terms::USUAL.with(sales, order, user.map(Limit).into());
            terms.check().map_err(|error| error.fields[0].field.clone())
        };
        assert_eq!(with((early, late), (1, 1), Some(1)), Ok(()));
        assert_eq!(with((late, None), (2, 4), None), Ok(()));
        assert_eq!(with((late, late), (1, 1), None).unwrap_err(), "salesEnd");
        assert_eq!(with((late, early), (1, 1), None).unwrap_err(), "salesEnd");
        assert_eq!(with((None, None), (3, 2), None).unwrap_err(), "maxPerOrder");
        assert_eq!(with((None, None), (3, 4), Some(2)).unwrap_err(), "maxPerUser");
    }
}
