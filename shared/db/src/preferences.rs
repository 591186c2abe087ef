//! What people want to be told, and in which language.

use crate::error::{DbError, Result};
use crate::sql::{RowExt as _, params};
use domain::language::Language;
use domain::preferences::Preferences;
use domain::{CategoryId, Timestamp, UserId};
use tokio_postgres::{Client, Transaction};

const FIND_SQL: &str = "
    select p.language, p.mail_promotions, p.mail_reminders, p.push_promotions, p.push_reminders, p.push_orders,
           array(select category_id from followed_categories where user_id = $1 order by category_id) as categories
    from users u left join preferences p on p.user_id = u.id
    where u.id = $1 and u.deleted_at is null";

/// The wishes of somebody. `None` if there is no such account.
pub async fn find(db: &Client, user: UserId) -> Result<Option<Preferences>> {
    let Some(row) = db.query_typed_opt(FIND_SQL, params![INT8: user.get()]).await? else {
        return Ok(None);
    };
    let usual = Preferences::default();
    let wish = |name: &str, usual: bool| Ok::<_, DbError>(row.col::<Option<bool>>(name)?.unwrap_or(usual));
    let language = row.col::<Option<&str>>("language")?;
    Ok(Some(Preferences {
        language: language
            .map(|code| Language::parse(code).ok_or(DbError::Value("preferences.language")))
            .transpose()?,
        mail_promotions: wish("mail_promotions", usual.mail_promotions)?,
        mail_reminders: wish("mail_reminders", usual.mail_reminders)?,
        push_promotions: wish("push_promotions", usual.push_promotions)?,
        push_reminders: wish("push_reminders", usual.push_reminders)?,
        push_orders: wish("push_orders", usual.push_orders)?,
        categories: row
            .col::<Vec<i64>>("categories")?
            .into_iter()
            .map(CategoryId::new)
            .collect(),
    }))
}

/// What became of a change of wishes.
#[derive(Debug, PartialEq, Eq)]
pub enum Written {
    /// They are kept.
    Done,
    /// One of the categories does not exist.
    NoCategory,
}

const WRITE_SQL: &str = "
    insert into preferences
        (user_id, language, mail_promotions, mail_reminders, push_promotions, push_reminders, push_orders, updated_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
    on conflict (user_id) do update
    set language = $2, mail_promotions = $3, mail_reminders = $4, push_promotions = $5, push_reminders = $6,
        push_orders = $7, updated_at = $8";

const FOLLOW_SQL: &str = "
    with others as (delete from followed_categories where user_id = $1 and category_id <> all($2))
    insert into followed_categories (user_id, category_id, created_at) select $1, unnest($2), $3
    on conflict do nothing";

/// Keeps the wishes of an account that is locked, see [`crate::users::lock_buyer`].
pub async fn write(
    tx: &Transaction<'_>,
    user: UserId,
    wishes: &Preferences,
    now: Timestamp,
) -> Result<Written> {
    let params = params![
        INT8: user.get(), TEXT: wishes.language.map(Language::as_str), BOOL: wishes.mail_promotions,
        BOOL: wishes.mail_reminders, BOOL: wishes.push_promotions, BOOL: wishes.push_reminders, BOOL: wishes.push_orders,
        TIMESTAMPTZ: now.inner(),
    ];
    tx.execute_typed(WRITE_SQL, params).await?;
    let categories: Vec<i64> = wishes.categories.iter().map(|id| id.get()).collect();
    let params = params![INT8: user.get(), INT8_ARRAY: categories, TIMESTAMPTZ: now.inner()];
    match tx.execute_typed(FOLLOW_SQL, params).await.map_err(DbError::from) {
        Ok(_) => Ok(Written::Done),
        Err(error) if error.is_constraint("followed_categories_category_id_fkey") => Ok(Written::NoCategory),
        Err(error) => Err(error),
    }
}

// The account is locked against erasure, so that no row comes after it.
const UNSUBSCRIBE_SQL: &str = "
    insert into preferences as p (user_id, mail_promotions, updated_at)
    select id, false, $2 from users where id = $1 and deleted_at is null for share
    on conflict (user_id) do update set mail_promotions = false, updated_at = $2 where p.mail_promotions";

/// Ends mails about what might interest somebody. Without such an account there is nothing to end.
pub async fn unsubscribe(db: &Client, user: UserId, now: Timestamp) -> Result<()> {
    let params = params![INT8: user.get(), TIMESTAMPTZ: now.inner()];
    db.execute_typed(UNSUBSCRIBE_SQL, params).await?;
    Ok(())
}

const LANGUAGE_SQL: &str = "
    select p.language from users u join preferences p on p.user_id = u.id
    where lower(u.email) = lower($1) and p.language is not null";

/// The language that the owner of a mail address chose, if there is one who did.
pub async fn language_of(db: &Client, address: &str) -> Result<Option<Language>> {
    let row = db.query_typed_opt(LANGUAGE_SQL, params![TEXT: address]).await?;
    row.as_ref()
        .map(|row| row.word("language", Language::parse))
        .transpose()
}
