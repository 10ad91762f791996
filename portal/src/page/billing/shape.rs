//! SUMMARY    Invoices, subscriptions and plans as several operations answer them alike.
//! INVARIANTS Values of enums are their words in the schema: one that is not known here is shown as another one.

use crate::trouble::Trouble;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Invoice {
    pub(crate) id: String,
    pub(crate) number: Option<String>,
    pub(crate) state: String,
    pub(crate) total: String,
    pub(crate) paid: String,
    pub(crate) refunded: String,
    pub(crate) owed: String,
    pub(crate) issued_at: String,
    pub(crate) due_at: String,
    pub(crate) failed: bool,
    pub(crate) page_url: Option<String>,
    pub(crate) pdf_url: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Item {
    pub(crate) component: String,
    pub(crate) title: String,
    pub(crate) quantity: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Period {
    pub(crate) end: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct BoughtPlan {
    pub(crate) id: String,
    pub(crate) family: String,
    pub(crate) title: String,
}

/// A subscription.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Bought {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) plan: BoughtPlan,
    pub(crate) items: Vec<Item>,
    pub(crate) interval: String,
    pub(crate) total: String,
    pub(crate) period: Period,
    pub(crate) trial_ends_at: Option<String>,
    pub(crate) ends_at: Option<String>,
    pub(crate) ended_at: Option<String>,
}

impl Invoice {
    /// Whether it is still to be paid: also one that the provider gave up asking for, and one of which the bank took money back.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state.as_str(), "OPEN" | "UNCOLLECTIBLE") || self.is_taken_back()
    }

    /// Whether it was paid, and the bank took money back that is owed again.
    pub(crate) fn is_taken_back(&self) -> bool {
        self.state == "PAID" && !super::words::is_nothing(&self.owed)
    }
}

impl Bought {
    /// Whether it was not ended.
    pub(crate) fn is_live(&self) -> bool {
        self.ended_at.is_none() && self.status != "CANCELLED"
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Unit {
    pub(crate) least: i64,
    pub(crate) most: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Metered {
    pub(crate) meter: String,
    pub(crate) included: i64,
    pub(crate) per: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Component {
    pub(crate) key: String,
    pub(crate) title: String,
    pub(crate) unit: Option<Unit>,
    pub(crate) metered: Option<Metered>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Price {
    pub(crate) component: Option<String>,
    pub(crate) interval: String,
    pub(crate) unit: String,
}

impl Price {
    pub(crate) fn currency(&self) -> &str {
        self.unit.rsplit(' ').next().unwrap_or_default()
    }
}

/// A version of a plan.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Plan {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) number: i64,
    pub(crate) family: String,
    pub(crate) title: String,
    pub(crate) state: String,
    /// For customers on this list alone; asked for by the pages that sell.
    #[serde(default)]
    pub(crate) price_list: Option<String>,
    pub(crate) trial_days: i64,
    pub(crate) components: Vec<Component>,
    pub(crate) prices: Vec<Price>,
}

impl Plan {
    /// Without those that say the same twice, in their order.
    fn each<'p>(&'p self, what: impl Fn(&'p Price) -> &'p str) -> Vec<&'p str> {
        let mut found: Vec<&str> = Vec::new();
        for price in &self.prices {
            if !found.contains(&what(price)) {
                found.push(what(price));
            }
        }
        found
    }

    pub(crate) fn currencies(&self) -> Vec<&str> {
        self.each(Price::currency)
    }

    pub(crate) fn intervals(&self) -> Vec<&str> {
        self.each(|price| &price.interval)
    }
}

/// The same thing, as every operation's answer says it. `Broken` when it lacks something, which operations of the pages do not.
pub(crate) fn known<T: DeserializeOwned>(node: &impl Serialize) -> Result<T, Trouble> {
    serde_json::to_value(node).and_then(serde_json::from_value).map_err(|error| {
        tracing::error!(%error, "portal: an answer lacks something");
        Trouble::Broken
    })
}

/// The word of an enum's value in the schema.
pub(crate) fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}
