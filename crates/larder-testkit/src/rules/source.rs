//! What the rules load from: a source that counts what is asked of it, and keeps loads waiting
//! where it is told to.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use larder_core::{Cache, CacheBuilder, FillContext};
use larder_derive::CacheModel;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::conformance::Harness;

/// What is loaded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "loaded")]
pub(crate) struct Card {
    #[cache(id)]
    pub(crate) id: u64,
    #[cache(index, sort)]
    pub(crate) name: String,
    #[cache(index)]
    pub(crate) team: Option<u32>,
    #[cache(index, sort)]
    pub(crate) version: u64,
}

/// The card of an id, at its first version.
pub(crate) fn card(id: u64) -> Card {
    Card {
        id,
        name: format!("card {id}"),
        team: u32::try_from(id % 3).ok().filter(|team| *team > 0),
        version: 1,
    }
}

/// The same at another version.
pub(crate) fn at(id: u64, version: u64) -> Card {
    Card {
        version,
        ..card(id)
    }
}

/// A cache of cards whose tasks sleep by the store's clock.
pub(crate) fn builder(harness: &Harness) -> CacheBuilder<Card> {
    Cache::builder(Arc::clone(harness.store())).runtime(harness.clock().clone())
}

pub(crate) async fn cards(harness: &Harness) -> Cache<Card> {
    builder(harness).build().await.unwrap()
}

#[derive(Clone)]
pub(crate) struct Source(Arc<Inner>);

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").finish_non_exhaustive()
    }
}

struct Inner {
    cards: Mutex<BTreeMap<u64, Card>>,
    loads: AtomicUsize,
    begun: Semaphore,
    held: AtomicBool,
    gate: Semaphore,
    failing: AtomicBool,
    panicking: AtomicBool,
}

pub(crate) type Work<T> = Pin<Box<dyn Future<Output = Result<T, io::Error>> + Send>>;

impl Source {
    /// The cards with these ids, each at its first version.
    pub(crate) fn of(ids: impl IntoIterator<Item = u64>) -> Self {
        Self(Arc::new(Inner {
            cards: Mutex::new(ids.into_iter().map(|id| (id, card(id))).collect()),
            loads: AtomicUsize::new(0),
            begun: Semaphore::new(0),
            held: AtomicBool::new(false),
            gate: Semaphore::new(0),
            failing: AtomicBool::new(false),
            panicking: AtomicBool::new(false),
        }))
    }

    pub(crate) fn set(&self, card: Card) {
        self.0.cards.lock().insert(card.id, card);
    }

    pub(crate) fn delete(&self, id: u64) {
        self.0.cards.lock().remove(&id);
    }

    /// How many loads have begun.
    pub(crate) fn loads(&self) -> usize {
        self.0.loads.load(Ordering::SeqCst)
    }

    /// From now on loads read and then wait to be let go.
    pub(crate) fn hold(&self) {
        self.0.held.store(true, Ordering::SeqCst);
    }

    /// Lets one load go that waits, or will.
    pub(crate) fn let_go(&self) {
        self.0.gate.add_permits(1);
    }

    /// From now on loads do not wait.
    pub(crate) fn release(&self) {
        self.0.held.store(false, Ordering::SeqCst);
        self.0.gate.add_permits(1_000);
    }

    /// Forgets which loads have begun so far.
    pub(crate) fn forget_begun(&self) {
        self.0.begun.forget_permits(usize::MAX >> 3);
    }

    /// Waits until one more load has begun, and has read.
    pub(crate) async fn begun(&self) {
        self.0.begun.acquire().await.unwrap().forget();
    }

    pub(crate) fn fail(&self, failing: bool) {
        self.0.failing.store(failing, Ordering::SeqCst);
    }

    pub(crate) fn panic(&self, panicking: bool) {
        self.0.panicking.store(panicking, Ordering::SeqCst);
    }

    async fn read<T>(self, read: impl FnOnce(&BTreeMap<u64, Card>) -> T) -> Result<T, io::Error> {
        self.0.loads.fetch_add(1, Ordering::SeqCst);
        let value = read(&self.0.cards.lock());
        self.0.begun.add_permits(1);
        if self.0.held.load(Ordering::SeqCst) {
            self.0.gate.acquire().await.unwrap().forget();
        }
        assert!(
            !self.0.panicking.load(Ordering::SeqCst),
            "as it was told to"
        );
        match self.0.failing.load(Ordering::SeqCst) {
            true => Err(io::Error::other("the source is down")),
            false => Ok(value),
        }
    }

    /// Loads one card.
    pub(crate) fn one(&self) -> impl FnOnce(u64) -> Work<Option<Card>> + Send + 'static {
        let source = self.clone();
        move |id| Box::pin(source.read(move |cards| cards.get(&id).cloned()))
    }

    /// Loads one card, and says something of it first.
    pub(crate) fn one_saying(
        &self,
        say: impl FnOnce(&FillContext<Card>) + Send + 'static,
    ) -> impl FnOnce(u64, FillContext<Card>) -> Work<Option<Card>> + Send + 'static {
        let load = self.one();
        move |id, fill| {
            say(&fill);
            load(id)
        }
    }

    /// Loads those that there are of some cards.
    pub(crate) fn some(&self) -> impl FnOnce(Vec<u64>) -> Work<Vec<Card>> + Send + 'static {
        let source = self.clone();
        move |ids| {
            let read = move |cards: &BTreeMap<u64, Card>| {
                ids.iter().filter_map(|id| cards.get(id).cloned()).collect()
            };
            Box::pin(source.read(read))
        }
    }

    /// Loads all cards that pass a test.
    pub(crate) fn all(
        &self,
        test: impl Fn(&Card) -> bool + Send + 'static,
    ) -> impl FnOnce() -> Work<Vec<Card>> + Send + 'static {
        let source = self.clone();
        move || {
            let read = move |cards: &BTreeMap<u64, Card>| {
                cards.values().filter(|card| test(card)).cloned().collect()
            };
            Box::pin(source.read(read))
        }
    }
}
