//! The fleet's ports, and who sits on one that should be free.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

/// Every port of the fleet; each can be changed by an environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// The API as browsers and apps see it.
    pub api: u16,
    /// The AWS endpoints.
    pub aws: u16,
    /// The payment provider's simulator.
    pub midtrans: u16,
    /// The image service's simulator.
    pub imagekit: u16,
    /// The mailbox's page.
    pub mailbox: u16,
    /// Where the mailbox takes mail.
    pub smtp: u16,
    pub postgres: u16,
}

/// One port with what to call it and how to change it.
#[derive(Debug, Clone, Copy)]
pub struct NamedPort {
    pub service: &'static str,
    pub variable: &'static str,
    pub port: u16,
}

impl Ports {
    /// Reads the ports from the environment; `api` is the `--port` option, which beats its variable.
    ///
    /// # Errors
    /// When a variable is not a port number, or two services were given the same port.
    pub fn from_environment(api: Option<u16>, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let read = |name: &str, default: u16| -> Result<u16> {
            match variable(name) {
                None => Ok(default),
                Some(text) => match text.trim().parse::<u16>() {
                    Ok(port) if port > 0 => Ok(port),
                    _ => bail!("{name}={text} is not a port number (1 to 65535)"),
                },
            }
        };
        let ports = Self {
            api: match api {
                Some(port) => port,
                None => read("GIGGLEFEST_PORT", 8080)?,
            },
            aws: read("GIGGLEFEST_PORT_AWS", 4600)?,
            midtrans: read("GIGGLEFEST_PORT_MIDTRANS", 4700)?,
            imagekit: read("GIGGLEFEST_PORT_IMAGEKIT", 4800)?,
            mailbox: read("GIGGLEFEST_PORT_MAILBOX", 1080)?,
            smtp: read("GIGGLEFEST_PORT_SMTP", 1025)?,
            postgres: read("GIGGLEFEST_PORT_POSTGRES", 5433)?,
        };
        let mut taken = HashSet::new();
        for named in ports.all() {
            if !taken.insert(named.port) {
                bail!(
                    "port {} is given to two services; change {}",
                    named.port,
                    named.variable
                );
            }
        }
        Ok(ports)
    }

    pub fn all(&self) -> [NamedPort; 7] {
        [
            NamedPort {
                service: "API",
                variable: "GIGGLEFEST_PORT",
                port: self.api,
            },
            NamedPort {
                service: "AWS emulator",
                variable: "GIGGLEFEST_PORT_AWS",
                port: self.aws,
            },
            NamedPort {
                service: "Midtrans simulator",
                variable: "GIGGLEFEST_PORT_MIDTRANS",
                port: self.midtrans,
            },
            NamedPort {
                service: "ImageKit simulator",
                variable: "GIGGLEFEST_PORT_IMAGEKIT",
                port: self.imagekit,
            },
            NamedPort {
                service: "mailbox page",
                variable: "GIGGLEFEST_PORT_MAILBOX",
                port: self.mailbox,
            },
            NamedPort {
                service: "mailbox SMTP",
                variable: "GIGGLEFEST_PORT_SMTP",
                port: self.smtp,
            },
            NamedPort {
                service: "PostgreSQL",
                variable: "GIGGLEFEST_PORT_POSTGRES",
                port: self.postgres,
            },
        ]
    }

    /// Checks that a service may listen on each of the given ports.
    ///
    /// # Errors
    /// When one is taken: the message names the port, the process where the system tells, and the variable to change.
    pub fn require_free(&self, wanted: &[u16]) -> Result<()> {
        let mut message = String::new();
        for named in self.all().iter().filter(|named| wanted.contains(&named.port)) {
            if !is_free(named.port) {
                let holder = match holder(named.port) {
                    Some((pid, command)) => format!("process {pid} ({command})"),
                    None => "another process".to_owned(),
                };
                let _ = write!(
                    message,
                    "\n  port {} ({}) is in use by {holder}; stop it or choose another port with {}",
                    named.port, named.service, named.variable
                );
            }
        }
        if message.is_empty() {
            Ok(())
        } else {
            bail!("the fleet cannot start:{message}")
        }
    }
}

/// A port that was free a moment ago.
///
/// # Errors
/// When the system has none.
pub fn any_free() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The process that listens on a port, as far as we may see: another user's open files are hidden.
fn holder(port: u16) -> Option<(u32, String)> {
    let sockets: HashSet<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = process
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        let Ok(files) = fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        let holds = files
            .flatten()
            .filter_map(|file| fs::read_link(file.path()).ok())
            .any(|target| target.to_str().is_some_and(|text| sockets.contains(text)));
        if holds {
            let command = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some((pid, command.trim().to_owned()));
        }
    }
    None
}

/// Inodes of the sockets that listen on `port`, from a table in the form of `/proc/net/tcp`.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    table
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let local = fields.nth(1)?;
            let state = fields.nth(1)?;
            let inode = fields.nth(5)?;
            let local_port = u16::from_str_radix(local.rsplit(':').next()?, 16).ok()?;
            (state == LISTEN && local_port == port).then(|| inode.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn the_option_beats_the_variable_and_the_variable_beats_the_default() {
        let variable = |name: &str| (name == "GIGGLEFEST_PORT").then(|| "9000".to_owned());
        assert_eq!(Ports::from_environment(None, none).unwrap().api, 8080);
        assert_eq!(Ports::from_environment(None, variable).unwrap().api, 9000);
        assert_eq!(Ports::from_environment(Some(9001), variable).unwrap().api, 9001);
    }

    #[test]
    fn nonsense_names_its_variable() {
        for text in ["", "0", "65536", "-1", "http"] {
            let variable = |name: &str| (name == "GIGGLEFEST_PORT_AWS").then(|| text.to_owned());
            let message = Ports::from_environment(None, variable).unwrap_err().to_string();
            assert!(message.contains("GIGGLEFEST_PORT_AWS"), "{message}");
        }
    }

    #[test]
    fn two_services_cannot_share_a_port() {
        let message = Ports::from_environment(Some(4700), none).unwrap_err().to_string();
        assert!(
            message.contains("4700") && message.contains("GIGGLEFEST_PORT_MIDTRANS"),
            "{message}"
        );
    }

    #[test]
    fn a_busy_port_is_reported_with_its_holder() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let ports = Ports::from_environment(Some(port), none).unwrap();
        let message = ports.require_free(&[port]).unwrap_err().to_string();
        assert!(
            message.contains(&port.to_string()) && message.contains("GIGGLEFEST_PORT"),
            "{message}"
        );
        assert!(message.contains(&std::process::id().to_string()), "{message}");
        drop(listener);
        ports.require_free(&[port]).unwrap();
    }

    #[test]
    fn only_listening_sockets_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0 100 0 0 10 0\n\
            1: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 222 1 0 100 0 0 10 0\n\
            2: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1 0 100 0 0 10 0\n";
        assert_eq!(listening_inodes(table, 8080), ["111"]);
    }
}
