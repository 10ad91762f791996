//! SUMMARY    An invoice as a PDF of one page: enough of the format to be opened everywhere.
//! STANDARDS  ISO 32000-1 §7.5 (file structure), §9.4 (text)

use crate::{invoice::Invoice, page::money};

/// Lines that fit on the page.
const LINES_MAX: usize = 45;

pub fn pdf(invoice: &Invoice) -> Vec<u8> {
    let mut lines = vec![
        format!("Invoice {}", invoice.number.as_deref().unwrap_or("(draft)")),
        format!("Customer {}", invoice.customer),
        format!("Status {}", invoice.status),
        String::new(),
    ];
    let line =
        |line: &crate::invoice::Line| format!("{}    {}", line.description, money(line.amount, &invoice.currency));
    lines.extend(invoice.lines.iter().take(LINES_MAX).map(line));
    lines.push(format!("Tax    {}", money(invoice.tax, &invoice.currency)));
    lines.push(format!("Total    {}", money(invoice.total(), &invoice.currency)));
    let mut text = String::from("BT /F1 11 Tf 14 TL 50 790 Td\n");
    for line in lines {
        text.push_str(&format!("({}) Tj T*\n", literal(&line)));
    }
    text.push_str("ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
    ];
    let mut out = String::from("%PDF-1.4\n");
    let mut table = String::new();
    for (n, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", out.len()));
        out.push_str(&format!("{} 0 obj\n{object}\nendobj\n", n + 1));
    }
    let (start, size) = (out.len(), objects.len() + 1);
    out.push_str(&format!("xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\n"));
    out.push_str(&format!("startxref\n{start}\n%%EOF\n"));
    out.into_bytes()
}

/// A literal string; what is not ASCII is written by its code in Windows-1252, which has the letters of Latin-1.
fn literal(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match (c, u32::from(c)) {
            ('(' | ')' | '\\', _) => out.extend(['\\', c]),
            (' '..='~', _) => out.push(c),
            (_, code @ 0xA0..=0xFF) => out.push_str(&format!("\\{code:03o}")),
            (_, _) => out.push('?'),
        }
    }
    out
}
