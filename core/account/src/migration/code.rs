//! SUMMARY    How a migration's record says what the contract has names for.
//! INVARIANTS Numbers are never reused; an unknown one is damage.

use crate::{
    Error, Result,
    record::{MigrationRecord, MigrationToldRecord},
};
use control::{
    MigrationPhase, MigrationProblem, MigrationProblemKind, MigrationSecurity, MigrationSignIn, MigrationSource,
};

pub(super) const QUEUED: u32 = 1;
pub(super) const RUNNING: u32 = 2;
pub(super) const WAITING: u32 = 3;
pub(super) const FAILED: u32 = 4;
pub(super) const ENDED: u32 = 5;

/// Characters of a problem's folder and reason.
const TOLD_CHARS_MAX: usize = 200;

const SECURITIES: [(MigrationSecurity, u32); 3] =
    [(MigrationSecurity::Tls, 1), (MigrationSecurity::StartTls, 2), (MigrationSecurity::Plain, 3)];
const SIGN_INS: [(MigrationSignIn, u32); 2] = [(MigrationSignIn::Password, 1), (MigrationSignIn::Token, 2)];
const KINDS: [(MigrationProblemKind, u32); 5] = [
    (MigrationProblemKind::Message, 1),
    (MigrationProblemKind::Folder, 2),
    (MigrationProblemKind::PassedOver, 3),
    (MigrationProblemKind::NotKept, 4),
    (MigrationProblemKind::Gone, 5),
];

fn code<T: PartialEq>(all: &[(T, u32)], one: &T) -> u32 {
    all.iter().find(|(known, _)| known == one).map_or(0, |(_, code)| *code)
}

fn of<T: Copy>(all: &[(T, u32)], code: u32, what: &'static str) -> Result<T> {
    all.iter().find(|(_, known)| *known == code).map(|(one, _)| *one).ok_or_else(|| Error::corrupt(what))
}

pub(super) fn code_of_security(security: MigrationSecurity) -> u32 {
    code(&SECURITIES, &security)
}

pub(super) fn code_of_sign_in(sign_in: MigrationSignIn) -> u32 {
    code(&SIGN_INS, &sign_in)
}

/// Where it stands, as people see it: paused as soon as that is wanted.
pub(super) fn phase(record: &MigrationRecord) -> Result<MigrationPhase> {
    Ok(match record.phase {
        ENDED => MigrationPhase::Ended,
        FAILED => MigrationPhase::Failed,
        QUEUED | RUNNING | WAITING if record.paused => MigrationPhase::Paused,
        QUEUED => MigrationPhase::Queued,
        RUNNING => MigrationPhase::Running,
        WAITING => MigrationPhase::Waiting,
        _ => return Err(Error::corrupt("phase of a migration")),
    })
}

pub(super) fn source(record: &MigrationRecord) -> Result<MigrationSource> {
    Ok(MigrationSource {
        host: record.host.clone(),
        port: u16::try_from(record.port).map_err(|_| Error::corrupt("port of a migration"))?,
        security: of(&SECURITIES, record.security, "protection of a migration")?,
        user: record.user.clone(),
        sign_in: of(&SIGN_INS, record.sign_in, "sign-in of a migration")?,
    })
}

pub(super) fn told(problem: &MigrationProblem) -> MigrationToldRecord {
    let cut = |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TOLD_CHARS_MAX).collect();
    MigrationToldRecord {
        kind: code(&KINDS, &problem.kind),
        folder: cut(&problem.folder),
        uid: problem.uid.unwrap_or(0),
        why: cut(&problem.why),
    }
}

pub(super) fn problem(record: &MigrationToldRecord) -> Result<MigrationProblem> {
    Ok(MigrationProblem {
        kind: of(&KINDS, record.kind, "problem of a migration")?,
        folder: record.folder.clone(),
        uid: (record.uid != 0).then_some(record.uid),
        why: record.why.clone(),
    })
}
