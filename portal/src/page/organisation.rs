//! SUMMARY    The tenants of a person, and going from one to another.
//! LIMITS     SHOWN_MAX

use crate::{
    frame::Frame,
    operation::{Place, Whoami, place, whoami},
    trouble::Trouble,
    visit::{Reply, Visit, page, see},
};
use askama::Template;

/// Tenants that are shown with their names.
const SHOWN_MAX: usize = 50;

#[derive(Template)]
#[template(path = "organisations.html")]
struct Page {
    f: Frame,
    places: Vec<Organisation>,
}

struct Organisation {
    id: String,
    name: String,
    is_here: bool,
}

/// Who it is, and where: the first tenant of the person. `Forbidden`: it lets nobody in now.
pub(crate) async fn arrive(visit: &mut Visit) -> Result<(), Trouble> {
    let who = visit.ask_in::<Whoami>(None, whoami::Variables {}).await?;
    let mut permissions = Vec::new();
    if let Some(signed) = &mut visit.state.signed {
        visit.changed = true;
        match who.me.person {
            Some(person) => signed.email = person.email,
            // The user of a mailbox, who signed in by its address.
            None => signed.mailbox = Some(who.me.actor).filter(|id| id.starts_with("acc_")).unwrap_or_default(),
        }
        signed.several = who.me.memberships.len() > 1;
        if let Some(viewer) = who.viewer {
            (signed.tenant, signed.tenant_name) = (viewer.id, viewer.name);
            permissions = viewer.permissions;
        }
    }
    super::billing::reach(visit, &permissions).await;
    super::sell::reach(visit, &permissions).await;
    super::branding::reach(visit, &permissions).await;
    Ok(())
}

/// Of who is no member anywhere.
pub(crate) fn none(visit: &Visit) -> Reply {
    page(false, &Page { f: visit.frame("organisations-title"), places: Vec::new() })
}

/// A tenant that the visitor is a member of, with its name; `None` when it lets nobody in now.
async fn named(visit: &Visit, id: &str) -> Result<Option<place::PlaceViewer>, Trouble> {
    match visit.ask_in::<Place>(Some(id), place::Variables {}).await {
        Ok(data) => Ok(data.viewer),
        Err(Trouble::Forbidden(_)) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

pub(crate) async fn show(visit: &Visit) -> Reply {
    let here = visit.signed()?.tenant.clone();
    let who = visit.ask_in::<Whoami>(None, whoami::Variables {}).await?;
    let mut places: Vec<Organisation> = Vec::new();
    for membership in who.me.memberships.iter().take(SHOWN_MAX) {
        if places.iter().any(|p| p.id == membership.tenant_id) {
            continue;
        }
        if let Some(place) = named(visit, &membership.tenant_id).await? {
            places.push(Organisation { is_here: place.id == here, id: place.id, name: place.name });
        }
    }
    page(false, &Page { f: visit.frame("organisations-title"), places })
}

pub(crate) async fn go(visit: &mut Visit) -> Reply {
    let wanted = visit.fields.text("organisation").to_owned();
    let who = visit.ask_in::<Whoami>(None, whoami::Variables {}).await?;
    // Asked first, so that a wrong id does not end the session.
    if !who.me.memberships.iter().any(|m| m.tenant_id == wanted) {
        return Err(Trouble::NotFound);
    }
    let place = named(visit, &wanted).await?.ok_or(Trouble::NotFound)?;
    if let Some(signed) = &mut visit.state.signed {
        (signed.tenant, signed.tenant_name, signed.several) = (place.id, place.name, who.me.memberships.len() > 1);
        visit.changed = true;
    }
    super::billing::reach(visit, &place.permissions).await;
    super::sell::reach(visit, &place.permissions).await;
    super::branding::reach(visit, &place.permissions).await;
    see("/")
}
