//! SUMMARY    Connections: pages of lists with cursors.
//! STANDARDS  Relay cursor connections
//! LIMITS     PAGE_ITEMS_MAX
//! INVARIANTS A page has a size: `first` or `last`, one of them.

use crate::{
    cost::{PAGE_ITEMS_MAX, Paid},
    failure::top_level,
    types::{Alias, Domain, Group, Mailbox, Masked, Tenant},
};
use async_graphql::{Context, ID, Result, SimpleObject};
use std::collections::HashMap;
use tenants::Page;

/// What a list was asked for.
pub(crate) struct Paging {
    pub(crate) backward: bool,
    pub(crate) cursor: Option<String>,
    pub(crate) size: u32,
    /// Whether the query asks how many there are.
    counted: bool,
    paid: Option<Paid>,
}

impl Paging {
    /// `first` with `after`, or `last` with `before`.
    pub(crate) fn new(
        ctx: &Context<'_>,
        first: Option<u32>,
        after: Option<ID>,
        last: Option<u32>,
        before: Option<ID>,
    ) -> Result<Paging> {
        let (backward, size, cursor) = match (first, last, &after, &before) {
            (Some(size), None, _, None) => (false, size, after),
            (None, Some(size), None, _) => (true, size, before),
            _ => return Err(top_level("INVALID", "A page is `first` with `after`, or `last` with `before`")),
        };
        if !(1..=PAGE_ITEMS_MAX).contains(&size) {
            return Err(top_level("INVALID", format!("A page has 1 to {PAGE_ITEMS_MAX} items (PAGE_ITEMS_MAX)")));
        }
        let counted = ctx.look_ahead().field("totalCount").exists();
        Ok(Paging {
            backward,
            cursor: cursor.map(|c| c.to_string()),
            size,
            counted,
            paid: Paid::of(ctx, size as usize),
        })
    }

    /// The page has so many items; what it was paid for beyond comes back.
    pub(crate) fn had(&self, items: usize) {
        if let Some(paid) = &self.paid {
            paid.had(items);
        }
    }

    /// With one item more than asked for, to know whether there are others.
    pub(crate) fn page(&self) -> Page {
        Page { cursor: self.cursor.clone(), backward: self.backward, limit: self.size + 1, counted: self.counted }
    }
}

/// Where a page begins and ends.
#[derive(SimpleObject)]
pub struct PageInfo {
    pub has_next_page: bool,
    pub has_previous_page: bool,
    pub start_cursor: Option<String>,
    pub end_cursor: Option<String>,
}

macro_rules! connection {
    ($connection:ident, $edge:ident, $node:ident) => {
        $crate::connection::connection!($connection, $edge, $node, tenants::$node);
    };
    ($connection:ident, $edge:ident, $node:ident, $row:ty) => {
        /// An item with its cursor.
        #[derive(async_graphql::SimpleObject)]
        pub struct $edge {
            pub cursor: String,
            pub node: $node,
        }
        /// One page.
        #[derive(async_graphql::SimpleObject)]
        #[graphql(complex)]
        pub struct $connection {
            pub edges: Vec<$edge>,
            pub page_info: $crate::connection::PageInfo,
            pub total_count: i64,
        }
        #[async_graphql::ComplexObject]
        impl $connection {
            /// The items without their cursors.
            async fn nodes(&self) -> Vec<&$node> {
                self.edges.iter().map(|e| &e.node).collect()
            }
        }
        impl $connection {
            /// From rows that were asked for with one more.
            pub(crate) fn new(paging: &$crate::connection::Paging, (mut rows, total_count): (Vec<$row>, i64)) -> Self {
                let size = paging.size as usize;
                let more = rows.len() > size;
                if more && paging.backward {
                    rows.remove(0);
                }
                rows.truncate(size);
                paging.had(rows.len());
                let nodes = $node::together(rows).into_iter();
                let edges: Vec<$edge> = nodes.map(|node| $edge { cursor: node.id.to_string(), node }).collect();
                let beyond = paging.cursor.is_some();
                let page_info = $crate::connection::PageInfo {
                    has_next_page: if paging.backward { beyond } else { more },
                    has_previous_page: if paging.backward { more } else { beyond },
                    start_cursor: edges.first().map(|e| e.cursor.clone()),
                    end_cursor: edges.last().map(|e| e.cursor.clone()),
                };
                $connection { edges, page_info, total_count }
            }
        }
    };
}
pub(crate) use connection;

connection!(TenantConnection, TenantEdge, Tenant);
connection!(DomainConnection, DomainEdge, Domain);
connection!(MailboxConnection, MailboxEdge, Mailbox);
connection!(AliasConnection, AliasEdge, Alias);
connection!(GroupConnection, GroupEdge, Group);
connection!(MaskedAddressConnection, MaskedAddressEdge, Masked);

impl MailboxConnection {
    /// The same, with the cursors of an order.
    pub(crate) fn sorted(
        paging: &Paging,
        rows: (Vec<tenants::Mailbox>, i64),
        order: tenants::MailboxOrder,
    ) -> MailboxConnection {
        let cursors: HashMap<String, String> = rows.0.iter().map(|m| (m.id.to_string(), order.cursor(m))).collect();
        let mut connection = MailboxConnection::new(paging, rows);
        for edge in &mut connection.edges {
            if let Some(cursor) = cursors.get(edge.node.id.as_str()) {
                edge.cursor.clone_from(cursor);
            }
        }
        connection.page_info.start_cursor = connection.edges.first().map(|e| e.cursor.clone());
        connection.page_info.end_cursor = connection.edges.last().map(|e| e.cursor.clone());
        connection
    }
}
