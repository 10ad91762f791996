//! SUMMARY    A `posthouse demo --json` process: started, asked for its doors, killed without warning.
//! INVARIANTS Dropping it kills it: no run leaves a server behind.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::sync::oneshot;

use crate::{
    api::Endpoint,
    error::{Result, check},
};

/// Longest wait for a server to serve.
const START_MAX: Duration = Duration::from_secs(120);
/// Longest wait for a server that was asked to stop.
const STOP_MAX: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Where a running server can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doors {
    pub smtp: String,
    pub lmtp: String,
    pub submission: String,
    pub imap: String,
    pub imap_tls: String,
    /// (address, password)
    pub accounts: Vec<(String, String)>,
    pub api: Endpoint,
    /// The provider's operator's.
    pub operator_token: String,
    /// Id of the first account's tenant.
    pub tenant: Option<String>,
}

#[derive(Debug)]
pub struct Demo {
    child: Child,
    line: Option<oneshot::Receiver<String>>,
    began: Instant,
}

impl Demo {
    /// Starts the process; `doors` waits until it serves. Its log is appended to DATA.log.
    pub fn start(bin: &Path, data: &Path) -> Result<Self> {
        Self::start_on(bin, data, &[])
    }

    /// The same on some cores only (taskset); none: on all.
    pub fn start_on(bin: &Path, data: &Path, cores: &[usize]) -> Result<Self> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log_path(data))?;
        let began = Instant::now();
        let cores: Vec<String> = cores.iter().map(ToString::to_string).collect();
        let mut command = match cores.is_empty() {
            true => Command::new(bin),
            false => Command::new("taskset"),
        };
        if !cores.is_empty() {
            // It becomes the server: the process id is the server's.
            command.arg("-c").arg(cores.join(",")).arg(bin);
        }
        let mut child = command
            .args(["demo", "--json", "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let (tell, line) = oneshot::channel();
        let stdout = child.stdout.take().ok_or_else(|| check("no stdout"))?;
        // A thread of its own: a pipe read must not hold up the deliveries. It ends with the process.
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stdout);
            let mut first = String::new();
            if reader.read_line(&mut first).is_ok() && tell.send(first).is_ok() {
                let _ = std::io::copy(&mut reader, &mut std::io::sink());
            }
        });
        Ok(Demo { child, line: Some(line), began })
    }

    /// Waits until it serves: the time since its start, and its doors.
    pub async fn doors(&mut self) -> Result<(Duration, Doors)> {
        let line = self.line.take().ok_or_else(|| check("already asked"))?;
        let text = tokio::time::timeout(START_MAX, line)
            .await
            .map_err(|_| check(format!("the server did not serve within {START_MAX:?}")))?
            .map_err(|_| check("the server closed its output"))?;
        let took = self.began.elapsed();
        if text.trim().is_empty() {
            return Err(check("the server ended before it served; see its log"));
        }
        Ok((took, doors(&text)?))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, and waits until the process is gone.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGTERM, and waits for an orderly end.
    pub async fn stop(mut self) -> Result<()> {
        let status = Command::new("kill").args(["-TERM", &self.pid().to_string()]).status()?;
        if !status.success() {
            return Err(check("the server was gone before it was asked to stop"));
        }
        let asked = Instant::now();
        while asked.elapsed() < STOP_MAX {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(check(format!("the server stopped with {status}"))),
                None => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
        Err(check(format!("the server did not stop within {STOP_MAX:?}")))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn log_path(data: &Path) -> PathBuf {
    let mut name = data.as_os_str().to_owned();
    name.push(".log");
    name.into()
}

/// Reads the line that `demo --json` prints.
fn doors(text: &str) -> Result<Doors> {
    let json: Value = serde_json::from_str(text).map_err(|e| check(format!("not the demo's JSON: {e}")))?;
    let port = |pointer: &str| {
        let port = json.pointer(pointer).and_then(Value::as_u64);
        port.map(|p| format!("127.0.0.1:{p}")).ok_or_else(|| check(format!("the demo's JSON has no {pointer}")))
    };
    let each = |value: Option<&Value>, name: &str| {
        value.and_then(|v| v.get(name)).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let mut accounts = Vec::new();
    for tenant in each(Some(&json), "tenants") {
        for account in each(Some(&tenant), "accounts") {
            let field = |name: &str| account.get(name).and_then(Value::as_str).map(str::to_owned);
            let (Some(address), Some(password)) = (field("address"), field("password")) else {
                return Err(check("an account without address and password"));
            };
            accounts.push((address, password));
        }
    }
    if accounts.is_empty() {
        return Err(check("the demo has no account"));
    }
    let text = |pointer: &str| json.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    Ok(Doors {
        smtp: port("/smtp/mx_port")?,
        lmtp: port("/lmtp_port")?,
        submission: port("/smtp/submission_port")?,
        imap: port("/imap/port")?,
        imap_tls: port("/imap/tls_port")?,
        accounts,
        api: Endpoint::parse(&format!("http://{}/graphql", port("/http_port")?))?,
        operator_token: text("/operator_token").ok_or_else(|| check("the demo's JSON has no operator's token"))?,
        tenant: text("/tenants/0/id"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_line_is_read() {
        let text = r#"{"imap":{"port":1,"tls_port":2},"smtp":{"mx_port":3,"submission_port":6},"lmtp_port":4,
            "http_port":5,"operator_token":"t","tenants":[{"id":"x","accounts":[{"address":"a@b","password":"p"}]},{"accounts":[{"address":"c@d","password":"q"}]}]}"#;
        let d = doors(text).unwrap();
        assert_eq!(
            (d.smtp.as_str(), d.lmtp.as_str(), d.imap_tls.as_str()),
            ("127.0.0.1:3", "127.0.0.1:4", "127.0.0.1:2")
        );
        assert_eq!(d.accounts, [("a@b".to_owned(), "p".to_owned()), ("c@d".to_owned(), "q".to_owned())]);
        assert!(doors("{}").is_err() && doors("").is_err());
    }
}
