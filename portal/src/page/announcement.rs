//! SUMMARY    What tenants above tell the visitor, on every page; putting it away.
//! INVARIANTS A page comes without it where the API does not say. It stands above the page's content when that is drawn, so nothing moves.

use crate::{
    operation::{AnnouncementDismiss, AnnouncementsShown, announcement_dismiss, announcements_shown, refusals},
    page::billing::shape::word,
    trouble::Trouble,
    visit::{Reply, Visit, see},
};

/// One thing that is told.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) id: String,
    /// What it is about, in our words.
    pub(crate) word: String,
    pub(crate) class: &'static str,
    pub(crate) text: String,
    /// The text's language, where it is not the page's; else empty.
    pub(crate) language: String,
    pub(crate) dismissible: bool,
    /// Of the button, for who does not see where it stands.
    pub(crate) label: String,
}

/// Key and class of what something is about.
pub(crate) fn severity(word: &str) -> (&'static str, &'static str) {
    match word {
        "INCIDENT" => ("severity-incident", "bad"),
        "MAINTENANCE" => ("severity-maintenance", "open"),
        _ => ("severity-info", "plain"),
    }
}

/// Asks what is told to the visitor where it acts; to who has not signed in, what the provider tells.
pub(crate) async fn look(visit: &mut Visit) {
    if visit.by_script {
        return;
    }
    let language = visit.language.tag();
    let variables = announcements_shown::Variables { language: language.to_owned() };
    let answer = match &visit.state.signed {
        Some(signed) if signed.tenant.is_empty() => return,
        Some(_) => visit.ask::<AnnouncementsShown>(variables).await,
        None => visit.ask_openly::<AnnouncementsShown>(variables).await,
    };
    let Ok(data) = answer else { return };
    let told = |a: announcements_shown::AnnouncementsShownAnnouncementsShown| {
        let text = a.text?;
        let (key, class) = severity(&word(&a.severity));
        let is_ours = text.language.eq_ignore_ascii_case(language);
        let f = visit.frame("told");
        Some(Told {
            id: a.id,
            word: f.t(key),
            class,
            label: f.with("told-dismiss-named", "name", &text.text),
            language: if is_ours { String::new() } else { text.language },
            text: text.text,
            dismissible: a.dismissible && visit.state.signed.is_some(),
        })
    };
    visit.told = data.announcements_shown.into_iter().filter_map(told).collect();
}

pub(crate) async fn dismiss(visit: &Visit) -> Reply {
    let input = announcement_dismiss::AnnouncementDismissInput {
        id: visit.fields.text("id").to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let payload = visit.ask::<AnnouncementDismiss>(announcement_dismiss::Variables { input }).await?;
    // One that is over meanwhile is away as well.
    match refusals!(payload.announcement_dismiss).into_iter().find(|r| r.code != "NOT_FOUND") {
        Some(refusal) => Err(Trouble::Forbidden(refusal.message)),
        None => see(visit.fields.text("back")),
    }
}
