//! SUMMARY    Length of every function, in lines that hold code.

use crate::{
    code::mask,
    exception::{Exceptions, Kind},
    source::File,
};

/// Lines with code in a function, its signature included.
pub const FUNCTION_LINES_MAX: usize = 70;

pub fn findings(files: &[File], exceptions: &mut Exceptions) -> Vec<String> {
    let mut out = Vec::new();
    for file in files.iter().filter(|f| f.is_rust()) {
        let masked = mask(&file.text);
        for function in functions(&masked) {
            let name = format!("{}::{}", file.path, function.name);
            if function.lines > FUNCTION_LINES_MAX && !exceptions.allow(Kind::Function, &name, function.lines) {
                out.push(format!(
                    "{}:{}: fn {} has {} lines of code, at most {FUNCTION_LINES_MAX}",
                    file.path, function.line, function.name, function.lines
                ));
            }
        }
    }
    out
}

#[derive(Debug, PartialEq, Eq)]
struct Function<'a> {
    name: &'a str,
    line: usize,
    lines: usize,
}

/// Every `fn` with a body in masked code.
fn functions(masked: &str) -> Vec<Function<'_>> {
    let mut out = Vec::new();
    for (at, _) in masked.match_indices("fn ") {
        if masked[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let after = masked[at + 3..].trim_start();
        let name = after.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
        if name.is_empty() {
            continue;
        }
        if let Some(end) = body_end(&masked[at..]) {
            let lines = masked[at..at + end].lines().filter(|l| !l.trim().is_empty()).count();
            out.push(Function { name, line: masked[..at].matches('\n').count() + 1, lines });
        }
    }
    out
}

/// Where the body of the function that starts here ends; `None` if it has no body.
fn body_end(text: &str) -> Option<usize> {
    let (mut round, mut curly) = (0_usize, 0_usize);
    for (n, byte) in text.bytes().enumerate() {
        match byte {
            b'(' | b'[' => round += 1,
            b')' | b']' => round = round.saturating_sub(1),
            b';' if round == 0 && curly == 0 => return None,
            b'{' => curly += 1,
            b'}' => {
                curly = curly.saturating_sub(1);
                if curly == 0 && round == 0 {
                    return Some(n + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Function, functions};

    #[test]
    fn bodies_are_measured_and_declarations_are_not() {
        let text =
            "trait A { fn none(&self) -> [u8; 4]; }\nfn one() { a(|x| { x }) }\n\nfn two(f: fn(u8)) {\n\n  b()\n}\n";
        let expect = [Function { name: "one", line: 2, lines: 1 }, Function { name: "two", line: 4, lines: 3 }];
        assert_eq!(functions(text), expect);
    }
}
