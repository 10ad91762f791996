//! SUMMARY    Announcements: told to all tenants below, changed, ended; put away by who reads them.

use super::{tenant_id, wanted};
use crate::{
    cost::MUTATION_COST,
    input::{ChangeTerms, CreateTerms},
    payload::{object_payload, payload},
    query::announcement::{Announcement, AnnouncementSeverity},
    scalar::DateTime,
    types::{actor, service},
};
use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result};
use tenants::{AnnouncementPatch, AnnouncementText, NewAnnouncement};

#[derive(InputObject)]
pub struct AnnouncementTextInput {
    /// A tag: `de`, `fr-CH`.
    language: String,
    /// One plain line.
    text: String,
}

impl From<AnnouncementTextInput> for AnnouncementText {
    fn from(t: AnnouncementTextInput) -> Self {
        AnnouncementText { language: t.language, text: t.text }
    }
}

#[derive(InputObject)]
pub struct AnnouncementCreateInput {
    /// Who tells it: all tenants below this one see it.
    tenant_id: ID,
    severity: AnnouncementSeverity,
    /// One for each language; the first one is for who reads none of the others.
    texts: Vec<AnnouncementTextInput>,
    /// Now, when missing.
    starts_at: Option<DateTime>,
    /// It stays until somebody ends it, when missing.
    ends_at: Option<DateTime>,
    /// Whether each person may put it away.
    #[graphql(default = true)]
    dismissible: bool,
    #[graphql(flatten)]
    terms: CreateTerms,
}

#[derive(InputObject)]
pub struct AnnouncementUpdateInput {
    id: ID,
    severity: Option<AnnouncementSeverity>,
    /// All of them. With other texts, or another severity, whoever put it away sees it again.
    texts: Option<Vec<AnnouncementTextInput>>,
    starts_at: Option<DateTime>,
    /// null: until somebody ends it.
    ends_at: MaybeUndefined<DateTime>,
    dismissible: Option<bool>,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

#[derive(InputObject)]
pub struct AnnouncementEndInput {
    id: ID,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

#[derive(InputObject)]
pub struct AnnouncementDismissInput {
    id: ID,
    #[graphql(flatten)]
    terms: ChangeTerms,
}

object_payload!(
    AnnouncementCreatePayload, AnnouncementCreateUserError, AnnouncementCreateErrorCode, [NotFound, LimitReached],
    announcement: Announcement
);
object_payload!(
    AnnouncementUpdatePayload, AnnouncementUpdateUserError, AnnouncementUpdateErrorCode, [NotFound, StaleObject],
    announcement: Announcement
);
object_payload!(
    AnnouncementEndPayload, AnnouncementEndUserError, AnnouncementEndErrorCode, [NotFound, StaleObject],
    announcement: Announcement
);
object_payload!(
    AnnouncementDismissPayload, AnnouncementDismissUserError, AnnouncementDismissErrorCode, [NotFound, StaleObject],
    announcement: Announcement
);

#[derive(Default)]
pub struct AnnouncementMutation;

#[Object]
impl AnnouncementMutation {
    /// Tells something to all tenants below one; what the provider tells, also to who has not signed in.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn announcement_create(
        &self,
        ctx: &Context<'_>,
        input: AnnouncementCreateInput,
    ) -> Result<AnnouncementCreatePayload> {
        let AnnouncementCreateInput { tenant_id: of, severity, texts, starts_at, ends_at, dismissible, terms } = input;
        let done = async {
            let new = NewAnnouncement {
                tenant: tenant_id(&of)?,
                severity: severity.into(),
                texts: texts.into_iter().map(Into::into).collect(),
                starts_at_ms: starts_at.map(|at| at.0),
                ends_at_ms: ends_at.map(|at| at.0),
                dismissible,
            };
            service(ctx).announcement_create(actor(ctx), &terms.into(), &new).await
        };
        AnnouncementCreatePayload::object(done.await)
    }

    /// Changes one.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn announcement_update(
        &self,
        ctx: &Context<'_>,
        input: AnnouncementUpdateInput,
    ) -> Result<AnnouncementUpdatePayload> {
        let AnnouncementUpdateInput { id, severity, texts, starts_at, ends_at, dismissible, terms } = input;
        let patch = AnnouncementPatch {
            severity: severity.map(Into::into),
            texts: texts.map(|texts| texts.into_iter().map(Into::into).collect()),
            starts_at_ms: starts_at.map(|at| at.0),
            ends_at_ms: wanted(ends_at).map(|end| end.map(|at| at.0)),
            dismissible,
        };
        let done = service(ctx).announcement_update(actor(ctx), &terms.into(), &id, &patch).await;
        AnnouncementUpdatePayload::object(done)
    }

    /// Ends one now.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn announcement_end(&self, ctx: &Context<'_>, input: AnnouncementEndInput) -> Result<AnnouncementEndPayload> {
        let done = service(ctx).announcement_end(actor(ctx), &input.terms.into(), &input.id).await;
        AnnouncementEndPayload::object(done)
    }

    /// Puts one away for the person, or the user of a mailbox, who signed in.
    #[graphql(complexity = "MUTATION_COST + child_complexity")]
    async fn announcement_dismiss(
        &self,
        ctx: &Context<'_>,
        input: AnnouncementDismissInput,
    ) -> Result<AnnouncementDismissPayload> {
        let done = service(ctx).announcement_dismiss(actor(ctx), &input.terms.into(), &input.id).await;
        AnnouncementDismissPayload::object(done)
    }
}
