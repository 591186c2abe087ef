//! What a payment page lists.

use db::orders::{Order, OrderItem};
use domain::Rupiah;
use gateway::Item;

/// The lines of a payment page: the tickets at their prices, then what promo codes take off, fees and taxes. The gateway refuses
/// lines whose sum is not what it shall collect.
pub(crate) fn page_items(order: &Order, lines: &[OrderItem], promos: &[(String, Rupiah)]) -> Vec<Item> {
    let tickets = lines.iter().map(|line| Item {
        id: line.ticket_type_id.to_string(),
        name: format!("{} - {}", line.event_name, line.ticket_name),
        price: line.unit_price.get(),
        quantity: line.quantity,
        category: "ticket".to_owned(),
    });
    let discounts = promos
        .iter()
        .map(|(code, off)| sum("DISCOUNT", format!("Promo: {code}"), "discount", -off.get()));
    let added = [
        ("FEE", "Service fee", "fee", order.fee),
        ("TAX", "Tax", "tax", order.tax),
    ];
    let added = added
        .into_iter()
        .filter(|(.., amount)| *amount > Rupiah::ZERO)
        .map(|(id, name, category, amount)| sum(id, name.to_owned(), category, amount.get()));
    tickets.chain(discounts).chain(added).collect()
}

fn sum(id: &str, name: String, category: &str, price: i64) -> Item {
    Item {
        id: id.to_owned(),
        name,
        price,
        quantity: 1,
        category: category.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::order::OrderStatus;
    use domain::percent::Percent;
    use domain::price::{Line, ServiceFee, TaxRate, price};
    use domain::promo::{Off, Terms};
    use domain::{EventId, OrderId, OrderItemId, TicketTypeId, Timestamp, UserId};
    use proptest::prelude::*;

    fn some_lines() -> impl Strategy<Value = Vec<Line>> {
        let one = (0i64..3_000_000, 1u32..50, 0i64..20_000, 0u32..=5_000);
        proptest::collection::vec(one, 1..20).prop_map(|all| {
            let made = all
                .into_iter()
                .zip(1..)
                .map(|((price, quantity, fee, tax), id)| Line {
                    ticket_type: TicketTypeId::new(id),
                    event: EventId::new(1),
                    organizer: UserId::new(1),
                    unit_price: Rupiah::new(price).unwrap(),
                    quantity,
                    service_fee: ServiceFee::new(fee).unwrap(),
                    tax_rate: TaxRate::new(tax).unwrap(),
                });
            made.collect()
        })
    }

    fn terms(off: Off) -> Terms {
        Terms {
            off,
            cap: None,
            min_spend: Rupiah::ZERO,
            organizer: None,
            events: Vec::new(),
            ticket_types: Vec::new(),
            first_purchase_only: false,
            stackable: true,
            valid_from: Timestamp::parse("2000-01-01").unwrap(),
            valid_to: Timestamp::parse("2100-01-01").unwrap(),
        }
    }

    proptest! {
        #[test]
        fn the_lines_of_a_page_sum_up_to_what_is_charged(
            lines in some_lines(), percent in 1u32..=10_000, amount in 1i64..5_000_000, codes in 0usize..3,
        ) {
            let offs = [Off::Percent(Percent::new(percent).unwrap()), Off::Amount(Rupiah::new(amount).unwrap())];
            let promos: Vec<_> = offs.into_iter().take(codes).map(terms).collect();
            let Ok(priced) = price(&lines, &promos.iter().collect::<Vec<_>>()) else { return Ok(()) };
            let at = Timestamp::parse("2030-01-01").unwrap();
            let order = Order {
                id: OrderId::new(1),
                code: "ORDER-1".to_owned(),
                user_id: UserId::new(1),
                status: OrderStatus::Pending,
                subtotal: priced.subtotal,
                discount: priced.discount,
                fee: priced.fee,
                tax: priced.tax,
                total: priced.total,
                expires_at: at,
                created_at: at,
            };
            let items = priced.lines.iter().map(|priced| OrderItem {
                id: OrderItemId::new(1),
                ticket_type_id: priced.line.ticket_type,
                ticket_name: "Festival".to_owned(),
                event_name: "Java Jazz".to_owned(),
                unit_price: priced.line.unit_price,
                quantity: priced.line.quantity,
                charged: priced.charged,
                stripes: 1,
                seated: false,
                seats: None,
            });
            let codes: Vec<_> = priced.promos.iter().map(|off| ("CODE".to_owned(), *off)).collect();
            let listed = page_items(&order, &items.collect::<Vec<_>>(), &codes);
            let sum: i64 = listed.iter().map(|item| item.price * i64::from(item.quantity)).sum();
            prop_assert_eq!(sum, order.total.get());
        }
    }
}
