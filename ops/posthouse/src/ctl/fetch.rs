//! SUMMARY    `ctl export fetch`: the files of an export into a folder, checked.
//! INVARIANTS A file has its name when all of it is there and its hash is right; before, it ends with `.part`, and is gone on with.
//!            Nothing is written outside of the folder, whatever the names are. One fetch at a time is at a folder, and a folder that has another
//!            export, or files that this one would replace, is left alone.

use super::{
    bar::Bar,
    request::{Event, ExportCall, Request},
};
use archive::{Contents, Name, Sha256};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    future::Future,
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// How often a waiting fetch asks.
const ASK: Duration = Duration::from_secs(1);
/// Bytes that are read at once to hash what is there.
const READ_BYTES: usize = 1 << 20;

/// The manifest; its signature has a longer name.
const MANIFEST: &str = "manifest.json";
/// A link is no file of ours.
const NOFOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;

/// What a request was answered with.
type Answer = Result<(), String>;

/// Asks for one thing after the other.
pub trait Ask {
    fn ask(&mut self, request: Request, take: &mut dyn FnMut(Event)) -> impl Future<Output = Answer>;
}

/// Fetches an export. Gives the rows to show, and a line at the end.
pub async fn fetch(
    asking: &mut impl Ask,
    of: (base::JobId, Option<base::TenantId>),
    to: &Path,
    wait: bool,
) -> Result<(Vec<Value>, String), String> {
    let mut bar = Bar::new("");
    while wait && !is_ended(asking, of, &mut bar).await? {
        tokio::time::sleep(ASK).await;
    }
    bar.end(0);
    let files = rows(asking, Request::Export(ExportCall::Files { of })).await?;
    fs::create_dir_all(to).map_err(|e| format!("{}: {e}", to.display()))?;
    let _one = alone(to)?;
    let mut wanted = files.iter().map(Wanted::of).collect::<Result<Vec<_>, _>>()?;
    // The manifest first: it says whose the folder is, also when the fetch is cut off.
    wanted.sort_by_key(|file| !file.name.starts_with(MANIFEST));
    let is_ours = check_folder(&wanted, to)?;
    let mut bytes = 0;
    for file in &wanted {
        bytes += file.bytes;
        file.fetch(asking, of, to, is_ours || file.name.starts_with(MANIFEST)).await?;
    }
    let known = wanted.iter().find(|file| file.name == MANIFEST).map(|file| to.join(&file.name));
    let signed = signed(asking, known, to).await?;
    Ok((files.clone(), format!("{} files, {bytes} bytes in {}; {signed}", files.len(), to.display())))
}

/// The folder, for as long as this is held. An error while another fetch is at it.
fn alone(to: &Path) -> Result<File, String> {
    let folder = File::open(to).map_err(|e| format!("{}: {e}", to.display()))?;
    match folder.try_lock() {
        Ok(()) => Ok(folder),
        Err(TryLockError::WouldBlock) => Err(format!("{}: another fetch is at this folder", to.display())),
        Err(TryLockError::Error(e)) => Err(format!("{}: {e}", to.display())),
    }
}

/// Whether the folder has this export already, or a part of it. An error if it has another one.
fn check_folder(wanted: &[Wanted], to: &Path) -> Result<bool, String> {
    let manifest = wanted.iter().find(|file| file.name == MANIFEST).ok_or("the export has no manifest")?;
    let there = to.join(MANIFEST);
    if manifest.is_right(&there)? {
        return Ok(true);
    }
    match there.exists() {
        true => Err(format!("{}: this folder has another export; choose another folder", to.display())),
        false => Ok(false),
    }
}

async fn rows(asking: &mut impl Ask, request: Request) -> Result<Vec<Value>, String> {
    let (mut rows, mut failed) = (Vec::new(), None);
    asking
        .ask(request, &mut |event| match event {
            Event::Row(row) => rows.push(row),
            Event::Failed(why) => failed = Some(why),
            _ => {}
        })
        .await?;
    failed.map_or(Ok(rows), Err)
}

/// Whether there is nothing to wait for any more; shows how far it is.
async fn is_ended(
    asking: &mut impl Ask,
    of: (base::JobId, Option<base::TenantId>),
    bar: &mut Bar,
) -> Result<bool, String> {
    let rows = rows(asking, Request::Export(ExportCall::Show { of })).await?;
    let row = rows.first().ok_or("the server did not say how the export stands")?;
    let said = |field: &str| row.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (number, state) = (|field: &str| row.get(field).and_then(Value::as_u64).unwrap_or(0), said("state"));
    bar.name(&state);
    bar.at(number("bytes_done"), number("bytes"));
    match state.as_str() {
        "queued" | "listing" | "writing" | "verifying" | "paused" => Ok(false),
        "failed" => Err(format!("the export failed: {}; `ctl export resume` tries again", said("why"))),
        _ => Ok(true),
    }
}

/// A file to be fetched.
struct Wanted {
    name: String,
    bytes: u64,
    sha256: Sha256,
}

impl Wanted {
    fn of(row: &Value) -> Result<Wanted, String> {
        let text = |field: &str| row.get(field).and_then(Value::as_str).ok_or("a file without a name or hash");
        let name = text("name")?;
        let name = Name::new(name)
            .ok()
            .filter(|_| !name.contains('/'))
            .ok_or_else(|| format!("{name:?}: not a file's name"))?;
        Ok(Wanted {
            name: name.to_string(),
            bytes: row.get("bytes").and_then(Value::as_u64).ok_or("a file without its size")?,
            sha256: text("sha256")?.parse().map_err(|_| "a file without its hash")?,
        })
    }

    async fn fetch(
        &self,
        asking: &mut impl Ask,
        of: (base::JobId, Option<base::TenantId>),
        to: &Path,
        may_replace: bool,
    ) -> Result<(), String> {
        let whole = to.join(&self.name);
        if self.is_right(&whole)? {
            return Ok(());
        }
        if whole.exists() && !may_replace {
            return Err(format!("{}: there is another file of this name; choose another folder", whole.display()));
        }
        // What was there of it may be of something else: then once from the beginning.
        for _ in 0..2 {
            if self.rest(asking, of, to).await? {
                return Ok(());
            }
        }
        Err(format!("{}: what comes is not what was exported", self.name))
    }

    /// Fetches what is missing of the file. False: what was there was not of it, and is gone.
    async fn rest(
        &self,
        asking: &mut impl Ask,
        of: (base::JobId, Option<base::TenantId>),
        to: &Path,
    ) -> Result<bool, String> {
        let (whole, part) = (to.join(&self.name), to.join(format!("{}.part", self.name)));
        if fs::symlink_metadata(&part).is_ok_and(|meta| !meta.is_file()) {
            return Err(format!("{}: not a file", part.display()));
        }
        let mut contents = Contents::default();
        let from = feed(&part, &mut contents).map_err(|e| format!("{}: {e}", part.display()))?;
        let (from, mut contents) = if from > self.bytes { (0, Contents::default()) } else { (from, contents) };
        let mut file = OpenOptions::new()
            .create(true)
            .append(from > 0)
            .write(true)
            .truncate(from == 0)
            .custom_flags(NOFOLLOW)
            .open(&part)
            .map_err(|e| format!("{}: {e}", part.display()))?;
        let (mut failed, mut got, mut bar) = (None, from, Bar::new(self.name.as_str()));
        let call = ExportCall::Bytes { of, name: self.name.clone(), from };
        asking
            .ask(Request::Export(call), &mut |event| match event {
                Event::Bytes(text) => {
                    let written = STANDARD.decode(text).map_err(io::Error::other).and_then(|bytes| {
                        contents.feed(&bytes);
                        got += bytes.len() as u64;
                        bar.at(got, self.bytes);
                        file.write_all(&bytes)
                    });
                    failed = failed.take().or(written.err().map(|e| format!("{}: {e}", part.display())));
                }
                Event::Failed(why) => failed = Some(why),
                _ => {}
            })
            .await?;
        bar.end(got);
        if let Some(why) = failed {
            return Err(why);
        }
        let content = contents.end();
        if content.bytes != self.bytes || content.sha256 != self.sha256 {
            fs::remove_file(&part).map_err(|e| format!("{}: {e}", part.display()))?;
            return Ok(false);
        }
        file.sync_all().and_then(|()| fs::rename(&part, &whole)).map_err(|e| format!("{}: {e}", whole.display()))?;
        Ok(true)
    }

    /// Whether the file is there already.
    fn is_right(&self, path: &Path) -> Result<bool, String> {
        if fs::metadata(path).map_or(0, |meta| meta.len()) != self.bytes {
            return Ok(false);
        }
        let mut contents = Contents::default();
        feed(path, &mut contents).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(contents.end().sha256 == self.sha256)
    }
}

/// Hashes what there is of a file; gives its length.
fn feed(path: &Path, contents: &mut Contents) -> io::Result<u64> {
    let mut file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(0),
        file => file?,
    };
    let (mut buffer, mut bytes) = (vec![0; READ_BYTES], 0);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(bytes);
        }
        contents.feed(buffer.get(..read).unwrap_or_default());
        bytes += read as u64;
    }
}

/// Checks the manifest's signature with the server's key.
async fn signed(asking: &mut impl Ask, manifest: Option<PathBuf>, to: &Path) -> Result<String, String> {
    let manifest = manifest.ok_or("the export has no manifest")?;
    let rows = rows(asking, Request::Export(ExportCall::Key)).await?;
    let key = rows.first().and_then(|row| row.get("public_key")).and_then(Value::as_str).unwrap_or_default();
    let key = STANDARD.decode(key).ok().and_then(|key| <[u8; 32]>::try_from(key).ok()).ok_or("the server's key")?;
    let read = |path: &Path| fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
    let (bytes, signature) = (read(&manifest)?, read(&to.join("manifest.json.sig"))?);
    let key = archive::manifest::PublicKey(key);
    let verified = archive::manifest::verify(&bytes, &signature, &[key]).map_err(|e| e.to_string())?;
    let emails: u64 = verified.accounts.iter().map(|account| account.totals.emails).sum();
    Ok(format!("{emails} emails, {} problems; signed by {}", verified.problems, key.id()))
}
