//! SUMMARY    SMTP and LMTP: commands, replies, the server machine of one connection and the client machine of one delivery connection.
//! STANDARDS  RFC 5321, RFC 2033 (LMTP), RFC 1870 (SIZE), RFC 2034 and RFC 3463 (enhanced codes), RFC 2920 (PIPELINING), RFC 3030 (CHUNKING, BINARYMIME),
//!            RFC 3207 (STARTTLS), RFC 3461 (DSN), RFC 4954 (AUTH), RFC 6152 (8BITMIME), RFC 6531 (SMTPUTF8), RFC 8689 (REQUIRETLS)
//! SECURITY   All of it reads hostile bytes. It sees no store, no clock and no socket.
//! INVARIANTS Only CRLF "." CRLF ends DATA. Nothing read in plain text is acted upon after STARTTLS.

pub mod client;
pub mod command;
pub mod data;
pub mod param;
pub mod path;
pub mod reply;
pub mod server;
pub mod xtext;

pub use client::{
    Client, ClientAuth, ClientConfig, ClientStep, Delivery, DeliveryResult, OutRecipient, RecipientResult, Stage,
    TlsPolicy,
};
pub use command::{Command, CommandError};
pub use param::{AuthParam, Body, MailParams, Notify, Orcpt, RcptParams, Ret};
pub use path::Forward;
pub use reply::{Enhanced, Reply, ReplyError, ReplyParser};
pub use server::{Envelope, Event, Message, Recipient, Request, Server, ServerConfig};
