//! An organizer's own system: it answers as it is told and remembers what it heard.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What came in.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// `POST /path HTTP/1.1`.
    pub line: String,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// How it answers: with a status, further headers and a body, after a while.
#[derive(Debug, Clone, Copy)]
pub struct Reply {
    pub status: u16,
    pub headers: &'static str,
    pub body: &'static str,
    pub after: Duration,
}

impl Reply {
    pub const fn status(status: u16) -> Self {
        Self {
            status,
            headers: "",
            body: "",
            after: Duration::ZERO,
        }
    }
}

#[derive(Default)]
struct Memory {
    connections: usize,
    open: usize,
    most_open: usize,
    heard: Vec<Heard>,
    replies: Vec<Reply>,
}

/// A receiver on a port of its own. It answers 200 unless it is told otherwise.
pub struct Receiver {
    pub port: u16,
    memory: Arc<Mutex<Memory>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let memory = Arc::new(Mutex::new(Memory::default()));
        let shared = Arc::clone(&memory);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.lock().unwrap().connections += 1;
                tokio::spawn(answer(stream, Arc::clone(&shared)));
            }
        });
        Self { port, memory }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    /// What the next calls are answered with, in this order.
    pub fn will(&self, replies: &[Reply]) {
        self.memory.lock().unwrap().replies = replies.iter().rev().copied().collect();
    }

    /// Takes what came in since the last time.
    pub fn heard(&self) -> Vec<Heard> {
        std::mem::take(&mut self.memory.lock().unwrap().heard)
    }

    /// How often somebody connected, whatever was said then.
    pub fn connections(&self) -> usize {
        self.memory.lock().unwrap().connections
    }

    /// How many calls waited for an answer at the same time.
    pub fn most_open(&self) -> usize {
        self.memory.lock().unwrap().most_open
    }
}

async fn answer(mut stream: TcpStream, memory: Arc<Mutex<Memory>>) {
    let mut text = Vec::new();
    let mut piece = [0; 4_096];
    let heard = loop {
        let read = stream.read(&mut piece).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        text.extend_from_slice(&piece[..read]);
        if let Some(heard) = parse(&String::from_utf8_lossy(&text)) {
            break heard;
        }
    };
    let reply = {
        let mut memory = memory.lock().unwrap();
        memory.heard.push(heard);
        memory.open += 1;
        memory.most_open = memory.most_open.max(memory.open);
        memory.replies.pop().unwrap_or(Reply::status(200))
    };
    tokio::time::sleep(reply.after).await;
    memory.lock().unwrap().open -= 1;
    let (status, headers, body) = (reply.status, reply.headers, reply.body);
    let answer = format!(
        "HTTP/1.1 {status} Status\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}

/// A whole request, once it is there.
fn parse(text: &str) -> Option<Heard> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length")?.parse().ok()?;
    (body.len() >= length).then(|| Heard {
        line,
        headers,
        body: body.to_owned(),
    })
}
