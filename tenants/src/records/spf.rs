//! SUMMARY    SPF records read, and ours merged into what is there. Pure.
//! STANDARDS  RFC 7208 §4.6.4 (ten look-ups), §5, §6.1
//! INVARIANTS What others may send with stays allowed: a mechanism is added, none is taken away.

/// Look-ups that a receiver makes for one record (RFC 7208 §4.6.4).
const LOOK_UPS_MAX: usize = 10;

/// What is to be said of a domain's SPF record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spf {
    /// The record that there should be.
    pub(super) wanted: String,
    /// Whether the one that is there allows us and can be evaluated.
    pub(super) good: bool,
    /// One line for people; empty when there is nothing to say.
    pub(super) hint: String,
}

pub(super) fn is_spf(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower == "v=spf1" || lower.starts_with("v=spf1 ")
}

/// Merges our mechanism (`include:_spf.host.example`) into the records that are there.
pub(super) fn merge(there: &[String], ours: &str) -> Spf {
    let records: Vec<&String> = there.iter().filter(|t| is_spf(t)).collect();
    let Some(first) = records.first() else {
        let hint = "No SPF record: receivers cannot tell mail of this domain from forgeries".to_owned();
        return Spf { wanted: format!("v=spf1 {ours} ~all"), good: false, hint };
    };
    let terms = records.iter().flat_map(|r| r.split_ascii_whitespace().skip(1));
    let mut wanted: Vec<String> = Vec::new();
    let mut last = None;
    for term in terms {
        let lower = term.to_ascii_lowercase();
        if is_all(&lower) || lower.starts_with("redirect=") {
            // The first record's end stands; a redirect is taken only where there is no `all` (RFC 7208 §6.1).
            last.get_or_insert(lower);
        } else if !wanted.iter().any(|w| w.eq_ignore_ascii_case(term)) {
            wanted.push(term.to_owned());
        }
    }
    let allowed = wanted.iter().any(|w| w.trim_start_matches('+').eq_ignore_ascii_case(ours));
    if !allowed {
        wanted.insert(0, ours.to_owned());
    }
    let end = match last.as_deref() {
        Some("all" | "+all") | None => "~all".to_owned(),
        Some(end) => end.to_owned(),
    };
    let open = matches!(last.as_deref(), Some("all" | "+all"));
    wanted.push(end);
    let look_ups = wanted.iter().filter(|w| looks_up(w)).count();
    let ptr = wanted.iter().any(|w| mechanism(w) == "ptr");
    let hint = if records.len() > 1 {
        "Several SPF records are an error for receivers (RFC 7208 §3.2): keep one".to_owned()
    } else if open {
        "+all lets everybody send in the name of the domain".to_owned()
    } else if look_ups > LOOK_UPS_MAX {
        format!("{look_ups} mechanisms that need look-ups, {LOOK_UPS_MAX} are allowed (RFC 7208 §4.6.4)")
    } else if !allowed {
        format!("Add {ours} to the record that is there")
    } else if ptr {
        "ptr is slow and many receivers ignore it (RFC 7208 §5.5)".to_owned()
    } else {
        String::new()
    };
    let good = allowed && records.len() == 1 && !open && look_ups <= LOOK_UPS_MAX;
    let wanted = if good { (*first).clone() } else { format!("v=spf1 {}", wanted.join(" ")) };
    Spf { wanted, good, hint }
}

fn is_all(lower: &str) -> bool {
    lower.trim_start_matches(['+', '-', '~', '?']) == "all"
}

/// `include` of `?include:x.example`.
fn mechanism(term: &str) -> String {
    let bare = term.trim_start_matches(['+', '-', '~', '?']).to_ascii_lowercase();
    bare.split([':', '/', '=']).next().unwrap_or_default().to_owned()
}

fn looks_up(term: &str) -> bool {
    matches!(mechanism(term).as_str(), "include" | "a" | "mx" | "ptr" | "exists" | "redirect")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(there: &[&str], wanted: &str, good: bool, hint: &str) {
        let there: Vec<String> = there.iter().map(|t| (*t).to_owned()).collect();
        let spf = merge(&there, "include:_spf.host.example");
        assert_eq!((spf.wanted.as_str(), spf.good), (wanted, good), "{there:?}");
        assert!(spf.hint.contains(hint) && spf.hint.is_empty() == hint.is_empty(), "{there:?}: {}", spf.hint);
    }

    #[test]
    fn ours_is_merged_into_what_is_there() {
        check(&[], "v=spf1 include:_spf.host.example ~all", false, "No SPF");
        check(&["google-site-verification=x"], "v=spf1 include:_spf.host.example ~all", false, "No SPF");
        check(&["v=spf1 mx -all"], "v=spf1 include:_spf.host.example mx -all", false, "Add");
        check(&["v=spf1 a Include:_SPF.host.example -all"], "v=spf1 a Include:_SPF.host.example -all", true, "");
        check(
            &["v=spf1 redirect=_spf.other.example"],
            "v=spf1 include:_spf.host.example redirect=_spf.other.example",
            false,
            "Add",
        );
    }

    #[test]
    fn what_receivers_stumble_over_is_told() {
        check(&["v=spf1 include:_spf.host.example +all"], "v=spf1 include:_spf.host.example ~all", false, "everybody");
        check(&["v=spf1 include:_spf.host.example ptr -all"], "v=spf1 include:_spf.host.example ptr -all", true, "ptr");
        check(&["v=spf1 mx -all", "v=spf1 a mx ~all"], "v=spf1 include:_spf.host.example mx a -all", false, "Several");
        let many: Vec<String> = (0..10).map(|n| format!("include:s{n}.example")).collect();
        let many = format!("v=spf1 {} -all", many.join(" "));
        check(&[&many], &many.replace("v=spf1 ", "v=spf1 include:_spf.host.example "), false, "11 mechanisms");
    }
}
