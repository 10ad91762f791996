//! SUMMARY    Migrations from other providers as the control plane orders, watches and steers them.
//! SECURITY   Everything is asked of one tenant's keys: an id of another tenant's migration is unknown. Where a source leads is judged before it is stored.
//! INVARIANTS An order whose id is known changes nothing.

use super::{Plane, gone, refused};
use account::Error;
use base::{JobId, Kind, TenantId};
use control::{
    ControlError, ControlFuture, MigrationCheck, MigrationChecked, MigrationOrder, MigrationProblem, MigrationSource,
    MigrationStanding, MigrationSteer, MigrationSteered,
};

/// Who speaks with sources: that room stands above this one.
pub trait Sources: Send + Sync + 'static {
    /// Whether a source may be asked, as far as can be told before its name is looked up; why not, for people.
    fn judge(&self, source: &MigrationSource) -> Result<(), String>;
    /// Signs in and lists folders.
    fn check(&self, check: MigrationCheck) -> ControlFuture<'_, MigrationChecked>;
}

impl Plane {
    fn judged(&self, source: &MigrationSource) -> Result<&dyn Sources, ControlError> {
        let none = || ControlError::Unavailable("this data plane brings no mail over".to_owned());
        let sources = self.1.as_deref().ok_or_else(none)?;
        sources.judge(source).map_err(ControlError::Invalid)?;
        Ok(sources)
    }

    pub(super) async fn begin_migration(&self, order: MigrationOrder) -> Result<(), ControlError> {
        self.judged(&order.source)?;
        self.accounts().order_migration(&order).await.map_err(|e| match e.kind {
            // A limit that the tenant can do something about is told by its name.
            Kind::NotFound => ControlError::Invalid("the mailbox is not there any more".to_owned()),
            _ => refused(e),
        })
    }

    pub(super) async fn migration_standings(
        &self,
        asked: &[(TenantId, JobId)],
    ) -> Result<Vec<Option<MigrationStanding>>, ControlError> {
        let mut all = Vec::with_capacity(asked.len());
        for (tenant, job) in asked {
            let found = self.accounts().migration(&self.accounts().ordered_tenant(*tenant), *job).await;
            all.push(known(found).map_err(refused)?);
        }
        Ok(all)
    }

    pub(super) async fn problems_of_migration(
        &self,
        tenant: TenantId,
        job: JobId,
    ) -> Result<Vec<MigrationProblem>, ControlError> {
        let scope = self.accounts().ordered_tenant(tenant);
        let found = self.accounts().migration_problems(&scope, job).await;
        known(found).map(Option::unwrap_or_default).map_err(gone)
    }

    pub(super) async fn steer_migration(&self, steer: MigrationSteer) -> Result<MigrationSteered, ControlError> {
        let MigrationSteer { tenant, job, wish, secret } = steer;
        match self.accounts().steer_migration((tenant, job), wish, secret.as_ref()).await {
            Ok(standing) => Ok(MigrationSteered::Done(Box::new(standing))),
            Err(e) if e.kind == Kind::NotFound => Ok(MigrationSteered::Unknown),
            Err(e) if e.kind == Kind::Invalid => Ok(MigrationSteered::Refused(e.context)),
            Err(e) => Err(refused(e)),
        }
    }

    pub(super) async fn look_at_source(&self, check: MigrationCheck) -> Result<MigrationChecked, ControlError> {
        self.judged(&check.source)?.check(check).await
    }
}

fn known<T>(found: Result<T, Error>) -> Result<Option<T>, Error> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(e) if e.kind == Kind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}
