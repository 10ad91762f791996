//! SUMMARY    Pages for visitors: plain HTML, forms, no scripts.
//! SECURITY   Everything that came in a request is escaped; links lead to http:// and https:// only.

use crate::{
    checkout::{Portal, Session},
    invoice::Invoice,
    model::Model,
};

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:2rem auto;padding:0 1rem}\
label,input,button{display:block;font:inherit}input{width:100%;padding:.5rem;box-sizing:border-box}\
button{margin:1rem 0;padding:.6rem 1.2rem}table{width:100%;border-collapse:collapse}td,th{text-align:left;padding:.3rem}\
.error{border:2px solid #b00;padding:.6rem}small{color:#555}";
const CARDS: &str = "<p><small>Cards for tests: 4242 4242 4242 4242 pays; 4000 0000 0000 0341 can be kept and fails later; \
4000 0000 0000 0002 is declined; 4000 0000 0000 0259 is charged back.</small></p>";

pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// As `12.50 EUR`.
pub fn money(amount: i64, currency: &str) -> String {
    let digits = currency.to_uppercase().parse::<billing::Currency>().map_or(2, |c| c.digits());
    let scale = 10u64.pow(digits);
    let (whole, rest) = (amount.unsigned_abs() / scale, amount.unsigned_abs() % scale);
    let sign = if amount < 0 { "-" } else { "" };
    let code = currency.to_uppercase();
    match digits {
        0 => format!("{sign}{whole} {code}"),
        digits => format!("{sign}{whole}.{rest:0width$} {code}", width = digits as usize),
    }
}

pub fn page(title: &str, body: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1>{body}</main></body></html>"
    )
}

fn link(url: &str, text: &str) -> String {
    if url.starts_with("http://") || url.starts_with("https://") {
        return format!("<p><a href=\"{}\">{text}</a></p>", escaped(url));
    }
    String::new()
}

fn form(action: &str, button: &str, error: Option<&str>) -> String {
    let error =
        error.map(|text| format!("<p class=\"error\" role=\"alert\">{}</p>", escaped(text))).unwrap_or_default();
    format!(
        "{error}<form method=\"post\" action=\"{action}\"><label for=\"card\">Card number</label>\
         <input id=\"card\" name=\"card\" inputmode=\"numeric\" autocomplete=\"off\" required value=\"4242 4242 4242 4242\">\
         <button>{button}</button></form>{CARDS}"
    )
}

impl Model {
    pub(crate) fn checkout_page(&mut self, session: &Session, error: Option<&str>) -> String {
        let action = format!("/pay/{}", session.id);
        let cancel = link(&session.cancel_url, "Cancel");
        if session.mode == "setup" {
            return page("Save a card", &format!("{}{cancel}", form(&action, "Save", error)));
        }
        let Ok((lines, due, currency)) = self.asked(session) else {
            return page("Not possible", &format!("<p>What this page asks for is not sold any more.</p>{cancel}"));
        };
        let row = |line: &crate::invoice::Line| {
            format!("<tr><td>{}</td><td>{}</td></tr>", escaped(&line.description), money(line.amount, &currency))
        };
        let rows: String = lines.iter().map(row).collect();
        let body = format!(
            "<table>{rows}<tr><th>Due today</th><th>{}</th></tr></table>{}{cancel}",
            money(due, &currency),
            form(&action, "Subscribe", error)
        );
        page("Subscribe", &body)
    }

    pub(crate) fn portal_page(&self, portal: &Portal, error: Option<&str>, is_changed: bool) -> String {
        let action = format!("/portal/{}", portal.id);
        let card = self.customers.get(&portal.customer).and_then(|c| c.default_method.as_ref());
        let card = card.and_then(|id| self.methods.get(id)).map(|m| format!("{} {}", m.brand, m.last4));
        let said = if is_changed { "<p role=\"status\">The card was changed.</p>" } else { "" };
        let row = |i: &Invoice| {
            let name = i.number.as_deref().unwrap_or("draft");
            format!(
                "<tr><td><a href=\"/invoice/{}\">{}</a></td><td>{}</td><td>{}</td></tr>",
                i.id,
                escaped(name),
                money(i.total(), &i.currency),
                i.status
            )
        };
        let mine = self.invoices.values().rev().filter(|i| i.customer == portal.customer && i.finalized_at.is_some());
        let rows: String = if portal.is_for_card { String::new() } else { mine.map(row).collect() };
        let invoices = if rows.is_empty() { String::new() } else { format!("<h2>Invoices</h2><table>{rows}</table>") };
        let body = format!(
            "{said}{invoices}<h2>Card</h2><p>{}</p>{}{}",
            card.unwrap_or_else(|| "None".to_owned()),
            form(&action, "Use this card", error),
            link(&portal.return_url, "Back")
        );
        page("Billing", &body)
    }

    pub(crate) fn invoice_page(&self, invoice: &Invoice, error: Option<&str>) -> String {
        let row = |line: &crate::invoice::Line| {
            format!(
                "<tr><td>{}</td><td>{}</td></tr>",
                escaped(&line.description),
                money(line.amount, &invoice.currency)
            )
        };
        let rows: String = invoice.lines.iter().map(row).collect();
        let pay = match invoice.status {
            "open" | "uncollectible" => form(&format!("/invoice/{}", invoice.id), "Pay", error),
            _ => String::new(),
        };
        let body = format!(
            "<p>{}</p><table>{rows}<tr><td>Tax</td><td>{}</td></tr><tr><th>Total</th><th>{}</th></tr></table>\
             <p><a href=\"/invoice/{}/pdf\">PDF</a></p>{pay}",
            invoice.status,
            money(invoice.tax, &invoice.currency),
            money(invoice.total(), &invoice.currency),
            invoice.id
        );
        page(&format!("Invoice {}", invoice.number.as_deref().unwrap_or_default()), &body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_texts_are_shown_safely() {
        assert_eq!(
            (money(1250, "eur"), money(-5, "eur"), money(3, "jpy"), money(1005, "kwd")),
            ("12.50 EUR".into(), "-0.05 EUR".into(), "3 JPY".into(), "1.005 KWD".into())
        );
        assert_eq!(escaped("<a href='x'>&\""), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
        assert_eq!(link("javascript:alert(1)", "Back"), "");
    }
}
