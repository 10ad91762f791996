//! SUMMARY    Settings of mail programs over HTTP: for whom, in which words, and what is refused.

use super::*;
use base::TenantId;
use control::{Change, Control, DomainSnapshot};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
};

async fn serving() -> (u16, watch::Sender<bool>) {
    let accounts = crate::plane::tests::accounts();
    let domain = |name: &str| DomainSnapshot::new(name, TenantId(1), 1);
    let batch = [
        domain("a.example"),
        // Its mail does not come here yet: programs are set up before it does.
        DomainSnapshot { mx_here: false, ..domain("soon.example") },
        DomainSnapshot { live: false, ..domain("released.example") },
    ];
    accounts.apply(batch.into_iter().map(Change::Domain).collect()).await.unwrap();
    let servers = Servers {
        host: "mail.example".to_owned(),
        imaps: Some(993),
        imap: None,
        submissions: None,
        submission: Some(2587),
    };
    let (stop, stopped) = watch::channel(false);
    let address = "127.0.0.1:0".parse().unwrap();
    let (port, _) = crate::http::listen(address, false, router(accounts, servers), Vec::new(), stopped).await.unwrap();
    (port, stop)
}

async fn ask(port: u16, request: String) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn get(port: u16, host: &str, path: &str) -> String {
    ask(port, format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await
}

async fn post(port: u16, path: &str, body: &str) -> String {
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    ask(port, head + body).await
}

fn question(address: &str) -> String {
    format!(
        "<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006\"><Request>\
         <EMailAddress>{address}</EMailAddress><AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/\
         outlook/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>"
    )
}

#[tokio::test]
async fn thunderbird_finds_the_settings_of_domains_that_are_kept_here() {
    let (port, _stop) = serving().await;
    let (short, long) = ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml");
    let first = get(port, "autoconfig.a.example", short).await;
    assert!(first.starts_with("HTTP/1.1 200 ") && first.contains("content-type: text/xml"), "{first}");
    for wanted in [
        "<domain>a.example</domain>",
        "<incomingServer type=\"imap\">\n<hostname>mail.example</hostname>\n<port>993</port>\n<socketType>SSL</socketType>",
        "<outgoingServer type=\"smtp\">\n<hostname>mail.example</hostname>\n<port>2587</port>\n<socketType>STARTTLS</socketType>",
        "<username>%EMAILADDRESS%</username>",
    ] {
        assert!(first.contains(wanted), "{wanted}: {first}");
    }
    let body = |answer: &str| answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    for (host, path) in [
        ("AUTOCONFIG.A.example:8080", format!("{short}?emailaddress=ann%40a.example")),
        ("autoconfig.a.example", format!("{short}?emailaddress=nobody@a.example")),
        ("a.example", long.to_owned()),
        ("mail.example", format!("{short}?x=1&emailaddress=ann%40A.example")),
    ] {
        assert_eq!(body(&get(port, host, &path).await), body(&first), "{host} {path}: whoever asks for whom");
    }
    assert!(get(port, "autoconfig.soon.example", short).await.starts_with("HTTP/1.1 200 "));
    for (host, query) in [
        ("autoconfig.released.example", ""),
        ("autoconfig.unknown.example", "?emailaddress=ann@a.example"),
        ("mail.example", ""),
        ("mail.example", "?emailaddress=ann@unknown.example"),
    ] {
        assert!(get(port, host, &format!("{short}{query}")).await.starts_with("HTTP/1.1 404 "), "{host} {query}");
    }
    for (host, query) in
        [("mail.example", "?emailaddress=ann"), ("mail.example", "?emailaddress=ann@"), ("a.example:x", "")]
    {
        assert!(get(port, host, &format!("{short}{query}")).await.starts_with("HTTP/1.1 400 "), "{host} {query}");
    }
}

#[tokio::test]
async fn outlook_finds_them_by_its_own_question() {
    let (port, _stop) = serving().await;
    for path in ["/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml", "/autodiscover/Autodiscover.xml"] {
        let answer = post(port, path, &question("o&apos;neil&amp;x@a.example")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        for wanted in [
            "<Type>IMAP</Type>\n<Server>mail.example</Server>\n<Port>993</Port>\n<LoginName>o&apos;neil&amp;x@a.example</LoginName>",
            "<Type>SMTP</Type>\n<Server>mail.example</Server>\n<Port>2587</Port>",
            "<Encryption>SSL</Encryption>",
            "<Encryption>TLS</Encryption>",
        ] {
            assert!(answer.contains(wanted), "{wanted}: {answer}");
        }
    }
    assert!(get(port, "x", "/autodiscover/autodiscover.xml").await.starts_with("HTTP/1.1 405 "));
}

#[tokio::test]
async fn what_is_wrong_is_said_in_outlooks_words() {
    let (port, _stop) = serving().await;
    let other = question("ann@a.example").replace("outlook/responseschema/2006a", "mobilesync/responseschema/2006");
    for (body, status, code) in [
        (question("ann@unknown.example"), "404", 500),
        (question("ann"), "400", 600),
        ("<Autodiscover>".to_owned(), "400", 600),
        ("{\"a\":1}".to_owned(), "400", 600),
        ("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>".to_owned(), "400", 600),
        ("x".repeat(ASKED_BYTES_MAX + 1), "413", 600),
        (other, "200", 601),
    ] {
        let answer = post(port, "/autodiscover/autodiscover.xml", &body).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{body}: {answer}");
        assert!(answer.contains(&format!("<ErrorCode>{code}</ErrorCode>")), "{body}: {answer}");
    }
}
