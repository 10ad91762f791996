//! SUMMARY    GraphiQL at GET /graphql, where it is switched on.
//! SECURITY   Its scripts come from a public host, each of one version and with its hash: what has other bytes does not run. The hashes are
//!            those of the files in the npm packages, which unpkg.com hands out as they are.

use axum::response::{Html, IntoResponse, Response};

const PAGE: &str = include_str!("graphiql.html");

pub(crate) fn page() -> Response {
    Html(PAGE).into_response()
}

#[cfg(test)]
mod tests {
    use super::PAGE;

    /// Whether an address names a package's version to the last number, as `react@18.3.1/`.
    fn is_pinned(url: &str) -> bool {
        let version = url.split_once('@').and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default();
        version.split('.').count() == 3 && version.split('.').all(|n| n.parse::<u32>().is_ok())
    }

    #[test]
    fn what_comes_from_elsewhere_is_one_version_and_has_its_hash() {
        let tags: Vec<&str> = PAGE.split('<').filter(|tag| tag.contains("://")).collect();
        assert_eq!(tags.len(), 4);
        for tag in tags {
            let value = |name: &str| tag.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next());
            assert!(value("src").or(value("href")).is_some_and(is_pinned), "{tag}");
            let hash = value("integrity").and_then(|hash| hash.strip_prefix("sha384-")).unwrap_or_default();
            assert_eq!(hash.len(), 64, "{tag}");
            assert_eq!(value("crossorigin"), Some("anonymous"), "without it the hash is not looked at: {tag}");
        }
    }
}
