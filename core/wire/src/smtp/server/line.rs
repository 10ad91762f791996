//! SUMMARY    Cuts the input into lines: commands and the client's lines of an AUTH exchange.
//! STANDARDS  RFC 5321 §2.3.8 (CRLF only), §4.5.3.1.4; RFC 4954 §4
//! SECURITY   A bare LF does not end a command: what a peer let through as text must not become a command here.
//! LIMITS     SMTP_COMMAND_BYTES_MAX, SMTP_AUTH_LINE_BYTES_MAX, SMTP_LINE_DRAIN_BYTES_MAX, SASL_BYTES_MAX

use super::{Pending, Phase, Request, Server};
use crate::smtp::{CommandError, Reply};
use base::limits::{SASL_BYTES_MAX, SMTP_AUTH_LINE_BYTES_MAX, SMTP_COMMAND_BYTES_MAX, SMTP_LINE_DRAIN_BYTES_MAX};
use base64::{Engine, engine::general_purpose::STANDARD};

impl Server {
    /// Takes one line; false when more bytes are needed.
    pub(super) fn take_line(&mut self) -> bool {
        let rest = self.input.get(self.used..).unwrap_or_default();
        let limit = self.line_limit(rest);
        let Some(end) = memchr::memmem::find(rest, b"\r\n") else {
            if rest.len() > limit {
                return self.skip_line();
            }
            return false;
        };
        let line = rest.get(..end).unwrap_or_default().to_vec();
        self.used += end + 2;
        if std::mem::take(&mut self.skipped_bytes) > 0 || line.len() + 2 > limit {
            self.line_too_long();
        } else if matches!(self.phase, Phase::Auth) {
            self.auth_line(&line);
        } else {
            self.command_line(&line);
        }
        true
    }

    /// Drops what is there of a line that is too long; one that does not end is answered all the same, and is the last.
    fn skip_line(&mut self) -> bool {
        // Keep the last byte: it may be the CR of the line's end.
        let last = self.input.len() - 1;
        self.skipped_bytes += (last - self.used) as u64;
        self.used = last;
        if self.skipped_bytes > SMTP_LINE_DRAIN_BYTES_MAX {
            let reply = self.too_long();
            self.say(&reply);
            self.close(&Reply::new(421, (4, 7, 0), "the line does not end, closing"));
            return true;
        }
        false
    }

    fn line_limit(&self, rest: &[u8]) -> usize {
        let auth = matches!(self.phase, Phase::Auth) || rest.get(..5).is_some_and(|v| v.eq_ignore_ascii_case(b"AUTH "));
        if auth { SMTP_AUTH_LINE_BYTES_MAX } else { SMTP_COMMAND_BYTES_MAX }
    }

    fn line_too_long(&mut self) {
        let reply = self.too_long();
        self.end_auth();
        self.refuse(&reply);
    }

    /// RFC 4954 §6 has a code of its own for lines of an exchange.
    fn too_long(&self) -> Reply {
        match self.phase {
            Phase::Auth => Reply::new(500, (5, 5, 6), "line too long"),
            _ => CommandError::TooLong.reply(),
        }
    }

    fn end_auth(&mut self) {
        if matches!(self.phase, Phase::Auth) {
            self.phase = Phase::Commands;
        }
    }

    /// The client's answer to a challenge. `*` cancels (RFC 4954 §4).
    fn auth_line(&mut self, line: &[u8]) {
        if line == b"*" {
            self.end_auth();
            return self.refuse(&Reply::new(501, (5, 7, 0), "authentication cancelled"));
        }
        let decoded = if line == b"=" { Ok(Vec::new()) } else { STANDARD.decode(line) };
        match decoded {
            Ok(bytes) if bytes.len() <= SASL_BYTES_MAX => self.request(Pending::Auth, Request::AuthResponse(bytes)),
            Ok(_) => self.line_too_long(),
            Err(_) => {
                self.end_auth();
                self.refuse(&CommandError::Base64.reply());
            }
        }
    }
}
