//! A tiny merchant: takes notifications and answers them as told.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use http::{HeaderMap, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::support::SOON;

/// How to answer one notification.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Status(u16),
    Redirect(u16, String),
    Never,
    CloseConnection,
}

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) at: Instant,
    pub(crate) path: String,
    pub(crate) method: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

#[derive(Default)]
struct Shared {
    messages: Mutex<Vec<Message>>,
    answers: Mutex<VecDeque<Answer>>,
    arrived: Notify,
}

pub(crate) struct Receiver {
    base: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::<Shared>::default();
        let server = tokio::spawn(serve(listener, Arc::clone(&shared)));
        Self { base, shared, server }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Answers the next notifications like this; later ones get 200.
    pub(crate) fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.shared.answers.lock().unwrap().extend(answers);
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        self.shared.messages.lock().unwrap().clone()
    }

    /// Waits until this many notifications have come.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<Message> {
        let waiting = async {
            loop {
                let arrived = self.shared.arrived.notified();
                let messages = self.messages();
                if messages.len() >= count {
                    return messages;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(SOON, waiting)
            .await
            .unwrap_or_else(|_| panic!("waited for {count} notifications, got {:#?}", self.messages()))
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, &shared));
            // A connection closed on purpose ends with an error.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(request: http::Request<Incoming>, shared: &Shared) -> io::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let content = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let answer = shared
        .answers
        .lock()
        .unwrap()
        .pop_front()
        .unwrap_or(Answer::Status(200));
    shared.messages.lock().unwrap().push(Message {
        at: Instant::now(),
        path: parts.uri.path().to_owned(),
        method: parts.method.to_string(),
        headers: parts.headers,
        body: serde_json::from_slice(&content).unwrap_or(Value::Null),
    });
    shared.arrived.notify_waiters();
    let response = Response::builder();
    let response = match answer {
        Answer::Status(status) => response.status(status),
        Answer::Redirect(status, location) => response.status(status).header("location", location),
        Answer::CloseConnection => return Err(io::ErrorKind::ConnectionAborted.into()),
        Answer::Never => {
            let never: Infallible = std::future::pending().await;
            match never {}
        }
    };
    Ok(response.body(Full::default()).unwrap())
}
