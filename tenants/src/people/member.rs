//! SUMMARY    Memberships: who has which role in a tenant, on what of it.
//! SECURITY   Who changes a membership has all of the role before and after. What a person made while it had more ends with it:
//!            its API tokens and its open invitations; service accounts stay.
//!            What somebody else accepted in the name of an address ties nobody: who proves the address later finds such a
//!            membership as `inherited`, and may leave it whatever it is, or take it by accepting an invitation to the same. So it is
//!            with the ownership that somebody else gave a member (`memberUpdate`, `ownershipTransfer`), unless the person has agreed
//!            to own the tenant before: by an invitation, or by making itself the owner.
//! INVARIANTS A tenant that has an owner keeps one: the last is neither removed nor given another role, but by itself when it
//!            inherited that.

use crate::{
    Actor, Code, Done, Error, Page, Permission, Person, Result, Selector, Service, StandardRole, Terms,
    db::{Connection, Row, query},
    page::Statements,
    rows::{fresh_id, id, number, text},
    terms::{Request, Start, Work},
};
use base::TenantId;

/// A membership as shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// `mem_…`
    pub id: String,
    pub tenant: TenantId,
    pub person: Person,
    /// A standard role's name, or the id of one of the tenant's.
    pub role: String,
    pub on: Selector,
    /// Accepted by somebody who had not proved the person's address, and lost it to who did; or its person was made owner by somebody
    /// else without having agreed to that ever. The person may leave it, even as the last owner.
    pub inherited: bool,
    pub version: i64,
    pub created_at_ms: i64,
}

/// Changes of a membership; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct MemberPatch {
    pub role: Option<String>,
    pub on: Option<Selector>,
}

impl Service {
    /// Gives a member another role, or other objects.
    pub async fn member_update(
        &self,
        actor: &Actor,
        terms: &Terms,
        member: &str,
        patch: &MemberPatch,
    ) -> Result<Done<Member>> {
        let request = Request::new("memberUpdate", format!("{member} {patch:?}"));
        let mut work = match self.start::<String>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return self.member_again(done).await,
        };
        let now = self.member_in(&mut work.txn, actor, member).await?;
        work.expect(now.version)?;
        let (role, on) = (patch.role.as_ref().unwrap_or(&now.role), patch.on.as_ref().unwrap_or(&now.on));
        self.may_touch(&mut work.txn, actor, now.tenant, &now.role).await?;
        let after = self.may_give(&mut work.txn, actor, now.tenant, role, on).await?;
        self.suits(role, on)?;
        let before = self.role_permissions(&mut work.txn, now.tenant, &now.role).await?;
        self.replace_role(&mut work.txn, &now, role, on).await?;
        self.ties(&mut work.txn, actor, &now, role).await?;
        if !after.covers(before) || (*on != Selector::All && *on != now.on) {
            self.end_what_was_made(&mut work.txn, &now.person.id, now.tenant).await?;
        }
        let detail = format!("{role} {}", on.stored().1);
        self.audit(&mut work.txn, actor, now.tenant, "memberUpdate", member, &detail).await?;
        self.finish_member(work, member).await
    }

    async fn replace_role(&self, txn: &mut Connection, now: &Member, role: &str, on: &Selector) -> Result<()> {
        let (kind, list) = on.stored();
        query("UPDATE membership SET role = $2, on_kind = $3, on_list = $4, version = version + 1 WHERE id = $1")
            .bind(&now.id)
            .bind(role)
            .bind(kind)
            .bind(list)
            .execute(&mut *txn)
            .await?;
        self.keeps_an_owner(txn, now).await
    }

    /// Notes whether a member that became owner is tied by that: by its own hand, or because it had agreed before, it is.
    async fn ties(&self, txn: &mut Connection, actor: &Actor, before: &Member, role: &str) -> Result<()> {
        let owner = StandardRole::Owner.name();
        if role != owner || before.role == owner {
            return Ok(());
        }
        let sql = match actor.person() == Some(before.person.id.as_str()) {
            true => "UPDATE membership SET inherited = 0, agreed = 1 WHERE id = $1",
            false => {
                "UPDATE membership SET inherited = 1 - (SELECT MAX(o.agreed) FROM membership o \
                 WHERE o.person = membership.person AND o.tenant = membership.tenant) WHERE id = $1"
            }
        };
        query(sql).bind(&before.id).execute(txn).await.map(drop)
    }

    /// Takes a membership away. A person may take its own; others' takes `member:write`.
    pub async fn member_remove(&self, actor: &Actor, terms: &Terms, member: &str) -> Result<Done<String>> {
        let request = Request::new("memberRemove", member.to_owned());
        let mut work = match self.start_own(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let now = self.member_row(&mut work.txn, member).await?;
        let own = actor.person() == Some(now.person.id.as_str());
        if !own || actor.tenant != now.tenant {
            self.may_write(&mut work.txn, actor, false).await?;
            self.member_in(&mut work.txn, actor, member).await?;
            self.may_touch(&mut work.txn, actor, now.tenant, &now.role).await?;
        }
        work.expect(now.version)?;
        query("DELETE FROM membership WHERE id = $1").bind(member).execute(&mut work.txn).await?;
        if !(own && now.inherited) {
            self.keeps_an_owner(&mut work.txn, &now).await?;
        }
        self.end_what_was_made(&mut work.txn, &now.person.id, now.tenant).await?;
        self.audit(&mut work.txn, actor, now.tenant, "memberRemove", member, &now.person.id).await?;
        work.rights = true;
        self.finish(work, member.to_owned(), &[]).await
    }

    /// An owner hands the tenant over: the other member becomes owner, the one who asks an admin. Gives the new owner, and again to
    /// who repeats the request as an admin.
    pub async fn ownership_transfer(&self, actor: &Actor, terms: &Terms, to: &str) -> Result<Done<Member>> {
        let request = Request::giving_rights_away("ownershipTransfer", to.to_owned());
        let mut work = match self.start::<String>(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => {
                let done = self.member_again(done).await?;
                let mut connection = self.reader(actor).await?;
                self.permit(&mut connection, actor, Permission::MemberRead, done.object.tenant).await?;
                return Ok(done);
            }
        };
        let heir = self.member_in(&mut work.txn, actor, to).await?;
        work.expect(heir.version)?;
        let own = query("SELECT id FROM membership WHERE person = $1 AND tenant = $2 AND role = 'owner'")
            .bind(actor.person().unwrap_or_default())
            .bind(heir.tenant.to_string())
            .fetch_optional(&mut work.txn)
            .await?;
        let nobody = || Error::new(Code::Forbidden, "", "Only an owner of the tenant hands it over");
        let own = self.member_row(&mut work.txn, &text(&own.ok_or_else(nobody)?, "id")?).await?;
        if own.id == heir.id {
            return Err(Error::new(Code::Invalid, "memberId", "The member is the owner already"));
        }
        self.replace_role(&mut work.txn, &heir, StandardRole::Owner.name(), &Selector::All).await?;
        self.ties(&mut work.txn, actor, &heir, StandardRole::Owner.name()).await?;
        self.replace_role(&mut work.txn, &own, StandardRole::Admin.name(), &Selector::All).await?;
        self.end_what_was_made(&mut work.txn, &own.person.id, own.tenant).await?;
        self.audit(&mut work.txn, actor, heir.tenant, "ownershipTransfer", to, &own.id).await?;
        self.finish_member(work, to).await
    }

    /// Members of a tenant, by id, a page of them; and how many there are.
    pub async fn members(&self, actor: &Actor, tenant: TenantId, page: &Page) -> Result<(Vec<Member>, i64)> {
        let mut connection = self.reader(actor).await?;
        self.permit(&mut connection, actor, Permission::MemberRead, tenant).await?;
        let list = Statements { forward: MEMBERS_FORWARD, backward: MEMBERS_BACKWARD, count: MEMBERS_COUNT };
        let from = page.from::<String>()?;
        let (rows, count) = page.rows(&mut connection, &list, &[tenant.to_string()], vec![from.into()]).await?;
        Ok((rows.iter().map(from_row).collect::<Result<_>>()?, count))
    }

    /// Every membership of the person who asks, in whatever tenant.
    pub async fn memberships(&self, actor: &Actor) -> Result<Vec<Member>> {
        let Some(person) = actor.person() else { return Ok(Vec::new()) };
        let mut connection = self.pool().acquire().await?;
        let rows = query(MEMBERSHIPS).bind(person).fetch_all(&mut connection).await?;
        let members: Vec<Member> = rows.iter().map(from_row).collect::<Result<_>>()?;
        let shown = |m: &Member| actor.itself().is_some() || m.tenant == actor.tenant;
        Ok(members.into_iter().filter(shown).collect())
    }

    /// Makes a membership; one that was inherited is the person's own from now on. `Taken` when the person has the same one.
    pub(crate) async fn join(
        &self,
        txn: &mut Connection,
        person: &str,
        tenant: TenantId,
        role: &str,
        on: &Selector,
    ) -> Result<String> {
        let (kind, list) = on.stored();
        let agreed = i64::from(role == StandardRole::Owner.name());
        let same = query(
            "SELECT id, inherited FROM membership WHERE person = $1 AND tenant = $2 AND role = $3 AND on_kind = $4 \
             AND on_list = $5",
        )
        .bind(person)
        .bind(tenant.to_string())
        .bind(role)
        .bind(kind)
        .bind(&list)
        .fetch_optional(&mut *txn)
        .await?;
        if let Some(same) = same {
            if number(&same, "inherited")? == 0 {
                return Err(Error::new(Code::Taken, "", "The person has this role already"));
            }
            let id = text(&same, "id")?;
            let own = query("UPDATE membership SET inherited = 0, agreed = $2, version = version + 1 WHERE id = $1");
            own.bind(&id).bind(agreed).execute(txn).await?;
            return Ok(id);
        }
        let id = fresh_id("mem_")?;
        query(
            "INSERT INTO membership (id, person, tenant, role, on_kind, on_list, agreed, version, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8)",
        )
        .bind(&id)
        .bind(person)
        .bind(tenant.to_string())
        .bind(role)
        .bind(kind)
        .bind(list)
        .bind(agreed)
        .bind(self.now().0)
        .execute(txn)
        .await?;
        Ok(id)
    }

    /// Notes of all that a person is a member of that others accepted it.
    pub(super) async fn inherit(&self, txn: &mut Connection, person: &str) -> Result<()> {
        let inherit = query("UPDATE membership SET inherited = 1, agreed = 0, version = version + 1 WHERE person = $1");
        inherit.bind(person).execute(txn).await.map(drop)
    }

    /// Whether a role can hold on such objects: an owner owns all.
    pub(crate) fn suits(&self, role: &str, on: &Selector) -> Result<()> {
        match role == StandardRole::Owner.name() && *on != Selector::All {
            true => Err(Error::new(Code::Invalid, "on", "An owner owns the whole tenant")),
            false => Ok(()),
        }
    }

    /// Refuses what has left a tenant without an owner.
    pub(super) async fn keeps_an_owner(&self, txn: &mut Connection, before: &Member) -> Result<()> {
        if before.role != StandardRole::Owner.name() {
            return Ok(());
        }
        let left = query("SELECT COUNT(*) AS n FROM membership WHERE tenant = $1 AND role = 'owner'")
            .bind(before.tenant.to_string())
            .fetch_one(txn)
            .await?;
        match number(&left, "n")? {
            0 => Err(Error::new(Code::LastOwner, "memberId", "A tenant keeps an owner: hand it over first")),
            _ => Ok(()),
        }
    }

    /// Ends what a person made by rights in a tenant that it has no more: API tokens, what those made, open invitations.
    pub(crate) async fn end_what_was_made(&self, txn: &mut Connection, person: &str, tenant: TenantId) -> Result<()> {
        const MADE: [&str; 2] = [
            "WITH RECURSIVE made (jti) AS (SELECT jti FROM api_token WHERE maker = $1 AND made_in = $2 UNION \
             SELECT t.jti FROM api_token t JOIN made ON t.maker = made.jti) UPDATE invitation SET revoked_at = $3, \
             version = version + 1 WHERE ((invited_by = $1 AND invited_in = $2) OR invited_by IN (SELECT jti FROM made)) \
             AND revoked_at IS NULL AND accepted_at IS NULL",
            "WITH RECURSIVE made (jti) AS (SELECT jti FROM api_token WHERE maker = $1 AND made_in = $2 UNION \
             SELECT t.jti FROM api_token t JOIN made ON t.maker = made.jti) UPDATE api_token SET revoked_at = $3 \
             WHERE jti IN (SELECT jti FROM made) AND revoked_at IS NULL AND service_account IS NULL",
        ];
        for sql in MADE {
            query(sql).bind(person).bind(tenant.to_string()).bind(self.now().0).execute(&mut *txn).await?;
        }
        Ok(())
    }

    async fn finish_member(&self, mut work: Work, member: &str) -> Result<Done<Member>> {
        work.rights = true;
        let member = self.member_row(&mut work.txn, member).await?;
        let done = self.finish(work, member.id.clone(), &[]).await?;
        Ok(done.map(|_| member))
    }

    /// The answer to a repeated request: the member as it is now.
    pub(crate) async fn member_again(&self, done: Done<String>) -> Result<Done<Member>> {
        let mut connection = self.pool().acquire().await?;
        let member = self.member_row(&mut connection, &done.object).await?;
        Ok(done.map(|_| member))
    }

    /// A member of a tenant whose members the actor may change.
    async fn member_in(&self, txn: &mut Connection, actor: &Actor, member: &str) -> Result<Member> {
        let found = self.member_row(txn, member).await?;
        let permitted = self.permit(txn, actor, Permission::MemberWrite, found.tenant).await;
        permitted.map_err(|e| e.missing("memberId")).map(|()| found)
    }

    pub(crate) async fn member_row(&self, txn: &mut Connection, member: &str) -> Result<Member> {
        let row = query(MEMBER).bind(member).fetch_optional(txn).await?;
        from_row(&row.ok_or_else(|| Error::not_found("memberId"))?)
    }
}

macro_rules! members {
    ($condition:literal) => {
        concat!(
            "SELECT m.id, m.tenant, m.role, m.on_kind, m.on_list, m.inherited, m.version, m.created_at, p.id AS person_id, ",
            "p.email, p.name, p.locale, p.verified, p.version AS person_version FROM membership m JOIN person p ON p.id = m.person ",
            $condition
        )
    };
}
const MEMBERS_FORWARD: &str = members!("WHERE m.tenant = $1 AND m.id > $2 ORDER BY m.id LIMIT $3");
const MEMBERS_BACKWARD: &str = members!("WHERE m.tenant = $1 AND m.id < $2 ORDER BY m.id DESC LIMIT $3");
const MEMBERS_COUNT: &str = "SELECT COUNT(*) AS n FROM membership WHERE tenant = $1";
const MEMBERSHIPS: &str = members!("WHERE m.person = $1 ORDER BY m.created_at, m.id");
const MEMBER: &str = members!("WHERE m.id = $1");

fn from_row(row: &Row) -> Result<Member> {
    Ok(Member {
        id: text(row, "id")?,
        tenant: id(row, "tenant")?,
        person: Person {
            id: text(row, "person_id")?,
            email: text(row, "email")?,
            name: text(row, "name")?,
            locale: text(row, "locale")?,
            verified: number(row, "verified")? != 0,
            version: number(row, "person_version")?,
        },
        role: text(row, "role")?,
        on: Selector::of_row(row)?,
        inherited: number(row, "inherited")? != 0,
        version: number(row, "version")?,
        created_at_ms: number(row, "created_at")?,
    })
}
