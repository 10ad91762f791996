//! SUMMARY    What every page has around its content, and how it says things.

use crate::{
    asset,
    brand::{Brand, Logo},
    language::Language,
    page::announcement::Told,
    seal::nonce,
    state::Signed,
};
use fluent_bundle::FluentArgs;
use std::{fmt::Display, sync::Arc};

/// Texts of the months.
const MONTHS: [&str; 12] = [
    "month-january",
    "month-february",
    "month-march",
    "month-april",
    "month-may",
    "month-june",
    "month-july",
    "month-august",
    "month-september",
    "month-october",
    "month-november",
    "month-december",
];

/// The name where no brand is shown.
const PRODUCT: &str = "Posthouse";

/// The page around a page's content.
pub(crate) struct Frame {
    pub(crate) language: Language,
    /// In the bar of the browser and as the first heading.
    pub(crate) title: String,
    /// The session's token of forms.
    pub(crate) form: String,
    /// Makes a form that is sent twice count once.
    pub(crate) once: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) signed: Option<Signed>,
    /// What tenants above tell the visitor.
    pub(crate) told: Vec<Told>,
    /// Whose pages these are; none: the product's.
    pub(crate) brand: Option<Arc<Brand>>,
    /// What was just done.
    pub(crate) done: Option<String>,
}

impl Frame {
    pub(crate) fn new(language: Language, title: &str) -> Frame {
        Frame {
            language,
            title: language.text(title, None),
            form: String::new(),
            once: nonce(),
            path: String::new(),
            query: String::new(),
            signed: None,
            told: Vec::new(),
            brand: None,
            done: None,
        }
    }

    pub(crate) fn titled(mut self, title: &str) -> Frame {
        title.clone_into(&mut self.title);
        self
    }

    pub(crate) fn t(&self, key: &str) -> String {
        self.language.text(key, None)
    }

    /// A text with one argument.
    pub(crate) fn with(&self, key: &str, name: &str, value: impl Display) -> String {
        let mut args = FluentArgs::new();
        args.set(name.to_owned(), value.to_string());
        self.language.text(key, Some(&args))
    }

    /// A text with two arguments.
    pub(crate) fn with_two(&self, key: &str, one: (&str, &str), two: (&str, &str)) -> String {
        let mut args = FluentArgs::new();
        args.set(one.0.to_owned(), one.1.to_owned());
        args.set(two.0.to_owned(), two.1.to_owned());
        self.language.text(key, Some(&args))
    }

    /// A text with any arguments.
    pub(crate) fn with_all(&self, key: &str, values: &[(&str, &str)]) -> String {
        let mut args = FluentArgs::new();
        for (name, value) in values {
            args.set((*name).to_owned(), (*value).to_owned());
        }
        self.language.text(key, Some(&args))
    }

    /// A text that depends on a number.
    pub(crate) fn count(&self, key: &str, n: i64) -> String {
        let mut args = FluentArgs::new();
        args.set("n", n);
        self.language.text(key, Some(&args))
    }

    pub(crate) fn languages(&self) -> [Language; 3] {
        Language::ALL
    }

    /// This page in another language.
    pub(crate) fn in_language(&self, language: &Language) -> String {
        match self.query.is_empty() {
            true => format!("{}?lang={}", self.path, language.tag()),
            false => format!("{}?{}&lang={}", self.path, self.query, language.tag()),
        }
    }

    /// Whether a place of the menu is where the visitor is.
    pub(crate) fn is_at(&self, place: &str) -> bool {
        self.path == place || (place.len() > 1 && self.path.starts_with(place))
    }

    /// The address of this page.
    pub(crate) fn here(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }

    /// Whether a feature was switched off for the tenant when the visitor came to it.
    pub(crate) fn is_off(&self, feature: &str) -> bool {
        self.signed.as_ref().is_some_and(|signed| signed.off.iter().any(|off| off == feature))
    }

    pub(crate) fn brand_name(&self) -> &str {
        self.brand.as_ref().map_or(PRODUCT, |brand| &brand.name)
    }

    /// The style sheet of the brand's colours.
    pub(crate) fn brand_style(&self) -> Option<String> {
        self.brand.as_ref().and_then(|brand| brand.style(""))
    }

    pub(crate) fn picture(&self) -> Option<&Logo> {
        self.brand.as_ref().and_then(|brand| brand.picture())
    }

    pub(crate) fn dark_picture(&self) -> Option<&Logo> {
        self.brand.as_ref().and_then(|brand| brand.dark_picture())
    }

    /// Pages of the brand's owner at the foot of every page: addresses and texts.
    pub(crate) fn brand_links(&self) -> Vec<(String, String)> {
        let Some(brand) = &self.brand else { return Vec::new() };
        let mail = brand.support_email.as_ref().map(|email| format!("mailto:{email}"));
        let links = [
            (brand.support_url.clone().or(mail), "brand-support"),
            (brand.terms_url.clone(), "brand-terms"),
            (brand.privacy_url.clone(), "brand-privacy"),
        ];
        links.into_iter().filter_map(|(link, key)| Some((link?, self.t(key)))).collect()
    }

    pub(crate) fn style(&self) -> &'static str {
        asset::path("portal.css")
    }

    pub(crate) fn htmx(&self) -> &'static str {
        asset::path("htmx.min.js")
    }

    pub(crate) fn script(&self) -> &'static str {
        asset::path("portal.js")
    }

    pub(crate) fn icon(&self) -> &'static str {
        asset::path("icon.svg")
    }

    /// Bytes as people read them.
    pub(crate) fn size(&self, bytes: &str) -> String {
        self.language.size(bytes.parse().unwrap_or(0))
    }

    /// An amount as the API writes it, `12.50 EUR`, as people read it.
    pub(crate) fn money(&self, amount: &str) -> String {
        match self.language {
            Language::English => amount.to_owned(),
            Language::German | Language::French => amount.replace('.', ","),
        }
    }

    /// The day of a moment, in UTC.
    pub(crate) fn day(&self, moment: &str) -> String {
        moment.parse::<jiff::Timestamp>().map_or(String::new(), |time| self.date(time))
    }

    /// A moment to the minute, in UTC.
    pub(crate) fn at(&self, moment: &str) -> String {
        moment.parse::<jiff::Timestamp>().map_or(String::new(), |time| {
            self.with_two("date-at", ("day", &self.date(time)), ("time", &time.strftime("%H:%M").to_string()))
        })
    }

    /// The month of a moment, in UTC.
    pub(crate) fn month(&self, moment: &str) -> String {
        moment.parse::<jiff::Timestamp>().map_or(String::new(), |time| {
            let (month, year) = (self.month_of(time), time.strftime("%Y").to_string());
            self.with_two("date-month", ("month", &month), ("year", &year))
        })
    }

    fn month_of(&self, time: jiff::Timestamp) -> String {
        let month = time.strftime("%m").to_string().parse::<usize>().ok();
        month.and_then(|n| MONTHS.get(n.checked_sub(1)?)).map_or(String::new(), |key| self.t(key))
    }

    fn date(&self, time: jiff::Timestamp) -> String {
        let part = |format: &str| time.strftime(format).to_string();
        let month = self.month_of(time);
        let (day, year) = (part("%-d"), part("%Y"));
        self.with_all("date-day", &[("day", &day), ("month", &month), ("year", &year)])
    }
}
