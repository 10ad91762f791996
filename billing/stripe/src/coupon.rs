//! SUMMARY    Coupons as Stripe's.
//! INVARIANTS A coupon's id follows from its code and from all that it does: a code that does something else later is another coupon there.

use crate::{amount, call::Call, payments::Stripe};
use aws_lc_rs::digest::{SHA256, digest};
use billing::{Coupon, Discount, Failure, FailureKind, Interval};

/// Characters of a name that Stripe takes.
const NAME_CHARS_MAX: usize = 40;
const MONTHS_OF_A_YEAR: u32 = 12;
const ID_DIGEST_BYTES: usize = 16;

impl Stripe {
    /// Makes it where it is missing; gives its id.
    pub(crate) async fn coupon(&self, code: &str, coupon: &Coupon, by: Interval) -> Result<String, Failure> {
        let months = coupon.periods.map(|periods| match by {
            Interval::Month => periods,
            Interval::Year => periods.saturating_mul(MONTHS_OF_A_YEAR),
        });
        let call = Call { key: None, ..Call::post("/coupons", "") };
        let call = match coupon.discount {
            Discount::Percent(percent) => call.with("percent_off", percent),
            Discount::Amount(off) => {
                call.with("amount_off", amount::written(off)?).with("currency", amount::code(off.currency()))
            }
        };
        let call = match (coupon.periods, months) {
            (None, _) => call.with("duration", "forever"),
            (Some(1), _) => call.with("duration", "once"),
            (Some(_), months) => call.with("duration", "repeating").maybe("duration_in_months", months),
        };
        let call =
            call.with("name", code.chars().take(NAME_CHARS_MAX).collect::<String>()).with("metadata[code]", code);
        let hash = digest(&SHA256, call.encoded().as_bytes());
        let hex: String = hash.as_ref().iter().take(ID_DIGEST_BYTES).map(|b| format!("{b:02x}")).collect();
        let id = format!("ph_{hex}");
        let is_there = || Call::get(format!("/coupons/{id}"));
        match self.tell(is_there()).await {
            Err(failure) if failure.kind == FailureKind::Gone => {}
            known => return known.map(|()| id.clone()),
        }
        match self.tell(call.with("id", &id)).await {
            Err(failure) if failure.kind == FailureKind::Refused => self.tell(is_there()).await.map_err(|_| failure)?,
            made => made?,
        }
        Ok(id)
    }
}
