//! SUMMARY    One delivery: MAIL, RCPT and DATA or BDAT, pipelined where offered, to one result per recipient.
//! STANDARDS  RFC 5321 §3.3; RFC 2920 §3.1; RFC 3030 §2, §3; RFC 1870 §6; RFC 3461 §5.2; RFC 6152 §3; RFC 6531 §3.2; RFC 8689 §4.1; RFC 2033 §4.2
//! LIMITS     SMTP_WRITE_BYTES_MAX
//! INVARIANTS A recipient without a result when the connection breaks gets the temporary one that says so.

use super::{
    Client, ClientStep, Delivery, DeliveryResult, Offers, OutRecipient, Phase, RecipientResult, Stage, Writer,
};
use crate::smtp::{Body, MailParams, RcptParams, Reply, data::Stuffer};
use base::limits;
use std::collections::VecDeque;

/// A command that is sent or to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    Mail,
    Rcpt(usize),
    Data,
    /// The final reply; in LMTP that of this recipient (RFC 2033 §4.2).
    End(Option<usize>),
}

/// A delivery under way.
#[derive(Debug)]
pub(super) struct Job {
    delivery: Delivery,
    results: Vec<Option<RecipientResult>>,
    /// Taken by RCPT, waiting for the end.
    accepted: Vec<usize>,
    to_ask: VecDeque<Ask>,
    asked: VecDeque<Ask>,
    writer: Option<Writer>,
    written_bytes: usize,
    params: MailParams,
    dsn: bool,
    /// MAIL was accepted and no message has ended the transaction.
    open: bool,
}

impl Job {
    pub(super) fn new(delivery: Delivery) -> Self {
        let results = vec![None; delivery.recipients.len()];
        let params = delivery.params.clone();
        Job {
            delivery,
            results,
            accepted: Vec::new(),
            to_ask: VecDeque::new(),
            asked: VecDeque::new(),
            writer: None,
            written_bytes: 0,
            params,
            dsn: false,
            open: false,
        }
    }

    pub(super) fn deadline_secs(&self) -> u64 {
        match self.asked.front() {
            _ if self.writer.is_some() => limits::SMTP_CLIENT_BLOCK_SECS_MAX,
            Some(Ask::Mail) | None => limits::SMTP_CLIENT_MAIL_SECS_MAX,
            Some(Ask::Rcpt(_)) => limits::SMTP_CLIENT_RCPT_SECS_MAX,
            Some(Ask::Data) => limits::SMTP_CLIENT_DATA_SECS_MAX,
            Some(Ask::End(_)) => limits::SMTP_CLIENT_END_SECS_MAX,
        }
    }

    fn decide(&mut self, index: usize, stage: Stage, reply: &Reply, local: bool) {
        if let Some(slot @ None) = self.results.get_mut(index) {
            *slot = Some(RecipientResult { stage, reply: reply.clone(), local });
        }
    }

    fn decide_all(&mut self, stage: Stage, reply: &Reply, local: bool) {
        for index in 0..self.results.len() {
            self.decide(index, stage, reply, local);
        }
    }

    /// Ends with this reply for all who have no result.
    pub(super) fn end(mut self, reply: &Reply, local: bool, tls: bool) -> DeliveryResult {
        let stage = match self.asked.front() {
            Some(Ask::Mail) => Stage::Mail,
            Some(Ask::Rcpt(_)) => Stage::Rcpt,
            Some(Ask::Data) => Stage::Data,
            Some(Ask::End(_)) => Stage::End,
            None if self.writer.is_some() => Stage::Data,
            None => Stage::Session,
        };
        // A reply that is no failure cannot end a delivery that is not finished.
        let lost = Reply::new(451, (4, 5, 0), "the server's reply makes no sense");
        let reply = if reply.is_temporary() || reply.is_permanent() { reply } else { &lost };
        self.decide_all(stage, reply, local);
        self.result(tls)
    }

    fn result(self, tls: bool) -> DeliveryResult {
        DeliveryResult { recipients: self.results.into_iter().flatten().collect(), dsn_passed: self.dsn, tls }
    }

    /// Refuses what the server cannot take; recipients that need more than the rest are refused alone.
    fn check(&mut self, offers: &Offers, tls: bool, eight_bit_anyway: bool) {
        if let Some(reply) = self.refusal(offers, tls, eight_bit_anyway) {
            return self.decide_all(Stage::Session, &reply, true);
        }
        if !offers.smtputf8 {
            let reply = Reply::new(550, (5, 6, 7), "the address needs SMTPUTF8, which is not offered");
            for index in 0..self.results.len() {
                if self.delivery.recipients.get(index).is_some_and(|r| r.to.needs_utf8()) {
                    self.decide(index, Stage::Session, &reply, true);
                }
            }
        }
        self.express(offers);
    }

    /// What the server lacks for the message as a whole.
    fn refusal(&self, offers: &Offers, tls: bool, eight_bit_anyway: bool) -> Option<Reply> {
        let bytes = self.delivery.message.as_ref();
        let from_utf8 = self.delivery.from.as_ref().is_some_and(base::Address::needs_utf8);
        let (code, enhanced, text) = if self.params.require_tls && !(tls && offers.require_tls) {
            (550, (5, 7, 30), "REQUIRETLS is needed and not offered")
        } else if offers.size_bytes_max.is_some_and(|max| self.delivery.bytes() as u64 > max) {
            (552, (5, 3, 4), "message is too big for the server")
        } else if from_utf8 && !offers.smtputf8 {
            (550, (5, 6, 7), "the sender's address needs SMTPUTF8, which is not offered")
        } else if self.params.smtputf8 && !offers.smtputf8 {
            (550, (5, 6, 9), "the message's header needs SMTPUTF8, which is not offered")
        } else if !(offers.binary_mime && offers.chunking) && memchr::memchr(0, bytes).is_some() {
            (554, (5, 6, 3), "the message is binary and BINARYMIME is not offered")
        } else if !bytes.is_ascii() && !offers.eight_bit_mime && !eight_bit_anyway {
            (554, (5, 6, 3), "the message has 8-bit content and 8BITMIME is not offered")
        } else {
            return None;
        };
        Some(Reply::new(code, enhanced, text))
    }

    /// Chooses the parameters of MAIL that the message needs and the server offers.
    fn express(&mut self, offers: &Offers) {
        let bytes = self.delivery.message.as_ref();
        let mut addresses = self.delivery.recipients.iter().map(|r| &r.to).chain(&self.delivery.from);
        let any_utf8 = addresses.any(base::Address::needs_utf8);
        self.params.smtputf8 = offers.smtputf8 && (self.params.smtputf8 || any_utf8);
        self.params.body = if !is_text(bytes) && offers.binary_mime && offers.chunking {
            Some(Body::BinaryMime)
        } else if !bytes.is_ascii() && offers.eight_bit_mime {
            Some(Body::EightBitMime)
        } else {
            None
        };
        self.params.size_bytes = offers.size.then_some(self.delivery.bytes() as u64);
        self.params.auth = None;
        self.dsn = offers.dsn;
        if !offers.dsn {
            (self.params.ret, self.params.envid) = (None, None);
        }
    }

    /// Plans the commands for recipients without a result.
    fn plan(&mut self, chunking: bool) {
        self.to_ask.push_back(Ask::Mail);
        let open = self.results.iter().enumerate().filter(|(_, r)| r.is_none());
        self.to_ask.extend(open.map(|(i, _)| Ask::Rcpt(i)));
        if !chunking {
            self.to_ask.push_back(Ask::Data);
        }
    }

    fn line(&self, ask: Ask) -> String {
        match ask {
            Ask::Mail => {
                let from = self.delivery.from.as_ref().map(ToString::to_string).unwrap_or_default();
                let mut line = format!("MAIL FROM:<{from}>");
                self.params.write(&mut line);
                line
            }
            Ask::Rcpt(index) => {
                let Some(OutRecipient { to, params }) = self.delivery.recipients.get(index) else {
                    return "NOOP".into();
                };
                let mut line = format!("RCPT TO:<{to}>");
                let none = RcptParams::default();
                let params = if self.dsn { params } else { &none };
                params.write(&mut line, self.params.smtputf8);
                line
            }
            Ask::Data | Ask::End(_) => "DATA".to_owned(),
        }
    }

    /// Appends the next block of the message while one is being written.
    pub(super) fn render(&mut self, out: &mut Vec<u8>) {
        let Some(writer) = &mut self.writer else { return };
        let Delivery { head, message, .. } = &self.delivery;
        let rest = match head.get(self.written_bytes..) {
            Some(rest) if !rest.is_empty() => rest,
            Some(_) | None => message.get(self.written_bytes.saturating_sub(head.len())..).unwrap_or_default(),
        };
        let block = rest.get(..limits::SMTP_WRITE_BYTES_MAX).unwrap_or(rest);
        self.written_bytes += block.len();
        let last = self.written_bytes >= self.delivery.bytes();
        match writer {
            Writer::Chunk => out.extend_from_slice(block),
            Writer::Data(stuffer) => {
                if let Some(s) = stuffer {
                    s.push(block, out);
                }
                if last && let Some(s) = stuffer.take() {
                    s.finish(out);
                }
            }
        }
        if last {
            self.writer = None;
        }
    }
}

/// Without NUL and without bare CR or LF.
fn is_text(bytes: &[u8]) -> bool {
    let mut check = crate::smtp::data::ChunkCheck::new(false);
    check.push(bytes).is_ok() && check.finish().is_ok()
}

impl Client {
    /// Starts the job that `send` took.
    pub(super) fn begin(&mut self) {
        self.phase = Phase::Delivering;
        let Some(job) = &mut self.job else { return };
        job.check(&self.offers, self.tls, self.config.eight_bit_anyway);
        if job.results.iter().all(Option::is_some) {
            return self.finish_job();
        }
        job.plan(job.params.body == Some(Body::BinaryMime));
        self.ask();
    }

    /// Sends what may be sent now: all with PIPELINING, else one command at a time.
    fn ask(&mut self) {
        let Some(job) = &mut self.job else { return };
        let mut lines = Vec::new();
        while let Some(ask) = job.to_ask.front().copied() {
            if !self.offers.pipelining && !job.asked.is_empty() {
                break;
            }
            job.to_ask.pop_front();
            lines.push(job.line(ask));
            job.asked.push_back(ask);
        }
        for line in lines {
            self.command(&line);
        }
    }

    pub(super) fn delivery_answered(&mut self, reply: Reply) {
        if reply.code == 421 {
            return self.fail(reply, false); // RFC 5321 §3.8: the server is closing
        }
        let Some(job) = &mut self.job else { return };
        let Some(ask) = job.asked.pop_front() else {
            return self.fail(Reply::new(451, (4, 5, 0), "the server sent a reply too many"), true);
        };
        match ask {
            Ask::Mail if reply.is_positive() => job.open = true,
            Ask::Mail => {
                job.decide_all(Stage::Mail, &failure(reply), false);
                job.to_ask.clear();
            }
            Ask::Rcpt(index) if reply.is_positive() => {
                if matches!(job.results.get(index), Some(None)) {
                    job.accepted.push(index);
                }
            }
            Ask::Rcpt(index) => job.decide(index, Stage::Rcpt, &failure(reply), false),
            Ask::Data => return self.data_answered(reply),
            Ask::End(index) => {
                let reply = if reply.is_positive() { reply } else { failure(reply) };
                match index {
                    Some(index) => job.decide(index, Stage::End, &reply, false),
                    None => job.decide_all(Stage::End, &reply, false),
                }
                job.open = false;
            }
        }
        self.go_on();
    }

    /// After the last reply of a group: ask more, send the message by BDAT, or finish.
    fn go_on(&mut self) {
        let Some(job) = &mut self.job else { return };
        let nobody = job.accepted.is_empty();
        if job.to_ask.front() == Some(&Ask::Data) && nobody {
            job.to_ask.clear();
        }
        if !job.asked.is_empty() {
            return;
        }
        if !job.to_ask.is_empty() {
            return self.ask();
        }
        let undecided = job.results.iter().any(Option::is_none);
        if undecided && !nobody && job.params.body == Some(Body::BinaryMime) {
            self.output.extend_from_slice(format!("BDAT {} LAST\r\n", job.delivery.bytes()).as_bytes());
            return self.write_message(Writer::Chunk);
        }
        self.finish_job();
    }

    fn data_answered(&mut self, reply: Reply) {
        let Some(job) = &mut self.job else { return };
        if reply.code != 354 {
            let reply = failure(reply);
            job.decide_all(Stage::Data, &reply, false);
            return self.go_on();
        }
        if job.accepted.is_empty() {
            // RFC 2920 §3.1: DATA was pipelined and nobody is left; an empty message ends it.
            self.output.extend_from_slice(b".\r\n");
            job.asked.push_back(Ask::End(None));
            return;
        }
        self.write_message(Writer::Data(Some(Stuffer::default())));
    }

    fn write_message(&mut self, writer: Writer) {
        let Some(job) = &mut self.job else { return };
        job.writer = Some(writer);
        if self.config.lmtp {
            job.asked.extend(job.accepted.iter().map(|i| Ask::End(Some(*i))));
        } else {
            job.asked.push_back(Ask::End(None));
        }
    }

    fn finish_job(&mut self) {
        if let Some(job) = self.job.take() {
            self.needs_rset = job.open;
            self.phase = Phase::Ready;
            self.steps.push_back(ClientStep::Result(job.result(self.tls)));
        }
    }
}

/// A reply to a command that was not a success: 1xx to 3xx there make no sense and are temporary.
fn failure(reply: Reply) -> Reply {
    if reply.is_temporary() || reply.is_permanent() {
        return reply;
    }
    Reply::new(451, (4, 5, 0), format!("the server's reply makes no sense: {reply}"))
}
