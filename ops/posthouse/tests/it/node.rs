//! SUMMARY    A server process on free ports, and small clients for it. Dropping it kills the process.

use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

/// Longest wait for anything a server should do.
pub const WAIT: Duration = Duration::from_secs(60);

/// The binary, with none of the caller's variables that it would read.
pub fn posthouse() -> Command {
    undisturbed(Command::new(env!("CARGO_BIN_EXE_posthouse")))
}

/// The binary as a server whose writes fail when they pass a limit of file sizes, instead of a signal ending it.
fn server() -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_posthouse")]);
    undisturbed(shell)
}

fn undisturbed(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os().filter(|(n, _)| n.to_string_lossy().starts_with("POSTHOUSE_")) {
        command.env_remove(name);
    }
    command.env_remove("NOTIFY_SOCKET").stdin(Stdio::null());
    command
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running server.
pub struct Node {
    pub child: Child,
    pub data: PathBuf,
    pub ports: Value,
    /// What the server says: a file, so that a full disk is also the log's.
    log: tempfile::NamedTempFile,
}

impl Node {
    /// Starts `serve` with further variables and waits until it says that it is ready.
    pub fn start(data: &Path, variables: &[(&str, &str)]) -> Node {
        let folder = tempfile::tempdir().unwrap();
        let told = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        told.set_read_timeout(Some(WAIT)).unwrap();
        let mut command = server();
        for door in ["SMTP", "SUBMISSION", "IMAP", "IMAPS", "HTTP"] {
            command.env(format!("POSTHOUSE_LISTEN_{door}"), "127.0.0.1:0");
        }
        command.env("POSTHOUSE_HOSTNAME", "mail.a.example").env("POSTHOUSE_DATA", data);
        command.env("NOTIFY_SOCKET", folder.path().join("notify")).env("POSTHOUSE_LOG", "error");
        command.envs(variables.iter().copied());
        let log = tempfile::NamedTempFile::new().unwrap();
        command.arg("serve").stdout(Stdio::null()).stderr(log.reopen().unwrap());
        let child = command.spawn().unwrap();
        let mut node = Node { child, data: data.to_owned(), ports: Value::Null, log };
        let mut said = [0; 64];
        let length = told.recv(&mut said).expect("the server does not say that it is ready");
        assert_eq!(&said[..length], b"READY=1");
        node.ports = node.ctl_json(&["status"])["rows"][0]["ports"].clone();
        node
    }

    pub fn connect(&self, door: &str) -> Dialogue {
        let port = u16::try_from(self.ports[door].as_u64().unwrap()).unwrap();
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(WAIT)).unwrap();
        Dialogue(BufReader::new(stream))
    }

    pub fn ctl(&self, arguments: &[&str]) -> Output {
        ctl(&self.data, arguments)
    }

    /// A command that must go well.
    pub fn ctl_json(&self, arguments: &[&str]) -> Value {
        let output = self.ctl(&[&["--json"], arguments].concat());
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// A tenant with the mailbox `ann@a.example`: its id.
    pub fn provision(&self) -> String {
        let token = std::fs::read_to_string(self.data.join("operator.token")).unwrap();
        let query = "mutation($input: TenantCreateInput!) { r: tenantCreate(input: $input) \
                     { tenant { id } userErrors { message } } }";
        let mailbox = serde_json::json!({ "address": "ann@a.example", "password": "ann-likes-tests" });
        let input = serde_json::json!({ "name": "A", "domain": "a.example", "vouch": true, "ownerMailbox": mailbox });
        let body = serde_json::json!({ "query": query, "variables": { "input": input } }).to_string();
        let mut http = self.connect("http");
        let request = format!(
            "POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        http.0.get_mut().write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        http.0.read_to_string(&mut answer).unwrap();
        let answer: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        answer.pointer("/data/r/tenant/id").and_then(Value::as_str).unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Lets no file grow, as on a full disk, or again.
    pub fn limit_files(&self, limited: bool) {
        let limit = if limited { "--fsize=1:" } else { "--fsize=unlimited:" };
        let status = Command::new("prlimit").args(["--pid", &self.child.id().to_string(), limit]).status().unwrap();
        assert!(status.success());
    }

    /// The status line of a GET.
    pub fn get(&self, path: &str) -> String {
        let mut http = self.connect("http");
        http.send(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).unwrap();
        http.line()
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// SIGTERM; how long it took to end in order.
    pub fn stop(mut self) -> Duration {
        let asked = Instant::now();
        self.signal("TERM");
        assert!(self.child.wait().unwrap().success());
        asked.elapsed()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the server said:\n{}", std::fs::read_to_string(self.log.path()).unwrap_or_default());
        }
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn ctl(data: &Path, arguments: &[&str]) -> Output {
    posthouse().args(["ctl", "--data"]).arg(data).args(arguments).output().unwrap()
}

/// Lines over one connection.
pub struct Dialogue(pub BufReader<TcpStream>);

impl Dialogue {
    pub fn send(&mut self, text: &str) -> std::io::Result<()> {
        self.0.get_mut().write_all(text.as_bytes())
    }

    /// The next line; empty at the end of the connection, however it ends.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        // A reset is an end too.
        let _ = self.0.read_line(&mut line);
        line
    }

    /// The last line of an SMTP reply.
    pub fn reply(&mut self) -> String {
        loop {
            let line = self.line();
            if line.get(3..4) != Some("-") {
                return line;
            }
        }
    }

    pub fn ask(&mut self, command: &str, code: &str) {
        self.send(&format!("{command}\r\n")).unwrap();
        let reply = self.reply();
        assert!(reply.starts_with(code), "{command}: {reply}");
    }
}
