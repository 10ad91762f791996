//! SUMMARY    `ctl api`: any operation of the API, as the machine's operator.
//! SECURITY   Runs where every ctl command runs: in the server behind its socket, or on a stopped one's data. The audit log says
//!            `ctl` and by whom.

use super::{
    answer,
    desk::{Desk, Events, Outcome, row, text},
};
use crate::Failure;
use clap::Args;
use serde_json::{Map, Value, json};
use std::{io::Read, path::PathBuf};

/// Bytes of an operation's text.
const OPERATION_BYTES_MAX: u64 = 256 << 10;

/// An operation of the API.
#[derive(Args)]
pub struct Api {
    /// The operation's text; standard input when neither this nor --file is given.
    query: Option<String>,
    /// The file with the operation's text.
    #[arg(long, conflicts_with = "query")]
    file: Option<PathBuf>,
    /// A variable, as name=value; a value that is JSON is taken as such, everything else as a text.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    var: Vec<String>,
    /// All variables as a JSON object; --var adds to them.
    #[arg(long, value_name = "JSON")]
    vars: Option<String>,
}

impl Api {
    /// The text and the variables.
    pub fn read(self) -> Result<(String, Value), Failure> {
        let mut variables: Map<String, Value> = match &self.vars {
            None => Map::new(),
            Some(text) => {
                serde_json::from_str(text).map_err(|e| Failure::Usage(format!("--vars is a JSON object: {e}")))?
            }
        };
        for one in &self.var {
            let Some((name, value)) = one.split_once('=') else {
                return Err(Failure::Usage(format!("--var {one}: a variable is name=value")));
            };
            let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
            variables.insert(name.to_owned(), value);
        }
        let query = match (self.query, self.file) {
            (Some(query), _) => query,
            (None, Some(file)) => {
                let opened =
                    std::fs::File::open(&file).map_err(|e| Failure::Usage(format!("{}: {e}", file.display())))?;
                limited(opened)?
            }
            (None, None) => limited(std::io::stdin())?,
        };
        Ok((query, Value::Object(variables)))
    }
}

fn limited(from: impl Read) -> Result<String, Failure> {
    let mut text = String::new();
    let read = from.take(OPERATION_BYTES_MAX + 1).read_to_string(&mut text);
    read.map_err(|e| Failure::Usage(format!("the operation: {e}")))?;
    match text.len() as u64 > OPERATION_BYTES_MAX {
        true => {
            Err(Failure::Usage(format!("an operation has at most {OPERATION_BYTES_MAX} bytes (OPERATION_BYTES_MAX)")))
        }
        false => Ok(text),
    }
}

impl Desk {
    /// Runs an operation; its answer is the one row. `accounts` are variables in which an address becomes a mailbox's id.
    pub(super) async fn api(
        &self,
        who: &str,
        query: String,
        mut variables: Value,
        accounts: &[String],
        events: &Events,
    ) -> Outcome {
        let service = self.shared_service()?;
        let actor = service.console(who).await.map_err(text)?;
        for pointer in accounts {
            let Some(value) = variables.pointer_mut(pointer) else { continue };
            if let Some(address) = value.as_str().filter(|v| v.contains('@')).map(str::to_owned) {
                let mailbox = service.mailbox_by_address(&actor, &address).await;
                *value = json!(mailbox.map_err(|e| format!("{address}: {e}"))?.id.to_string());
            }
        }
        let told = api::answer(service.clone(), self.billing.clone(), actor, query, variables).await;
        let ok = !answer::is_refused(&told);
        row(events, told).await?;
        Ok((ok, None, String::new()))
    }
}
