//! SUMMARY    The mailboxes of a tenant: looked for, in pages, deleted ones apart.

use crate::{
    frame::Frame,
    list::{Pages, Place},
    operation::{Mailboxes, mailboxes},
    trouble::Trouble,
    visit::{Reply, Visit, page},
};
use askama::Template;

#[derive(Template)]
#[template(path = "mailboxes.html")]
struct Page {
    f: Frame,
    rows: Vec<Row>,
    total: i64,
    pages: Pages,
    search: String,
    deleted: bool,
}

struct Row {
    id: String,
    address: String,
    name: String,
    state: String,
    class: &'static str,
    used: String,
    purge: String,
}

pub(crate) fn state(state: &str) -> (&'static str, &'static str) {
    match state {
        "ACTIVE" => ("mailbox-active", "good"),
        "RESTRICTED" => ("mailbox-restricted", "bad"),
        "DELETED" => ("mailbox-deleted", "open"),
        _ => ("state-unknown", "open"),
    }
}

/// An address is looked for by its beginning, a name by a part of it.
fn filter(search: &str, deleted: bool) -> mailboxes::MailboxFilter {
    let by_address = search.contains('@') || search.is_ascii() && !search.contains(' ');
    mailboxes::MailboxFilter {
        address: Some(search.to_owned()).filter(|s| !s.is_empty() && by_address),
        name: Some(search.to_owned()).filter(|s| !s.is_empty() && !by_address),
        domain: None,
        kind: None,
        state: deleted.then_some(mailboxes::MailboxState::DELETED),
    }
}

pub(crate) async fn show(visit: &Visit) -> Reply {
    let (search, deleted) = (visit.query.text("q").to_owned(), visit.query.text("state") == "deleted");
    let Place { first, after, last, before } = Place::of(&visit.query);
    let order_by = mailboxes::MailboxOrder { by: mailboxes::MailboxSort::ADDRESS, descending: false };
    let mut variables = mailboxes::Variables {
        tenant: visit.tenant()?,
        filter: Some(filter(&search, deleted)),
        order_by: Some(order_by),
        first,
        after,
        last,
        before,
    };
    let mut found = visit.ask::<Mailboxes>(variables.clone()).await?.mailboxes.ok_or(Trouble::NotFound)?;
    if let (0, Some(filter)) = (found.total_count, &mut variables.filter)
        && filter.address.is_some()
    {
        // No address begins so: perhaps it is part of a name.
        filter.name = filter.address.take();
        found = visit.ask::<Mailboxes>(variables).await?.mailboxes.ok_or(Trouble::NotFound)?;
    }
    let f = visit.frame("mailboxes-title");
    let row = |m: mailboxes::MailboxesMailboxesNodes| {
        let (text, class) = state(&format!("{:?}", m.state));
        let used = m.usage.map(|u| f.size(&u.used_bytes));
        let max = m.quota_bytes_max.map(|max| f.size(&max));
        Row {
            id: m.id,
            address: m.address,
            name: m.display_name,
            state: f.t(text),
            class,
            used: match (used, max) {
                (Some(used), Some(max)) => f.with_two("bar-of", ("used", &used), ("max", &max)),
                (Some(used), None) => used,
                (None, _) => f.t("usage-unknown"),
            },
            purge: m.purge_at.map(|at| f.at(&at)).unwrap_or_default(),
        }
    };
    let rows = found.nodes.into_iter().map(row).collect();
    let info = found.page_info;
    let pages =
        Pages::new(&visit.query, info.has_previous_page, info.start_cursor, info.has_next_page, info.end_cursor);
    page(false, &Page { f, rows, total: found.total_count, pages, search, deleted })
}
