//! SUMMARY    The directory of a deployment: its short prefix, made at the first start and found at every other.

use crate::{
    failure::OpenError,
    limits::{FDB_OPEN_ATTEMPTS_MAX, FDB_PREFIX_BYTES_MAX},
};
use foundationdb::{
    Database, FdbError, Transaction,
    directory::{Directory, DirectoryError, DirectoryLayer},
    tuple::hca::HcaError,
};

/// What the directory is marked with: another program's directory of the same name is refused.
const LAYER: &[u8] = b"posthouse-kv";

/// The prefix of the directory at `path`. A commit of which nobody knows is looked at again: to open is all that is left then.
pub(crate) async fn prefix(database: &Database, path: &[String]) -> Result<Vec<u8>, OpenError> {
    let mut txn = database.create_trx().map_err(OpenError::Cluster)?;
    for _ in 0..FDB_OPEN_ATTEMPTS_MAX {
        let failed = match attempt(&txn, path).await {
            Ok(prefix) => match txn.commit().await {
                Ok(_) if prefix.len() > FDB_PREFIX_BYTES_MAX => return Err(OpenError::Prefix),
                Ok(_) => return Ok(prefix),
                Err(why) => {
                    txn = why.on_error().await.map_err(OpenError::Cluster)?;
                    continue;
                }
            },
            Err(why) => why,
        };
        let Some(why) = cluster_error(&failed) else { return Err(OpenError::Directory(failed)) };
        txn = txn.on_error(why).await.map_err(OpenError::Cluster)?;
    }
    Err(OpenError::Attempts)
}

async fn attempt(txn: &Transaction, path: &[String]) -> Result<Vec<u8>, DirectoryError> {
    let layer = DirectoryLayer::default();
    let directory = layer.create_or_open(txn, path, None, Some(LAYER)).await?;
    directory.bytes().map(<[u8]>::to_vec)
}

fn cluster_error(why: &DirectoryError) -> Option<FdbError> {
    match why {
        DirectoryError::FdbError(why) | DirectoryError::HcaError(HcaError::FdbError(why)) => Some(*why),
        _ => None,
    }
}
