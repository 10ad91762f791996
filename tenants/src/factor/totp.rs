//! SUMMARY    Codes of an authenticator program.
//! STANDARDS  RFC 6238 (30 s, SHA-1, 6 digits: what every program knows), RFC 4648 §6 (base32)
//! SECURITY   A seed counts once a code of it was shown. A code is good once, and none of a step before it is any more.

use super::FactorKind;
use crate::{
    Actor, Code, Done, Error, Result, Service, Terms,
    auth::refused,
    db::{Connection, Row, query},
    rows::{fresh_id, number, optional, random, short, text},
    terms::{Request, Start},
};
use totp_rs::{Builder, Totp};

/// Bytes of a seed: a SHA-1 block's worth (RFC 4226 §4).
const SEED_BYTES: usize = 20;

/// A seed that is to be confirmed.
#[derive(Debug, Clone)]
pub struct TotpEnrolled {
    pub id: String,
    /// Base32, to type; shown now and never again, none in a dry run.
    pub secret: Option<String>,
    /// `otpauth://…`, to scan.
    pub url: Option<String>,
}

fn totp(seed: &[u8]) -> Result<Totp> {
    let damaged = || Error::new(Code::Internal, "", "a stored seed is damaged");
    let seed: [u8; SEED_BYTES] = seed.try_into().map_err(|_| damaged())?;
    Builder::new().with_secret(seed).build().map_err(|_| damaged())
}

fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits = |n: usize| (0..5).fold(0usize, |v, b| v << 1 | bit(bytes, n * 5 + b));
    (0..(bytes.len() * 8).div_ceil(5)).filter_map(|n| LETTERS.get(bits(n))).map(|b| *b as char).collect()
}

fn bit(bytes: &[u8], n: usize) -> usize {
    bytes.get(n / 8).map_or(0, |b| usize::from(b >> (7 - n % 8) & 1))
}

/// What stands in an otpauth URL as it is.
fn escaped(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~@".contains(&b);
    text.bytes().map(|b| if plain(b) { (b as char).to_string() } else { format!("%{b:02X}") }).collect()
}

impl Service {
    /// Makes a seed for the person who asks; it counts once it is confirmed.
    pub async fn totp_enroll(&self, actor: &Actor, terms: &Terms, label: &str) -> Result<Done<TotpEnrolled>> {
        short(label, "label")?;
        let request = Request::new("totpEnroll", label.to_owned());
        let mut work = match self.start_own::<String>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done.map(|id| TotpEnrolled { id, secret: None, url: None })),
        };
        let person = self.own_person(&mut work.txn, actor).await?;
        self.room_for_factor(&mut work.txn, &person.id).await?;
        // One that was never confirmed gives way.
        query("DELETE FROM factor WHERE person = $1 AND kind = 'totp' AND confirmed_at IS NULL")
            .bind(&person.id)
            .execute(&mut work.txn)
            .await?;
        let (id, seed) = (fresh_id("fac_")?, random::<SEED_BYTES>()?);
        query(
            "INSERT INTO factor (id, person, kind, label, sealed, last_step, created_at) VALUES ($1, $2, $3, $4, $5, 0, $6)",
        )
        .bind(&id)
        .bind(&person.id)
        .bind(FactorKind::Totp.name())
        .bind(label)
        .bind(self.keys.seal(&id, &seed)?)
        .bind(self.now().0)
        .execute(&mut work.txn)
        .await?;
        self.audit_own(&mut work.txn, actor, "totpEnroll", &id).await?;
        let dry_run = work.dry_run;
        let done = self.finish(work, id, &[]).await?;
        let secret = (!dry_run).then(|| base32(&seed));
        let issuer = self.portal_host().unwrap_or("Posthouse");
        let url = secret.as_ref().map(|secret| {
            let (issuer, name) = (escaped(issuer), escaped(&person.email));
            format!("otpauth://totp/{issuer}:{name}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30")
        });
        Ok(done.map(|id| TotpEnrolled { id, secret, url }))
    }

    /// Confirms a seed by a code of it; gives its id.
    pub async fn totp_confirm(&self, actor: &Actor, terms: &Terms, factor: &str, code: &str) -> Result<Done<String>> {
        let request = Request::new("totpConfirm", format!("{factor} {code}"));
        let mut work = match self.start_own(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let person = self.own_person(&mut work.txn, actor).await?;
        self.attempts.admit(None, &person.id, self.now())?;
        let row =
            query("SELECT * FROM factor WHERE id = $1 AND person = $2 AND kind = 'totp' AND confirmed_at IS NULL")
                .bind(factor)
                .bind(&person.id)
                .fetch_optional(&mut work.txn)
                .await?
                .ok_or_else(|| Error::not_found("id"))?;
        let step = self.step_of(&row, code)?.ok_or_else(refused)?;
        self.use_step(&mut work.txn, factor, step).await?;
        self.audit_own(&mut work.txn, actor, "totpConfirm", factor).await?;
        self.finish(work, factor.to_owned(), &[]).await
    }

    /// The step of a code that was not used, nor any after it.
    fn step_of(&self, row: &Row, code: &str) -> Result<Option<i64>> {
        let seed = self.keys.open(&text(row, "id")?, &text(row, "sealed")?)?;
        let seconds = u64::try_from(self.now().0 / 1000).unwrap_or(0);
        let step = totp(&seed)?.check(code.trim(), seconds).and_then(|step| i64::try_from(step).ok());
        let last = number(row, "last_step")?;
        Ok(step.filter(|step| *step > last))
    }

    async fn use_step(&self, txn: &mut Connection, factor: &str, step: i64) -> Result<()> {
        query(
            "UPDATE factor SET last_step = $2, last_used_at = $3, confirmed_at = COALESCE(confirmed_at, $3) WHERE id = $1",
        )
        .bind(factor)
        .bind(step)
        .bind(self.now().0)
        .execute(txn)
        .await
        .map(drop)
    }

    pub(super) async fn verify_totp(&self, person: &str, code: &str) -> Result<bool> {
        let mut txn = self.begin().await?;
        for row in self.factor_rows(&mut txn, person).await? {
            if text(&row, "kind")? != FactorKind::Totp.name() || optional(&row, "confirmed_at")?.is_none() {
                continue;
            }
            if let Some(step) = self.step_of(&row, code)? {
                self.use_step(&mut txn, &text(&row, "id")?, step).await?;
                txn.commit().await?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_is_that_of_the_standard() {
        for (clear, text) in [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foobar", "MZXW6YTBOI")] {
            assert_eq!(base32(clear.as_bytes()), text);
        }
    }

    #[test]
    fn a_code_is_the_one_of_rfc_6238() {
        let totp = totp(b"12345678901234567890").unwrap();
        assert_eq!(totp.check("287082", 59), Some(1));
        assert_eq!(totp.check("287082", 59 + 120), None);
        assert_eq!(totp.check("08 1804", 1_111_111_109), None);
        assert_eq!(totp.check("081804", 1_111_111_109), Some(37_037_036));
    }
}
