//! SUMMARY    What a visitor's cookie keeps, sealed.
//! STANDARDS  RFC 6265bis §4.1.3.2 (`__Host-`)
//! SECURITY   Secure, HttpOnly, SameSite=Lax, for this host alone, gone with the browser. A sign-in begins with a new one.

use crate::seal::{Seal, nonce};
use serde::{Deserialize, Serialize};

/// Name of the cookie.
pub(crate) const COOKIE: &str = "__Host-posthouse";
/// What the cookie is sealed for.
const USAGE: &str = "visitor";

/// A visitor.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct State {
    /// What every form of the visitor carries.
    pub(crate) form: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signed: Option<Signed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<Step>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) shown: Option<Shown>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) enrolled: Option<Enrolled>,
    /// Until when a sign-in at an identity provider that began in this browser may come back (milliseconds).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) going_until_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signing: Option<Signing>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) typed: Option<Typed>,
}

/// What was typed into a form of the page at a path, whose visitor was asked for a factor in between.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Typed {
    pub(crate) path: String,
    pub(crate) fields: Vec<(String, String)>,
}

/// A signup under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Signing {
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// Who is signed in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Signed {
    /// Id of the session.
    pub(crate) session: String,
    pub(crate) access: String,
    pub(crate) access_until_ms: i64,
    pub(crate) refresh: String,
    pub(crate) email: String,
    /// Id of the mailbox whose user it is; empty for a person.
    #[serde(default)]
    pub(crate) mailbox: String,
    /// Where the visitor acts: id and name; empty for who is no member anywhere.
    pub(crate) tenant: String,
    pub(crate) tenant_name: String,
    /// Whether there are other tenants to go to.
    pub(crate) several: bool,
    /// What of billing is in the menu, as it was on arriving there.
    #[serde(default)]
    pub(crate) billing: Reach,
    /// What of the operator's console is in the menu, as it was then.
    #[serde(default)]
    pub(crate) console: Console,
    /// Features that were switched off for the tenant then, by their names in the schema: what they are for is not in the menu.
    #[serde(default)]
    pub(crate) off: Vec<String>,
    /// Whether the page of the brand is in the menu, as it was then.
    #[serde(default)]
    pub(crate) brands: bool,
}

/// What a visitor leads. Pages ask anew: this is the menu only.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Console {
    /// Makes tenants below: works on signups, tells them something.
    pub(crate) leads: bool,
    /// Stops who sends what nobody asked for.
    pub(crate) holds: bool,
    /// Sees the outgoing mail of those below.
    #[serde(default)]
    pub(crate) queues: bool,
    /// Stands above all tenants.
    pub(crate) is_root: bool,
}

/// What of billing a visitor reaches. Pages ask anew: this is the menu only.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Reach {
    /// Sees what the tenant bought.
    pub(crate) buys: bool,
    /// Sells to customers of the tenant.
    pub(crate) sells: bool,
    /// Sees what payment providers say to the whole installation.
    pub(crate) operates: bool,
}

/// A sign-in whose password was right and that still needs a code.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) email: String,
    pub(crate) password: String,
    pub(crate) until_ms: i64,
}

/// What the next page shows, once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Shown {
    /// Of the mailbox with the address.
    Password {
        address: String,
        password: String,
        /// App passwords that ended with the one before.
        #[serde(default)]
        ended: i64,
    },
    RecoveryCodes(Vec<String>),
    /// Of the page at a path: titles and texts.
    Secrets {
        path: String,
        secrets: Vec<(String, String)>,
    },
}

/// An authenticator app that is not confirmed yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Enrolled {
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) url: String,
}

impl State {
    /// A visitor who was never here.
    pub(crate) fn fresh() -> State {
        State { form: nonce(), ..State::default() }
    }

    pub(crate) fn read(seal: &Seal, cookie: &str) -> Option<State> {
        serde_json::from_slice(&seal.open(USAGE, cookie)?).ok()
    }

    /// The value of a Set-Cookie header.
    pub(crate) fn written(&self, seal: &Seal) -> Option<String> {
        let sealed = seal.seal(USAGE, &serde_json::to_vec(self).ok()?)?;
        Some(format!("{COOKIE}={sealed}; Path=/; Secure; HttpOnly; SameSite=Lax"))
    }
}
