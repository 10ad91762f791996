//! SUMMARY    Signing in at an identity provider that is asked over loopback, and everything that must not sign in.

use crate::{
    idp::{Provider, Signed},
    people::signed_in,
    plane::{Desk, domain},
};
use serde_json::{Value, json};
use std::sync::{Arc, atomic::Ordering};

struct World {
    desk: Desk,
    provider: Arc<Provider>,
    id: String,
    tenant: String,
    owner: String,
}

impl World {
    async fn new() -> World {
        let desk = Desk::with_portal("https://portal.example").await;
        let provider = Provider::start().await;
        let (tenant, owner, _) = desk.customer("alpha").await;
        let create = create(&tenant, &provider.issuer, "\"alpha.example\"", "help-desk");
        let id = desk.done(&owner, &create).await["identityProvider"]["id"].as_str().unwrap().to_owned();
        World { desk, provider, id, tenant, owner }
    }

    /// Goes to the provider and back: the code, or the status of the refusal.
    async fn goes(&self, claims: Value) -> Result<String, u16> {
        self.goes_with(claims, Signed::ByTheKey).await
    }

    async fn goes_with(&self, claims: Value, signed: Signed) -> Result<String, u16> {
        let (url, cookie) = self.leaves().await;
        let (state, code) = self.provider.signs_in(&url, claims, signed);
        self.comes(&state, &code, &cookie).await
    }

    async fn leaves(&self) -> (String, String) {
        let (status, head, _) = self.desk.get(&format!("/auth/oidc/start?provider={}", self.id), "").await;
        assert_eq!(status, 303);
        let cookie = head["set-cookie"].to_str().unwrap().to_owned();
        assert!(cookie.contains("HttpOnly") && cookie.contains("Secure") && cookie.contains("SameSite=Lax"));
        (head["location"].to_str().unwrap().to_owned(), cookie.split(';').next().unwrap().to_owned())
    }

    async fn comes(&self, state: &str, code: &str, cookie: &str) -> Result<String, u16> {
        let code = url::form_urlencoded::byte_serialize(code.as_bytes()).collect::<String>();
        let back = format!("/auth/oidc/callback?state={state}&code={code}");
        let (status, _, body) = self.desk.get(&back, cookie).await;
        let code = body["code"].as_str().map(str::to_owned);
        code.filter(|_| status == 200).ok_or(status)
    }

    async fn session(&self, code: &str) -> Value {
        self.desk.ask("", &by_code(code)).await["data"]["r"].clone()
    }
}

fn create(tenant: &str, issuer: &str, domains: &str, role: &str) -> String {
    format!(
        "mutation {{ r: identityProviderCreate(input: {{ tenantId: \"{tenant}\", name: \"Login\", issuer: \"{issuer}\", \
         clientId: \"posthouse\", clientSecret: \"s3cret:/\", domains: [{domains}], role: \"{role}\" }}) \
         {{ identityProvider {{ id }} userErrors {{ field message code }} }} }}"
    )
}

fn by_code(code: &str) -> String {
    format!(
        "mutation {{ r: sessionCreate(input: {{ identityCode: \"{code}\" }}) \
         {{ tokens {{ accessToken }} userErrors {{ code message }} }} }}"
    )
}

fn claims(subject: &str, email: &str, verified: bool) -> Value {
    json!({ "sub": subject, "email": email, "email_verified": verified, "name": "Nora" })
}

#[tokio::test]
async fn a_verified_address_of_the_tenants_domain_joins_and_stays_in_that_tenant() {
    let w = World::new().await;
    let code = w.goes(claims("1", "nora@alpha.example", true)).await.unwrap();
    let made = w.session(&code).await;
    let access = made["tokens"]["accessToken"].as_str().unwrap();
    let seen = w.desk.ask(access, "{ viewer { id person { email name verified } memberships { role } } }").await;
    let viewer = &seen["data"]["viewer"];
    assert_eq!((&viewer["id"], &viewer["memberships"][0]["role"]), (&w.tenant.as_str().into(), &"help-desk".into()));
    assert_eq!(viewer["person"]["verified"], true);
    assert_eq!(w.session(&code).await["userErrors"][0]["code"], "INVALID_CREDENTIALS", "the code is good once");
    // It is the tenant's word: it changes nothing of the person.
    let password = "mutation { r: personSetPassword(input: { password: \"long enough\" }) { userErrors { code } } }";
    let answer = w.desk.ask(access, password).await;
    let code =
        answer["data"]["r"]["userErrors"][0]["code"].as_str().or(answer["errors"][0]["extensions"]["code"].as_str());
    assert!(matches!(code, Some("FORBIDDEN" | "STEP_UP_REQUIRED")), "{answer}");
    let again = w.goes(claims("1", "nora@alpha.example", true)).await.unwrap();
    assert!(w.session(&again).await["tokens"]["accessToken"].is_string(), "the same person signs in again");
    let members = format!("{{ members(tenantId: \"{}\", first: 5) {{ totalCount }} }}", w.tenant);
    assert_eq!(w.desk.ask(&w.owner, &members).await["data"]["members"]["totalCount"], 1);
}

#[tokio::test]
async fn nobody_joins_by_an_address_that_is_not_verified_or_not_the_tenants() {
    let w = World::new().await;
    w.desk.customer("beta").await;
    for (email, verified) in [("x@alpha.example", false), ("x@beta.example", true), ("x@free.example", true)] {
        let code = w.goes(claims(email, email, verified)).await.unwrap();
        let made = w.session(&code).await;
        assert_eq!(made["userErrors"][0]["code"], "INVALID_CREDENTIALS", "{email}");
    }
    // A provider's word about an address does not make anybody the person who has it.
    signed_in(&w.desk, &w.owner, &w.tenant, "boss@alpha.example", "owner").await;
    let code = w.goes(claims("9", "boss@alpha.example", true)).await.unwrap();
    assert_eq!(w.session(&code).await["userErrors"][0]["code"], "TAKEN");
    let members = format!("{{ members(tenantId: \"{}\", first: 5) {{ totalCount }} }}", w.tenant);
    assert_eq!(w.desk.ask(&w.owner, &members).await["data"]["members"]["totalCount"], 1);
}

#[tokio::test]
async fn the_way_back_is_the_browsers_that_left_and_taken_once() {
    let w = World::new().await;
    let (url, cookie) = w.leaves().await;
    let (state, code) = w.provider.signs_in(&url, claims("1", "nora@alpha.example", true), Signed::ByTheKey);
    let (_, other) = w.leaves().await;
    assert_eq!(w.comes(&state, &code, &other).await, Err(403), "another browser");
    assert_eq!(w.comes(&state, &code, "").await, Err(403));
    assert_eq!(w.comes("cer_0", &code, &cookie).await, Err(403));
    w.comes(&state, &code, &cookie).await.unwrap();
    assert_eq!(w.comes(&state, &code, &cookie).await, Err(403), "once");
    // A code of another sign-in does not fit the verifier.
    let (first, cookie) = w.leaves().await;
    let (second, _) = w.leaves().await;
    let (state, _) = w.provider.signs_in(&first, claims("1", "nora@alpha.example", true), Signed::ByTheKey);
    let (_, injected) = w.provider.signs_in(&second, claims("2", "eve@alpha.example", true), Signed::ByTheKey);
    assert_eq!(w.comes(&state, &injected, &cookie).await, Err(403), "PKCE");
}

#[tokio::test]
async fn a_token_that_does_not_fit_signs_nobody_in() {
    let w = World::new().await;
    for (name, value) in [
        ("aud", json!("another")),
        ("aud", json!(["posthouse", "another"])),
        ("azp", json!("another")),
        ("nonce", json!("another")),
        ("iss", json!("https://evil.example")),
        ("exp", json!(1)),
        ("iat", json!(1)),
        ("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA")),
    ] {
        let mut wrong = claims("1", "nora@alpha.example", true);
        wrong[name] = value;
        assert_eq!(w.goes(wrong).await, Err(403), "{name}");
    }
    for signed in [Signed::ByAStranger, Signed::Not, Signed::ByThePublicKey] {
        assert_eq!(w.goes_with(claims("1", "nora@alpha.example", true), signed).await, Err(403));
    }
    let members = format!("{{ members(tenantId: \"{}\", first: 5) {{ totalCount }} }}", w.tenant);
    assert_eq!(w.desk.ask(&w.owner, &members).await["data"]["members"]["totalCount"], 0);
    // The provider said no; and an answer that names another issuer (RFC 9207).
    let (_, cookie) = w.leaves().await;
    let (status, _, _) = w.desk.get("/auth/oidc/callback?state=x&error=access_denied", &cookie).await;
    assert_eq!(status, 403);
    let (url, cookie) = w.leaves().await;
    let (state, code) = w.provider.signs_in(&url, claims("1", "nora@alpha.example", true), Signed::ByTheKey);
    let mixed = format!("{state}&iss=https%3A%2F%2Fevil.example");
    assert_eq!(w.comes(&mixed, &code, &cookie).await, Err(403));
}

#[tokio::test]
async fn a_key_that_the_provider_made_since_is_found_at_once() {
    let w = World::new().await;
    w.goes(claims("1", "nora@alpha.example", true)).await.unwrap();
    w.goes(claims("1", "nora@alpha.example", true)).await.unwrap();
    assert_eq!(w.provider.asked_for_keys.load(Ordering::SeqCst), 1, "keys are kept");
    w.provider.rotate();
    // Not again and again: who makes up names of keys makes no traffic.
    assert_eq!(w.goes(claims("1", "nora@alpha.example", true)).await, Err(403));
    assert_eq!(w.provider.asked_for_keys.load(Ordering::SeqCst), 1);
    w.desk.hands.turn(std::time::Duration::from_secs(6));
    w.goes(claims("1", "nora@alpha.example", true)).await.unwrap();
    assert_eq!(w.provider.asked_for_keys.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_link_is_made_by_the_verified_person_and_reaches_the_providers_tenant_only() {
    let w = World::new().await;
    let (beta, other, _) = w.desk.customer("beta").await;
    let own = signed_in(&w.desk, &w.owner, &w.tenant, "boss@alpha.example", "owner").await;
    let own = own["accessToken"].as_str().unwrap();
    let code = w.goes(claims("1", "boss@alpha.example", true)).await.unwrap();
    let refused = w.desk.ask(own, &link(&code)).await;
    assert!(refused.to_string().contains("Show first that the address is yours"), "{refused}");
    // The mail of an invitation shows it.
    w.desk.done(&other, &invite(&beta, "boss@alpha.example", "owner")).await;
    w.desk.done(own, &accept(&mailed(&w.desk).await, "")).await;
    assert_eq!(w.desk.done(own, &link(&code)).await["done"], true);
    let taken = w.goes(claims("1", "boss@alpha.example", true)).await.unwrap();
    assert_eq!(w.desk.refused(own, &link(&taken)).await, "TAKEN");
    let code = w.goes(claims("1", "anything@else.example", false)).await.unwrap();
    let access = w.session(&code).await["tokens"]["accessToken"].as_str().unwrap().to_owned();
    let seen = w.desk.ask(&access, "{ me { memberships { tenantId } identities { email } } viewer { id } }").await;
    assert_eq!(seen["data"]["viewer"]["id"], w.tenant.as_str());
    assert_eq!(seen["data"]["me"]["memberships"].as_array().unwrap().len(), 1, "{seen}");
    assert_eq!(seen["data"]["me"]["identities"], json!([]));
    assert_eq!(w.desk.send_in(&access, &beta, "{ me { actor } }").await.0, 401);
    let unlink = format!(
        "mutation {{ r: identityUnlink(input: {{ providerId: \"{}\", idempotencyKey: \"k\" }}) \
         {{ done userErrors {{ message }} }} }}",
        w.id
    );
    w.desk.done(own, &unlink).await;
    assert_eq!(w.desk.send(&access, "{ me { actor } }").await.0, 401, "its sessions end");
    let code = w.goes(claims("1", "boss@alpha.example", true)).await.unwrap();
    assert_eq!(w.session(&code).await["userErrors"][0]["code"], "TAKEN", "and the address links nothing");
}

#[tokio::test]
async fn an_invitation_is_accepted_by_a_sign_in_at_the_tenants_provider() {
    let w = World::new().await;
    let (beta, other, _) = w.desk.customer("beta").await;
    let secret = w.desk.done(&w.owner, &invite(&w.tenant, "guest@free.example", "auditor")).await["secret"].clone();
    let secret = secret.as_str().unwrap();
    // A provider of another tenant does not do; nor a code that is used up.
    let elsewhere = w.desk.done(&other, &create(&beta, &w.provider.issuer, "", "auditor")).await;
    let elsewhere = World { id: elsewhere["identityProvider"]["id"].as_str().unwrap().to_owned(), ..w };
    let code = elsewhere.goes(claims("5", "guest@free.example", true)).await.unwrap();
    assert_eq!(elsewhere.desk.refused("", &accept(secret, &code)).await, "INVALID_CREDENTIALS");
    let w = World { id: identity(&elsewhere.desk, &elsewhere.owner, &elsewhere.tenant).await, ..elsewhere };
    let code = w.goes(claims("5", "guest@free.example", true)).await.unwrap();
    assert_eq!(w.session(&code).await["userErrors"][0]["code"], "INVALID_CREDENTIALS");
    assert_eq!(w.desk.refused("", &accept(secret, &code)).await, "INVALID_CREDENTIALS");
    let code = w.goes(claims("5", "guest@free.example", true)).await.unwrap();
    let member = w.desk.done("", &accept(secret, &code)).await["member"].clone();
    assert_eq!((&member["role"], &member["person"]["verified"]), (&"auditor".into(), &false.into()));
    let code = w.goes(claims("5", "guest@free.example", true)).await.unwrap();
    let access = w.session(&code).await["tokens"]["accessToken"].as_str().unwrap().to_owned();
    assert_eq!(w.desk.ask(&access, "{ viewer { id } }").await["data"]["viewer"]["id"], w.tenant.as_str());
    // Somebody else's person is not taken by an invitation to its address.
    let secret = w.desk.done(&w.owner, &invite(&w.tenant, "guest@free.example", "billing")).await["secret"].clone();
    let code = w.goes(claims("6", "guest@free.example", true)).await.unwrap();
    assert_eq!(w.desk.refused("", &accept(secret.as_str().unwrap(), &code)).await, "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn who_is_no_member_any_more_and_whose_tenant_is_held_stays_outside() {
    let w = World::new().await;
    let code = w.goes(claims("1", "nora@alpha.example", true)).await.unwrap();
    let access = w.session(&code).await["tokens"]["accessToken"].as_str().unwrap().to_owned();
    let waiting = w.goes(claims("1", "nora@alpha.example", true)).await.unwrap();
    let hold = format!(
        "mutation {{ r: holdPlace(input: {{ subjectId: \"{}\", kind: SECURITY, code: \"STOLEN\", \
         reason: \"x\", blocks: [PORTAL_LOGIN] }}) {{ hold {{ id }} userErrors {{ message }} }} }}",
        w.tenant
    );
    let hold = w.desk.done(&w.desk.operator, &hold).await["hold"]["id"].as_str().unwrap().to_owned();
    assert_eq!(w.session(&waiting).await["tokens"], Value::Null);
    let release =
        format!("mutation {{ r: holdRelease(input: {{ holdId: \"{hold}\" }}) {{ userErrors {{ message }} }} }}");
    w.desk.done(&w.desk.operator, &release).await;
    let members = format!("{{ members(tenantId: \"{}\", first: 5) {{ nodes {{ id }} }} }}", w.tenant);
    let members = w.desk.ask(&w.owner, &members).await;
    let member = members["data"]["members"]["nodes"][0]["id"].as_str().unwrap();
    let remove = format!(
        "mutation {{ r: memberRemove(input: {{ memberId: \"{member}\", idempotencyKey: \"m\" }}) \
         {{ done userErrors {{ message }} }} }}"
    );
    w.desk.done(&w.owner, &remove).await;
    assert_eq!(w.desk.send(&access, "{ me { actor } }").await.0, 401);
    let code = w.goes(claims("1", "nora@alpha.example", true)).await.unwrap();
    assert_eq!(w.session(&code).await["userErrors"][0]["code"], "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn a_provider_is_set_up_within_what_its_maker_has_and_shows_no_secret() {
    let w = World::new().await;
    let admin = signed_in(&w.desk, &w.owner, &w.tenant, "admin@x.example", "admin").await;
    let admin = admin["accessToken"].as_str().unwrap();
    let issuer = &w.provider.issuer;
    assert_eq!(w.desk.refused(admin, &create(&w.tenant, issuer, "", "owner")).await, "INVALID");
    assert_eq!(w.desk.refused(admin, &create(&w.tenant, issuer, "\"beta.example\"", "auditor")).await, "NOT_FOUND");
    let (beta, _, _) = w.desk.customer("beta").await;
    assert_eq!(w.desk.refused(admin, &create(&beta, issuer, "", "auditor")).await, "NOT_FOUND");
    for inside in
        ["http://127.0.0.2", "https://10.0.0.1", "https://localhost", "http://login.example.org", "file:///etc"]
    {
        assert_eq!(w.desk.refused(admin, &create(&w.tenant, inside, "", "auditor")).await, "INVALID", "{inside}");
    }
    w.desk.done(&w.desk.operator, &domain(&w.tenant, "second.example")).await;
    let update = |changes: &str| {
        format!(
            "mutation {{ r: identityProviderUpdate(input: {{ id: \"{}\", {changes} }}) \
             {{ identityProvider {{ name domains role version }} userErrors {{ message code }} }} }}",
            w.id
        )
    };
    let changed = w.desk.done(admin, &update("name: \"New\", domains: [\"second.example\"], expectedVersion: 1")).await;
    let after = json!({ "name": "New", "domains": ["second.example"], "role": "help-desk", "version": 2 });
    assert_eq!(changed["identityProvider"], after);
    assert_eq!(w.desk.refused(admin, &update("role: \"owner\"")).await, "INVALID");
    assert_eq!(w.desk.refused(admin, &update("name: \"x\", expectedVersion: 1")).await, "STALE_OBJECT");
    // The secret that the update did not name is still the one that the provider knows; another one is not.
    w.goes(claims("1", "nora@second.example", true)).await.unwrap();
    w.desk.done(admin, &update("clientSecret: \"another\"")).await;
    assert_eq!(w.goes(claims("1", "nora@second.example", true)).await, Err(403));
    w.desk.done(admin, &update("clientSecret: \"s3cret:/\"")).await;
    let code = w.goes(claims("1", "nora@second.example", true)).await.unwrap();
    let access = w.session(&code).await["tokens"]["accessToken"].as_str().unwrap().to_owned();
    let delete = format!(
        "mutation {{ r: identityProviderDelete(input: {{ id: \"{}\", idempotencyKey: \"d\" }}) \
         {{ done userErrors {{ message }} }} }}",
        w.id
    );
    w.desk.done(admin, &delete).await;
    assert_eq!(w.desk.send(&access, "{ me { actor } }").await.0, 401, "the sessions that it opened end");
    let log =
        format!("{{ auditEntries(tenantId: \"{}\", first: 50) {{ nodes {{ action object detail }} }} }}", w.tenant);
    let log = w.desk.ask(&w.owner, &log).await.to_string();
    assert!(log.contains("identityProviderCreate") && log.contains("identityProviderDelete"));
    assert!(!log.contains("s3cret") && !log.contains("another"));
}

fn link(code: &str) -> String {
    format!("mutation {{ r: identityLink(input: {{ code: \"{code}\" }}) {{ done userErrors {{ message code }} }} }}")
}

fn invite(tenant: &str, email: &str, role: &str) -> String {
    format!(
        "mutation {{ r: memberInvite(input: {{ tenantId: \"{tenant}\", email: \"{email}\", role: \"{role}\" }}) \
         {{ secret userErrors {{ message }} }} }}"
    )
}

fn accept(secret: &str, identity_code: &str) -> String {
    let code = match identity_code {
        "" => String::new(),
        code => format!(", identityCode: \"{code}\""),
    };
    format!(
        "mutation {{ r: invitationAccept(input: {{ secret: \"{secret}\"{code} }}) \
         {{ member {{ id role person {{ verified }} }} userErrors {{ message code }} }} }}"
    )
}

/// The secret of the newest invitation, as its mail has it.
async fn mailed(desk: &Desk) -> String {
    let due = desk.service.notices_due(100).await.unwrap();
    due.last().unwrap().facts["secret"].as_str().unwrap().to_owned()
}

/// The first identity provider of a tenant.
async fn identity(desk: &Desk, token: &str, tenant: &str) -> String {
    let providers = format!("{{ identityProviders(tenantId: \"{tenant}\", first: 5) {{ nodes {{ id }} }} }}");
    let answer = desk.ask(token, &providers).await;
    answer["data"]["identityProviders"]["nodes"][0]["id"].as_str().unwrap().to_owned()
}
