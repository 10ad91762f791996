//! SUMMARY    Forgotten passwords, and people who go.

use crate::{
    cost::MUTATION_COST,
    input::DestroyTerms,
    payload::{object_payload, payload},
    people::object::Person,
    types::{actor, seen, service},
};
use async_graphql::{Context, InputObject, Object, Result};
use tenants::{Applied, Done};

#[derive(InputObject)]
pub struct PasswordForgotInput {
    /// The address of a person.
    email: String,
}

#[derive(InputObject)]
pub struct PasswordResetInput {
    /// What was mailed.
    secret: String,
    password: String,
}

#[derive(InputObject)]
pub struct PersonDeleteInput {
    #[graphql(flatten)]
    terms: DestroyTerms,
}

payload!(PasswordForgotPayload, PasswordForgotUserError, PasswordForgotErrorCode, [], {
    /// Whether a person has the address is not told.
    done: bool
});
object_payload!(PasswordResetPayload, PasswordResetUserError, PasswordResetErrorCode, [NotFound], person: Person);
payload!(PersonDeletePayload, PersonDeleteUserError, PersonDeleteErrorCode, [NotFound, StaleObject, LastOwner], { done: bool });

#[derive(Default)]
pub struct PasswordMutation;

fn at_once<T>(result: tenants::Result<T>) -> tenants::Result<Done<T>> {
    result.map(|object| Done { object, applied: Applied::Done })
}

#[Object]
impl PasswordMutation {
    /// Mails a secret for a new password to a person. Needs no token; the same answer after the same time whoever has the address.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn password_forgot(&self, ctx: &Context<'_>, input: PasswordForgotInput) -> Result<PasswordForgotPayload> {
        let done = service(ctx).password_forgot(&input.email, &seen(ctx)).await;
        PasswordForgotPayload::of(at_once(done), |payload, ()| {
            payload.done = true;
            Ok(())
        })
    }

    /// Gives the person of a mailed secret another password; all its sessions end. Needs no token.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn password_reset(&self, ctx: &Context<'_>, input: PasswordResetInput) -> Result<PasswordResetPayload> {
        let done = service(ctx).password_reset(&input.secret, &input.password, &seen(ctx)).await;
        PasswordResetPayload::object(at_once(done))
    }

    /// Deletes the person who asks, with its memberships, factors, links and sessions. The last owner of a tenant hands it over
    /// first, unless somebody else accepted that before the person had proved its address. Who repeats it gets UNAUTHENTICATED,
    /// whatever its key: the token ended with the person.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn person_delete(&self, ctx: &Context<'_>, input: PersonDeleteInput) -> Result<PersonDeletePayload> {
        let done = service(ctx).person_delete(actor(ctx), &input.terms.into()).await;
        PersonDeletePayload::of(done, |payload, _| {
            payload.done = true;
            Ok(())
        })
    }
}
