//! SUMMARY    Plans: what is sold, in versions that never change, and at which prices.
//! LIMITS     COMPONENTS_MAX, PRICES_MAX, TRIAL_DAYS_MAX, QUANTITY_MAX, KEY_CHARS_MAX
//! INVARIANTS A plan that was checked prices all it sells in every currency and interval it is offered in. What a customer bought
//!            names its version: a new version is another plan to it.

use crate::{Currency, Error, Grants, Money, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use tenants::only_seen;

pub const COMPONENTS_MAX: usize = 32;
pub const PRICES_MAX: usize = 1_000;
pub const TRIAL_DAYS_MAX: u32 = 365;
/// How many of one component are bought at most.
pub const QUANTITY_MAX: u64 = 1_000_000;
pub const KEY_CHARS_MAX: usize = 40;

/// How often it is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Interval {
    Month,
    Year,
}

/// What is counted of a metered component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Meter {
    /// Recipients of outgoing messages.
    OutgoingRecipients,
    /// Gibibytes stored, the highest hour of each day, by day.
    StorageGibDays,
}

/// How a component is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", tag = "by")]
pub enum Charge {
    /// In advance, for each one bought: mailboxes, storage, a day's outgoing messages. `least` come with the plan and are paid too.
    Unit { least: u64, most: u64 },
    /// Afterwards, for each `per` begun beyond `included` of a period.
    Metered { meter: Meter, included: u64, per: u64 },
}

/// A part of a plan that is bought by number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    /// Unique in the plan: small letters, digits, `-`.
    pub key: String,
    pub title: String,
    pub charge: Charge,
    /// What each one adds to what the customer may have.
    pub grants: Grants,
}

/// What one unit costs in one currency and interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// `None`: the plan itself, once.
    pub component: Option<String>,
    pub interval: Interval,
    pub unit: Money,
}

/// One version of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The same in all versions: small letters, digits, `-`.
    pub key: String,
    /// From 1, rising.
    pub version: u32,
    /// A tenant has one live subscription of each family (S5).
    pub family: String,
    pub title: String,
    /// What the plan alone comes with.
    pub grants: Grants,
    pub components: Vec<Component>,
    /// Empty: free.
    pub prices: Vec<Price>,
    /// Days before the first payment, once per customer; 0: none.
    pub trial_days: u32,
}

/// So many of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    pub component: String,
    pub quantity: u64,
}

impl Plan {
    /// Whether it costs nothing, whatever of it is bought.
    pub fn is_free(&self) -> bool {
        self.prices.iter().all(|price| price.unit.is_zero())
    }

    pub fn component(&self, key: &str) -> Option<&Component> {
        self.components.iter().find(|c| c.key == key)
    }

    /// What it gives with so many of its components. Errors: `Invalid` for one that it has not.
    pub fn comes_with(&self, items: &[Item]) -> Result<Grants> {
        let mut grants = self.grants;
        for item in items {
            let component = self.component(&item.component);
            let component = component.ok_or_else(|| Error::invalid("items", "The plan has no such component"))?;
            grants = grants.plus(component.grants.times(item.quantity));
        }
        Ok(grants)
    }

    /// Currencies and intervals that it is offered in.
    pub fn offers(&self) -> BTreeSet<(Currency, Interval)> {
        self.prices.iter().map(|p| (p.unit.currency(), p.interval)).collect()
    }

    /// The price of one unit; `None` when it is not offered so.
    pub fn price(&self, component: Option<&str>, currency: Currency, interval: Interval) -> Option<Money> {
        let is_it =
            |p: &&Price| p.component.as_deref() == component && p.interval == interval && p.unit.currency() == currency;
        self.prices.iter().find(is_it).map(|p| p.unit)
    }

    /// Looks whether it can be sold. Errors: `Invalid` with the field that is wrong.
    pub fn check(&self) -> Result<()> {
        check_key("key", &self.key)?;
        check_key("family", &self.family)?;
        check_title("title", &self.title)?;
        if self.version == 0 {
            return Err(Error::invalid("version", "Versions begin at 1"));
        }
        if self.trial_days > TRIAL_DAYS_MAX {
            return Err(Error::invalid("trialDays", format!("TRIAL_DAYS_MAX is {TRIAL_DAYS_MAX}")));
        }
        self.check_components()?;
        self.check_prices()
    }

    fn check_components(&self) -> Result<()> {
        if self.components.len() > COMPONENTS_MAX {
            return Err(Error::invalid("components", format!("COMPONENTS_MAX is {COMPONENTS_MAX}")));
        }
        for (n, component) in self.components.iter().enumerate() {
            let field = |part: &str| format!("components.{n}.{part}");
            check_key(&field("key"), &component.key)?;
            check_title(&field("title"), &component.title)?;
            if self.components.iter().take(n).any(|c| c.key == component.key) {
                return Err(Error::invalid(field("key"), "Another component has this key"));
            }
            match component.charge {
                Charge::Unit { least, most } if least > most || most > QUANTITY_MAX => {
                    return Err(Error::invalid(field("charge"), "least <= most <= QUANTITY_MAX must hold"));
                }
                Charge::Metered { per: 0, .. } => return Err(Error::invalid(field("charge"), "per must not be 0")),
                Charge::Metered { .. } if component.grants != Grants::default() => {
                    return Err(Error::invalid(field("grants"), "What is metered is not bought and grants nothing"));
                }
                Charge::Unit { .. } | Charge::Metered { .. } => {}
            }
        }
        Ok(())
    }

    fn check_prices(&self) -> Result<()> {
        if self.prices.len() > PRICES_MAX {
            return Err(Error::invalid("prices", format!("PRICES_MAX is {PRICES_MAX}")));
        }
        let mut seen = BTreeSet::new();
        for (n, price) in self.prices.iter().enumerate() {
            let field = format!("prices.{n}");
            if price.unit.is_negative() {
                return Err(Error::invalid(field, "A price is not below zero"));
            }
            if price.component.as_deref().is_some_and(|key| self.component(key).is_none()) {
                return Err(Error::invalid(field, "The plan has no such component"));
            }
            if !seen.insert((price.component.clone(), price.unit.currency(), price.interval)) {
                return Err(Error::invalid(field, "This has a price in this currency and interval already"));
            }
        }
        for (currency, interval) in self.offers() {
            let parts = std::iter::once(None).chain(self.components.iter().map(|c| Some(c.key.as_str())));
            for part in parts {
                if self.price(part, currency, interval).is_none() {
                    let what = part.unwrap_or("the plan itself");
                    let text = format!("{what} has no price in {currency} by {interval:?}, though others have");
                    return Err(Error::invalid("prices", text));
                }
            }
        }
        Ok(())
    }

    /// What is bought, complete: a component that is not named comes with its `least`. Errors: `Invalid` for one that the plan has not
    /// or that is metered, for too few and too many.
    pub fn bought(&self, items: &[Item]) -> Result<Vec<Item>> {
        let unit = |key: &str| match self.component(key).map(|c| c.charge) {
            Some(Charge::Unit { least, most }) => Some((least, most)),
            Some(Charge::Metered { .. }) | None => None,
        };
        for (n, item) in items.iter().enumerate() {
            let Some((least, most)) = unit(&item.component) else {
                return Err(Error::invalid(format!("items.{n}.component"), "Nothing of this name is bought by number"));
            };
            if items.iter().take(n).any(|i| i.component == item.component) {
                return Err(Error::invalid(format!("items.{n}.component"), "It is named twice"));
            }
            if !(least..=most).contains(&item.quantity) {
                let text = format!("Of this, {least} to {most} are bought");
                return Err(Error::invalid(format!("items.{n}.quantity"), text));
            }
        }
        let quantity = |key: &str, least| items.iter().find(|i| i.component == key).map_or(least, |i| i.quantity);
        let complete = self.components.iter().filter_map(|c| match c.charge {
            Charge::Unit { least, .. } => Some(Item { component: c.key.clone(), quantity: quantity(&c.key, least) }),
            Charge::Metered { .. } => None,
        });
        Ok(complete.collect())
    }
}

pub(crate) fn check_key(field: &str, key: &str) -> Result<()> {
    let is_key = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if key.is_empty() || key.len() > KEY_CHARS_MAX || !key.bytes().all(is_key) {
        return Err(Error::invalid(field, format!("1 to {KEY_CHARS_MAX} of small letters, digits and -")));
    }
    Ok(())
}

fn check_title(field: &str, title: &str) -> Result<()> {
    if title.trim().is_empty() || title.chars().count() > 2 * KEY_CHARS_MAX || title.chars().any(char::is_control) {
        return Err(Error::invalid(field, format!("1 to {} characters on one line", 2 * KEY_CHARS_MAX)));
    }
    if only_seen(title) != title {
        return Err(Error::invalid(field, "Characters that are not seen, or turn the line"));
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// 3 EUR a month for each mailbox, 5 GiB more for 1 EUR, 1 EUR for each 1,000 recipients beyond 10,000; ten months are a year.
    pub(crate) fn business() -> Plan {
        let gib = 1 << 30;
        let price = |component: Option<&str>, month: i64| {
            [(Interval::Month, month), (Interval::Year, month * 10)].map(|(interval, minor)| Price {
                component: component.map(str::to_owned),
                interval,
                unit: Money::new(minor, Currency::EUR).unwrap(),
            })
        };
        let prices =
            [price(None, 200), price(Some("mailbox"), 300), price(Some("storage"), 100), price(Some("more"), 100)];
        let component = |key: &str, charge, grants| Component { key: key.into(), title: key.into(), charge, grants };
        let per_mailbox = Grants { mailboxes: Some(1), storage_bytes: Some(10 * gib), ..Grants::default() };
        let metered = Charge::Metered { meter: Meter::OutgoingRecipients, included: 10_000, per: 1_000 };
        Plan {
            key: "business".into(),
            version: 1,
            family: "mail".into(),
            title: "Business".into(),
            grants: Grants { domains: Some(5), recipients_per_day: Some(2_000), ..Grants::default() },
            components: vec![
                component("mailbox", Charge::Unit { least: 1, most: 500 }, per_mailbox),
                component(
                    "storage",
                    Charge::Unit { least: 0, most: 100 },
                    Grants { storage_bytes: Some(5 * gib), ..Grants::default() },
                ),
                component("more", metered, Grants::default()),
            ],
            prices: prices.concat(),
            trial_days: 14,
        }
    }

    fn items(pairs: &[(&str, u64)]) -> Vec<Item> {
        pairs.iter().map(|(component, quantity)| Item { component: (*component).into(), quantity: *quantity }).collect()
    }

    #[test]
    fn a_plan_that_prices_all_it_sells_can_be_sold() {
        assert_eq!(business().check(), Ok(()));
        let free = Plan { prices: Vec::new(), ..business() };
        assert_eq!((free.check(), free.is_free(), business().is_free()), (Ok(()), true, false));
    }

    #[test]
    fn what_cannot_be_sold_says_why() {
        type Spoil = fn(&mut Plan);
        let cases: [(&str, Spoil); 11] = [
            ("key", |p| p.key = "Business".into()),
            ("title", |p| p.title = "a\nb".into()),
            ("title", |p| p.title = "a\u{202e}b".into()),
            ("version", |p| p.version = 0),
            ("trialDays", |p| p.trial_days = 400),
            ("components.1.key", |p| p.components[1].key = "mailbox".into()),
            ("components.0.charge", |p| p.components[0].charge = Charge::Unit { least: 2, most: 1 }),
            ("components.2.grants", |p| p.components[2].grants.domains = Some(1)),
            ("prices", |p| drop(p.prices.pop())),
            ("prices.8", |p| p.prices.push(p.prices[0].clone())),
            ("prices.0", |p| p.prices[0].component = Some("nothing".into())),
        ];
        for (field, spoil) in cases {
            let mut plan = business();
            spoil(&mut plan);
            assert_eq!(plan.check().map_err(|e| e.field), Err(field.to_owned()));
        }
    }

    #[test]
    fn what_is_bought_is_complete_and_within_the_plan() {
        let plan = business();
        assert_eq!(plan.bought(&[]), Ok(items(&[("mailbox", 1), ("storage", 0)])));
        assert_eq!(plan.bought(&items(&[("storage", 3)])), Ok(items(&[("mailbox", 1), ("storage", 3)])));
        for (wrong, field) in [
            ([("mailbox", 0), ("storage", 0)], "items.0.quantity"),
            ([("mailbox", 1), ("storage", 101)], "items.1.quantity"),
            ([("mailbox", 1), ("mailbox", 1)], "items.1.component"),
            ([("more", 1), ("mailbox", 1)], "items.0.component"),
        ] {
            assert_eq!(plan.bought(&items(&wrong)).map_err(|e| e.field), Err(field.to_owned()));
        }
    }
}
