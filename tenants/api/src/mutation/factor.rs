//! SUMMARY    Second factors: TOTP, passkeys, recovery codes, and verifying one again.

use crate::{
    cost::MUTATION_COST,
    input::{ChangeTerms, CreateTerms, DestroyTerms},
    payload::payload,
    types::{actor, seen, service},
};
use async_graphql::{Context, ID, InputObject, Object, Result};
use tenants::{Applied, Code, Done, Error, Given};

/// What a browser answered to a challenge.
#[derive(InputObject)]
pub struct PasskeyInput {
    ceremony_id: ID,
    /// The `PublicKeyCredential` as JSON.
    credential: String,
}

/// One of them, or none.
#[derive(InputObject)]
pub struct FactorInput {
    /// Six digits.
    totp: Option<String>,
    recovery_code: Option<String>,
    passkey: Option<PasskeyInput>,
}

impl FactorInput {
    pub(super) fn given(self) -> tenants::Result<Option<Given>> {
        match (self.totp, self.recovery_code, self.passkey) {
            (None, None, None) => Ok(None),
            (Some(code), None, None) => Ok(Some(Given::Totp(code))),
            (None, Some(code), None) => Ok(Some(Given::RecoveryCode(code))),
            (None, None, Some(PasskeyInput { ceremony_id, credential })) => {
                Ok(Some(Given::Passkey { ceremony: ceremony_id.to_string(), credential }))
            }
            _ => Err(Error::new(Code::Invalid, "", "One factor at a time")),
        }
    }
}

#[derive(InputObject)]
pub struct SessionStepUpInput {
    /// For a person without a second factor, and a mailbox's user.
    password: Option<String>,
    #[graphql(flatten)]
    factor: FactorInput,
}

#[derive(InputObject)]
pub struct TotpEnrollInput {
    label: String,
    #[graphql(flatten)]
    terms: CreateTerms,
}

#[derive(InputObject)]
pub struct TotpConfirmInput {
    id: ID,
    /// Six digits.
    code: String,
    #[graphql(flatten)]
    terms: CreateTerms,
}

#[derive(InputObject)]
pub struct PasskeyRegisterFinishInput {
    ceremony_id: ID,
    label: String,
    /// The browser's `PublicKeyCredential` as JSON.
    credential: String,
    #[graphql(flatten)]
    terms: CreateTerms,
}

#[derive(InputObject)]
pub struct FactorRemoveInput {
    id: ID,
    #[graphql(flatten)]
    terms: DestroyTerms,
}

#[derive(InputObject)]
pub struct RecoveryCodesCreateInput {
    #[graphql(flatten)]
    terms: ChangeTerms,
}

payload!(SessionStepUpPayload, SessionStepUpUserError, SessionStepUpErrorCode, [InvalidCredentials, FactorRequired], { done: bool });
payload!(TotpEnrollPayload, TotpEnrollUserError, TotpEnrollErrorCode, [NotFound, LimitReached], {
    id: Option<ID>,
    /// Base32, shown once. None in a dry run and when repeated.
    secret: Option<String>,
    /// `otpauth://…`, shown once.
    url: Option<String>
});
payload!(TotpConfirmPayload, TotpConfirmUserError, TotpConfirmErrorCode, [NotFound, InvalidCredentials], { done: bool });
payload!(PasskeyRegisterPayload, PasskeyRegisterUserError, PasskeyRegisterErrorCode, [NotFound, LimitReached], {
    ceremony_id: Option<ID>,
    /// Options of `navigator.credentials.create`, as JSON.
    options: Option<String>
});
payload!(
    PasskeyRegisterFinishPayload, PasskeyRegisterFinishUserError, PasskeyRegisterFinishErrorCode, [NotFound, LimitReached, Taken],
    { id: Option<ID> }
);
payload!(PasskeyChallengePayload, PasskeyChallengeUserError, PasskeyChallengeErrorCode, [], {
    ceremony_id: Option<ID>,
    /// Options of `navigator.credentials.get`, as JSON.
    options: Option<String>
});
payload!(FactorRemovePayload, FactorRemoveUserError, FactorRemoveErrorCode, [NotFound], { done: bool });
payload!(RecoveryCodesCreatePayload, RecoveryCodesCreateUserError, RecoveryCodesCreateErrorCode, [NotFound], {
    /// Shown once. Empty in a dry run and when repeated.
    codes: Vec<String>
});

#[derive(Default)]
pub struct FactorMutation;

fn at_once<T>(result: tenants::Result<T>) -> tenants::Result<Done<T>> {
    result.map(|object| Done { object, applied: Applied::Done })
}

#[Object]
impl FactorMutation {
    /// Verifies a factor again: opens sensitive operations of this session for ten minutes.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn session_step_up(&self, ctx: &Context<'_>, input: SessionStepUpInput) -> Result<SessionStepUpPayload> {
        let done = async {
            let given = input.factor.given()?;
            let password = input.password.as_deref();
            at_once(service(ctx).session_step_up(actor(ctx), password, given.as_ref(), &seen(ctx)).await)
        };
        SessionStepUpPayload::of(done.await, |payload, ()| {
            payload.done = true;
            Ok(())
        })
    }

    /// Makes a seed for an authenticator program; it counts once `totpConfirm` has shown a code of it.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn totp_enroll(&self, ctx: &Context<'_>, input: TotpEnrollInput) -> Result<TotpEnrollPayload> {
        let done = service(ctx).totp_enroll(actor(ctx), &input.terms.into(), &input.label).await;
        TotpEnrollPayload::of(done, |payload, made| {
            payload.id = Some(ID(made.id));
            (payload.secret, payload.url) = (made.secret, made.url);
            Ok(())
        })
    }

    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn totp_confirm(&self, ctx: &Context<'_>, input: TotpConfirmInput) -> Result<TotpConfirmPayload> {
        let done = service(ctx).totp_confirm(actor(ctx), &input.terms.into(), &input.id, &input.code).await;
        TotpConfirmPayload::of(done, |payload, _| {
            payload.done = true;
            Ok(())
        })
    }

    /// Begins to register a passkey.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn passkey_register(&self, ctx: &Context<'_>) -> Result<PasskeyRegisterPayload> {
        let begun = service(ctx).passkey_register(actor(ctx)).await;
        PasskeyRegisterPayload::of(at_once(begun), |payload, begun| {
            payload.ceremony_id = Some(ID(begun.ceremony));
            payload.options = Some(begun.options);
            Ok(())
        })
    }

    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn passkey_register_finish(
        &self,
        ctx: &Context<'_>,
        input: PasskeyRegisterFinishInput,
    ) -> Result<PasskeyRegisterFinishPayload> {
        let PasskeyRegisterFinishInput { ceremony_id, label, credential, terms } = input;
        let service = service(ctx);
        let done = service.passkey_register_finish(actor(ctx), &terms.into(), &ceremony_id, &label, &credential).await;
        PasskeyRegisterFinishPayload::of(done, |payload, id| {
            payload.id = Some(ID(id));
            Ok(())
        })
    }

    /// A challenge to sign in, or to step up, by a passkey. Needs no token.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn passkey_challenge(&self, ctx: &Context<'_>) -> Result<PasskeyChallengePayload> {
        PasskeyChallengePayload::of(at_once(service(ctx).passkey_challenge().await), |payload, begun| {
            payload.ceremony_id = Some(ID(begun.ceremony));
            payload.options = Some(begun.options);
            Ok(())
        })
    }

    /// Takes a factor away; the recovery codes go with the last one.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn factor_remove(&self, ctx: &Context<'_>, input: FactorRemoveInput) -> Result<FactorRemovePayload> {
        let done = service(ctx).factor_remove(actor(ctx), &input.terms.into(), &input.id).await;
        FactorRemovePayload::of(done, |payload, _| {
            payload.done = true;
            Ok(())
        })
    }

    /// Ten codes, each good once; the former ones end.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn recovery_codes_create(
        &self,
        ctx: &Context<'_>,
        input: RecoveryCodesCreateInput,
    ) -> Result<RecoveryCodesCreatePayload> {
        let done = service(ctx).recovery_codes_create(actor(ctx), &input.terms.into()).await;
        RecoveryCodesCreatePayload::of(done, |payload, codes| {
            payload.codes = codes;
            Ok(())
        })
    }
}
