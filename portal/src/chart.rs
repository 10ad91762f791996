//! SUMMARY    What was used over time, as bars and as figures.
//! INVARIANTS Rendered here: a picture without scripts and styles of its own, with a title, a description, and the same figures as a table.

use crate::frame::Frame;
use askama::Template;

/// Width and height of the picture; it is stretched to its place.
const WIDTH: u64 = 720;
const HEIGHT: u64 = 160;
/// Room between bars, in hundredths of a bar's place.
const GAP_PERCENT: u64 = 20;

/// A point: when, in words, and how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) when: String,
    pub(crate) value: u64,
}

/// How points are told.
pub(crate) struct Telling<'a> {
    /// Ids of the picture begin so.
    pub(crate) id: &'static str,
    pub(crate) title: String,
    /// Whether points add up, or each stands alone.
    pub(crate) is_sum: bool,
    pub(crate) say: &'a dyn Fn(u64) -> String,
}

struct Mark {
    x: String,
    y: String,
    width: String,
    height: String,
}

#[derive(Template)]
#[template(path = "chart.html")]
struct Chart<'a> {
    f: &'a Frame,
    id: &'static str,
    title: String,
    about: String,
    described: String,
    marks: Vec<Mark>,
    first: String,
    last: String,
    rows: Vec<(String, String)>,
}

/// The picture with its table.
pub(crate) fn chart(f: &Frame, telling: &Telling<'_>, points: &[Point]) -> Result<String, askama::Error> {
    let Telling { id, ref title, is_sum, say } = *telling;
    let top = points.iter().max_by_key(|point| point.value);
    let most = top.map_or(0, |point| point.value);
    let when = |point: Option<&Point>| point.map(|point| point.when.clone()).unwrap_or_default();
    let value = |point: Option<&Point>| say(point.map_or(0, |point| point.value));
    let about = match is_sum {
        true => {
            let sum = points.iter().fold(0_u64, |sum, point| sum.saturating_add(point.value));
            f.with_two("usage-sum", ("sum", &say(sum)), ("most", &say(most)))
        }
        false => f.with("usage-most", "most", say(most)),
    };
    let described = f.with_all(
        "usage-desc",
        &[
            ("from", when(points.first()).as_str()),
            ("to", when(points.last()).as_str()),
            ("first", value(points.first()).as_str()),
            ("last", value(points.last()).as_str()),
            ("most", say(most).as_str()),
            ("when", when(top).as_str()),
        ],
    );
    let chart = Chart {
        f,
        id,
        title: title.clone(),
        about,
        described,
        marks: marks(points, most),
        first: when(points.first()),
        last: when(points.last()),
        rows: points.iter().map(|point| (point.when.clone(), say(point.value))).collect(),
    };
    chart.render()
}

/// A bar for each point that is not nothing.
fn marks(points: &[Point], most: u64) -> Vec<Mark> {
    let count = u64::try_from(points.len()).unwrap_or(1).max(1);
    // In hundredths.
    let place = WIDTH * 100 / count;
    let bar = |(n, point): (u64, &Point)| {
        let scaled = u128::from(point.value) * u128::from(HEIGHT * 100) / u128::from(most.max(1));
        let height = u64::try_from(scaled).unwrap_or(0);
        Mark {
            x: hundredths(n * place + place * GAP_PERCENT / 200),
            y: hundredths(HEIGHT * 100 - height),
            width: hundredths(place - place * GAP_PERCENT / 100),
            height: hundredths(height),
        }
    };
    (0..).zip(points).filter(|(_, point)| point.value > 0).map(bar).collect()
}

fn hundredths(n: u64) -> String {
    format!("{}.{:02}", n / 100, n % 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    fn drawn(values: &[u64]) -> String {
        let f = Frame::new(Language::English, "usage-title");
        let points: Vec<Point> = values
            .iter()
            .enumerate()
            .map(|(n, value)| Point { when: format!("2027-03-{:02}", n + 1), value: *value })
            .collect();
        let say = |n: u64| f.language.size(n);
        let telling = Telling { id: "stored", title: "Stored <&>".into(), is_sum: false, say: &say };
        chart(&f, &telling, &points).unwrap()
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "whether to write the file is told by the environment")]
    fn a_chart_is_as_it_was() {
        let found = drawn(&[0, 1_024, 3 << 20, 1 << 20, u64::from(u32::MAX)]);
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/chart.html");
        if std::env::var("POSTHOUSE_UPDATE_GOLDEN").is_ok() {
            std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden")).unwrap();
            std::fs::write(golden, &found).unwrap();
        }
        assert_eq!(found, std::fs::read_to_string(golden).unwrap());
        assert!(!found.contains("style") && !found.contains("<&>"));
    }

    #[test]
    fn the_highest_bar_is_as_high_as_the_picture_and_nothing_has_none() {
        let points: Vec<Point> =
            [0, u64::MAX, 5].into_iter().map(|value| Point { when: String::new(), value }).collect();
        let found = marks(&points, u64::MAX);
        let sizes: Vec<_> = found.iter().map(|m| (m.y.as_str(), m.height.as_str())).collect();
        assert_eq!(sizes, [("0.00", "160.00"), ("160.00", "0.00")]);
        assert!(marks(&[], 0).is_empty());
        assert!(drawn(&[]).contains("<table"), "a table without rows is still one");
    }
}
