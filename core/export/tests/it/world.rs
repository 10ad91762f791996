//! SUMMARY    A provider with two tenants and a clock that is moved on by hand; what an export gave, read with another's reader.

use account::{
    AccountOptions, AccountScope, Accounts, ExportFile, ExportPhase, ExportShape, ExportView, MasterKey, NewExport,
    Owner, ReadOnly, TenantScope,
};
use archive::{
    Lines, Sha256,
    manifest::{Manifest, SigningKey},
    metadata::Email,
};
use base::{AccountId, Clock, JobId, MailboxId, TenantId, Timestamp, rng::SeededRng};
use control::{AccountSnapshot, Change, Control, EntitlementSnapshot};
use export::Exporter;
use mail::{Expunge, Flags, Mail, NewMessage, NewPath};
use std::{
    io::{Cursor, Read},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};
use store::{Kv, MemKv, blob::FsObjects};

pub const TENANT: TenantId = TenantId(1);
pub const OTHER: TenantId = TenantId(2);
pub const ANN: AccountId = AccountId(1);
pub const BEN: AccountId = AccountId(2);
pub const EVE: AccountId = AccountId(3);

/// A time that only the test moves on.
#[derive(Default)]
pub struct Ahead(AtomicI64);
impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        Timestamp(1_795_000_000_000 + self.0.load(Ordering::SeqCst))
    }
}

pub struct World {
    pub mail: Mail,
    pub clock: Arc<Ahead>,
    pub folder: tempfile::TempDir,
}

/// A file of an export as it was fetched.
pub type Fetched = (ExportFile, Vec<u8>);

impl World {
    pub async fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let (clock, kv): (Arc<Ahead>, Arc<dyn Kv>) = (Arc::default(), Arc::new(MemKv::new()));
        let accounts = Accounts::new(AccountOptions {
            kv,
            objects: Arc::new(FsObjects::open(folder.path()).unwrap()),
            master: MasterKey::new([7; 32]),
            clock: clock.clone(),
            rng: Arc::new(SeededRng::new(3)),
        });
        let account = |id, tenant, address: &str| Change::Account(AccountSnapshot::new(id, tenant, 1, address));
        let changes = vec![
            Change::Entitlement(EntitlementSnapshot::new(TENANT, 1)),
            Change::Entitlement(EntitlementSnapshot::new(OTHER, 1)),
            account(ANN, TENANT, "ann@a.example"),
            account(BEN, TENANT, "ben@a.example"),
            account(EVE, OTHER, "eve@b.example"),
        ];
        accounts.apply(changes).await.unwrap();
        World { mail: Mail::new(accounts, "mx.a.example"), clock, folder }
    }

    pub fn accounts(&self) -> &Accounts {
        self.mail.accounts()
    }

    pub fn pass(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// The tenant keeps nothing of what is expunged.
    pub async fn keep_nothing(&self) {
        let entitlement = EntitlementSnapshot { expunged_days: 0, ..EntitlementSnapshot::new(TENANT, 2) };
        self.accounts().apply(vec![Change::Entitlement(entitlement)]).await.unwrap();
    }

    /// An account is deleted for good.
    pub async fn purge(&self, account: AccountId, address: &str) {
        let snapshot =
            AccountSnapshot { live: false, purged: true, ..AccountSnapshot::new(account, TENANT, 2, address) };
        self.accounts().apply(vec![Change::Account(snapshot)]).await.unwrap();
    }

    pub fn reader(&self, account: AccountId) -> AccountScope<ReadOnly> {
        self.accounts().break_glass("test", "looks").unwrap().account(TENANT, account)
    }

    pub async fn owner(&self, account: AccountId) -> AccountScope<Owner> {
        let tenant = if account == EVE { OTHER } else { TENANT };
        self.accounts().ordered(tenant, account).await.unwrap()
    }

    /// A message of its own for each number; every seventh is large, some have no line end at their end.
    pub async fn append(&self, account: AccountId, mailbox: MailboxId, number: u64, flags: &[&str]) {
        let mut text = format!("From: a@b.example\r\nSubject: {number}\r\n\r\nFrom here\r\n>From there {number}\r\n");
        if number.is_multiple_of(7) {
            text += &format!("line of {number}\r\n").repeat(9_000 * (1 + number as usize % 3));
        }
        if number.is_multiple_of(5) {
            text += "no end";
        }
        let new = NewMessage {
            bytes: text.into(),
            flags: Flags::from_names(flags.iter().copied()),
            received_at: Some(Timestamp::from_secs(1_700_000_000 + number as i64 * 77)),
        };
        self.mail.append(&self.owner(account).await, mailbox, &[new]).await.unwrap();
    }

    /// Ann's folders and forty messages; two for Ben.
    pub async fn fill(&self) -> MailboxId {
        let ann = self.owner(ANN).await;
        self.append(ANN, MailboxId(1), 1, &[]).await;
        let deep = self.mail.create_mailbox(&ann, &NewPath::parse("Work/Ümläute").unwrap(), "").await.unwrap();
        for number in 2..40 {
            let flags: &[&str] =
                [&[][..], &["\\Seen"], &["\\Seen", "\\Flagged", "work"], &["\\Deleted"]][number as usize % 4];
            self.append(ANN, if number % 3 == 0 { deep } else { MailboxId(1) }, number, flags).await;
        }
        // One email in two mailboxes.
        self.mail.copy(&ann, MailboxId(1), deep, &[base::Uid(2)]).await.unwrap();
        self.append(BEN, MailboxId(1), 41, &[]).await;
        self.append(BEN, MailboxId(1), 42, &["\\Answered"]).await;
        deep
    }

    pub async fn expunge(&self, account: AccountId, mailbox: MailboxId, uids: &[u32]) {
        let uids: Vec<_> = uids.iter().map(|uid| base::Uid(*uid)).collect();
        self.mail.expunge(&self.owner(account).await, mailbox, Expunge::All(&uids)).await.unwrap();
    }

    pub fn new_export(&self, accounts: &[AccountId], shape: ExportShape) -> NewExport {
        NewExport {
            job: self.accounts().new_job(),
            accounts: accounts.to_vec(),
            shape,
            archive_bytes_max: 300_000,
            asked_by: "ann".into(),
            reason: "moving".into(),
            keep_days: 7,
            papers: false,
        }
    }

    pub async fn request(&self, accounts: &[AccountId], shape: ExportShape) -> JobId {
        self.accounts().request_export(TENANT, self.new_export(accounts, shape)).await.unwrap()
    }

    pub fn scope(&self, tenant: TenantId) -> TenantScope<ReadOnly> {
        self.accounts().break_glass("test", "looks").unwrap().tenant(tenant)
    }

    pub async fn view(&self, job: JobId) -> ExportView {
        self.accounts().export(&self.scope(TENANT), job).await.unwrap()
    }

    pub fn exporter(&self) -> Exporter {
        Exporter::new(self.accounts().clone())
    }

    /// Makes an export to its end.
    pub async fn make(&self, job: JobId) -> Vec<Fetched> {
        assert!(self.exporter().pass().await.unwrap());
        let view = self.view(job).await;
        assert_eq!((view.phase, view.why.as_str()), (ExportPhase::Ready, ""), "{view:?}");
        self.fetch(job).await
    }

    pub async fn fetch(&self, job: JobId) -> Vec<Fetched> {
        let scope = self.scope(TENANT);
        let mut fetched = Vec::new();
        for file in self.accounts().export_files(&scope, job).await.unwrap() {
            let mut bytes = Vec::new();
            while (bytes.len() as u64) < file.bytes {
                let range = bytes.len() as u64..u64::MAX;
                bytes.extend_from_slice(&self.accounts().export_bytes(&scope, job, &file.name, range).await.unwrap());
            }
            assert_eq!((bytes.len() as u64, Sha256::of(&bytes)), (file.bytes, Sha256(file.sha256)));
            fetched.push((file, bytes));
        }
        fetched
    }

    /// The manifest, which the provider's key has signed.
    pub fn manifest(&self, files: &[Fetched]) -> Manifest {
        let of = |name: &str| &files.iter().find(|(file, _)| file.name == name).unwrap().1;
        let key = SigningKey::from_seed(&self.accounts().manifest_seed()).unwrap().public().unwrap();
        let (manifest, signature) = (of("manifest.json"), of("manifest.json.sig"));
        let verified = archive::manifest::verify(manifest, signature, &[key]).unwrap();
        (*verified).clone()
    }
}

/// Entries of all archives, with the names of their folders.
pub fn entries(files: &[Fetched]) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for (_, bytes) in files.iter().filter(|(file, _)| file.name.ends_with(".zip")) {
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        for at in 0..zip.len() {
            let mut entry = zip.by_index(at).unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            all.push((entry.name().to_owned(), bytes));
        }
    }
    all
}

/// Lines of metadata of all emails.
pub fn emails(files: &[Fetched]) -> Vec<Email> {
    let mut all = Vec::new();
    for (_, bytes) in entries(files).iter().filter(|(name, _)| name.contains("/emails-")) {
        let (mut lines, mut input) = (Lines::new(), bytes.as_slice());
        while let Some(line) = lines.next(&mut input) {
            all.push(line.read().unwrap());
        }
    }
    all
}
