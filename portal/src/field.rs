//! SUMMARY    What came with a request: fields of a query string or of a form.

use url::form_urlencoded;

/// Fields with their values, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(crate) fn parse(encoded: &[u8]) -> Fields {
        Fields(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// The first value of a field, without white space around it; empty if it is not there.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.exact(name).trim()
    }

    /// The first value of a field as it was typed: passwords may begin with a space.
    pub(crate) fn exact(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }

    /// The value unless it is empty.
    pub(crate) fn given(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|v| !v.is_empty()).map(str::to_owned)
    }

    pub(crate) fn encoded(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    /// The same without a field.
    pub(crate) fn without(&self, name: &str) -> Fields {
        Fields(self.0.iter().filter(|(n, _)| n != name).cloned().collect())
    }
}
