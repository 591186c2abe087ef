use crate::reset::{CODE_SECONDS, Otp, ResetToken, open};
use crate::{App, limits};
use axum::extract::State;
use db::password_resets;
use domain::Timestamp;
use domain::message::{Mail, Outgoing};
use std::sync::Arc;
use web::{Access, Answer, ClientIp, Json, Quota, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/auth/generate-otp",
    Access::Public,
    "generate_otp",
    "Have a code of six digits mailed; it is good for ten minutes, and 3 are mailed to an address in an hour",
)
.body::<GenerateOtpIn>();

/// Mails to one address within [`MAIL_SECONDS`], whatever the tokens.
const MOST_MAILS: usize = 3;
const MAIL_SECONDS: u32 = 3_600;

web::input! {
    /// Which reset a code is for.
    pub(crate) struct GenerateOtpIn {
        /// The token of the reset.
        token: ResetToken,
    }
}

pub(crate) async fn generate_otp(
    State(app): State<Arc<App>>,
    ip: ClientIp,
    Json(input): Json<GenerateOtpIn>,
) -> web::Result<Answer<()>> {
    let now = app.clock.now();
    let quota = limits::reset(&app, &ip, now).await?;
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let reset = open(password_resets::lock(&tx, &input.token.hash()).await?, now)?;
    if let Some(seconds) = wait(reset.mailed_at, now) {
        let mails = Quota {
            uses: MOST_MAILS as u64,
            window_seconds: MAIL_SECONDS.into(),
            remaining: 0,
            reset_seconds: seconds,
        };
        return Err(mails.exceeded("Too many OTP emails. Please try again later."));
    }
    let otp = Otp::random();
    let (hash, mail) = match reset.owner {
        Some(owner) => {
            let hash = input.token.hash_with(&otp);
            let mail = Mail::ResetCode {
                to: owner.email,
                name: owner.name,
                code: otp.into_digits(),
            };
            (hash, mail)
        }
        // The hash of no code at all.
        None => (runtime::random::bytes(), Mail::Decoy),
    };
    password_resets::put_code(&tx, reset.id, &hash, now.plus_seconds(CODE_SECONDS), now).await?;
    let message = Outgoing::mail(runtime::random::hex::<16>(), mail)?;
    db::outbox::insert(&tx, &message, now).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    app.queue
        .publish_committed(&[message], async |ids| {
            db::outbox::mark_published(&conn, ids, now).await
        })
        .await;
    Ok(Answer::ok(())
        .message("OTP has been sent to your email")
        .quota(quota))
}

/// Seconds until another code may be mailed, if not now.
fn wait(mut mailed_at: Vec<Timestamp>, now: Timestamp) -> Option<u32> {
    mailed_at.sort_unstable();
    let first = mailed_at.iter().rev().nth(MOST_MAILS - 1)?;
    let since = u32::try_from(now.seconds_since(*first)).unwrap_or(0);
    MAIL_SECONDS.checked_sub(since).filter(|seconds| *seconds > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_codes_are_mailed_in_an_hour() {
        let start = Timestamp::parse("2030-01-01").unwrap();
        let at = |seconds: &[i64]| seconds.iter().map(|s| start.plus_seconds(*s)).collect::<Vec<_>>();
        assert_eq!(wait(at(&[]), start), None);
        assert_eq!(wait(at(&[0, 0]), start), None);
        assert_eq!(wait(at(&[0, 0, 0]), start), Some(3_600));
        // The order of the rows does not matter, and of more mails the third but last counts.
        let now = start.plus_seconds(1_000);
        assert_eq!(wait(at(&[900, 100, 500, 400]), now), Some(3_000));
        assert_eq!(wait(at(&[0, 500, 900]), start.plus_seconds(3_599)), Some(1));
        assert_eq!(wait(at(&[0, 500, 900]), start.plus_seconds(3_600)), None);
    }
}
