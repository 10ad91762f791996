//! SUMMARY    Makes the passes of migrations that people ordered: takes one that is due, brings what is new, says how it went.
//! SECURITY   People name the hosts: where they lead is judged (`SourceRules`). A secret is in no log; what a source says is told without it.
//! LIMITS     MIGRATION_TURN_MS, MIGRATION_RATE_BYTES
//! INVARIANTS May be cut off at any await: whoever takes the lease next goes on, and nothing comes twice (docs/decisions/0068).

use std::{sync::Arc, time::Duration};

use account::{MigrationLease, PassCount};
use base::Kind;
use control::{
    ControlError, ControlFuture, MIGRATION_FOLDERS_SHOWN, MIGRATION_PROBLEMS_KEPT, MigrationCheck, MigrationChecked,
    MigrationFolder, MigrationProblem, MigrationProblemKind, MigrationSecret, MigrationSecurity, MigrationSignIn,
    MigrationSource,
};
use mail::{Mail, Sources};
use tokio::{sync::watch, task::JoinSet, time::Instant};
use tokio_rustls::TlsConnector;

use crate::{
    Error, Looked, Migrator, Order, Progress, Reach, Report, Security, SignIn, Source, SourceRules, Told, What,
};

/// How often a node looks for a migration that is due.
const LOOK: Duration = Duration::from_secs(3);
/// How often a pass says how far it is, and hears what is wanted.
const HEAR: Duration = Duration::from_secs(3);
/// How long a pass goes on while others wait, milliseconds: then it stands at the end of the line.
const MIGRATION_TURN_MS: u64 = 30 * 60_000;
/// Bytes a second that one migration reads at most.
const MIGRATION_RATE_BYTES: u64 = 8 << 20;

/// Brings mail for people.
#[derive(Clone)]
pub struct Mover {
    mail: Mail,
    rules: Arc<SourceRules>,
    tls: TlsConnector,
}

impl Mover {
    /// `tls` verifies certificates.
    pub fn new(mail: Mail, rules: SourceRules, tls: TlsConnector) -> Self {
        Mover { mail, rules: Arc::new(rules), tls }
    }

    /// Makes so many passes at once as there are to be made, until `stop` becomes true, which cuts them off: what they had is noted.
    pub async fn run(self, at_once: usize, mut stop: watch::Receiver<bool>) {
        let mut running = JoinSet::new();
        loop {
            while running.len() < at_once && !*stop.borrow() {
                match self.mail.accounts().lease_migration().await {
                    Ok(Some(lease)) => {
                        let (mover, stop) = (self.clone(), stop.clone());
                        running.spawn(async move { mover.work(lease, stop).await });
                    }
                    Ok(None) => break,
                    Err(why) => {
                        metrics::counter!("posthouse_migration_errors_total").increment(1);
                        tracing::warn!(%why, "migrations are looked for again");
                        break;
                    }
                }
            }
            metrics::gauge!("posthouse_migrations_running").set(f64::from(u32::try_from(running.len()).unwrap_or(0)));
            if *stop.borrow() {
                while running.join_next().await.is_some() {}
                return;
            }
            // Jitter, so that peers do not ask in step.
            let extra = self.mail.accounts().rng().below(LOOK.as_millis() as u64 / 4 + 1);
            tokio::select! {
                () = tokio::time::sleep(LOOK + Duration::from_millis(extra)) => {}
                Some(_) = running.join_next() => {}
                // A sender that is gone means that the server is too.
                changed = stop.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Makes one pass of one migration; whether there was any.
    pub async fn pass(&self) -> account::Result<bool> {
        let Some(lease) = self.mail.accounts().lease_migration().await? else { return Ok(false) };
        let (_keep, stop) = watch::channel(false);
        self.work(lease, stop).await;
        Ok(true)
    }

    async fn work(&self, lease: MigrationLease, mut stop: watch::Receiver<bool>) {
        let (say, heard) = watch::channel(PassCount::default());
        let stopped = async {
            let _ = stop.wait_for(|stop| *stop).await;
        };
        let noted = tokio::select! {
            ended = self.bring(&lease, &say) => ended,
            left = self.keep(&lease, &heard) => left,
            () = stopped => {
                let count = heard.borrow().clone();
                lease.give_back(&count).await
            }
        };
        match noted {
            Ok(()) => {}
            Err(why) if matches!(why.kind, Kind::TooOld | Kind::NotFound) => {
                tracing::info!(job = %lease.job(), "a migration was ended, or lost to a peer");
            }
            Err(why) => {
                metrics::counter!("posthouse_migration_errors_total").increment(1);
                tracing::warn!(job = %lease.job(), %why, "a pass of a migration could not be noted");
            }
        }
    }

    /// A pass to its end, and what came of it noted.
    async fn bring(&self, lease: &MigrationLease, say: &watch::Sender<PassCount>) -> account::Result<()> {
        let scope = match lease.scope().await {
            Ok(scope) => scope,
            Err(e) if e.kind == Kind::NotFound => return lease.give_back(&PassCount::default()).await,
            Err(e) => return Err(e),
        };
        let source = self.source(lease.source(), lease.secret());
        let mut telling = |progress: &Progress| drop(say.send_replace(count(progress)));
        let ended = Migrator::new(self.mail.clone()).run(&scope, &source, &Order::default(), &mut telling).await;
        let told = say.borrow().clone();
        match ended {
            Ok(report) => {
                let count = with_report(told, &report, lease.secret());
                tell(&count, "ended");
                lease.pass_ended(&count).await.map(drop)
            }
            Err(failed) => {
                let count = with_report(told, &failed.report, lease.secret());
                tell(&count, "failed");
                let why = without(&failed.why.to_string(), lease.secret());
                tracing::info!(job = %lease.job(), "a pass of a migration did not come to its end");
                lease.fail(&count, &why, matches!(failed.why, Error::Refused(_))).await.map(drop)
            }
        }
    }

    /// Says how far it is and keeps the lease, until something else is wanted, or others have waited for long enough: then it is given back.
    async fn keep(&self, lease: &MigrationLease, heard: &watch::Receiver<PassCount>) -> account::Result<()> {
        let began = Instant::now();
        loop {
            tokio::time::sleep(HEAR).await;
            let count = heard.borrow().clone();
            let has_turn = began.elapsed() < Duration::from_millis(MIGRATION_TURN_MS);
            if !lease.renew(&count).await? || !has_turn && self.mail.accounts().is_migration_waiting().await? {
                tell(&count, "given-back");
                return lease.give_back(&count).await;
            }
        }
    }

    fn source(&self, source: &MigrationSource, secret: &MigrationSecret) -> Source {
        let secret = secret.clone();
        Source {
            host: source.host.clone(),
            port: source.port,
            security: match source.security {
                MigrationSecurity::Tls => Security::Tls,
                MigrationSecurity::StartTls => Security::StartTls,
                MigrationSecurity::Plain => Security::Plain,
            },
            user: source.user.clone(),
            sign_in: match source.sign_in {
                MigrationSignIn::Password => SignIn::Password,
                MigrationSignIn::Token => SignIn::Token,
            },
            secret: Arc::new(move || Ok(secret.reveal().to_owned().into())),
            tls: self.tls.clone(),
            rate: Some(MIGRATION_RATE_BYTES),
            reach: Reach::Within(self.rules.clone()),
        }
    }

    async fn look(&self, check: MigrationCheck) -> Result<MigrationChecked, ControlError> {
        let scope = self.mail.accounts().ordered(check.tenant, check.account).await;
        let scope = scope.map_err(|e| match e.kind {
            Kind::NotFound => ControlError::Invalid("the mailbox is not there".to_owned()),
            _ => ControlError::Unavailable(e.to_string()),
        })?;
        let source = self.source(&check.source, &check.secret);
        match Migrator::new(self.mail.clone()).check(&scope, &source).await {
            Ok(looked) => Ok(open(looked)),
            Err(Error::Here(e)) => Err(ControlError::Unavailable(e.to_string())),
            Err(why) => Ok(MigrationChecked::Closed(without(&why.to_string(), &check.secret))),
        }
    }
}

impl Sources for Mover {
    fn judge(&self, source: &MigrationSource) -> Result<(), String> {
        self.rules.check(source)
    }

    fn check(&self, check: MigrationCheck) -> ControlFuture<'_, MigrationChecked> {
        Box::pin(self.look(check))
    }
}

fn open(looked: Vec<Looked>) -> MigrationChecked {
    let messages = looked.iter().filter_map(|l| l.messages).fold(0_u64, u64::saturating_add);
    // Of some only would be misleading.
    let bytes = looked.iter().try_fold(0_u64, |sum, l| Some(sum.saturating_add(l.bytes?)));
    let folders_total = u32::try_from(looked.len()).unwrap_or(u32::MAX);
    let folder =
        |l: Looked| MigrationFolder { name: l.folder, mailbox: l.mailbox, messages: l.messages, bytes: l.bytes };
    let folders = looked.into_iter().take(MIGRATION_FOLDERS_SHOWN).map(folder).collect();
    MigrationChecked::Open { folders, folders_total, messages, bytes }
}

fn count(progress: &Progress) -> PassCount {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    PassCount {
        folders: small(progress.folders),
        folders_total: small(progress.folders_total),
        messages: progress.messages.min(progress.messages_total),
        messages_total: progress.messages_total,
        brought: progress.stored,
        bytes: progress.bytes,
        found: progress.found,
        problems: progress.told,
        told: Vec::new(),
    }
}

fn with_report(mut count: PassCount, report: &Report, secret: &MigrationSecret) -> PassCount {
    (count.brought, count.bytes, count.found) = (report.stored, report.bytes, report.found);
    count.problems = report.told_total;
    count.told = report.told.iter().take(MIGRATION_PROBLEMS_KEPT).map(|told| problem(told, secret)).collect();
    count
}

fn problem(told: &Told, secret: &MigrationSecret) -> MigrationProblem {
    MigrationProblem {
        kind: match told.what {
            What::Message => MigrationProblemKind::Message,
            What::Folder => MigrationProblemKind::Folder,
            What::PassedOver => MigrationProblemKind::PassedOver,
            What::NotKept => MigrationProblemKind::NotKept,
            What::Gone => MigrationProblemKind::Gone,
        },
        folder: told.folder.clone(),
        uid: told.uid,
        why: without(&told.why, secret),
    }
}

/// What a source says, which knows the secret and may say it.
fn without(text: &str, secret: &MigrationSecret) -> String {
    if secret.reveal().is_empty() { text.to_owned() } else { text.replace(secret.reveal(), "…") }
}

fn tell(count: &PassCount, result: &'static str) {
    metrics::counter!("posthouse_migration_passes_total", "result" => result).increment(1);
    metrics::counter!("posthouse_migration_messages_total").increment(count.brought);
    metrics::counter!("posthouse_migration_bytes_total").increment(count.bytes);
}
