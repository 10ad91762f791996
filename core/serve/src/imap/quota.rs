//! SUMMARY    GETQUOTA and GETQUOTAROOT.
//! STANDARDS  RFC 9208 §4.1
//! INVARIANTS Two quota roots: "" is the mailbox user's own; "organisation" is there only while the pool that the user shares limits
//!            sooner, and shows how far this user can go, not what others use.

use super::{
    error::Failure,
    session::{Flow, Session},
};
use crate::Link;
use account::QuotaView;
use wire::imap::{
    MailboxName,
    render::{self, Code},
};

/// The user's own quota.
const OWN: &str = "";
/// What the user shares with others.
const POOL: &str = "organisation";

impl Session {
    pub(super) async fn get_quota(&mut self, link: &mut Link, tag: &str, root: &str) -> Result<Flow, Failure> {
        let view = self.quota_view().await?;
        match root {
            OWN => render::quota(&mut link.out, OWN, kib_used(&view), view.mailbox_bytes_max.map(kib)),
            POOL if view.pool_bytes_max.is_some() => pool(link, &view),
            _ => return Err(Failure::No(Some(Code::Word("NONEXISTENT")), "There is no such quota root".into())),
        }
        self.ok(link, tag, "GETQUOTA done")
    }

    pub(super) async fn get_quota_root(
        &mut self,
        link: &mut Link,
        tag: &str,
        name: &MailboxName,
    ) -> Result<Flow, Failure> {
        let (mail, scope) = self.reader()?;
        mail.mailbox_at(&scope, name.as_str()).await?;
        let view = self.quota_view().await?;
        let roots: &[&str] = if view.pool_bytes_max.is_some() { &[OWN, POOL] } else { &[OWN] };
        render::quota_root(&mut link.out, name.as_str(), self.names(), roots);
        render::quota(&mut link.out, OWN, kib_used(&view), view.mailbox_bytes_max.map(kib));
        if view.pool_bytes_max.is_some() {
            pool(link, &view);
        }
        self.ok(link, tag, "GETQUOTAROOT done")
    }

    async fn quota_view(&self) -> Result<QuotaView, Failure> {
        let (mail, scope) = self.reader()?;
        Ok(mail.accounts().quota(scope.tenant(), scope.account()).await?.unwrap_or_default())
    }
}

fn pool(link: &mut Link, view: &QuotaView) {
    render::quota(&mut link.out, POOL, kib_used(view), view.pool_bytes_max.map(kib));
}

fn kib(bytes: u64) -> u64 {
    bytes / 1024
}

fn kib_used(view: &QuotaView) -> u64 {
    view.used_bytes.div_ceil(1024)
}
