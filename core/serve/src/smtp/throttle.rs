//! SUMMARY    Recipients per hour of a tenant's submissions.
//! INVARIANTS A submission takes its recipients whole or not at all. Counts are of this process; they start anew with it.

use base::{Kind, TenantId, Timestamp};
use mail::Error;
use parking_lot::Mutex;
use std::{collections::HashMap, sync::Arc};

const HOUR_SECS: i64 = 3600;
/// Tenants remembered; at more, those of past hours are forgotten.
const TENANTS_MAX: usize = 100_000;

/// Counters per tenant and clock hour.
#[derive(Clone, Default)]
pub struct Throttle(Arc<Mutex<HashMap<TenantId, (i64, u32)>>>);

impl Throttle {
    /// Takes `recipients` out of the tenant's hour. `Throttled` says when to try again; `Forbidden` when it never fits.
    pub fn take(&self, tenant: TenantId, recipients: u32, max: Option<u32>, now: Timestamp) -> Result<(), Error> {
        let Some(max) = max else { return Ok(()) };
        if recipients > max {
            return Err(Error::new(
                Kind::Forbidden,
                format!("more recipients than the {max} per hour you may send to"),
            ));
        }
        let hour = now.secs().div_euclid(HOUR_SECS);
        let mut used = self.0.lock();
        if used.len() >= TENANTS_MAX {
            used.retain(|_, (h, _)| *h == hour);
        }
        let entry = used.entry(tenant).or_insert((hour, 0));
        if entry.0 != hour {
            *entry = (hour, 0);
        }
        if entry.1.saturating_add(recipients) > max {
            let minutes = (HOUR_SECS - now.secs().rem_euclid(HOUR_SECS) + 59) / 60;
            return Err(Error::new(
                Kind::Throttled,
                format!("{max} recipients per hour reached, try again in {minutes} minutes"),
            ));
        }
        entry.1 += recipients;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_holds_so_many_and_the_next_begins_anew() {
        let throttle = Throttle::default();
        let at = |secs| Timestamp::from_secs(secs);
        let t = TenantId(1);
        assert!(throttle.take(t, 3, Some(5), at(10)).is_ok());
        assert_eq!(throttle.take(t, 3, Some(5), at(20)).unwrap_err().kind, Kind::Throttled);
        assert!(throttle.take(t, 2, Some(5), at(30)).is_ok());
        assert!(throttle.take(t, 5, Some(5), at(3600)).is_ok());
        assert_eq!(throttle.take(t, 6, Some(5), at(7200)).unwrap_err().kind, Kind::Forbidden);
        assert!(throttle.take(t, 1_000_000, None, at(7200)).is_ok());
        assert_eq!(throttle.take(t, 1, Some(0), at(7200)).unwrap_err().kind, Kind::Forbidden);
    }
}
