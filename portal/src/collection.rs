//! SUMMARY    A page of things: what is known of each, what can be done to it, and forms for what is not there yet.
//! INVARIANTS Buttons of rows say in their names which row they are of. A form names by `act` what it does; its path is the page's own,
//!            so that a factor that is asked for in between leads back to the page.

use crate::{
    bar::Bar,
    form::{Form, Refusal},
    frame::Frame,
    list::Pages,
    state::Shown,
    visit::{Reply, Visit, page},
};
use askama::Template;

/// Name of the field that says what a form does.
pub(crate) const ACT: &str = "act";

/// A page of things.
#[derive(Template)]
#[template(path = "collection.html")]
pub(crate) struct Collection {
    pub(crate) f: Frame,
    pub(crate) form: Form,
    /// Other pages of the area: path and text.
    pub(crate) tabs: Vec<(&'static str, String)>,
    pub(crate) back: Option<(String, String)>,
    pub(crate) about: String,
    pub(crate) notes: Vec<String>,
    pub(crate) shown: Vec<Secret>,
    pub(crate) filter: Option<Filter>,
    pub(crate) groups: Vec<Group>,
    pub(crate) bars: Vec<Bar>,
    pub(crate) tables: Vec<Table>,
    pub(crate) pages: Pages,
    pub(crate) panels: Vec<Panel>,
    pub(crate) links: Vec<(String, String)>,
}

/// What is shown once.
pub(crate) struct Secret {
    pub(crate) title: String,
    pub(crate) text: String,
}

/// What the rows are looked for by.
pub(crate) struct Filter {
    /// Rendered.
    pub(crate) inputs: Vec<String>,
    pub(crate) button: String,
}

/// Rows of one kind.
pub(crate) struct Group {
    /// Not repeated when it is the page's.
    pub(crate) title: String,
    /// What stands there without rows.
    pub(crate) none: String,
    pub(crate) rows: Vec<Row>,
}

/// Rows whose cells are compared with one another.
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) heads: Vec<String>,
    /// The first cell names the row.
    pub(crate) rows: Vec<Vec<String>>,
}

#[derive(Default)]
pub(crate) struct Row {
    pub(crate) title: String,
    /// Empty: it leads nowhere.
    pub(crate) link: String,
    /// Text and class.
    pub(crate) states: Vec<(String, &'static str)>,
    pub(crate) facts: Vec<String>,
    pub(crate) codes: Vec<String>,
    /// In the API's words.
    pub(crate) foreign: Vec<String>,
    /// To pages of others: addresses and texts.
    pub(crate) away: Vec<(String, String)>,
    pub(crate) acts: Vec<Act>,
}

/// A button of a row.
pub(crate) struct Act {
    pub(crate) to: String,
    pub(crate) hidden: Vec<(&'static str, String)>,
    pub(crate) text: String,
    /// With the row's name, for who does not see where the button stands.
    pub(crate) label: String,
    pub(crate) danger: bool,
}

/// A form beside the rows.
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) about: String,
    pub(crate) to: String,
    pub(crate) hidden: Vec<(&'static str, String)>,
    /// Rendered.
    pub(crate) inputs: Vec<String>,
    pub(crate) button: String,
    pub(crate) danger: bool,
}

impl Collection {
    pub(crate) fn new(f: Frame, form: Form) -> Collection {
        Collection {
            f,
            form,
            tabs: Vec::new(),
            back: None,
            about: String::new(),
            notes: Vec::new(),
            shown: Vec::new(),
            filter: None,
            groups: Vec::new(),
            bars: Vec::new(),
            tables: Vec::new(),
            pages: Pages::default(),
            panels: Vec::new(),
            links: Vec::new(),
        }
    }

    /// The one group of a page.
    pub(crate) fn rows(&mut self, none: &str, rows: Vec<Row>) {
        self.groups.push(Group { title: self.f.title.clone(), none: self.f.t(none), rows });
    }

    /// A form that does `act`; title and button are keys.
    pub(crate) fn panel(&mut self, act: &str, title: &str, about: &str, inputs: Vec<String>, button: &str) {
        let about = if about.is_empty() { String::new() } else { self.f.t(about) };
        self.panels.push(Panel {
            title: self.f.t(title),
            about,
            to: self.f.path.clone(),
            hidden: vec![(ACT, act.to_owned())],
            inputs,
            button: self.f.t(button),
            danger: false,
        });
    }

    /// The form that deletes what the page is about.
    pub(crate) fn end_panel(&mut self, title: &str, about: &str) {
        self.panel("delete", title, about, Vec::new(), "delete");
        if let Some(end) = self.panels.last_mut() {
            end.danger = true;
        }
    }

    /// Links to the pages around this one.
    pub(crate) fn paged(&mut self, visit: &Visit, before: (bool, Option<String>), after: (bool, Option<String>)) {
        self.pages = Pages::new(&visit.query, before.0, before.1, after.0, after.1);
    }

    pub(crate) fn reply(self) -> Reply {
        page(self.form.is_refused(), &self)
    }
}

/// A button of a row: `text` is the key of its text, `named` that of its name with `$name`.
pub(crate) fn act(f: &Frame, what: &str, id: &str, text: &str, named: &str, name: &str) -> Act {
    Act {
        to: f.path.clone(),
        hidden: vec![(ACT, what.to_owned()), ("id", id.to_owned())],
        text: f.t(text),
        label: f.with(named, "name", name),
        danger: false,
    }
}

impl Act {
    /// One that takes something away.
    pub(crate) fn danger(self) -> Act {
        Act { danger: true, ..self }
    }
}

/// Refusals of a row's button, which has no field to stand beside.
pub(crate) fn of_row(refusals: Vec<Refusal>) -> Vec<Refusal> {
    refusals.into_iter().map(|r| Refusal { field: String::new(), ..r }).collect()
}

/// Refusals beside the inputs of a form, by the names that these have on their page; what has none stands above the form.
pub(crate) fn beside(refusals: Vec<Refusal>, names: &[(&str, &str)]) -> Vec<Refusal> {
    let place = |r: Refusal| {
        let name = names.iter().find(|(argument, _)| *argument == r.field).map_or("", |(_, name)| *name);
        Refusal { field: name.to_owned(), ..r }
    };
    refusals.into_iter().map(place).collect()
}

/// What was made for this page and is shown now: title and text; nothing remains of it.
pub(crate) fn shown(visit: &mut Visit) -> Vec<Secret> {
    match visit.state.shown.take() {
        Some(Shown::Secrets { path, secrets }) if path == visit.path => {
            visit.changed = true;
            secrets.into_iter().map(|(title, text)| Secret { title, text }).collect()
        }
        other => {
            visit.state.shown = other;
            Vec::new()
        }
    }
}

/// Keeps a secret for the page that a path leads to.
pub(crate) fn show_once(visit: &mut Visit, path: &str, title: String, text: String) {
    visit.state.shown = Some(Shown::Secrets { path: path.to_owned(), secrets: vec![(title, text)] });
    visit.changed = true;
}
