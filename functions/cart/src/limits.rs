//! How often the cart may be written. No person meets these limits, and neither do the many who share the address of
//! a mobile network at the beginning of a sale: they stop programs. Whoever counts is the table; if it is away, everything
//! passes uncounted, because what may be lost must not stop sales.

use crate::App;
use domain::Timestamp;
use domain::rate::Limit;
use web::{Caller, ClientIp, Quota};

const ACCOUNT: Limit = Limit {
    action: "cart-account",
    uses: 240,
    window_seconds: 60,
};
const CALLER: Limit = Limit {
    action: "cart-caller",
    uses: 3_000,
    window_seconds: 60,
};

/// Counts a change of the cart, by account and by IP address.
pub(crate) async fn write(
    app: &App,
    ip: &ClientIp,
    caller: Caller,
    now: Timestamp,
) -> web::Result<Option<Quota>> {
    let account = caller.id.to_string();
    let by_ip = CALLER.times(app.caller_factor);
    let uses = [(ACCOUNT, account.as_str()), (by_ip, ip.0.as_str())];
    let counted = app.store.use_up_both_if_there(uses, now).await;
    let message = "Too many changes of the cart. Please try again in a minute.";
    Quota::of_all(counted, message)
}
