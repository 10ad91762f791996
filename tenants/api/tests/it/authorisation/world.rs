//! SUMMARY    A tenant with something of everything, and everybody who may ask about it.

use crate::{isolation::Foreign, people::sign_in, plane::Desk, sale::Sold};
use serde_json::Value;

/// A server for published records.
const DNS_SERVER: &str = "server: \"192.0.2.1:53\", keyName: \"k\", secret: \"MDEyMzQ1Njc4OWFiY2RlZg==\"";
/// An identity provider, apart from its tenant.
const IDP: &str = "name: \"x\", issuer: \"https://login.example.org\", clientId: \"c\", clientSecret: \"s\", domains: [], role: \"auditor\"";

pub struct Role {
    pub name: &'static str,
    pub token: String,
}

pub struct World {
    pub desk: Desk,
    pub roles: Vec<Role>,
    marks: Vec<(&'static str, String)>,
    people: Foreign,
    sold: Sold,
}

/// What a mutation of the operator's gives.
async fn made(desk: &Desk, name: &str, input: &str, give: &str) -> Value {
    let text = format!("mutation {{ r: {name}(input: {{ {input} }}) {{ {give} userErrors {{ message }} }} }}");
    desk.done(&desk.operator, &text).await
}

fn id(made: &Value) -> String {
    made.as_object().unwrap().values().find_map(|v| v["id"].as_str().or(v.as_str())).unwrap().to_owned()
}

/// A job that goes on, one that is paused, an import that was cancelled.
async fn jobs(desk: &Desk, of: &str) -> [String; 3] {
    let job = id(&made(desk, "tenantResend", of, "job { id }").await);
    let paused = id(&made(desk, "tenantResend", of, "job { id }").await);
    made(desk, "jobPause", &format!("jobId: \"{paused}\""), "").await;
    let csv = format!("{of}, csv: \"address,generate\\nz@alpha.example,yes\", errorPolicy: CONTINUE");
    let import = id(&made(desk, "mailboxImport", &csv, "job { id }").await);
    made(desk, "jobCancel", &format!("jobId: \"{import}\", idempotencyKey: \"import\""), "").await;
    [job, paused, import]
}

/// A mailbox that sends what nobody asked for is stopped.
async fn held(desk: &Desk, token: &str, mailbox: &str) -> Value {
    let held = format!("subjectId: \"{mailbox}\", kind: ABUSE, code: \"SPAM\", reason: \"x\"");
    let held = format!("mutation {{ r: holdPlace(input: {{ {held} }}) {{ hold {{ id }} userErrors {{ code }} }} }}");
    desk.done(token, &held).await
}

/// Lets a tenant have a brand, and gives it one with two pictures.
async fn branded(desk: &Desk, tenant: &str) {
    made(desk, "brandingAllow", &format!("tenantId: \"{tenant}\", allowed: true"), "").await;
    let brand = "name: \"Alpine\", accentLight: \"#1f5f8b\", accentDark: \"#8cc4ec\", hosts: [\"login.alpha.example\"]";
    made(desk, "brandingUpdate", &format!("tenantId: \"{tenant}\", {brand}"), "").await;
    for scheme in ["LIGHT", "DARK"] {
        let picture = "data: \"iVBORw0KGgoAAAANSUhEUgAAAEAAAAAg\"";
        made(desk, "brandingLogoSet", &format!("tenantId: \"{tenant}\", scheme: {scheme}, {picture}"), "").await;
    }
}

/// What is told above is shown, and put away; what the tenant tells is changed.
async fn news(desk: &Desk, tenant: &str, token: &str) -> [String; 2] {
    let root = id(&desk.ask(&desk.operator, "{ viewer { id } }").await["data"]);
    let shown = crate::isolation::announced(desk, &root, &desk.operator).await;
    [shown, crate::isolation::announced(desk, tenant, token).await]
}

impl World {
    pub async fn new() -> World {
        let desk = Desk::new().await;
        let (tenant, token, mailbox) = desk.customer("alpha").await;
        let (other, other_token, _) = desk.customer("beta").await;
        // The clock goes on by a month: what ends comes afterwards.
        let sold = Sold::of(&desk, &tenant, &token).await;
        let run = async |name: &str, input: &str, give: &str| made(&desk, name, input, give).await;
        run("tenantUpdate", &format!("tenantId: \"{tenant}\", maxDomains: 10, maxMailboxes: 10"), "").await;
        branded(&desk, &tenant).await;
        run("dkimRotate", "name: \"alpha.example\"", "").await;
        run("domainVouch", &format!("tenantId: \"{tenant}\", name: \"spare.example\""), "").await;
        run("aliasCreate", "address: \"a@alpha.example\", targets: [\"b@y.example\"]", "").await;
        run("groupCreate", "address: \"team@alpha.example\", posting: ANYONE, members: [\"b@y.example\"]", "").await;
        let helper = id(&run("mailboxCreate", "address: \"helper@alpha.example\"", "mailbox { id }").await);
        let gone = id(&run("mailboxCreate", "address: \"gone@alpha.example\"", "mailbox { id }").await);
        for (of, to) in [(&mailbox, &helper), (&helper, &mailbox)] {
            run("delegateAdd", &format!("mailboxId: \"{of}\", delegateId: \"{to}\", open: true"), "").await;
        }
        run("sendAsAdd", &format!("mailboxId: \"{helper}\", address: \"a@alpha.example\""), "").await;
        run("mailboxDelete", &format!("mailboxId: \"{gone}\", idempotencyKey: \"gone\""), "").await;
        let masked = format!("mailboxId: \"{mailbox}\"");
        let masked = run("maskedAddressCreate", &masked, "maskedAddress { address }").await;
        run("domainVouch", &format!("tenantId: \"{tenant}\", name: \"alt.example\""), "").await;
        run("domainAliasCreate", "name: \"alt.example\", aliasOf: \"alpha.example\"", "").await;
        let resend = format!("tenantId: \"{tenant}\"");
        run("dnsCredentialSet", &format!("{resend}, {DNS_SERVER}"), "").await;
        let [job, paused, import] = jobs(&desk, &resend).await;
        let key = run("apiTokenCreate", &format!("tenantId: \"{tenant}\", label: \"k\""), "id").await;
        let password = run("appPasswordCreate", &format!("mailboxId: \"{mailbox}\", label: \"p\""), "id").await;
        let hold = held(&desk, &token, &mailbox).await;
        run("tenantCreate", &format!("parentId: \"{tenant}\", name: \"below\", maxDomains: 1, maxMailboxes: 1"), "")
            .await;
        let hook = format!("tenantId: \"{tenant}\", url: \"https://hooks.example/\", kinds: [\"*\"]");
        let webhook = id(&run("webhookCreate", &hook, "webhook { id }").await);
        let delivery = crate::plane::delivery(&desk, &webhook).await;
        let provider = id(&run("identityProviderCreate", &format!("{resend}, {IDP}"), "identityProvider { id }").await);
        let [signup, secret, code] = crate::signup::begun(&desk, &tenant, 1).await;
        let [shown, told] = news(&desk, &tenant, &token).await;
        run("featureFlagSet", &format!("{resend}, feature: SIGNUP, enabled: true, reason: \"x\""), "").await;
        // Before there is an owner for whom it would wait.
        let [_, export, link, moving] = crate::migration::out_and_in(&desk, &tenant, &mailbox, &desk.operator).await;
        let people = Foreign::of(&desk, &tenant, &token).await;
        let marks = vec![
            ("$exp", export),
            ("$mig", moving),
            ("$link", link),
            ("$T", tenant.clone()),
            ("$M", mailbox.clone()),
            ("$D", "alpha.example".to_owned()),
            ("$E", "spare.example".to_owned()),
            ("$J", job),
            ("$L", paused),
            ("$B", import),
            ("$K", id(&key)),
            ("$C", id(&password)),
            ("$H", id(&hold)),
            ("$O", helper),
            ("$W", webhook),
            ("$V", delivery),
            ("$Q", gone),
            ("$X", masked["maskedAddress"]["address"].as_str().unwrap().to_owned()),
            ("$Y", provider),
            ("$A", signup),
            ("$U", secret),
            ("$Z", code),
            ("$ann", told),
            ("$shown", shown),
        ];
        let mut world = World { desk, roles: Vec::new(), marks, people, sold };
        world.roles(&tenant, &token, &mailbox, &other, &other_token).await;
        world
    }

    async fn roles(&mut self, tenant: &str, token: &str, mailbox: &str, other: &str, other_token: &str) {
        let provider = self.desk.ask(&self.desk.operator, "{ viewer { id } }").await;
        let provider = provider["data"]["viewer"]["id"].as_str().unwrap().to_owned();
        let operator = self.desk.operator.clone();
        self.role("operator", operator.clone());
        let token_of = async |access: &str| {
            let input = format!("tenantId: \"{tenant}\", label: \"{access}\", access: {access}");
            let text =
                format!("mutation {{ r: apiTokenCreate(input: {{ {input} }}) {{ secret userErrors {{ code }} }} }}");
            self.desk.done(token, &text).await["secret"].as_str().unwrap().to_owned()
        };
        let (writing, reading) = (token_of("READ_WRITE").await, token_of("READ").await);
        let mut made = vec![
            ("provider-owner", self.person(&operator, &provider, "owner", "", "provider-owner").await),
            ("support", self.person(&operator, &provider, "owner", "", "support").await),
        ];
        let used = format!(
            "mutation {{ r: supportGrantUse(input: {{ id: \"{}\" }}) {{ userErrors {{ message }} }} }}",
            self.fill("$G")
        );
        self.desk.done(&made[1].1, &used).await;
        for name in ["owner", "admin", "domain-admin", "help-desk", "billing", "auditor", "mailbox-user"] {
            let on = match name {
                "domain-admin" => ", on: { domains: [\"alpha.example\"] }".to_owned(),
                "mailbox-user" => format!(", on: {{ mailboxIds: [\"{mailbox}\"] }}"),
                _ => String::new(),
            };
            made.push((name, self.person(token, tenant, name, &on, name).await));
        }
        made.extend([("token-writing", writing), ("token-reading", reading)]);
        made.push(("other-owner", self.person(other_token, other, "owner", "", "other-owner").await));
        made.push(("anonymous", String::new()));
        // Last: the tenant is held before these ask.
        let owner = made.iter().find(|(name, _)| *name == "owner").map(|(_, token)| token.clone()).unwrap();
        let enroll = "mutation { r: totpEnroll(input: { label: \"phone\" }) { id userErrors { message } } }";
        let factor = self.desk.done(&owner, enroll).await["id"].as_str().unwrap().to_owned();
        self.marks.push(("$F", factor));
        made.extend([("unpaid-owner", owner.clone()), ("suspended-owner", owner)]);
        made.into_iter().for_each(|(name, token)| self.role(name, token));
    }

    fn role(&mut self, name: &'static str, token: String) {
        self.roles.push(Role { name, token });
    }

    /// Somebody with a role, who signed in: the access token.
    async fn person(&self, by: &str, tenant: &str, role: &str, on: &str, name: &str) -> String {
        let email = format!("{name}@people.example");
        let invite = format!(
            "mutation {{ r: memberInvite(input: {{ tenantId: \"{tenant}\", email: \"{email}\", role: \"{role}\"{on} }}) \
             {{ secret userErrors {{ message }} }} }}"
        );
        let secret = self.desk.done(by, &invite).await["secret"].as_str().unwrap().to_owned();
        let accept = format!(
            "mutation {{ r: invitationAccept(input: {{ secret: \"{secret}\", name: \"{name}\", password: \"long enough\" }}) \
             {{ userErrors {{ message }} }} }}"
        );
        self.desk.done("", &accept).await;
        let tokens = self.desk.done("", &sign_in(&email, "long enough")).await["tokens"].clone();
        tokens["accessToken"].as_str().unwrap().to_owned()
    }

    /// Places a hold of a kind on the tenant.
    pub async fn hold(&self, kind: &str) {
        let hold = format!("subjectId: \"$T\", kind: {kind}, code: \"X\", reason: \"x\"");
        let text =
            self.fill(&format!("mutation {{ r: holdPlace(input: {{ {hold} }}) {{ userErrors {{ message }} }} }}"));
        self.desk.done(&self.desk.operator, &text).await;
    }

    /// A text with its marks replaced.
    pub fn fill(&self, text: &str) -> String {
        let text = self.sold.fill(&self.people.fill(text));
        self.marks.iter().fold(text, |text, (mark, id)| text.replace(mark, id))
    }
}
