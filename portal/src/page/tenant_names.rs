//! SUMMARY    What tenants of a list are called: asked for once, by the ids of its rows.
//! INVARIANTS A list is there though its names are not: a tenant whose name is not told is shown by its id.

use crate::{
    operation::{TenantsNamed, tenants_named},
    visit::Visit,
};
use std::collections::{BTreeMap, BTreeSet};
use tenants_named::TenantsNamedNodes as Node;

/// Names of tenants by their ids.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeMap<String, String>);

impl Names {
    pub(crate) async fn of<'a>(visit: &Visit, ids: impl Iterator<Item = &'a String>) -> Names {
        let ids: BTreeSet<String> = ids.cloned().collect();
        if ids.is_empty() {
            return Names::default();
        }
        let variables = tenants_named::Variables { ids: ids.into_iter().collect() };
        let Ok(data) = visit.ask::<TenantsNamed>(variables).await else { return Names::default() };
        let named = data.nodes.into_iter().flatten().filter_map(|node| match node {
            Node::Tenant(tenant) => Some((tenant.id, tenant.name)),
            Node::Domain | Node::Job | Node::Mailbox => None,
        });
        Names(named.collect())
    }

    /// The name; the id where there is none.
    pub(crate) fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.0.get(id).map_or(id, String::as_str)
    }

    /// A link to the page of a tenant, for who has one of it: as seller, or at the abuse desk.
    pub(crate) fn link(&self, visit: &Visit, id: &str) -> Option<(String, String)> {
        let signed = visit.state.signed.as_ref()?;
        let place = match (signed.billing.sells, signed.console.holds) {
            (true, _) => "/sell/customers",
            (false, true) => "/sell/abuse",
            (false, false) => return None,
        };
        Some((format!("{place}/{id}"), self.name(id).to_owned()))
    }
}
