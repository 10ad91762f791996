//! SUMMARY    Masked addresses of a mailbox: one for each site, switched off when mail comes by it that nobody wants.

use super::back;
use crate::{
    collection::{Collection, Row, act, beside, of_row, show_once, shown},
    form::{Form, Refusal, ask},
    frame::Frame,
    list::Place,
    operation::{
        MaskedAddressCreate, MaskedAddressDelete, MaskedAddressUpdate, MaskedAddresses, masked_address_create,
        masked_address_delete, masked_address_update, masked_addresses, refusals,
    },
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

pub(super) async fn show(visit: &mut Visit, id: &str) -> Reply {
    draw(visit, id, Form::default()).await
}

fn row(f: &Frame, m: masked_addresses::MaskedAddressesMaskedAddressesNodes) -> Row {
    let switch = match m.enabled {
        true => act(f, "disable", &m.address, "switch-off", "switch-off-named", &m.address),
        false => act(f, "enable", &m.address, "switch-on", "switch-on-named", &m.address),
    };
    Row {
        states: if m.enabled { Vec::new() } else { vec![(f.t("alias-off"), "open")] },
        facts: [m.label, m.site, m.note].into_iter().filter(|fact| !fact.is_empty()).collect(),
        acts: vec![switch, act(f, "delete", &m.address, "delete", "delete-named", &m.address).danger()],
        title: m.address,
        ..Row::default()
    }
}

async fn draw(visit: &mut Visit, id: &str, form: Form) -> Reply {
    let Place { first, after, last, before } = Place::of(&visit.query);
    let variables = masked_addresses::Variables { id: id.to_owned(), first, after, last, before };
    let data = visit.ask::<MaskedAddresses>(variables).await?;
    let mailbox = data.mailbox.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("masked-title"), form);
    page.back = back(visit, &mailbox.id, &mailbox.address);
    page.about = page.f.with("masked-about", "address", &mailbox.address);
    page.shown = shown(visit);
    if let Some(found) = data.masked_addresses {
        let rows = found.nodes.into_iter().map(|m| row(&page.f, m)).collect();
        page.rows("masked-none", rows);
        let info = found.page_info;
        page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    }
    let inputs = [
        page.form.input(&page.f, ask("label", "text", "label-masked", "hint-masked", "off")),
        page.form.input(&page.f, ask("site", "text", "label-site", "hint-site", "off")),
    ];
    let inputs = inputs.into_iter().collect::<Result<_, _>>().map_err(|_| Trouble::Broken)?;
    page.panel("create", "masked-create", "masked-create-about", inputs, "masked-create-button");
    page.reply()
}

pub(super) async fn change(visit: &mut Visit, id: &str) -> Reply {
    let refusals = match visit.fields.text("act") {
        "create" => create(visit, id).await?,
        "enable" => switch(visit, true).await?,
        "disable" => switch(visit, false).await?,
        "delete" => delete(visit).await?,
        _ => return Err(Trouble::NotFound),
    };
    if refusals.is_empty() {
        return see(format!("/mailboxes/{id}/masked?ok=saved"));
    }
    let form = visit.refused(refusals);
    draw(visit, id, form).await
}

async fn create(visit: &mut Visit, id: &str) -> Result<Vec<Refusal>, Trouble> {
    let input = masked_address_create::MaskedAddressCreateInput {
        mailbox_id: id.to_owned(),
        domain: None,
        label: visit.fields.text("label").to_owned(),
        note: String::new(),
        site: visit.fields.text("site").to_owned(),
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<MaskedAddressCreate>(masked_address_create::Variables { input }).await?;
    let payload = data.masked_address_create;
    if let Some(made) = payload.masked_address {
        let title = visit.frame("masked-title").t("masked-shown");
        show_once(visit, &format!("/mailboxes/{id}/masked"), title, made.address);
    }
    Ok(beside(refusals!(payload), &[("label", "label"), ("site", "site")]))
}

async fn switch(visit: &Visit, is_on: bool) -> Result<Vec<Refusal>, Trouble> {
    let input = masked_address_update::MaskedAddressUpdateInput {
        address: visit.fields.text("id").to_owned(),
        label: None,
        note: None,
        site: None,
        enabled: Some(is_on),
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<MaskedAddressUpdate>(masked_address_update::Variables { input }).await?;
    Ok(of_row(refusals!(data.masked_address_update)))
}

async fn delete(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = masked_address_delete::MaskedAddressDeleteInput {
        address: visit.fields.text("id").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<MaskedAddressDelete>(masked_address_delete::Variables { input }).await?;
    Ok(of_row(refusals!(data.masked_address_delete)))
}
