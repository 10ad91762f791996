//! SUMMARY    Brands: who may have one, who sees which, at which hosts; what is refused.

use crate::plane::{Desk, domain};
use serde_json::{Value, json};

const PICTURE: &str = "iVBORw0KGgoAAAANSUhEUgAAAEAAAAAg";
const FIELDS: &str =
    "branding { version allowed inherited shown { name } hosts { host proven } own { light { onAccent link } } }";

async fn set(desk: &Desk, token: &str, name: &str, input: &str) -> Value {
    desk.done(token, &mutation(name, input)).await["branding"].clone()
}

fn mutation(name: &str, input: &str) -> String {
    format!("mutation {{ r: {name}(input: {{ {input} }}) {{ {FIELDS} userErrors {{ field code message }} }} }}")
}

async fn at(desk: &Desk, host: &str) -> Value {
    let query = format!("{{ r: brand(host: \"{host}\") {{ name logo {{ hash width height kind body }} }} }}");
    let answer = desk.ask("", &query).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    answer["data"]["r"].clone()
}

/// A reseller that may have a brand, and a customer of it: ids and tokens.
async fn reseller(desk: &Desk) -> [String; 4] {
    let (seller, token, _) = desk.customer("alpine").await;
    set(desk, &desk.operator, "brandingAllow", &format!("tenantId: \"{seller}\", allowed: true")).await;
    let below =
        format!("tenantCreate(input: {{ parentId: \"{seller}\", name: \"hut\", maxDomains: 0, maxMailboxes: 0 }})");
    let below = desk
        .done(&token, &format!("mutation {{ r: {below} {{ tenant {{ id }} token userErrors {{ message }} }} }}"))
        .await;
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    [seller, token, text(&below["tenant"]["id"]), text(&below["token"])]
}

async fn shown(desk: &Desk, token: &str, tenant: &str) -> Value {
    let query = format!("{{ r: branding(tenantId: \"{tenant}\") {{ inherited allowed shown {{ name }} }} }}");
    desk.ask(token, &query).await["data"]["r"].clone()
}

#[tokio::test]
async fn a_brand_is_seen_by_who_sets_it_by_all_below_and_at_its_host() {
    let desk = Desk::new().await;
    let [seller, token, customer, customers] = reseller(&desk).await;
    assert_eq!(
        shown(&desk, &customers, &customer).await,
        json!({ "inherited": true, "allowed": false, "shown": null })
    );
    let of = format!("tenantId: \"{seller}\"");
    let input = format!("{of}, name: \"Alpine Post\", accentLight: \"#1F5F8B\", hosts: [\"Login.Alpine.example\"]");
    let dry = set(&desk, &token, "brandingUpdate", &format!("{input}, dryRun: true")).await;
    assert_eq!((&dry["shown"]["name"], &dry["own"]["light"]["onAccent"]), (&json!("Alpine Post"), &json!("#ffffff")));
    assert_eq!(at(&desk, "login.alpine.example").await, Value::Null, "a dry run shows nothing");
    let made = set(&desk, &token, "brandingUpdate", &input).await;
    assert_eq!(made["hosts"], json!([{ "host": "login.alpine.example", "proven": true }]));
    assert_eq!(made["inherited"], false);
    set(&desk, &token, "brandingLogoSet", &format!("{of}, data: \"{PICTURE}\"")).await;
    for host in ["login.alpine.example", "LOGIN.alpine.example."] {
        let seen = at(&desk, host).await;
        assert_eq!((&seen["name"], &seen["logo"]["body"]), (&json!("Alpine Post"), &json!(PICTURE)), "{host}");
        assert_eq!((&seen["logo"]["width"], &seen["logo"]["kind"]), (&json!(64), &json!("PNG")));
    }
    for host in ["alpine.example", "x.login.alpine.example", "other.example", "127.0.0.1", "", "[::1]", "a b"] {
        assert_eq!(at(&desk, host).await, Value::Null, "{host:?}");
    }
    // The one above is seen below; another customer sees the product's.
    let seen = shown(&desk, &customers, &customer).await;
    assert_eq!((&seen["inherited"], &seen["shown"]["name"]), (&json!(true), &json!("Alpine Post")));
    let (other, others, _) = desk.customer("beta").await;
    assert_eq!(shown(&desk, &others, &other).await["shown"], Value::Null);
    assert_eq!(shown(&desk, &others, &seller).await, Value::Null, "another tenant's is not there");
    // What its own customer sets goes before, once the seller lets it; an empty name falls back.
    set(&desk, &token, "brandingAllow", &format!("tenantId: \"{customer}\", allowed: true")).await;
    set(&desk, &customers, "brandingUpdate", &format!("tenantId: \"{customer}\", name: \"Hut\"")).await;
    assert_eq!(shown(&desk, &customers, &customer).await["shown"]["name"], "Hut");
    assert_eq!(shown(&desk, &token, &seller).await["shown"]["name"], "Alpine Post");
    set(&desk, &customers, "brandingUpdate", &format!("tenantId: \"{customer}\", name: \"\"")).await;
    assert_eq!(shown(&desk, &customers, &customer).await["shown"]["name"], "Alpine Post");
    // The right goes: what was set is kept, and not shown.
    set(&desk, &desk.operator, "brandingAllow", &format!("{of}, allowed: false")).await;
    assert_eq!(shown(&desk, &customers, &customer).await["shown"], Value::Null);
    assert_eq!(at(&desk, "login.alpine.example").await, Value::Null);
    let events = format!("{{ r: events({of}, first: 50) {{ nodes {{ kind }} }} }}");
    let events = desk.ask(&token, &events).await["data"]["r"]["nodes"].to_string();
    for kind in ["branding.allowed", "branding.updated", "branding.logo_set"] {
        assert!(events.contains(kind), "{kind}: {events}");
    }
}

#[tokio::test]
async fn the_provider_has_the_right_and_nobody_gives_it_to_himself() {
    let desk = Desk::new().await;
    let provider = desk.ask(&desk.operator, "{ viewer { id } }").await["data"]["viewer"]["id"].clone();
    let provider = format!("tenantId: {provider}");
    assert_eq!(
        set(&desk, &desk.operator, "brandingUpdate", &format!("{provider}, name: \"House\"")).await["allowed"],
        true
    );
    let (tenant, token, _) = desk.customer("alpha").await;
    assert_eq!(shown(&desk, &token, &tenant).await["shown"]["name"], "House");
    let of = format!("tenantId: \"{tenant}\"");
    for (name, input) in [
        ("brandingUpdate", format!("{of}, name: \"Bank\"")),
        ("brandingLogoSet", format!("{of}, data: \"{PICTURE}\"")),
        ("brandingLogoRemove", format!("{of}, idempotencyKey: \"k\"")),
        ("brandingAllow", format!("{of}, allowed: true")),
    ] {
        assert_eq!(desk.refused(&token, &mutation(name, &input)).await, "FORBIDDEN", "{name}");
    }
    let below = "mutation { r: tenantCreate(input: { name: \"below\", maxDomains: 0, maxMailboxes: 0 }) { tenant { id } userErrors { message } } }";
    let below = desk.done(&token, below).await["tenant"]["id"].clone();
    let lets = mutation("brandingAllow", &format!("tenantId: {below}, allowed: true"));
    assert_eq!(desk.refused(&token, &lets).await, "FORBIDDEN", "who may have none lets nobody");
    assert_eq!(shown(&desk, &token, &tenant).await["shown"]["name"], "House");
}

#[tokio::test]
async fn colours_pictures_hosts_and_links_are_refused_beside_their_fields() {
    let desk = Desk::new().await;
    let [seller, token, ..] = reseller(&desk).await;
    let of = format!("tenantId: \"{seller}\"");
    let refused = async |name: &str, input: &str| {
        let answer = desk.ask(&token, &mutation(name, &format!("{of}, {input}"))).await;
        let error = answer["data"]["r"]["userErrors"][0].clone();
        assert!(error.is_object(), "{input}: {answer}");
        error
    };
    let pale = refused("brandingUpdate", "accentLight: \"#ffd400\"").await;
    assert_eq!((&pale["field"], &pale["code"]), (&json!("accentLight"), &json!("LOW_CONTRAST")));
    let words = pale["message"].as_str().unwrap();
    assert!(
        words.contains(":1 with the page behind it; 3:1 is needed; the nearest colour that has it is #"),
        "{words}"
    );
    let near = words.rsplit(' ').next().unwrap();
    set(&desk, &token, "brandingUpdate", &format!("{of}, accentLight: \"{near}\"")).await;
    for (input, field, code) in [
        ("accentDark: \"#101820\"", "accentDark", "LOW_CONTRAST"),
        ("accentDark: \"blue\"", "accentDark", "INVALID"),
        ("termsUrl: \"http://alpine.example/\"", "termsUrl", "INVALID"),
        ("privacyUrl: \"javascript:alert(1)\"", "privacyUrl", "INVALID"),
        ("supportEmail: \"nobody\"", "supportEmail", "INVALID"),
        ("name: \"x\\u202ey\"", "name", "INVALID"),
        ("hosts: [\"login.elsewhere.example\"]", "hosts", "INVALID"),
        ("hosts: [\"a.alpine.example\", \"not a host\"]", "hosts", "INVALID"),
        ("hosts: [\"1.e\", \"2.e\", \"3.e\", \"4.e\", \"5.e\", \"6.e\"]", "hosts", "LIMIT_REACHED"),
    ] {
        let error = refused("brandingUpdate", input).await;
        assert_eq!((&error["field"], &error["code"]), (&json!(field), &json!(code)), "{input}: {error}");
    }
    // A document is no picture.
    for (data, code) in
        [("PHN2Zy8+", "INVALID"), ("!", "INVALID"), ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB", "LIMIT_REACHED")]
    {
        let error = refused("brandingLogoSet", &format!("data: \"{data}\"")).await;
        assert_eq!((&error["field"], &error["code"]), (&json!("data"), &json!(code)), "{data}: {error}");
    }
    assert_eq!(shown(&desk, &token, &seller).await["shown"], Value::Null, "a colour alone is no brand");
}

#[tokio::test]
async fn a_host_is_of_one_tenant_and_goes_with_its_domain() {
    let desk = Desk::new().await;
    let [seller, token, customer, customers] = reseller(&desk).await;
    for (by, of) in [(&desk.operator, &seller), (&token, &customer)] {
        let many = if of == &seller { 5 } else { 1 };
        let limits = format!("tenantId: \"{of}\", maxDomains: {many}");
        desk.done(by, &format!("mutation {{ r: tenantUpdate(input: {{ {limits} }}) {{ userErrors {{ message }} }} }}"))
            .await;
    }
    desk.done(&desk.operator, &domain(&seller, "peak.example")).await;
    set(&desk, &token, "brandingAllow", &format!("tenantId: \"{customer}\", allowed: true")).await;
    let host = "name: \"A\", hosts: [\"login.peak.example\"]";
    set(&desk, &token, "brandingUpdate", &format!("tenantId: \"{seller}\", {host}")).await;
    let taken = format!("tenantId: \"{customer}\", name: \"Hut\", hosts: [\"login.peak.example\"]");
    // What is its seller's is not its own.
    assert_eq!(desk.refused(&customers, &mutation("brandingUpdate", &taken)).await, "INVALID");
    desk.done(&desk.operator, &domain(&customer, "login.peak.example")).await;
    assert_eq!(desk.refused(&customers, &mutation("brandingUpdate", &taken)).await, "TAKEN");
    assert_eq!(at(&desk, "login.peak.example").await["name"], "A");
    // The seller gives its domain up: the host is no longer its own, and the other one has it.
    let given_up = "mutation { r: domainDelete(input: { name: \"peak.example\", idempotencyKey: \"d\" }) { userErrors { code message } } }";
    desk.done(&token, given_up).await;
    assert_eq!(at(&desk, "login.peak.example").await, Value::Null);
    set(&desk, &customers, "brandingUpdate", &taken).await;
    assert_eq!(at(&desk, "login.peak.example").await["name"], "Hut");
}

#[tokio::test]
async fn invitations_lead_to_the_brands_host_and_the_portals_own_shows_the_providers() {
    let desk = Desk::with_portal("https://mail.example").await;
    let provider = desk.ask(&desk.operator, "{ viewer { id } }").await["data"]["viewer"]["id"].clone();
    set(&desk, &desk.operator, "brandingUpdate", &format!("tenantId: {provider}, name: \"House\"")).await;
    assert_eq!(at(&desk, "mail.example").await["name"], "House");
    assert_eq!(at(&desk, "other.example").await, Value::Null);
    let own = mutation("brandingUpdate", &format!("tenantId: {provider}, hosts: [\"mail.example\"]"));
    assert_eq!(desk.refused(&desk.operator, &own).await, "INVALID", "the server's own");
    let [seller, token, customer, customers] = reseller(&desk).await;
    let invited = async |by: &str, of: &str, email: &str| {
        let input = format!("tenantId: \"{of}\", email: \"{email}\", role: \"auditor\"");
        desk.done(by, &format!("mutation {{ r: memberInvite(input: {{ {input} }}) {{ userErrors {{ message }} }} }}"))
            .await;
        let due = desk.service.notices_due(100).await.unwrap();
        due.into_iter().find(|n| n.recipient == email).unwrap().facts["portal"].clone()
    };
    assert_eq!(invited(&token, &seller, "a@people.example").await, "https://mail.example");
    let host = "name: \"A\", hosts: [\"login.alpine.example\"]";
    set(&desk, &token, "brandingUpdate", &format!("tenantId: \"{seller}\", {host}")).await;
    assert_eq!(invited(&token, &seller, "b@people.example").await, "https://login.alpine.example");
    assert_eq!(invited(&customers, &customer, "c@people.example").await, "https://login.alpine.example");
}
