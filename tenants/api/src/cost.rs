//! SUMMARY    What a request costs: bounded for each, and by a leaky bucket for each token, tenant and client address.
//! SECURITY   The cost is known before anything runs: pages count with their size, bulks with their items.
//! LIMITS     QUERY_COST_MAX, QUERY_DEPTH_MAX, QUERY_ALIASES_MAX, PAGE_ITEMS_MAX, TOKEN_COST_MAX, TENANT_COST_MAX,
//!            OPERATOR_COST_MAX, ADDRESS_COST_MAX, BUCKETS_MAX
//! INVARIANTS Every answer to a valid request says in `extensions.cost` what it was taken for, what it cost and what is left. What a
//!            page did not have comes back: an empty list costs what it asks for one item only while it is read.

use crate::failure::top_level;
use async_graphql::{
    Context, Pos, Request, Response, SelectionField, ServerError, ServerResult, ValidationResult, Variables,
    async_trait::async_trait,
    extensions::{
        Extension, ExtensionContext, ExtensionFactory, NextParseQuery, NextPrepareRequest, NextRequest, NextValidation,
    },
    parser::types::{ExecutableDocument, Selection, SelectionSet},
    value,
};
use base::Timestamp;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tenants::{Actor, Service};

/// Items of one page, ids of one `nodes`.
pub(crate) const PAGE_ITEMS_MAX: u32 = 100;
/// Levels of a query; the introspection of GraphiQL needs 14.
pub(crate) const QUERY_DEPTH_MAX: usize = 16;
/// Cost of one request.
pub(crate) const QUERY_COST_MAX: usize = 5_000;
/// Aliased fields of one document.
pub(crate) const QUERY_ALIASES_MAX: usize = 50;
/// Nesting that the parser follows.
pub(crate) const QUERY_RECURSION_MAX: usize = 24;
/// Directives on one field.
pub(crate) const QUERY_DIRECTIVES_MAX: usize = 10;
/// Cost of the records, keys or notices of one domain.
pub(crate) const RECORDS_COST: usize = 5;
/// Cost of a mutation, with that of the fields asked for.
pub(crate) const MUTATION_COST: usize = 10;
/// What a token may spend at once, and what comes back in a second.
pub(crate) const TOKEN_COST_MAX: u32 = 20_000;
pub(crate) const TOKEN_COST_PER_SECOND: u32 = 500;
/// What all tokens of a tenant may spend at once, and what comes back in a second.
pub(crate) const TENANT_COST_MAX: u32 = 50_000;
pub(crate) const TENANT_COST_PER_SECOND: u32 = 1_000;
/// The same for an operator's token and for the provider's tenant: customers are made with them.
pub(crate) const OPERATOR_COST_MAX: u32 = 100_000;
pub(crate) const OPERATOR_COST_PER_SECOND: u32 = 10_000;
/// What one client address may spend at once, whatever its tokens, and what comes back in a second: more than a tenant, since a
/// hosting company's systems, or a network behind one address, act for many.
pub(crate) const ADDRESS_COST_MAX: u32 = 500_000;
pub(crate) const ADDRESS_COST_PER_SECOND: u32 = 50_000;
/// Buckets that are kept; beyond, full ones are forgotten.
const BUCKETS_MAX: usize = 100_000;

/// Cost of a file that is read as a whole.
pub(crate) const FILE_COST: usize = 100;

/// Cost of a page: that of an item as often as there may be items.
pub(crate) fn page_cost(first: Option<u32>, last: Option<u32>, item: usize) -> usize {
    let items = first.or(last).unwrap_or(1).max(1) as usize;
    items.saturating_mul(item).saturating_add(1)
}

/// Cost of a bulk: that of a mutation as often as there are items.
pub(crate) fn bulk_cost(items: usize, child: usize) -> usize {
    items.saturating_mul(MUTATION_COST).saturating_add(MUTATION_COST).saturating_add(child)
}

/// A bucket that fills by time; thousandths, so that a millisecond fills it by whole numbers.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: i64,
    at: Timestamp,
}

/// What a bucket holds and how fast it fills.
#[derive(Debug, Clone, Copy)]
struct Rate {
    max: u32,
    per_second: u32,
}

const TOKEN: Rate = Rate { max: TOKEN_COST_MAX, per_second: TOKEN_COST_PER_SECOND };
const ADDRESS: Rate = Rate { max: ADDRESS_COST_MAX, per_second: ADDRESS_COST_PER_SECOND };
const TENANT: Rate = Rate { max: TENANT_COST_MAX, per_second: TENANT_COST_PER_SECOND };
const OPERATOR: Rate = Rate { max: OPERATOR_COST_MAX, per_second: OPERATOR_COST_PER_SECOND };

impl Rate {
    /// What a bucket holds now.
    fn left(self, known: Option<&Bucket>, at: Timestamp) -> i64 {
        let max = i64::from(self.max) * 1_000;
        let grown = |b: &Bucket| {
            let millis = i64::try_from(at.since(b.at).as_millis()).unwrap_or(i64::MAX);
            b.left.saturating_add(millis.saturating_mul(self.per_second.into())).min(max)
        };
        known.map_or(max, grown)
    }

    /// Whole seconds until what is left is enough.
    fn wait(self, left: i64, cost: i64) -> i64 {
        let per_second = i64::from(self.per_second) * 1_000;
        (cost - left + per_second - 1).div_euclid(per_second).max(0)
    }
}

/// The buckets of tokens and tenants of this process.
#[derive(Default)]
pub(crate) struct Buckets(Mutex<HashMap<String, Bucket>>);

impl Buckets {
    /// Takes a cost from all buckets of an actor, or says the seconds to wait.
    pub(crate) fn take(&self, actor: &Actor, cost: usize, at: Timestamp) -> Result<(), i64> {
        self.spend(Self::of(actor), cost, at)
    }

    /// The buckets of an actor.
    fn of(actor: &Actor) -> Vec<(String, Rate)> {
        let (token, tenant) = if actor.is_operator() { (OPERATOR, OPERATOR) } else { (TOKEN, TENANT) };
        let mut keys = vec![(actor.name().to_owned(), token)];
        // Whoever has not said who it is has its own bucket by its address.
        if actor.is_somebody() {
            keys.push((actor.tenant().to_string(), tenant));
            if !actor.address().is_empty() {
                keys.push((actor.address().to_owned(), ADDRESS));
            }
        }
        keys
    }

    /// Gives back what of a cost that was taken had nothing to pay for: what is left then in the lesser bucket.
    fn give_back(&self, actor: &Actor, cost: usize, at: Timestamp) -> i64 {
        let cost = i64::from(u32::try_from(cost).unwrap_or(u32::MAX)) * 1_000;
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lefts = Self::of(actor).into_iter().filter_map(|(key, rate)| {
            let known = buckets.get_mut(&key)?;
            let left = rate.left(Some(known), at).saturating_add(cost).min(i64::from(rate.max) * 1_000);
            *known = Bucket { left, at };
            Some(left)
        });
        lefts.min().unwrap_or(0) / 1_000
    }

    /// Takes a cost from all of some buckets, or from none.
    fn spend(&self, keys: Vec<(String, Rate)>, cost: usize, at: Timestamp) -> Result<(), i64> {
        let cost = i64::from(u32::try_from(cost).unwrap_or(u32::MAX)) * 1_000;
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS_MAX {
            buckets.retain(|_, b| at.since(b.at).as_secs() < u64::from(TENANT_COST_MAX / TENANT_COST_PER_SECOND));
        }
        let now: Vec<_> = keys
            .into_iter()
            .map(|(key, rate)| {
                let left = rate.left(buckets.get(&key), at);
                (key, rate.wait(left, cost), left - cost)
            })
            .collect();
        let wait = now.iter().map(|(_, wait, _)| *wait).max().unwrap_or(0);
        if wait > 0 {
            return Err(wait);
        }
        for (key, _, left) in now {
            buckets.insert(key, Bucket { left, at });
        }
        Ok(())
    }
}

/// What the pages of one request were paid for and did not have.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unspent(Arc<AtomicUsize>);

impl Unspent {
    fn add(&self, cost: usize) {
        self.0.fetch_add(cost, Ordering::Relaxed);
    }

    fn all(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// What an item of a page costs at least, and where it is told that there were fewer.
pub(crate) struct Paid {
    item: usize,
    items: usize,
    unspent: Unspent,
}

impl Paid {
    /// For a page of so many items. A field counts as one, also where `complexity` has it dearer: more than was taken never comes back.
    pub(crate) fn of(ctx: &Context<'_>, items: usize) -> Option<Paid> {
        let unspent = ctx.data_opt::<Unspent>()?.clone();
        Some(Paid { item: fields(ctx.field()), items, unspent })
    }

    /// The page has so many.
    pub(crate) fn had(&self, items: usize) {
        self.unspent.add(self.items.saturating_sub(items).saturating_mul(self.item));
    }
}

/// The fields below a field that are paid for: `__typename` is not.
fn fields(field: SelectionField<'_>) -> usize {
    field.selection_set().filter(|below| below.name() != "__typename").map(|below| 1 + fields(below)).sum()
}

/// Counts, bounds and reports the cost of requests.
pub(crate) struct CostCounter;

impl ExtensionFactory for CostCounter {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Count::default())
    }
}

#[derive(Clone, Default)]
struct Spent {
    requested: usize,
    depth: usize,
    /// Whose buckets it was taken from; `None` where it was not.
    payer: Option<Actor>,
}

#[derive(Default)]
struct Count {
    spent: Mutex<Option<Spent>>,
    unspent: Unspent,
}

#[async_trait]
impl Extension for Count {
    async fn request(&self, ctx: &ExtensionContext<'_>, next: NextRequest<'_>) -> Response {
        let response = next.run(ctx).await;
        let spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Spent { requested, depth, payer }) = spent else { return response };
        let unspent = self.unspent.all().min(requested);
        let left = match (payer, ctx.data_opt::<Buckets>(), ctx.data_opt::<Arc<Service>>()) {
            (Some(actor), Some(buckets), Some(service)) => Some(buckets.give_back(&actor, unspent, service.now())),
            _ => None,
        };
        response.extension(
            "cost",
            value!({
                "requested": requested, "spent": requested - unspent, "max": QUERY_COST_MAX, "depth": depth,
                "left": left, "perSecond": TOKEN_COST_PER_SECOND,
            }),
        )
    }

    async fn prepare_request(
        &self,
        ctx: &ExtensionContext<'_>,
        request: Request,
        next: NextPrepareRequest<'_>,
    ) -> ServerResult<Request> {
        next.run(ctx, request.data(self.unspent.clone())).await
    }

    async fn parse_query(
        &self,
        ctx: &ExtensionContext<'_>,
        query: &str,
        variables: &Variables,
        next: NextParseQuery<'_>,
    ) -> ServerResult<ExecutableDocument> {
        let document = next.run(ctx, query, variables).await?;
        let operations = document.operations.iter().map(|(_, o)| &o.node.selection_set.node);
        let fragments = document.fragments.values().map(|f| &f.node.selection_set.node);
        let aliases: usize = operations.chain(fragments).map(aliases).sum();
        if aliases > QUERY_ALIASES_MAX {
            return Err(over("QUERY_ALIASES_MAX", aliases, QUERY_ALIASES_MAX));
        }
        Ok(document)
    }

    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let valid = next.run(ctx).await?;
        let mut spent = Spent { requested: valid.complexity, depth: valid.depth, payer: None };
        let checked = check(ctx, &mut spent);
        *self.spent.lock().unwrap_or_else(PoisonError::into_inner) = Some(spent);
        checked.map_err(|e| vec![e]).map(|()| valid)
    }
}

fn check(ctx: &ExtensionContext<'_>, spent: &mut Spent) -> ServerResult<()> {
    if spent.depth > QUERY_DEPTH_MAX {
        return Err(over("QUERY_DEPTH_MAX", spent.depth, QUERY_DEPTH_MAX));
    }
    if spent.requested > QUERY_COST_MAX {
        return Err(over("QUERY_COST_MAX", spent.requested, QUERY_COST_MAX));
    }
    let (Some(buckets), Some(actor), Some(service)) =
        (ctx.data_opt::<Buckets>(), ctx.data_opt::<Actor>(), ctx.data_opt::<Arc<Service>>())
    else {
        return Ok(());
    };
    match buckets.take(actor, spent.requested, service.now()) {
        Ok(()) => {
            spent.payer = Some(actor.clone());
            Ok(())
        }
        Err(seconds) => {
            let message = format!("Too much at once: try again in {seconds} s");
            let mut error = top_level("THROTTLED", message).into_server_error(Pos::default());
            error.extensions.get_or_insert_default().set("retryAfterSeconds", seconds);
            Err(error)
        }
    }
}

pub(crate) fn over(limit: &str, asked: usize, max: usize) -> ServerError {
    top_level("LIMIT", format!("The query has {asked} of at most {max} (limit {limit})"))
        .into_server_error(Pos::default())
}

/// Aliased fields; the parser bounds the nesting.
fn aliases(set: &SelectionSet) -> usize {
    let of = |selection: &Selection| match selection {
        Selection::Field(f) => usize::from(f.node.alias.is_some()) + aliases(&f.node.selection_set.node),
        Selection::InlineFragment(f) => aliases(&f.node.selection_set.node),
        Selection::FragmentSpread(_) => 0,
    };
    set.items.iter().map(|s| of(&s.node)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_bucket_of_its_own_whatever_its_tokens() {
        let buckets = Buckets::default();
        let mut at = Timestamp(1_000_000);
        let spend = |n: u32, from: &str, at| {
            let keys = vec![(format!("tok_{n}"), TOKEN), (format!("ten_{n}"), TENANT), (from.to_owned(), ADDRESS)];
            buckets.spend(keys, TOKEN_COST_MAX as usize, at)
        };
        let whole = ADDRESS_COST_MAX / TOKEN_COST_MAX;
        for n in 0..whole {
            assert!(spend(n, "192.0.2.1", at).is_ok(), "{n}");
        }
        assert_eq!(spend(whole, "192.0.2.1", at), Err(1), "another token of another tenant, but from there");
        assert!(spend(whole, "192.0.2.2", at).is_ok(), "a refused request has spent nothing of the others");
        at = at.plus(std::time::Duration::from_secs(1));
        assert!(spend(whole + 1, "192.0.2.1", at).is_ok());
    }
}
