//! SUMMARY    `expand[]`: objects in the place of their ids.
//! LIMITS     DEPTH_MAX

use crate::{model::Model, problem::Problem};
use serde_json::Value;

/// Stripe's own.
const DEPTH_MAX: usize = 4;

pub fn expand(model: &Model, body: &mut Value, path: &str) -> Result<(), Problem> {
    let parts: Vec<&str> = path.split('.').collect();
    if parts.len() > DEPTH_MAX {
        return Err(Problem::invalid(
            "expand",
            format!("You cannot expand more than {DEPTH_MAX} levels of a property"),
        ));
    }
    walk(model, body, &parts);
    Ok(())
}

fn walk(model: &Model, value: &mut Value, parts: &[&str]) {
    let Some((first, rest)) = parts.split_first() else { return };
    if let (Some("invoice"), "payments") = (value.get("object").and_then(Value::as_str), *first) {
        let id = value.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let (Some(map), Some(invoice)) = (value.as_object_mut(), model.invoices.get(&id)) {
            map.insert("payments".into(), invoice.payments_json());
        }
    }
    match value.get_mut(*first) {
        Some(Value::Array(all)) => all.iter_mut().for_each(|one| walk(model, one, rest)),
        Some(inner) => {
            if let Some(object) = inner.as_str().and_then(|id| model.object(id)) {
                *inner = object;
            }
            walk(model, inner, rest);
        }
        None => {}
    }
}

impl Model {
    /// Any object that may stand in another one.
    pub(crate) fn object(&self, id: &str) -> Option<Value> {
        match id.split('_').next().unwrap_or_default() {
            "cus" => self.customers.get(id).map(|found| found.json(self)),
            "pm" => self.methods.get(id).map(|found| found.json()),
            "sub" => self.subscriptions.get(id).map(|found| found.json(self)),
            "in" => self.invoices.get(id).map(|found| found.json(self)),
            "pi" => self.intents.get(id).map(|found| found.json()),
            "ch" => self.charges.get(id).map(|found| found.json()),
            "price" => self.prices.get(id).map(|found| found.json()),
            _ => self.products.get(id).map(|found| found.json()),
        }
    }
}
