//! SUMMARY    Announcements: what the tenant tells all below it; told in our languages, changed, ended.
//! INVARIANTS Texts in other languages, which the API takes as well, stay as they are when one is changed here.

use super::{moment, tabs, typed};
use crate::{
    collection::{Collection, Row, act, beside, of_row},
    form::{Form, Refusal, ask, choose},
    frame::Frame,
    list::Place,
    operation::{
        AnnouncementCreate, AnnouncementEnd, AnnouncementUpdate, Announcements, announcement_create, announcement_end,
        announcement_update, announcements, refusals,
    },
    page::{announcement::severity, billing::shape::word},
    session,
    trouble::Trouble,
    visit::{Reply, Visit, see},
};
use announcements::AnnouncementsAnnouncementsNodes as Found;

const HERE: &str = "/sell/announcements";
/// Our languages with the fields of their texts.
const TEXTS: [(&str, &str, &str); 3] =
    [("en", "textEn", "label-text-en"), ("de", "textDe", "label-text-de"), ("fr", "textFr", "label-text-fr")];
/// Arguments with the fields of the form.
const NAMES: [(&str, &str); 4] =
    [("texts", "textEn"), ("startsAt", "startsAt"), ("endsAt", "endsAt"), ("severity", "severity")];

pub(super) async fn show(visit: &Visit) -> Reply {
    draw(visit, Form::default(), visit.query.text("edit")).await
}

async fn draw(visit: &Visit, form: Form, edit: &str) -> Reply {
    let Place { first, after, last, before } = Place::of(&visit.query);
    let language = visit.language.tag().to_owned();
    let variables = announcements::Variables { tenant: visit.tenant()?, language, first, after, last, before };
    let found = visit.ask::<Announcements>(variables).await?.announcements.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("announcements-title"), form);
    page.tabs = tabs(visit, &page.f);
    page.about = page.f.t("announcements-about");
    let now_ms = visit.portal.now_ms();
    let place = visit.query.without("edit").without("ok").encoded();
    let rows = found.nodes.iter().map(|a| row(&page.f, a, &place, now_ms)).collect();
    page.rows("announcements-none", rows);
    let edited = found.nodes.iter().find(|a| a.id == edit);
    panel(&mut page, edited).map_err(|_| Trouble::Broken)?;
    let info = found.page_info;
    page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    page.reply()
}

fn row(f: &Frame, a: &Found, place: &str, now_ms: i64) -> Row {
    let (key, class) = severity(&word(&a.severity));
    let is_over = a.ends_at.as_ref().is_some_and(|end| session::moment(end) <= now_ms);
    let state = match is_over {
        true => ("told-over", "plain"),
        false if session::moment(&a.starts_at) > now_ms => ("told-later", "open"),
        false => ("told-now", "good"),
    };
    let title = a.text.as_ref().map(|t| t.text.clone()).unwrap_or_default();
    let languages: Vec<&str> = a.texts.iter().map(|t| t.language.as_str()).collect();
    let until = a.ends_at.as_ref().map_or_else(|| f.t("never"), |end| f.at(end));
    let mut acts = Vec::new();
    if !is_over {
        acts.push(act(f, "end", &a.id, "told-end", "told-end-named", &title).danger());
    }
    Row {
        link: if is_over { String::new() } else { format!("{HERE}?{place}&edit={}", a.id).replace("?&", "?") },
        states: vec![(f.t(state.0), state.1), (f.t(key), class)],
        facts: vec![
            f.with_two("told-times", ("from", &f.at(&a.starts_at)), ("until", &until)),
            f.with("told-languages", "languages", languages.join(", ")),
            f.t(if a.dismissible { "told-dismissible" } else { "told-stays" }),
        ],
        title,
        acts,
        ..Row::default()
    }
}

/// The form of a new one, or of one that is changed.
fn panel(page: &mut Collection, edited: Option<&Found>) -> Result<(), askama::Error> {
    let (f, form) = (&page.f, &page.form);
    let kinds = ["INFO", "MAINTENANCE", "INCIDENT"].map(|kind| (kind.to_owned(), f.t(severity(kind).0))).to_vec();
    let chosen = edited.map_or("INFO".to_owned(), |a| word(&a.severity));
    let stays = edited.is_some_and(|a| !a.dismissible).then(|| "stays".to_owned());
    let from = edited.map(|a| typed(&a.starts_at)).unwrap_or_default();
    let until = edited.and_then(|a| a.ends_at.as_deref()).map(typed).unwrap_or_default();
    let mut inputs = vec![form.choice(f, &choose("severity", "label-severity", "", kinds).with(vec![chosen]))?];
    for (n, (tag, name, label)) in TEXTS.into_iter().enumerate() {
        let known = edited.and_then(|a| a.texts.iter().find(|t| t.language == tag));
        let value = known.map(|t| t.text.as_str()).unwrap_or_default();
        let hint = if n == 0 { "hint-told-text" } else { "" };
        inputs.push(form.input(f, ask(name, "text", label, hint, "off").with(value))?);
    }
    inputs.push(form.input(f, ask("startsAt", "text", "label-told-from", "hint-told-from", "off").with(&from))?);
    inputs.push(form.input(f, ask("endsAt", "text", "label-told-until", "hint-told-until", "off").with(&until))?);
    let options = vec![("stays".to_owned(), f.t("told-stays"))];
    let stays = choose("stays", "label-told-stays", "", options).with(stays.into_iter().collect());
    inputs.push(form.ticks(f, &stays)?);
    match edited {
        None => page.panel("create", "told-new", "", inputs, "told-new-button"),
        Some(a) => {
            page.panel("update", "told-edit", "told-edit-about", inputs, "save");
            page.links.push((HERE.to_owned(), page.f.t("cancel")));
            let here = page.f.here();
            if let Some(panel) = page.panels.last_mut() {
                // On the page of the list where it stands.
                panel.to = here;
                panel.hidden.extend([("id", a.id.clone()), ("version", a.version.to_string())]);
            }
        }
    }
    Ok(())
}

pub(super) async fn change(visit: &Visit) -> Reply {
    let edit = visit.fields.text("id").to_owned();
    let (refusals, ok, edit) = match visit.fields.text("act") {
        "create" => (create(visit).await?, "announced", ""),
        "update" => (update(visit, &edit).await?, "saved", edit.as_str()),
        "end" => (end(visit).await?, "ended", ""),
        _ => return Err(Trouble::NotFound),
    };
    match refusals.is_empty() {
        true => see(format!("{HERE}?ok={ok}")),
        false => draw(visit, visit.refused(refusals), edit).await,
    }
}

/// What was typed in our languages.
fn written(visit: &Visit) -> Vec<(String, String)> {
    let texts = TEXTS.iter().map(|(tag, name, _)| ((*tag).to_owned(), visit.fields.text(name).to_owned()));
    texts.filter(|(_, text)| !text.is_empty()).collect()
}

/// From when and until when.
fn times(visit: &Visit) -> Result<(Option<String>, Option<String>), Refusal> {
    Ok((moment(&visit.fields, "startsAt", false)?, moment(&visit.fields, "endsAt", true)?))
}

async fn create(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    use announcement_create::AnnouncementSeverity as S;
    let (starts_at, ends_at) = match times(visit) {
        Ok(times) => times,
        Err(refusal) => return Ok(vec![refusal]),
    };
    let texts = written(visit).into_iter();
    let input = announcement_create::AnnouncementCreateInput {
        tenant_id: visit.tenant()?,
        severity: match visit.fields.text("severity") {
            "INCIDENT" => S::INCIDENT,
            "MAINTENANCE" => S::MAINTENANCE,
            _ => S::INFO,
        },
        texts: texts.map(|(language, text)| announcement_create::AnnouncementTextInput { language, text }).collect(),
        starts_at,
        ends_at,
        dismissible: !visit.fields.is_ticked("stays"),
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<AnnouncementCreate>(announcement_create::Variables { input }).await?;
    Ok(beside(refusals!(data.announcement_create), &NAMES))
}

async fn update(visit: &Visit, id: &str) -> Result<Vec<Refusal>, Trouble> {
    use announcement_update::AnnouncementSeverity as S;
    let (starts_at, ends_at) = match times(visit) {
        Ok(times) => times,
        Err(refusal) => return Ok(vec![refusal]),
    };
    let texts = merged(kept(visit, id).await?, written(visit)).into_iter();
    let texts = texts.map(|(language, text)| announcement_update::AnnouncementTextInput { language, text }).collect();
    let is_open = ends_at.is_none();
    let input = announcement_update::AnnouncementUpdateInput {
        id: id.to_owned(),
        severity: Some(match visit.fields.text("severity") {
            "INCIDENT" => S::INCIDENT,
            "MAINTENANCE" => S::MAINTENANCE,
            _ => S::INFO,
        }),
        texts: Some(texts),
        starts_at,
        ends_at,
        dismissible: Some(!visit.fields.is_ticked("stays")),
        expected_version: visit.fields.text("version").parse().ok(),
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let variables = announcement_update::Variables { input };
    let data = match is_open {
        true => visit.ask_with_null::<AnnouncementUpdate>(variables, "endsAt").await?,
        false => visit.ask::<AnnouncementUpdate>(variables).await?,
    };
    Ok(beside(refusals!(data.announcement_update), &NAMES))
}

/// The texts that an announcement of this page of the list has.
async fn kept(visit: &Visit, id: &str) -> Result<Vec<(String, String)>, Trouble> {
    let language = visit.language.tag().to_owned();
    let Place { first, after, last, before } = Place::of(&visit.query);
    let variables = announcements::Variables { tenant: visit.tenant()?, language, first, after, last, before };
    let found = visit.ask::<Announcements>(variables).await?.announcements.ok_or(Trouble::NotFound)?;
    let found = found.nodes.into_iter().find(|a| a.id == id).ok_or(Trouble::NotFound)?;
    Ok(found.texts.into_iter().map(|t| (t.language, t.text)).collect())
}

/// Texts in their order, with those of our languages as they were typed; new ones come last.
fn merged(kept: Vec<(String, String)>, written: Vec<(String, String)>) -> Vec<(String, String)> {
    let is_ours = |tag: &str| TEXTS.iter().any(|(ours, ..)| *ours == tag);
    let of = |tag: &str| written.iter().find(|(language, _)| language == tag).cloned();
    let mut texts: Vec<(String, String)> = Vec::new();
    for (tag, text) in kept {
        match is_ours(&tag) {
            true => texts.extend(of(&tag)),
            false => texts.push((tag, text)),
        }
    }
    let fresh = written.iter().filter(|(tag, _)| !texts.iter().any(|(known, _)| known == tag));
    let fresh: Vec<(String, String)> = fresh.cloned().collect();
    texts.extend(fresh);
    texts
}

async fn end(visit: &Visit) -> Result<Vec<Refusal>, Trouble> {
    let input = announcement_end::AnnouncementEndInput {
        id: visit.fields.text("id").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let data = visit.ask::<AnnouncementEnd>(announcement_end::Variables { input }).await?;
    Ok(of_row(refusals!(data.announcement_end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_in_other_languages_and_the_order_stay() {
        let texts = |all: &[(&str, &str)]| -> Vec<(String, String)> {
            all.iter().map(|(tag, text)| ((*tag).to_owned(), (*text).to_owned())).collect()
        };
        let kept = texts(&[("de", "alt"), ("it", "vecchio"), ("fr", "vieux")]);
        let written = texts(&[("en", "new"), ("de", "neu")]);
        assert_eq!(merged(kept, written), texts(&[("de", "neu"), ("it", "vecchio"), ("en", "new")]));
    }
}
