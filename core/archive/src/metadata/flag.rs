//! SUMMARY    Flags of IMAP as keywords of JMAP, and back.
//! STANDARDS  RFC 8621 §4.1.1 (`\Seen` is `$seen`; keywords are lower case), RFC 3501 §2.3.2

/// `\Seen` and its like; keywords as they are, in lower case.
pub fn keyword_of_flag(flag: &str) -> String {
    let lower = flag.to_ascii_lowercase();
    match lower.strip_prefix('\\') {
        Some(system) => format!("${system}"),
        None => lower,
    }
}

/// The flag of a keyword: the five of RFC 3501 with their backslash, others as they are.
pub fn flag_of_keyword(keyword: &str) -> &str {
    match keyword {
        "$seen" => "\\Seen",
        "$answered" => "\\Answered",
        "$flagged" => "\\Flagged",
        "$deleted" => "\\Deleted",
        "$draft" => "\\Draft",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_keywords() {
        for (flag, keyword) in
            [("\\Seen", "$seen"), ("\\Deleted", "$deleted"), ("$forwarded", "$forwarded"), ("work", "work")]
        {
            assert_eq!((keyword_of_flag(flag).as_str(), flag_of_keyword(keyword)), (keyword, flag));
        }
        assert_eq!(keyword_of_flag("$MDNSent"), "$mdnsent");
    }
}
