//! SUMMARY    The page of who is not signed in.

use crate::{
    frame::Frame,
    page::{offer::Card, signup},
    visit::{Reply, Visit, page},
};
use askama::Template;

#[derive(Template)]
#[template(path = "landing.html")]
struct Landing {
    f: Frame,
    /// What strangers are offered; none where nobody can sign up.
    offered: Option<Vec<Card>>,
}

pub(crate) async fn show(visit: &Visit) -> Reply {
    let offered = signup::offered(visit).await;
    page(false, &Landing { f: visit.frame("landing-title"), offered })
}
