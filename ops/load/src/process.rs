//! SUMMARY    CPU seconds and resident memory of a server's whole process tree, from /proc.
//! INVARIANTS A process that ends between two samples is not lost: its CPU time moves into its parent's cutime and
//!            cstime when the parent waits for it, and both samples sum all four. A parent that ignores SIGCHLD breaks
//!            this; postfix's and dovecot's masters wait. Kernel threads (journal, soft interrupts) are not counted.

use std::{
    collections::HashMap,
    fs,
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::error::{Result, check};

/// Clock ticks per second in /proc (USER_HZ: 100 on every Linux this runs on).
const TICKS_PER_SECOND: f64 = 100.0;
/// Processes of one tree; more than this is not one server.
const TREE_MAX: usize = 100_000;

/// What one line of /proc/PID/stat says about CPU time.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stat {
    pid: u32,
    parent: u32,
    /// utime + stime + cutime + cstime.
    ticks: u64,
}

/// One sample of a tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Usage {
    pub processes: usize,
    pub cpu_s: f64,
    pub rss_bytes: u64,
    /// Proportional set size: shared pages are divided by their users, so that forked processes do not count twice.
    pub pss_bytes: u64,
    /// Private pages only.
    pub private_bytes: u64,
}

/// Root processes given by `--server-pid`.
#[derive(Debug, Clone, Default)]
pub struct Tree(pub Vec<u32>);

impl Tree {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// CPU seconds used so far by the tree and by every child it has waited for.
    pub fn cpu_s(&self) -> Result<f64> {
        Ok(self.stats()?.iter().map(|s| s.ticks).sum::<u64>() as f64 / TICKS_PER_SECOND)
    }

    /// CPU and memory now.
    pub fn usage(&self) -> Result<Usage> {
        let stats = self.stats()?;
        let mut usage = Usage { processes: stats.len(), ..Usage::default() };
        usage.cpu_s = stats.iter().map(|s| s.ticks).sum::<u64>() as f64 / TICKS_PER_SECOND;
        for stat in &stats {
            // A process may end between the listing and this read; then it holds no memory.
            let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", stat.pid)).unwrap_or_default();
            let (rss, pss, private) = memory(&text);
            usage.rss_bytes += rss;
            usage.pss_bytes += pss;
            usage.private_bytes += private;
        }
        Ok(usage)
    }

    fn stats(&self) -> Result<Vec<Stat>> {
        let all: Vec<Stat> = fs::read_dir("/proc")?
            .flatten()
            .filter(|e| e.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()))
            .filter_map(|e| fs::read_to_string(e.path().join("stat")).ok())
            .filter_map(|line| parse_stat(&line))
            .collect();
        let tree = descendants(&self.0, &all);
        for root in &self.0 {
            if !tree.iter().any(|s| s.pid == *root) {
                return Err(check(format!("server process {root} is not running")));
            }
        }
        Ok(tree)
    }
}

fn parse_stat(line: &str) -> Option<Stat> {
    let (pid, rest) = line.split_once(" (")?;
    // The command name may hold anything, parentheses included: fields count from the last one.
    let (_, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |i: usize| fields.get(i).and_then(|f| f.parse::<u64>().ok());
    let ticks = number(11)? + number(12)? + number(13)? + number(14)?;
    Some(Stat { pid: pid.parse().ok()?, parent: fields.get(1)?.parse().ok()?, ticks })
}

fn descendants(roots: &[u32], all: &[Stat]) -> Vec<Stat> {
    let mut children: HashMap<u32, Vec<Stat>> = HashMap::new();
    for stat in all {
        children.entry(stat.parent).or_default().push(*stat);
    }
    let mut found: Vec<Stat> = Vec::new();
    let mut open: Vec<Stat> = all.iter().filter(|s| roots.contains(&s.pid)).copied().collect();
    while let Some(stat) = open.pop() {
        if found.len() >= TREE_MAX || found.iter().any(|f| f.pid == stat.pid) {
            continue;
        }
        found.push(stat);
        open.extend(children.get(&stat.pid).into_iter().flatten());
    }
    found
}

/// (Rss, Pss, private) bytes of one smaps_rollup.
fn memory(text: &str) -> (u64, u64, u64) {
    let (mut rss, mut pss, mut private) = (0, 0, 0);
    for line in text.lines() {
        let Some((name, rest)) = line.split_once(':') else { continue };
        let kb = rest.split_ascii_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        match name {
            "Rss" => rss = kb * 1024,
            "Pss" => pss = kb * 1024,
            "Private_Clean" | "Private_Dirty" => private += kb * 1024,
            _ => {}
        }
    }
    (rss, pss, private)
}

/// What a server used between two moments.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Cost {
    pub server_cpu_s: f64,
    pub server_cpu_s_per_1000: f64,
    pub driver_cpu_s: f64,
    pub pss_bytes: u64,
    pub rss_bytes: u64,
}

/// Measures a server tree and this driver over a stretch of work.
#[derive(Debug)]
pub struct Meter {
    tree: Tree,
    server: f64,
    driver: f64,
    pub began: Instant,
}

impl Meter {
    pub fn start(tree: &Tree) -> Result<Self> {
        let driver = Tree(vec![std::process::id()]).cpu_s()?;
        let server = if tree.is_empty() { 0.0 } else { tree.cpu_s()? };
        Ok(Meter { tree: tree.clone(), server, driver, began: Instant::now() })
    }

    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// What was used since the start for `operations`; None without server processes.
    pub fn cost(&self, operations: u64) -> Result<Option<Cost>> {
        if self.tree.is_empty() {
            return Ok(None);
        }
        let usage = self.tree.usage()?;
        let server_cpu_s = usage.cpu_s - self.server;
        Ok(Some(Cost {
            server_cpu_s,
            server_cpu_s_per_1000: if operations == 0 { 0.0 } else { server_cpu_s * 1000.0 / operations as f64 },
            driver_cpu_s: Tree(vec![std::process::id()]).cpu_s()? - self.driver,
            pss_bytes: usage.pss_bytes,
            rss_bytes: usage.rss_bytes,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_with_parentheses_in_the_name() {
        let line = "42 (a) (b) c) S 7 42 42 0 -1 4194560 100 200 0 0 11 22 33 44 20 0 1 0 5 6 7";
        assert_eq!(parse_stat(line), Some(Stat { pid: 42, parent: 7, ticks: 110 }));
        assert_eq!(parse_stat("nonsense"), None);
    }

    #[test]
    fn a_tree_is_the_roots_and_what_descends_from_them() {
        let stat = |pid, parent| Stat { pid, parent, ticks: 1 };
        let all = [stat(1, 0), stat(10, 1), stat(11, 10), stat(12, 11), stat(20, 1)];
        let mut pids: Vec<u32> = descendants(&[10], &all).iter().map(|s| s.pid).collect();
        pids.sort_unstable();
        assert_eq!(pids, [10, 11, 12]);
        assert_eq!(descendants(&[10, 11], &all).len(), 3, "a process is counted once");
        assert!(descendants(&[99], &all).is_empty());
    }

    #[test]
    fn memory_of_a_rollup() {
        let text = "00-ff ---p 00:00 0 [rollup]\nRss: 8 kB\nPss: 6 kB\nPss_Dirty: 1 kB\nPrivate_Clean: 2 kB\nPrivate_Dirty: 3 kB\n";
        assert_eq!(memory(text), (8192, 6144, 5120));
    }

    #[test]
    fn this_process_is_measured() {
        let usage = Tree(vec![std::process::id()]).usage().unwrap();
        assert!(usage.processes >= 1 && usage.rss_bytes > 0 && usage.cpu_s >= 0.0);
    }
}
