use crate::App;
use domain::Error;
use domain::message::PaymentNotice;
use domain::payment::PaymentMethod;
use gateway::GatewayError;

/// Stores a hint and asks the gateway what is true.
pub(crate) async fn apply_notice(app: &App, notice: &PaymentNotice) -> Result<(), Error> {
    let fingerprint = runtime::random::sha256(&notice.raw);
    let (order, method) = {
        let conn = app.db.conn().await?;
        db::payments::store_notice(&conn, &fingerprint, notice).await?;
        let order = db::orders::find_by_code(&conn, &notice.order_code).await?;
        let method = match &order {
            Some(order) => db::payments::method_of_order(&conn, order.id).await?,
            None => None,
        };
        (order, method)
    };
    let Some(order) = order else {
        // Signed with our key, but not an order of ours: another system shares the account.
        tracing::warn!(order = notice.order_code, "notification of an unknown order");
        return Ok(());
    };

    if method == Some(PaymentMethod::ManualTransfer) {
        // Nobody ever saw a page of it, so the gateway has nothing true to tell.
        tracing::error!(
            order = order.code,
            "the gateway tells of an order that is paid by transfer"
        );
        return Ok(());
    }

    // Asked by our own order code: the transaction id of the notification is not covered by its signature.
    let said = match app.midtrans.status(&order.code).await {
        Ok(said) => said,
        Err(GatewayError::NotFound) => {
            tracing::warn!(
                order = order.code,
                "the gateway knows no transaction of this order yet"
            );
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    settling::apply(app.books(), order.id, &order.code, said).await?;
    Ok(())
}
