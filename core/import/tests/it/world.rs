//! SUMMARY    A provider with two tenants; mail that was exported from one is brought into the other.

use account::{
    AccountOptions, AccountScope, Accounts, ExportFile, ExportPhase, ExportShape, MasterKey, NewExport, Owner,
    ReadOnly, TenantScope,
};
use archive::manifest::{Manifest, SigningKey};
use base::{AccountId, Clock, MailboxId, TenantId, Timestamp, rng::SeededRng};
use bytes::Bytes;
use control::{AccountSnapshot, Change, Control, EntitlementSnapshot};
use export::Exporter;
use import::{Failed, Importer, Input, Order, Reading, Report, Source};
use mail::{Flags, Mail, NewMessage, NewPath};
use std::{
    io::{Read, Write},
    ops::Range,
    sync::Arc,
};
use store::{Kv, MemKv, blob::FsObjects};

pub const TENANT: TenantId = TenantId(1);
pub const OTHER: TenantId = TenantId(2);
pub const ANN: AccountId = AccountId(1);
pub const BEN: AccountId = AccountId(2);
/// Of the other tenant.
pub const EVE: AccountId = AccountId(3);
pub const EVA: AccountId = AccountId(4);

struct Fixed;
impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp(1_795_000_000_000)
    }
}

pub struct World {
    pub mail: Mail,
    _folder: tempfile::TempDir,
}

/// A file of an export as it was fetched.
pub type Fetched = (ExportFile, Vec<u8>);

/// Bytes in memory, given as a file.
pub struct Memory(pub Bytes);
impl Source for Memory {
    fn bytes(&self) -> u64 {
        self.0.len() as u64
    }
    fn read(&self, range: Range<u64>) -> Reading<'_> {
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        Box::pin(async move {
            tokio::task::yield_now().await;
            Ok(self.0.slice(range))
        })
    }
}

pub fn input(name: &str, bytes: impl Into<Bytes>) -> Input {
    Input::File { name: name.to_owned(), source: Arc::new(Memory(bytes.into())) }
}

/// A ZIP archive of another program: deflated.
pub fn packed(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, bytes) in entries {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

impl World {
    pub async fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let kv: Arc<dyn Kv> = Arc::new(MemKv::new());
        let accounts = Accounts::new(AccountOptions {
            kv,
            objects: Arc::new(FsObjects::open(folder.path()).unwrap()),
            master: MasterKey::new([7; 32]),
            clock: Arc::new(Fixed),
            rng: Arc::new(SeededRng::new(3)),
        });
        let account = |id, tenant, address: &str| Change::Account(AccountSnapshot::new(id, tenant, 1, address));
        let changes = vec![
            Change::Entitlement(EntitlementSnapshot::new(TENANT, 1)),
            Change::Entitlement(EntitlementSnapshot::new(OTHER, 1)),
            account(ANN, TENANT, "ann@a.example"),
            account(BEN, TENANT, "ben@a.example"),
            account(EVE, OTHER, "eve@b.example"),
            account(EVA, OTHER, "eva@b.example"),
        ];
        accounts.apply(changes).await.unwrap();
        World { mail: Mail::new(accounts, "mx.a.example"), _folder: folder }
    }

    pub fn accounts(&self) -> &Accounts {
        self.mail.accounts()
    }

    pub async fn limit(&self, account: AccountId, bytes: u64) {
        let mut profile = AccountSnapshot::new(account, OTHER, 2, "eve@b.example");
        profile.quota_bytes_max = Some(bytes);
        self.accounts().apply(vec![Change::Account(profile)]).await.unwrap();
    }

    fn tenant(account: AccountId) -> TenantId {
        if account.0 >= EVE.0 { OTHER } else { TENANT }
    }

    pub async fn owner(&self, account: AccountId) -> AccountScope<Owner> {
        self.accounts().ordered(Self::tenant(account), account).await.unwrap()
    }

    pub async fn append(&self, account: AccountId, mailbox: MailboxId, text: &str, at: i64, flags: &[&str]) {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        let flags = Flags::from_names(flags.iter().copied());
        let new = NewMessage { bytes, flags, received_at: Some(Timestamp::from_secs(at)) };
        self.mail.append(&self.owner(account).await, mailbox, &[new]).await.unwrap();
    }

    /// Folders of several levels, flags and keywords, emails in two mailboxes of which one is deleted in the second alone, the same bytes
    /// more than once, a large message, line ends of all kinds.
    pub async fn fill(&self) {
        let ann = self.owner(ANN).await;
        let inbox = MailboxId(1);
        self.append(ANN, inbox, "Subject: 0\r\n\r\nFrom me\r\n", 1_700_000_000, &[]).await;
        let made = async |path: &str| {
            let subscribed = path != "Work/Alt";
            self.mail.ensure_mailbox(&ann, &NewPath::parse(path).unwrap(), "", subscribed).await.unwrap().0
        };
        let (deep, old) = (made("Work/Ümläute/2026").await, made("Work/Alt").await);
        made("Leer").await;
        let (sent, _) = self.mail.mailbox_at(&ann, "Sent").await.unwrap();
        let flags: [&[&str]; 4] =
            [&[], &["\\Seen"], &["\\Seen", "\\Flagged", "work", "$Forwarded"], &["\\Deleted", "\\Answered"]];
        for n in 1..60_i64 {
            let mut text = format!("From: a@b.example\r\nSubject: {n}\r\n\r\n>From there {n}\r\nFrom here\r\n");
            text += if n % 5 == 0 { "no end" } else { "" };
            text += if n % 7 == 0 { "bare\nline\r\n\r\n" } else { "" };
            let at = [inbox, deep, old, sent][n as usize % 4];
            self.append(ANN, at, &text, 1_700_000_000 + n * 77, flags[n as usize % 3 + usize::from(n % 9 == 0)]).await;
        }
        // The same bytes again: in the same mailbox with other flags, and in another one.
        for (at, flags) in [(inbox, &["\\Flagged"][..]), (inbox, &[]), (deep, &["other"])] {
            self.append(ANN, at, "Subject: twin\r\n\r\nthe same\r\n", 1_700_009_000, flags).await;
        }
        let large = format!("Subject: large\r\n\r\n{}", "a line of a large message\r\n".repeat(300_000));
        self.append(ANN, old, &large, 1_700_010_000, &["\\Seen"]).await;
        self.mail.copy(&ann, inbox, deep, &[base::Uid(1), base::Uid(2), base::Uid(3)]).await.unwrap();
        let deleted = mail::Change {
            operation: mail::Operation::Add,
            flags: Flags::from_names(["\\Deleted"]),
            unchanged_since: None,
        };
        let last = self.mail.mailbox_state(&ann, deep).await.unwrap().uid_next - 1;
        self.mail.store_flags(&ann, deep, &[base::Uid(last)], &deleted).await.unwrap();
        self.append(BEN, inbox, "Subject: of ben\r\n\r\n", 1_700_020_000, &[]).await;
    }

    /// So many small messages more, in two folders.
    pub async fn add_small(&self, many: usize) {
        let ann = self.owner(ANN).await;
        let (sent, _) = self.mail.mailbox_at(&ann, "Sent").await.unwrap();
        for at in [MailboxId(1), sent] {
            let new: Vec<NewMessage> = (0..many / 2)
                .map(|n| NewMessage {
                    bytes: format!("Subject: small {}\r\n\r\n{}\r\n", n / 2, at.0).into(),
                    flags: Flags::from_names([["\\Seen", "\\Flagged", "small"][n % 3]]),
                    received_at: Some(Timestamp::from_secs(1_700_100_000 + n as i64)),
                })
                .collect();
            self.mail.append(&ann, at, &new).await.unwrap();
        }
    }

    pub fn scope(&self, tenant: TenantId) -> TenantScope<ReadOnly> {
        self.accounts().break_glass("test", "looks").unwrap().tenant(tenant)
    }

    /// Exports accounts to the end.
    pub async fn export(&self, accounts: &[AccountId], shape: ExportShape, archive_bytes_max: u64) -> Vec<Fetched> {
        let tenant = Self::tenant(accounts[0]);
        let new = NewExport {
            job: self.accounts().new_job(),
            accounts: accounts.to_vec(),
            shape,
            archive_bytes_max,
            asked_by: "ann".into(),
            reason: "moving".into(),
            keep_days: 7,
            papers: false,
        };
        let job = self.accounts().request_export(tenant, new).await.unwrap();
        assert!(Exporter::new(self.accounts().clone()).pass().await.unwrap());
        let scope = self.scope(tenant);
        let view = self.accounts().export(&scope, job).await.unwrap();
        assert_eq!((view.phase, view.why.as_str()), (ExportPhase::Ready, ""));
        let mut fetched = Vec::new();
        for file in self.accounts().export_files(&scope, job).await.unwrap() {
            let mut bytes = Vec::new();
            while (bytes.len() as u64) < file.bytes {
                let range = bytes.len() as u64..u64::MAX;
                bytes.extend_from_slice(&self.accounts().export_bytes(&scope, job, &file.name, range).await.unwrap());
            }
            fetched.push((file, bytes));
        }
        fetched
    }

    pub fn manifest(&self, files: &[Fetched]) -> Manifest {
        let of = |name: &str| &files.iter().find(|(file, _)| file.name == name).unwrap().1;
        let key = SigningKey::from_seed(&self.accounts().manifest_seed()).unwrap().public().unwrap();
        (*archive::manifest::verify(of("manifest.json"), of("manifest.json.sig"), &[key]).unwrap()).clone()
    }

    pub async fn import(&self, account: AccountId, inputs: Vec<Input>, order: &Order) -> Result<Report, Box<Failed>> {
        let scope = self.owner(account).await;
        // A server does it on any thread.
        fn movable<F: Future + Send>(work: F) -> F {
            work
        }
        movable(Importer::new(self.mail.clone()).run(&scope, inputs, order, &mut |_| {})).await
    }

    /// Everything in an account: path, role, subscription; flags, time and bytes of each message, in order.
    pub async fn dump(&self, account: AccountId) -> Vec<String> {
        let scope = self.owner(account).await;
        let names = self.mail.keyword_names(&scope).await.unwrap();
        let mut out = Vec::new();
        for mailbox in self.mail.mailboxes(&scope).await.unwrap() {
            out.push(format!("{} {:?} {}", mailbox.path, mailbox.record.role, mailbox.record.subscribed));
            let mut reader = self.accounts().read(&scope);
            let mut rows = Vec::new();
            let mut next = Some(base::Uid(1));
            while let Some(from) = next {
                let page = reader.rows(mailbox.id, from).await.unwrap();
                rows.extend(page.rows);
                next = page.next;
            }
            for (uid, row) in rows {
                let mut flags: Vec<_> = names.names(row.flags).map(str::to_lowercase).collect();
                flags.sort();
                let email = reader.email(base::EmailId(row.email)).await.unwrap().unwrap();
                let bytes = reader.body_of(&email, None).await.unwrap();
                let places = email.memberships.len();
                let hash = archive::Sha256::of(&bytes);
                out.push(format!("  {} {flags:?} {} {hash} in {places}", uid.0, row.received_at_secs));
            }
        }
        let broken = self.accounts().verify(&self.scope(Self::tenant(account))).await.unwrap();
        assert!(broken.is_empty(), "{broken:?}");
        out
    }
}

pub fn archives(files: &[Fetched]) -> Vec<Input> {
    let zips = files.iter().filter(|(file, _)| file.name.ends_with(".zip"));
    zips.map(|(file, bytes)| input(&file.name, bytes.clone())).collect()
}

/// Entries of all archives.
pub fn entries(files: &[Fetched]) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for (_, bytes) in files.iter().filter(|(file, _)| file.name.ends_with(".zip")) {
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
        for at in 0..zip.len() {
            let mut entry = zip.by_index(at).unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            all.push((entry.name().to_owned(), bytes));
        }
    }
    all
}
