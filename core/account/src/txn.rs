//! SUMMARY    A store transaction that can only reach one tenant's keys at a time.
//! INVARIANTS `TenantTxn` prepends `T || tenant` to every key, clamps every range to it and strips it on the way out.
//!            System keys go through `SystemTxn`, which refuses every other key and clamps ranges in the same way.

use crate::{Result, keys};
use base::TenantId;
use bytes::Bytes;
use store::kv::{KeyRange, KvTxn, PageLimit, Read};

/// Keys of one tenant. Borrowed from the transaction of a unit of work, so several tenants can share one commit.
pub(crate) struct TenantTxn<'t> {
    txn: &'t mut dyn KvTxn,
    prefix: [u8; keys::TENANT_PREFIX_BYTES],
}

impl<'t> TenantTxn<'t> {
    pub(crate) fn new(txn: &'t mut dyn KvTxn, tenant: TenantId) -> Self {
        TenantTxn { txn, prefix: keys::tenant_prefix(tenant) }
    }

    fn absolute(&self, key: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.prefix.len() + key.len());
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(key);
        out
    }

    /// Clamps to the tenant: a bound outside of it becomes the tenant's own bound.
    fn absolute_range(&self, range: &KeyRange) -> KeyRange {
        let end = KeyRange::prefix(&self.prefix).to;
        let to = self.absolute(&range.to);
        KeyRange { from: self.absolute(&range.from), to: if to < end { to } else { end } }
    }

    pub(crate) async fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>> {
        let key = self.absolute(key);
        Ok(self.txn.get(&key, Read::Serializable).await?)
    }

    pub(crate) async fn get_snapshot(&mut self, key: &[u8]) -> Result<Option<Bytes>> {
        self.get_as(key, Read::Snapshot).await
    }

    pub(crate) async fn get_as(&mut self, key: &[u8], read: Read) -> Result<Option<Bytes>> {
        let key = self.absolute(key);
        Ok(self.txn.get(&key, read).await?)
    }

    /// Rows of one page, keys relative to the tenant; whether there is more.
    pub(crate) async fn page(&mut self, range: &KeyRange, limit: PageLimit, read: Read) -> Result<Page> {
        self.page_of(range, limit, false, read).await
    }

    /// The same from the end of the range: the highest keys, falling.
    pub(crate) async fn page_back(&mut self, range: &KeyRange, limit: PageLimit, read: Read) -> Result<Page> {
        self.page_of(range, limit, true, read).await
    }

    async fn page_of(&mut self, range: &KeyRange, limit: PageLimit, reverse: bool, read: Read) -> Result<Page> {
        let range = self.absolute_range(range);
        if range.is_empty() {
            return Ok(Page { rows: Vec::new(), more: false });
        }
        let page = self.txn.range(&range, limit, reverse, read).await?;
        let rows = page.rows.into_iter().map(|(k, v)| (k.slice(keys::TENANT_PREFIX_BYTES..), v)).collect();
        Ok(Page { rows, more: page.more })
    }

    /// Every row of a range that is known to be short (mailboxes of an account, links of a blob).
    pub(crate) async fn all(&mut self, range: &KeyRange, read: Read) -> Result<Vec<(Bytes, Bytes)>> {
        let mut out = Vec::new();
        let mut range = range.clone();
        loop {
            let page = self.page(&range, PageLimit::MAX, read).await?;
            let last = page.rows.last().map(|(k, _)| k.to_vec());
            out.extend(page.rows);
            match (page.more, last) {
                (true, Some(mut last)) => {
                    last.push(0);
                    range.from = last;
                }
                _ => return Ok(out),
            }
        }
    }

    pub(crate) fn set(&mut self, key: &[u8], value: &[u8]) {
        let key = self.absolute(key);
        self.txn.set(&key, value);
    }

    pub(crate) fn clear(&mut self, key: &[u8]) {
        let key = self.absolute(key);
        self.txn.clear(&key);
    }

    pub(crate) fn clear_range(&mut self, range: &KeyRange) {
        let range = self.absolute_range(range);
        if !range.is_empty() {
            self.txn.clear_range(&range);
        }
    }

    pub(crate) fn add(&mut self, key: &[u8], delta: i64) {
        let key = self.absolute(key);
        self.txn.add(&key, delta);
    }
}

/// Rows of one page, keys relative to the tenant.
pub(crate) struct Page {
    pub(crate) rows: Vec<(Bytes, Bytes)>,
    pub(crate) more: bool,
}

/// System keys.
pub(crate) struct SystemTxn<'t>(&'t mut dyn KvTxn);

impl<'t> SystemTxn<'t> {
    pub(crate) fn new(txn: &'t mut dyn KvTxn) -> Self {
        SystemTxn(txn)
    }

    fn checked(key: &[u8]) -> Result<&[u8]> {
        match key.first() {
            Some(&keys::SYSTEM) => Ok(key),
            _ => Err(crate::Error::corrupt("not a system key")),
        }
    }

    pub(crate) async fn get(&mut self, key: &[u8]) -> Result<Option<Bytes>> {
        Ok(self.0.get(Self::checked(key)?, Read::Serializable).await?)
    }

    pub(crate) async fn get_snapshot(&mut self, key: &[u8]) -> Result<Option<Bytes>> {
        self.get_as(key, Read::Snapshot).await
    }

    pub(crate) async fn get_as(&mut self, key: &[u8], read: Read) -> Result<Option<Bytes>> {
        Ok(self.0.get(Self::checked(key)?, read).await?)
    }

    pub(crate) async fn page(&mut self, range: &KeyRange, limit: PageLimit) -> Result<Page> {
        Self::checked(&range.from)?;
        // A bound behind the system keys becomes their end.
        let end = KeyRange::prefix(&[keys::SYSTEM]).to;
        let range = KeyRange { from: range.from.clone(), to: range.to.clone().min(end) };
        if range.is_empty() {
            return Ok(Page { rows: Vec::new(), more: false });
        }
        let page = self.0.range(&range, limit, false, Read::Snapshot).await?;
        Ok(Page { rows: page.rows, more: page.more })
    }

    pub(crate) fn set(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.0.set(Self::checked(key)?, value);
        Ok(())
    }

    pub(crate) fn clear(&mut self, key: &[u8]) -> Result<()> {
        self.0.clear(Self::checked(key)?);
        Ok(())
    }

    pub(crate) fn add(&mut self, key: &[u8], delta: i64) -> Result<()> {
        self.0.add(Self::checked(key)?, delta);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
