//! SUMMARY    The subcommands, one file each, and the options several share.

pub mod api;
pub mod corpus;
pub mod crash;
pub mod fill;
pub mod flat;
pub mod idle;
pub mod imap;
pub mod limit;
pub mod lookup;
pub mod noisy;
pub mod portal;
pub mod provision;
pub mod quota;
pub mod sink;
pub mod smtp;

use clap::Args;
use serde::Serialize;

use crate::{
    error::{Result, check},
    process::Tree,
};

/// Options of every command that measures a server.
#[derive(Debug, Clone, Args)]
pub struct MeasureArgs {
    /// Root processes of the server; their whole trees are measured.
    #[arg(long, value_delimiter = ',')]
    pub server_pid: Vec<u32>,
    /// Print one line of JSON.
    #[arg(long)]
    pub json: bool,
}

impl MeasureArgs {
    pub fn tree(&self) -> Tree {
        Tree(self.server_pid.clone())
    }

    /// Prints a report: JSON in one line, or the same laid out for people.
    pub fn print(&self, report: &impl Serialize) -> Result<()> {
        let text = if self.json { serde_json::to_string(report) } else { serde_json::to_string_pretty(report) };
        println!("{}", text.map_err(|e| check(e.to_string()))?);
        Ok(())
    }
}

/// Options of every command that logs in.
#[derive(Debug, Clone, Args)]
pub struct LoginArgs {
    /// HOST:PORT of the IMAP door.
    #[arg(long)]
    pub target: String,
    #[arg(long)]
    pub tls: bool,
    #[arg(long)]
    pub user: String,
    #[arg(long)]
    pub password: String,
}

impl LoginArgs {
    pub fn target(&self) -> crate::net::Target {
        crate::net::Target { address: self.target.clone(), tls: self.tls, source: None }
    }
}
