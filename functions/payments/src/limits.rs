//! How often payments may be begun. No person meets these limits, and neither do the many who share the address of
//! a mobile network at the beginning of a sale: they stop programs. Whoever counts is the table; if it is away, everything
//! passes uncounted, because what may be lost must not stop sales.

use crate::App;
use domain::Timestamp;
use domain::rate::Limit;
use web::{Caller, ClientIp, Quota};

const ACCOUNT: Limit = Limit {
    action: "payments-account",
    uses: 120,
    window_seconds: 60,
};
const CALLER: Limit = Limit {
    action: "payments-caller",
    uses: 1_500,
    window_seconds: 60,
};

/// Counts a payment that is begun, by account and by IP address.
pub(crate) async fn begin(
    app: &App,
    ip: &ClientIp,
    caller: Caller,
    now: Timestamp,
) -> web::Result<Option<Quota>> {
    let account = caller.id.to_string();
    let by_ip = CALLER.times(app.caller_factor);
    let uses = [(ACCOUNT, account.as_str()), (by_ip, ip.0.as_str())];
    let counted = app.store.use_up_both_if_there(uses, now).await;
    let message = "Too many payments were begun. Please try again in a minute.";
    Quota::of_all(counted, message)
}
