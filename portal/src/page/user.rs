//! SUMMARY    Home of the user of a mailbox: what is used, what is restricted, what the user does alone.

use crate::{
    frame::Frame,
    held::Said,
    visit::{Reply, Visit, page},
};
use askama::Template;

#[derive(Template)]
#[template(path = "user.html")]
struct Page {
    f: Frame,
    used: String,
    /// Thousandths of the quota; `None`: there is none.
    permille: Option<u64>,
    reasons: Vec<Said>,
    links: Vec<(String, String)>,
}

pub(crate) async fn show(visit: &Visit) -> Reply {
    let mailbox = super::mailbox::found(visit, &visit.signed()?.mailbox).await?;
    let f = visit.frame("home-title").titled(&mailbox.address);
    let number = |text: &String| text.parse::<u64>().ok();
    let used = mailbox.usage.as_ref().and_then(|u| number(&u.used_bytes));
    let max = mailbox.quota_bytes_max.as_ref().and_then(number);
    let text = match (used, max) {
        (Some(used), Some(max)) => {
            f.with_two("bar-of", ("used", &f.language.size(used)), ("max", &f.language.size(max)))
        }
        (Some(used), None) => f.language.size(used),
        (None, _) => f.t("usage-unknown"),
    };
    let permille = used.zip(max).map(|(used, max)| (used.saturating_mul(1_000) / max.max(1)).min(1_000));
    let mut links = super::own::links(&f, &mailbox.id, &mailbox.address);
    links.push(("/security".to_owned(), f.t("security-title")));
    let reasons = super::mailbox::reasons(&f, &mailbox.holds);
    page(false, &Page { used: text, permille, reasons, links, f })
}
