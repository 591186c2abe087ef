//! What an order costs. One function serves the preview, the cart and the order, so what is shown is what is charged.
//!
//! The rules, per line of an order:
//!
//! 1. The price is the price of one, as many times as are bought.
//! 2. Promo codes take their discount off the price, see [`crate::promo`]. Each is computed once for the whole order, rounded half
//!    up to whole rupiah, and then split over its lines by [`split`], so the lines' discounts sum exactly to the order's.
//! 3. The event's service fee is added for every ticket, unless nothing is left of the line's price: what is free stays free.
//! 4. The event's tax is added. It is charged on the discounted price and the fee, rounded half up per line.
//!
//! The order's sums are the sums of its lines, so they agree whatever was rounded. A ticket that is refunded alone is worth its
//! [`share`] of what its line was charged.

use crate::promo::{PromoError, Terms};
use crate::{Error, EventId, Rupiah, TicketTypeId, UserId};

/// What an organizer adds for each ticket that costs something: 0 to 1,000,000 rupiah.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct ServiceFee(#[schemars(range(min = 0, max = 1_000_000))] i64);

impl ServiceFee {
    /// Most rupiah per ticket.
    pub const MAX: i64 = 1_000_000;

    /// The fee, unless it is negative or above [`ServiceFee::MAX`].
    pub const fn new(amount: i64) -> Option<Self> {
        if amount >= 0 && amount <= Self::MAX {
            Some(Self(amount))
        } else {
            None
        }
    }

    /// Whole rupiah.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl<'de> serde::Deserialize<'de> for ServiceFee {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let amount = crate::text::whole_number(input)?;
        Self::new(amount)
            .ok_or_else(|| serde::de::Error::custom(format!("must be between 0 and {} rupiah", Self::MAX)))
    }
}

/// A tax in hundredths of a percent: `1100` is 11 %. At most 50 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct TaxRate(#[schemars(range(min = 0, max = 5_000))] u32);

impl TaxRate {
    /// Half of the price.
    pub const MAX: u32 = 5_000;

    /// The rate, unless it is above [`TaxRate::MAX`].
    pub const fn new(hundredths: u32) -> Option<Self> {
        if hundredths <= Self::MAX {
            Some(Self(hundredths))
        } else {
            None
        }
    }

    /// Hundredths of a percent.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl<'de> serde::Deserialize<'de> for TaxRate {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let rate = crate::text::whole_number(input)?;
        u32::try_from(rate).ok().and_then(Self::new).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "must be between 0 and {} hundredths of a percent",
                Self::MAX
            ))
        })
    }
}

/// One line of an order: so many of one ticket type at the price and the terms of the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What is bought.
    pub ticket_type: TicketTypeId,
    /// Of which event.
    pub event: EventId,
    /// Whose event.
    pub organizer: UserId,
    /// Price of one, fixed when the order is made.
    pub unit_price: Rupiah,
    /// How many.
    pub quantity: u32,
    /// What the event adds for each.
    pub service_fee: ServiceFee,
    /// Tax of the event.
    pub tax_rate: TaxRate,
}

impl Line {
    /// Price of the line before discounts, unless it is above what an amount may be.
    pub fn subtotal(&self) -> Option<Rupiah> {
        self.unit_price.times(self.quantity)
    }
}

/// A line and what is charged for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricedLine {
    /// The line.
    pub line: Line,
    /// Price before discounts.
    pub subtotal: Rupiah,
    /// Taken off the price.
    pub discount: Rupiah,
    /// Service fee.
    pub fee: Rupiah,
    /// Tax.
    pub tax: Rupiah,
    /// `subtotal - discount + fee + tax`.
    pub charged: Rupiah,
}

/// What an order costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// Its lines, as they were given.
    pub lines: Vec<PricedLine>,
    /// What each promo code takes off, as they were given.
    pub promos: Vec<Rupiah>,
    /// Sum of the lines before discounts.
    pub subtotal: Rupiah,
    /// Taken off the subtotal.
    pub discount: Rupiah,
    /// Service fees.
    pub fee: Rupiah,
    /// Taxes.
    pub tax: Rupiah,
    /// What is charged: `subtotal - discount + fee + tax`.
    pub total: Rupiah,
}

/// Prices the lines of an order with its promo codes, which are applied one after the other, each to what the one before
/// left. See the module for the rules.
///
/// # Errors
/// `amount_too_large` if a sum leaves the range of an amount; a [`PromoError`] if a code gives nothing here.
pub fn price(lines: &[Line], promos: &[&Terms]) -> Result<Price, Error> {
    let too_large = || Error::invalid("amount_too_large", "The order is too large");
    let subtotals = lines.iter().map(Line::subtotal).collect::<Option<Vec<_>>>();
    let subtotals = subtotals.ok_or_else(too_large)?;
    let (discounts, promos) = take_off(lines, &subtotals, promos)?;
    let mut priced = Vec::with_capacity(lines.len());
    for ((line, subtotal), discount) in lines.iter().zip(subtotals).zip(discounts) {
        priced.push(charge(line, subtotal, discount).ok_or_else(too_large)?);
    }
    let sum = |of: fn(&PricedLine) -> Rupiah| {
        priced
            .iter()
            .try_fold(Rupiah::ZERO, |sum, line| sum.plus(of(line)))
            .ok_or_else(too_large)
    };
    Ok(Price {
        subtotal: sum(|line| line.subtotal)?,
        discount: sum(|line| line.discount)?,
        fee: sum(|line| line.fee)?,
        tax: sum(|line| line.tax)?,
        total: sum(|line| line.charged)?,
        lines: priced,
        promos,
    })
}

/// What promo codes take off each line, and each of them in all.
fn take_off(
    lines: &[Line],
    subtotals: &[Rupiah],
    promos: &[&Terms],
) -> Result<(Vec<Rupiah>, Vec<Rupiah>), PromoError> {
    let mut left = subtotals.to_vec();
    let mut sums = Vec::with_capacity(promos.len());
    for promo in promos {
        let covered = |of: &[Rupiah]| -> Vec<Rupiah> {
            let amounts = lines.iter().zip(of);
            amounts
                .map(
                    |(line, amount)| {
                        if promo.covers(line) { *amount } else { Rupiah::ZERO }
                    },
                )
                .collect()
        };
        let bases = covered(&left);
        let off = promo.off(&covered(subtotals), &bases)?;
        for (left, taken) in left.iter_mut().zip(split(off, &bases)) {
            *left = left.minus(taken).unwrap_or(Rupiah::ZERO);
        }
        sums.push(off);
    }
    let discounts = subtotals.iter().zip(left);
    let discounts = discounts
        .map(|(subtotal, left)| subtotal.minus(left).unwrap_or(Rupiah::ZERO))
        .collect();
    Ok((discounts, sums))
}

fn charge(line: &Line, subtotal: Rupiah, discount: Rupiah) -> Option<PricedLine> {
    let left = subtotal.minus(discount)?;
    let fee = if left == Rupiah::ZERO {
        Rupiah::ZERO
    } else {
        Rupiah::new(line.service_fee.get())?.times(line.quantity)?
    };
    let taxed = left.plus(fee)?;
    let tax = part(taxed, line.tax_rate.get())?;
    Some(PricedLine {
        line: line.clone(),
        subtotal,
        discount,
        fee,
        tax,
        charged: taxed.plus(tax)?,
    })
}

/// So many hundredths of a percent of an amount, rounded half up to whole rupiah.
pub(crate) fn part(amount: Rupiah, hundredths: u32) -> Option<Rupiah> {
    // Both are far too small for the product to overflow.
    Rupiah::new((amount.get() * i64::from(hundredths) + 5_000) / 10_000)
}

/// Splits an amount in the proportion of some bases, exactly: each gets its share rounded down, and what is left goes one
/// rupiah at a time to those whose fractions were cut most, the earlier of equals first (largest remainder). Of an amount
/// that is not above the sum of the bases, nobody gets more than the own base.
pub fn split(amount: Rupiah, bases: &[Rupiah]) -> Vec<Rupiah> {
    let sum: i128 = bases.iter().map(|base| i128::from(base.get())).sum();
    if sum == 0 {
        return vec![Rupiah::ZERO; bases.len()];
    }
    let exact = |base: &Rupiah| i128::from(amount.get()) * i128::from(base.get());
    let mut shares: Vec<i128> = bases.iter().map(|base| exact(base) / sum).collect();
    let missing = i128::from(amount.get()) - shares.iter().sum::<i128>();
    let mut order: Vec<(usize, i128)> = bases.iter().map(|base| exact(base) % sum).enumerate().collect();
    order.sort_by_key(|(place, cut)| (-cut, *place));
    for ((place, _), _) in order.iter().zip(0..missing) {
        if let Some(share) = shares.get_mut(*place) {
            *share += 1;
        }
    }
    let whole = |share: i128| i64::try_from(share).ok().and_then(Rupiah::new);
    shares
        .into_iter()
        .map(|share| whole(share).unwrap_or(Rupiah::ZERO))
        .collect()
}

/// What one unit of a line is worth, of all that was charged for the line: the parts are as equal as whole rupiah allow, the
/// first ones get what does not divide, and together they are exactly the charge. Units count from 1; there is nothing for
/// others.
pub fn share(charged: Rupiah, quantity: u32, unit: u32) -> Rupiah {
    if unit == 0 || unit > quantity {
        return Rupiah::ZERO;
    }
    let (each, rest) = (
        charged.get() / i64::from(quantity),
        charged.get() % i64::from(quantity),
    );
    Rupiah::new(each + i64::from(i64::from(unit) <= rest)).unwrap_or(Rupiah::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::percent::Percent;
    use crate::promo::Off;
    use proptest::prelude::*;

    fn rupiah(amount: i64) -> Rupiah {
        Rupiah::new(amount).unwrap()
    }

    fn line(unit_price: i64, quantity: u32, service_fee: i64, tax_rate: u32) -> Line {
        Line {
            ticket_type: TicketTypeId::new(1),
            event: EventId::new(1),
            organizer: UserId::new(1),
            unit_price: rupiah(unit_price),
            quantity,
            service_fee: ServiceFee::new(service_fee).unwrap(),
            tax_rate: TaxRate::new(tax_rate).unwrap(),
        }
    }

    fn off(off: Off) -> Terms {
        Terms {
            off,
            ..Terms::default()
        }
    }

    fn percent(hundredths: u32) -> Terms {
        off(Off::Percent(Percent::new(hundredths).unwrap()))
    }

    #[test]
    fn fee_and_tax_come_on_the_discounted_price() {
        let priced = price(&[line(100_000, 2, 2_500, 1_100)], &[&percent(1_000)]).unwrap();
        assert_eq!(priced.subtotal, rupiah(200_000));
        assert_eq!(priced.discount, rupiah(20_000));
        assert_eq!(priced.fee, rupiah(5_000));
        assert_eq!(priced.tax, rupiah(20_350), "11 % of 185,000");
        assert_eq!(priced.total, rupiah(205_350));
    }

    #[test]
    fn what_is_free_stays_free_of_fees_and_taxes() {
        let free = price(&[line(0, 3, 2_500, 1_100)], &[]).unwrap();
        assert_eq!(free.total, Rupiah::ZERO);
        let discounted = price(&[line(50_000, 1, 2_500, 1_100)], &[&percent(10_000)]).unwrap();
        assert_eq!(
            (discounted.discount, discounted.total),
            (rupiah(50_000), Rupiah::ZERO)
        );
    }

    #[test]
    fn halves_are_rounded_up_once_for_the_whole_order() {
        // 10 % of 3 × 33,335 is 10,000.5: 10,001 in all, although each line alone would be rounded up as well.
        let lines = [
            line(33_335, 1, 0, 0),
            line(33_335, 1, 0, 0),
            line(33_335, 1, 0, 0),
        ];
        let priced = price(&lines, &[&percent(1_000)]).unwrap();
        assert_eq!(priced.discount, rupiah(10_001));
        let discounts: Vec<_> = priced.lines.iter().map(|line| line.discount.get()).collect();
        assert_eq!(discounts, [3_334, 3_334, 3_333]);
    }

    #[test]
    fn a_second_code_takes_from_what_the_first_left() {
        let (half, amount) = (percent(5_000), off(Off::Amount(rupiah(80_000))));
        let priced = price(&[line(100_000, 1, 0, 0)], &[&half, &amount]).unwrap();
        assert_eq!(priced.promos, [rupiah(50_000), rupiah(50_000)]);
        assert_eq!(priced.total, Rupiah::ZERO);
    }

    #[test]
    fn units_of_a_line_are_worth_what_it_was_charged() {
        let shares: Vec<_> = (0..=4).map(|unit| share(rupiah(100), 3, unit).get()).collect();
        assert_eq!(shares, [0, 34, 33, 33, 0]);
    }

    #[test]
    fn sums_beyond_the_range_are_refused() {
        let huge = |quantity, tax_rate| line(Rupiah::MAX.get(), quantity, 0, tax_rate);
        for lines in [
            vec![huge(2, 0)],
            vec![huge(1, 1)],
            vec![huge(1, 0), line(1, 1, 0, 0)],
        ] {
            assert_eq!(price(&lines, &[]).unwrap_err().code, "amount_too_large");
        }
        assert!(price(&[huge(1, 0)], &[&percent(9_999)]).is_ok());
    }

    fn some_lines() -> impl Strategy<Value = Vec<Line>> {
        let one = (0i64..3_000_000, 1u32..50, 0i64..20_000, 0u32..=5_000, 1i64..4);
        proptest::collection::vec(one, 1..20).prop_map(|all| {
            let made = all
                .into_iter()
                .zip(1..)
                .map(|((price, quantity, fee, tax, event), id)| Line {
                    ticket_type: TicketTypeId::new(id),
                    event: EventId::new(event),
                    ..line(price, quantity, fee, tax)
                });
            made.collect()
        })
    }

    fn some_terms() -> impl Strategy<Value = Vec<Terms>> {
        let off = prop_oneof![
            (1u32..=10_000).prop_map(|part| Off::Percent(Percent::new(part).unwrap())),
            (1i64..200_000_000).prop_map(|amount| Off::Amount(rupiah(amount))),
        ];
        let cap = proptest::option::of((1i64..1_000_000).prop_map(rupiah));
        let events = proptest::option::of((1i64..4).prop_map(EventId::new));
        let one = (off, cap, events).prop_map(|(off, cap, event)| Terms {
            off,
            cap,
            events: event.into_iter().collect(),
            ..Terms::default()
        });
        proptest::collection::vec(one, 0..4)
    }

    proptest! {
        #[test]
        fn every_sum_is_the_sum_of_its_parts(lines in some_lines(), promos in some_terms()) {
            // A code may give nothing here; all others have to add up.
            let Ok(priced) = price(&lines, &promos.iter().collect::<Vec<_>>()) else { return Ok(()) };
            let sum = |of: fn(&PricedLine) -> Rupiah| priced.lines.iter().map(|line| of(line).get()).sum::<i64>();
            prop_assert_eq!(sum(|line| line.subtotal), priced.subtotal.get());
            prop_assert_eq!(sum(|line| line.discount), priced.discount.get());
            prop_assert_eq!(sum(|line| line.fee), priced.fee.get());
            prop_assert_eq!(sum(|line| line.tax), priced.tax.get());
            prop_assert_eq!(sum(|line| line.charged), priced.total.get());
            prop_assert_eq!(priced.promos.iter().map(|off| off.get()).sum::<i64>(), priced.discount.get());
            prop_assert_eq!(
                priced.subtotal.get() - priced.discount.get() + priced.fee.get() + priced.tax.get(), priced.total.get());
            for line in &priced.lines {
                prop_assert!(line.discount <= line.subtotal);
                prop_assert_eq!(
                    line.subtotal.get() - line.discount.get() + line.fee.get() + line.tax.get(), line.charged.get());
                let quantity = line.line.quantity;
                let shares: Vec<_> = (1..=quantity).map(|unit| share(line.charged, quantity, unit).get()).collect();
                prop_assert_eq!(shares.iter().sum::<i64>(), line.charged.get());
                prop_assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
            }
        }

        #[test]
        fn a_discount_touches_only_what_its_code_covers(lines in some_lines(), part in 1u32..=10_000) {
            let promo = Terms { events: vec![EventId::new(2)], ..percent(part) };
            let Ok(priced) = price(&lines, &[&promo]) else { return Ok(()) };
            for line in priced.lines.iter().filter(|line| line.line.event != EventId::new(2)) {
                prop_assert_eq!(line.discount, Rupiah::ZERO);
            }
        }

        #[test]
        fn a_split_is_exact_and_within_the_bases(bases in proptest::collection::vec(0..=Rupiah::MAX.get(), 1..20), part in 0.0..=1.0f64) {
            let sum: i64 = bases.iter().sum();
            let amount = rupiah(((sum as f64 * part) as i64).min(Rupiah::MAX.get()).min(sum));
            let bases: Vec<_> = bases.into_iter().map(rupiah).collect();
            let shares = split(amount, &bases);
            prop_assert_eq!(shares.iter().map(|share| share.get()).sum::<i64>(), amount.get());
            for (share, base) in shares.iter().zip(&bases) {
                prop_assert!(share <= base);
            }
        }
    }

    #[test]
    fn hostile_fees_and_rates_are_refused() {
        for bad in ["-1", "1.5", "1000001", "1e309", "\"\"", "null", "true", "\"1e3\""] {
            assert!(serde_json::from_str::<ServiceFee>(bad).is_err(), "{bad}");
        }
        for bad in ["-1", "10.5", "5001", "\"11%\"", "null", "[]"] {
            assert!(serde_json::from_str::<TaxRate>(bad).is_err(), "{bad}");
        }
        assert_eq!(serde_json::from_str::<TaxRate>("\"1100\"").unwrap().get(), 1_100);
        assert_eq!(serde_json::from_str::<ServiceFee>("2500.0").unwrap().get(), 2_500);
    }
}
