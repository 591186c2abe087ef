use crate::{Api, Fleet};
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Longest wait for something that should happen at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// People with WebSockets, played by another implementation in another language: the Python library `websockets`.
#[derive(Debug)]
pub struct Sockets {
    client: Child,
    commands: ChildStdin,
    happenings: Receiver<Value>,
    /// What was heard and not asked for yet, by the name of the connection.
    waiting: HashMap<String, VecDeque<Value>>,
    url: String,
}

impl Sockets {
    /// Starts the client.
    ///
    /// # Panics
    /// When it does not start.
    pub fn new(fleet: &Fleet) -> Self {
        let python = std::env::var_os("GIGGLEFEST_VENV_PYTHON").expect(
            "GIGGLEFEST_VENV_PYTHON is not set: run `cargo xtask test --only acceptance`, which sets it",
        );
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/realtime/client.py");
        let mut client = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the client starts");
        let commands = client.stdin.take().expect("an input");
        let output = BufReader::new(client.stdout.take().expect("an output"));
        let (sender, happenings) = channel();
        std::thread::spawn(move || {
            for line in output.lines() {
                let line = line.expect("a line");
                let happening = serde_json::from_str(&line).expect("what happened, in JSON");
                if sender.send(happening).is_err() {
                    break;
                }
            }
        });
        Self {
            client,
            commands,
            happenings,
            waiting: HashMap::new(),
            url: fleet.websocket_url.clone(),
        }
    }

    fn command(&mut self, command: &Value) {
        writeln!(self.commands, "{command}").expect("the client listens");
    }

    /// Waits for the next thing that happens to a connection. `None` if nothing does in time.
    fn next(&mut self, name: &str, patience: Duration) -> Option<Value> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(happening) = self.waiting.get_mut(name).and_then(VecDeque::pop_front) {
                return Some(happening);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.happenings.recv_timeout(left) {
                Ok(happening) => {
                    let whose = happening["name"].as_str().expect("a name").to_owned();
                    self.waiting.entry(whose).or_default().push_back(happening);
                }
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => panic!("the client has ended"),
            }
        }
    }

    fn soon(&mut self, name: &str) -> Value {
        self.next(name, PATIENCE)
            .unwrap_or_else(|| panic!("nothing happened to {name}"))
    }

    /// Begins to open a connection; [`Sockets::status`] tells what came of it.
    pub fn begin(&mut self, name: &str, ticket: Option<&str>) {
        let ticket = ticket
            .map(|ticket| format!("?ticket={ticket}"))
            .unwrap_or_default();
        let url = format!("{}{ticket}", self.url);
        self.command(&json!({"open": name, "url": url}));
    }

    /// 101 if a connection was opened, otherwise the status of the refusal.
    pub fn status(&mut self, name: &str) -> u16 {
        let happening = self.soon(name);
        if happening["opened"] == true {
            return 101;
        }
        let status = happening["refused"].as_u64();
        let status = status.unwrap_or_else(|| panic!("neither opened nor refused: {happening}"));
        u16::try_from(status).expect("a status")
    }

    /// Opens a connection for whoever has the ticket, for nobody without one.
    ///
    /// # Panics
    /// When it is refused.
    pub fn open(&mut self, name: &str, ticket: Option<&str>) {
        self.begin(name, ticket);
        assert_eq!(self.status(name), 101, "{name}");
    }

    /// Says something.
    pub fn send(&mut self, name: &str, message: &Value) {
        self.command(&json!({"send": name, "text": message.to_string()}));
    }

    /// The next message of a connection.
    ///
    /// # Panics
    /// When there is none in time.
    pub fn hear(&mut self, name: &str) -> Value {
        self.hear_within(name, PATIENCE)
            .unwrap_or_else(|| panic!("{name} heard nothing"))
    }

    /// The next message of a connection. `None` if none comes in time.
    pub fn hear_within(&mut self, name: &str, patience: Duration) -> Option<Value> {
        let happening = self.next(name, patience)?;
        let text = happening["heard"].as_str();
        let text = text.unwrap_or_else(|| panic!("no message: {happening}"));
        Some(serde_json::from_str(text).expect("a message in JSON"))
    }

    /// Says something and gives the next message.
    pub fn ask(&mut self, name: &str, message: &Value) -> Value {
        self.send(name, message);
        self.hear(name)
    }

    /// Follows a topic and gives the answer. Updates that come before it are passed over: who is told of a change
    /// and who answers are two functions, and neither waits for the other.
    ///
    /// # Panics
    /// When there is no answer in time.
    pub fn subscribe(&mut self, name: &str, topic: &str) -> Value {
        self.send(name, &json!({"action": "subscribe", "topic": topic}));
        loop {
            let message = self.hear(name);
            if message["type"] != "update" {
                return message;
            }
        }
    }

    /// Ends a connection.
    pub fn close(&mut self, name: &str) {
        self.command(&json!({"close": name}));
        let happening = self.soon(name);
        assert!(happening.get("closed").is_some(), "{happening}");
    }

    /// The next message of a connection. `None` if the other side has ended it.
    ///
    /// # Panics
    /// When neither happens in time.
    pub fn hear_or_end(&mut self, name: &str) -> Option<Value> {
        let happening = self.soon(name);
        if happening.get("closed").is_some() {
            return None;
        }
        let text = happening["heard"].as_str().expect("a message");
        Some(serde_json::from_str(text).expect("a message in JSON"))
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

impl Api {
    /// A ticket for a connection of whoever has this token.
    pub async fn socket_ticket(&self) -> String {
        let data = self.post("/realtime/tickets", &json!({})).await.data(201);
        data["ticket"].as_str().expect("a ticket").to_owned()
    }
}
