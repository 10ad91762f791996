//! SUMMARY    `load fill`: brings a mailbox to N messages through APPEND (`load smtp` fills through SMTP or LMTP).

use clap::Args;
use serde::Serialize;

use super::{LoginArgs, MeasureArgs};
use crate::{
    error::{Error, Result},
    imap::{Client, quote},
    message::Generator,
    process::{Cost, Meter},
    stats::per_second,
};

/// Bytes of one APPEND with several messages.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// Messages of one APPEND.
const BATCH_MESSAGES_MAX: u64 = 50;

#[derive(Debug, Args)]
pub struct FillArgs {
    #[command(flatten)]
    login: LoginArgs,
    #[command(flatten)]
    measure: MeasureArgs,
    #[arg(long, default_value = "INBOX")]
    mailbox: String,
    /// Messages the mailbox has in the end.
    #[arg(long)]
    messages: u64,
    #[arg(long, default_value_t = 4096)]
    size: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Serialize)]
struct Report {
    found: u64,
    appended: u64,
    elapsed_s: f64,
    per_s: f64,
    #[serde(flatten)]
    cost: Option<Cost>,
}

pub async fn run(args: FillArgs) -> Result<()> {
    let mut client = Client::login(&args.login.target(), &args.login.user, &args.login.password).await?;
    let found = match client.status_messages(&args.mailbox).await {
        Err(Error::Refused { .. }) => {
            client.command(&format!("CREATE {}", quote(&args.mailbox)), |_| Ok(())).await?;
            0
        }
        other => other?,
    };
    let batch = batch_size(&client.capabilities().await?, args.size);
    let generator = Generator::new(args.seed, 1);
    let meter = Meter::start(&args.measure.tree())?;
    let mut index = found;
    while index < args.messages {
        let end = args.messages.min(index + batch);
        let messages: Vec<Vec<u8>> = (index..end)
            .map(|i| {
                let mut message = Vec::with_capacity(args.size);
                generator.write(i, args.size, &args.login.user, &mut message);
                message
            })
            .collect();
        client.append(&args.mailbox, &messages).await?;
        index = end;
    }
    let (appended, elapsed) = (index - found, meter.elapsed());
    args.measure.print(&Report {
        found,
        appended,
        elapsed_s: elapsed.as_secs_f64(),
        per_s: per_second(appended, elapsed),
        cost: meter.cost(appended)?,
    })
}

/// Messages of one APPEND: several where MULTIAPPEND is offered, of a bounded size.
fn batch_size(capabilities: &str, size: usize) -> u64 {
    let has = |name| capabilities.split_ascii_whitespace().any(|c| c == name);
    // LITERAL- (RFC 7888 §5) limits non-synchronising literals to 4096 bytes.
    if has("MULTIAPPEND") && (has("LITERAL+") || size <= 4096) {
        ((BATCH_BYTES_MAX / size.max(1)) as u64).clamp(1, BATCH_MESSAGES_MAX)
    } else {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_follow_the_capabilities() {
        assert_eq!(batch_size("* CAPABILITY IMAP4REV1 LITERAL+ MULTIAPPEND", 4096), 50);
        assert_eq!(batch_size("* CAPABILITY IMAP4REV1 LITERAL+ MULTIAPPEND", 512 * 1024), 2);
        assert_eq!(batch_size("* CAPABILITY IMAP4REV1 LITERAL+", 4096), 1);
        assert_eq!(batch_size("* CAPABILITY LITERAL- MULTIAPPEND", 50_000), 1);
    }
}
