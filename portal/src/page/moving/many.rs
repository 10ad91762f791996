//! SUMMARY    Moving in with many mailboxes at once: from one server, a line for each.
//! SECURITY   Passwords are typed as lines: they are never written back, so that a page that was refused asks for the lines again.
//! LIMITS     MOVE_LINES_MAX

use super::{source, source_inputs};
use crate::{
    collection::{Collection, Group, Row, beside},
    field::Fields,
    form::{Form, Refusal, ask},
    operation::{MigrationStartMany, migration_start_many, refusals},
    trouble::Trouble,
    visit::{Reply, Visit, see},
};
use migration_start_many::{
    ErrorPolicy, MigrationAccountInput, MigrationSecurity, MigrationSignIn, MigrationSourceInput,
    MigrationStartManyInput,
};

/// As many as the API begins at once.
const MOVE_LINES_MAX: usize = 100;
/// What is typed and is no secret, kept while a factor is asked for.
const TYPED: [&str; 4] = ["provider", "host", "port", "security"];

pub(crate) async fn show(visit: &mut Visit) -> Reply {
    draw(visit, Form::default(), Vec::new())
}

/// The form; `refused`: what was not begun, each a row.
fn draw(visit: &mut Visit, form: Form, refused: Vec<Row>) -> Reply {
    visit.tenant()?;
    if !visit.signed()?.mailbox.is_empty() {
        return Err(Trouble::NotFound);
    }
    let typed = visit.typed_again();
    let mut page = Collection::new(visit.frame("move-many-title"), form);
    page.back = Some(("/move".to_owned(), page.f.t("move-title")));
    page.about = page.f.t("move-many-about");
    if !refused.is_empty() {
        let (title, none) = (page.f.t("move-many-refused"), String::new());
        page.groups.push(Group { title, none, rows: refused });
    }
    let mut inputs = source_inputs(&page.f, &page.form, &typed)?;
    // With passwords in it: never written back.
    let lines = Form::of(Fields::default(), page.form.refusals.clone());
    let lines = lines.area(&page.f, ask("accounts", "text", "label-move-accounts", "hint-move-accounts", "off"));
    inputs.push(lines.map_err(|_| Trouble::Broken)?);
    page.panel("many", "move-many-panel", "", inputs, "move-start");
    page.reply()
}

pub(crate) async fn begin(visit: &mut Visit) -> Reply {
    let input = match input(visit)? {
        Ok(input) => input,
        Err(refusal) => {
            let form = visit.refused(vec![refusal]);
            return draw(visit, form, Vec::new());
        }
    };
    let named: Vec<String> = input.accounts.iter().map(|account| account.mailbox.clone()).collect();
    let payload = match visit.ask::<MigrationStartMany>(migration_start_many::Variables { input }).await {
        Err(Trouble::StepUp) => {
            visit.keep_typed(&TYPED);
            return Err(Trouble::StepUp);
        }
        answer => answer?.migration_start_many,
    };
    let mut refused = Vec::new();
    for (result, mailbox) in payload.results.iter().zip(named) {
        let why = match (&result.migration, result.user_errors.first()) {
            (_, Some(error)) => error.message.clone(),
            (Some(migration), None) if migration.state == migration_start_many::MigrationState::REFUSED => {
                migration.problem.clone().unwrap_or_default()
            }
            (Some(_) | None, None) => continue,
        };
        refused.push(Row { title: mailbox, foreign: vec![why], ..Row::default() });
    }
    let refusals = beside(refusals!(payload), &[("accounts", "accounts"), ("host", "host"), ("port", "port")]);
    if refusals.is_empty() && refused.is_empty() {
        return see("/move?ok=move-many");
    }
    let refusals = if refusals.is_empty() { vec![Refusal::new("accounts", "SOME")] } else { refusals };
    let form = visit.refused(refusals);
    draw(visit, form, refused)
}

/// What is sent, or what of it cannot be read.
fn input(visit: &Visit) -> Result<Result<MigrationStartManyInput, Refusal>, Trouble> {
    let typed = match source(visit) {
        Ok(typed) => typed,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let Some(accounts) = lines(visit.fields.exact("accounts")) else {
        return Ok(Err(Refusal::new("accounts", "INVALID")));
    };
    let security = match typed.security.as_str() {
        "starttls" => MigrationSecurity::START_TLS,
        "none" => MigrationSecurity::PLAIN,
        _ => MigrationSecurity::TLS,
    };
    let sign_in = MigrationSignIn::PASSWORD;
    Ok(Ok(MigrationStartManyInput {
        tenant_id: visit.tenant()?,
        source: MigrationSourceInput { host: typed.host, port: typed.port, security, sign_in },
        accounts,
        error_policy: ErrorPolicy::CONTINUE,
        dry_run: false,
        idempotency_key: Some(visit.once()),
    }))
}

/// Lines of `mailbox,user,password`: the password is all that follows the second comma. A first line with these names is passed over.
fn lines(text: &str) -> Option<Vec<MigrationAccountInput>> {
    let mut all = Vec::new();
    for (number, line) in text.lines().map(|line| line.trim_end_matches('\r')).enumerate() {
        let is_head = number == 0 && line.trim_start_matches('\u{feff}').to_ascii_lowercase().starts_with("mailbox,");
        if is_head || line.trim().is_empty() {
            continue;
        }
        let mut fields = line.splitn(3, ',').map(unquoted);
        let (mailbox, user, secret) = (fields.next()?, fields.next()?, fields.next()?);
        if mailbox.is_empty() || user.is_empty() || secret.is_empty() || all.len() == MOVE_LINES_MAX {
            return None;
        }
        all.push(MigrationAccountInput { mailbox, user, secret });
    }
    (!all.is_empty()).then_some(all)
}

/// A field of a spreadsheet's line: with quotes around it, two of them are one.
fn unquoted(field: &str) -> String {
    let inner = field.trim().strip_prefix('"').and_then(|field| field.strip_suffix('"'));
    inner.map_or_else(|| field.trim().to_owned(), |inner| inner.replace("\"\"", "\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_mailbox_user_and_a_password_that_may_have_commas() {
        let text =
            "mailbox,user,password\r\nann@a.example, ann ,\"p,\"\"w\"\r\n\r\nben@a.example,ben@old.example,a,b c\n";
        let all = lines(text).unwrap();
        let read: Vec<_> =
            all.iter().map(|one| (one.mailbox.as_str(), one.user.as_str(), one.secret.as_str())).collect();
        assert_eq!(read, [("ann@a.example", "ann", "p,\"w"), ("ben@a.example", "ben@old.example", "a,b c")]);
        for wrong in ["", "mailbox,user,password\n", "ann@a.example,ann", "ann@a.example,,x", &"a@b,c,d\n".repeat(101)]
        {
            assert!(lines(wrong).is_none(), "{wrong}");
        }
    }
}
