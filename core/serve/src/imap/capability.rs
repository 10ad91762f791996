//! SUMMARY    What is offered in which state.
//! STANDARDS  RFC 9051 §6.1.1

/// Capabilities before login.
const BEFORE_LOGIN: [&str; 7] = ["IMAP4rev1", "IMAP4rev2", "LITERAL+", "SASL-IR", "ID", "ENABLE", "IDLE"];
/// Capabilities after login.
const AUTHENTICATED: [&str; 34] = [
    "IMAP4rev1",
    "IMAP4rev2",
    "LITERAL+",
    "ID",
    "ENABLE",
    "IDLE",
    "NAMESPACE",
    "CHILDREN",
    "UIDPLUS",
    "UNSELECT",
    "MOVE",
    "MULTIAPPEND",
    "CATENATE",
    "BINARY",
    "ESEARCH",
    "SEARCHRES",
    "WITHIN",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "SPECIAL-USE",
    "CREATE-SPECIAL-USE",
    "STATUS=SIZE",
    "CONDSTORE",
    "QRESYNC",
    "OBJECTID",
    "PREVIEW",
    "SAVEDATE",
    "QUOTA",
    "QUOTA=RES-STORAGE",
    "UTF8=ACCEPT",
    "COMPRESS=DEFLATE",
    "UNAUTHENTICATE",
    "APPENDLIMIT=52428800",
    "SASL-IR",
];

/// The list for a connection before login.
pub(super) fn before_login(tls: bool, can_start_tls: bool, plain_auth: bool) -> Vec<&'static str> {
    let mut names = BEFORE_LOGIN.to_vec();
    if can_start_tls {
        names.push("STARTTLS");
    }
    if tls {
        names.push("AUTH=SCRAM-SHA-256-PLUS");
    }
    names.push("AUTH=SCRAM-SHA-256");
    if tls || plain_auth {
        names.extend(["AUTH=PLAIN", "AUTH=LOGIN"]);
    } else {
        names.push("LOGINDISABLED");
    }
    names
}

/// The list after login.
pub(super) fn authenticated(compressed: bool) -> Vec<&'static str> {
    let offered = |n: &&str| !(compressed && *n == "COMPRESS=DEFLATE");
    AUTHENTICATED.iter().copied().filter(offered).collect()
}
