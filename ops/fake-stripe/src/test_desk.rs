//! SUMMARY    The page from which whoever tries the demo makes months pass and cards fail: plain forms, no scripts.
//! SECURITY   Of the fake alone: a server that sells by the real Stripe has no such page.

use crate::{
    customer::Customer,
    http::{Shared, TEST_DESK},
    model::Model,
    page::{escaped, page},
    params::Params,
    payment::Card,
    problem::Problem,
};
use jiff::{Timestamp, tz::TimeZone};

const DAY_SECS: i64 = 86_400;
/// Name of the step, what its button says, seconds.
const STEPS: [(&str, &str, i64); 4] = [
    ("hour", "An hour later", 3_600),
    ("day", "A day later", DAY_SECS),
    ("week", "A week later", 7 * DAY_SECS),
    ("month", "A month later", 31 * DAY_SECS),
];

/// The page; with what was wrong with the last form.
pub fn test_desk(shared: &Shared, error: Option<&str>) -> String {
    let now = shared.now();
    let mut model = shared.model.lock();
    model.advance(now);
    let error =
        error.map(|text| format!("<p class=\"error\" role=\"alert\">{}</p>", escaped(text))).unwrap_or_default();
    let steps: String = STEPS
        .iter()
        .map(|(name, text, _)| format!("<button name=\"later\" value=\"{name}\">{text}</button>"))
        .collect();
    let known: Vec<&Customer> = model.customers.values().filter(|c| !c.deleted).collect();
    let customers: String = known.into_iter().map(|customer| model.desk_part(customer)).collect();
    let customers = if customers.is_empty() { "<p>Nobody has bought anything yet.</p>".to_owned() } else { customers };
    let body = format!(
        "{error}<p>This page is the demo's. Nothing here is real: no card, no money, no time.</p>\
         <h2>Time</h2><p>It is <strong id=\"now\">{}</strong> for the payment provider and the mail server alike. Trials end, \
         subscriptions renew and cards are charged as it passes. Whoever is signed in to the portal may have to sign in again.</p>\
         <form method=\"post\" action=\"{TEST_DESK}\">{steps}</form><h2>Customers and their cards</h2>{customers}",
        day(now)
    );
    page("Test desk", &body)
}

/// As `2027-01-15 08:00 UTC`.
fn day(secs: i64) -> String {
    let at = Timestamp::from_second(secs).map(|at| at.to_zoned_datetime(TimeZone::UTC));
    at.map(|at| at.strftime("%Y-%m-%d %H:%M UTC").to_string()).unwrap_or_default()
}

impl Shared {
    /// What a form of the page asks for. Errors: an unknown step, customer or card.
    pub(crate) fn change_by_desk(&self, p: &Params) -> Result<(), Problem> {
        p.only(&["later", "customer", "card", "takes-back"])?;
        if let Some(later) = p.text("later") {
            let step = STEPS.iter().find(|(name, ..)| *name == later);
            let (.., seconds) = step.ok_or_else(|| Problem::invalid("later", "hour, day, week or month"))?;
            return self.advance(*seconds);
        }
        if p.text("takes-back").is_some() {
            self.model.lock().take_back(p.need("customer")?)?;
            self.collect_events();
            return Ok(());
        }
        let declines = p.choice("card", &["declines", "works"])?.ok_or_else(|| Problem::missing("card"))? == "declines";
        self.model.lock().set_cards(p.need("customer")?, declines)?;
        self.collect_events();
        Ok(())
    }
}

impl Model {
    /// Makes the cards that a customer has decline from now on, or work again. Errors: no customer, or one without a card.
    pub fn set_cards(&mut self, customer: &str, declines: bool) -> Result<(), Problem> {
        self.customer(customer)?;
        let card = if declines { Card::FailsLater } else { Card::Good };
        let mut count = 0;
        for method in self.methods.values_mut().filter(|m| m.customer.as_deref() == Some(customer)) {
            method.card = card;
            count += 1;
        }
        if count == 0 { Err(Problem::invalid("customer", "This customer has no card.")) } else { Ok(()) }
    }

    /// The bank takes back what a customer paid last. Errors: no customer, or one that has paid nothing.
    fn take_back(&mut self, customer: &str) -> Result<(), Problem> {
        self.customer(customer)?;
        let paid = self.charges.values().filter(|c| c.customer == customer && c.declined.is_none() && !c.disputed);
        let last = paid.max_by_key(|c| (c.created, c.id.clone())).map(|c| c.id.clone());
        let nothing = || Problem::invalid("customer", "There is no payment of this customer that could be taken back.");
        self.open_dispute(&last.ok_or_else(nothing)?).ok_or_else(nothing).map(drop)
    }

    /// A customer on the page: its cards, what it has and owes, and the buttons.
    fn desk_part(&self, customer: &Customer) -> String {
        let name = customer.name.as_ref().or(customer.email.as_ref()).unwrap_or(&customer.id);
        let cards = self.methods.values().filter(|m| m.customer.as_ref() == Some(&customer.id));
        let card = |declines: bool| if declines { "declines" } else { "works" };
        let cards: Vec<String> =
            cards.map(|m| format!("{} {}: {}", m.brand, escaped(&m.last4), card(m.card.decline().is_some()))).collect();
        let has = self.subscriptions.values().filter(|s| s.customer == customer.id).map(|s| s.status.replace('_', " "));
        let open = self.invoices.values().filter(|i| i.customer == customer.id);
        let open = open.filter(|i| ["open", "uncollectible"].contains(&i.status)).map(|i| {
            let number = escaped(i.number.as_deref().unwrap_or("invoice"));
            format!("<a href=\"/invoice/{}\">{number}</a> ({})", i.id, i.status)
        });
        let (has, open) = (has.collect::<Vec<_>>(), open.collect::<Vec<_>>());
        let list = |items: Vec<String>| if items.is_empty() { "none".to_owned() } else { items.join(", ") };
        let buttons = match cards.is_empty() {
            true => String::new(),
            false => format!(
                "<form method=\"post\" action=\"{TEST_DESK}\"><input type=\"hidden\" name=\"customer\" value=\"{}\">\
                 <button name=\"card\" value=\"declines\">Declines from now on</button>\
                 <button name=\"card\" value=\"works\">Works again</button>\
                 <button name=\"takes-back\" value=\"last\">The bank takes the last payment back</button></form>",
                escaped(&customer.id)
            ),
        };
        format!(
            "<section aria-label=\"{0}\"><h3>{0}</h3><p>Cards: {1}</p><p>Subscriptions: {2}</p><p>To be paid: {3}</p>{buttons}</section>",
            escaped(name),
            list(cards),
            list(has),
            list(open)
        )
    }
}
