//! Categories of ticket types.

use crate::error::{DbError, Result};
use crate::sql::{self, RowExt as _, anywhere, params};
use domain::event::CategoryName;
use domain::page::Page;
use domain::{CategoryId, Timestamp};
use tokio_postgres::{Client, Row, Transaction};

/// A category.
#[derive(Debug, Clone)]
pub struct Category {
    /// Its id.
    pub id: CategoryId,
    /// What it is called; unique without regard to case.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What became of a write.
#[derive(Debug)]
pub enum Written {
    /// It was written.
    Category(Category),
    /// Another category has that name.
    NameTaken,
    /// There is no such category.
    Missing,
}

const LIST_SQL: &str = r"
    select id, name, created_at, updated_at, count(*) over () as total from categories
    where $1::text is null or name ilike $1 escape '\'
    order by created_at desc, id desc limit $2 offset $3";

const COUNT_SQL: &str =
    r"select count(*) as total from categories where $1::text is null or name ilike $1 escape '\'";

/// A page of categories, newest first, and how many there are in all.
pub async fn list(db: &Client, search: Option<&str>, page: Page) -> Result<(Vec<Category>, i64)> {
    let pattern = search.map(anywhere);
    let limit = i64::from(page.limit);
    let rows = db
        .query_typed(LIST_SQL, params![TEXT: pattern, INT8: limit, INT8: page.offset()])
        .await?;
    let counted = async {
        let params = params![TEXT: pattern];
        db.query_typed_one(COUNT_SQL, params).await?.col("total")
    };
    let total = sql::total(&rows, page, counted).await?;
    Ok((rows.iter().map(read).collect::<Result<_>>()?, total))
}

const FIND_SQL: &str = "select id, name, created_at, updated_at from categories where id = $1";

/// The category of that id.
pub async fn find(db: &Client, id: CategoryId) -> Result<Option<Category>> {
    let row = db.query_typed_opt(FIND_SQL, params![INT8: id.get()]).await?;
    row.as_ref().map(read).transpose()
}

const LOCK_SQL: &str =
    "select id, name, created_at, updated_at from categories where id = $1 for no key update";

/// The category of that id, locked against other changes.
pub async fn lock(tx: &Transaction<'_>, id: CategoryId) -> Result<Option<Category>> {
    let row = tx.query_typed_opt(LOCK_SQL, params![INT8: id.get()]).await?;
    row.as_ref().map(read).transpose()
}

const INSERT_SQL: &str = "
    insert into categories (name, created_at, updated_at) values ($1, $2, $2)
    on conflict do nothing returning id, name, created_at, updated_at";

/// Makes a category.
pub async fn insert(db: &Client, name: &CategoryName, now: Timestamp) -> Result<Written> {
    let row = db
        .query_typed_opt(INSERT_SQL, params![TEXT: name.as_str(), TIMESTAMPTZ: now.inner()])
        .await?;
    row.as_ref()
        .map_or(Ok(Written::NameTaken), |row| Ok(Written::Category(read(row)?)))
}

const UPDATE_SQL: &str = "
    update categories set name = coalesce($2, name), updated_at = $3 where id = $1
    returning id, name, created_at, updated_at";

/// Renames a category.
pub async fn update(
    db: &Client,
    id: CategoryId,
    name: Option<&CategoryName>,
    now: Timestamp,
) -> Result<Written> {
    let name = name.map(CategoryName::as_str);
    let row = db
        .query_typed_opt(
            UPDATE_SQL,
            params![INT8: id.get(), TEXT: name, TIMESTAMPTZ: now.inner()],
        )
        .await;
    match row.map_err(DbError::from) {
        Ok(Some(row)) => Ok(Written::Category(read(&row)?)),
        Ok(None) => Ok(Written::Missing),
        Err(error) if error.is_constraint("categories_name_key") => Ok(Written::NameTaken),
        Err(error) => Err(error),
    }
}

/// What became of a deletion.
#[derive(Debug, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone.
    Done,
    /// Something still refers to it.
    InUse,
    /// There was none, or it is not the caller's.
    Missing,
}

const DELETE_SQL: &str = "delete from categories where id = $1";

/// Deletes a category that no ticket type uses.
pub async fn delete(db: &Client, id: CategoryId) -> Result<Deleted> {
    match db
        .execute_typed(DELETE_SQL, params![INT8: id.get()])
        .await
        .map_err(DbError::from)
    {
        Ok(0) => Ok(Deleted::Missing),
        Ok(_) => Ok(Deleted::Done),
        Err(error) if error.is_constraint("ticket_types_category_id_fkey") => Ok(Deleted::InUse),
        Err(error) => Err(error),
    }
}

fn read(row: &Row) -> Result<Category> {
    Ok(Category {
        id: row.id("id", CategoryId::new)?,
        name: row.col("name")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}
