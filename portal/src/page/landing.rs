//! SUMMARY    The page of who is not signed in.

use crate::{
    frame::Frame,
    page::signup,
    visit::{Reply, Visit, page},
};
use askama::Template;

#[derive(Template)]
#[template(path = "landing.html")]
struct Landing {
    f: Frame,
    is_open: bool,
}

pub(crate) async fn show(visit: &Visit) -> Reply {
    let is_open = signup::is_open(visit).await;
    page(false, &Landing { f: visit.frame("landing-title"), is_open })
}
