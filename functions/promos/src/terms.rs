//! What a code shall do, as requests say it, and when that contradicts itself.

use domain::audit::Changes;
use domain::change::Change;
use domain::percent::Percent;
use domain::promo::{IdList, Limits, Off, Promo, Terms, UseLimit};
use domain::{Error, EventId, FieldError, Rupiah, TicketTypeId, Timestamp, UserId};

web::input! {
    /// What a code does; absent fields stay as they are.
    pub(crate) struct TermsIn {
        /// Percent that it takes off: above 0 up to 100, with two digits after the point at most.
        discount: Option<Percent>,
        /// Rupiah that it takes off, in place of a percentage.
        amount: Option<Rupiah>,
        /// Most that it takes off an order, in rupiah; `null` for any amount.
        max_discount: Change<Rupiah>,
        /// What it covers has to cost that before discounts, in rupiah.
        min_spend: Option<Rupiah>,
        /// It is for these events …
        event_ids: Option<IdList<EventId>>,
        /// … and these ticket types; for all that its organizer sells if both are empty.
        ticket_ids: Option<IdList<TicketTypeId>>,
        /// Only for who has not ordered before.
        first_purchase_only: Option<bool>,
        /// Whether it may be combined with others that say the same.
        stackable: Option<bool>,
        /// It works from then …
        valid_from: Option<Timestamp>,
        /// … until then.
        valid_to: Option<Timestamp>,
        /// How often it may be used in all; `null` for any number of times.
        total_limit: Change<UseLimit>,
        /// How often each buyer may use it; `null` for any number of times.
        user_limit: Change<UseLimit>,
    }
}

impl TermsIn {
    /// The terms of a new code for this organizer's events. Within a campaign it works for the campaign's time unless said
    /// otherwise.
    ///
    /// # Errors
    /// Every field that is missing or contradicts another.
    pub(crate) fn of_new(
        self,
        organizer: Option<UserId>,
        campaign: Option<(Timestamp, Timestamp)>,
    ) -> Result<(Terms, Limits), Error> {
        let mut problems = Vec::new();
        let off = self.off(&mut problems);
        if off.is_none() && problems.is_empty() {
            problems.push(problem("discount", "\"discount\" or \"amount\" is required"));
        }
        let from = self.valid_from.or(campaign.map(|(from, _)| from));
        let to = self.valid_to.or(campaign.map(|(_, to)| to));
        for (field, at) in [("validFrom", from), ("validTo", to)] {
            if at.is_none() {
                problems.push(problem(field, &format!("\"{field}\" is required")));
            }
        }
        let (Some(off), Some(valid_from), Some(valid_to), true) = (off, from, to, problems.is_empty()) else {
            return Err(Error::invalid_fields(problems));
        };
        let usual = Terms {
            off,
            cap: None,
            min_spend: Rupiah::ZERO,
            organizer,
            events: Vec::new(),
            ticket_types: Vec::new(),
            first_purchase_only: false,
            stackable: false,
            valid_from,
            valid_to,
        };
        self.onto(&usual, Limits::default(), 0)
    }

    /// The terms with these changes, of a code that was used so often.
    ///
    /// # Errors
    /// Every field that contradicts another.
    pub(crate) fn onto(
        self,
        before: &Terms,
        limits: Limits,
        redeemed: u32,
    ) -> Result<(Terms, Limits), Error> {
        let mut problems = Vec::new();
        let off = self.off(&mut problems).unwrap_or(before.off);
        if self.max_discount == Change::Set(Rupiah::ZERO) {
            problems.push(problem("maxDiscount", "\"maxDiscount\" must be at least 1"));
        }
        let terms = Terms {
            off,
            cap: self.max_discount.of(before.cap),
            min_spend: self.min_spend.unwrap_or(before.min_spend),
            organizer: before.organizer,
            events: self
                .event_ids
                .map_or_else(|| before.events.clone(), IdList::into_inner),
            ticket_types: self
                .ticket_ids
                .map_or_else(|| before.ticket_types.clone(), IdList::into_inner),
            first_purchase_only: self.first_purchase_only.unwrap_or(before.first_purchase_only),
            stackable: self.stackable.unwrap_or(before.stackable),
            valid_from: self.valid_from.unwrap_or(before.valid_from),
            valid_to: self.valid_to.unwrap_or(before.valid_to),
        };
        let limits = Limits {
            total: self.total_limit.map(UseLimit::get).of(limits.total),
            per_user: self.user_limit.map(UseLimit::get).of(limits.per_user),
        };
        if terms.valid_from >= terms.valid_to {
            problems.push(problem("validTo", "\"validTo\" must be later than \"validFrom\""));
        }
        if limits.total.is_some_and(|most| most < redeemed) {
            let message = format!("\"totalLimit\" must be at least {redeemed}: so often it was used already");
            problems.push(problem("totalLimit", &message));
        }
        if problems.is_empty() {
            Ok((terms, limits))
        } else {
            Err(Error::invalid_fields(problems))
        }
    }

    fn off(&self, problems: &mut Vec<FieldError>) -> Option<Off> {
        match (self.discount, self.amount) {
            (Some(_), Some(_)) => {
                problems.push(problem(
                    "amount",
                    "Only one of \"discount\" and \"amount\" may be given",
                ));
                None
            }
            (_, Some(Rupiah::ZERO)) => {
                problems.push(problem("amount", "\"amount\" must be at least 1"));
                None
            }
            (Some(percent), None) => Some(Off::Percent(percent)),
            (None, Some(amount)) => Some(Off::Amount(amount)),
            (None, None) => None,
        }
    }
}

fn problem(field: &str, message: &str) -> FieldError {
    FieldError {
        field: field.to_owned(),
        message: message.to_owned(),
    }
}

/// What the audit log says about a new code.
pub(crate) fn changes_of_new(promo: &Promo) -> Changes {
    let changes = Changes::none()
        .set("code", &promo.code)
        .set("validFrom", promo.terms.valid_from)
        .set("validTo", promo.terms.valid_to);
    match promo.terms.off {
        Off::Percent(percent) => changes.set("discount", percent),
        Off::Amount(amount) => changes.set("amount", amount),
    }
}

/// What is different after a change.
pub(crate) fn changes_between(before: &Promo, after: &Promo) -> Changes {
    let percent = |promo: &Promo| match promo.terms.off {
        Off::Percent(percent) => Some(percent),
        Off::Amount(_) => None,
    };
    let amount = |promo: &Promo| match promo.terms.off {
        Off::Percent(_) => None,
        Off::Amount(amount) => Some(amount),
    };
    let (old, new) = (&before.terms, &after.terms);
    Changes::none()
        .moved("code", &before.code, &after.code)
        .moved("discount", &percent(before), &percent(after))
        .moved("amount", &amount(before), &amount(after))
        .moved("maxDiscount", &old.cap, &new.cap)
        .moved("minSpend", &old.min_spend, &new.min_spend)
        .moved("eventIds", &old.events, &new.events)
        .moved("ticketIds", &old.ticket_types, &new.ticket_types)
        .moved(
            "firstPurchaseOnly",
            &old.first_purchase_only,
            &new.first_purchase_only,
        )
        .moved("stackable", &old.stackable, &new.stackable)
        .moved("validFrom", &old.valid_from, &new.valid_from)
        .moved("validTo", &old.valid_to, &new.valid_to)
        .moved("totalLimit", &before.limits.total, &after.limits.total)
        .moved("userLimit", &before.limits.per_user, &after.limits.per_user)
}
