//! SUMMARY    Recovery codes: ten, shown once, each good once, for whoever lost its other factors.
//! SECURITY   80 random bits each; what is kept is a ticket made of the code by a key.
//! LIMITS     RECOVERY_CODES

use crate::{
    Actor, Code, Done, Error, Result, Service, Terms,
    db::query,
    limits::RECOVERY_CODES,
    password::hex,
    rows::random,
    terms::{Request, Start},
};

/// As it is compared: without what people put between.
fn plain(code: &str) -> String {
    code.chars().filter(char::is_ascii_hexdigit).map(|c| c.to_ascii_lowercase()).collect()
}

impl Service {
    /// Makes ten codes for the person who asks; the former ones end. Empty when the request is repeated, and in a dry run.
    pub async fn recovery_codes_create(&self, actor: &Actor, terms: &Terms) -> Result<Done<Vec<String>>> {
        let request = Request::new("recoveryCodesCreate", String::new());
        let mut work = match self.start_own::<()>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done.map(|()| Vec::new())),
        };
        let person = self.own_person(&mut work.txn, actor).await?;
        if !self.has_factor(&mut work.txn, &person.id).await? {
            return Err(Error::new(Code::Invalid, "", "Recovery codes stand in for another factor: set one up first"));
        }
        query("DELETE FROM recovery_code WHERE person = $1").bind(&person.id).execute(&mut work.txn).await?;
        let mut codes = Vec::with_capacity(RECOVERY_CODES);
        for _ in 0..RECOVERY_CODES {
            let code = hex(&random::<10>()?);
            query("INSERT INTO recovery_code (person, ticket) VALUES ($1, $2)")
                .bind(&person.id)
                .bind(self.keys.ticket(&["recovery", &person.id, &code]))
                .execute(&mut work.txn)
                .await?;
            codes.push(code.as_bytes().chunks(5).map(String::from_utf8_lossy).collect::<Vec<_>>().join("-"));
        }
        self.audit_own(&mut work.txn, actor, "recoveryCodesCreate", &person.id).await?;
        let dry_run = work.dry_run;
        let done = self.finish(work, (), &[]).await?;
        Ok(done.map(|()| if dry_run { Vec::new() } else { codes }))
    }

    pub(super) async fn verify_recovery_code(&self, person: &str, code: &str) -> Result<bool> {
        let mut txn = self.begin().await?;
        let used = query("UPDATE recovery_code SET used_at = $3 WHERE person = $1 AND ticket = $2 AND used_at IS NULL")
            .bind(person)
            .bind(self.keys.ticket(&["recovery", person, &plain(code)]))
            .bind(self.now().0)
            .execute(&mut txn)
            .await?;
        txn.commit().await?;
        Ok(used == 1)
    }
}
