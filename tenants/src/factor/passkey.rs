//! SUMMARY    Passkeys: registered and used in two steps each.
//! STANDARDS  Web Authentication Level 3 (ES256, RS256), by webauthn-rs
//! SECURITY   Bound to the portal's origin. User verification is required, so a passkey is two factors: it signs in alone. The
//!            challenge is taken once. No e-mail address is asked for before, so nobody learns who has an account.
//! LIMITS     FACTORS_MAX, CEREMONY_LIFE

use super::FactorKind;
use crate::{
    Actor, Code, Done, Error, Result, Service, Terms,
    auth::refused,
    db::query,
    rows::{fresh_id, short, text},
    terms::{Request, Start},
};
use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use webauthn_rs::prelude::{
    DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential, Url,
    Uuid, Webauthn, WebauthnBuilder,
};

const REGISTER: &str = "passkey-register";
const SIGN_IN: &str = "passkey-sign-in";

/// A challenge that a browser answers.
#[derive(Debug, Clone)]
pub struct PasskeyBegun {
    pub ceremony: String,
    /// Options of `navigator.credentials.create` or `.get`, as JSON.
    pub options: String,
}

/// Whether a portal can stand at an origin.
pub fn is_portal(origin: &str) -> bool {
    relying_party(origin).is_ok()
}

/// The portal as browsers know it. `Invalid` for an origin that can have no passkeys.
pub(crate) fn relying_party(portal: &str) -> Result<Webauthn> {
    let invalid = |why: &str| Error::new(Code::Invalid, "portal", format!("{portal}: {why}"));
    let origin = Url::parse(portal).map_err(|e| invalid(&e.to_string()))?;
    let host = origin.domain().ok_or_else(|| invalid("the portal has a name, not an address"))?;
    let builder = WebauthnBuilder::new(host, &origin).map_err(|e| invalid(&format!("{e:?}")))?;
    builder.rp_name("Posthouse").build().map_err(|e| invalid(&format!("{e:?}")))
}

/// The handle by which an authenticator knows a person: it tells nothing.
fn handle(person: &str) -> Uuid {
    let digest = digest::digest(&digest::SHA256, format!("passkey {person}").as_bytes());
    let bytes = digest.as_ref().get(..16).and_then(|b| b.try_into().ok()).unwrap_or_default();
    Uuid::from_bytes(bytes)
}

fn malformed(e: serde_json::Error) -> Error {
    Error::new(Code::Invalid, "credential", format!("not what a browser gives: {e}"))
}

fn internal(e: impl std::fmt::Display) -> Error {
    Error::new(Code::Internal, "", e.to_string())
}

impl Service {
    fn webauthn(&self) -> Result<&Webauthn> {
        let missing = || Error::new(Code::Invalid, "", "Passkeys need the portal's address in the configuration");
        self.webauthn.as_ref().ok_or_else(missing)
    }

    /// Begins to register a passkey of the person who asks.
    pub async fn passkey_register(&self, actor: &Actor) -> Result<PasskeyBegun> {
        self.sensitive(actor, "passkeyRegister")?;
        let mut connection = self.pool().acquire().await?;
        let person = self.own_person(&mut connection, actor).await?;
        self.room_for_factor(&mut connection, &person.id).await?;
        let mut known = Vec::new();
        for row in self.factor_rows(&mut connection, &person.id).await? {
            if text(&row, "kind")? == FactorKind::Passkey.name() {
                known.push(self.passkey_of(&text(&row, "id")?, &text(&row, "sealed")?)?.cred_id().clone());
            }
        }
        drop(connection);
        let begun = self.webauthn()?.start_passkey_registration(
            handle(&person.id),
            &person.email,
            &person.name,
            (!known.is_empty()).then_some(known),
        );
        let (options, state) = begun.map_err(|e| internal(format!("{e:?}")))?;
        let mut options = serde_json::to_value(options).map_err(internal)?;
        // A passkey is found without a name: only so nobody is asked for one before.
        if let Some(selection) = options.pointer_mut("/publicKey/authenticatorSelection") {
            selection["residentKey"] = "required".into();
            selection["requireResidentKey"] = true.into();
        }
        let ceremony = self.keep_ceremony(REGISTER, &person.id, &state).await?;
        Ok(PasskeyBegun { ceremony, options: options.to_string() })
    }

    /// Registers a passkey; gives its id.
    pub async fn passkey_register_finish(
        &self,
        actor: &Actor,
        terms: &Terms,
        ceremony: &str,
        label: &str,
        credential: &str,
    ) -> Result<Done<String>> {
        short(label, "label")?;
        let shown: RegisterPublicKeyCredential = serde_json::from_str(credential).map_err(malformed)?;
        let whose = actor.itself().unwrap_or_default();
        let state: Option<PasskeyRegistration> = self.take_ceremony(REGISTER, whose, ceremony).await?;
        let state = state.ok_or_else(|| Error::not_found("ceremonyId"))?;
        let passkey = self.webauthn()?.finish_passkey_registration(&shown, &state).map_err(|e| {
            tracing::info!(error = ?e, "a passkey was not registered");
            Error::new(Code::Invalid, "credential", "The passkey does not fit the challenge")
        })?;
        let request = Request::new("passkeyRegister", format!("{ceremony} {label}"));
        let mut work = match self.start_own(actor, terms, request).await? {
            Start::Fresh(work) => work,
            Start::Repeated(done) => return Ok(done),
        };
        let person = self.own_person(&mut work.txn, actor).await?;
        self.room_for_factor(&mut work.txn, &person.id).await?;
        let id = fresh_id("fac_")?;
        let made = query(
            "INSERT INTO factor (id, person, kind, label, sealed, credential, confirmed_at, last_step, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $7) ON CONFLICT (credential) DO NOTHING",
        )
        .bind(&id)
        .bind(&person.id)
        .bind(FactorKind::Passkey.name())
        .bind(label)
        .bind(self.keys.seal(&id, &serde_json::to_vec(&passkey).map_err(internal)?)?)
        .bind(URL_SAFE_NO_PAD.encode(passkey.cred_id()))
        .bind(self.now().0)
        .execute(&mut work.txn)
        .await?;
        if made == 0 {
            return Err(Error::new(Code::Taken, "credential", "The passkey is registered already"));
        }
        self.audit_own(&mut work.txn, actor, "passkeyRegister", &id).await?;
        self.finish(work, id, &[]).await
    }

    /// A challenge for whoever has a passkey here.
    pub async fn passkey_challenge(&self) -> Result<PasskeyBegun> {
        let begun = self.webauthn()?.start_discoverable_authentication();
        let (mut options, state) = begun.map_err(|e| internal(format!("{e:?}")))?;
        options.mediation = None;
        let ceremony = self.keep_ceremony(SIGN_IN, "", &state).await?;
        Ok(PasskeyBegun { ceremony, options: serde_json::to_string(&options).map_err(internal)? })
    }

    /// Whose passkey answered a challenge; `None` when it does not fit.
    pub(crate) async fn verify_passkey(&self, ceremony: &str, credential: &str) -> Result<Option<String>> {
        let webauthn = self.webauthn()?;
        let shown: PublicKeyCredential = serde_json::from_str(credential).map_err(|_| refused())?;
        let state: Option<DiscoverableAuthentication> = self.take_ceremony(SIGN_IN, "", ceremony).await?;
        let Some(state) = state else { return Ok(None) };
        let mut txn = self.begin().await?;
        let row = query("SELECT * FROM factor WHERE credential = $1 AND kind = 'passkey' AND confirmed_at IS NOT NULL")
            .bind(URL_SAFE_NO_PAD.encode(shown.get_credential_id()))
            .fetch_optional(&mut txn)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let (id, person) = (text(&row, "id")?, text(&row, "person")?);
        let mut passkey = self.passkey_of(&id, &text(&row, "sealed")?)?;
        let result = match webauthn.finish_discoverable_authentication_v2(&shown, state, &passkey) {
            Ok(result) if result.user_verified() => result,
            Ok(_) => return Ok(None),
            Err(error) => {
                tracing::info!(?error, factor = id, "a passkey was refused");
                return Ok(None);
            }
        };
        passkey.update_credential(&result);
        query("UPDATE factor SET sealed = $2, last_used_at = $3 WHERE id = $1")
            .bind(&id)
            .bind(self.keys.seal(&id, &serde_json::to_vec(&passkey).map_err(internal)?)?)
            .bind(self.now().0)
            .execute(&mut txn)
            .await?;
        txn.commit().await?;
        Ok(Some(person))
    }

    fn passkey_of(&self, id: &str, sealed: &str) -> Result<Passkey> {
        serde_json::from_slice(&self.keys.open(id, sealed)?).map_err(internal)
    }
}
