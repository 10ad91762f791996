//! SUMMARY    Mailboxes from a file: tried first or made at once, by a job whose page tells how far it is.
//! SECURITY   The file is not kept here; passwords that were made are given once.

use crate::{
    form::{Form, ask, choose},
    frame::Frame,
    operation::{
        MailboxImport, MailboxImportPasswords, MailboxImportResult, mailbox_import, mailbox_import_passwords,
        mailbox_import_result, refusals,
    },
    trouble::Trouble,
    visit::{Out, Reply, Visit, page, see},
};
use askama::Template;

const CSV: &str = "text/csv; charset=utf-8";

#[derive(Template)]
#[template(path = "import.html")]
struct Page {
    f: Frame,
    form: Form,
    inputs: Vec<String>,
}

pub(crate) fn show(visit: &Visit) -> Reply {
    visit.signed()?;
    draw(visit, Form::default())
}

fn draw(visit: &Visit, form: Form) -> Reply {
    let f = visit.frame("import-title");
    let policies = [("ALL_OR_NOTHING", "import-all"), ("CONTINUE", "import-continue")];
    let policies = policies.map(|(value, key)| (value.to_owned(), f.t(key))).to_vec();
    let check = vec![("yes".to_owned(), f.t("import-check"))];
    let inputs = [
        form.area(&f, ask("csv", "text", "label-csv", "hint-csv", "off")),
        form.choice(&f, &choose("errorPolicy", "label-policy", "", policies)),
        form.ticks(&f, &choose("checkOnly", "label-check", "hint-check", check).with(vec!["yes".to_owned()])),
    ];
    let inputs = inputs.into_iter().collect::<Result<_, _>>().map_err(|_| Trouble::Broken)?;
    page(form.is_refused(), &Page { f, form, inputs })
}

pub(crate) async fn start(visit: &Visit) -> Reply {
    use mailbox_import::ErrorPolicy as P;
    // What a file has goes before what was pasted.
    let file = visit.fields.exact("file");
    let csv = if file.trim().is_empty() { visit.fields.exact("csv") } else { file };
    let input = mailbox_import::MailboxImportInput {
        tenant_id: visit.tenant()?,
        csv: csv.trim_start_matches('\u{feff}').to_owned(),
        check_only: visit.fields.is_ticked("checkOnly"),
        error_policy: match visit.fields.text("errorPolicy") {
            "CONTINUE" => P::CONTINUE,
            _ => P::ALL_OR_NOTHING,
        },
        dry_run: false,
        idempotency_key: Some(visit.once()),
    };
    let payload = visit.ask::<MailboxImport>(mailbox_import::Variables { input }).await?.mailbox_import;
    match payload.job {
        Some(job) => see(format!("/access/jobs/{}", job.id)),
        None => draw(visit, visit.refused(refusals!(payload))),
    }
}

/// What became of the rows.
pub(crate) async fn result(visit: &Visit, id: &str) -> Reply {
    let refused = visit.query.text("only") == "refused";
    let variables = mailbox_import_result::Variables { id: id.to_owned(), refused };
    let text = visit.ask::<MailboxImportResult>(variables).await?.mailbox_import_result.ok_or(Trouble::NotFound)?;
    Ok(Out::File { name: format!("{id}.csv"), kind: CSV, bytes: text.into_bytes() })
}

/// The passwords that were made, once.
pub(crate) async fn passwords(visit: &Visit, id: &str) -> Reply {
    let input = mailbox_import_passwords::MailboxImportPasswordsInput {
        job_id: id.to_owned(),
        expected_version: None,
        dry_run: false,
        idempotency_key: visit.once(),
    };
    let data = visit.ask::<MailboxImportPasswords>(mailbox_import_passwords::Variables { input }).await?;
    match data.mailbox_import_passwords.csv {
        Some(text) => Ok(Out::File { name: format!("{id}-passwords.csv"), kind: CSV, bytes: text.into_bytes() }),
        None => Err(Trouble::Forbidden(
            data.mailbox_import_passwords.user_errors.into_iter().map(|e| e.message).collect::<Vec<_>>().join(" "),
        )),
    }
}
