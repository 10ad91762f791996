//! SUMMARY    Paging through a list by links.
//! LIMITS     PAGE

use crate::field::Fields;

/// Rows of a page.
pub(crate) const PAGE: i64 = 25;

/// Where a page of a list begins.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    pub(crate) first: Option<i64>,
    pub(crate) after: Option<String>,
    pub(crate) last: Option<i64>,
    pub(crate) before: Option<String>,
}

impl Place {
    pub(crate) fn of(query: &Fields) -> Place {
        match query.given("before") {
            Some(before) => Place { last: Some(PAGE), before: Some(before), ..Place::default() },
            None => Place { first: Some(PAGE), after: query.given("after"), ..Place::default() },
        }
    }
}

/// Links to the pages around one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pages {
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

impl Pages {
    /// `keep`: what the list was asked for besides.
    pub(crate) fn new(
        keep: &Fields,
        has_before: bool,
        start: Option<String>,
        has_after: bool,
        end: Option<String>,
    ) -> Pages {
        let keep = keep.without("after").without("before").without("ok").encoded();
        let link = |name: &str, cursor: String| {
            let cursor: String = url::form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
            match keep.is_empty() {
                true => format!("?{name}={cursor}"),
                false => format!("?{keep}&{name}={cursor}"),
            }
        };
        Pages {
            before: start.filter(|_| has_before).map(|cursor| link("before", cursor)),
            after: end.filter(|_| has_after).map(|cursor| link("after", cursor)),
        }
    }
}
