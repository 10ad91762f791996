//! SUMMARY    What a change of a subscription's items costs.

use crate::{
    invoice::Line,
    model::Model,
    subscription::{Item, Subscription},
    tax::share,
};

impl Model {
    fn price_of(&self, item: &Item) -> i64 {
        let unit = self.prices.get(&item.price).map_or(0, |price| price.unit_amount);
        unit.saturating_mul(i64::try_from(item.quantity).unwrap_or(i64::MAX))
    }

    fn months_of(&self, items: &[Item]) -> Option<u32> {
        items.first().and_then(|item| self.prices.get(&item.price)).and_then(|price| price.months)
    }

    /// Lines of a whole period.
    pub(crate) fn period_lines(&self, items: &[Item], period: (i64, i64)) -> Vec<Line> {
        let line = |item: &Item| self.line(item, self.price_of(item), period, false);
        items.iter().map(line).collect()
    }

    fn line(&self, item: &Item, amount: i64, period: (i64, i64), proration: bool) -> Line {
        let product = self.prices.get(&item.price).and_then(|price| self.products.get(&price.product));
        let name = product.map_or("", |product| product.name.as_str());
        let what = match (proration, amount < 0) {
            (false, _) => format!("{} × {name}", item.quantity),
            (true, true) => format!("Unused time on {} × {name}", item.quantity),
            (true, false) => format!("Remaining time on {} × {name}", item.quantity),
        };
        Line {
            amount,
            description: what,
            quantity: item.quantity,
            price: Some(item.price.clone()),
            proration,
            period,
            item: None,
        }
    }

    /// The rest of what was bought goes back, the rest of what is wanted is charged; by another interval a new period begins in full.
    pub(crate) fn prorated(&self, from: &Subscription, to: &[Item], at: i64) -> Vec<Line> {
        if from.status == "trialing" {
            return Vec::new();
        }
        let (start, end) = from.period;
        let at = at.clamp(start, end);
        let rest = |item: &Item, sign: i64| {
            let amount = sign * share(self.price_of(item), end - at, end - start);
            self.line(item, amount, (at, end), true)
        };
        let renews = self.months_of(&from.items) != self.months_of(to);
        let is_same = |item: &Item, others: &[Item]| {
            others.iter().any(|o| o.id == item.id && o.price == item.price && o.quantity == item.quantity)
        };
        let gone = from.items.iter().filter(|item| renews || !is_same(item, to));
        let mut lines: Vec<Line> = gone.map(|item| rest(item, -1)).collect();
        if renews {
            let end = crate::clock::later(at, self.months_of(to).unwrap_or(1), 1);
            lines.extend(self.period_lines(to, (at, end)));
        } else {
            lines.extend(to.iter().filter(|item| !is_same(item, &from.items)).map(|item| rest(item, 1)));
        }
        lines.retain(|line| line.amount != 0);
        lines
    }

    pub(crate) fn renews(&self, from: &Subscription, to: &[Item]) -> Option<u32> {
        self.months_of(to).filter(|months| self.months_of(&from.items) != Some(*months))
    }

    pub(crate) fn months(&self, subscription: &Subscription) -> u32 {
        self.months_of(&subscription.items).unwrap_or(1)
    }
}
