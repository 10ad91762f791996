//! SUMMARY    Variables of a request as its query declares them: defaults stand in for what was left out; what was left out and has none
//!            is as if its arguments were not there.
//! STANDARDS  GraphQL (October 2021) §6.1.2 (coercing variable values), §6.4.1 (coercing argument values), §3.10 (input objects)
//! INVARIANTS `@include` and `@skip` see the same values as arguments do: the engine reads what was sent only, and takes a
//!            variable that is missing there for false, or for null.

use crate::{failure::top_level, shape};
use async_graphql::{
    Name, Pos, Positioned, Request, ServerResult, Variables,
    async_trait::async_trait,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextPrepareRequest},
    parser::types::{Directive, DocumentOperations, ExecutableDocument, OperationDefinition, Selection, SelectionSet},
};
use async_graphql_value::Value;
use std::{collections::HashSet, sync::Arc};

/// Completes the variables of every request, however it came.
pub(crate) struct Defaults;

impl ExtensionFactory for Defaults {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Defaults)
    }
}

#[async_trait]
impl Extension for Defaults {
    async fn prepare_request(
        &self,
        ctx: &ExtensionContext<'_>,
        request: Request,
        next: NextPrepareRequest<'_>,
    ) -> ServerResult<Request> {
        let mut request = next.run(ctx, request).await?;
        let mut document = shape::parse(&request.query)?;
        complete(&document, request.operation_name.as_deref(), &mut request.variables)
            .map_err(|why| top_level("INVALID", why).into_server_error(Pos::default()))?;
        omit(&mut document, &request.variables);
        request.set_parsed_query(document);
        Ok(request)
    }
}

/// Fills defaults in. `Err`: a variable that must be given was not; the query itself is judged later.
fn complete(document: &ExecutableDocument, wanted: Option<&str>, variables: &mut Variables) -> Result<(), String> {
    let operation = match (&document.operations, wanted) {
        (DocumentOperations::Single(operation), _) => operation,
        (DocumentOperations::Multiple(all), Some(name)) => match all.get(name) {
            Some(operation) => operation,
            None => return Ok(()),
        },
        (DocumentOperations::Multiple(_), None) => return Ok(()),
    };
    for declared in &operation.node.variable_definitions {
        let name = &declared.node.name.node;
        if variables.contains_key(name) {
            continue;
        }
        match &declared.node.default_value {
            Some(value) => drop(variables.insert(name.clone(), value.node.clone())),
            None if declared.node.var_type.node.nullable => {}
            None => return Err(format!("The variable ${name} is needed")),
        }
    }
    Ok(())
}

/// Takes out what stands on variables that were left out, and their declarations. One that a directive names stays.
fn omit(document: &mut ExecutableDocument, given: &Variables) {
    let mut absent = HashSet::new();
    let mut needed = HashSet::new();
    for (_, operation) in document.operations.iter() {
        for declared in &operation.node.variable_definitions {
            let name = &declared.node.name.node;
            let is_absent = declared.node.default_value.is_none() && !given.contains_key(name);
            if is_absent {
                absent.insert(name.clone())
            } else {
                needed.insert(name.clone())
            };
        }
        named_by(&operation.node.directives, &mut needed);
        named_within(&operation.node.selection_set.node, &mut needed);
    }
    for fragment in document.fragments.values() {
        named_by(&fragment.node.directives, &mut needed);
        named_within(&fragment.node.selection_set.node, &mut needed);
    }
    absent.retain(|name| !needed.contains(name));
    if absent.is_empty() {
        return;
    }
    let clear = |operation: &mut OperationDefinition| {
        operation.variable_definitions.retain(|d| !absent.contains(&d.node.name.node));
        omit_within(&mut operation.selection_set.node, &absent);
    };
    match &mut document.operations {
        DocumentOperations::Single(operation) => clear(&mut operation.node),
        DocumentOperations::Multiple(all) => all.values_mut().for_each(|operation| clear(&mut operation.node)),
    }
    for fragment in document.fragments.values_mut() {
        omit_within(&mut fragment.node.selection_set.node, &absent);
    }
}

fn omit_within(set: &mut SelectionSet, absent: &HashSet<Name>) {
    for selection in &mut set.items {
        match &mut selection.node {
            Selection::Field(field) => {
                field.node.arguments.retain_mut(|(_, value)| stays(&mut value.node, absent));
                omit_within(&mut field.node.selection_set.node, absent);
            }
            Selection::InlineFragment(inline) => omit_within(&mut inline.node.selection_set.node, absent),
            Selection::FragmentSpread(_) => {}
        }
    }
}

/// Whether a value is there at all; within it, fields that are not go, and items of lists become null.
fn stays(value: &mut Value, absent: &HashSet<Name>) -> bool {
    match value {
        Value::Variable(name) => return !absent.contains(name),
        Value::Object(fields) => fields.retain(|_, field| stays(field, absent)),
        Value::List(items) => {
            for item in items {
                if !stays(item, absent) {
                    *item = Value::Null;
                }
            }
        }
        Value::Null | Value::Number(_) | Value::String(_) | Value::Boolean(_) | Value::Binary(_) | Value::Enum(_) => {}
    }
    true
}

/// Variables that directives name.
fn named_within(set: &SelectionSet, names: &mut HashSet<Name>) {
    for selection in &set.items {
        let (directives, below) = match &selection.node {
            Selection::Field(field) => (&field.node.directives, Some(&field.node.selection_set.node)),
            Selection::InlineFragment(inline) => (&inline.node.directives, Some(&inline.node.selection_set.node)),
            Selection::FragmentSpread(spread) => (&spread.node.directives, None),
        };
        named_by(directives, names);
        if let Some(below) = below {
            named_within(below, names);
        }
    }
}

fn named_by(directives: &[Positioned<Directive>], names: &mut HashSet<Name>) {
    let values = directives.iter().flat_map(|d| &d.node.arguments);
    names.extend(values.filter_map(|(_, value)| match &value.node {
        Value::Variable(name) => Some(name.clone()),
        _ => None,
    }));
}
