//! SUMMARY    A look at a source before anything is begun: whether one gets in, and what is there.
//! LIMITS     MIGRATION_CHECK_MS, MIGRATION_COUNT_MS
//! INVARIANTS Nothing is written, here or there: no folder is opened. One connection, and one attempt.

use std::time::Duration;

use account::{AccountScope, Owner};
use tokio::time::{Instant, timeout};

use crate::{
    Error, Migrator, Result, Source,
    folder::{Filter, folders},
    place::Places,
    run::{listed, namespaces, status},
    session::Session,
};

/// How long a look takes at most, milliseconds: somebody waits for it.
const MIGRATION_CHECK_MS: u64 = 20_000;
/// How long folders are counted, milliseconds; those after that are told without.
const MIGRATION_COUNT_MS: u64 = 10_000;

/// A folder that would be brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    pub folder: String,
    /// Its path here.
    pub mailbox: String,
    /// `None`: the source does not tell before it is opened, or it took too long.
    pub messages: Option<u64>,
    pub bytes: Option<u64>,
}

impl Migrator {
    /// Signs in and lists the folders that would be brought, with what the source says of them. Errors: `Lost`, `Garbled`, `Refused`, `Denied`,
    /// `Here`.
    pub async fn check(&self, scope: &AccountScope<Owner>, source: &Source) -> Result<Vec<Looked>> {
        let within = Duration::from_millis(MIGRATION_CHECK_MS);
        let looked = timeout(within, self.look(scope, source)).await;
        looked.unwrap_or_else(|_| Err(Error::Lost("it took too long (MIGRATION_CHECK_MS)".to_owned())))
    }

    async fn look(&self, scope: &AccountScope<Owner>, source: &Source) -> Result<Vec<Looked>> {
        let places = Places::new(&self.mail, scope, true).await?;
        let mut session = Session::open(source).await?;
        let (found, _) = listed(&mut session).await?;
        let namespaces = namespaces(&mut session).await?;
        let all = Filter::default();
        let folders = folders(&found, &namespaces, (&all, session.able.gmail), &mut Vec::new())?;
        let (began, mut looked) = (Instant::now(), Vec::with_capacity(folders.len()));
        for folder in &folders {
            let counts = match began.elapsed() < Duration::from_millis(MIGRATION_COUNT_MS) {
                true => status(&mut session, folder).await?,
                false => Default::default(),
            };
            let bytes = counts.size.or_else(|| (counts.messages == Some(0)).then_some(0));
            looked.push(Looked {
                folder: folder.name.clone(),
                mailbox: places.path(folder),
                messages: counts.messages.map(u64::from),
                bytes,
            });
        }
        session.link.close().await;
        Ok(looked)
    }
}
