use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row};

/// A connection to the fleet's database: what the API does not show is read here, and time is moved by changing rows.
#[derive(Debug)]
pub struct Database(Client);

/// A value for a statement.
type Parameter<'a> = &'a (dyn ToSql + Sync);

/// Units of a ticket type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stock {
    /// How many there are.
    pub capacity: i64,
    /// In carts and unpaid orders.
    pub held: i64,
    /// Paid.
    pub sold: i64,
}

impl Database {
    pub(crate) async fn connect(url: &str) -> Self {
        let connected = tokio_postgres::connect(url, NoTls).await;
        let (client, connection) =
            connected.unwrap_or_else(|error| panic!("the fleet's database does not answer: {error}"));
        tokio::spawn(connection);
        Self(client)
    }

    /// The rows of a query.
    ///
    /// # Panics
    /// When it fails.
    #[expect(
        clippy::disallowed_methods,
        reason = "this connection does not go through RDS Proxy"
    )]
    pub async fn rows(&self, sql: &str, parameters: &[Parameter<'_>]) -> Vec<Row> {
        let rows = self.0.query(sql, parameters).await;
        rows.unwrap_or_else(|error| panic!("{error:?}: {sql}"))
    }

    /// Runs a statement and tells how many rows it changed.
    ///
    /// # Panics
    /// When it fails.
    #[expect(
        clippy::disallowed_methods,
        reason = "this connection does not go through RDS Proxy"
    )]
    pub async fn run(&self, sql: &str, parameters: &[Parameter<'_>]) -> u64 {
        let changed = self.0.execute(sql, parameters).await;
        changed.unwrap_or_else(|error| panic!("{error:?}: {sql}"))
    }

    /// The one `bigint` that a query gives.
    pub async fn number(&self, sql: &str, parameters: &[Parameter<'_>]) -> i64 {
        let rows = self.rows(sql, parameters).await;
        assert_eq!(rows.len(), 1, "{sql}");
        rows[0].get(0)
    }

    /// The one text that a query gives, if it gives one.
    pub async fn text(&self, sql: &str, parameters: &[Parameter<'_>]) -> Option<String> {
        self.rows(sql, parameters).await.first().map(|row| row.get(0))
    }

    /// The counters of a ticket type.
    pub async fn stock(&self, ticket: i64) -> Stock {
        let sql = "select sum(capacity)::bigint, sum(held)::bigint, sum(sold)::bigint from stock where ticket_type_id = $1";
        let rows = self.rows(sql, &[&ticket]).await;
        Stock {
            capacity: rows[0].get(0),
            held: rows[0].get(1),
            sold: rows[0].get(2),
        }
    }

    /// Where an order stands.
    pub async fn order(&self, code: &str) -> String {
        let status = self
            .text("select status from orders where code = $1", &[&code])
            .await;
        status.unwrap_or_else(|| panic!("there is no order {code}"))
    }

    /// Where the payment of an order stands, if there is one.
    pub async fn payment(&self, code: &str) -> Option<String> {
        let sql = "select p.status from payments p join orders o on o.id = p.order_id where o.code = $1";
        self.text(sql, &[&code]).await
    }

    /// How many tickets were issued for an order, void ones left out.
    pub async fn tickets(&self, code: &str) -> i64 {
        let sql = "select count(*) from issued_tickets t join order_items i on i.id = t.order_item_id
                   join orders o on o.id = i.order_id where o.code = $1 and t.status <> 'void'";
        self.number(sql, &[&code]).await
    }

    /// Ends the time to pay of an order now instead of in a quarter of an hour.
    pub async fn let_expire(&self, code: &str) {
        let sql = "with late as (update orders set expires_at = now() - interval '1 second' where code = $1 returning id)
                   update holds set expires_at = now() - interval '1 second'
                   where order_item_id in (select id from order_items where order_id in (select id from late))";
        assert!(self.run(sql, &[&code]).await > 0, "{code} holds nothing");
    }
}
