use crate::{App, CartItemOut, places};
use axum::extract::State;
use domain::Rupiah;
use domain::price::{Price, price};
use domain::promo_code::{PromoCode, PromoCodes};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Caller, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/cart",
    Access::User,
    "get_cart",
    "Read the cart, newest row first, and what it costs with a promo code",
)
.query::<CartQuery>()
.data::<CartOut>()
.conflicts(&["promo_used_up", "promo_limit_reached"]);

web::input! {
    /// What to price the cart with.
    pub(crate) struct CartQuery {
        /// A promo code, or several with commas between if all of them may be combined.
        promo_code: Option<PromoCodes>,
    }
}

/// The cart.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CartOut {
    items: Vec<CartItemOut>,
    /// Sum of price times quantity, in rupiah.
    total: i64,
    /// How many rows.
    total_items: usize,
    /// What checkout would charge at this moment; null if the cart is too large to be ordered.
    price: Option<PriceOut>,
}

/// What an order would cost.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PriceOut {
    /// Prices of all tickets, in rupiah.
    subtotal: Rupiah,
    /// What promo codes take off, in rupiah.
    discount: Rupiah,
    /// Service fees, in rupiah.
    fee: Rupiah,
    /// Taxes, in rupiah.
    tax: Rupiah,
    /// What would be charged, in rupiah: `subtotal - discount + fee + tax`.
    total: Rupiah,
    /// The promo codes, and what each takes off.
    promo_codes: Vec<UsedPromoOut>,
}

/// A promo code of a price.
#[derive(Debug, Serialize, JsonSchema)]
struct UsedPromoOut {
    /// The code.
    code: PromoCode,
    /// What it takes off, in rupiah.
    discount: Rupiah,
}

pub(crate) async fn get_cart(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<CartQuery>,
) -> web::Result<Answer<CartOut>> {
    let now = app.clock.now();
    let codes = query.promo_code.unwrap_or_default();
    let conn = app.db.conn().await?;
    let rows = db::cart::list(&conn, caller.id).await?;
    let promos = db::promos::for_purchase(&conn, &codes, caller.id, now).await?;
    let total = rows
        .iter()
        .map(|(item, full)| full.ticket.price.get() * i64::from(item.quantity))
        .sum();
    let lines: Vec<_> = rows.iter().map(|(item, full)| full.line(item.quantity)).collect();
    let terms: Vec<_> = promos.iter().map(|stored| &stored.promo.terms).collect();
    let priced = match price(&lines, &terms) {
        Ok(price) => Some(PriceOut::new(
            &price,
            promos.into_iter().map(|stored| stored.promo.code),
        )),
        Err(_) if codes.is_empty() => None,
        Err(refused) => return Err(refused.into()),
    };
    let seats = places(&conn, &rows.iter().map(|(item, _)| item).collect::<Vec<_>>()).await?;
    let items: Vec<_> = rows
        .into_iter()
        .map(|(item, full)| CartItemOut::of(&item, full, &seats, now))
        .collect();
    Ok(Answer::ok(CartOut {
        total,
        total_items: items.len(),
        items,
        price: priced,
    }))
}

impl PriceOut {
    fn new(price: &Price, codes: impl Iterator<Item = PromoCode>) -> Self {
        let codes = codes.zip(&price.promos);
        Self {
            subtotal: price.subtotal,
            discount: price.discount,
            fee: price.fee,
            tax: price.tax,
            total: price.total,
            promo_codes: codes
                .map(|(code, discount)| UsedPromoOut {
                    code,
                    discount: *discount,
                })
                .collect(),
        }
    }
}
