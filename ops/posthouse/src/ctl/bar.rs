//! SUMMARY    A line that says how far something is: on a terminal drawn again and again, else told now and then.
//! INVARIANTS Standard error only.

use super::size;
use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

/// Characters of the bar.
const WIDTH: u64 = 24;
/// How often a bar is drawn, and how often it is told where nobody sees it drawn.
const DRAWN: Duration = Duration::from_millis(100);
const TOLD: Duration = Duration::from_secs(10);

/// Something under way.
pub struct Bar {
    what: String,
    began: Instant,
    /// What was done when it was first told of.
    first: Option<u64>,
    shown: Option<Instant>,
    draws: bool,
}

impl Bar {
    pub fn new(what: impl Into<String>) -> Bar {
        let draws = std::io::stderr().is_terminal();
        Bar { what: what.into(), began: Instant::now(), first: None, shown: None, draws }
    }

    /// Another name for what is done now.
    pub fn name(&mut self, what: &str) {
        if self.what != what {
            what.clone_into(&mut self.what);
            self.shown = None;
        }
    }

    /// So many bytes of so many.
    pub fn at(&mut self, done: u64, total: u64) {
        let first = *self.first.get_or_insert(done);
        let every = if self.draws { DRAWN } else { TOLD };
        if self.shown.is_some_and(|shown| shown.elapsed() < every) {
            return;
        }
        self.shown = Some(Instant::now());
        let line = line(&self.what, done, total, done.saturating_sub(first), self.began.elapsed());
        match self.draws {
            true => eprint!("\r{line}\x1b[K"),
            false => eprintln!("{line}"),
        }
    }

    /// It is over, and was done: the line is free.
    pub fn end(&self, done: u64) {
        match self.draws {
            true if self.shown.is_some() => eprint!("\r\x1b[K"),
            true => {}
            false if done > 0 => eprintln!("{}: {}", self.what, size::write(done)),
            false => {}
        }
    }
}

/// `since`: how much of it was done in `took`.
fn line(what: &str, done: u64, total: u64, since: u64, took: Duration) -> String {
    let part = |of: u64| {
        if total == 0 {
            0
        } else {
            u64::try_from(u128::from(done) * u128::from(of) / u128::from(total)).unwrap_or(of).min(of)
        }
    };
    let (full, percent) = (part(WIDTH), part(100));
    let bar: String = (0..WIDTH).map(|at| if at < full { '#' } else { '.' }).collect();
    let left = left(total.saturating_sub(done), since, took);
    format!("{what} [{bar}] {percent}% {} of {}{left}", size::write(done), size::write(total))
}

/// How long the rest takes at the rate so far; nothing where that is not known yet.
fn left(rest: u64, since: u64, took: Duration) -> String {
    if since == 0 || rest == 0 || took < Duration::from_secs(1) {
        return String::new();
    }
    let seconds = (u128::from(rest) * took.as_millis() / u128::from(since) / 1_000) as u64;
    match seconds {
        0..60 => format!(", {seconds} s left"),
        60..3_600 => format!(", {} min left", seconds / 60),
        _ => format!(", {} h {} min left", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_much_and_how_long() {
        let second = Duration::from_secs(1);
        assert_eq!(line("x", 0, 0, 0, second), "x [........................] 0% 0 of 0");
        assert_eq!(
            line("x", 1 << 20, 2 << 20, 1 << 20, 60 * second),
            "x [############............] 50% 1M of 2M, 1 min left"
        );
        assert_eq!(line("x", 5, 5, 5, second), "x [########################] 100% 5 of 5");
        assert!(line("x", 1, 10_000, 1, second).ends_with(", 2 h 46 min left"));
        assert!(line("x", 9, 5, 9, second).contains("100%"));
    }
}
