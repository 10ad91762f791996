//! SUMMARY    The doors of the mail server, as mail programs and people are told of them.
//! STANDARDS  RFC 8314 (TLS from the first byte is preferred), RFC 6186

/// How a door is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte.
    Implicit,
    /// By a command.
    StartTls,
}

/// One door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Door {
    pub port: u16,
    pub tls: Tls,
}

/// Name and ports of the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Servers {
    pub host: String,
    pub imaps: Option<u16>,
    pub imap: Option<u16>,
    pub submissions: Option<u16>,
    pub submission: Option<u16>,
}

impl Servers {
    /// Where mail is read, best first.
    pub fn incoming(&self) -> Vec<Door> {
        doors(self.imaps, self.imap)
    }

    /// Where mail is sent, best first.
    pub fn outgoing(&self) -> Vec<Door> {
        doors(self.submissions, self.submission)
    }

    /// Whether mail can be read and sent here.
    pub fn is_complete(&self) -> bool {
        !self.host.is_empty() && !self.incoming().is_empty() && !self.outgoing().is_empty()
    }
}

fn doors(implicit: Option<u16>, by_command: Option<u16>) -> Vec<Door> {
    let implicit = implicit.map(|port| Door { port, tls: Tls::Implicit });
    implicit.into_iter().chain(by_command.map(|port| Door { port, tls: Tls::StartTls })).collect()
}
