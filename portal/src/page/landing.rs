//! SUMMARY    The page of who is not signed in.

use crate::{
    frame::Frame,
    visit::{Reply, Visit, page},
};
use askama::Template;

#[derive(Template)]
#[template(path = "landing.html")]
struct Landing {
    f: Frame,
}

pub(crate) fn show(visit: &Visit) -> Reply {
    page(false, &Landing { f: visit.frame("landing-title") })
}
