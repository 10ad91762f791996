//! SUMMARY    A bucket behind TLS whose certificate comes from an authority of one's own.

use crate::weed::Weed;
use bytes::Bytes;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivatePkcs8KeyDer};
use std::{net::SocketAddr, sync::Arc};
use store::blob::{Objects, ObjectsError};
use store_s3::{S3Objects, S3Options};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// An authority: its certificate (PEM), and what it signs with.
fn authority(name: &str) -> (Vec<u8>, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    (pem.into_bytes(), Issuer::new(params, key))
}

/// Speaks TLS as 127.0.0.1 and passes on to `server` what it hears.
async fn front(server: SocketAddr, issuer: &Issuer<'_, KeyPair>) -> SocketAddr {
    let (params, key) = (CertificateParams::new(["127.0.0.1".to_owned()]).unwrap(), KeyPair::generate().unwrap());
    let certificate = params.signed_by(&key, issuer).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let config = config.with_single_cert(vec![certificate.der().clone()], key.into()).unwrap();
    let (acceptor, listener) = (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // Who does not like the certificate goes away.
                if let Ok(mut client) = acceptor.accept(client).await {
                    let mut server = TcpStream::connect(server).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                }
            });
        }
    });
    address
}

/// A part of the test of a real server.
pub async fn on_a_real_server(weed: &Weed) {
    let (own, issuer) = authority("own");
    let (other, _) = authority("other");
    let endpoint = Some(format!("https://{}", front(weed.address(), &issuer).await));
    let with = |ca_pem| S3Objects::new(S3Options { endpoint: endpoint.clone(), ca_pem, ..weed.options() }).unwrap();
    let objects = with(Some(own.clone()));
    objects.reach().await.unwrap();
    let content: Bytes = (0..300_000_u32).map(|n| (n ^ (n >> 8)) as u8).collect();
    objects.put("tls/a", content.clone()).await.unwrap();
    assert_eq!(objects.get("tls/a", 0..300_000).await.unwrap(), content);
    // Of several in one file the right one is found.
    with(Some([other.clone(), own].concat())).reach().await.unwrap();
    for ca_pem in [None, Some(other)] {
        let refused = with(ca_pem);
        let why = refused.put("tls/b", content.clone()).await.unwrap_err();
        assert!(why.to_string().contains("certificate"), "{why}");
    }
    assert!(matches!(objects.get("tls/b", 0..1).await, Err(ObjectsError::Missing(_))), "nothing was sent");
    objects.delete("tls/a").await.unwrap();
}
