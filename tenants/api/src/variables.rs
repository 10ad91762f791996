//! SUMMARY    Variables of a request as its query declares them: defaults stand in for what was left out.
//! STANDARDS  GraphQL (October 2021) §6.1.2 (coercing variable values)
//! INVARIANTS `@include` and `@skip` see the same values as arguments do: the engine reads what was sent only, and takes a
//!            variable that is missing there for false.

use crate::{failure::top_level, shape};
use async_graphql::{
    Name, Pos, Request, ServerResult, Value,
    async_trait::async_trait,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextPrepareRequest},
    parser::types::DocumentOperations,
};
use std::sync::Arc;

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
        let document = shape::parse(&request.query)?;
        request.set_parsed_query(document);
        complete(&mut request).map_err(|why| top_level("INVALID", why).into_server_error(Pos::default()))?;
        Ok(request)
    }
}

/// Fills defaults in. `Err`: a variable that must be given was not; the query itself is judged later.
fn complete(request: &mut Request) -> Result<(), String> {
    let wanted = request.operation_name.clone();
    let Ok(document) = request.parsed_query() else { return Ok(()) };
    let operation = match (&document.operations, wanted) {
        (DocumentOperations::Single(operation), _) => operation,
        (DocumentOperations::Multiple(all), Some(name)) => match all.get(name.as_str()) {
            Some(operation) => operation,
            None => return Ok(()),
        },
        (DocumentOperations::Multiple(_), None) => return Ok(()),
    };
    let declared = operation.node.variable_definitions.iter().map(|d| {
        let default = d.node.default_value.as_ref().map(|value| value.node.clone());
        (d.node.name.node.clone(), d.node.var_type.node.nullable, default)
    });
    let declared: Vec<(Name, bool, Option<Value>)> = declared.collect();
    for (name, nullable, default) in declared {
        if request.variables.contains_key(&name) {
            continue;
        }
        match default {
            Some(value) => drop(request.variables.insert(name, value)),
            None if nullable => {}
            None => return Err(format!("The variable ${name} is needed")),
        }
    }
    Ok(())
}
