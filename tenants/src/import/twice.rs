//! SUMMARY    Addresses that several rows of a file ask for: the first row that can be made has them.
//! INVARIANTS A row that was refused takes nothing from those behind it, in whatever part of the file they stand.

use super::{ImportedRow, file::Line};
use crate::{Code, Error, Result};
use base::Address;
use std::collections::{HashMap, HashSet};

/// Notes on each row which of its addresses other rows ask for too. A row that names an address twice is refused. What is no address is
/// refused when it is made.
pub(super) fn mark(lines: &mut [Line]) {
    let mut rows: HashMap<String, u32> = HashMap::new();
    for line in lines.iter_mut().filter(|l| l.refused.is_none()) {
        let mut own = HashSet::new();
        for (field, address) in addresses(line) {
            if !own.insert(address.clone()) {
                line.refused = Some(Error::new(Code::Taken, field, format!("The row has {address} twice")).into());
                break;
            }
        }
        if line.refused.is_none() {
            own.into_iter().for_each(|address| *rows.entry(address).or_default() += 1);
        }
    }
    for line in lines.iter_mut().filter(|l| l.refused.is_none()) {
        let shared = addresses(line).into_iter().map(|(_, address)| address);
        line.shared = shared.filter(|a| rows.get(a).is_some_and(|n| *n > 1)).collect();
    }
}

/// The canonical addresses of a row, with their columns.
fn addresses(line: &Line) -> Vec<(&'static str, String)> {
    let own = std::iter::once(("address", line.address.as_str()));
    let all = own.chain(line.aliases().map(|a| ("aliases", a)));
    all.filter_map(|(field, a)| Address::parse(a).ok().map(|a| (field, a.canonical()))).collect()
}

/// Which lines have addresses that others ask for.
#[derive(Default)]
pub(super) struct Held(HashMap<String, u64>);

impl Held {
    /// Takes what became of rows.
    pub(super) fn told<'a>(&mut self, rows: impl IntoIterator<Item = &'a ImportedRow>) {
        for row in rows.into_iter().filter(|r| r.refused.is_none()) {
            self.0.extend(row.shared.iter().map(|address| (address.clone(), row.line)));
        }
    }

    /// `Taken` when a line before has an address of this one.
    pub(super) fn free(&self, line: &Line) -> Result<()> {
        for address in &line.shared {
            if let Some(before) = self.0.get(address) {
                let own = Address::parse(&line.address).is_ok_and(|a| a.canonical() == *address);
                let field = if own { "address" } else { "aliases" };
                return Err(Error::new(Code::Taken, field, format!("Line {before} has {address} already")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::file::read;

    #[test]
    fn rows_know_which_of_their_addresses_others_ask_for() {
        let csv =
            "address,aliases\na@b.test,x@b.test\nc@b.test,X@b.test;y@b.test\nA@b.test,\nd@b.test,D@b.test\nd@b.test,\n";
        let lines = read(csv).unwrap();
        let shared: Vec<Vec<&str>> = lines.iter().map(|l| l.shared.iter().map(String::as_str).collect()).collect();
        assert_eq!(shared, [vec!["a@b.test", "x@b.test"], vec!["x@b.test"], vec!["a@b.test"], vec![], vec![]]);
        let refused = lines[3].refused.as_ref().unwrap();
        assert_eq!((refused.code, refused.field.as_str()), (Code::Taken, "aliases"), "twice in one row");
        let mut held = Held::default();
        let row = |line: &Line, refused| ImportedRow {
            line: line.number,
            address: line.address.clone(),
            mailbox: None,
            generated: false,
            shared: line.shared.clone(),
            refused,
        };
        held.told([&row(&lines[0], Some(Error::not_found("domain").into()))]);
        held.free(&lines[1]).unwrap();
        held.told([&row(&lines[0], None)]);
        assert_eq!(held.free(&lines[1]).unwrap_err().field, "aliases");
        assert_eq!(held.free(&lines[2]).unwrap_err().field, "address");
    }
}
