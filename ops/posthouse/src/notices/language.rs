//! SUMMARY    The languages of letters: their texts, days and amounts.
//! STANDARDS  Project Fluent 1.0; BCP 47
//! INVARIANTS Every text is in each language, with the same facts (the tests see to it). No marks that nobody sees stand around facts.

use base::Timestamp;
use fluent_bundle::{FluentArgs, FluentResource, concurrent::FluentBundle};
use std::sync::LazyLock;
use unic_langid::LanguageIdentifier;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    German,
    French,
}

impl Language {
    pub(super) const ALL: [Language; 3] = [Language::English, Language::German, Language::French];

    /// The one of a tag; English for what we do not write.
    pub(super) fn of(tag: &str) -> Language {
        let language = tag.split('-').next().unwrap_or_default();
        Language::ALL.into_iter().find(|l| l.tag().eq_ignore_ascii_case(language)).unwrap_or(Language::English)
    }

    pub(super) fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::German => "de",
            Language::French => "fr",
        }
    }

    /// A text with its facts.
    pub(super) fn text(self, key: &str, facts: &[(&str, &str)]) -> String {
        let [english, german, french] = &*BUNDLES;
        let bundle = match self {
            Language::English => english,
            Language::German => german,
            Language::French => french,
        };
        let Some(pattern) = bundle.get_message(key).and_then(|m| m.value()) else {
            tracing::error!(key, language = self.tag(), "a text of a letter that there is not");
            return String::new();
        };
        let (mut args, mut errors) = (FluentArgs::new(), Vec::new());
        for (name, value) in facts {
            args.set(*name, *value);
        }
        let text = bundle.format_pattern(pattern, Some(&args), &mut errors).into_owned();
        if !errors.is_empty() {
            tracing::error!(key, ?errors, language = self.tag(), "a text of a letter lacks a fact");
        }
        text
    }

    /// The day of a moment, in UTC, as `26 November 2026`.
    pub(super) fn day(self, at: Timestamp) -> String {
        let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
        let part = |format: &str| at.strftime(format).to_string();
        let (mut day, month, year) = (part("%-d"), part("%B"), part("%Y"));
        // Only of the first day do the French say which one it is.
        if self == Language::French && day == "1" {
            day.push_str("er");
        }
        self.text("date", &[("day", &day), ("month", &month), ("year", &year)])
    }

    /// A moment to the minute, in UTC, as `26 November 2026, 05:40 UTC`.
    pub(super) fn moment(self, at: Timestamp) -> String {
        let time = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default().strftime("%H:%M").to_string();
        self.text("moment", &[("date", &self.day(at)), ("time", &time)])
    }

    /// An amount as billing writes it, `12.50 EUR`, as people read it.
    pub(super) fn amount(self, amount: &str) -> String {
        match self {
            Language::English => amount.to_owned(),
            Language::German | Language::French => amount.replace('.', ","),
        }
    }

    /// The texts as they are written down.
    pub(super) fn source(self) -> &'static str {
        match self {
            Language::English => include_str!("../../locales/en.ftl"),
            Language::German => include_str!("../../locales/de.ftl"),
            Language::French => include_str!("../../locales/fr.ftl"),
        }
    }
}

static BUNDLES: LazyLock<[FluentBundle<FluentResource>; 3]> = LazyLock::new(|| Language::ALL.map(bundle));

fn bundle(language: Language) -> FluentBundle<FluentResource> {
    let id: LanguageIdentifier = language.tag().parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![id]);
    // None of ours is written from right to left, and what is copied out of a letter is to be what stands in it.
    bundle.set_use_isolating(false);
    let resource = FluentResource::try_new(language.source().to_owned()).unwrap_or_else(|(read, errors)| {
        tracing::error!(?errors, language = language.tag(), "texts of letters that cannot be read");
        read
    });
    bundle.add_resource_overriding(resource);
    bundle
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        collections::{BTreeMap, BTreeSet},
        path::Path,
    };

    /// Keys of a language, each with the facts that its text names.
    fn keys(source: &str) -> BTreeMap<String, BTreeSet<String>> {
        let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut last = String::new();
        for line in source.lines().filter(|line| !line.starts_with('#')) {
            let starts = line.starts_with(|c: char| c.is_ascii_lowercase());
            let text = match line.split_once(" = ").filter(|_| starts) {
                Some((key, text)) => {
                    assert!(keys.insert(key.to_owned(), BTreeSet::new()).is_none(), "{key} stands there twice");
                    key.clone_into(&mut last);
                    text
                }
                None => line,
            };
            for fact in text.split('$').skip(1) {
                let name: String = fact.chars().take_while(char::is_ascii_alphanumeric).collect();
                keys.get_mut(&last).unwrap().insert(name);
            }
        }
        keys
    }

    /// Every text in quotes of the code.
    fn literals() -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let files =
            ["notices.rs", "notices/billing.rs", "notices/export.rs", "notices/language.rs", "notices/signup.rs"];
        let texts = files.map(|file| std::fs::read_to_string(root.join(file)).unwrap());
        texts.iter().flat_map(|text| text.split('"').map(str::to_owned)).collect()
    }

    #[test]
    fn every_text_is_in_every_language_and_is_used() {
        let (english, literals) = (keys(Language::English.source()), literals());
        assert!(english.len() > 50);
        for language in Language::ALL {
            assert_eq!(keys(language.source()), english, "{}", language.tag());
            assert!(FluentResource::try_new(language.source().to_owned()).is_ok(), "{}", language.tag());
        }
        let unused: Vec<&String> = english.keys().filter(|key| !literals.contains(*key)).collect();
        assert!(unused.is_empty(), "{unused:?}");
    }

    #[test]
    fn a_tag_is_the_language_that_it_begins_with() {
        for (tag, language) in [
            ("de", Language::German),
            ("de-CH", Language::German),
            ("FR-ca", Language::French),
            ("en-GB", Language::English),
            ("gsw", Language::English),
            ("", Language::English),
        ] {
            assert_eq!(Language::of(tag), language, "{tag}");
        }
    }

    #[test]
    fn days_and_amounts_are_written_as_their_readers_do() {
        // 2026-11-26 05:40 UTC, 2027-03-01.
        let (at, first) = (Timestamp(1_795_671_600_000), Timestamp(1_803_859_200_000));
        for (language, day, moment, of_first, amount) in [
            (Language::English, "26 November 2026", "26 November 2026, 05:40 UTC", "1 March 2027", "12.50 EUR"),
            (Language::German, "26. November 2026", "26. November 2026, 05:40 Uhr UTC", "1. März 2027", "12,50 EUR"),
            (Language::French, "26 novembre 2026", "26 novembre 2026 à 05:40 UTC", "1er mars 2027", "12,50 EUR"),
        ] {
            assert_eq!((language.day(at), language.moment(at)), (day.to_owned(), moment.to_owned()));
            assert_eq!((language.day(first), language.amount("12.50 EUR")), (of_first.to_owned(), amount.to_owned()));
        }
        let months: BTreeSet<String> = (0..12).map(|n| Language::French.day(Timestamp(n * 2_635_200_000))).collect();
        assert_eq!(months.len(), 12);
    }
}
