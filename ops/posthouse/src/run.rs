//! SUMMARY    `posthouse serve` and `posthouse config`: the configuration found, the server run until it is told to end.

use crate::{
    Failure,
    config::{self, Config, Loaded},
    server::Server,
    signal::{Signal, Signals, tell_systemd},
    stores::at,
};
use base::SystemClock;
use std::{path::Path, sync::Arc};
use tenants::Service;

/// What to do about a missing configuration.
const NO_CONFIGURATION: &str = "there is no configuration: name a file with --config FILE (`posthouse config --example` prints one to \
     start from), or set POSTHOUSE_HOSTNAME and POSTHOUSE_DATA. To try Posthouse without any: posthouse demo";

fn environment_over(file: Option<&Path>) -> Result<Loaded, Failure> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
    };
    Loaded::read(file, std::env::vars_os().filter_map(text)).map_err(Failure::Usage)
}

/// File and environment; one of them says something.
fn load(file: Option<&Path>) -> Result<Loaded, Failure> {
    let loaded = environment_over(file)?;
    let empty = loaded.text("hostname").is_none() && loaded.path("data").is_none();
    if file.is_none() && empty { Err(Failure::Usage(NO_CONFIGURATION.to_owned())) } else { Ok(loaded) }
}

/// The configuration of a server, where a file or the environment says one.
pub fn found(file: Option<&Path>) -> Result<Option<Config>, Failure> {
    let loaded = environment_over(file)?;
    if file.is_none() && loaded.text("hostname").is_none() {
        return Ok(None);
    }
    Config::from_loaded(&loaded).map(Some).map_err(Failure::Usage)
}

/// `posthouse config`.
pub fn show(file: Option<&Path>, example: bool) -> Result<(), Failure> {
    use std::io::Write;
    let text = if example {
        config::EXAMPLE.to_owned()
    } else {
        let loaded = load(file)?;
        Config::from_loaded(&loaded).map_err(Failure::Usage)?;
        config::print(&loaded)
    };
    // Who closed the pipe has seen enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(())
}

/// `posthouse serve`.
pub async fn serve(file: Option<&Path>) -> Result<(), Failure> {
    let config = Config::from_loaded(&load(file)?).map_err(Failure::Usage)?;
    let mut signals = Signals::new()?;
    let server = Server::start(&config, Arc::new(SystemClock)).await?;
    if let Some(service) = &server.service
        && let Some(token) = first_token(&config, service).await?
    {
        println!("operator token (shown once, also in operator.token): {token}");
    }
    tracing::info!(role = config.role.name(), ports = ?server.ports, "serving");
    tell_systemd("READY=1");
    loop {
        tokio::select! {
            signal = signals.next() => match signal {
                Signal::Reload => server.reload(),
                Signal::Stop => break,
            },
            () = server.lost() => {
                // Nothing is left to be finished: every commit fails.
                tracing::error!("the store is lost to this process: ending, for the supervisor to start another");
                tell_systemd("STOPPING=1");
                return Err(Failure::StoreLost);
            }
        }
    }
    tracing::info!("stopping: sessions end, commits are finished");
    tell_systemd("STOPPING=1");
    signals.unless_again(server.stop()).await
}

/// Makes the provider and its operator token at the first start; of several control planes over one database, of the first.
async fn first_token(config: &Config, service: &Service) -> Result<Option<String>, String> {
    let path = config.data.join("operator.token");
    if path.exists() || config.sql.is_some() && service.console("start").await.is_ok() {
        return Ok(None);
    }
    let token = service.bootstrap("Provider").await.map_err(|e| e.to_string())?.operator_token;
    std::fs::write(&path, &token).map_err(|e| at(&path, e))?;
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(|e| at(&path, e))?;
    Ok(Some(token))
}
