//! SUMMARY    What only the remote form can do wrong: the other side is away, is somebody else, or is sent too much.

use super::world::{Port, TENANT, accounts, files, first, folder};
use crate::plane::{RemotePlane, VERSION, certificates};
use base::limits::{PLANE_BODY_BYTES_MAX, PLANE_IDS_MAX, PLANE_QUESTION_MS_MAX};
use control::{Control, ControlError};
use rustls::pki_types::{ServerName, pem::PemObject};
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Within this a caller knows that nobody answers.
const SOON: Duration = Duration::from_secs(5);

async fn is_away(control: &RemotePlane) {
    let asked = Instant::now();
    let error = control.apply(first()).await.unwrap_err();
    assert!(matches!(error, ControlError::Unavailable(_)), "{error}");
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plane_that_stops_is_unavailable_soon_and_works_again_by_the_same_client() {
    let (folder, accounts) = (folder(), accounts());
    let port = Port::open(&folder, "127.0.0.1:0", accounts.clone()).await;
    let (address, control) = (port.address(), port.client(&folder));
    control.apply(first()).await.unwrap();
    port.close().await;
    is_away(&control).await;
    let _port = Port::open(&folder, &address, accounts).await;
    let mut tries = 0;
    while control.apply(first()).await.is_err() {
        tries += 1;
        assert!(tries < 3, "the client keeps a dead connection");
    }
    assert_eq!(control.hello().await.unwrap().applied, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plane_that_takes_the_connection_and_says_nothing_is_given_up() {
    let folder = folder();
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", silent.local_addr().unwrap().port());
    let control = RemotePlane::new(&url, files(folder.path(), "control")).unwrap();
    let asked = Instant::now();
    let error = control.usage(TENANT).await.unwrap_err();
    assert!(matches!(error, ControlError::Unavailable(_)), "{error}");
    assert!(asked.elapsed() < Duration::from_millis(PLANE_QUESTION_MS_MAX) + SOON, "{:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_when_the_plane_stops_is_answered() {
    let (folder, accounts) = (folder(), accounts());
    let port = Port::open(&folder, "127.0.0.1:0", accounts.clone()).await;
    let control = Arc::new(port.client(&folder));
    control.hello().await.unwrap();
    let batch = (0..5_000).map(|n| super::world::account(n, 1, "many")).collect();
    let applying = tokio::spawn({
        let control = control.clone();
        async move { control.apply(batch).await }
    });
    // When the first of it is there, it is under way.
    while accounts.hello().await.unwrap().applied == 0 {
        tokio::task::yield_now().await;
    }
    port.close().await;
    applying.await.unwrap().unwrap();
    assert_eq!(accounts.hello().await.unwrap().applied, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_another_authority_gets_nowhere() {
    let (ours, theirs, accounts) = (folder(), folder(), accounts());
    let port = Port::open(&ours, "127.0.0.1:0", accounts.clone()).await;
    let url = format!("https://localhost:{}", port.listening.port);
    // Believes our server, shows a certificate that we did not sign.
    let mut mixed = files(theirs.path(), "control");
    mixed.ca = ours.path().join("ca.pem");
    is_away(&RemotePlane::new(&url, mixed).unwrap()).await;
    // Has our certificate, and does not believe our server.
    let mut suspicious = files(ours.path(), "control");
    suspicious.ca = theirs.path().join("ca.pem");
    is_away(&RemotePlane::new(&url, suspicious).unwrap()).await;
    // The data plane's own certificate is for a server.
    is_away(&RemotePlane::new(&url, files(ours.path(), "data")).unwrap()).await;
    assert_eq!(accounts.hello().await.unwrap().applied, 0, "nothing was applied");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_another_name_is_told_nothing() {
    let folder = tempfile::tempdir().unwrap();
    certificates::make(folder.path(), &["elsewhere.example".into()], false).unwrap();
    let accounts = accounts();
    let port = Port::open(&folder, "127.0.0.1:0", accounts.clone()).await;
    is_away(&port.client(&folder)).await;
    assert_eq!(accounts.hello().await.unwrap().applied, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_without_a_certificate_gets_no_answer() {
    let folder = folder();
    let port = Port::open(&folder, "127.0.0.1:0", accounts()).await;
    // Without TLS.
    let mut plain = TcpStream::connect(port.address()).await.unwrap();
    plain.write_all(format!("POST {VERSION}/hello HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A reset is no answer either.
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    // With TLS, and nothing to show.
    let mut roots = rustls::RootCertStore::empty();
    let authority = rustls::pki_types::CertificateDer::from_pem_file(folder.path().join("ca.pem")).unwrap();
    roots.add(authority).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let answer =
        speak(&port, config, format!("POST {VERSION}/hello HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes(), b"").await;
    assert_eq!(answer, "");
}

/// What is answered to bytes over TLS.
async fn speak(port: &Port, config: rustls::ClientConfig, head: &[u8], body: &[u8]) -> String {
    let stream = TcpStream::connect(port.address()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let mut answer = Vec::new();
    // It may answer, or end, before it has everything.
    let _ = stream.write_all(head).await;
    let _ = stream.write_all(body).await;
    // What TLS still holds goes out as well.
    let _ = stream.flush().await;
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// One raw request with our certificate: what is answered.
async fn raw(port: &Port, folder: &TempDir, head: &str, body: &[u8]) -> String {
    let config = files(folder.path(), "control").client().unwrap();
    let head = format!("{head}\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n");
    speak(port, config, format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_right_is_refused_by_its_kind() {
    let (folder, accounts) = (folder(), accounts());
    let port = Port::open(&folder, "127.0.0.1:0", accounts.clone()).await;
    let post = |method: &str| format!("POST {VERSION}/{method} HTTP/1.1");
    let check = async |head: String, body: &[u8], status: &str| {
        let answer = raw(&port, &folder, &head, body).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {answer}");
    };
    check(post("apply"), &vec![b'['; PLANE_BODY_BYTES_MAX + 1], "413").await;
    check(post("apply"), b"[{\"Unheard\":{}}]", "422").await;
    check(post("apply"), b"[", "400").await;
    check("GET /plane/v1/hello HTTP/1.1".into(), b"", "405").await;
    check("POST /plane/v2/hello HTTP/1.1".into(), b"null", "404").await;
    check(post("hello"), b"null", "200").await;
    assert_eq!(accounts.hello().await.unwrap().applied, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_is_invalid_before_it_is_sent_or_after() {
    let folder = folder();
    let port = Port::open(&folder, "127.0.0.1:0", accounts()).await;
    let control = port.client(&folder);
    let name = "x".repeat(PLANE_BODY_BYTES_MAX);
    let error = control.apply(vec![super::world::account(1, 1, &name)]).await.unwrap_err();
    assert!(matches!(&error, ControlError::Invalid(why) if why.contains("PLANE_BODY_BYTES_MAX")), "{error}");
    let error = control.usages(vec![TENANT; PLANE_IDS_MAX + 1]).await.unwrap_err();
    assert!(matches!(&error, ControlError::Invalid(why) if why.contains("PLANE_IDS_MAX")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_certificates_are_taken_without_a_restart() {
    let folder = folder();
    let port = Port::open(&folder, "127.0.0.1:0", accounts()).await;
    let control = port.client(&folder);
    control.hello().await.unwrap();
    let other = super::world::folder();
    copy_all(other.path(), folder.path());
    port.listening.reload().unwrap();
    // Its files are of the new authority now.
    control.reload().unwrap();
    control.hello().await.unwrap();
    std::fs::write(folder.path().join("data.pem"), "nonsense").unwrap();
    assert!(port.listening.reload().is_err());
    control.reload().unwrap();
    control.hello().await.unwrap();
}

fn copy_all(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn an_address_without_tls_is_no_address() {
    let folder = folder();
    for url in ["http://localhost:1", "localhost:1", "https://", "https://localhost/path", "https://localhost?x"] {
        assert!(RemotePlane::new(url, files(folder.path(), "control")).is_err(), "{url}");
    }
}
