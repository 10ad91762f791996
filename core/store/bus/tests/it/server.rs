//! SUMMARY    A server of a test: started on a free port in a temporary folder, stopped with the test.
//! INVARIANTS A program that is not installed fails the test and says how to install it.

use std::{
    env,
    fs::File,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};
use tokio::net::TcpStream;

/// A program, where it may be named, and how to get it.
pub struct Program {
    pub name: &'static str,
    pub variable: &'static str,
    pub install: &'static str,
    /// Arguments that stop it, where a signal does not reach what it started: then its folder.
    pub down: &'static [&'static str],
}

/// How often another port is tried when somebody took the one that was free.
const STARTS_MAX: usize = 3;

pub struct Server {
    program: PathBuf,
    down: &'static [&'static str],
    args: Vec<String>,
    pub folder: tempfile::TempDir,
    pub port: u16,
    child: Option<Child>,
}

fn find(program: &Program) -> PathBuf {
    if let Some(path) = env::var_os(program.variable) {
        return path.into();
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&folders).map(|folder| folder.join(program.name)).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("{} is not on PATH: {}, or name it in {}", program.name, program.install, program.variable)
    })
}

pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

impl Server {
    /// Starts it and waits until it takes connections.
    pub async fn start(program: &Program, args: impl Fn(u16, &Path) -> Vec<String>) -> Server {
        let mut failed = Vec::new();
        for _ in 0..STARTS_MAX {
            let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
            let (args, down) = (args(port, folder.path()), program.down);
            let mut server = Server { program: find(program), down, args, folder, port, child: None };
            match server.try_again().await {
                Ok(()) => return server,
                Err(why) => failed.push(why),
            }
        }
        panic!("{} does not start: {failed:?}", program.name);
    }

    /// Starts it on the same port, with what it kept.
    pub async fn again(&mut self) {
        self.try_again().await.unwrap();
    }

    async fn try_again(&mut self) -> Result<(), String> {
        let log = File::create(self.folder.path().join("log")).unwrap();
        let mut command = Command::new(&self.program);
        command.args(&self.args).current_dir(self.folder.path()).stderr(log.try_clone().unwrap()).stdout(log);
        self.child = Some(command.spawn().unwrap());
        let began = Instant::now();
        while TcpStream::connect(self.address()).await.is_err() {
            if self.child.as_mut().unwrap().try_wait().unwrap().is_some() {
                return Err(format!("it ended: {}", self.log()));
            }
            if began.elapsed() > Duration::from_secs(60) {
                return Err(format!("it is not ready: {}", self.log()));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        if !self.down.is_empty() {
            // It fails if nothing runs.
            let _ = Command::new(&self.program).args(self.down).arg(self.folder.path()).output();
        }
        let _ = child.kill();
        child.wait().unwrap();
    }

    /// Sends it a signal, as `STOP`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A certificate for 127.0.0.1 that signed itself, and its key: PEM files `cert.pem` and `key.pem`.
pub fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (cert, key)
}
