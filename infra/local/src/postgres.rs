//! PostgreSQL servers of this repository: one for the fleet, one that lives for a test run.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::http;
use crate::process::{Processes, Service, isolate};
use crate::repo::Repo;
use crate::text::hex_sha256;
use crate::tools::Tools;

/// The database and the role that owns it.
const NAME: &str = "gigglefest";

/// A server to start: where its data is and how careful it is with them.
#[derive(Debug)]
pub struct Server {
    /// Name as a service: `postgres` or `postgres-test`.
    pub service: &'static str,
    pub port: u16,
    pub password: String,
    /// Whether a commit waits for the disk. Off for data that a test run throws away.
    pub durable: bool,
}

impl Server {
    /// What clients connect with.
    pub fn url(&self) -> String {
        format!(
            "postgres://{NAME}:{}@127.0.0.1:{}/{NAME}",
            self.password, self.port
        )
    }

    fn data(&self, repo: &Repo) -> PathBuf {
        repo.local(self.service)
    }

    /// Stops the server and deletes its data.
    ///
    /// # Errors
    /// When either cannot be done.
    pub fn wipe(&self, repo: &Repo, processes: &mut Processes) -> Result<()> {
        processes.stop(self.service)?;
        let data = self.data(repo);
        if data.exists() {
            fs::remove_dir_all(&data).with_context(|| format!("cannot delete {}", data.display()))?;
        }
        Ok(())
    }

    /// The running server as a service; makes its data directory first if there is none.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn service(&self, repo: &Repo, tools: &Tools) -> Result<Service> {
        let programs = tools.postgres_programs()?;
        let wrapper = Wrapper::choose()?;
        let data = self.data(repo);
        if !data.join("PG_VERSION").exists() {
            self.create(repo, &programs, wrapper, &data)?;
        }
        let port = self.port.to_string();
        let mut settings = vec![
            // Every busy execution environment of a function holds a connection.
            ("max_connections", "300"),
            ("listen_addresses", "127.0.0.1"),
            ("port", port.as_str()),
            // No socket file: its path may be too long for the system, and nothing uses it.
            ("unix_socket_directories", ""),
            ("log_timezone", "UTC"),
            ("timezone", "UTC"),
            ("shared_buffers", "256MB"),
        ];
        if !self.durable {
            settings.extend([
                ("fsync", "off"),
                ("synchronous_commit", "off"),
                ("full_page_writes", "off"),
            ]);
        }
        let mut command = wrapper.command(&programs.join("postgres"));
        isolate(repo, &mut command)?;
        command.arg("-D").arg(&data);
        for (name, value) in &settings {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        let fingerprint = hex_sha256(format!("{programs:?} {data:?} {settings:?}").as_bytes());
        Ok(Service {
            name: self.service,
            command,
            fingerprint,
        })
    }

    /// Makes the data directory in a temporary place, so that an interruption leaves nothing that looks complete.
    fn create(&self, repo: &Repo, programs: &Path, wrapper: Wrapper, data: &Path) -> Result<()> {
        let scratch = repo.local("tmp").join(format!("{}.new", self.service));
        let _ = fs::remove_dir_all(&scratch);
        fs::create_dir_all(&scratch)?;
        let new = scratch.join("data");
        fs::create_dir(&new)?;
        fs::set_permissions(&new, fs::Permissions::from_mode(0o700))?;
        let password = scratch.join("password");
        fs::write(&password, &self.password)?;
        fs::set_permissions(&password, fs::Permissions::from_mode(0o600))?;
        wrapper.hand_over(&scratch)?;

        let mut initdb = wrapper.command(&programs.join("initdb"));
        isolate(repo, &mut initdb)?;
        // A throw-away server asks nobody for a password: hundreds of connections at a time would spend seconds on
        // key derivation in unoptimised test programs.
        let authentication = if self.durable {
            "--auth=scram-sha-256"
        } else {
            "--auth=trust"
        };
        initdb.args([
            "--username",
            NAME,
            authentication,
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]);
        initdb
            .args(["--no-sync", "--no-instructions", "--pwfile"])
            .arg(&password)
            .arg("--pgdata")
            .arg(&new);
        complete(&mut initdb, None, "initdb failed")?;
        // No client program comes with the package, so the server itself makes the database, in single-user mode.
        let mut single = wrapper.command(&programs.join("postgres"));
        isolate(repo, &mut single)?;
        single
            .args(["--single", "-c", "fsync=off", "-D"])
            .arg(&new)
            .arg("postgres");
        complete(
            &mut single,
            Some(&format!("create database {NAME} owner {NAME};\n")),
            "the database was not made",
        )?;
        fs::remove_file(&password)?;
        fs::rename(&new, data)
            .with_context(|| format!("cannot move the new database to {}", data.display()))?;
        let _ = fs::remove_dir_all(&scratch);
        Ok(())
    }

    /// Waits until the started server takes connections.
    ///
    /// # Errors
    /// When it ends or takes longer than a minute (a crash recovery may take a while).
    pub fn wait(&self, processes: &Processes) -> Result<()> {
        processes.wait_until(self.service, Duration::from_secs(60), || answers(self.port))
    }
}

/// Whether a server speaks PostgreSQL on the port and lets clients in: a start-up packet is answered about
/// authentication (`R`), not with an error (`E`, "the database system is starting up").
fn answers(port: u16) -> bool {
    use std::io::{Read as _, Write as _};
    let Ok(mut stream) = http::connect(port) else {
        return false;
    };
    let mut packet = Vec::new();
    packet.extend(196_608_u32.to_be_bytes());
    for word in ["user", NAME, "database", NAME, ""] {
        packet.extend(word.as_bytes());
        packet.push(0);
    }
    let Ok(length) = u32::try_from(packet.len() + 4) else {
        return false;
    };
    let mut answer = [0_u8; 1];
    stream.write_all(&length.to_be_bytes()).is_ok()
        && stream.write_all(&packet).is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && answer == *b"R"
}

fn complete(command: &mut Command, input: Option<&str>, failure: &str) -> Result<()> {
    use std::io::Write as _;
    let mut child = command
        .stdin(if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| failure.to_owned())?;
    if let (Some(mut stdin), Some(text)) = (child.stdin.take(), input) {
        stdin.write_all(text.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    // Single-user mode ends well even if the statement did not.
    if !output.status.success() || told.contains("ERROR:") || told.contains("FATAL:") {
        bail!("{failure}:\n{}", told.trim_end());
    }
    Ok(())
}

/// PostgreSQL refuses to run as root, and as a user without a name. Then it is started as somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrapper {
    /// An ordinary user.
    None,
    /// A user namespace in which we are called `nobody`: files keep their owner.
    Namespace,
    /// Where namespaces are forbidden (many containers): the account `nobody`, which then owns the data.
    Nobody,
}

impl Wrapper {
    const NAMESPACE: [&str; 5] = ["unshare", "--user", "--map-user=65534", "--map-group=65534", "--"];
    const NOBODY: [&str; 4] = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

    fn choose() -> Result<Self> {
        let works = |command: &mut Command| {
            let status = command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            status.is_ok_and(|status| status.success())
        };
        if !rustix::process::geteuid().is_root() && works(Command::new("id").arg("-un")) {
            return Ok(Self::None);
        }
        for wrapper in [Self::Namespace, Self::Nobody] {
            if works(&mut wrapper.command(Path::new("true"))) {
                return Ok(wrapper);
            }
        }
        bail!(
            "PostgreSQL runs neither as root nor as a user without a name, and neither unshare nor setpriv (package \
             util-linux) can change that here. Run the command as an ordinary user, or set DATABASE_URL to a server \
             of your own"
        )
    }

    fn command(self, program: &Path) -> Command {
        let words: &[&str] = match self {
            Self::None => &[],
            Self::Namespace => &Self::NAMESPACE,
            Self::Nobody => &Self::NOBODY,
        };
        match words.split_first() {
            None => Command::new(program),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        }
    }

    /// Gives a directory tree to the account the server will run as.
    fn hand_over(self, directory: &Path) -> Result<()> {
        if self == Self::Nobody {
            let status = Command::new("chown")
                .args(["-R", "65534:65534"])
                .arg(directory)
                .status()?;
            if !status.success() {
                bail!("cannot give {} to the account nobody", directory.display());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wrapper_stands_before_the_program() {
        let command = Wrapper::Namespace.command(Path::new("/p/postgres"));
        assert_eq!(command.get_program(), "unshare");
        assert_eq!(command.get_args().last().unwrap(), "/p/postgres");
        assert_eq!(
            Wrapper::None.command(Path::new("/p/postgres")).get_program(),
            "/p/postgres"
        );
    }

    #[test]
    fn a_port_where_nobody_speaks_postgres_is_not_ready() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let other = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        });
        assert!(!answers(port));
        other.join().unwrap();
    }
}
