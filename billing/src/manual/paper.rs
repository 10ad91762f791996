//! SUMMARY    An invoice on paper: a PDF of one or more pages of A4.
//! LIMITS     LINES_ON_A_PAGE
//! INVARIANTS The fonts are those that every reader has; they know the characters of Windows-1252, and others are shown as `?`.

use super::account::{Bill, open_of};
use crate::{InvoiceState, Money, NewCustomer};
use base::Timestamp;
use jiff::tz::TimeZone;
use pdf_writer::{Content, Name, Pdf, Rect, Ref, Str};

/// A4, in points.
const PAGE: (f32, f32) = (595.0, 842.0);
/// Left and right edge of what is printed.
const EDGES: (f32, f32) = (56.0, 539.0);
const LINES_ON_A_PAGE: usize = 40;
/// Height of a line.
const STEP: f32 = 15.0;
/// Width of each character of the font of amounts, of its size.
const AMOUNT_WIDTH: f32 = 0.6;

/// Who issues invoices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Issuer {
    pub name: String,
    /// Lines below the name: street, town, country.
    pub address: Vec<String>,
    pub tax_id: Option<String>,
    /// Lines that tell where to pay to.
    pub bank: Vec<String>,
    /// What comes before the year in numbers of invoices; none: `R`.
    pub series: Option<String>,
}

/// A line: what is on its left, an amount on its right, whether it stands out.
struct Row {
    text: String,
    amount: String,
    bold: bool,
}

/// The document.
pub(super) fn pdf(issuer: &Issuer, customer: &NewCustomer, bill: &Bill) -> Vec<u8> {
    let rows = rows(issuer, customer, bill);
    let pages: Vec<&[Row]> = rows.chunks(LINES_ON_A_PAGE).collect();
    let mut next = Ref::new(1);
    let mut fresh = || next.bump();
    let (catalog, tree, info) = (fresh(), fresh(), fresh());
    let fonts = [(fresh(), "Helvetica"), (fresh(), "Helvetica-Bold"), (fresh(), "Courier")];
    let refs: Vec<(Ref, Ref)> = pages.iter().map(|_| (fresh(), fresh())).collect();
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(tree);
    let number = bill.is.number.clone().unwrap_or_default();
    pdf.document_info(info).title(pdf_writer::TextStr(&format!("{} {number}", issuer.name)));
    pdf.pages(tree).kids(refs.iter().map(|(page, _)| *page)).count(i32::try_from(refs.len()).unwrap_or(i32::MAX));
    for (font, name) in fonts {
        pdf.type1_font(font).base_font(Name(name.as_bytes())).encoding_predefined(Name(b"WinAnsiEncoding"));
    }
    for ((page, content), rows) in refs.iter().zip(&pages) {
        let mut page = pdf.page(*page);
        page.media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1)).parent(tree).contents(*content);
        let mut resources = page.resources();
        let mut known = resources.fonts();
        for ((font, _), name) in fonts.iter().zip(["text", "bold", "amount"]) {
            known.pair(Name(name.as_bytes()), *font);
        }
        drop(known);
        drop(resources);
        drop(page);
        pdf.stream(*content, &printed(rows));
    }
    pdf.finish()
}

/// What is drawn on a page.
fn printed(rows: &[Row]) -> Vec<u8> {
    let mut content = Content::new();
    let mut y = PAGE.1 - EDGES.0;
    for row in rows {
        let size = 10.0;
        let font: &[u8] = if row.bold { b"bold" } else { b"text" };
        put(&mut content, (font, size), (EDGES.0, y), &row.text);
        let width = row.amount.chars().map(|_| AMOUNT_WIDTH * size).sum::<f32>();
        put(&mut content, (b"amount", size), (EDGES.1 - width, y), &row.amount);
        y -= STEP;
    }
    content.finish().to_vec()
}

fn put(content: &mut Content, (font, size): (&[u8], f32), (x, y): (f32, f32), text: &str) {
    if text.is_empty() {
        return;
    }
    content.begin_text().set_font(Name(font), size).next_line(x, y).show(Str(&encoded(text))).end_text();
}

/// As Windows-1252.
fn encoded(text: &str) -> Vec<u8> {
    let one = |c: char| match c {
        ' '..='~' | '\u{a0}'..='\u{ff}' => u8::try_from(u32::from(c)).unwrap_or(b'?'),
        '€' => 0x80,
        '‚' => 0x82,
        '„' => 0x84,
        '…' => 0x85,
        'Š' => 0x8a,
        'Œ' => 0x8c,
        'Ž' => 0x8e,
        '‘' => 0x91,
        '’' => 0x92,
        '“' => 0x93,
        '”' => 0x94,
        '•' => 0x95,
        '–' => 0x96,
        '—' => 0x97,
        'š' => 0x9a,
        'œ' => 0x9c,
        'ž' => 0x9e,
        'Ÿ' => 0x9f,
        _ => b'?',
    };
    text.chars().map(one).collect()
}

fn rows(issuer: &Issuer, customer: &NewCustomer, bill: &Bill) -> Vec<Row> {
    let text = |text: String| Row { text, amount: String::new(), bold: false };
    let bold = |text: String, amount: String| Row { text, amount, bold: true };
    let gap = || text(String::new());
    let mut rows = vec![bold(issuer.name.clone(), String::new())];
    rows.extend(issuer.address.iter().cloned().map(text));
    rows.extend(issuer.tax_id.iter().map(|id| text(format!("Tax id {id}"))));
    rows.extend([gap(), gap(), text(customer.name.clone()), text(customer.email.clone())]);
    rows.extend(customer.country.iter().cloned().map(text));
    rows.extend(customer.tax_ids.iter().map(|id| text(format!("Tax id {}", id.rsplit(':').next().unwrap_or(id)))));
    let credit_note = bill.lines.iter().map(|line| line.amount.minor()).sum::<i64>() < 0;
    let title = if credit_note { "Credit note" } else { "Invoice" };
    rows.extend([gap(), gap()]);
    rows.push(bold(format!("{title} {}", bill.is.number.as_deref().unwrap_or("")), String::new()));
    rows.push(text(format!("Date {}", day(bill.is.issued_at))));
    rows.push(text(format!("For {} to {}", day(bill.period.start), day(bill.period.end))));
    rows.push(gap());
    for line in &bill.lines {
        let what = line.component.as_ref().map_or(line.plan.clone(), |part| format!("{}: {part}", line.plan));
        rows.push(Row { text: format!("{} x {what}", line.quantity), amount: shown(line.amount), bold: false });
    }
    if !bill.off.is_zero() {
        rows.push(Row { text: "Discount".into(), amount: shown(bill.off.negated()), bold: false });
    }
    if !bill.is.tax.is_zero() {
        rows.push(Row { text: "Tax".into(), amount: shown(bill.is.tax), bold: false });
    }
    rows.push(bold("Total".into(), bill.is.net.plus(bill.is.tax).map(shown).unwrap_or_default()));
    if !bill.is.credit_used.is_zero() {
        rows.push(Row { text: "Paid by credit".into(), amount: shown(bill.is.credit_used.negated()), bold: false });
    }
    rows.push(gap());
    match bill.is.state {
        InvoiceState::Open | InvoiceState::Uncollectible => {
            let open = open_of(&bill.is).map(shown).unwrap_or_default();
            rows.push(bold(format!("To be paid by {}", day(bill.is.due_at)), open));
            rows.extend(issuer.bank.iter().cloned().map(text));
        }
        InvoiceState::Paid => rows.push(text("Paid. Thank you.".into())),
        InvoiceState::Void => rows.push(text("This invoice was taken back.".into())),
        InvoiceState::Draft => rows.push(text("Draft".into())),
    }
    rows
}

fn shown(amount: Money) -> String {
    amount.to_string()
}

/// As `2027-03-01`, in UTC.
fn day(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.to_zoned_datetime(TimeZone::UTC).date().to_string()
}
