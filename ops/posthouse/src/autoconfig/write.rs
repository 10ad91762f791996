//! SUMMARY    The answers: Thunderbird's file, Outlook's settings, Outlook's refusal.
//! STANDARDS  Mozilla autoconfig 1.1; MS-OXDSCLI §2.2.4 (response)

use base::Domain;
use portal::{Door, Servers, Tls};
use quick_xml::escape::escape;
use std::fmt::Write as _;

const OUTER: &str = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006";
const INNER: &str = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";
const HEAD: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";

/// `config-v1.1.xml` of a domain: the best door stands first, as the file's readers take it.
pub fn client_config(domain: &Domain, servers: &Servers) -> String {
    let (domain, host) = (escape(domain.as_str()), escape(servers.host.as_str()));
    let mut text = format!(
        "{HEAD}<clientConfig version=\"1.1\">\n<emailProvider id=\"{domain}\">\n<domain>{domain}</domain>\n\
         <displayName>{domain}</displayName>\n<displayShortName>{domain}</displayShortName>\n"
    );
    for (element, kind, doors) in
        [("incomingServer", "imap", servers.incoming()), ("outgoingServer", "smtp", servers.outgoing())]
    {
        for door in doors {
            let socket = match door.tls {
                Tls::Implicit => "SSL",
                Tls::StartTls => "STARTTLS",
            };
            let _ = writeln!(
                text,
                "<{element} type=\"{kind}\">\n<hostname>{host}</hostname>\n<port>{}</port>\n<socketType>{socket}</socketType>\n\
                 <authentication>password-cleartext</authentication>\n<username>%EMAILADDRESS%</username>\n</{element}>",
                door.port
            );
        }
    }
    text.push_str("</emailProvider>\n</clientConfig>\n");
    text
}

/// What an address is set up with: the best door for each way.
pub fn settings(address: &str, servers: &Servers) -> String {
    let mut text = format!(
        "{HEAD}<Autodiscover xmlns=\"{OUTER}\">\n<Response xmlns=\"{INNER}\">\n<Account>\n<AccountType>email</AccountType>\n\
         <Action>settings</Action>\n"
    );
    for (kind, doors) in [("IMAP", servers.incoming()), ("SMTP", servers.outgoing())] {
        if let Some(door) = doors.first() {
            protocol(&mut text, kind, *door, &servers.host, address);
        }
    }
    text.push_str("</Account>\n</Response>\n</Autodiscover>\n");
    text
}

fn protocol(text: &mut String, kind: &str, door: Door, host: &str, address: &str) {
    let encryption = match door.tls {
        Tls::Implicit => "SSL",
        Tls::StartTls => "TLS",
    };
    let (host, address) = (escape(host), escape(address));
    let _ = writeln!(
        text,
        "<Protocol>\n<Type>{kind}</Type>\n<Server>{host}</Server>\n<Port>{}</Port>\n<LoginName>{address}</LoginName>\n\
         <DomainRequired>off</DomainRequired>\n<SPA>off</SPA>\n<SSL>on</SSL>\n<Encryption>{encryption}</Encryption>\n\
         <AuthRequired>on</AuthRequired>\n</Protocol>",
        door.port
    );
}

/// Why there are no settings. `code`: 500 no such address, 600 no request, 601 no such schema.
pub fn refusal(code: u16, why: &str) -> String {
    let time = jiff::Timestamp::now().strftime("%H:%M:%S");
    format!(
        "{HEAD}<Autodiscover xmlns=\"{OUTER}\">\n<Response>\n<Error Time=\"{time}\" Id=\"0\">\n<ErrorCode>{code}</ErrorCode>\n\
         <Message>{}</Message>\n<DebugData/>\n</Error>\n</Response>\n</Autodiscover>\n",
        escape(why)
    )
}
