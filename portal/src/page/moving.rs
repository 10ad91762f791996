//! SUMMARY    Moving in: mail brought from another provider. What is under way, a look at what is there, beginning.
//! SECURITY   Beginning takes a factor that was verified a moment ago; what was typed is kept meanwhile, but for the password. Between the look and the
//!            beginning that is in the page alone, which no cache keeps. The user of a mailbox is offered that alone.
//! INVARIANTS What is looked at is what is begun: the page of a look sends the same values.

mod many;
mod one;

pub(crate) use many::show as show_many;
pub(crate) use one::show as show_one;

use crate::{
    collection::{Collection, Row, beside},
    form::{Form, Refusal, ask, choose},
    frame::Frame,
    list::Place,
    operation::{
        MailboxByAddress, MigrationLook, MigrationStart, Migrations, mailbox_by_address, migration_look,
        migration_start, migrations, refusals,
    },
    trouble::Trouble,
    visit::{Reply, Visit, page, see},
};
use askama::Template;

/// Providers by their names here, with their servers; and what is none of them.
const PROVIDERS: [(&str, &str, &str); 6] = [
    ("gmail", "imap.gmail.com", "move-gmail"),
    ("outlook", "outlook.office365.com", "move-outlook"),
    ("yahoo", "imap.mail.yahoo.com", "move-yahoo"),
    ("icloud", "imap.mail.me.com", "move-icloud"),
    ("gmx", "imap.gmx.net", "move-gmx"),
    ("other", "", "move-other"),
];
/// What is typed here and is no secret, kept while a factor is asked for.
const TYPED: [&str; 6] = ["mailbox", "provider", "host", "port", "security", "user"];
/// Where arguments of the API stand.
const FIELDS: [(&str, &str); 5] =
    [("host", "host"), ("port", "port"), ("user", "user"), ("secret", "secret"), ("mailboxId", "mailbox")];

/// A folder of a look: its name, where it goes, messages, size.
type Folder = [String; 4];

#[derive(Template)]
#[template(path = "move.html")]
struct Looked {
    f: Frame,
    about: String,
    folders: Vec<Folder>,
    more: String,
    /// What the beginning sends.
    hidden: Vec<(&'static str, String)>,
}

pub(crate) async fn show(visit: &mut Visit) -> Reply {
    draw(visit, Form::default()).await
}

pub(super) fn row(f: &Frame, migration: &migrations::MigrationsMigrationsNodes) -> Row {
    use migrations::MigrationState as S;
    let (text, class) = match &migration.state {
        S::QUEUED => ("move-queued", "open"),
        S::RUNNING => ("move-running", "open"),
        S::WAITING => ("move-waiting", "good"),
        S::PAUSED => ("move-paused", "open"),
        S::FAILED => ("move-failed", "bad"),
        S::REFUSED => ("move-refused", "bad"),
        S::ENDED => ("move-ended", "open"),
        S::UNKNOWN | S::Other(_) => ("move-unknown", "open"),
    };
    let from = f.with_two("move-from", ("user", &migration.user), ("host", &migration.host));
    let mut facts = vec![from, f.with("move-asked", "at", f.at(&migration.created_at))];
    if migration.brought > 0 {
        let (n, size) = (migration.brought.to_string(), f.size(&migration.size));
        facts.push(f.with_two("move-brought", ("n", &n), ("size", &size)));
    }
    if let (S::WAITING, Some(at)) = (&migration.state, &migration.next_pass_at) {
        facts.push(f.with("move-next", "at", f.at(at)));
    }
    Row {
        title: migration.mailbox_address.clone().unwrap_or_else(|| migration.user.clone()),
        link: format!("/move/{}", migration.id),
        states: vec![(f.t(text), class)],
        facts,
        ..Row::default()
    }
}

async fn draw(visit: &mut Visit, form: Form) -> Reply {
    let Place { first, after, last, before } = Place::of(&visit.query);
    let variables = migrations::Variables { tenant: visit.tenant()?, first, after, last, before };
    let found = visit.ask::<Migrations>(variables).await?.migrations.ok_or(Trouble::NotFound)?;
    let mut page = Collection::new(visit.frame("move-title"), form);
    page.about = page.f.t("move-about");
    page.rows("move-none", found.nodes.iter().map(|migration| row(&page.f, migration)).collect());
    let info = found.page_info;
    page.paged(visit, (info.has_previous_page, info.start_cursor), (info.has_next_page, info.end_cursor));
    let mut typed = visit.typed_again();
    if typed.text("mailbox").is_empty() && visit.query.given("mailbox").is_some() {
        typed = visit.query.clone();
    }
    let is_user = !visit.signed()?.mailbox.is_empty();
    let mut inputs = Vec::new();
    if !is_user {
        let address = ask("mailbox", "email", "label-move-mailbox", "", "off").with(typed.text("mailbox"));
        inputs.push(page.form.input(&page.f, address).map_err(|_| Trouble::Broken)?);
    }
    inputs.extend(source_inputs(&page.f, &page.form, &typed)?);
    let user = ask("user", "text", "label-move-user", "hint-move-user", "off").with(typed.text("user"));
    inputs.push(page.form.input(&page.f, user).map_err(|_| Trouble::Broken)?);
    let secret = ask("secret", "password", "label-move-secret", "hint-move-secret", "off");
    inputs.push(page.form.input(&page.f, secret).map_err(|_| Trouble::Broken)?);
    page.panel("look", "move-panel", "move-panel-about", inputs, "move-look");
    if !is_user {
        page.links.push(("/move/many".to_owned(), page.f.t("move-many-title")));
    }
    page.reply()
}

/// Inputs for the server that mail is brought from.
pub(super) fn source_inputs(f: &Frame, form: &Form, typed: &crate::field::Fields) -> Result<Vec<String>, Trouble> {
    let providers = PROVIDERS.iter().map(|(name, _, key)| ((*name).to_owned(), f.t(key))).collect();
    let provider = choose("provider", "label-move-provider", "hint-move-provider", providers);
    let protections = [("tls", "move-tls"), ("starttls", "move-starttls"), ("none", "move-plain")];
    let protections = protections.iter().map(|(name, key)| ((*name).to_owned(), f.t(key))).collect();
    let security = choose("security", "label-move-security", "", protections);
    let all = [
        form.choice(f, &provider.with(vec![typed.text("provider").to_owned()])),
        form.input(f, ask("host", "text", "label-move-host", "hint-move-host", "off").with(typed.text("host"))),
        form.input(f, ask("port", "number", "label-move-port", "hint-move-port", "off").with(typed.text("port"))),
        form.choice(f, &security.with(vec![typed.text("security").to_owned()])),
    ];
    all.into_iter().collect::<Result<_, _>>().map_err(|_| Trouble::Broken)
}

/// What was typed of a source: host, port where one is, how it is protected.
pub(super) struct Typed {
    pub(super) host: String,
    pub(super) port: Option<i64>,
    pub(super) security: String,
}

/// A source as it was typed. Another provider than those that are known is named by its host.
pub(super) fn source(visit: &Visit) -> Result<Typed, Refusal> {
    let provider = visit.fields.text("provider");
    let known = PROVIDERS.iter().find(|(name, host, _)| *name == provider && !host.is_empty());
    let host = known.map_or(visit.fields.text("host"), |(_, host, _)| host).trim().to_owned();
    if host.is_empty() {
        return Err(Refusal::new("host", "INVALID"));
    }
    let port = visit.fields.given("port").filter(|_| known.is_none()).map(|port| port.parse::<u16>().map(i64::from));
    let port = port.transpose().map_err(|_| Refusal::new("port", "INVALID"))?;
    let security = if known.is_some() { "tls" } else { visit.fields.text("security") };
    Ok(Typed { host, port, security: security.to_owned() })
}

/// The mailbox that mail is brought into.
async fn wanted(visit: &Visit) -> Result<Result<String, Refusal>, Trouble> {
    let own = &visit.signed()?.mailbox;
    if !own.is_empty() {
        return Ok(Ok(own.clone()));
    }
    let address = visit.fields.text("mailbox").to_owned();
    if !address.contains('@') {
        return Ok(Err(Refusal::new("mailbox", "NOT_FOUND")));
    }
    let data = visit.ask::<MailboxByAddress>(mailbox_by_address::Variables { address }).await?;
    let found = data.mailbox_by_address.map(|mailbox| mailbox.id);
    Ok(found.ok_or_else(|| Refusal::new("mailbox", "NOT_FOUND")))
}

/// What a form below `/move` asks for.
pub(crate) async fn change(visit: &mut Visit, path: &[&str]) -> Reply {
    visit.signed()?;
    match path {
        [] => begin(visit).await,
        ["many"] => many::begin(visit).await,
        [id] => one::change(visit, id).await,
        _ => Err(Trouble::NotFound),
    }
}

async fn begin(visit: &mut Visit) -> Reply {
    let refusals = match visit.fields.text("act") {
        "look" => match look(visit).await? {
            Ok(looked) => return page(false, &looked),
            Err(refusals) => refusals,
        },
        "start" => match started(visit).await {
            Err(Trouble::StepUp) => {
                visit.keep_typed(&TYPED);
                return Err(Trouble::StepUp);
            }
            Ok(Ok(id)) => return see(format!("/move/{id}?ok=move-started")),
            Ok(Err(refusals)) => refusals,
            Err(trouble) => return Err(trouble),
        },
        _ => return Err(Trouble::NotFound),
    };
    let form = visit.refused(refusals);
    draw(visit, form).await
}

async fn look(visit: &Visit) -> Result<Result<Looked, Vec<Refusal>>, Trouble> {
    use migration_look::{MigrationSecurity as Security, MigrationSignIn as SignIn, MigrationSourceInput};
    let (mailbox, typed) = match (wanted(visit).await?, source(visit)) {
        (Ok(mailbox), Ok(typed)) => (mailbox, typed),
        (Err(refusal), _) | (_, Err(refusal)) => return Ok(Err(vec![refusal])),
    };
    let security = match typed.security.as_str() {
        "starttls" => Security::START_TLS,
        "none" => Security::PLAIN,
        _ => Security::TLS,
    };
    let source = MigrationSourceInput { host: typed.host, port: typed.port, security, sign_in: SignIn::PASSWORD };
    let (user, secret) = (visit.fields.text("user").to_owned(), visit.fields.exact("secret").to_owned());
    let variables = migration_look::Variables { mailbox, source, user, secret };
    let found = match visit.ask_told::<MigrationLook>(variables).await? {
        Ok(data) => data.migration_check.ok_or(Trouble::NotFound)?,
        Err(refusal) => return Ok(Err(vec![refusal])),
    };
    if !found.open {
        let message = found.problem.unwrap_or_default();
        return Ok(Err(vec![Refusal { message, ..Refusal::new("", "CLOSED") }]));
    }
    let f = visit.frame("move-looked-title");
    let shown = |folder: &migration_look::MigrationLookMigrationCheckFolders| {
        let messages = folder.messages.map_or_else(|| "–".to_owned(), |n| n.to_string());
        let size = folder.size.as_deref().map_or_else(|| "–".to_owned(), |size| f.size(size));
        [folder.name.clone(), folder.mailbox.clone(), messages, size]
    };
    let folders: Vec<Folder> = found.folders.iter().map(shown).collect();
    let more = found.folders_total - i64::try_from(folders.len()).unwrap_or(i64::MAX);
    let mut about = f.count("move-messages", found.messages);
    if let Some(size) = &found.size {
        about = format!("{about} · {}", f.size(size));
    }
    let mut hidden: Vec<(&str, String)> =
        TYPED.iter().map(|name| (*name, visit.fields.text(name).to_owned())).collect();
    hidden.push(("secret", visit.fields.exact("secret").to_owned()));
    let more = if more > 0 { f.count("move-more-folders", more) } else { String::new() };
    Ok(Ok(Looked { about, folders, more, hidden, f }))
}

/// The id of the migration, or why there is none.
async fn started(visit: &Visit) -> Result<Result<String, Vec<Refusal>>, Trouble> {
    use migration_start::{MigrationSecurity as Security, MigrationSignIn as SignIn, MigrationSourceInput};
    let (mailbox_id, typed) = match (wanted(visit).await?, source(visit)) {
        (Ok(mailbox), Ok(typed)) => (mailbox, typed),
        (Err(refusal), _) | (_, Err(refusal)) => return Ok(Err(vec![refusal])),
    };
    let security = match typed.security.as_str() {
        "starttls" => Security::START_TLS,
        "none" => Security::PLAIN,
        _ => Security::TLS,
    };
    let input = migration_start::MigrationStartInput {
        mailbox_id,
        source: MigrationSourceInput { host: typed.host, port: typed.port, security, sign_in: SignIn::PASSWORD },
        user: visit.fields.text("user").to_owned(),
        secret: visit.fields.exact("secret").to_owned(),
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let payload = visit.ask::<MigrationStart>(migration_start::Variables { input }).await?.migration_start;
    Ok(match payload.migration {
        Some(migration) => Ok(migration.id),
        None => Err(beside(refusals!(payload), &FIELDS)),
    })
}
