//! SUMMARY    Which rows of a backup are needed to read one tenant's, or one mailbox's, mail in a store made for that.
//! INVARIANTS Ranges `[from, to)` of absolute keys, in their order, none within another. What they leave out nobody who only reads
//!            mail asks for: the queue, exports, other accounts, nodes.

use crate::keys;
use base::{AccountId, TenantId};
use store::{blob::pack_infos, kv::KeyRange};

type Ranges = Vec<(Vec<u8>, Vec<u8>)>;

fn under(tenant: TenantId, range: &KeyRange) -> (Vec<u8>, Vec<u8>) {
    let absolute = |key: &[u8]| [keys::tenant_prefix(tenant).as_slice(), key].concat();
    (absolute(&range.from), absolute(&range.to))
}

fn pair(range: KeyRange) -> (Vec<u8>, Vec<u8>) {
    (range.from, range.to)
}

/// Everything of a tenant's stream.
pub fn ranges_of_tenant(tenant: TenantId) -> Ranges {
    vec![pair(KeyRange::prefix(&keys::tenant_prefix(tenant)))]
}

/// Of a tenant's stream what reading one account's mail needs: the account, and all blobs with the key that opens them. Blobs are
/// named by their content, so which are the account's is known only to who reads its emails.
pub fn ranges_of_mailbox(tenant: TenantId, account: AccountId) -> Ranges {
    let whole = |key: keys::Key| KeyRange::prefix(&key);
    let mut ranges: Ranges = [
        keys::account_all(account),
        whole(keys::blob_meta()),
        whole(keys::blob_data()),
        whole(keys::data_key()),
        whole(keys::blob_link()),
    ]
    .iter()
    .map(|range| under(tenant, range))
    .collect();
    ranges.sort();
    ranges
}

/// Of the system's stream what both need: what tenants may do, packs, whether a tenant is erased, which master key it is.
pub fn ranges_of_system_for_reading() -> Ranges {
    let packs = keys::system_packs();
    let live = KeyRange::prefix(&[packs.as_slice(), b"l"].concat());
    let master = KeyRange::prefix(&keys::system_master());
    let mut ranges: Ranges =
        [keys::system_entitlements(), pack_infos(&packs), live, keys::system_erasures(), master].map(pair).into();
    ranges.sort();
    ranges
}
