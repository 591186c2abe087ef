//! How often codes may be tried. A person types a few; a program that guesses is stopped. Whoever counts is the table; if it is
//! away, everything passes uncounted, because what may be lost must not stop sales.

use crate::App;
use domain::Timestamp;
use domain::rate::Limit;
use web::{ClientIp, Quota};

const CALLER: Limit = Limit {
    action: "promos-caller",
    uses: 120,
    window_seconds: 60,
};

/// Counts a code that somebody tries, by IP address.
pub(crate) async fn tried(app: &App, ip: &ClientIp, now: Timestamp) -> web::Result<Option<Quota>> {
    let by_ip = CALLER.times(app.caller_factor);
    let counted = app.store.use_up_if_there(by_ip, &ip.0, now).await;
    let message = "Too many promo codes were tried. Please try again in a minute.";
    Quota::of_all([(by_ip, counted)], message)
}
