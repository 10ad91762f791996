//! SUMMARY    Colours of a brand: whether they can be told from what stands beside them, and what else follows from them. Pure.
//! STANDARDS  WCAG 2.2 (relative luminance, contrast ratio, 1.4.3 text, 1.4.11 parts of controls); IEC 61966-2-1 (sRGB)
//! INVARIANTS What is refused says the ratio, the one that is needed, and the nearest colour that passes. The surfaces are those of
//!            portal/assets/portal.css (a test compares them).

use crate::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Contrast of text.
const TEXT_MIN: f64 = 4.5;
/// Contrast of a part of a control.
const PART_MIN: f64 = 3.0;
/// Steps on the way from a colour to black or white.
const STEPS: u32 = 255;
/// What text on the accent is written in: whichever is told from it better.
const INKS: [Colour; 2] = [Colour([0xff, 0xff, 0xff]), Colour([0x10, 0x16, 0x1d])];

/// A colour of sRGB, as `#1f5f8b`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Colour([u8; 3]);

/// Which of its two looks a page has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scheme {
    Light,
    Dark,
}

/// What follows from an accent in one scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    pub accent: Colour,
    /// Text on the accent.
    pub on_accent: Colour,
    /// Text in the accent's hue: links, quiet buttons. The accent itself where that is told from the surfaces well enough.
    pub link: Colour,
    /// Behind what is chosen or pointed at.
    pub soft: Colour,
}

impl Scheme {
    pub const EVERY: [Scheme; 2] = [Scheme::Light, Scheme::Dark];

    /// As it is stored.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Scheme::Light => "LIGHT",
            Scheme::Dark => "DARK",
        }
    }

    /// The page and its panels.
    fn surfaces(self) -> [Colour; 2] {
        match self {
            Scheme::Light => [Colour([0xf6, 0xf7, 0xf9]), Colour([0xff, 0xff, 0xff])],
            Scheme::Dark => [Colour([0x12, 0x17, 0x1d]), Colour([0x1b, 0x22, 0x2b])],
        }
    }

    /// How much of the accent is in what is behind things that are chosen, of 255.
    fn softness(self) -> u32 {
        match self {
            Scheme::Light => 30,
            Scheme::Dark => 46,
        }
    }
}

impl Colour {
    /// Relative luminance (WCAG 2.2).
    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        let [r, g, b] = self.0.map(linear);
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    /// Contrast ratio of two colours, 1 to 21.
    pub fn contrast(self, other: Colour) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// This with so much, of 255, of another one in it.
    fn mixed(self, other: Colour, part: u32) -> Colour {
        let mix = |a: u8, b: u8| {
            let sum = u32::from(a) * (STEPS - part) + u32::from(b) * part;
            u8::try_from((sum + STEPS / 2) / STEPS).unwrap_or(u8::MAX)
        };
        let ([r, g, b], [or, og, ob]) = (self.0, other.0);
        Colour([mix(r, or), mix(g, og), mix(b, ob)])
    }

    /// The least contrast with some colours.
    fn least(self, others: &[Colour]) -> f64 {
        others.iter().map(|other| self.contrast(*other)).fold(f64::MAX, f64::min)
    }

    /// How far two colours are apart.
    fn distance(self, other: Colour) -> u32 {
        self.0.iter().zip(other.0).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
    }

    /// The nearest colour on the ways to black and to white for which something holds.
    fn nearest(self, holds: impl Fn(Colour) -> bool) -> Option<Colour> {
        let ends = [Colour([0; 3]), Colour([0xff; 3])];
        let firsts = ends.into_iter().filter_map(|end| (0..=STEPS).map(|n| self.mixed(end, n)).find(|c| holds(*c)));
        firsts.min_by_key(|c| self.distance(*c))
    }

    /// The ink for text on it.
    fn ink(self) -> Colour {
        let [light, dark] = INKS;
        if self.contrast(light) >= self.contrast(dark) { light } else { dark }
    }
}

/// Whether a colour may be the accent of a scheme. `LowContrast` on the field.
pub(super) fn checked(accent: Colour, scheme: Scheme, field: &'static str) -> Result<()> {
    let text = |c: Colour| c.contrast(c.ink());
    let part = |c: Colour| c.least(&scheme.surfaces());
    let (wrong, ratio, needed) = match (part(accent), text(accent)) {
        (ratio, _) if ratio < PART_MIN => ("with the page behind it", ratio, PART_MIN),
        (_, ratio) if ratio < TEXT_MIN => ("with the text on it", ratio, TEXT_MIN),
        _ => return Ok(()),
    };
    let near = accent.nearest(|c| text(c) >= TEXT_MIN && part(c) >= PART_MIN);
    let near = near.map(|c| format!("; the nearest colour that has it is {c}")).unwrap_or_default();
    // Cut off, so that what is too little never reads as enough.
    let ratio = (ratio * 100.0).floor() / 100.0;
    let message = format!("{accent} has a contrast of {ratio:.2}:1 {wrong}; {needed}:1 is needed{near}");
    Err(Error::new(Code::LowContrast, field, message))
}

impl Palette {
    /// What follows from an accent that was checked.
    pub fn new(accent: Colour, scheme: Scheme) -> Palette {
        let [page, card] = scheme.surfaces();
        let soft = card.mixed(accent, scheme.softness());
        let link = accent.nearest(|c| c.least(&[page, card, soft]) >= TEXT_MIN).unwrap_or(accent);
        Palette { accent, on_accent: accent.ink(), link, soft }
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [r, g, b] = self.0;
        write!(f, "#{r:02x}{g:02x}{b:02x}")
    }
}

impl From<Colour> for String {
    fn from(colour: Colour) -> String {
        colour.to_string()
    }
}

impl FromStr for Colour {
    type Err = Error;
    fn from_str(text: &str) -> Result<Colour> {
        let digits = text.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()));
        let number = digits.and_then(|d| u32::from_str_radix(d, 16).ok());
        let [_, r, g, b] = number
            .map(u32::to_be_bytes)
            .ok_or_else(|| Error::new(Code::Invalid, "", "A colour is `#` and six hexadecimal digits, as #1f5f8b"))?;
        Ok(Colour([r, g, b]))
    }
}

impl TryFrom<String> for Colour {
    type Error = Error;
    fn try_from(text: String) -> Result<Colour> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(text: &str) -> Colour {
        text.parse().unwrap()
    }

    #[test]
    fn contrast_is_that_of_wcag() {
        // Pairs as the checkers of WebAIM and the W3C's understanding documents have them.
        for (a, b, ratio) in [
            ("#000000", "#ffffff", 21.0),
            ("#ffffff", "#ffffff", 1.0),
            ("#777777", "#ffffff", 4.48),
            ("#767676", "#ffffff", 4.54),
            ("#949494", "#ffffff", 3.03),
            ("#959595", "#ffffff", 2.99),
            ("#0000ff", "#ffffff", 8.59),
            ("#ff0000", "#ffffff", 4.0),
            ("#ff0000", "#000000", 5.25),
            ("#ffff00", "#ffffff", 1.07),
        ] {
            let found = colour(a).contrast(colour(b));
            assert!((found - ratio).abs() < 0.006, "{a} {b}: {found}");
            assert!((found - colour(b).contrast(colour(a))).abs() < f64::EPSILON, "either way round");
        }
    }

    #[test]
    fn surfaces_are_those_of_the_style_sheet() {
        let css = include_str!("../../../portal/assets/portal.css");
        for scheme in Scheme::EVERY {
            let [page, card] = scheme.surfaces();
            assert!(css.contains(&format!("--page: {page}; --card: {card};")), "{scheme:?}");
        }
    }

    #[test]
    fn a_colour_that_cannot_be_told_is_refused_with_the_nearest_that_can() {
        for (accent, scheme, ratio, needed) in [
            ("#ffd400", Scheme::Light, "1.3", "3:1"),
            ("#102030", Scheme::Dark, "1.0", "3:1"),
            ("#7b7b7b", Scheme::Light, "4.2", "4.5:1"),
        ] {
            let refused = checked(colour(accent), scheme, "accentLight").unwrap_err();
            assert_eq!((refused.code, refused.field), (Code::LowContrast, "accentLight"));
            assert!(refused.message.contains(&format!("contrast of {ratio}")), "{}", refused.message);
            assert!(refused.message.contains(&format!("{needed} is needed")), "{}", refused.message);
            let near = colour(refused.message.rsplit(' ').next().unwrap());
            checked(near, scheme, "accentLight").unwrap();
        }
        for (accent, scheme) in [("#1f5f8b", Scheme::Light), ("#8cc4ec", Scheme::Dark), ("#e06000", Scheme::Light)] {
            checked(colour(accent), scheme, "accentLight").unwrap();
        }
    }

    #[test]
    fn whatever_passes_has_links_and_text_that_can_be_read() {
        for scheme in Scheme::EVERY {
            let mut passed = 0;
            for n in 0..4_096_u32 {
                let part = |shift: u32| u8::try_from((n >> shift & 15) * 17).unwrap();
                let accent = Colour([part(8), part(4), part(0)]);
                if checked(accent, scheme, "").is_err() {
                    continue;
                }
                passed += 1;
                let Palette { on_accent, link, soft, .. } = Palette::new(accent, scheme);
                let [page, card] = scheme.surfaces();
                assert!(accent.contrast(on_accent) >= TEXT_MIN, "{accent}");
                assert!(link.least(&[page, card, soft]) >= TEXT_MIN, "{accent} {scheme:?}: {link} on {soft}");
                let text = colour(if scheme == Scheme::Light { "#1b2430" } else { "#e7ecf2" });
                assert!(text.contrast(soft) >= TEXT_MIN, "{accent} {scheme:?}: text on {soft}");
            }
            assert!(passed > 1_000, "{passed}");
        }
    }

    #[test]
    fn what_is_no_colour_is_refused() {
        for wrong in ["", "#fff", "1f5f8b", "#1f5f8g", "#1f5f8b;", "#+f5f8b", "red", "#１f5f8"] {
            assert_eq!(wrong.parse::<Colour>().unwrap_err().code, Code::Invalid, "{wrong}");
        }
        assert_eq!(colour("#1F5f8B").to_string(), "#1f5f8b");
    }
}
