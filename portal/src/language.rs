//! SUMMARY    The languages of the pages.
//! STANDARDS  Project Fluent 1.0; RFC 9110 §12.5.4 (Accept-Language); BCP 47
//! INVARIANTS Every text of a page is in each language (the tests see to it).

use fluent_bundle::{FluentArgs, FluentResource, concurrent::FluentBundle};
use std::sync::LazyLock;
use unic_langid::LanguageIdentifier;

/// Name of the cookie that keeps what was chosen.
pub(crate) const COOKIE: &str = "__Host-posthouse-language";
/// Languages of an Accept-Language header that are looked at.
const ACCEPTED_MAX: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    German,
    French,
}

impl Language {
    pub(crate) const ALL: [Language; 3] = [Language::English, Language::German, Language::French];

    pub(crate) fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::German => "de",
            Language::French => "fr",
        }
    }

    /// As its speakers call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Language::English => "English",
            Language::German => "Deutsch",
            Language::French => "Français",
        }
    }

    pub(crate) fn of_tag(tag: &str) -> Option<Language> {
        let language = tag.split('-').next().unwrap_or_default();
        Language::ALL.into_iter().find(|l| l.tag().eq_ignore_ascii_case(language))
    }

    /// The one of ours that is asked for first; English when none is.
    pub(crate) fn accepted(header: &str) -> Language {
        let mut best = (0.0, Language::English);
        for range in header.split(',').take(ACCEPTED_MAX) {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default();
            let weight = parts.find_map(|p| p.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse::<f32>().ok());
            if let (Some(language), Some(weight)) = (Language::of_tag(tag), weight)
                && weight > best.0
            {
                best = (weight, language);
            }
        }
        best.1
    }

    /// A text with its arguments.
    pub(crate) fn text(self, key: &str, args: Option<&FluentArgs<'_>>) -> String {
        let [english, german, french] = &*BUNDLES;
        let bundle = match self {
            Language::English => english,
            Language::German => german,
            Language::French => french,
        };
        let pattern = bundle.get_message(key).and_then(|m| m.value());
        // Looked for by the tests.
        let Some(pattern) = pattern else { return format!("\u{27e6}{key}\u{27e7}") };
        bundle.format_pattern(pattern, args, &mut Vec::new()).into_owned()
    }

    /// The text as it is written down.
    pub(crate) fn source(self) -> &'static str {
        match self {
            Language::English => include_str!("../locales/en.ftl"),
            Language::German => include_str!("../locales/de.ftl"),
            Language::French => include_str!("../locales/fr.ftl"),
        }
    }

    /// Bytes as people read them: powers of 1024, as `ctl` and the files of imports take them.
    pub(crate) fn size(self, bytes: u64) -> String {
        const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
        if bytes < 1_024 {
            return format!("{bytes} B");
        }
        let (mut scaled, mut unit) = (bytes, "B");
        let mut tenths = 0;
        for next in UNITS {
            if scaled < 1_024 {
                break;
            }
            (tenths, scaled, unit) = (scaled % 1_024 * 10 / 1_024, scaled / 1_024, next);
        }
        let point = if self == Language::English { '.' } else { ',' };
        let unit = if self == Language::French { unit.replace('B', "o") } else { unit.to_owned() };
        match tenths {
            0 => format!("{scaled} {unit}"),
            _ => format!("{scaled}{point}{tenths} {unit}"),
        }
    }
}

static BUNDLES: LazyLock<[FluentBundle<FluentResource>; 3]> = LazyLock::new(|| Language::ALL.map(bundle));

fn bundle(language: Language) -> FluentBundle<FluentResource> {
    let id: LanguageIdentifier = language.tag().parse().unwrap_or_default();
    let mut bundle = FluentBundle::new_concurrent(vec![id]);
    // None of ours is written from right to left.
    bundle.set_use_isolating(false);
    let resource = FluentResource::try_new(language.source().to_owned()).unwrap_or_else(|(read, errors)| {
        tracing::error!(?errors, language = language.tag(), "texts that cannot be read");
        read
    });
    bundle.add_resource_overriding(resource);
    bundle
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_asked_for_first_is_taken() {
        for (header, language) in [
            ("de-CH,de;q=0.9,en;q=0.8", Language::German),
            ("es, fr;q=0.5, en;q=0.4", Language::French),
            ("en;q=0.1,de;q=0.2", Language::German),
            ("de;q=x", Language::English),
            ("", Language::English),
            ("de;q=0", Language::English),
        ] {
            assert_eq!(Language::accepted(header), language, "{header}");
        }
    }

    #[test]
    fn sizes_are_read_by_people() {
        assert_eq!(Language::English.size(1_023), "1023 B");
        assert_eq!(Language::English.size(53_687_091_200), "50 GB");
        assert_eq!(Language::German.size(1_572_864), "1,5 MB");
        assert_eq!(Language::French.size(2_048), "2 ko");
    }
}
