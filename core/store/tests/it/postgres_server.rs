//! SUMMARY    A PostgreSQL server of Debian's package, in a folder of its own, for one test.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};
use store::postgres::PostgresOptions;
use tempfile::TempDir;

const USER: &str = "postgres";

pub struct PostgresServer {
    bin: PathBuf,
    folder: TempDir,
    port: u16,
    schemas: AtomicU32,
}

/// The newest that is installed.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is not installed: ops/test installs it");
    let newest = versions.filter_map(|v| v.ok()?.file_name().to_str()?.parse::<u32>().ok()).max().unwrap();
    Path::new("/usr/lib/postgresql").join(newest.to_string()).join("bin")
}

impl PostgresServer {
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("posthouse-postgres-").tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = PostgresServer { bin: programs(), folder, port, schemas: AtomicU32::new(0) };
        if rustix::process::geteuid().is_root() {
            assert!(Command::new("chown").arg(USER).arg(server.folder.path()).status().unwrap().success());
        }
        server.run("initdb", &["--auth=trust", "--username=postgres", "--locale=C", "--encoding=UTF8", "--no-sync"]);
        server.up();
        server
    }

    /// Runs a program on the data folder, as a user that may.
    fn run(&self, program: &str, words: &[&str]) {
        let (program, data) = (self.bin.join(program), self.folder.path().join("data"));
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", USER, "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        command.arg("-D").arg(data).args(words).current_dir("/").stdin(Stdio::null());
        let status = command.stdout(log.try_clone().unwrap()).stderr(log).status().unwrap();
        assert!(status.success(), "{}", std::fs::read_to_string(self.log()).unwrap());
    }

    fn log(&self) -> PathBuf {
        self.folder.path().with_extension("log")
    }

    pub fn up(&self) {
        let folder = self.folder.path().display();
        let options = format!(
            "-p {} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=300 -c shared_buffers=32MB",
            self.port
        );
        self.run("pg_ctl", &["-w", "-o", &options, "start"]);
    }

    /// At once, as when the machine fails.
    pub fn down(&self) {
        self.run("pg_ctl", &["-w", "-m", "immediate", "stop"]);
    }

    pub fn url(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/postgres", self.port)
    }

    /// An empty store.
    pub fn fresh(&self) -> PostgresOptions {
        let schema = format!("kv_{}", self.schemas.fetch_add(1, Ordering::Relaxed));
        PostgresOptions { url: self.url(), schema, connections: 12, replicas: Vec::new() }
    }

    /// What psql prints of a statement.
    pub fn ask(&self, statement: &str) -> String {
        let asked = Command::new(self.bin.join("psql")).args(["-d", &self.url(), "-Atc", statement]).output().unwrap();
        assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
        String::from_utf8(asked.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if self.folder.path().join("data/postmaster.pid").exists() {
            self.down();
        }
        let _ = std::fs::remove_file(self.log());
    }
}
