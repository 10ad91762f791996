//! SUMMARY    The file of an import: rows of a CSV text with named columns.
//! STANDARDS  RFC 4180, with a header line
//! SECURITY   Anything may stand in the file. A row that cannot be right is refused by itself; the file only for its columns, its
//!            size, or when it was cut off.
//! LIMITS     IMPORT_BYTES_MAX, IMPORT_ROWS_MAX

use super::twice;
use crate::{
    Code, Error, ItemError, NewMailbox, NewPassword, Result, kind,
    limits::{IMPORT_BYTES_MAX, IMPORT_ROWS_MAX},
};
use base::TenantId;
use control::SendLimits;
use serde::{Deserialize, Serialize};

/// The columns there are; `address` is the one that must be there.
pub const IMPORT_COLUMNS: [&str; 11] = [
    "address",
    "name",
    "password",
    "passwordHash",
    "generate",
    "quota",
    "kind",
    "aliases",
    "sendPerHour",
    "sendPerDay",
    "newRecipientsPerDay",
];

/// One row, as it was written.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Number in the file; the header is 1.
    pub(crate) number: u64,
    pub(crate) address: String,
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) password_hash: String,
    pub(crate) generate: String,
    pub(crate) quota: String,
    pub(crate) kind: String,
    pub(crate) aliases: String,
    pub(crate) send: [String; 3],
    /// Those of its addresses that other rows ask for too, in their canonical form.
    #[serde(default)]
    pub(crate) shared: Vec<String>,
    /// Why it was refused when the file was read.
    pub(crate) refused: Option<ItemError>,
}

/// What a row asks for.
pub(crate) struct Wanted {
    pub(crate) mailbox: NewMailbox,
    pub(crate) generate: bool,
    pub(crate) aliases: Vec<String>,
}

fn invalid(field: &'static str, why: impl Into<String>) -> Error {
    Error::new(Code::Invalid, field, why)
}

/// The rows of a file. `Invalid` for a file that is too large, was cut off, has no rows, or columns that are unknown or twice there.
pub(crate) fn read(csv: &str) -> Result<Vec<Line>> {
    if csv.len() > IMPORT_BYTES_MAX {
        return Err(invalid("csv", format!("A file has at most {IMPORT_BYTES_MAX} bytes (IMPORT_BYTES_MAX)")));
    }
    let csv = csv.trim_start_matches('\u{feff}');
    if let Some(line) = cut_off(csv) {
        return Err(invalid("csv", format!("The file ends within the quotes that begin in line {line}")));
    }
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(csv.as_bytes());
    let headers = reader.headers().map_err(|e| invalid("csv", e.to_string()))?.clone();
    let mut columns = Vec::with_capacity(headers.len());
    if let (1, Some(only)) = (headers.len(), headers.get(0))
        && let Some((_, name)) = [(';', "semicolons"), ('\t', "tabs")].into_iter().find(|(c, _)| only.contains(*c))
    {
        return Err(invalid("csv", format!("The columns are separated by {name}: save the file with commas")));
    }
    for header in &headers {
        let known = IMPORT_COLUMNS.iter().position(|c| c.eq_ignore_ascii_case(header));
        let known = known.ok_or_else(|| {
            invalid("csv", format!("`{header}` is no column; there are: {}", IMPORT_COLUMNS.join(", ")))
        })?;
        if columns.contains(&known) {
            return Err(invalid("csv", format!("The column `{header}` is there twice")));
        }
        columns.push(known);
    }
    if !columns.contains(&0) {
        return Err(invalid("csv", "The first line names the columns, and one of them is `address`"));
    }
    let (mut lines, mut at) = (Vec::new(), At { bytes: csv.as_bytes(), byte: 0, line: 1 });
    for record in reader.records() {
        if lines.len() == IMPORT_ROWS_MAX {
            return Err(invalid("csv", format!("A file has at most {IMPORT_ROWS_MAX} rows (IMPORT_ROWS_MAX)")));
        }
        let record = record.map_err(|e| invalid("csv", e.to_string()))?;
        let number = at.line_of(record.position().map_or(0, csv::Position::byte));
        lines.push(line(&record, number, &columns, headers.len()));
    }
    if lines.is_empty() {
        return Err(invalid("csv", "The file has no rows"));
    }
    twice::mark(&mut lines);
    Ok(lines)
}

/// The line in which quotes begin that do not end, as the reader takes quotes (RFC 4180 §2.5 to §2.7): at the beginning of a
/// field, and doubled within.
fn cut_off(csv: &str) -> Option<u64> {
    enum Place {
        Begin,
        Plain,
        Quoted,
        /// Behind a quote within quotes: their end, or the first of two.
        Quote,
    }
    let (mut place, mut line, mut begin) = (Place::Begin, 1, 1);
    let mut bytes = csv.bytes().peekable();
    while let Some(byte) = bytes.next() {
        place = match (place, byte) {
            (Place::Begin, b'"') => {
                begin = line;
                Place::Quoted
            }
            (Place::Quoted, b'"') => Place::Quote,
            (Place::Quoted, _) | (Place::Quote, b'"') => Place::Quoted,
            (Place::Begin | Place::Plain | Place::Quote, b',' | b'\r' | b'\n') => Place::Begin,
            (Place::Begin | Place::Plain | Place::Quote, _) => Place::Plain,
        };
        // CR LF is one.
        if byte == b'\n' || (byte == b'\r' && bytes.peek() != Some(&b'\n')) {
            line += 1;
        }
    }
    matches!(place, Place::Quoted).then_some(begin)
}

/// A place in the file. Where a row begins by the reader's account is before the rest of the line break that ended the last one,
/// and before empty lines.
struct At<'a> {
    bytes: &'a [u8],
    byte: usize,
    line: u64,
}

impl At<'_> {
    /// The line of the first byte from `begin` on that breaks no line; places are asked for in their order.
    fn line_of(&mut self, begin: u64) -> u64 {
        let begin = usize::try_from(begin).unwrap_or(usize::MAX);
        while let Some(byte) = self.bytes.get(self.byte) {
            let breaks = matches!(byte, b'\r' | b'\n');
            if self.byte >= begin && !breaks {
                break;
            }
            self.byte += 1;
            // CR LF is one.
            if *byte == b'\n' || (breaks && self.bytes.get(self.byte) != Some(&b'\n')) {
                self.line += 1;
            }
        }
        self.line
    }
}

fn line(record: &csv::StringRecord, number: u64, columns: &[usize], width: usize) -> Line {
    let mut line = Line { number, ..Line::default() };
    if record.len() != width {
        let why = format!("The row has {} fields, the header {width}", record.len());
        line.refused = Some(invalid("", why).into());
    }
    for (column, value) in columns.iter().zip(record) {
        let value = value.to_owned();
        match column {
            0 => line.address = value,
            1 => line.name = value,
            2 => line.password = value,
            3 => line.password_hash = value,
            4 => line.generate = value,
            5 => line.quota = value,
            6 => line.kind = value,
            7 => line.aliases = value,
            8 => line.send[0] = value,
            9 => line.send[1] = value,
            _ => line.send[2] = value,
        }
    }
    line
}

impl Line {
    pub(super) fn aliases(&self) -> impl Iterator<Item = &str> {
        self.aliases.split([';', ' ']).filter(|a| !a.is_empty())
    }

    /// What the row asks for; `Invalid` on its column.
    pub(crate) fn wanted(&self, tenant: TenantId) -> Result<Wanted> {
        let generate = match self.generate.to_ascii_lowercase().as_str() {
            "" | "no" | "false" | "0" => false,
            "yes" | "true" | "1" => true,
            _ => return Err(invalid("generate", "This is yes or no")),
        };
        let password = match (self.password.is_empty(), self.password_hash.is_empty(), generate) {
            (true, true, _) => NewPassword::Unset,
            (false, true, false) => NewPassword::Plain(self.password.clone()),
            (true, false, false) => NewPassword::Hash(self.password_hash.clone()),
            _ => return Err(invalid("password", "A row has a password, or its hash, or generates one")),
        };
        let kind = match self.kind.to_ascii_lowercase().as_str() {
            "" => Some(control::AccountKind::default()),
            name => kind::parse(name),
        };
        let kind = kind.ok_or_else(|| invalid("kind", "This is person, shared, resource or service"))?;
        let send = SendLimits {
            per_hour: count(&self.send[0], "sendPerHour")?,
            per_day: count(&self.send[1], "sendPerDay")?,
            new_recipients_per_day: count(&self.send[2], "newRecipientsPerDay")?,
        };
        let mailbox = NewMailbox {
            address: self.address.clone(),
            display_name: self.name.clone(),
            password,
            quota_bytes_max: bytes(&self.quota)?,
            kind,
            send,
            tenant: Some(tenant),
        };
        let aliases = self.aliases().map(str::to_owned).collect();
        Ok(Wanted { mailbox, generate, aliases })
    }
}

fn count(text: &str, field: &'static str) -> Result<Option<u32>> {
    match text {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| invalid(field, "This is a whole number")),
    }
}

/// Bytes, or with K, M, G, T behind: in steps of 1024. Empty: unlimited.
fn bytes(text: &str) -> Result<Option<u64>> {
    let wrong = || invalid("quota", "A quota is a number of bytes, or of K, M, G, T");
    if text.is_empty() {
        return Ok(None);
    }
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let shift = match unit.to_ascii_uppercase().as_str() {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(csv: &str, expect: std::result::Result<usize, &str>) {
        match (read(csv), expect) {
            (Ok(lines), Ok(rows)) => assert_eq!(lines.len(), rows, "{csv}"),
            (Err(e), Err(why)) => assert!(e.message.contains(why), "{csv}: {e}"),
            (got, _) => panic!("{csv}: {:?}", got.map(|l| l.len())),
        }
    }

    #[test]
    fn a_file_is_refused_for_its_columns_and_its_size() {
        check("address\na@b.test\n", Ok(1));
        check("\u{feff}Address,NAME\r\n\"a@b.test\",\"Miller, Zoe\"\r\n", Ok(1));
        check("address\n", Err("no rows"));
        check("", Err("address"));
        check("name\nx\n", Err("address"));
        check("address,address\na,b\n", Err("twice"));
        check("address,colour\na,b\n", Err("colour"));
        check("address;name\na@b.test;Zoe\n", Err("separated by semicolons"));
        check("address\tname\na@b.test\tZoe\n", Err("separated by tabs"));
        check(&format!("address\n{}", "a@b.test\n".repeat(IMPORT_ROWS_MAX)), Ok(IMPORT_ROWS_MAX));
        check(&format!("address\n{}", "a@b.test\n".repeat(IMPORT_ROWS_MAX + 1)), Err("IMPORT_ROWS_MAX"));
        check(&"x".repeat(IMPORT_BYTES_MAX + 1), Err("IMPORT_BYTES_MAX"));
        let short = read("address,name\na@b.test\n").unwrap();
        assert!(short[0].refused.as_ref().unwrap().message.contains("1 fields"));
    }

    #[test]
    fn a_file_that_ends_within_quotes_is_refused_as_a_whole() {
        for (csv, line) in [
            ("address,name\na@b.test,\"Ann", 2),
            ("address,name\na@b.test,\"two\nlines\"\nb@b.test,\"cut\n off\nc@b.test,C\n", 4),
            ("address,name\r\na@b.test,\"doubled \"\"", 2),
            ("address,\"name", 1),
        ] {
            check(csv, Err(&format!("line {line}")));
        }
        check(
            "address,name\na@b.test,\"\"\nb@b.test,5\" pipe\nc@b.test,\"a \"\"b\"\"\"\nd@b.test,\"x\" y\ne@b.test,\"\"",
            Ok(5),
        );
    }

    #[test]
    fn rows_have_the_numbers_of_their_lines_whatever_ends_a_line() {
        let csv = "address,name\na@b.test,A\n\nb@b.test,\"two\nlines\"\nc@b.test,C\n";
        for (how, end) in [("LF", "\n"), ("CR LF", "\r\n"), ("CR", "\r")] {
            for begin in ["", "\u{feff}"] {
                let lines = read(&format!("{begin}{}", csv.replace('\n', end))).unwrap();
                let numbers: Vec<_> = lines.iter().map(|l| (l.number, l.address.as_str())).collect();
                assert_eq!(numbers, [(2, "a@b.test"), (4, "b@b.test"), (6, "c@b.test")], "{how}");
            }
        }
    }

    #[test]
    fn a_row_is_read_by_its_columns() {
        let csv = "kind,quota,address,aliases,generate,sendPerDay\nSHARED,5G,a@b.test,x@b.test; y@b.test,yes,7\n";
        let wanted = read(csv).unwrap()[0].wanted(TenantId(1)).unwrap();
        assert_eq!(wanted.mailbox.quota_bytes_max, Some(5 << 30));
        assert_eq!((wanted.mailbox.kind, wanted.generate), (control::AccountKind::Shared, true));
        assert_eq!(
            (wanted.aliases, wanted.mailbox.send.per_day),
            (vec!["x@b.test".into(), "y@b.test".into()], Some(7))
        );
        for (csv, field) in [
            ("address,quota\na@b.test,many\n", "quota"),
            ("address,quota\na@b.test,99999999T\n", "quota"),
            ("address,kind\na@b.test,cat\n", "kind"),
            ("address,generate\na@b.test,perhaps\n", "generate"),
            ("address,password,generate\na@b.test,secret123,yes\n", "password"),
            ("address,sendPerHour\na@b.test,-1\n", "sendPerHour"),
        ] {
            assert_eq!(read(csv).unwrap()[0].wanted(TenantId(1)).err().unwrap().field, field, "{csv}");
        }
    }
}
