//! SUMMARY    Lists of a tenant's addresses: aliases, groups.
//! SECURITY   Only domains that the actor reaches are listed.

use crate::{
    Actor, Page, Permission, Result, Service,
    db::{Connection, Row},
    page::Statements,
};
use base::TenantId;

/// The statements of a list of a tenant's addresses of a kind, of domains that fulfil a condition on `$3`.
macro_rules! addresses {
    ($domains:literal) => {
        Statements {
            forward: concat!(
                "SELECT * FROM address WHERE tenant = $1 AND kind = $2 AND ",
                $domains,
                " AND (domain, local) > ($4, $5) ORDER BY domain, local LIMIT $6"
            ),
            backward: concat!(
                "SELECT * FROM address WHERE tenant = $1 AND kind = $2 AND ",
                $domains,
                " AND (domain, local) < ($4, $5) ORDER BY domain DESC, local DESC LIMIT $6"
            ),
            count: concat!("SELECT COUNT(*) AS n FROM address WHERE tenant = $1 AND kind = $2 AND ", $domains),
        }
    };
}

impl Service {
    /// Addresses of a kind, of a tenant, that the actor reaches, in order of domain and local part.
    pub(crate) async fn addresses_of(
        &self,
        connection: &mut Connection,
        actor: &Actor,
        kind: &str,
        tenant: TenantId,
        page: &Page,
    ) -> Result<(Vec<Row>, i64)> {
        let reach = self.reach(connection, actor, Permission::AddressRead, tenant).await?;
        // The same statements for who reaches all: nothing is compared then.
        let (list, domains) = match reach.whole {
            true => (addresses!("$3 = 'all'"), "all".to_owned()),
            false => (addresses!("domain IN (SELECT value FROM json_each($3))"), reach.domain_list()),
        };
        let (domain, local) = page.address_from()?;
        let scope = [tenant.to_string(), kind.to_owned(), domains];
        page.rows(connection, &list, &scope, vec![domain.into(), local.into()]).await
    }
}
