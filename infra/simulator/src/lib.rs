//! What the simulators of outside services have in common: how they serve, so that an answer can be withheld as in an
//! outage, how they live as a process, and how the official library of a service is let loose on its simulator.

#![expect(clippy::disallowed_methods, reason = "no function links the simulators")]

mod official_client;

pub use official_client::OfficialClient;

use std::fmt::Display;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

/// How long open connections may take to end.
const GRACE: Duration = Duration::from_millis(500);

/// Marks, as an extension, a response that must not be sent.
#[derive(Clone, Copy, Debug)]
pub enum Withheld {
    /// The connection is closed instead.
    Close,
    /// The client waits until it gives up.
    Hang,
}

/// Binds the address at which a simulator listens, and gives the URL that leads there, without a slash at the end.
///
/// # Errors
/// Which address cannot be bound, and why.
pub async fn listen(address: SocketAddr) -> io::Result<(TcpListener, String)> {
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}

/// Tells a simulator to stop. Dropping it does so, too.
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Stop {
    /// Stops everything that waits for it.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Ends when the simulator is stopped.
    pub fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        stopped(self.0.subscribe())
    }

    /// Serves connections until stopped; those that are open then may finish their request.
    pub fn serve(&self, listener: TcpListener, router: Router) -> impl Future<Output = ()> + Send + use<> {
        serve(listener, router, self.0.subscribe())
    }
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that the simulator is gone, which is a stop as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn serve(listener: TcpListener, router: Router, stop: watch::Receiver<bool>) {
    let told = stopped(stop.clone());
    tokio::pin!(told);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = &mut told => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, router.clone(), stopped(stop.clone())));
                }
                // Out of file descriptors, most likely: wait for connections to end.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
}

async fn serve_connection(stream: TcpStream, router: Router, stopped: impl Future<Output = ()>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move { answer(router, request).await }
    });
    let mut builder = http1::Builder::new();
    let connection = builder
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // How a connection ends is the client's business.
        _ = connection.as_mut() => {}
        () = stopped => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn answer(router: Router, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let Ok(response) = router.oneshot(request.map(Body::new)).await;
    match response.extensions().get::<Withheld>() {
        None => Ok(response),
        Some(Withheld::Close) => Err(io::ErrorKind::ConnectionAborted.into()),
        Some(Withheld::Hang) => std::future::pending().await,
    }
}

/// The life of a simulator's process: it says where it listens, and waits until it is told to end.
///
/// # Errors
/// If nobody can be told, or signals cannot be waited for.
pub async fn until_told_to_end(greeting: impl Display) -> io::Result<()> {
    let mut stdout = io::stdout();
    writeln!(stdout, "{greeting}")?;
    stdout.flush()?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    Ok(())
}

/// The exit code of a simulator's process, after saying what went wrong.
pub fn exit_code(program: &str, result: io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If nobody reads it, the exit code has to do.
            let _ = writeln!(io::stderr(), "{program}: {error}");
            ExitCode::FAILURE
        }
    }
}
