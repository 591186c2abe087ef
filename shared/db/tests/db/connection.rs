//! The connection of an execution environment: replaced when it has died, refused in time, limited by its role.

use db::{Config, Db, DbError};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use testkit::{Rows, TestDb};
use tokio_postgres::Client;

const IN_TIME: Duration = Duration::from_secs(3);

fn db_at(url: &str) -> Db {
    Db::new(Config::from_lookup(|name| (name == "DATABASE_URL").then_some(url)).unwrap())
}

async fn pid(client: &Client) -> i32 {
    client
        .query_one("select pg_backend_pid()", &[])
        .await
        .unwrap()
        .get(0)
}

/// Ends a session of the server and waits until it is gone.
async fn terminate(admin: &Client, pid: i32) {
    admin
        .execute("select pg_terminate_backend($1)", &[&pid])
        .await
        .unwrap();
    let sql = "select count(*) from pg_stat_activity where pid = $1";
    while admin.query_one(sql, &[&pid]).await.unwrap().get::<_, i64>(0) > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn the_connection_is_kept_between_requests() {
    let test = TestDb::new().await;
    let db = test.db();
    let first = pid(&db.conn().await.unwrap()).await;
    assert_eq!(pid(&db.conn().await.unwrap()).await, first);
}

#[tokio::test]
async fn a_session_that_the_server_ended_is_replaced() {
    let test = TestDb::new().await;
    let (db, admin) = (test.db(), test.client().await);
    for _ in 0..5 {
        let conn = db.conn().await.unwrap();
        let before = pid(&conn).await;
        terminate(&admin, before).await;
        // The kernel closes the socket of a process a moment after the server has forgotten it.
        while !conn.is_closed() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(conn);
        assert_ne!(pid(&db.conn().await.unwrap()).await, before);
    }
}

/// Lambda freezes an environment between requests: nothing of it runs while the server goes away. The first thing after the
/// thaw is the next request.
#[tokio::test]
async fn a_session_that_ended_while_the_environment_was_frozen_is_replaced() {
    let test = TestDb::new().await;
    let db = test.db();
    let before = pid(&db.conn().await.unwrap()).await;
    let url = test.url().to_owned();
    let elsewhere = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (admin, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
                .await
                .unwrap();
            tokio::spawn(connection);
            terminate(&admin, before).await;
            // The kernel closes the socket of a process a moment after the server has forgotten it.
            tokio::time::sleep(Duration::from_millis(50)).await;
        });
    });
    // Joining blocks the only thread of this runtime.
    elsewhere.join().unwrap();
    let conn = db.conn().await.unwrap();
    assert_ne!(pid(&conn).await, before);
}

#[tokio::test]
async fn a_request_that_loses_its_session_is_told_so_and_the_next_one_works() {
    let test = TestDb::new().await;
    let (db, admin) = (test.db(), test.client().await);
    let user = Rows(&test).buyer("ayu@example.test").await;
    let mut conn = db.conn().await.unwrap();
    let before = pid(&conn).await;
    let tx = conn.begin().await.unwrap();
    db::users::lock_buyer(&tx, user).await.unwrap();
    terminate(&admin, before).await;
    let lost = db::users::lock_buyer(&tx, user).await.unwrap_err();
    assert!(matches!(lost, DbError::Unavailable(_)), "{lost:?}");
    drop(tx);
    drop(conn);
    assert_ne!(pid(&db.conn().await.unwrap()).await, before);
}

async fn assert_refused_in_time(url: &str) {
    let db = db_at(url);
    for _ in 0..2 {
        let begun = Instant::now();
        let refused = db.conn().await.err().expect("nobody is there");
        assert!(matches!(refused, DbError::Unavailable(_)), "{refused:?}");
        assert!(begun.elapsed() < IN_TIME, "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_reported_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    assert_refused_in_time(&format!("postgres://u:p@127.0.0.1:{port}/d")).await;
    assert_refused_in_time("postgres://u:p@no-such-host.invalid/d").await;
}

#[tokio::test]
async fn a_server_that_takes_the_call_and_says_nothing_is_reported_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    assert_refused_in_time(&format!("postgres://u:p@127.0.0.1:{port}/d")).await;
}

#[tokio::test]
async fn a_wrong_login_is_the_operators_problem_not_the_callers() {
    let test = TestDb::new().await;
    let (before, after) = test.url().split_once("://").unwrap();
    let (_, server) = after.split_once('@').unwrap();
    // A role that does not exist is refused by every server, also by one that asks for no passwords.
    assert_refused_in_time(&format!("{before}://nobody_of_that_name:wrong@{server}")).await;
}

/// Lets connections through to a server, or closes them at once.
struct Gate {
    port: u16,
    open: Arc<AtomicBool>,
}

impl Gate {
    fn before(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let open = Arc::new(AtomicBool::new(false));
        let is_open = Arc::clone(&open);
        std::thread::spawn(move || {
            for near in listener.incoming() {
                let near = near.unwrap();
                if !is_open.load(Relaxed) {
                    continue;
                }
                let far = TcpStream::connect(&server).unwrap();
                for (mut from, mut to) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)]
                {
                    std::thread::spawn(move || {
                        let mut buffer = [0; 4_096];
                        while let Ok(count @ 1..) = from.read(&mut buffer) {
                            if to.write_all(&buffer[..count]).is_err() {
                                break;
                            }
                        }
                        let _ = to.shutdown(std::net::Shutdown::Both);
                    });
                }
            }
        });
        Self { port, open }
    }
}

#[tokio::test]
async fn a_server_that_comes_back_is_found_again() {
    let test = TestDb::new().await;
    let (before, after) = test.url().split_once('@').unwrap();
    let (server, database) = after.split_once('/').unwrap();
    let gate = Gate::before(server.to_owned());
    let db = db_at(&format!("{before}@127.0.0.1:{}/{database}", gate.port));
    assert!(matches!(db.conn().await.err(), Some(DbError::Unavailable(_))));
    gate.open.store(true, Relaxed);
    pid(&db.conn().await.unwrap()).await;
}

#[tokio::test]
async fn the_role_limits_every_connection_after_the_migrations() {
    let test = TestDb::new().await;
    let db = test.db();
    let conn = db.conn().await.unwrap();
    let expected = [
        ("statement_timeout", "5s"),
        ("lock_timeout", "2s"),
        ("idle_in_transaction_session_timeout", "10s"),
    ];
    for (setting, value) in expected {
        let row = conn
            .query_one("select current_setting($1)", &[&setting])
            .await
            .unwrap();
        assert_eq!(row.get::<_, &str>(0), value, "{setting}");
    }
}

#[tokio::test]
async fn a_wait_for_a_lock_ends_after_two_seconds() {
    let test = TestDb::new().await;
    let user = Rows(&test).buyer("ayu@example.test").await;
    let (first, second) = (test.db(), test.db());
    let (mut holder, mut waiter) = (first.conn().await.unwrap(), second.conn().await.unwrap());
    let holding = holder.begin().await.unwrap();
    db::users::lock_buyer(&holding, user).await.unwrap();
    let tx = waiter.begin().await.unwrap();
    let begun = Instant::now();
    let refused = db::users::lock_buyer(&tx, user).await.unwrap_err();
    assert!(matches!(refused, DbError::Unavailable(_)), "{refused:?}");
    assert!(
        (1.9..IN_TIME.as_secs_f64()).contains(&begun.elapsed().as_secs_f64()),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_statement_ends_after_five_seconds() {
    let test = TestDb::new().await;
    let db = test.db();
    let conn = db.conn().await.unwrap();
    let begun = Instant::now();
    let refused = DbError::from(conn.query("select pg_sleep(20)", &[]).await.unwrap_err());
    assert!(matches!(refused, DbError::Unavailable(_)), "{refused:?}");
    assert!(
        (4.9..8.0).contains(&begun.elapsed().as_secs_f64()),
        "{:?}",
        begun.elapsed()
    );
}
