//! SUMMARY    The domains of a tenant; claiming one.

use crate::{
    form::{Form, ask},
    frame::Frame,
    list::{Pages, Place},
    operation::{DomainCreate, Domains, domain_create, domains, refusals},
    trouble::Trouble,
    visit::{Reply, Visit, page, see},
};
use askama::Template;

#[derive(Template)]
#[template(path = "domains.html")]
struct Page {
    f: Frame,
    form: Form,
    rows: Vec<Row>,
    total: i64,
    pages: Pages,
}

struct Row {
    name: String,
    link: String,
    state: String,
    class: &'static str,
    checked: String,
}

pub(crate) async fn show(visit: &Visit) -> Reply {
    list(visit, Form::default()).await
}

async fn list(visit: &Visit, form: Form) -> Reply {
    let Place { first, after, last, before } = Place::of(&visit.query);
    let variables = domains::Variables { tenant: visit.tenant()?, first, after, last, before };
    let found = visit.ask::<Domains>(variables).await?.domains.ok_or(Trouble::NotFound)?;
    let f = visit.frame("domains-title");
    let row = |d: domains::DomainsDomainsNodes| Row {
        link: format!("/domains/{}", super::domain::in_path(&d.name)),
        state: f.t(super::domain::state_text(&format!("{:?}", d.state))),
        class: super::domain::state_class(&format!("{:?}", d.state)),
        checked: d.checked_at.map(|at| f.at(&at)).unwrap_or_default(),
        name: d.name,
    };
    let rows = found.nodes.into_iter().map(row).collect();
    let info = found.page_info;
    let pages =
        Pages::new(&visit.query, info.has_previous_page, info.start_cursor, info.has_next_page, info.end_cursor);
    page(form.is_refused(), &Page { f, form, rows, total: found.total_count, pages })
}

pub(crate) async fn claim(visit: &Visit) -> Reply {
    let input = domain_create::DomainCreateInput {
        tenant_id: visit.tenant()?,
        name: visit.fields.text("name").to_owned(),
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let payload = visit.ask::<DomainCreate>(domain_create::Variables { input }).await?.domain_create;
    match payload.domain {
        Some(domain) => see(format!("/domains/{}?ok=claimed", super::domain::in_path(&domain.name))),
        None => list(visit, visit.refused(refusals!(payload))).await,
    }
}

impl Page {
    fn name(&self) -> Result<String, askama::Error> {
        self.form.input(&self.f, ask("name", "text", "label-domain", "hint-domain", "off"))
    }
}
