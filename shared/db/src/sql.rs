//! Helpers to write a query and to read a row.

use crate::error::{DbError, Result};
use domain::Timestamp;
use domain::page::Page;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

/// Parameters with their PostgreSQL types: `params![INT8: id, TEXT: name]`. Typed parameters save the round trip that
/// would ask the server for them.
macro_rules! params {
    ($($kind:ident: $value:expr),* $(,)?) => {
        &[$((&$value as &(dyn tokio_postgres::types::ToSql + Sync), tokio_postgres::types::Type::$kind)),*]
    };
}
pub(crate) use params;

/// Reads columns of a row by name.
pub(crate) trait RowExt {
    /// The value of a column.
    fn col<'a, T: FromSql<'a>>(&'a self, name: &str) -> Result<T>;

    /// A whole number as one of ours.
    fn id<T>(&self, name: &str, make: impl Fn(i64) -> T) -> Result<T> {
        self.col::<i64>(name).map(make)
    }

    /// A count that is never negative.
    fn count(&self, name: &'static str) -> Result<u32> {
        u32::try_from(self.col::<i32>(name)?).map_err(|_| DbError::Value(name))
    }

    /// A count that may be absent.
    fn count_opt(&self, name: &'static str) -> Result<Option<u32>> {
        let count = self.col::<Option<i32>>(name)?.map(u32::try_from);
        count.transpose().map_err(|_| DbError::Value(name))
    }

    /// An amount.
    fn rupiah(&self, name: &'static str) -> Result<domain::Rupiah> {
        domain::Rupiah::new(self.col(name)?).ok_or(DbError::Value(name))
    }

    /// A point in time.
    fn time(&self, name: &str) -> Result<Timestamp> {
        self.col::<jiff::Timestamp>(name).map(Timestamp::new)
    }

    /// A point in time that may be absent.
    fn time_opt(&self, name: &str) -> Result<Option<Timestamp>> {
        Ok(self.col::<Option<jiff::Timestamp>>(name)?.map(Timestamp::new))
    }

    /// A word of a closed list.
    fn word<T>(&self, name: &'static str, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
        parse(self.col::<&str>(name)?).ok_or(DbError::Value(name))
    }
}

impl RowExt for Row {
    fn col<'a, T: FromSql<'a>>(&'a self, name: &str) -> Result<T> {
        Ok(self.try_get(name)?)
    }
}

/// How many rows a list has of which one page was read. Each row of a page says so in `total`; only for a page without rows that is
/// not the first is `counted` awaited.
pub(crate) async fn total(
    rows: &[Row],
    page: Page,
    counted: impl Future<Output = Result<i64>>,
) -> Result<i64> {
    match rows.first() {
        Some(row) => row.col("total"),
        None if page.number == 1 => Ok(0),
        None => counted.await,
    }
}

/// The pattern that finds `text` anywhere, with the wildcards in it taken literally. For `ilike … escape '\'`.
pub(crate) fn anywhere(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_in_a_search_are_taken_literally() {
        assert_eq!(anywhere("50%_\\"), "%50\\%\\_\\\\%");
    }
}
