//! SUMMARY    SIGHUP: new connections see the new certificate, open ones go on, a bad file changes nothing.

use crate::node::{Dialogue, Node, WAIT};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName},
};
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    sync::Arc,
    time::Instant,
};

/// Writes a fresh certificate and its key; gives the certificate.
fn write(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["mail.a.example".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// IMAP over TLS, believing this certificate alone; `None` when another one is shown.
fn connect(node: &Node, trusted: &CertificateDer<'static>) -> Option<Tls> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("mail.a.example").unwrap();
    let port = u16::try_from(node.ports["imaps"].as_u64().unwrap()).unwrap();
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(WAIT)).unwrap();
    let mut tls = StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream);
    let mut greeting = [0; 4];
    tls.read_exact(&mut greeting).ok()?;
    assert_eq!(&greeting, b"* OK");
    Some(tls)
}

/// The session is alive.
fn noop(tls: &mut Tls) {
    tls.write_all(b"n NOOP\r\n").unwrap();
    let mut text = String::new();
    while !text.contains("n OK") {
        let mut byte = [0];
        tls.read_exact(&mut byte).unwrap();
        text.push(byte[0] as char);
    }
}

fn reloaded(node: &Node, trusted: &CertificateDer<'static>) -> Tls {
    node.signal("HUP");
    let asked = Instant::now();
    loop {
        if let Some(tls) = connect(node, trusted) {
            return tls;
        }
        assert!(asked.elapsed() < WAIT, "the new certificate is not shown");
    }
}

#[test]
fn sighup_shows_the_new_certificate_and_drops_nobody() {
    let (data, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = write(files.path());
    let (chain, key) = (files.path().join("cert.pem"), files.path().join("key.pem"));
    let variables = [("POSTHOUSE_TLS_CHAIN", chain.to_str().unwrap()), ("POSTHOUSE_TLS_KEY", key.to_str().unwrap())];
    let mut node = Node::start(data.path(), &variables);
    let mut open = connect(&node, &first).unwrap();
    let mut plain: Dialogue = node.connect("smtp");
    assert!(plain.reply().starts_with("220"));

    let second = write(files.path());
    assert!(connect(&node, &second).is_none(), "files alone change nothing");
    reloaded(&node, &second);
    assert!(connect(&node, &first).is_none());
    noop(&mut open);
    plain.ask("NOOP", "250");

    // A key of another certificate: refused, the second stays.
    let other = rcgen::generate_simple_self_signed(vec!["mail.a.example".to_owned()]).unwrap();
    std::fs::write(&key, other.signing_key.serialize_pem()).unwrap();
    node.signal("HUP");
    let third = write(tempfile::tempdir().unwrap().path());
    for _ in 0..20 {
        assert!(connect(&node, &second).is_some() && connect(&node, &third).is_none());
    }
    // And the next good pair is taken.
    let fourth = write(files.path());
    reloaded(&node, &fourth);
    noop(&mut open);
    assert!(node.child.try_wait().unwrap().is_none());
}
