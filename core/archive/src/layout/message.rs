//! SUMMARY    A message on its way into an mbox file, or into a file of its own.
//! INVARIANTS Its bytes are hashed once for what is said of them; a file of its own is hashed by the archive already.

use super::{
    account::{Account, Home},
    archive::Archive,
    chunk::{Chunk, Message},
    plan,
};
use crate::{
    Contents, Error,
    mbox::{LineEnds, MessageWriter},
};

/// The sender in a `From ` line: it is not listed.
const NO_SENDER: &str = "-";

/// The message that is coming.
pub(super) struct MessageFile {
    form: Form,
    ends: LineEnds,
    /// Bytes that are still to come.
    left: u64,
}

enum Form {
    /// Boxed: it comes and goes with each message, and is large.
    Mbox {
        offset: u64,
        writer: MessageWriter,
        content: Box<Contents>,
    },
    Maildir,
}

/// Where a message goes.
pub(super) struct Target<'a> {
    pub chunk: &'a mut Chunk,
    pub archive: &'a mut Archive,
    pub out: &'a mut Vec<u8>,
}

impl Target<'_> {
    /// Writes to the mbox file what `write` writes.
    fn mbox<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> Result<T, Error> {
        let from = self.out.len();
        let result = write(self.out);
        self.archive.wrote(from, self.out)?;
        let written = self.chunk.written.get_or_insert(0);
        *written += (self.out.len() - from) as u64;
        Ok(result)
    }
}

impl MessageFile {
    /// Begins the message of the chunk's last row, and the file if there is none.
    pub fn begin(ends: LineEnds, account: &Account, home: &Home, to: &mut Target<'_>) -> Result<Self, Error> {
        let row = to.chunk.last().ok_or(Error::Order("a message without its row"))?;
        let (left, received_at) = (row.size, row.received_at);
        if home.maildir.is_some() {
            let name = home.cur()?.join(&row.file_name(account).to_string())?;
            to.archive.begin(&name, plan::entry_length(left), to.out)?;
            return Ok(MessageFile { form: Form::Maildir, ends, left });
        }
        if to.chunk.written.is_none() {
            to.archive.begin(&to.chunk.mbox(home)?, to.chunk.length, to.out)?;
        }
        let offset = to.chunk.written.unwrap_or(0);
        let writer = to.mbox(|out| MessageWriter::begin(NO_SENDER, received_at, ends, out))?;
        Ok(MessageFile { form: Form::Mbox { offset, writer, content: Box::default() }, ends, left })
    }

    /// Takes a piece. Errors: there are more bytes than were listed.
    pub fn piece(&mut self, bytes: &[u8], to: &mut Target<'_>) -> Result<(), Error> {
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or(OTHER_LENGTH)?;
        match &mut self.form {
            Form::Mbox { writer, content, .. } => {
                content.feed(bytes);
                to.mbox(|out| writer.write(bytes, out))
            }
            Form::Maildir => to.archive.write(bytes, to.out),
        }
    }

    /// Ends the message. Errors: other line ends than were said, fewer bytes than were listed.
    pub fn end(self, to: &mut Target<'_>) -> Result<Message, Error> {
        if self.left > 0 {
            return Err(OTHER_LENGTH);
        }
        let (offset, sha256) = match self.form {
            Form::Mbox { offset, writer, content } => {
                to.mbox(|out| writer.end(out))??;
                (offset, content.end().sha256)
            }
            Form::Maildir => (0, to.archive.end(to.out)?.sha256),
        };
        Ok(Message { offset, sha256, ends: self.ends })
    }
}

const OTHER_LENGTH: Error = Error::Changed("a message has another length than was listed");
