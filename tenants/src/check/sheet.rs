//! SUMMARY    What there is to say of domains besides the claim: records, keys, notices; of many by three statements.
//! LIMITS     DOMAIN_NOTICES_SHOWN

use super::DomainNotice;
use crate::{
    Actor, Checked, DkimKeyShown, Domain, Permission, Result, Service,
    actor::Object,
    db::{Connection, query},
    dkim,
    limits::DOMAIN_NOTICES_SHOWN,
    rows::{id, json_list, number, text},
};
use base::TenantId;
use std::collections::HashMap;

/// The sheet of a domain.
#[derive(Debug, Clone, Default)]
pub struct DomainSheet {
    /// The records as they should be, with what was seen at the last look.
    pub records: Vec<Checked>,
    /// Without what is private.
    pub dkim_keys: Vec<DkimKeyShown>,
    /// What its holder was to hear, newest first, the last of it.
    pub notices: Vec<DomainNotice>,
}

/// What the rows are of: name and holder.
type Of = (String, TenantId);

/// Sheets by name and holder of their domains.
pub type DomainSheets = HashMap<(String, TenantId), DomainSheet>;

impl Service {
    /// The sheets of domains that the actor reaches, by name and holder.
    pub async fn domain_sheets(&self, actor: &Actor, domains: &[Domain]) -> Result<DomainSheets> {
        let mut connection = self.reader(actor).await?;
        self.read_lines(&mut connection, &domains.iter().map(|d| d.tenant).collect::<Vec<_>>()).await?;
        let mut reached = Vec::new();
        for domain in domains {
            let object = Object::Domain(&domain.name);
            if self.allows(&mut connection, actor, Permission::DomainRead, domain.tenant, object).await? {
                reached.push(domain);
            }
        }
        let names = json_list(&reached.iter().map(|d| &d.name).collect::<Vec<_>>());
        let seen = verdicts(&mut connection, &names).await?;
        let mut keys = keys(&mut connection, &names).await?;
        let mut notices = notices(&mut connection, &names).await?;
        let sheet = |domain: &Domain| {
            let of = (domain.name.clone(), domain.tenant);
            let dkim_keys = keys.remove(&of).unwrap_or_default();
            let records = self.records_seen(domain, seen.get(&of).map_or(&[], Vec::as_slice), &dkim_keys);
            let notices = notices.remove(&of).unwrap_or_default();
            (of, DomainSheet { records, dkim_keys, notices })
        };
        Ok(reached.into_iter().map(sheet).collect())
    }
}

/// What was seen at the last look at each.
async fn verdicts(txn: &mut Connection, names: &str) -> Result<HashMap<Of, Vec<Checked>>> {
    let sql = "SELECT name, tenant, verdict FROM claim WHERE name IN (SELECT value FROM json_each($1)) AND live = 1";
    let rows = query(sql).bind(names).fetch_all(txn).await?;
    let verdict = |row| {
        let seen = serde_json::from_str(&text(row, "verdict")?).unwrap_or_default();
        Ok(((text(row, "name")?, id(row, "tenant")?), seen))
    };
    rows.iter().map(verdict).collect()
}

async fn keys(txn: &mut Connection, names: &str) -> Result<HashMap<Of, Vec<DkimKeyShown>>> {
    let sql = "SELECT * FROM dkim_key WHERE name IN (SELECT value FROM json_each($1)) ORDER BY created_at, selector";
    let mut keys: HashMap<Of, Vec<DkimKeyShown>> = HashMap::new();
    for row in query(sql).bind(names).fetch_all(txn).await? {
        keys.entry((text(&row, "name")?, id(&row, "tenant")?)).or_default().push(dkim::from_row(&row)?);
    }
    Ok(keys)
}

async fn notices(txn: &mut Connection, names: &str) -> Result<HashMap<Of, Vec<DomainNotice>>> {
    let sql = "SELECT * FROM (SELECT n.*, ROW_NUMBER() OVER (PARTITION BY name, tenant ORDER BY seq DESC) AS place \
               FROM domain_notice n WHERE name IN (SELECT value FROM json_each($1))) last WHERE place <= $2 ORDER BY seq DESC";
    let mut notices: HashMap<Of, Vec<DomainNotice>> = HashMap::new();
    for row in query(sql).bind(names).bind(DOMAIN_NOTICES_SHOWN).fetch_all(txn).await? {
        let notice =
            DomainNotice { at_ms: number(&row, "at")?, kind: text(&row, "kind")?, detail: text(&row, "detail")? };
        notices.entry((text(&row, "name")?, id(&row, "tenant")?)).or_default().push(notice);
    }
    Ok(notices)
}
