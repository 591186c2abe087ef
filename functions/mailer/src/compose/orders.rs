//! Mails about an order and its money.

use super::{Composed, address, language};
use crate::letters::{
    self, Bill, Line, OrderPlaced, Payment, Progress, RefundDue, TransferDue, TransferEnded,
};
use crate::{App, Language};
use db::orders::{Order, OrderItem};
use db::users::User;
use domain::order::{OrderStatus, check_payable};
use domain::refund::RefundStatus;
use domain::{Error, OrderId, RefundId, Rupiah};

pub(super) async fn order_placed(app: &App, id: &str, order: OrderId) -> Result<Composed, Error> {
    let (order, user, language, items, by_transfer) = {
        let conn = app.db.conn().await?;
        let (order, user, language) = order_and_buyer(app, &conn, order).await?;
        let items = db::orders::items(&conn, order.id).await?;
        let transfer = db::transfers::of_order(&conn, order.id).await?;
        (order, user, language, items, transfer.is_some())
    };
    if check_payable(order.status, order.expires_at, app.clock.now()).is_err() {
        return Ok(Composed::Overtaken("the order is no longer payable"));
    }
    if by_transfer {
        return Ok(Composed::Overtaken(
            "another letter says where to transfer the money",
        ));
    }
    let letter = letters::order_placed(
        language,
        OrderPlaced {
            name: &user.name,
            code: &order.code,
            bill: bill(&order, items),
            pay_until: order.expires_at,
            link: link(app, &order),
        },
    );
    address(app, id, &user.email, &user.name, letter.into())
}

pub(super) async fn transfer_due(app: &App, id: &str, order: OrderId) -> Result<Composed, Error> {
    let (order, user, language, transfer) = {
        let conn = app.db.conn().await?;
        let (order, user, language) = order_and_buyer(app, &conn, order).await?;
        let transfer = db::transfers::of_order(&conn, order.id).await?;
        (order, user, language, transfer)
    };
    let transfer = transfer.ok_or_else(|| Error::internal("the order is not paid by transfer"))?;
    if check_payable(order.status, order.expires_at, app.clock.now()).is_err() {
        return Ok(Composed::Overtaken("the transfer is not waited for any more"));
    }
    let letter = letters::transfer_due(
        language,
        TransferDue {
            name: &user.name,
            order: &order.code,
            bank: &transfer.account.bank,
            number: &transfer.account.number,
            holder: &transfer.account.holder,
            amount: order.total,
            code: &domain::transfer::code(transfer.payment_id),
            pay_until: transfer.expires_at,
            link: link(app, &order),
        },
    );
    address(app, id, &user.email, &user.name, letter.into())
}

pub(super) async fn transfer_ended(app: &App, id: &str, order: OrderId) -> Result<Composed, Error> {
    let (order, user, language, cancelled) = {
        let conn = app.db.conn().await?;
        let (order, user, language) = order_and_buyer(app, &conn, order).await?;
        let cancelled = db::orders::is_cancelled(&conn, order.id).await?;
        (order, user, language, cancelled)
    };
    if order.status != OrderStatus::Expired {
        return Ok(Composed::Overtaken("the transfer came in after all"));
    }
    let letter = letters::transfer_ended(
        language,
        TransferEnded {
            name: &user.name,
            order: &order.code,
            cancelled,
            link: link(app, &order),
        },
    );
    address(app, id, &user.email, &user.name, letter.into())
}

fn bill(order: &Order, items: Vec<OrderItem>) -> Bill {
    let lines = items.into_iter().map(|item| Line {
        price: item.unit_price.times(item.quantity).unwrap_or(Rupiah::MAX),
        ticket: item.ticket_name,
        event: item.event_name,
        quantity: item.quantity,
    });
    Bill {
        lines: lines.collect(),
        discount: order.discount,
        fee: order.fee,
        tax: order.tax,
        total: order.total,
    }
}

pub(super) async fn payment(app: &App, id: &str, order: OrderId) -> Result<Composed, Error> {
    let (order, user, language, items, receipt) = {
        let conn = app.db.conn().await?;
        let (order, user, language) = order_and_buyer(app, &conn, order).await?;
        let items = db::orders::items(&conn, order.id).await?;
        let receipt = db::payments::receipt(&conn, order.id).await?;
        (order, user, language, items, receipt)
    };
    // A receipt stays true whatever is given back later.
    let receipt = receipt.ok_or_else(|| Error::internal("the order was not paid"))?;
    let letter = letters::payment(
        language,
        Payment {
            name: &user.name,
            code: &order.code,
            bill: bill(&order, items),
            method: receipt.method.as_deref(),
            paid_at: receipt.paid_at,
            link: link(app, &order),
        },
    );
    address(app, id, &user.email, &user.name, letter.into())
}

pub(super) async fn refund_due(app: &App, id: &str, order: OrderId) -> Result<Composed, Error> {
    let (order, user, language, cancelled) = {
        let conn = app.db.conn().await?;
        let (order, user, language) = order_and_buyer(app, &conn, order).await?;
        let cancelled = db::orders::is_cancelled(&conn, order.id).await?;
        (order, user, language, cancelled)
    };
    if !matches!(order.status, OrderStatus::RefundDue | OrderStatus::Refunded) {
        return Ok(Composed::Overtaken("no money of the order is to be returned"));
    }
    let letter = letters::refund_due(
        language,
        RefundDue {
            name: &user.name,
            code: &order.code,
            cancelled,
            amount: order.total,
            link: link(app, &order),
        },
    );
    address(app, id, &user.email, &user.name, letter.into())
}

pub(super) async fn refund(
    app: &App,
    id: &str,
    refund: RefundId,
    progress: Progress,
) -> Result<Composed, Error> {
    let (refund, order, user, language) = {
        let conn = app.db.conn().await?;
        let refund = db::refunds::find(&conn, refund)
            .await?
            .ok_or_else(|| Error::not_found("Refund"))?;
        let (order, user, language) = order_and_buyer(app, &conn, refund.order_id).await?;
        (refund, order, user, language)
    };
    let still_true = match progress {
        Progress::Started => refund.status == RefundStatus::Requested,
        Progress::Manual => refund.status == RefundStatus::Manual,
        Progress::Done => refund.status.gave_back(),
    };
    if !still_true {
        return Ok(Composed::Overtaken("the refund has come further"));
    }
    let letter = letters::refund(
        language,
        progress,
        letters::Refund {
            name: &user.name,
            code: &order.code,
            amount: refund.amount,
            tickets: u32::try_from(refund.tickets.len()).unwrap_or(u32::MAX),
            reason: &refund.reason,
            reference: refund.reference.as_deref(),
            link: link(app, &order),
        },
    );
    address(app, id, &user.email, &user.name, letter.into())
}

/// An order, whoever bought it, and how they are written to.
pub(super) async fn order_and_buyer(
    app: &App,
    conn: &db::Client,
    id: OrderId,
) -> Result<(Order, User, Language), Error> {
    let order = db::orders::find(conn, id)
        .await?
        .ok_or_else(|| Error::not_found("Order"))?;
    let user = db::users::find(conn, order.user_id)
        .await?
        .ok_or_else(|| Error::not_found("User"))?;
    let language = language(app, conn, &user.email).await?;
    Ok((order, user, language))
}

pub(super) fn link(app: &App, order: &Order) -> String {
    format!("{}/orders/{}", app.frontend_url, order.code)
}
