//! The rules bite: each of these stores is the reference with one defect, and a rule finds it.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use larder_core::Timestamp;
use larder_core::aggregate::{AggregateQuery, Aggregated};
use larder_core::expr::Expr;
use larder_core::query::{Answer, Query};
use larder_core::store::{
    BoxFuture, CacheStore, Capability, Condition, Fate, Found, Leases, Lifetime, Mark, Model,
    Probe, Put, PutOutcome, Removal, Selection, StoreStats, Want,
};
use larder_core::{Extent, IdKey, Result, Schema, Tags, Total};

use super::{Backend, Boxed, Harness, Need, Setup, check};
use crate::rules;
use crate::{ManualClock, ReferenceStore};

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Defect {
    None,
    IgnoresConditions,
    ForgetsTags,
    LivesForever,
    ExpiresLate,
    SaysNothingIsLeft,
    BringsOneTooFew,
    CountsThePageAlone,
    IgnoresCursors,
    SaysRemovedAlways,
    ForgetsLeftOut,
    MissesAtOnce,
    SaysItIsAnother,
    ClosesNever,
    TakesTheFirstOfABatch,
    ShowsWhatIsStale,
    KeepsNoFallback,
    IgnoresRevisions,
    LeavesNoTombstone,
    RemovesWhatIsToExpire,
    TakesAllForATag,
    EndsNoMark,
    IgnoresGuards,
}

#[derive(Debug)]
struct Broken {
    inner: ReferenceStore,
    capability: Capability,
    defect: Defect,
}

impl Broken {
    fn is(&self, defect: Defect) -> bool {
        self.defect == defect
    }
}

#[deny(clippy::missing_trait_methods)]
impl CacheStore for Broken {
    fn capability(&self) -> &Capability {
        &self.capability
    }

    fn ensure_model<'a>(&'a self, schema: &'a Arc<Schema>) -> BoxFuture<'a, Result<Model>> {
        self.inner.ensure_model(schema)
    }

    fn models(&self) -> Vec<Model> {
        self.inner.models()
    }

    fn now(&self) -> Timestamp {
        self.inner.now()
    }

    fn probe(&self, model: &Model, id: &IdKey, want: Want) -> Probe {
        match self.inner.probe(model, id, want) {
            Probe::Hit(_) | Probe::Live(_) if self.is(Defect::MissesAtOnce) => Probe::Miss,
            probe => probe,
        }
    }

    fn get_many<'a>(
        &'a self,
        model: &'a Model,
        ids: &'a [IdKey],
        want: Want,
    ) -> BoxFuture<'a, Result<Vec<Option<Found>>>> {
        let want = if self.is(Defect::ShowsWhatIsStale) {
            Want::Kept
        } else {
            want
        };
        self.inner.get_many(model, ids, want)
    }

    fn put_many<'a>(
        &'a self,
        model: &'a Model,
        mut puts: Vec<Put>,
    ) -> BoxFuture<'a, Result<Vec<PutOutcome>>> {
        for put in &mut puts {
            let newer = put.condition == Condition::IfNewer;
            match (self.defect, put.lifetime) {
                (Defect::IgnoresConditions, _) => put.condition = Condition::Always,
                (Defect::IgnoresRevisions, _) if newer => put.condition = Condition::Always,
                (Defect::KeepsNoFallback, _) => put.stale_for = None,
                (Defect::IgnoresGuards, _) => put.guard = None,
                (Defect::ForgetsTags, _) => put.tags = Some(Tags::default()),
                (Defect::LivesForever, _) => put.lifetime = Lifetime::Forever,
                (Defect::ExpiresLate, Lifetime::For(ttl)) => {
                    let late = ttl.saturating_add(std::time::Duration::from_millis(1));
                    put.lifetime = Lifetime::For(late);
                }
                _ => {}
            }
        }
        if self.is(Defect::TakesTheFirstOfABatch) {
            puts.reverse();
        }
        self.inner.put_many(model, puts)
    }

    fn remove_many<'a>(
        &'a self,
        model: &'a Model,
        removals: &'a [Removal],
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        Box::pin(async move {
            let mut removals = removals.to_vec();
            for removal in &mut removals {
                match self.defect {
                    Defect::LeavesNoTombstone => removal.tombstone = None,
                    Defect::RemovesWhatIsToExpire => removal.fate = Fate::Remove,
                    _ => {}
                }
            }
            let removed = self.inner.remove_many(model, &removals).await?;
            let always = self.is(Defect::SaysRemovedAlways);
            Ok(removed.into_iter().map(|there| there || always).collect())
        })
    }

    fn touch_many<'a>(
        &'a self,
        model: &'a Model,
        ids: &'a [IdKey],
        lifetime: Lifetime,
    ) -> BoxFuture<'a, Result<Vec<bool>>> {
        self.inner.touch_many(model, ids, lifetime)
    }

    fn query<'a>(&'a self, model: &'a Model, query: &'a Query) -> BoxFuture<'a, Result<Answer>> {
        Box::pin(async move {
            let mut query = query.clone();
            if self.is(Defect::IgnoresCursors) {
                query.after = None;
            }
            let mut answer = self.inner.query(model, &query).await?;
            match self.defect {
                Defect::SaysNothingIsLeft => answer.extent = Extent::Exhausted,
                Defect::BringsOneTooFew => drop(answer.rows.pop()),
                Defect::CountsThePageAlone => {
                    let page = Total::Exact(answer.rows.len() as u64);
                    answer.total = answer.total.map(|_| page);
                }
                _ => {}
            }
            Ok(answer)
        })
    }

    fn aggregate<'a>(
        &'a self,
        model: &'a Model,
        query: &'a AggregateQuery,
    ) -> BoxFuture<'a, Result<Aggregated>> {
        Box::pin(async move {
            let mut aggregated = self.inner.aggregate(model, query).await?;
            if self.is(Defect::ForgetsLeftOut) {
                aggregated.left_out = 0;
            }
            Ok(aggregated)
        })
    }

    fn remove_where<'a>(
        &'a self,
        model: &'a Model,
        selection: &'a Selection,
        fate: Fate,
    ) -> BoxFuture<'a, Result<u64>> {
        let selection = match selection {
            Selection::Tagged(_) if self.is(Defect::TakesAllForATag) => &Selection::All,
            selection => selection,
        };
        self.inner.remove_where(model, selection, fate)
    }

    fn mark<'a>(&'a self, model: &'a Model, expr: &'a Expr) -> BoxFuture<'a, Result<Mark>> {
        self.inner.mark(model, expr)
    }

    fn still<'a>(&'a self, model: &'a Model, mark: &'a Mark) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let still = self.inner.still(model, mark).await?;
            Ok(still || self.is(Defect::EndsNoMark))
        })
    }

    fn leases(&self) -> Option<&dyn Leases> {
        self.inner.leases()
    }

    fn stats<'a>(&'a self, model: &'a Model) -> BoxFuture<'a, Result<StoreStats>> {
        self.inner.stats(model)
    }

    fn close(&self) -> BoxFuture<'_, Result<()>> {
        if self.is(Defect::ClosesNever) {
            return Box::pin(async { Ok(()) });
        }
        self.inner.close()
    }
}

fn broken(defect: Defect, clock: &ManualClock) -> Backend {
    let mut expected = Capability::complete("broken");
    expected.leases = true;
    let mut capability = expected.clone();
    if defect == Defect::SaysItIsAnother {
        capability.name = "another";
    }
    let inner = ReferenceStore::shared(clock.clone());
    let another: larder_core::Store = Arc::new(inner.another());
    let store: larder_core::Store = Arc::new(Broken {
        inner,
        capability,
        defect,
    });
    Backend::new(store, expected).with_another(another)
}

type Rule = fn(Harness) -> Boxed<()>;

fn passes(defect: Defect, rule: Rule) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let clock = ManualClock::default();
    let harness = Harness::new(broken(defect, &clock), clock).expect("a store");
    catch_unwind(AssertUnwindSafe(|| runtime.block_on(rule(harness)))).is_ok()
}

macro_rules! rule {
    ($group:ident::$rule:ident) => {
        |harness| Box::pin(rules::$group::$rule(harness))
    };
}

#[test]
fn each_defect_is_found_by_its_rule_which_the_sound_store_passes() {
    let cases: [(Defect, Rule); 26] = [
        (
            Defect::IgnoresConditions,
            rule!(crud::put_if_absent_stores_only_what_is_not_there),
        ),
        (
            Defect::IgnoresConditions,
            rule!(crud::put_if_version_stores_only_over_that_version),
        ),
        (
            Defect::IgnoresConditions,
            rule!(concurrency::put_if_absent_has_one_winner),
        ),
        (
            Defect::ForgetsTags,
            rule!(crud::tags_are_sorted_replaced_by_put_and_kept_by_update),
        ),
        (Defect::LivesForever, rule!(expiry::a_ttl_of_zero_is_a_miss)),
        (
            Defect::ExpiresLate,
            rule!(expiry::expiry_is_exact_to_the_millisecond),
        ),
        (
            Defect::ExpiresLate,
            rule!(expiry::every_kind_of_read_agrees_on_expiry),
        ),
        (
            Defect::SaysNothingIsLeft,
            rule!(paging::a_page_says_whether_anything_comes_behind_it),
        ),
        (Defect::BringsOneTooFew, rule!(filter::u64_compares_exactly)),
        (
            Defect::BringsOneTooFew,
            rule!(sort::missing_values_come_last_both_ways),
        ),
        (
            Defect::CountsThePageAlone,
            rule!(paging::a_total_counts_all_that_match),
        ),
        (
            Defect::IgnoresCursors,
            rule!(paging::a_cursor_goes_on_where_its_object_is_gone),
        ),
        (
            Defect::SaysRemovedAlways,
            rule!(crud::remove_says_whether_it_was_there),
        ),
        (
            Defect::ForgetsLeftOut,
            rule!(aggregate::facets_say_how_many_values_were_left_out),
        ),
        (
            Defect::MissesAtOnce,
            rule!(capability::a_probe_tells_what_it_may_tell),
        ),
        (
            Defect::SaysItIsAnother,
            rule!(capability::a_store_says_of_itself_what_is_expected_of_it),
        ),
        (
            Defect::ClosesNever,
            rule!(close::a_closed_store_refuses_everything),
        ),
        (
            Defect::TakesTheFirstOfABatch,
            rule!(crud::of_one_id_twice_in_a_batch_the_later_counts),
        ),
        (
            Defect::ShowsWhatIsStale,
            rule!(kept::what_has_expired_is_kept_for_as_long_as_it_was_stored_to_be),
        ),
        (
            Defect::KeepsNoFallback,
            rule!(kept::what_has_expired_is_kept_for_as_long_as_it_was_stored_to_be),
        ),
        (
            Defect::IgnoresRevisions,
            rule!(revisions::if_newer_stores_only_over_what_is_older),
        ),
        (
            Defect::LeavesNoTombstone,
            rule!(revisions::a_tombstone_keeps_what_is_older_from_coming_back),
        ),
        (
            Defect::RemovesWhatIsToExpire,
            rule!(kept::expire_leaves_a_fallback_and_remove_does_not),
        ),
        (
            Defect::TakesAllForATag,
            rule!(tags::removal_by_tag_takes_all_that_have_one),
        ),
        (
            Defect::EndsNoMark,
            rule!(marks::a_mark_ends_where_an_object_that_matches_leaves),
        ),
        (Defect::IgnoresGuards, rule!(leases::a_put_ends_the_lease)),
    ];
    for (defect, rule) in cases {
        assert!(
            passes(Defect::None, rule),
            "a sound store breaks the rule that finds {defect:?}"
        );
        assert!(!passes(defect, rule), "{defect:?} was not found");
    }
}

/// Of a store that can do more than is expected, what is not expected still has to be refused.
#[test]
fn a_need_that_is_denied_has_to_be_unsupported() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let run = |needs: Vec<Need>| {
        let make = |setup: Setup| -> Boxed<Backend> {
            let store: larder_core::Store = Arc::new(ReferenceStore::shared(setup.clock));
            Box::pin(async { Backend::new(store, Capability::objects_only("reference")) })
        };
        let rule: Rule = |_| Box::pin(async {});
        let checked = check(make, "a rule", &needs, rule);
        catch_unwind(AssertUnwindSafe(|| runtime.block_on(checked))).is_ok()
    };
    assert!(run(vec![]));
    for need in Need::ALL {
        assert!(
            !run(vec![need]),
            "{need:?} was answered against the capability"
        );
    }
}
