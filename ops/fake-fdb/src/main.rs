//! SUMMARY    `fake-fdb CLUSTER_FILE [ADDRESS]`: a cluster in memory that several processes share, until standard input ends.
//! SECURITY   For tests: whoever reaches the address reads and writes everything.
//! INVARIANTS The cluster file appears once it is served. Lines of standard input: `away` cuts every connection off and takes no
//!            other, `back` ends that; each is answered with the same word. The rows outlive every client, and end with this process.

use fake_fdb::{model::cluster::SHARED, shared::hub::Hub};
use std::{
    fs,
    io::{self, BufRead},
    net::TcpListener,
    path::PathBuf,
    process::ExitCode,
};

fn serve(file: &PathBuf, address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    let hub = Hub::serve(listener)?;
    // Whole or not at all: whoever waits for it reads it at once.
    let new = file.with_extension("new");
    fs::write(&new, format!("# {SHARED}\nfake:shared@{address}\n"))?;
    fs::rename(&new, file)?;
    println!("fake-fdb: serves at {address}");
    for line in io::stdin().lock().lines() {
        match line?.trim() {
            "away" => {
                hub.away(true);
                println!("away");
            }
            "back" => {
                hub.away(false);
                println!("back");
            }
            other => eprintln!("fake-fdb: {other:?} is neither away nor back"),
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(file), address) = (arguments.next(), arguments.next()) else {
        eprintln!("fake-fdb CLUSTER_FILE [ADDRESS]");
        return ExitCode::FAILURE;
    };
    let address = address.map_or_else(|| "127.0.0.1:0".to_owned(), |address| address.to_string_lossy().into_owned());
    match serve(&PathBuf::from(file), &address) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("fake-fdb: {why}");
            ExitCode::FAILURE
        }
    }
}
