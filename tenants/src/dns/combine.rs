//! SUMMARY    What several witnesses say, made one. Pure.
//! STANDARDS  product.md §4 (D4)
//! INVARIANTS The domain's own servers are believed when those that answer agree. Without them two resolvers must agree: one
//!            voice alone, or two that differ, is not knowledge.

use super::Look;

/// What one server said: its records, or why nothing was heard.
pub(crate) type Said = Result<Vec<String>, String>;

/// One verdict from the servers of the domain and from the resolvers.
pub(crate) fn combine(authorities: &[Said], resolvers: &[Said]) -> Look {
    match agreed(authorities) {
        Agreed::Yes(records) => Look::Known(records),
        Agreed::No => Look::Unknown("the servers of the domain disagree".to_owned()),
        Agreed::Silence(why) => match (agreed(resolvers), resolvers.iter().filter(|r| r.is_ok()).count()) {
            (Agreed::Yes(records), 2..) => Look::Known(records),
            (Agreed::Yes(_), _) => Look::Unknown(format!("one resolver alone answers: {why}")),
            (Agreed::No, _) => Look::Unknown("the resolvers disagree".to_owned()),
            (Agreed::Silence(silent), _) => {
                Look::Unknown(if authorities.is_empty() { silent } else { format!("{why}; {silent}") })
            }
        },
    }
}

enum Agreed {
    Yes(Vec<String>),
    No,
    Silence(String),
}

fn agreed(said: &[Said]) -> Agreed {
    let mut heard: Option<Vec<String>> = None;
    let mut why = "nobody could be asked".to_owned();
    for one in said {
        match one {
            Ok(records) => {
                let mut records = records.clone();
                records.sort();
                records.dedup();
                if heard.get_or_insert_with(|| records.clone()) != &records {
                    return Agreed::No;
                }
            }
            Err(e) => why.clone_from(e),
        }
    }
    heard.map_or(Agreed::Silence(why), Agreed::Yes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Said {
        Ok(text.split_whitespace().map(str::to_owned).collect())
    }
    fn silent() -> Said {
        Err("timeout".to_owned())
    }

    #[test]
    fn d4_only_agreement_is_knowledge() {
        let known = |text: &str| Look::Known(said(text).unwrap());
        let check = |authorities: &[Said], resolvers: &[Said], expect: Option<Look>| {
            let got = combine(authorities, resolvers);
            match expect {
                Some(expect) => assert_eq!(got, expect, "{authorities:?} {resolvers:?}"),
                None => assert!(matches!(got, Look::Unknown(_)), "{authorities:?} {resolvers:?}: {got:?}"),
            }
        };
        check(&[said("a b"), said("b a")], &[silent(), silent()], Some(known("a b")));
        check(&[said("a"), silent()], &[said(""), said("")], Some(known("a")));
        check(&[said("a"), said("b")], &[said("a"), said("a")], None);
        check(&[said(""), said("")], &[said("a"), said("a")], Some(known("")));
        check(&[silent()], &[said("a"), said("a")], Some(known("a")));
        check(&[silent()], &[said("a"), said("")], None);
        check(&[silent()], &[said("a"), silent()], None);
        check(&[], &[said(""), silent()], None);
        check(&[], &[silent(), silent()], None);
        check(&[], &[], None);
    }
}
