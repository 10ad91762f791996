//! SUMMARY    Sets of ranges and key selectors against what they mean, key by key.

use bytes::Bytes;
use fake_fdb::model::{mutation::Rows, ranges::Ranges, selector::Selector};
use proptest::prelude::*;
use std::collections::BTreeSet;

fn key(n: u8) -> Bytes {
    Bytes::copy_from_slice(&[n])
}

proptest! {
    #[test]
    fn ranges_are_sets(added in prop::collection::vec((0_u8..32, 0_u8..32), 0..12), ask in (0_u8..32, 0_u8..32)) {
        let (mut ranges, mut keys) = (Ranges::default(), BTreeSet::new());
        for (from, to) in added {
            ranges.add(key(from), key(to));
            keys.extend(from..to);
        }
        for n in 0..32 {
            prop_assert_eq!(ranges.contains(&key(n)), keys.contains(&n));
        }
        let parts: Vec<_> = ranges.iter().map(|(from, to)| (from.clone(), to.clone())).collect();
        prop_assert!(parts.iter().all(|(from, to)| from < to));
        prop_assert!(parts.windows(2).all(|pair| pair[0].1 < pair[1].0));
        let (from, to) = ask;
        prop_assert_eq!(ranges.overlaps(&key(from), &key(to)), (from..to).any(|n| keys.contains(&n)));
        if from < to {
            let gaps: Vec<u8> = ranges.gaps(&key(from), &key(to)).iter().flat_map(|(a, b)| a[0]..b[0]).collect();
            let want: Vec<u8> = (from..to).filter(|n| !keys.contains(n)).collect();
            prop_assert_eq!(gaps, want);
        }
    }

    #[test]
    fn selectors_count_keys(rows in prop::collection::btree_set(0_u8..32, 0..12), at in 0_u8..32, or_equal: bool, offset in -4_i32..5) {
        let stored: Rows = rows.iter().map(|n| (key(*n), Bytes::new())).collect();
        let found = Selector::new(key(at), or_equal, offset).resolve(&stored, &Bytes::from_static(&[0xff]));
        let before = rows.iter().filter(|n| **n < at || (or_equal && **n == at)).count() as i32;
        let place = before - 1 + offset;
        let all: Vec<u8> = rows.into_iter().collect();
        let want = match usize::try_from(place) {
            Err(_) => Bytes::new(),
            Ok(place) => all.get(place).map_or(Bytes::from_static(&[0xff]), |n| key(*n)),
        };
        prop_assert_eq!(found, want);
    }
}
