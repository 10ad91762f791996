//! SUMMARY    Who may what: every field of every object type, every query, mutation and subscription, asked by every role, against
//!            tests/golden/authorisation.txt.
//! INVARIANTS Rows come from the schema: a new field is a new row, which the committed file lacks; a new query, mutation or
//!            subscription without a sample fails. Somebody reaches each row, so that no sample is empty. Mutations run dry.

pub mod graph;
mod samples;
mod world;

use crate::{plane::Desk, streams};
use graph::{Graph, Way};
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Write};
use world::{Role, World};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/authorisation.txt");

/// What one role was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Met {
    /// The object is reached; what stands in the field may be null.
    Allowed { null: bool },
    /// As if there were no such object.
    Nothing,
    /// The code of a refusal, in lower case.
    Refused(String),
}

impl Met {
    fn of_code(code: &str) -> Met {
        match code {
            "NOT_FOUND" => Met::Nothing,
            code => Met::Refused(code.to_lowercase()),
        }
    }

    fn text(&self, others_see_more: bool) -> &str {
        match self {
            Met::Allowed { null: true } if others_see_more => "null",
            Met::Allowed { .. } => "allowed",
            Met::Nothing => "null",
            Met::Refused(code) => code,
        }
    }
}

/// What an answer as a whole says; `None` when it has no error.
fn refusal(answer: &Value) -> Option<Met> {
    let code = answer.pointer("/errors/0/extensions/code")?.as_str().unwrap();
    Some(Met::of_code(code))
}

/// The objects at the end of a way: ids are random, so which one is the first of a list tells nothing.
fn reached<'a>(at: &'a Value, path: &[String]) -> Vec<&'a Value> {
    match (at, path) {
        (Value::Null, _) => Vec::new(),
        (Value::Array(list), _) => list.iter().flat_map(|item| reached(item, path)).collect(),
        (at, [field, rest @ ..]) => reached(&at[name(field)], rest),
        (at, []) => vec![at],
    }
}

/// The name of a field that is asked for with more.
fn name(field: &str) -> &str {
    field.split([' ', '(']).next().unwrap_or_default()
}

/// The fields of one type, as a role sees them.
async fn fields(world: &World, token: &str, way: &Way) -> Vec<Met> {
    let ask = async |fields: &[String]| world.desk.ask(token, &world.fill(&way.query(fields))).await;
    let met = |answer: &Value, field: &str| match refusal(answer) {
        Some(refused) => refused,
        None => match reached(&answer["data"]["r"], &way.path) {
            none if none.is_empty() => Met::Nothing,
            objects => Met::Allowed { null: objects.iter().all(|object| object[name(field)].is_null()) },
        },
    };
    let whole = ask(&way.fields).await;
    if refusal(&whole).is_none() {
        return way.fields.iter().map(|field| met(&whole, field)).collect();
    }
    let mut each = Vec::new();
    for field in &way.fields {
        each.push(met(&ask(std::slice::from_ref(field)).await, field));
    }
    each
}

/// A query, mutation or the beginning of a subscription, as a role is answered.
async fn root(world: &World, role: &Role, text: &str) -> Met {
    let text = world.fill(&text.replace("$N", role.name));
    let answer = match text.starts_with("subscription") {
        true => streams::first(&world.desk, &role.token, &text).await,
        false => world.desk.ask(&role.token, &text).await,
    };
    if let Some(refused) = refusal(&answer) {
        return refused;
    }
    let result = &answer["data"]["r"];
    let item = result.pointer("/results/0/userErrors/0/code");
    match result.pointer("/userErrors/0/code").or(item).and_then(Value::as_str) {
        Some(code) => Met::of_code(code),
        None if reached(result, &[]).is_empty() => Met::Nothing,
        None => Met::Allowed { null: false },
    }
}

/// What anybody may ask who signs up.
fn is_signup(name: &str) -> bool {
    samples::SIGNUP.contains(&name)
}

/// Row by row what each role met, in the order of the roles.
async fn table(world: &mut World, graph: &Graph) -> BTreeMap<String, Vec<Met>> {
    let mut table: BTreeMap<String, Vec<Met>> = BTreeMap::new();
    let roles = std::mem::take(&mut world.roles);
    for role in &roles {
        // What the roles before have spent is no matter here.
        world.desk.refresh();
        match role.name {
            "unpaid-owner" => world.hold("BILLING").await,
            "suspended-owner" => world.hold("ADMIN").await,
            _ => {}
        }
        for way in &graph.ways {
            for (field, met) in way.fields.iter().zip(fields(world, &role.token, way).await) {
                table.entry(format!("{}.{}", way.of, name(field))).or_default().push(met);
            }
        }
        for (name, text) in &graph.roots {
            let row = table.entry(name.clone()).or_default();
            let met = match root(world, role, text).await {
                // Who signs up is nobody: roles share a network, and what it may ask has been asked.
                Met::Refused(code) if code == "throttled" && is_signup(name) && !row.is_empty() => row[0].clone(),
                met => met,
            };
            row.push(met);
        }
    }
    world.roles = roles;
    table
}

#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "whether to write the file is told by the environment")]
async fn who_may_what_is_what_the_committed_file_says() {
    let mut world = World::new().await;
    let graph = Graph::of(&world.desk.ask(&world.desk.operator, graph::INTROSPECTION).await);
    let table = table(&mut world, &graph).await;
    let mut text = String::from(
        "# POSTHOUSE_UPDATE_GOLDEN=1 cargo nextest run -p api -E 'test(authorisation)' writes this file\n",
    );
    let column = |text: &mut String, cell: &str| write!(text, " {cell:<16}").unwrap();
    write!(text, "{:<48}", "field").unwrap();
    world.roles.iter().for_each(|role| column(&mut text, role.name));
    let mut wrong = Vec::new();
    for (field, row) in &table {
        let reached = row.iter().any(|met| matches!(met, Met::Allowed { .. }));
        if reached == samples::UNREACHED.contains(&field.as_str()) {
            wrong.push(format!("{field}: the sample is empty, or UNREACHED is wrong: {row:?}"));
        }
        let failed =
            |met: &Met| matches!(met, Met::Refused(code) if ["internal", "throttled"].contains(&code.as_str()));
        if row.iter().any(failed) {
            wrong.push(format!("{field}: this is no answer: {row:?}"));
        }
        text.truncate(text.trim_end().len());
        write!(text, "\n{field:<48}").unwrap();
        let some_value = row.contains(&Met::Allowed { null: false });
        row.iter().for_each(|met| column(&mut text, met.text(some_value)));
    }
    text.truncate(text.trim_end().len());
    text.push_str("\n# Reached through mutations only\n");
    for (field, mutations) in &graph.of_mutations {
        writeln!(text, "{field:<48} {mutations}").unwrap();
    }
    if std::env::var("POSTHOUSE_UPDATE_GOLDEN").is_ok() {
        std::fs::write(GOLDEN, &text).unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let committed = std::fs::read_to_string(GOLDEN).unwrap_or_default();
    for (is, was) in text.lines().zip(committed.lines()) {
        assert_eq!(is, was, "POSTHOUSE_UPDATE_GOLDEN=1 writes the file; read the difference");
    }
    assert_eq!(text.lines().count(), committed.lines().count(), "a field came or went");
}

/// The rows are those of the schema itself: none is left out by how they are found.
#[tokio::test]
async fn every_field_of_the_schema_has_a_row() {
    let desk = Desk::new().await;
    let graph = Graph::of(&desk.ask(&desk.operator, graph::INTROSPECTION).await);
    let mut rows: Vec<String> = graph.roots.iter().map(|(name, _)| name.clone()).collect();
    rows.extend(graph.of_mutations.keys().cloned());
    for way in &graph.ways {
        rows.extend(way.fields.iter().map(|f| format!("{}.{}", way.of, name(f))));
    }
    rows.sort();
    // Read from the committed text, not from the introspection.
    let mut named = Vec::new();
    let (mut of, mut quoted) = (None, false);
    for line in include_str!("../../../schema.graphql").lines() {
        if line.trim() == "\"\"\"" {
            quoted = !quoted;
        } else if let Some(rest) = line.strip_prefix("type ").or(line.strip_prefix("interface ")).filter(|_| !quoted) {
            of = rest.split(' ').next();
        } else if line == "}" {
            of = None;
        } else if let (Some(of), false, Some(field)) = (of, quoted, line.strip_prefix('\t')) {
            named.push(format!("{of}.{}", field.split([':', '(']).next().unwrap_or_default()));
        }
    }
    named.sort();
    assert!(named.len() > 300, "{}", named.len());
    assert_eq!(rows, named);
}
