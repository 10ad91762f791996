//! SUMMARY    The schema as a graph: for each object type a way to one of its objects, for each query and mutation its sample.

use super::samples::{self, MUTATIONS, QUERIES};
use crate::isolation;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// All types, their fields, what the fields take and give.
pub const INTROSPECTION: &str = "{ __schema { types { name kind fields { name args { name type { kind ofType { name } } } \
     type { name kind ofType { name kind ofType { name kind ofType { name kind } } } } } inputFields { name } } } }";

/// How an object of a type is reached.
pub struct Way {
    pub of: String,
    /// The query, as it is called.
    call: String,
    /// Fields from there, each as its name.
    pub path: Vec<String>,
    /// The type's fields as they are asked for.
    pub fields: Vec<String>,
}

impl Way {
    /// Asks for some of the fields.
    pub fn query(&self, fields: &[String]) -> String {
        let open: String = self.path.iter().map(|field| format!("{field} {{ ")).collect();
        let on = if self.of == "Node" { String::new() } else { format!("... on {} ", self.of) };
        let asked = format!("{on}{{ __typename {} }}", fields.join(" "));
        let asked = if on.is_empty() { asked.trim_matches(['{', '}']).to_owned() } else { asked };
        format!("{{ r: {} {{ {open}{asked}{} }} }}", self.call, " }".repeat(self.path.len()))
    }
}

/// A query as it is called, `{ r: CALL { … } }` of isolation.rs where samples.rs has none.
fn sample(query: &Value) -> &'static str {
    let name = query["name"].as_str().unwrap();
    let isolated =
        isolation::QUERIES.iter().filter_map(|(of, text)| Some((*of, text.strip_prefix("{ r: ")?.split(" {").next()?)));
    let sampled = QUERIES.iter().copied().chain(isolated).find(|(of, _)| *of == name);
    sampled.unwrap_or_else(|| panic!("Query.{name} has no sample")).1
}

pub struct Graph {
    pub ways: Vec<Way>,
    /// Queries, mutations and subscriptions with their samples.
    pub roots: Vec<(String, String)>,
    /// Fields that only mutations lead to, with which.
    pub of_mutations: BTreeMap<String, String>,
}

struct Types<'a>(BTreeMap<&'a str, &'a Value>);

impl<'a> Types<'a> {
    fn of(introspection: &'a Value) -> Types<'a> {
        let types = introspection["data"]["__schema"]["types"].as_array().unwrap().iter();
        Types(types.map(|t| (t["name"].as_str().unwrap(), t)).collect())
    }

    /// Every field of a type, and of the objects that these lead to.
    fn expanded(&self, of: &str, depth: usize) -> String {
        let mut selection = Vec::new();
        for field in self.fields(of) {
            let asked = self.asked(field);
            match self.object(field) {
                None => selection.push(asked),
                Some(_) if depth == 0 => {}
                Some(object) => {
                    let inner = self.expanded(object, depth - 1);
                    selection.push(asked.replace("__typename", &inner));
                }
            }
        }
        selection.join(" ")
    }

    fn fields(&self, of: &str) -> Vec<&'a Value> {
        self.0.get(of).and_then(|t| t["fields"].as_array()).into_iter().flatten().collect()
    }

    /// The object type that a field gives.
    fn object(&self, field: &'a Value) -> Option<&'a str> {
        let mut at = &field["type"];
        while at["name"].is_null() {
            at = &at["ofType"];
        }
        let name = at["name"].as_str()?;
        (!self.fields(name).is_empty()).then_some(name)
    }

    /// A field as it is asked for, with the page it must name.
    fn asked(&self, field: &'a Value) -> String {
        let args: Vec<&str> =
            field["args"].as_array().into_iter().flatten().filter_map(|a| a["name"].as_str()).collect();
        let page = if args.contains(&"first") { "(first: 1)" } else { "" };
        let name = field["name"].as_str().unwrap();
        let inner = if self.object(field).is_some() { " { __typename }" } else { "" };
        format!("{name}{page}{inner}")
    }

    /// Whether the schema takes the terms of a mutation with its input.
    fn has_terms(&self, mutation: &'a Value) -> bool {
        let input = mutation["args"][0]["type"]["ofType"]["name"].as_str();
        let inputs = input.and_then(|input| self.0.get(input)).and_then(|t| t["inputFields"].as_array());
        inputs.into_iter().flatten().any(|f| f["name"] == "dryRun")
    }
}

impl Graph {
    pub fn of(introspection: &Value) -> Graph {
        let types = Types::of(introspection);
        let mut graph = Graph { ways: Vec::new(), roots: Vec::new(), of_mutations: BTreeMap::new() };
        graph.queries(&types);
        graph.mutations(&types);
        for field in types.fields("Subscription") {
            let name = field["name"].as_str().unwrap();
            let sampled = samples::SUBSCRIPTIONS.iter().find(|(of, _)| *of == name);
            let (_, call) = sampled.unwrap_or_else(|| panic!("Subscription.{name} has no sample"));
            graph
                .roots
                .push((format!("Subscription.{name}"), format!("subscription {{ r: {call} {{ __typename }} }}")));
        }
        graph
    }

    fn queries(&mut self, types: &Types<'_>) {
        let (mut next, mut seen) = (VecDeque::new(), BTreeSet::new());
        for field in types.fields("Query") {
            let (name, call) = (field["name"].as_str().unwrap(), sample(field));
            let object = types.object(field);
            let asked = if object.is_some() { " { __typename }" } else { "" };
            self.roots.push((format!("Query.{name}"), format!("{{ r: {call}{asked} }}")));
            next.extend(object.map(|object| (object, call.to_owned(), Vec::<String>::new())));
        }
        for (of, call, path) in samples::WAYS {
            next.push_front((of, (*call).to_owned(), path.iter().map(|field| (*field).to_owned()).collect()));
        }
        while let Some((of, call, path)) = next.pop_front() {
            if !seen.insert(of.to_owned()) {
                continue;
            }
            for field in types.fields(of) {
                if let Some(object) = types.object(field) {
                    let step = types.asked(field).replace(" { __typename }", "");
                    next.push_back((object, call.clone(), [path.clone(), vec![step]].concat()));
                }
            }
            let fields = types.fields(of).into_iter().map(|f| types.asked(f)).collect();
            self.ways.push(Way { of: of.to_owned(), call, path, fields });
        }
    }

    fn mutations(&mut self, types: &Types<'_>) {
        let queried: BTreeSet<String> = self.ways.iter().map(|way| way.of.clone()).collect();
        let mut leading: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for field in types.fields("Mutation") {
            let name = field["name"].as_str().unwrap();
            let isolated = isolation::MUTATIONS.iter().chain(isolation::BULKS).chain(isolation::SYNCS);
            let mut samples = MUTATIONS.iter().chain(isolated).filter(|(field, _)| *field == name);
            let (_, input) = samples.next().unwrap_or_else(|| panic!("Mutation.{name} has no sample"));
            let is_sync = isolation::SYNCS.iter().any(|(sync, _)| *sync == name);
            let terms = match (types.has_terms(field), is_sync || input.contains("idempotencyKey")) {
                (true, true) => ", dryRun: true",
                (true, false) => ", dryRun: true, idempotencyKey: \"golden\"",
                (false, _) => "",
            };
            let input = format!("{input}{terms}");
            let call = match field["args"].as_array().is_some_and(Vec::is_empty) {
                true => name.to_owned(),
                false => format!("{name}(input: {{ {} }})", input.trim_start_matches(", ")),
            };
            let payload = types.object(field).unwrap();
            let results = types.fields(payload).into_iter().any(|f| f["name"] == "results");
            let results = if results { "results { userErrors { code } } " } else { "" };
            self.roots.push((
                format!("Mutation.{name}"),
                format!("mutation {{ r: {call} {{ {results}userErrors {{ code message }} }} }}"),
            ));
            let mut next = vec![payload];
            while let Some(of) = next.pop().filter(|of| !queried.contains(*of)) {
                if leading.entry(of.to_owned()).or_default().insert(name.to_owned()) {
                    next.extend(
                        types
                            .fields(of)
                            .into_iter()
                            .filter_map(|f| types.object(f))
                            .filter(|of| !queried.contains(*of)),
                    );
                }
            }
        }
        for (of, mutations) in leading {
            let mutations = mutations.into_iter().collect::<Vec<_>>().join(" ");
            for field in types.fields(&of) {
                self.of_mutations.insert(format!("{of}.{}", field["name"].as_str().unwrap()), mutations.clone());
            }
        }
    }
}

/// A connection with everything that can be asked of its items.
pub struct Pages {
    /// The query that gives it.
    pub of: String,
    call: &'static str,
    selection: String,
    /// `totalCount `, where the connection counts.
    count: &'static str,
}

impl Pages {
    /// Asks for so many items.
    pub fn query(&self, first: usize) -> String {
        let call = self.call.replace("first: 5", "first: 1").replace("first: 1", &format!("first: {first}"));
        format!("{{ r: {call} {{ {}nodes {{ {} }} }} }}", self.count, self.selection)
    }
}

/// How far a selection follows objects.
const PAGES_DEPTH: usize = 3;

impl Graph {
    /// Every query that gives a connection.
    pub fn pages(introspection: &Value) -> Vec<Pages> {
        let types = Types::of(introspection);
        let mut pages = Vec::new();
        for field in types.fields("Query") {
            let Some(connection) = types.object(field) else { continue };
            let Some(nodes) = types.fields(connection).into_iter().find(|f| f["name"] == "nodes") else { continue };
            let (of, call) = (field["name"].as_str().unwrap(), sample(field));
            let selection = types.expanded(types.object(nodes).unwrap(), PAGES_DEPTH);
            let counts = types.fields(connection).into_iter().any(|f| f["name"] == "totalCount");
            pages.push(Pages { of: of.to_owned(), call, selection, count: if counts { "totalCount " } else { "" } });
        }
        pages
    }
}
