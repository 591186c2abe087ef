//! The end of an account.

use crate::administration::DELETED_NAME;
use crate::error::Result;
use crate::sql::{RowExt as _, params};
use crate::{cart, events, handovers, issued, orders, reviews, stock, users, verifications};
use domain::user::Role;
use domain::{Timestamp, UserId};
use tokio_postgres::Transaction;

/// What became of somebody's wish to be erased.
#[derive(Debug, PartialEq, Eq)]
pub enum Erased {
    /// The account is erased.
    Done,
    /// There is no such account.
    Missing,
    /// The password was changed meanwhile.
    PasswordChanged,
    /// Admins do not erase their own account.
    IsAdmin,
    /// It has published events that are still to come.
    HasEvents,
}

const LOCK_SELF_SQL: &str =
    "select role, password_hash from users where id = $1 and deleted_at is null for no key update";

/// Erases an account whose owner proved to know the password of this hash.
pub async fn erase_own(
    tx: &Transaction<'_>,
    id: UserId,
    password_hash: &str,
    now: Timestamp,
) -> Result<Erased> {
    void_mailed(tx, id).await?;
    let Some(row) = tx.query_typed_opt(LOCK_SELF_SQL, params![INT8: id.get()]).await? else {
        return Ok(Erased::Missing);
    };
    if row.col::<&str>("password_hash")? != password_hash {
        return Ok(Erased::PasswordChanged);
    }
    if row.word("role", Role::parse)? == Role::Admin {
        return Ok(Erased::IsAdmin);
    }
    if erase(tx, id, now).await? {
        Ok(Erased::Done)
    } else {
        Ok(Erased::HasEvents)
    }
}

/// Voids what was mailed to prove or recover an account. It comes before the account is locked: whoever uses it locks them in
/// this order.
pub(crate) async fn void_mailed(tx: &Transaction<'_>, id: UserId) -> Result<()> {
    verifications::withdraw(tx, id).await?;
    users::void_resets(tx, id).await
}

// Before their sessions, as whoever uses one locks them.
const VOID_TOKENS_SQL: &str =
    "delete from refresh_tokens where session_id in (select id from sessions where user_id = $1)";

// Before the wishes, as a mailer locks them.
const FORGET_MAILS_SQL: &str = "delete from mailing_recipients where user_id = $1";

// All parts see the account as it was. Its address is unique by its id then, and no mail can ever reach it: the domain is
// reserved and has no dot.
const ERASE_SQL: &str = "
    with gone_sessions as (delete from sessions where user_id = $1),
         gone_keys as (delete from api_keys where user_id = $1),
         gone_webhooks as (delete from webhook_endpoints where owner_id = $1),
         gone_preferences as (delete from preferences where user_id = $1),
         gone_follows as (delete from followed_categories where user_id = $1),
         gone_marks as (delete from notification_marks where user_id = $1),
         gone_notifications as (delete from notifications where user_id = $1),
         gone_reports as (delete from review_reports where user_id = $1),
         gone_staff as (delete from event_staff where user_id = $1),
         gone_accounts as (
             delete from transfer_accounts where event_id in (select id from events where organizer_id = $1)
         ),
         gone_places as (delete from waiting_entries where user_id = $1),
         gone_answers as (delete from idempotency_keys where user_id = $1),
         gone_mails as (
             delete from outbox o using users u
             where u.id = $1 and o.queue = 'mail' and lower(o.body::jsonb -> 'body' ->> 'to') = lower(u.email)
         ),
         closed_pages as (
             update payments set transaction_token = null, redirect_url = null
             where user_id = $1 and (transaction_token is not null or redirect_url is not null)
         ),
         emptied_notifications as (
             update payment_notifications set body = '' where order_code in (select code from orders where user_id = $1)
         ),
         nameless_log as (
             update audit_log set client_ip = null, user_agent = null
             where actor_id = $1 and (client_ip is not null or user_agent is not null)
         )
    update users
    set email = 'deleted-' || id || '@invalid', password_hash = '!', name = $2, age = 1, phone_number = '-',
        is_verified = false, deleted_at = $3, updated_at = $3
    where id = $1";

/// Erases a locked account as [`super::TABLES`] says: what tells who somebody is goes; orders, payments and tickets stay. What its cart
/// holds goes back on sale; unpaid orders end with their time to pay; tickets stay good under another name. `false`, and
/// nothing is changed, if it has published events that are still to come.
pub(crate) async fn erase(tx: &Transaction<'_>, id: UserId, now: Timestamp) -> Result<bool> {
    if events::has_upcoming(tx, id, now).await? {
        return Ok(false);
    }
    // A settlement that is under way may be issuing tickets in the old name; later ones read the new name.
    orders::lock_all(tx, id).await?;
    let items = cart::lock_all(tx, id).await?;
    tx.execute_typed(VOID_TOKENS_SQL, params![INT8: id.get()]).await?;
    tx.execute_typed(FORGET_MAILS_SQL, params![INT8: id.get()])
        .await?;
    let address = handovers::proved_address(tx, id).await?;
    let params = params![INT8: id.get(), TEXT: DELETED_NAME, TIMESTAMPTZ: now.inner()];
    tx.execute_typed(ERASE_SQL, params).await?;
    reviews::erase(tx, id).await?;
    issued::rename_holder(tx, id, DELETED_NAME).await?;
    handovers::erase(tx, id, address.as_deref(), now).await?;
    for item in &items {
        stock::lock_cart_holds(tx, item.id).await?;
    }
    for item in &items {
        stock::release_cart_item(tx, item.id).await?;
        cart::delete(tx, item.id).await?;
    }
    Ok(true)
}
