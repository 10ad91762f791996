//! SUMMARY    The IMAP door.
//! STANDARDS  RFC 9051 (rev2), RFC 3501 (rev1) and the extensions named by `capability`
//! INVARIANTS A session sees a mailbox through its view; sequence numbers only change when an untagged answer has said so.

mod append;
mod authenticate;
mod capability;
mod catenate;
mod error;
mod fetch;
mod list;
mod mailbox;
mod quota;
mod search;
mod selected;
mod session;
mod store;

use crate::{Authenticator, Budget, Door, IpLimits, Link};
use mail::Mail;
use std::{future::Future, pin::Pin, sync::Arc};

/// What the IMAP doors of a server share.
#[derive(Clone)]
pub struct ImapOptions {
    pub mail: Mail,
    pub auth: Authenticator,
    pub limits: IpLimits,
    pub budget: Budget,
    /// For what stands in memory until a client has read it.
    pub answers: Budget,
    /// Passwords over plain connections (loopback and tests only).
    pub plain_auth: bool,
}

/// One IMAP port.
pub struct ImapDoor {
    options: ImapOptions,
}

impl ImapDoor {
    pub fn new(options: ImapOptions) -> Self {
        ImapDoor { options }
    }
}

impl Door for ImapDoor {
    fn name(&self) -> &'static str {
        "imap"
    }

    fn serve(self: Arc<Self>, link: Link) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(session::run(self, link))
    }

    fn busy(&self) -> &'static [u8] {
        b"* BYE [UNAVAILABLE] Too many connections from your address, try again later\r\n"
    }
}
