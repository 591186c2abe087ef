use crate::App;
use db::reconciliation::{self, Due};
use domain::order::OrderStatus;
use domain::payment::{self, PaymentStatus, TransactionStatus};
use domain::reconciliation::next_question;
use domain::{Error, Kind};
use gateway::{GatewayError, TransactionReport};
use settling::Books;

/// What came of a question.
pub(crate) enum Outcome {
    /// The gateway said how the payment stands, and maybe that was news.
    Answered {
        /// Whether the payment moved.
        moved: bool,
    },
    /// The gateway knows no transaction of it.
    Untouched,
    /// No answer; the question is repeated when the claim is over.
    Unanswered,
    /// The gateway is left alone by the whole fleet.
    LeftAlone,
}

/// Asks about one payment, applies the answer and says when to ask again. One that cannot be applied does not hold up the
/// others: it is told in the log and asked about again.
///
/// # Errors
/// If the database does not answer.
pub(crate) async fn ask(app: &App, due: &Due) -> Result<Outcome, Error> {
    match answer(app, due).await {
        Err(error) if error.kind != Kind::Unavailable => {
            let cause = error.internal.as_ref().map(domain::error::Internal::chain);
            tracing::error!(
                order = due.order_code,
                code = error.code,
                cause,
                "the answer about a payment cannot be applied"
            );
            Ok(Outcome::Unanswered)
        }
        outcome => outcome,
    }
}

async fn answer(app: &App, due: &Due) -> Result<Outcome, Error> {
    let code = due.order_code.as_str();
    let (status, outcome) = match app.midtrans.status(code).await {
        Ok(said) => {
            close(app, due, &said).await;
            let books = Books {
                db: &app.db,
                queue: &app.queue,
                now: app.clock.now(),
            };
            let status = settling::apply(books, due.order_id, code, said).await?;
            let status = status.unwrap_or(due.status);
            let moved = status != due.status;
            (status, Outcome::Answered { moved })
        }
        Err(GatewayError::NotFound) => {
            if due.reported {
                tracing::error!(
                    order = code,
                    "the gateway does not know a payment of which it told"
                );
            }
            (due.status, Outcome::Untouched)
        }
        Err(GatewayError::LeftAlone { .. }) => return Ok(Outcome::LeftAlone),
        Err(error) => {
            tracing::warn!(order = code, ?error, "the gateway did not tell of a payment");
            return Ok(Outcome::Unanswered);
        }
    };
    let next = next_question(status, due.order_status, due.begun, app.clock.now());
    let conn = app.db.conn().await?;
    reconciliation::schedule(&conn, due.id, next).await?;
    Ok(outcome)
}

/// Closes what can still be paid for an order that has ended: the gateway was away when the `janitor` wanted to.
async fn close(app: &App, due: &Due, said: &TransactionReport) {
    let status = payment::read_status(&said.transaction_status, said.fraud_status.as_deref());
    let open = matches!(
        status,
        Some(TransactionStatus::Pending | TransactionStatus::Authorized)
    );
    if !open || due.order_status == OrderStatus::Pending || due.status == PaymentStatus::Challenge {
        return;
    }
    if let Err(error) = app.midtrans.expire(&due.order_code).await {
        tracing::warn!(
            order = due.order_code,
            ?error,
            "what can be paid for an ended order was not closed"
        );
    }
}
