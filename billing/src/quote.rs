//! SUMMARY    What something costs: a period of a plan, a change in the midst of one, a coupon's discount.
//! INVARIANTS Pure: the preview that a customer sees is what our own invoices take (`manual`), and what a payment provider's are compared with.
//!            Changed there and back in the same moment, nothing is owed.

use crate::{Currency, Error, Interval, Item, Money, Period, Plan, Result, money::sum};
use base::Timestamp;
use serde::{Deserialize, Serialize};

/// A plan as it is bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub plan: Plan,
    /// As `Plan::bought` completes them.
    pub items: Vec<Item>,
    pub currency: Currency,
    pub interval: Interval,
}

/// A line of an invoice or a preview; below zero it is given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub plan: String,
    /// `None`: the plan itself.
    pub component: Option<String>,
    pub quantity: u64,
    pub amount: Money,
}

/// What a change costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub lines: Vec<Line>,
    /// Their sum, without tax: due at once, or below zero, credited.
    pub now: Money,
    /// Each period from the next on, without tax and what is metered.
    pub then: Money,
    /// The period that is under way afterwards.
    pub period: Period,
}

/// What is taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Discount {
    /// Hundredths, 1 to 100.
    Percent(u8),
    /// No more than there is to pay.
    Amount(Money),
}

/// A discount for some periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coupon {
    pub discount: Discount,
    /// The first so many; `None`: all.
    pub periods: Option<u32>,
}

impl Choice {
    /// Lines of a whole period, paid in advance; free ones have none. Errors: `Invalid` when it is not offered in this currency and interval.
    pub fn lines(&self) -> Result<Vec<Line>> {
        if self.plan.prices.is_empty() {
            return Ok(Vec::new());
        }
        let parts = self.items.iter().map(|item| (Some(item.component.as_str()), item.quantity));
        let mut lines = Vec::new();
        for (component, quantity) in std::iter::once((None, 1)).chain(parts) {
            let not_offered = || {
                let text = format!("{} is not offered in {} by {:?}", self.plan.key, self.currency, self.interval);
                Error::invalid("currency", text)
            };
            let unit = self.plan.price(component, self.currency, self.interval).ok_or_else(not_offered)?;
            let amount = unit.times(quantity)?;
            if !amount.is_zero() {
                let (plan, component) = (self.plan.key.clone(), component.map(str::to_owned));
                lines.push(Line { plan, component, quantity, amount });
            }
        }
        Ok(lines)
    }

    /// A whole period, without tax and what is metered.
    pub fn total(&self) -> Result<Money> {
        sum(self.currency, self.lines()?.into_iter().map(|line| line.amount))
    }
}

/// What it costs to change at a moment of a period that is paid for: the rest of what was bought is given back, the rest of what is wanted
/// is charged. By another interval a new period begins. Errors: `Invalid` for another currency and for a moment outside of the period.
pub fn change(from: &Choice, to: &Choice, paid: Period, at: Timestamp) -> Result<Change> {
    if from.currency != to.currency {
        return Err(Error::invalid("currency", "A subscription keeps its currency"));
    }
    if !paid.has(at) {
        return Err(Error::invalid("at", "The change is not within the period"));
    }
    let part =
        |line: Line| -> Result<Line> { Ok(Line { amount: line.amount.share(paid.left_ms(at), paid.ms())?, ..line }) };
    let (charged, period) = if from.interval == to.interval {
        (to.lines()?.into_iter().map(part).collect::<Result<Vec<Line>>>()?, paid)
    } else {
        (to.lines()?, Period::of(at, to.interval, 0)?)
    };
    let back = |line: Line| part(line).map(|line| Line { amount: line.amount.negated(), ..line });
    let mut lines = from.lines()?.into_iter().map(back).collect::<Result<Vec<Line>>>()?;
    lines.extend(charged);
    lines.retain(|line| !line.amount.is_zero());
    let now = sum(to.currency, lines.iter().map(|line| line.amount))?;
    Ok(Change { lines, now, then: to.total()?, period })
}

/// What is charged of a metered component for so much use of a period. Errors: `Overflow`.
pub fn metered(unit: Money, used: u64, included: u64, per: u64) -> Result<Money> {
    unit.times(used.saturating_sub(included).div_ceil(per.max(1)))
}

impl Coupon {
    /// Errors: `Invalid`.
    pub fn check(&self) -> Result<()> {
        match self.discount {
            Discount::Percent(0 | 101..) => Err(Error::invalid("discount", "1 to 100 percent")),
            Discount::Amount(amount) if amount.minor() <= 0 => Err(Error::invalid("discount", "An amount above zero")),
            _ if self.periods == Some(0) => Err(Error::invalid("periods", "1 at least")),
            Discount::Percent(_) | Discount::Amount(_) => Ok(()),
        }
    }

    /// What is taken off an amount of the subscription's period `n` (from 0). Errors: `Currency`.
    pub fn off(&self, amount: Money, n: u32) -> Result<Money> {
        if amount.is_negative() || self.periods.is_some_and(|periods| n >= periods) {
            return Ok(Money::zero(amount.currency()));
        }
        match self.discount {
            Discount::Percent(percent) => amount.share(u64::from(percent.min(100)), 100),
            Discount::Amount(off) => amount.at_most(off),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::business;
    use proptest::prelude::*;

    const START: Timestamp = Timestamp(1_800_000_000_000);

    fn choice(mailboxes: u64, storage: u64, interval: Interval) -> Choice {
        let item = |component: &str, quantity| Item { component: component.into(), quantity };
        let items = vec![item("mailbox", mailboxes), item("storage", storage)];
        Choice { plan: business(), items, currency: Currency::EUR, interval }
    }

    fn period() -> Period {
        Period { start: START, end: Timestamp(START.0 + 30 * 86_400_000) }
    }

    fn day(n: i64) -> Timestamp {
        Timestamp(START.0 + n * 86_400_000)
    }

    #[test]
    fn a_period_costs_the_plan_and_what_is_bought() {
        assert_eq!(choice(4, 2, Interval::Month).total().unwrap().to_string(), "16.00 EUR");
        assert_eq!(choice(4, 2, Interval::Year).total().unwrap().to_string(), "160.00 EUR");
        let dollars = Choice { currency: Currency::USD, ..choice(4, 2, Interval::Month) };
        assert_eq!(dollars.total().unwrap_err().field, "currency");
        let free = Choice { plan: Plan { prices: Vec::new(), ..business() }, ..dollars };
        assert!(free.total().unwrap().is_zero());
    }

    #[test]
    fn a_change_in_the_midst_gives_back_and_charges_the_rest() {
        let more = change(&choice(4, 0, Interval::Month), &choice(6, 0, Interval::Month), period(), day(20)).unwrap();
        assert_eq!((more.now.to_string(), more.then.to_string()), ("2.00 EUR".into(), "20.00 EUR".into()));
        let less = change(&choice(6, 0, Interval::Month), &choice(4, 0, Interval::Month), period(), day(20)).unwrap();
        assert_eq!(less.now.to_string(), "-2.00 EUR");
        let yearly = change(&choice(4, 0, Interval::Month), &choice(4, 0, Interval::Year), period(), day(15)).unwrap();
        assert_eq!(yearly.now.to_string(), "133.00 EUR");
        assert_eq!(yearly.period, Period::of(day(15), Interval::Year, 0).unwrap());
    }

    #[test]
    fn a_change_of_currency_or_outside_the_period_is_refused() {
        let (from, to) = (choice(1, 0, Interval::Month), choice(2, 0, Interval::Month));
        let dollars = Choice { currency: Currency::USD, ..to.clone() };
        assert_eq!(change(&from, &dollars, period(), day(1)).unwrap_err().field, "currency");
        for at in [day(-1), day(30)] {
            assert_eq!(change(&from, &to, period(), at).unwrap_err().field, "at");
        }
    }

    #[test]
    fn what_is_metered_is_charged_by_begun_portions_beyond_what_is_included() {
        let unit = Money::new(100, Currency::EUR).unwrap();
        for (used, minor) in [(0, 0), (10_000, 0), (10_001, 100), (11_000, 100), (11_001, 200)] {
            assert_eq!(metered(unit, used, 10_000, 1_000).unwrap().minor(), minor, "{used}");
        }
    }

    #[test]
    fn coupons_take_off_for_their_periods_and_no_more_than_there_is() {
        let amount = Money::new(999, Currency::EUR).unwrap();
        let off = |discount, n| Coupon { discount, periods: Some(2) }.off(amount, n).unwrap().minor();
        assert_eq!(
            (off(Discount::Percent(50), 0), off(Discount::Percent(50), 1), off(Discount::Percent(50), 2)),
            (500, 500, 0)
        );
        let much = Money::new(2_000, Currency::EUR).unwrap();
        assert_eq!(off(Discount::Amount(much), 0), 999);
        for wrong in [Discount::Percent(0), Discount::Percent(101), Discount::Amount(Money::zero(Currency::EUR))] {
            assert!(Coupon { discount: wrong, periods: None }.check().is_err());
        }
    }

    proptest! {
        #[test]
        fn there_and_back_in_the_same_moment_is_free(a in 1u64..500, b in 1u64..500, s in 0u64..100, ms in 0i64..30 * 86_400_000) {
            let (from, to, at) = (choice(a, 0, Interval::Month), choice(b, s, Interval::Month), Timestamp(START.0 + ms));
            let (there, back) = (change(&from, &to, period(), at).unwrap(), change(&to, &from, period(), at).unwrap());
            prop_assert_eq!(there.now.plus(back.now).unwrap(), Money::zero(Currency::EUR));
            prop_assert_eq!(change(&from, &from, period(), at).unwrap().now, Money::zero(Currency::EUR));
        }

        #[test]
        fn a_change_at_the_start_costs_the_difference(a in 1u64..500, b in 1u64..500) {
            let (from, to) = (choice(a, 0, Interval::Month), choice(b, 3, Interval::Month));
            let now = change(&from, &to, period(), START).unwrap().now;
            prop_assert_eq!(now, to.total().unwrap().minus(from.total().unwrap()).unwrap());
        }
    }
}
