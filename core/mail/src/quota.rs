//! SUMMARY    Telling a user that the mailbox fills up: one short message, in the commit that crosses the threshold.
//! STANDARDS  RFC 3834 §5 (Auto-Submitted), RFC 5322 §3.6
//! INVARIANTS No quota counts a notice, so there is always room for it. One for each threshold and crossing, never an answer to a message.

use crate::{Mail, Result, card};
use account::{AccountWork, Charge, NewEmail, QuotaNotice};
use base::Timestamp;
use wire::mime;

impl Mail {
    /// Puts the notice of a threshold that this unit of work has crossed into the inbox, if it has crossed one.
    pub(crate) async fn tell_of_quota(&self, account: &mut AccountWork<'_>, now: Timestamp) -> Result<()> {
        let notice = account.take_quota_notice();
        self.tell_user(account, now, notice).await
    }

    /// As `tell_of_quota`, of what was crossed before.
    pub(crate) async fn tell_user(
        &self,
        account: &mut AccountWork<'_>,
        now: Timestamp,
        notice: Option<QuotaNotice>,
    ) -> Result<()> {
        let Some(notice) = notice else { return Ok(()) };
        let serial = self.accounts().rng().next_u64();
        let message = render(self.hostname(), &account.standing().profile.address, serial, now, notice);
        // Small: it rides in this transaction.
        let staged = self.accounts().stage(account.tenant(), &message).await?;
        let prepared = card::prepare(&message);
        let inbox = [account.inbox()];
        account
            .add_email(NewEmail {
                staged: &staged,
                mailboxes: &inbox,
                flags: 0,
                received_at: now,
                card: prepared.card,
                thread_keys: &prepared.thread_keys,
                charge: Charge::Notice,
            })
            .await?;
        Ok(())
    }
}

fn render(hostname: &str, to: &str, serial: u64, now: Timestamp, notice: QuotaNotice) -> Vec<u8> {
    let QuotaNotice { percent, used_bytes, limit_bytes } = notice;
    let (subject, advice) = match percent {
        100.. => (
            "Your mailbox is full".to_owned(),
            "New mail may be refused, and nothing more can be stored. Delete messages and empty the trash, or ask for more storage.",
        ),
        _ => (
            format!("Your mailbox is {percent} % full"),
            "When it is full, new mail is refused. Delete messages you no longer need, or ask for more storage.",
        ),
    };
    let (used, limit) = (readable(used_bytes), readable(limit_bytes));
    let lines = [
        "Return-Path: <>".to_owned(),
        format!("From: Mail service <postmaster@{hostname}>"),
        format!("To: <{to}>"),
        format!("Subject: {subject}"),
        format!("Date: {}", mime::render_date(now)),
        format!("Message-ID: <{serial:016x}.quota@{hostname}>"),
        "Auto-Submitted: auto-generated".to_owned(),
        "MIME-Version: 1.0".to_owned(),
        "Content-Type: text/plain; charset=utf-8".to_owned(),
        "Content-Language: en".to_owned(),
        String::new(),
        format!("{subject}: {used} of {limit} are used."),
        String::new(),
        advice.to_owned(),
        String::new(),
    ];
    lines.join("\r\n").into_bytes()
}

/// Bytes for people: three digits are enough.
fn readable(bytes: u64) -> String {
    let mut unit = "bytes";
    let (mut whole, mut tenths) = (bytes, 0);
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if whole < 1024 {
            break;
        }
        (tenths, whole, unit) = ((whole % 1024) * 10 / 1024, whole / 1024, next);
    }
    if tenths == 0 || whole >= 100 { format!("{whole} {unit}") } else { format!("{whole}.{tenths} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_readable() {
        let texts = [0, 1023, 1024, 1536, 300 << 10, (5 << 30) + (1 << 29)].map(readable);
        assert_eq!(texts, ["0 bytes", "1023 bytes", "1 KiB", "1.5 KiB", "300 KiB", "5.5 GiB"]);
    }

    #[test]
    fn a_notice_is_a_whole_message_that_nothing_answers() {
        let notice = QuotaNotice { percent: 95, used_bytes: 970, limit_bytes: 1_000 };
        let text = String::from_utf8(render("mx.example", "ann@a.example", 7, Timestamp(0), notice)).unwrap();
        for line in ["Return-Path: <>", "From: Mail service <postmaster@mx.example>", "Auto-Submitted: auto-generated"]
        {
            assert!(text.contains(&format!("{line}\r\n")), "{line}");
        }
        assert!(text.contains("\r\n\r\nYour mailbox is 95 % full: 970 bytes of 1000 bytes are used.\r\n"));
        assert!(text.is_ascii() && !text.replace("\r\n", "").contains(['\r', '\n']));
    }
}
