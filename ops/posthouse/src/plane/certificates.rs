//! SUMMARY    `posthouse plane certificates`: an authority of one's own and a certificate for each plane.
//! STANDARDS  RFC 5280 §4.2.1.12 (what a key is for)
//! SECURITY   Keys have mode 0600 and are never overwritten. The data plane's certificate is for a server and the control plane's
//!            for a client: neither can stand in for the other. `ca.key` is needed only to make new ones: keep it elsewhere.
//! INVARIANTS An authority that is there is used again; a certificate that is there stays, unless `--renew` asks for new ones.

use crate::{Failure, stores::at};
use base::{Clock, SystemClock};
use clap::{Args, Subcommand};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::{
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

/// How long the authority holds.
const AUTHORITY_DAYS: u64 = 3_650;
/// How long a plane's certificate holds.
const PLANE_DAYS: u64 = 825;
/// Clocks may differ by this much.
const EARLIER: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// The same for every run: an authority is read from its key alone.
const AUTHORITY_NAME: &str = "Posthouse planes";

#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Makes ca.pem, and data.pem and control.pem with their keys: what [plane] of either role names.
    Certificates {
        /// Folder they are written to.
        #[arg(long)]
        dir: PathBuf,
        /// Name or address that plane.url calls the data plane by; several are several options.
        #[arg(long, required = true)]
        name: Vec<String>,
        /// Makes the two certificates anew, by the authority that is there.
        #[arg(long)]
        renew: bool,
    },
}

/// `posthouse plane …`.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let Command::Certificates { dir, name, renew } = arguments.command;
    make(&dir, &name, renew)?;
    let dir = dir.display();
    println!("data plane:    certificate = \"{dir}/data.pem\", key = \"{dir}/data.key\", ca = \"{dir}/ca.pem\"");
    println!("control plane: certificate = \"{dir}/control.pem\", key = \"{dir}/control.key\", ca = \"{dir}/ca.pem\"");
    println!("{dir}/ca.key makes further ones: keep it elsewhere. The others hold for {PLANE_DAYS} days.");
    Ok(())
}

/// Makes what is missing in a folder.
pub fn make(folder: &Path, names: &[String], renew: bool) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|e| at(folder, e))?;
    let authority = authority(folder)?;
    let server = (names.to_vec(), ExtendedKeyUsagePurpose::ServerAuth);
    let client = (vec!["control-plane".to_owned()], ExtendedKeyUsagePurpose::ClientAuth);
    for (plane, (names, usage)) in [("data", server), ("control", client)] {
        let (certificate, key_file) = (folder.join(format!("{plane}.pem")), folder.join(format!("{plane}.key")));
        if !renew && (certificate.exists() || key_file.exists()) {
            return Err(at(&certificate, "it is there already; --renew makes new ones by the same authority"));
        }
        let key = KeyPair::generate().map_err(|e| e.to_string())?;
        let mut params = CertificateParams::new(names).map_err(|e| format!("--name: {e}"))?;
        params.distinguished_name = named(&format!("Posthouse {plane} plane"));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        valid(&mut params, PLANE_DAYS);
        let signed = params.signed_by(&key, &authority).map_err(|e| e.to_string())?;
        write(&key_file, &key.serialize_pem(), 0o600)?;
        write(&certificate, &signed.pem(), 0o644)?;
    }
    Ok(())
}

/// The authority of a folder, made if there is none.
fn authority(folder: &Path) -> Result<Issuer<'static, KeyPair>, String> {
    let (certificate, key_file) = (folder.join("ca.pem"), folder.join("ca.key"));
    let mut params = CertificateParams::new(Vec::new()).map_err(|e| e.to_string())?;
    params.distinguished_name = named(AUTHORITY_NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    valid(&mut params, AUTHORITY_DAYS);
    let key = match (certificate.exists(), key_file.exists()) {
        (true, true) => {
            let text = std::fs::read_to_string(&key_file).map_err(|e| at(&key_file, e))?;
            KeyPair::from_pem(&text).map_err(|e| at(&key_file, e))?
        }
        (true, false) => return Err(at(&key_file, "it is needed to sign: bring it here, or name another folder")),
        (false, _) => {
            let key = KeyPair::generate().map_err(|e| e.to_string())?;
            let made = params.self_signed(&key).map_err(|e| e.to_string())?;
            new(&key_file, &key.serialize_pem(), 0o600)?;
            new(&certificate, &made.pem(), 0o644)?;
            key
        }
    };
    Ok(Issuer::new(params, key))
}

fn named(name: &str) -> DistinguishedName {
    let mut out = DistinguishedName::new();
    out.push(DnType::CommonName, name);
    out
}

fn valid(params: &mut CertificateParams, days: u64) {
    let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(SystemClock.now().0).unwrap_or(0));
    params.not_before = (now - EARLIER).into();
    params.not_after = (now + DAY * u32::try_from(days).unwrap_or(u32::MAX)).into();
}

/// A file that must not be there yet.
fn new(path: &Path, text: &str, mode: u32) -> Result<(), String> {
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|e| at(path, e))
}

/// Beside its place, then into it: who reads it sees the old one or the new one.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), String> {
    let beside = path.with_extension("new");
    match std::fs::remove_file(&beside) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(at(&beside, e)),
        _ => new(&beside, text, mode)?,
    }
    std::fs::rename(&beside, path).map_err(|e| at(path, e))
}
