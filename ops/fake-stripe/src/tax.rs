//! SUMMARY    Shares of amounts, discounts, tax: all rounding is here.
//! INVARIANTS To the nearest minor unit, halves away from zero.

use crate::{catalog::Coupon, model::Model, subscription::Subscription};

/// `part` of `whole` parts of an amount.
pub fn share(amount: i64, part: i64, whole: i64) -> i64 {
    if whole <= 0 {
        return 0;
    }
    let (product, whole) = (i128::from(amount) * i128::from(part), i128::from(whole));
    let rounded = (2 * product.abs() + whole) / (2 * whole) * product.signum();
    i64::try_from(rounded).unwrap_or(i64::MAX)
}

impl Coupon {
    /// What it takes off a sum in a currency.
    fn off(&self, sum: i64, currency: &str) -> i64 {
        let off = match (self.percent_off, &self.amount_off) {
            (Some(percent), _) => share(sum, i64::from(percent), 100),
            (None, Some((amount, of))) if of == currency => *amount,
            (None, _) => 0,
        };
        // Below zero only a percentage is taken off what goes back, so that no more goes back than was paid.
        if sum < 0 { if self.percent_off.is_some() { off } else { 0 } } else { off.min(sum) }
    }
}

impl Model {
    /// The discount and the tax of a sum of a subscription's lines.
    pub(crate) fn reckon(&self, subscription: Option<&Subscription>, sum: i64, currency: &str) -> (i64, i64) {
        let live = subscription.and_then(|s| s.discount.as_ref()).filter(|d| d.ends.is_none_or(|ends| self.now < ends));
        let coupon = live.and_then(|discount| self.coupons.get(&discount.coupon));
        let off = coupon.map_or(0, |coupon| coupon.off(sum, currency));
        let is_taxed = subscription.is_some_and(|s| s.automatic_tax);
        let tax = if is_taxed { share(sum - off, i64::from(self.tax_percent), 100) } else { 0 };
        (off, tax)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_away_from_zero() {
        let cases = [
            ((1, 1, 2), 1),
            ((-1, 1, 2), -1),
            ((100, 1, 3), 33),
            ((200, 1, 3), 67),
            ((-200, 1, 3), -67),
            ((5, 1, 0), 0),
        ];
        for ((amount, part, whole), expect) in cases {
            assert_eq!(share(amount, part, whole), expect, "{amount} {part}/{whole}");
        }
    }
}
