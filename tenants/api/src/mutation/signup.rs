//! SUMMARY    Signing up: steps that need no token, but the secret that the step before gave.
//! SECURITY   What is answered of names and contacts says nothing of who is a customer (docs/decisions/0035-signup.md).

use super::tenant_id;
use crate::{
    cost::MUTATION_COST,
    payload::{object_payload, payload},
    scalar::DateTime,
    signup::{Signup, SignupChallenge, SignupChoiceInput},
    types::{seen, service},
};
use async_graphql::{Context, ID, InputObject, Object, Result};
use tenants::{Applied, Begun, Done, NewChoice, NewSignup};

/// Needs no token.
#[derive(InputObject)]
pub struct SignupChallengeInput {
    /// The provider when missing.
    seller_id: Option<ID>,
}

/// Needs no token.
#[derive(InputObject)]
pub struct NameAvailableInput {
    /// The provider when missing.
    seller_id: Option<ID>,
    /// On a domain that is offered.
    address: String,
    /// See `signupChallenge`; it is used up.
    proof: String,
}

/// Needs no token. An address that is offered, a domain of one's own, or both.
#[derive(InputObject)]
pub struct SignupBeginInput {
    /// The provider when missing.
    seller_id: Option<ID>,
    /// See `signupChallenge`. The same proof begins the same signup again.
    proof: String,
    address: Option<String>,
    domain: Option<String>,
    /// A language tag: mail is written in it.
    #[graphql(default_with = "\"en\".to_owned()")]
    locale: String,
    invite: Option<String>,
}

/// Needs no token.
#[derive(InputObject)]
pub struct SignupContactInput {
    id: ID,
    secret: String,
    /// An address that is not with us.
    contact: String,
}

/// Needs no token.
#[derive(InputObject)]
pub struct SignupVerifyInput {
    id: ID,
    secret: String,
    /// As it was mailed.
    code: String,
}

/// Needs no token.
#[derive(InputObject)]
pub struct SignupChooseInput {
    id: ID,
    secret: String,
    #[graphql(flatten)]
    choice: SignupChoiceInput,
    /// Of the tenant; its domain or its address when missing.
    name: Option<String>,
}

/// Needs no token.
#[derive(InputObject)]
pub struct SignupCheckoutInput {
    id: ID,
    secret: String,
}

/// Needs no token.
#[derive(InputObject)]
pub struct SignupFinishInput {
    id: ID,
    secret: String,
    /// Of the mailbox, and of the owner where the contact is nobody's yet.
    password: String,
}

/// Needs no token.
#[derive(InputObject)]
pub struct SignupAbandonInput {
    id: ID,
    secret: String,
}

object_payload!(
    SignupChallengePayload, SignupChallengeUserError, SignupChallengeErrorCode, [NotFound, NotOpen], challenge: SignupChallenge
);
payload!(NameAvailablePayload, NameAvailableUserError, NameAvailableErrorCode, [NotFound, NotOpen], {
    /// The same for a name that is in use, was in use, is reserved, or looks like another.
    available: bool,
    /// Addresses like it that can be had.
    suggestions: Vec<String>
});
payload!(
    SignupBeginPayload, SignupBeginUserError, SignupBeginErrorCode, [NotFound, NotOpen, Taken, InUse], {
    signup: Option<Signup>,
    /// For the next step.
    secret: Option<String>
});
object_payload!(
    SignupContactPayload, SignupContactUserError, SignupContactErrorCode, [NotFound, NotOpen, InUse, LimitReached],
    signup: Signup
);
payload!(
    SignupVerifyPayload, SignupVerifyUserError, SignupVerifyErrorCode,
    [NotFound, NotOpen, InUse, LimitReached, InvalidCredentials], {
    signup: Option<Signup>,
    /// For what comes next: the one before is worth nothing any more.
    secret: Option<String>
});
object_payload!(
    SignupChoosePayload, SignupChooseUserError, SignupChooseErrorCode, [NotFound, NotOpen, InUse], signup: Signup
);
payload!(SignupCheckoutPayload, SignupCheckoutUserError, SignupCheckoutErrorCode, [NotFound, NotOpen, InUse, LimitReached], {
    signup: Option<Signup>,
    /// Where to pay; none: nothing is to be paid, or it is paid.
    url: Option<String>,
    /// Until when the page is open.
    url_expires_at: Option<DateTime>
});
object_payload!(
    SignupFinishPayload, SignupFinishUserError, SignupFinishErrorCode, [NotFound, NotOpen, InUse, Taken, LimitReached],
    signup: Signup
);
object_payload!(
    SignupAbandonPayload, SignupAbandonUserError, SignupAbandonErrorCode, [NotFound, NotOpen, InUse], signup: Signup
);

fn at_once<T>(result: tenants::Result<T>) -> tenants::Result<Done<T>> {
    result.map(|object| Done { object, applied: Applied::Done })
}

#[derive(Default)]
pub struct SignupMutation;

#[Object]
impl SignupMutation {
    /// Something to work on, or to wait for: each question for a name and each signup costs a proof of it.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn signup_challenge(&self, ctx: &Context<'_>, input: SignupChallengeInput) -> Result<SignupChallengePayload> {
        let challenge = async {
            let seller = input.seller_id.as_ref().map(tenant_id).transpose()?;
            at_once(service(ctx).signup_challenge(seller, &seen(ctx)).await)
        };
        SignupChallengePayload::object(challenge.await)
    }

    /// Whether an address can be had.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn name_available(&self, ctx: &Context<'_>, input: NameAvailableInput) -> Result<NameAvailablePayload> {
        let answer = async {
            let seller = input.seller_id.as_ref().map(tenant_id).transpose()?;
            at_once(service(ctx).name_available(seller, &input.address, &input.proof, &seen(ctx)).await)
        };
        NameAvailablePayload::of(answer.await, |payload, answer| {
            (payload.available, payload.suggestions) = (answer.available, answer.suggestions);
            Ok(())
        })
    }

    /// Begins a signup: its name is held from now on.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn signup_begin(&self, ctx: &Context<'_>, input: SignupBeginInput) -> Result<SignupBeginPayload> {
        let begun = async {
            let SignupBeginInput { seller_id, proof, address, domain, locale, invite } = input;
            let seller = seller_id.as_ref().map(tenant_id).transpose()?;
            let new = NewSignup { seller, proof, address, domain, locale, invite, seen: seen(ctx) };
            at_once(service(ctx).signup_begin(&new).await)
        };
        SignupBeginPayload::of(begun.await, |payload, Begun { signup, secret }| {
            (payload.signup, payload.secret) = (Some(signup.into()), Some(secret));
            Ok(())
        })
    }

    /// Mails a code to the contact; again, or to another one, until one was proven. The same mail and answer whoever has the address.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn signup_contact(&self, ctx: &Context<'_>, input: SignupContactInput) -> Result<SignupContactPayload> {
        let SignupContactInput { id, secret, contact } = input;
        let done = service(ctx).signup_contact(&id, &secret, &contact, &seen(ctx)).await;
        SignupContactPayload::object(at_once(done))
    }

    /// Proves the contact by the code. Gives another secret.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn signup_verify(&self, ctx: &Context<'_>, input: SignupVerifyInput) -> Result<SignupVerifyPayload> {
        let SignupVerifyInput { id, secret, code } = input;
        let done = at_once(service(ctx).signup_verify(&id, &secret, &code, &seen(ctx)).await);
        SignupVerifyPayload::of(done, |payload, Begun { signup, secret }| {
            (payload.signup, payload.secret) = (Some(signup.into()), Some(secret));
            Ok(())
        })
    }

    /// Chooses what to sign up for; another time, something else, until it is paid.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn signup_choose(&self, ctx: &Context<'_>, input: SignupChooseInput) -> Result<SignupChoosePayload> {
        let SignupChooseInput { id, secret, choice, name } = input;
        let new = NewChoice { choice: choice.into(), name };
        SignupChoosePayload::object(at_once(service(ctx).signup_choose(&id, &secret, &new, &seen(ctx)).await))
    }

    /// Opens a page to pay on, or gives the one that is open.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn signup_checkout(&self, ctx: &Context<'_>, input: SignupCheckoutInput) -> Result<SignupCheckoutPayload> {
        let done = at_once(service(ctx).signup_checkout(&input.id, &input.secret, &seen(ctx)).await);
        SignupCheckoutPayload::of(done, |payload, out| {
            let (url, until) = out.page.unzip();
            payload.signup = Some(out.signup.into());
            (payload.url, payload.url_expires_at) = (url, until.map(|at| DateTime(at.0)));
            Ok(())
        })
    }

    /// Makes what was signed up for. Repeated, it gives what was made.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn signup_finish(&self, ctx: &Context<'_>, input: SignupFinishInput) -> Result<SignupFinishPayload> {
        let SignupFinishInput { id, secret, password } = input;
        SignupFinishPayload::object(at_once(service(ctx).signup_finish(&id, &secret, &password, &seen(ctx)).await))
    }

    /// Gives a signup up: its name is free again.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn signup_abandon(&self, ctx: &Context<'_>, input: SignupAbandonInput) -> Result<SignupAbandonPayload> {
        SignupAbandonPayload::object(at_once(service(ctx).signup_abandon(&input.id, &input.secret).await))
    }
}
