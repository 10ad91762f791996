//! SUMMARY    Keys of what was brought from other providers: part of the registry.
//! INVARIANTS Those of `keys`.

use super::{AccountRow, Key, account, be32, be64};
use crate::work::Origin;
use base::{AccountId, Uid};
use store::kv::KeyRange;

/// A mailbox of a source.
pub(crate) fn migrated_folder(acct: AccountId, origin: Origin) -> Key {
    account(acct, b'i').u64(origin.source).tag(b'f').u64(origin.folder).done()
}
/// All of a source.
pub(crate) fn migrated_folders(acct: AccountId, source: u64) -> KeyRange {
    KeyRange::prefix(&account(acct, b'i').u64(source).tag(b'f').done())
}
/// Folder of such a key.
pub(crate) fn decode_migrated_folder(key: &[u8]) -> Option<Origin> {
    (key.len() == 27).then(|| Some(Origin { source: be64(key, 10)?, folder: be64(key, 19)? })).flatten()
}
/// A message of a mailbox of a source, by its uid there.
pub(crate) fn migrated(acct: AccountId, origin: Origin, uid_validity: u32, uid: Uid) -> Key {
    account(acct, b'i').u64(origin.source).tag(b'u').u64(origin.folder).u32(uid_validity).u32(uid.0).done()
}
/// Messages under one UIDVALIDITY, with a uid of at least `from`.
pub(crate) fn migrated_from(acct: AccountId, origin: Origin, uid_validity: u32, from: Uid) -> KeyRange {
    let all = account(acct, b'i').u64(origin.source).tag(b'u').u64(origin.folder).u32(uid_validity).done();
    KeyRange { from: migrated(acct, origin, uid_validity, from), to: KeyRange::prefix(&all).to }
}
/// UIDVALIDITY and uid of such a key.
pub(crate) fn decode_migrated(key: &[u8]) -> Option<(Origin, u32, Uid)> {
    (key.len() == 35).then_some(())?;
    let origin = Origin { source: be64(key, 10)?, folder: be64(key, 19)? };
    Some((origin, be32(key, 27)?, Uid(be32(key, 31)?)))
}

/// What a key below `i` is.
pub(super) fn decode(key: &[u8]) -> Option<AccountRow> {
    match *key.get(18)? {
        b'f' => decode_migrated_folder(key).map(AccountRow::MigratedFolder),
        b'u' => decode_migrated(key).map(|(origin, validity, uid)| AccountRow::Migrated(origin, validity, uid)),
        _ => None,
    }
}
