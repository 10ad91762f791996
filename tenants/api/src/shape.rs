//! SUMMARY    The shape of a query, bounded before anything walks it: nesting before it is parsed, what fragments expand to before it is validated.
//! SECURITY   A parser that follows brackets and a walk that follows fragments cost far more than the bytes of a query: the first a
//!            thread's stack, the second time without end. Nobody needs a token for either.
//! LIMITS     QUERY_NESTING_MAX, QUERY_SELECTIONS_MAX
//! INVARIANTS No query is parsed but by `parse`.

use crate::cost::over;
use async_graphql::{
    Pos, ServerError,
    parser::{
        self,
        types::{ExecutableDocument, FragmentDefinition, OperationType, Selection, SelectionSet},
    },
};
use std::collections::{HashMap, HashSet};

/// Brackets of any kind that stand within one another, and fragments that spread one another.
pub(crate) const QUERY_NESTING_MAX: usize = 100;
/// Fields, spreads and inline fragments of an operation, each fragment counted wherever it is spread.
pub(crate) const QUERY_SELECTIONS_MAX: usize = 5_000;

/// Reads a query. Errors: the syntax's, or one of LIMIT.
pub(crate) fn parse(query: &str) -> Result<ExecutableDocument, ServerError> {
    let nesting = nesting(query);
    if nesting > QUERY_NESTING_MAX {
        return Err(over("QUERY_NESTING_MAX", nesting, QUERY_NESTING_MAX));
    }
    let document = parser::parse_query(query)?;
    let mut walk = Walk { document: &document, known: HashMap::new(), within: 0 };
    for (_, operation) in document.operations.iter() {
        let set = &operation.node.selection_set.node;
        let selections = walk.selections(set)?;
        if selections > QUERY_SELECTIONS_MAX {
            return Err(over("QUERY_SELECTIONS_MAX", selections, QUERY_SELECTIONS_MAX));
        }
        if operation.node.ty == OperationType::Mutation {
            let mut keys = HashSet::new();
            walk.once_each(set, &mut keys)?;
        }
    }
    Ok(document)
}

/// How deep brackets stand within one another, outside of strings and comments.
fn nesting(query: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    let mut rest = query.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            b'#' => past(after, b"\n"),
            b'"' => match after.strip_prefix(b"\"\"") {
                Some(block) => past_string(block, b"\"\"\""),
                None => past_string(after, b"\""),
            },
            b'[' | b'{' | b'(' => {
                depth += 1;
                deepest = deepest.max(depth);
                after
            }
            b']' | b'}' | b')' => {
                depth = depth.saturating_sub(1);
                after
            }
            _ => after,
        };
    }
    deepest
}

/// Behind the first `end`.
fn past<'q>(text: &'q [u8], end: &[u8]) -> &'q [u8] {
    let at = text.windows(end.len()).position(|w| w == end);
    at.and_then(|at| text.get(at + end.len()..)).unwrap_or_default()
}

/// Behind the end of a string; what a backslash stands before ends none. One of a line ends with it at the latest.
fn past_string<'q>(mut text: &'q [u8], end: &[u8]) -> &'q [u8] {
    while let Some((&byte, after)) = text.split_first() {
        if let Some(rest) = text.strip_prefix(end) {
            return rest;
        }
        text = match byte {
            b'\\' if end.len() == 1 => after.get(1..).unwrap_or_default(),
            b'\\' => after.strip_prefix(end).unwrap_or(after),
            b'\n' if end.len() == 1 => return after,
            _ => after,
        };
    }
    text
}

/// Follows fragments, each once.
struct Walk<'d> {
    document: &'d ExecutableDocument,
    /// What a fragment expands to; `None` while it is looked at.
    known: HashMap<&'d str, Option<usize>>,
    /// Fragments that are looked at.
    within: usize,
}

impl<'d> Walk<'d> {
    fn fragment(&self, name: &str) -> Option<&'d FragmentDefinition> {
        self.document.fragments.get(name).map(|f| &f.node)
    }

    /// Selections with those of what it spreads. Errors: a fragment that leads to itself.
    fn selections(&mut self, set: &'d SelectionSet) -> Result<usize, ServerError> {
        let mut sum = 0usize;
        for selection in &set.items {
            let below = match &selection.node {
                Selection::Field(field) => self.selections(&field.node.selection_set.node)?,
                Selection::InlineFragment(inline) => self.selections(&inline.node.selection_set.node)?,
                Selection::FragmentSpread(spread) => self.spread(&spread.node.fragment_name.node, selection.pos)?,
            };
            sum = sum.saturating_add(below).saturating_add(1);
        }
        Ok(sum)
    }

    fn spread(&mut self, name: &'d str, pos: Pos) -> Result<usize, ServerError> {
        match self.known.get(name) {
            Some(Some(known)) => return Ok(*known),
            Some(None) => return Err(ServerError::new(format!("The fragment {name} leads to itself"), Some(pos))),
            None => {}
        }
        // One that is not there is told by the validation.
        let Some(fragment) = self.fragment(name) else { return Ok(0) };
        self.known.insert(name, None);
        self.within += 1;
        if self.within > QUERY_NESTING_MAX {
            return Err(over("QUERY_NESTING_MAX", self.within, QUERY_NESTING_MAX));
        }
        let expanded = self.selections(&fragment.selection_set.node)?;
        self.within -= 1;
        self.known.insert(name, Some(expanded));
        Ok(expanded)
    }

    /// A mutation runs each of its fields once: the engine would run one that stands there twice twice, and answer one of them.
    fn once_each(&self, set: &'d SelectionSet, keys: &mut HashSet<&'d str>) -> Result<(), ServerError> {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let key = field.node.response_key().node.as_str();
                    if !keys.insert(key) {
                        let text = format!("{key} stands twice: a mutation that is wanted twice has another alias");
                        return Err(ServerError::new(text, Some(selection.pos)));
                    }
                }
                Selection::InlineFragment(inline) => self.once_each(&inline.node.selection_set.node, keys)?,
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.fragment(&spread.node.fragment_name.node) {
                        self.once_each(&fragment.selection_set.node, keys)?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a refusal says first, or nothing.
    fn refusal(query: &str) -> String {
        parse(query).err().map(|e| e.message).unwrap_or_default()
    }

    #[test]
    fn brackets_count_outside_of_strings_and_comments() {
        for (query, depth) in [
            ("{ a(b: [1, [2]]) { c } }", 4),
            ("{ a } # {{{{\n{ b }", 1),
            (r#"{ a(b: "[[[\"[[[") }"#, 2),
            (r#"{ a(b: """[[[ \""" [[[ " """) }"#, 2),
            ("{ a(b: \"[[[\n{{{", 5),
            ("}}}{", 1),
            ("\"\"\"{{{", 0),
            ("", 0),
        ] {
            assert_eq!(nesting(query), depth, "{query}");
        }
    }

    #[test]
    fn deep_values_are_refused_before_they_are_parsed() {
        let nested = |n: usize, open: &str, close: &str| format!("{{ a(b: {}1{}) }}", open.repeat(n), close.repeat(n));
        for (open, close) in [("[", "]"), ("{c:", "}"), ("[{c:", "}]")] {
            for n in [200, 2_000, 5_000, 100_000] {
                assert!(refusal(&nested(n, open, close)).contains("QUERY_NESTING_MAX"), "{n} {open}");
            }
            assert_eq!(refusal(&nested(45, open, close)), "", "{open}");
        }
        let default = format!("query($a: A = {}{}) {{ b }}", "[".repeat(3_000), "]".repeat(3_000));
        assert!(refusal(&default).contains("QUERY_NESTING_MAX"));
        assert!(refusal(&"{a".repeat(3_000)).contains("QUERY_NESTING_MAX"));
        assert!(refusal(&format!("query($a: {}) {{ b }}", "[".repeat(3_000))).contains("QUERY_NESTING_MAX"));
    }

    #[test]
    fn fragments_that_multiply_are_counted_without_being_walked() {
        let doubling = |levels: usize, spreads: usize| {
            let fragment = |n: usize| {
                let next = format!("...f{} ", n + 1).repeat(spreads);
                format!("fragment f{n} on Query {{ {} }}", if n + 1 == levels { "a".to_owned() } else { next })
            };
            format!("{{ ...f0 }} {}", (0..levels).map(fragment).collect::<Vec<_>>().join(" "))
        };
        for (levels, spreads) in [(14, 2), (24, 2), (22, 3), (22, 100), (80, 50)] {
            assert!(refusal(&doubling(levels, spreads)).contains("QUERY_SELECTIONS_MAX"), "{levels} {spreads}");
        }
        assert_eq!(refusal(&doubling(10, 2)), "");
        assert!(refusal(&doubling(20_000, 1)).contains("QUERY_NESTING_MAX"), "a long chain");
        assert!(refusal(&format!("{{ {} }}", "__typename ".repeat(5_001))).contains("QUERY_SELECTIONS_MAX"));
    }

    #[test]
    fn a_fragment_that_leads_to_itself_is_refused() {
        for query in [
            "{ ...a } fragment a on Query { ...a ...a }",
            "{ ...a } fragment a on Query { b { ...c } } fragment c on Query { ... { ...a } }",
        ] {
            assert!(refusal(query).contains("leads to itself"), "{query}");
        }
        assert_eq!(refusal("{ ...a } "), "", "told by the validation");
    }

    #[test]
    fn a_mutation_that_stands_twice_is_refused() {
        for query in [
            "mutation { a { b } a { b } }",
            "mutation { a { b } ... { a { c } } }",
            "mutation { ...f ...f } fragment f on Mutation { a { b } }",
            "mutation { x: a { b } x: c { b } }",
        ] {
            assert!(refusal(query).contains("stands twice"), "{query}");
        }
        assert_eq!(refusal("mutation { a { b b } c: a { b } }"), "");
        assert_eq!(refusal("{ a a }"), "");
    }
}
