//! SUMMARY    Letters of keywords in names of files: `dovecot-keywords`, a line `0 name` for each from `a` on.
//! SECURITY   The file is a stranger's: what is no keyword is passed over.
//! LIMITS     MAILDIR_KEYWORDS_MAX, MAILDIR_KEYWORDS_BYTES_MAX, KEYWORD_BYTES_MAX

use base::limits::{KEYWORD_BYTES_MAX, MAILDIR_KEYWORDS_BYTES_MAX, MAILDIR_KEYWORDS_MAX};

/// Keywords of one folder by their letters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keywords {
    /// By letter; None where a file left one out.
    names: Vec<Option<String>>,
    left_out: Vec<String>,
}

impl Keywords {
    /// Gives letters to keywords (lower case) in their order, however they come. Give it none that have a letter of their own.
    pub fn new<'a>(keywords: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all: Vec<String> = keywords.into_iter().map(str::to_owned).collect();
        all.sort_unstable();
        all.dedup();
        let left_out = all.split_off(all.len().min(MAILDIR_KEYWORDS_MAX));
        Keywords { names: all.into_iter().map(Some).collect(), left_out }
    }

    /// Those for which there was no letter: problems to be told of.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// The letter of a keyword.
    pub fn letter(&self, keyword: &str) -> Option<u8> {
        let at = self.names.iter().position(|name| name.as_deref() == Some(keyword))?;
        u8::try_from(at).ok().map(|at| b'a' + at)
    }

    /// The keyword of a letter.
    pub fn name(&self, letter: u8) -> Option<&str> {
        let at = letter.checked_sub(b'a')?;
        self.names.get(usize::from(at))?.as_deref()
    }

    /// The file `dovecot-keywords`; empty if there is nothing to say.
    pub fn write(&self) -> Vec<u8> {
        let named = self.names.iter().enumerate().filter_map(|(n, name)| Some((n, name.as_ref()?)));
        named.flat_map(|(n, name)| format!("{n} {name}\n").into_bytes()).collect()
    }

    /// Reads such a file. Of what is longer than MAILDIR_KEYWORDS_BYTES_MAX only the beginning is read.
    pub fn read(file: &[u8]) -> Self {
        let file = file.get(..MAILDIR_KEYWORDS_BYTES_MAX).unwrap_or(file);
        let mut out = Keywords { names: vec![None; MAILDIR_KEYWORDS_MAX], left_out: Vec::new() };
        for line in file.split(|b| *b == b'\n').filter_map(|line| str::from_utf8(line).ok()) {
            let Some((number, name)) = line.trim_end_matches('\r').split_once(' ') else { continue };
            let slot = number.parse::<usize>().ok().and_then(|n| out.names.get_mut(n));
            let good =
                !name.is_empty() && name.len() <= KEYWORD_BYTES_MAX && name.bytes().all(|b| b.is_ascii_graphic());
            if let (Some(slot), true) = (slot, good) {
                *slot = Some(name.to_ascii_lowercase());
            }
        }
        while out.names.pop_if(|name| name.is_none()).is_some() {}
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn letters_come_back() {
        let keywords = Keywords::new(["work", "$junk", "work"]);
        assert_eq!(
            (keywords.letter("$junk"), keywords.letter("work"), keywords.letter("x")),
            (Some(b'a'), Some(b'b'), None)
        );
        assert_eq!(keywords.write(), b"0 $junk\n1 work\n");
        assert_eq!(Keywords::read(&keywords.write()), keywords);
        let read = Keywords::read(b"1 Work\r\n25 z\n26 too-many\nx y\n0\n0 \n3 a b\n\xff");
        assert_eq!(
            (read.name(b'a'), read.name(b'b'), read.name(b'z'), read.name(b'{')),
            (None, Some("work"), Some("z"), None)
        );
        assert_eq!(read.write(), b"1 work\n25 z\n");
    }

    #[test]
    fn keywords_beyond_z_are_told_of() {
        let many: Vec<String> = (0..30).map(|n| format!("k{n:02}")).collect();
        let keywords = Keywords::new(many.iter().rev().map(String::as_str));
        assert_eq!((keywords.letter("k25"), keywords.letter("k26")), (Some(b'z'), None));
        assert_eq!(keywords.left_out(), ["k26", "k27", "k28", "k29"]);
    }

    proptest! {
        #[test]
        fn any_file_has_keywords(file in prop::collection::vec(any::<u8>(), 0..60), text in "([0-9]{1,3} [a-z$]{0,5}\n){0,8}") {
            Keywords::read(&file);
            let read = Keywords::read(text.as_bytes());
            prop_assert_eq!(Keywords::read(&read.write()), read);
        }
    }
}
