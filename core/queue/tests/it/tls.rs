//! SUMMARY    TLS towards the next hop: taken, refused, verified or not; and where a password goes.
//! STANDARDS  RFC 3207, RFC 8314, RFC 8689

use super::{
    script::{Script, Seen, certificate, serve},
    *,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use queue::{SmartHost, SmartHostTls, Trust};

/// A next hop with a certificate for `names`; the desk believes it when `trusted`.
async fn hop(desk: &mut Desk, names: &[&str], trusted: bool, script: Script) -> (u16, Seen) {
    let (own, acceptor) = certificate(names);
    let (other, _) = certificate(&["other.example"]);
    desk.options.trust = Trust::Only(vec![if trusted { own } else { other }]);
    let (port, seen) = serve(Script { acceptor: Some(acceptor), ..script }).await;
    desk.options.port = port;
    (port, seen)
}

fn starttls() -> Script {
    Script { offers: vec!["PIPELINING", "REQUIRETLS"], starttls: Some("220 go"), ..Script::default() }
}

#[tokio::test]
async fn opportunistic_tls_takes_any_certificate() {
    let mut desk = Desk::new().await;
    let (_, seen) = hop(&mut desk, &["elsewhere.example"], false, starttls()).await;
    desk.send(&["ok@b.example"]).await;
    desk.start();
    desk.until("the queue is empty", async |d: &Desk| d.waiting().await == 0).await;
    assert!(seen.said("TLS MAIL") && !seen.said("MAIL"));
    assert_eq!(seen.taken.lock().unwrap().len(), 1);
    desk.end().await;
}

#[tokio::test]
async fn a_refused_starttls_leaves_opportunistic_mail_in_plain_text() {
    let mut desk = Desk::new().await;
    let script = Script { starttls: Some("454 4.7.0 not now"), ..Script::default() };
    let (_, seen) = hop(&mut desk, &["b.example"], true, script).await;
    desk.send(&["ok@b.example"]).await;
    desk.start();
    desk.until("the queue is empty", async |d: &Desk| d.waiting().await == 0).await;
    assert!(seen.said("STARTTLS") && seen.said("MAIL"));
    desk.end().await;
}

#[tokio::test]
async fn required_tls_goes_out_over_a_verified_certificate() {
    let mut desk = Desk::new().await;
    let (_, seen) = hop(&mut desk, &["b.example"], true, starttls()).await;
    desk.send_with(TenantId(1), &["ok@b.example"], 0, true).await;
    desk.start();
    desk.until("the queue is empty", async |d: &Desk| d.waiting().await == 0).await;
    assert!(seen.commands.lock().unwrap().iter().any(|c| c.starts_with("TLS MAIL") && c.ends_with(" REQUIRETLS")));
    assert_eq!(seen.taken.lock().unwrap().len(), 1);
    assert_eq!(desk.bounces().await, 0);
    desk.end().await;
}

#[tokio::test]
async fn required_tls_waits_when_the_certificate_is_not_verified() {
    let mut desk = Desk::new().await;
    let (_, seen) = hop(&mut desk, &["b.example"], false, starttls()).await;
    desk.send_with(TenantId(1), &["ok@b.example"], 0, true).await;
    desk.start();
    desk.until("an attempt", async |d: &Desk| d.items().await[0].attempts == 1).await;
    assert_eq!(desk.items().await[0].recipients[0].last_status, "4.7.5");
    assert!(seen.said("STARTTLS") && !seen.said("MAIL") && !seen.said("TLS"));
    desk.end().await;
}

#[tokio::test]
async fn required_tls_waits_when_starttls_is_refused_or_not_offered() {
    for answer in [Some("454 4.7.0 not now"), None] {
        let mut desk = Desk::new().await;
        let script = Script { starttls: answer, ..Script::default() };
        let (_, seen) = hop(&mut desk, &["b.example"], true, script).await;
        desk.send_with(TenantId(1), &["ok@b.example"], 0, true).await;
        desk.start();
        desk.until("an attempt", async |d: &Desk| d.items().await[0].attempts == 1).await;
        assert!(desk.items().await[0].recipients[0].last_status.starts_with("4.7."));
        assert!(!seen.said("MAIL") && desk.bounces().await == 0);
        desk.end().await;
    }
}

#[tokio::test]
async fn required_tls_bounces_where_the_host_does_not_know_it() {
    let mut desk = Desk::new().await;
    let script = Script { starttls: Some("220 go"), ..Script::default() };
    let (_, seen) = hop(&mut desk, &["b.example"], true, script).await;
    desk.send_with(TenantId(1), &["ok@b.example"], 0, true).await;
    desk.start();
    desk.until("a bounce", async |d: &Desk| d.bounces().await == 1 && d.waiting().await == 0).await;
    assert!(desk.reports().await[0].contains("Status: 5.7.30"));
    assert!(!seen.said("MAIL") && !seen.said("TLS MAIL"));
    desk.end().await;
}

#[tokio::test]
async fn a_message_that_needs_verified_tls_does_not_ride_on_an_unverified_connection() {
    let mut desk = Desk::new().await;
    let (_, seen) = hop(&mut desk, &["b.example"], false, starttls()).await;
    desk.send(&["first@b.example"]).await;
    desk.send_with(TenantId(1), &["second@b.example"], 0, true).await;
    desk.start();
    desk.until("one went out", async |d: &Desk| {
        let items = d.items().await;
        items.len() == 1 && items[0].attempts == 1
    })
    .await;
    let taken = seen.taken.lock().unwrap().clone();
    assert_eq!(taken.iter().map(|t| t.0[0].as_str()).collect::<Vec<_>>(), ["first@b.example"]);
    desk.end().await;
}

fn login(desk: &mut Desk, port: u16, tls: SmartHostTls) {
    let auth = Some(("ann".to_owned(), "pencil".to_owned()));
    desk.options.smart_host = Some(SmartHost { host: "relay.example".to_owned(), port, auth, tls });
}

fn with_auth(implicit: bool) -> Script {
    Script { offers: vec!["AUTH PLAIN"], starttls: Some("220 go"), implicit, ..Script::default() }
}

#[tokio::test]
async fn a_password_goes_over_verified_tls_whatever_the_setting() {
    for tls in [SmartHostTls::Opportunistic, SmartHostTls::StartTls, SmartHostTls::Implicit] {
        let mut desk = Desk::new().await;
        let script = with_auth(tls == SmartHostTls::Implicit);
        let (port, seen) = hop(&mut desk, &["relay.example"], true, script).await;
        login(&mut desk, port, tls);
        desk.send(&["ok@b.example"]).await;
        desk.start();
        desk.until("the queue is empty", async |d: &Desk| d.waiting().await == 0).await;
        let expect = format!("TLS AUTH PLAIN {}", STANDARD.encode("\0ann\0pencil"));
        assert!(seen.said(&expect) && seen.said("TLS MAIL") && !seen.said("AUTH"), "{tls:?}");
        desk.end().await;
    }
}

#[tokio::test]
async fn a_password_stays_here_when_the_certificate_is_not_verified() {
    for tls in [SmartHostTls::Opportunistic, SmartHostTls::StartTls, SmartHostTls::Implicit] {
        let mut desk = Desk::new().await;
        let script = with_auth(tls == SmartHostTls::Implicit);
        let (port, seen) = hop(&mut desk, &["relay.example"], false, script).await;
        login(&mut desk, port, tls);
        desk.send(&["ok@b.example"]).await;
        desk.start();
        desk.until("an attempt", async |d: &Desk| d.items().await[0].attempts == 1).await;
        assert!(!seen.said("AUTH") && !seen.said("TLS") && !seen.said("MAIL"), "{tls:?}");
        assert_eq!(desk.bounces().await, 0);
        desk.end().await;
    }
}

#[tokio::test]
async fn mail_waits_while_the_smart_host_refuses_the_password() {
    let mut desk = Desk::new().await;
    let script = Script { auth: "535 5.7.8 wrong", ..with_auth(false) };
    let (port, seen) = hop(&mut desk, &["relay.example"], true, script).await;
    login(&mut desk, port, SmartHostTls::StartTls);
    desk.send(&["ok@b.example"]).await;
    desk.start();
    desk.until("an attempt", async |d: &Desk| d.items().await[0].attempts == 1).await;
    assert_eq!(desk.items().await[0].recipients[0].last_status, "4.7.8");
    assert!(!seen.said("TLS MAIL") && desk.bounces().await == 0);
    desk.end().await;
}

#[tokio::test]
async fn a_file_of_trusted_certificates_is_read_whole_or_refused() {
    let mut desk = Desk::new().await;
    let (own, acceptor) = certificate(&["elsewhere.example"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(&own));
    std::fs::write(&file, &pem).unwrap();
    desk.options.trust = Trust::from_file(&file).unwrap();
    // The smart host's own certificate passes, though it is made for another name.
    let (port, seen) = serve(Script { acceptor: Some(acceptor), ..with_auth(false) }).await;
    login(&mut desk, port, SmartHostTls::StartTls);
    desk.send(&["ok@b.example"]).await;
    desk.start();
    desk.until("the queue is empty", async |d: &Desk| d.waiting().await == 0).await;
    assert!(seen.said("TLS AUTH"));
    for wrong in ["", "no certificate", &pem.replace("END CERT", "END KEY")] {
        std::fs::write(&file, wrong).unwrap();
        assert!(Trust::from_file(&file).unwrap_err().contains("ca.pem: "), "{wrong}");
    }
    assert!(Trust::from_file(&folder.path().join("missing")).is_err());
    desk.end().await;
}
