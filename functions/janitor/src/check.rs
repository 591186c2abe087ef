use crate::App;
use domain::Error;

/// Looks for what must never be. Whatever is found is an error in the log, which alarms look for; nothing is mended, because
/// what broke a rule is for people to find out.
pub(crate) async fn check(app: &App) -> Result<Vec<&'static str>, Error> {
    let conn = app.db.conn().await?;
    let breaches = db::invariants::breaches(&conn).await?;
    for breach in &breaches {
        tracing::error!(
            rule = breach.rule,
            count = breach.count,
            rows = ?breach.rows,
            "a rule is broken that must never be"
        );
    }
    Ok(breaches.into_iter().map(|breach| breach.rule).collect())
}
