//! SUMMARY    The terms of mutations of people: those that take somebody who signed in, or people and roles that were made first.
//! INVARIANTS Each row has a world of its own. A dry run and a stale version leave everything as it was, a repeated key does nothing
//!            more and gives the same answer, and the same key with another input is refused.

use crate::{
    idp::{Provider, Signed},
    people::sign_in,
    plane::Desk,
};
use aws_lc_rs::hmac;
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc};

/// Mutation, who asks, input, another input, whether there is a version.
struct Row(&'static str, Who, &'static str, &'static str, bool);

#[derive(Clone, Copy, PartialEq)]
enum Who {
    /// A person that owns the tenant, signed in.
    Owner,
    /// The tenant's token.
    Token,
    /// One of the provider's people.
    Support,
}

/// `$m` a member, `$i` an open invitation, `$r` a role, `$a` a service account, `$g` a support grant, `$s` another session,
/// `$f` a factor, `$c` its code, `$d` a code that is wrong, `$p` an identity provider, `$l` what it gave, `$o` what the provider tells, `$T` the tenant.
const ROWS: &[Row] = &[
    Row("invitationResend", Who::Token, "id: \"$i\"", "id: \"inv_1\"", true),
    Row("invitationRevoke", Who::Token, "id: \"$i\"", "id: \"inv_1\"", true),
    Row("memberUpdate", Who::Token, "memberId: \"$m\", role: \"billing\"", "memberId: \"$m\", role: \"admin\"", true),
    Row("memberRemove", Who::Token, "memberId: \"$m\"", "memberId: \"mem_1\"", true),
    Row("ownershipTransfer", Who::Owner, "memberId: \"$m\"", "memberId: \"mem_1\"", true),
    Row("roleUpdate", Who::Token, "id: \"$r\", name: \"x\"", "id: \"$r\", name: \"y\"", true),
    Row("roleDelete", Who::Token, "id: \"$r\"", "id: \"rol_1\"", true),
    Row("serviceAccountUpdate", Who::Token, "id: \"$a\", role: \"billing\"", "id: \"$a\", role: \"auditor\"", true),
    Row("serviceAccountDelete", Who::Token, "id: \"$a\"", "id: \"svc_1\"", true),
    Row(
        "supportGrantCreate",
        Who::Owner,
        "tenantId: \"$T\", scope: SETTINGS, reason: \"x\", lifeSeconds: 60",
        "tenantId: \"$T\", scope: CONTENT, reason: \"x\", lifeSeconds: 60",
        false,
    ),
    Row("supportGrantRevoke", Who::Owner, "id: \"$g\"", "id: \"sup_1\"", true),
    Row("supportGrantUse", Who::Support, "id: \"$g\"", "id: \"sup_1\"", true),
    Row("personUpdate", Who::Owner, "name: \"x\"", "name: \"y\"", true),
    Row("personSetPassword", Who::Owner, "password: \"another one\"", "password: \"a third one\"", true),
    Row("sessionRevoke", Who::Owner, "id: \"$s\"", "id: \"ses_1\"", false),
    Row("totpEnroll", Who::Owner, "label: \"x\"", "label: \"y\"", false),
    Row("totpConfirm", Who::Owner, "id: \"$f\", code: \"$c\"", "id: \"$f\", code: \"$d\"", false),
    Row("factorRemove", Who::Owner, "id: \"$f\"", "id: \"fac_1\"", false),
    Row("recoveryCodesCreate", Who::Owner, "", "", false),
    Row("identityLink", Who::Owner, "code: \"$l\"", "code: \"none\"", false),
    Row("identityUnlink", Who::Owner, "providerId: \"$p\"", "providerId: \"idp_1\"", false),
    Row("announcementDismiss", Who::Owner, "id: \"$o\"", "id: \"ann_1\"", true),
    Row("personDelete", Who::Owner, "", "", true),
];

/// Named in terms.rs as tested here.
pub fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.0)
}

struct Town {
    desk: Desk,
    provider: Arc<Provider>,
    marks: Vec<(&'static str, String)>,
    tokens: HashMap<&'static str, String>,
}

fn text(made: &Value, path: &str) -> String {
    made.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("{path}: {made}")).to_owned()
}

impl Town {
    async fn new(row: &Row) -> Town {
        let desk = Desk::with_portal("https://portal.example").await;
        let (tenant, token, _) = desk.customer("alpha").await;
        let run = async |token: &str, name: &str, input: String, give: &str| {
            let text = format!("mutation {{ r: {name}(input: {{ {input} }}) {{ {give} userErrors {{ message }} }} }}");
            desk.done(token, &text).await
        };
        let of = format!("tenantId: \"{tenant}\"");
        let join = async |token: &str, tenant: &str, email: &str, role: &str| {
            let invite = format!("tenantId: \"{tenant}\", email: \"{email}\", role: \"{role}\"");
            run(token, "memberInvite", invite, "secret").await;
            // The mailed one: so that the address is verified.
            let secret = text(&desk.service.notices_due(100).await.unwrap().last().unwrap().facts, "/secret");
            let accept = format!("secret: \"{secret}\", name: \"A\", password: \"long enough\"");
            text(&run("", "invitationAccept", accept, "member { id }").await, "/member/id")
        };
        let enter = async |email: &str| desk.done("", &sign_in(email, "long enough")).await["tokens"].clone();
        join(&token, &tenant, "own@x.example", "owner").await;
        let member = join(&token, &tenant, "mate@x.example", "auditor").await;
        if row.0 == "personDelete" {
            join(&token, &tenant, "heir@x.example", "owner").await;
        }
        let root = text(&desk.ask(&desk.operator, "{ viewer { id } }").await, "/data/viewer/id");
        join(&desk.operator.clone(), &root, "help@x.example", "owner").await;
        let owner = text(&enter("own@x.example").await, "/accessToken");
        let other = text(&enter("own@x.example").await, "/sessionId");
        let support = text(&enter("help@x.example").await, "/accessToken");
        let invite = format!("{of}, email: \"open@x.example\", role: \"auditor\"");
        let invitation = text(&run(&token, "memberInvite", invite, "invitation { id }").await, "/invitation/id");
        let role = format!("{of}, name: \"r\", permissions: [\"mailbox:read\"]");
        let role = text(&run(&token, "roleCreate", role, "role { id }").await, "/role/id");
        let account = format!("{of}, name: \"s\", role: \"help-desk\"");
        let account =
            text(&run(&token, "serviceAccountCreate", account, "serviceAccount { id }").await, "/serviceAccount/id");
        let grant = format!("{of}, scope: METADATA, reason: \"r\", lifeSeconds: 60");
        let grant = text(&run(&owner, "supportGrantCreate", grant, "supportGrant { id }").await, "/supportGrant/id");
        let factor = run(&owner, "totpEnroll", "label: \"phone\"".to_owned(), "id secret").await;
        let (id, code) = (text(&factor, "/id"), totp(&text(&factor, "/secret"), desk.now_s()));
        if ["factorRemove", "recoveryCodesCreate"].contains(&row.0) {
            run(&owner, "totpConfirm", format!("id: \"{id}\", code: \"{code}\""), "").await;
        }
        let told = crate::isolation::announced(&desk, &root, &desk.operator).await;
        let provider = Provider::start().await;
        let named = format!(
            "{of}, name: \"p\", issuer: \"{}\", clientId: \"posthouse\", clientSecret: \"s3cret:/\", domains: [], role: \"auditor\"",
            provider.issuer
        );
        let named = run(&token, "identityProviderCreate", named, "identityProvider { id }").await;
        let wrong = if code == "000000" { "000001" } else { "000000" };
        let marks = vec![
            ("$m", member),
            ("$i", invitation),
            ("$r", role),
            ("$a", account),
            ("$g", grant),
            ("$s", other),
            ("$f", id),
            ("$c", code),
            ("$d", wrong.to_owned()),
            ("$o", told),
            ("$p", text(&named, "/identityProvider/id")),
            ("$T", tenant),
        ];
        let tokens = HashMap::from([("owner", owner), ("token", token), ("support", support)]);
        let mut town = Town { desk, provider, marks, tokens };
        if row.0.starts_with("identity") {
            town.sign_in_elsewhere(row.0 == "identityUnlink").await;
        }
        town
    }

    /// The owner was at the identity provider; links what came of it.
    async fn sign_in_elsewhere(&mut self, link: bool) {
        let start = format!("/auth/oidc/start?provider={}", self.fill("$p"));
        let (_, head, _) = self.desk.get(&start, "").await;
        let cookie = head["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let claims = json!({ "sub": "7" });
        let (state, code) = self.provider.signs_in(head["location"].to_str().unwrap(), claims, Signed::ByTheKey);
        let code = url::form_urlencoded::byte_serialize(code.as_bytes()).collect::<String>();
        let (_, _, body) = self.desk.get(&format!("/auth/oidc/callback?state={state}&code={code}"), &cookie).await;
        let code = text(&body, "/code");
        if link {
            let link =
                format!("mutation {{ r: identityLink(input: {{ code: \"{code}\" }}) {{ userErrors {{ message }} }} }}");
            self.desk.done(&self.tokens["owner"], &link).await;
        }
        self.marks.push(("$l", code));
    }

    fn fill(&self, text: &str) -> String {
        self.marks.iter().fold(text.to_owned(), |text, (mark, id)| text.replace(mark, id))
    }

    async fn run(&self, row: &Row, input: &str, terms: &str) -> Value {
        let token = match row.1 {
            Who::Owner => &self.tokens["owner"],
            Who::Token => &self.tokens["token"],
            Who::Support => &self.tokens["support"],
        };
        let input = self.fill(input);
        let text = format!(
            "mutation {{ r: {}(input: {{ {input} {terms} }}) {{ pending userErrors {{ field code message }} }} }}",
            row.0
        );
        let answer = self.desk.ask(token, &text).await;
        assert!(answer.get("errors").is_none(), "{text}: {answer}");
        answer["data"]["r"].clone()
    }

    /// All that can be seen of the tenant's people, and of the owner; and how much was told.
    async fn traces(&self) -> (Value, usize) {
        let of = self.fill("(tenantId: \"$T\", first: 20)");
        let tenant = format!(
            "{{ auditEntries{of} {{ totalCount }} members{of} {{ nodes {{ id role version }} }} roles{of} {{ nodes {{ id name }} }} \
             invitations{of} {{ nodes {{ id version }} }} serviceAccounts{of} {{ nodes {{ id role version }} }} \
             supportGrants{of} {{ nodes {{ id }} }} identityProviders{of} {{ nodes {{ id version }} }} }}"
        );
        let own =
            "{ me { person { name version } factors { id confirmed } identities { providerId } } sessions { id } }";
        let tenant = self.desk.ask(&self.tokens["token"], &tenant).await["data"].clone();
        let own = self.desk.ask(&self.tokens["owner"], own).await["data"].clone();
        let waiting = self.desk.service.notices_due(100).await.unwrap().len();
        (json!([tenant, own, waiting]), self.desk.plane.told.lock().unwrap().len())
    }
}

/// RFC 6238 with SHA-1, six digits and thirty seconds.
fn totp(base32: &str, now_s: u64) -> String {
    let mut bits = base32.bytes().filter(|b| *b != b'=').flat_map(|b| {
        let value = if b.is_ascii_digit() { b - b'2' + 26 } else { b - b'A' };
        (0..5).rev().map(move |n| value >> n & 1)
    });
    let mut key = Vec::new();
    while let Some(byte) = (0..8).try_fold(0u8, |byte, _| bits.next().map(|bit| byte << 1 | bit)) {
        key.push(byte);
    }
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let tag = hmac::sign(&key, &(now_s / 30).to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let number = u32::from_be_bytes([tag[at] & 127, tag[at + 1], tag[at + 2], tag[at + 3]]);
    format!("{:06}", number % 1_000_000)
}

fn code(answer: &Value) -> &Value {
    &answer["userErrors"][0]["code"]
}

async fn keeps_its_terms(row: &'static Row) {
    let Row(name, _, input, other, versioned) = row;
    let town = Town::new(row).await;
    let before = town.traces().await;
    let would = town.run(row, input, ", dryRun: true, idempotencyKey: \"dry\"").await;
    assert_eq!(*code(&would), Value::Null, "{name}: {would}");
    assert_eq!(town.traces().await, before, "{name}: a dry run leaves nothing");
    if *versioned {
        let stale = town.run(row, input, ", expectedVersion: 99, idempotencyKey: \"stale\"").await;
        assert_eq!(code(&stale), "STALE_OBJECT", "{name}: {stale}");
        assert_eq!(town.traces().await, before, "{name}");
    }
    let done = town.run(row, input, ", idempotencyKey: \"k\"").await;
    assert_eq!(*code(&done), Value::Null, "{name}: {done}");
    let after = town.traces().await;
    assert_ne!(after, before, "{name}: it does something");
    // Whoever deleted itself asks no more.
    if *name == "personDelete" {
        assert_eq!(town.desk.send(&town.tokens["owner"], "{ me { actor } }").await.0, 401);
        return;
    }
    let again = town.run(row, input, ", idempotencyKey: \"k\"").await;
    assert_eq!(again, done, "{name}");
    assert_eq!(town.traces().await, after, "{name}: a repeated key does nothing more");
    if input != other {
        let refused = town.run(row, other, ", idempotencyKey: \"k\"").await;
        assert_eq!(code(&refused), "IDEMPOTENCY_MISMATCH", "{name}: {refused}");
        assert_eq!(town.traces().await, after, "{name}");
    }
}

#[tokio::test]
async fn mutations_of_people_keep_their_terms() {
    let mut broken = Vec::new();
    for row in ROWS {
        if tokio::spawn(keeps_its_terms(row)).await.is_err() {
            broken.push(row.0);
        }
    }
    assert!(broken.is_empty(), "{broken:?}: why stands above");
}
