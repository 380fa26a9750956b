//! How the rules are run: a maker of stores, what a store is expected to be able to do, and the
//! macro that makes a test of each rule.

use std::future::Future;
use std::io::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use larder_core::store::{Content, Guard, Put, Token};
use larder_core::{
    Aggregate, Cache, CacheModel, CacheStore, Capability, Condition, Error, ErrorKind, Filter,
    GeoPoint, Id as _, PutOptions, Result, Store,
};
use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

use crate::clock::ManualClock;
use crate::watchdog::Watchdog;

/// How long a rule may take before its process is ended with a message. None takes a hundredth
/// of it; this is for a store that blocks for good.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a maker is given to make one store from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Setup {
    /// The clock that the store has to take the time from.
    pub clock: ManualClock,
    /// A name that no other rule of this backend has: for stores that share a server.
    pub namespace: String,
}

/// An empty store, and what it has to be able to do.
#[derive(Clone, Debug)]
pub struct Backend(Option<Harness>);

impl Backend {
    /// The store, with its capability written down once more by whoever tests it, so that a store
    /// cannot lower its own bar.
    pub fn new(store: impl Into<Store>, expected: Capability) -> Self {
        Self(Some(Harness {
            store: store.into(),
            another: None,
            clock: ManualClock::default(),
            expected,
        }))
    }

    /// And what another program sees that has opened the same store: of each that has leases.
    #[must_use]
    pub fn with_another(self, another: impl Into<Store>) -> Self {
        Self(self.0.map(|harness| Harness {
            another: Some(another.into()),
            ..harness
        }))
    }

    /// No store: the rule is left out, where whoever runs the tests has asked for that. Say so on
    /// standard error.
    pub fn left_out() -> Self {
        Self(None)
    }
}

/// What a rule is run on: a store of its own, the store's clock, and what to expect.
#[derive(Clone, Debug)]
pub struct Harness {
    store: Store,
    another: Option<Store>,
    clock: ManualClock,
    expected: Capability,
}

impl Harness {
    /// The harness of a backend whose store takes the time from `clock`; `None` of one that is
    /// left out.
    pub fn new(backend: Backend, clock: ManualClock) -> Option<Self> {
        let harness = backend.0?;
        Some(Self { clock, ..harness })
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The harness of another program that has opened the same store.
    ///
    /// # Panics
    /// If the backend has none: see [`Backend::with_another`].
    #[must_use]
    pub fn another(&self) -> Self {
        let Some(store) = self.another.clone() else {
            panic!("a store with leases is tested by two programs: `Backend::with_another`");
        };
        Self {
            store,
            ..self.clone()
        }
    }

    /// The store's clock.
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// What the store has to be able to do.
    pub fn expected(&self) -> &Capability {
        &self.expected
    }

    /// The cache of a model on the store.
    ///
    /// # Panics
    /// If the store refuses the model.
    pub async fn cache<M: CacheModel>(&self) -> Cache<M> {
        match Cache::builder(Arc::clone(&self.store)).build().await {
            Ok(cache) => cache,
            Err(error) => panic!("the store refuses the model `{}`: {error}", M::NAME),
        }
    }

    /// The same store behind a box and two more pointers.
    #[must_use]
    pub fn wrapped(self) -> Self {
        let boxed: Box<dyn CacheStore> = Box::new(self.store);
        Self {
            store: Arc::new(Arc::new(boxed)),
            ..self
        }
    }
}

/// Something that a rule needs of a store and that a store may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// Filters, sorts and pages.
    Query,
    /// Conditions on words.
    Text,
    /// `within` under `&`.
    Geo,
    /// `within` under `|` and `!`.
    GeoAnywhere,
    /// Facets and other aggregates.
    Aggregate,
    /// Writes on condition.
    ConditionalPut,
    /// Leases, and what is stored under them.
    Leases,
}

#[derive(Clone, Debug, Serialize, Deserialize, CacheModel)]
#[cache(name = "asked")]
struct Asked {
    #[cache(id)]
    id: u64,
    #[cache(index, text)]
    word: String,
    #[cache(geo)]
    place: Option<GeoPoint>,
}

impl Need {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Query,
        Self::Text,
        Self::Geo,
        Self::GeoAnywhere,
        Self::Aggregate,
        Self::ConditionalPut,
        Self::Leases,
    ];

    /// Whether a store with this capability has it.
    pub fn is_met_by(self, capability: &Capability) -> bool {
        match self {
            Self::Query => capability.query,
            Self::Text => capability.query && capability.text,
            Self::Geo => capability.query && capability.geo,
            Self::GeoAnywhere => capability.query && capability.geo_anywhere,
            Self::Aggregate => capability.aggregate,
            Self::ConditionalPut => capability.conditional_put,
            Self::Leases => capability.leases,
        }
    }

    /// Asks the store for it, in a way that every store which has it can answer.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn ask(self, harness: &Harness) -> Result<()> {
        let cache = harness.cache::<Asked>().await;
        let here = GeoPoint::new(51.3, 12.4);
        match self {
            Self::Query => drop(cache.find(|a| a.word.eq("x")).fetch().await?),
            Self::Text => drop(cache.find(|a| a.word.matches("x")).fetch().await?),
            Self::Geo => drop(cache.find(|a| a.place.within(here, 1.0)).fetch().await?),
            Self::GeoAnywhere => {
                drop(cache.find(|a| !a.place.within(here, 1.0)).fetch().await?);
            }
            Self::Aggregate => {
                drop(
                    cache
                        .find(|_| Filter::all())
                        .aggregate(|a| Aggregate::new().group_by(a.word))
                        .await?,
                );
            }
            Self::ConditionalPut => {
                let object = Asked {
                    id: 1,
                    word: "x".to_owned(),
                    place: None,
                };
                let options = PutOptions::default().with_condition(Condition::IfAbsent);
                cache.put_with(object, options).await?;
            }
            Self::Leases => {
                let mut put = Put::new(1_u64.to_key(), Content::Absent);
                put.guard = Some(Guard::Lease(Token::random()));
                let store = harness.store();
                drop(store.put_many(cache.model(), vec![put]).await?);
            }
        }
        Ok(())
    }

    /// Asks the store for what it lacks, and for nothing but an `Unsupported` error.
    ///
    /// # Panics
    /// If it answers anything else.
    pub async fn must_be_unsupported(self, harness: &Harness) {
        let answer = self.ask(harness).await;
        assert_eq!(
            answer.as_ref().map_err(Error::kind),
            Err(ErrorKind::Unsupported),
            "{self:?} is denied by the capability, so asking for it has to answer `Unsupported`: {answer:?}"
        );
    }
}

/// A future on the heap: what makers and rules are to [`check`], so that it is compiled once and
/// not for each of the two together.
pub type Boxed<T> = Pin<Box<dyn Future<Output = T>>>;

/// Makes a store and runs a rule on it; where the store lacks what the rule needs, checks that it
/// says so instead. What the tests of [`conformance!`](crate::conformance) call.
///
/// # Panics
/// If the store breaks the rule. A rule that does not end within minutes ends the process.
pub async fn check(
    make: fn(Setup) -> Boxed<Backend>,
    name: &'static str,
    needs: &[Need],
    rule: fn(Harness) -> Boxed<()>,
) {
    let _watchdog = Watchdog::new(PATIENCE, move || {
        let message = format!("the rule {name} does not end: the store blocks its caller\n");
        drop(std::io::stderr().write_all(message.as_bytes()));
        std::process::abort();
    });
    let setup = Setup {
        clock: ManualClock::default(),
        namespace: name.replace("::", "-"),
    };
    let clock = setup.clock.clone();
    let Some(harness) = Harness::new(make(setup).await, clock) else {
        return;
    };
    for need in needs {
        if !need.is_met_by(&harness.expected) {
            return need.must_be_unsupported(&harness).await;
        }
    }
    rule(harness).await;
}

/// Makes a test of each conformance rule for one backend.
///
/// `conformance!(mine)` takes an async function `mine(Setup) -> Backend` that stands beside it
/// and makes a module of the same name, with a module a group and a `#[tokio::test]` a rule. The
/// crate needs `tokio` with its features `macros` and `rt`.
///
/// ```
/// use std::sync::Arc;
/// use larder_core::{Capability, Store};
/// use larder_testkit::{Backend, ReferenceStore, Setup};
///
/// async fn reference(setup: Setup) -> Backend {
///     let store: Store = Arc::new(ReferenceStore::new(setup.clock));
///     // Not `store.capability()`: what is expected is written down once more.
///     Backend::new(store, Capability::complete("reference"))
/// }
/// larder_testkit::conformance!(reference);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! conformance {
    ($make:ident) => {
        $crate::__rules! { __conformance_tests $make }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    ($make:ident $($group:ident { $($rule:ident $(($($need:ident),+))?),+ $(,)? })+) => {
        mod $make {
            $(mod $group {
                $(
                    #[::tokio::test]
                    async fn $rule() {
                        $crate::check(
                            |setup| ::std::boxed::Box::pin(super::super::$make(setup)),
                            concat!(stringify!($make), "::", stringify!($group), "::", stringify!($rule)),
                            &[$($($crate::Need::$need),+)?],
                            |harness| ::std::boxed::Box::pin($crate::rules::$group::$rule(harness)),
                        )
                        .await;
                    }
                )+
            })+
        }
    };
}

#[cfg(test)]
mod tests;
