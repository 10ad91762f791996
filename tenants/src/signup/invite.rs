//! SUMMARY    Invite codes: who has one signs up where signup is not open to all.
//! LIMITS     SIGNUP_INVITES_MAX, SIGNUP_INVITE_USES_MAX
//! INVARIANTS A signup takes one use when it begins, and gives it back when it comes to nothing.

use crate::{
    Actor, Code, Done, Error, Page, Permission, Result, Service, Terms,
    db::{Connection, Row, query},
    limits::{SIGNUP_INVITE_USES_MAX, SIGNUP_INVITES_MAX},
    page::list,
    password,
    rows::{fresh_id, id, number, optional, short, text},
    terms::{Request, Start},
};
use base::TenantId;
use serde::{Deserialize, Serialize};

/// A code as shown to whoever gives it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignupInvite {
    /// `sgi_…`
    pub id: String,
    pub seller: TenantId,
    pub code: String,
    pub note: String,
    pub uses_left: i64,
    pub expires_at_ms: Option<i64>,
    pub created_at_ms: i64,
}

/// A code to be made.
#[derive(Debug, Clone)]
pub struct NewSignupInvite {
    pub seller: TenantId,
    pub note: String,
    pub uses: u32,
    pub expires_at_ms: Option<i64>,
}

impl Service {
    /// Makes a code that is good for so many signups.
    pub async fn signup_invite_create(
        &self,
        actor: &Actor,
        terms: &Terms,
        new: &NewSignupInvite,
    ) -> Result<Done<SignupInvite>> {
        short(&new.note, "note")?;
        if !(1..=SIGNUP_INVITE_USES_MAX).contains(&new.uses) {
            let message = format!("1 to {SIGNUP_INVITE_USES_MAX} uses (SIGNUP_INVITE_USES_MAX)");
            return Err(Error::new(Code::Invalid, "uses", message));
        }
        if new.expires_at_ms.is_some_and(|at| at <= self.now().0) {
            return Err(Error::new(Code::Invalid, "expiresAt", "This time has passed"));
        }
        let mut work = match self.start(actor, terms, Request::new("signupInviteCreate", format!("{new:?}"))).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        self.permit(&mut work.txn, actor, Permission::TenantCreate, new.seller).await?;
        let open = query("SELECT COUNT(*) AS n FROM signup_invite WHERE tenant = $1").bind(new.seller.to_string());
        if number(&open.fetch_one(&mut work.txn).await?, "n")? >= SIGNUP_INVITES_MAX {
            let message = format!("At most {SIGNUP_INVITES_MAX} codes (SIGNUP_INVITES_MAX): take some back");
            return Err(Error::new(Code::LimitReached, "tenantId", message));
        }
        let invite = fresh_id("sgi_")?;
        query(
            "INSERT INTO signup_invite (id, tenant, code, note, uses_left, expires_at, created_by, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&invite)
        .bind(new.seller.to_string())
        .bind(password::generate()?)
        .bind(new.note.trim())
        .bind(i64::from(new.uses))
        .bind(new.expires_at_ms)
        .bind(actor.name())
        .bind(self.now().0)
        .execute(&mut work.txn)
        .await?;
        self.audit(&mut work.txn, actor, new.seller, "signupInviteCreate", &invite, &new.note).await?;
        let made = self.invite_in(&mut work.txn, actor, &invite).await?;
        self.finish(work, made, &[]).await
    }

    /// Takes a code back; gives its id. Signups that began with it go on.
    pub async fn signup_invite_revoke(&self, actor: &Actor, terms: &Terms, invite: &str) -> Result<Done<String>> {
        let mut work = match self.start(actor, terms, Request::new("signupInviteRevoke", invite.to_owned())).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let found = self.invite_in(&mut work.txn, actor, invite).await?;
        query("DELETE FROM signup_invite WHERE id = $1").bind(invite).execute(&mut work.txn).await?;
        self.audit(&mut work.txn, actor, found.seller, "signupInviteRevoke", invite, &found.note).await?;
        self.finish(work, invite.to_owned(), &[]).await
    }

    /// Codes of a seller, a page of them; and how many there are.
    pub async fn signup_invites(
        &self,
        actor: &Actor,
        seller: TenantId,
        page: &Page,
    ) -> Result<(Vec<SignupInvite>, i64)> {
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::TenantCreate, seller).await?;
        let list = list!("signup_invite WHERE tenant = $1", by "id", "$2", "$3");
        let from = page.from::<String>()?;
        let (rows, count) = page.rows(&mut connection, &list, &[seller.to_string()], vec![from.into()]).await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, count))
    }

    async fn invite_in(&self, txn: &mut Connection, actor: &Actor, invite: &str) -> Result<SignupInvite> {
        let row = query("SELECT * FROM signup_invite WHERE id = $1").bind(invite).fetch_optional(&mut *txn).await?;
        let found = from_row(&row.ok_or_else(|| Error::not_found("id"))?)?;
        let permitted = self.permit(txn, actor, Permission::TenantCreate, found.seller).await;
        permitted.map_err(|e| e.missing("id")).map(|()| found)
    }

    /// Takes one use of a code. `NotOpen`: it is none, or used up.
    pub(super) async fn take_invite(&self, txn: &mut Connection, seller: TenantId, code: &str) -> Result<()> {
        let taken = query(
            "UPDATE signup_invite SET uses_left = uses_left - 1 WHERE code = $1 AND tenant = $2 AND uses_left > 0 \
             AND (expires_at IS NULL OR expires_at > $3)",
        )
        .bind(code.trim())
        .bind(seller.to_string())
        .bind(self.now().0)
        .execute(txn)
        .await?;
        match taken {
            0 => Err(Error::new(Code::NotOpen, "invite", "Signup takes an invite code that is good")),
            _ => Ok(()),
        }
    }
}

fn from_row(row: &Row) -> Result<SignupInvite> {
    Ok(SignupInvite {
        id: text(row, "id")?,
        seller: id(row, "tenant")?,
        code: text(row, "code")?,
        note: text(row, "note")?,
        uses_left: number(row, "uses_left")?,
        expires_at_ms: optional(row, "expires_at")?,
        created_at_ms: number(row, "created_at")?,
    })
}
