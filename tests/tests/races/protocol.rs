//! The flight table as the models use it, and the variants of it that have to fail.

use std::future::Future;
use std::sync::Arc;

use crate::model::{Key, Threat, Version};

/// A way to keep a load from storing what a write has overtaken.
pub(crate) trait Protocol: Sized + Send + Sync + 'static {
    type Lead: Send;
    type Follow: Future<Output = Option<Version>> + Send + Unpin;
    type Storing: Send;
    type Writing: Send;
    type Threatening: Send;
    type Batch: Send;
    type BatchStoring: Send;

    fn begin() -> Arc<Self>;

    /// Leads the flight of a key, or follows it.
    fn join(self: &Arc<Self>, key: Key) -> Result<Self::Lead, Self::Follow>;

    /// How many flights are on their way.
    fn live(&self) -> usize;

    /// Leave to store, if there is any.
    fn commit(lead: &Self::Lead, hits: impl FnMut(&Threat) -> bool) -> Option<Self::Storing>;

    fn land(lead: Self::Lead, outcome: Version);

    /// Begins a write, and waits until the store may be told.
    fn write(self: &Arc<Self>, keys: &[Key]) -> impl Future<Output = Self::Writing> + Send;

    /// Begins an invalidation, and waits until the store may be told.
    fn threaten(self: &Arc<Self>, threat: Threat)
    -> impl Future<Output = Self::Threatening> + Send;

    fn batch(self: &Arc<Self>) -> Self::Batch;

    /// Leave to store rows; for each whether there is any.
    fn commit_batch(
        batch: &Self::Batch,
        keys: &[Key],
        hits: impl FnMut(usize, &Threat) -> bool,
    ) -> (Self::BatchStoring, Vec<bool>);
}

macro_rules! protocol {
    ($($module:ident)::+) => {
        const _: () = {
            use std::sync::Arc;

            use $crate::model::{Key, Threat, Version};
            use $($module)::+ as table;

            impl $crate::protocol::Protocol for table::Flights<Key, Version, Threat> {
                type Lead = table::Lead<Key, Version, Threat>;
                type Follow = table::Follow<Version, Threat>;
                type Storing = table::Storing<Key, Version, Threat>;
                type Writing = table::Writing<Key, Version, Threat>;
                type Threatening = table::Threatening<Key, Version, Threat>;
                type Batch = table::Batch<Key, Version, Threat>;
                type BatchStoring = table::Storing<Key, Version, Threat>;

                fn begin() -> Arc<Self> {
                    Arc::default()
                }

                fn join(self: &Arc<Self>, key: Key) -> Result<Self::Lead, Self::Follow> {
                    match Self::join(self, &key, $crate::protocol::MOST) {
                        table::Joined::Lead(lead) => {
                            assert_eq!(*lead.key(), key);
                            // The caller that began the flight waits as the others do.
                            drop(lead.follow());
                            Ok(lead)
                        }
                        table::Joined::Follow(follow) => Err(follow),
                        table::Joined::Full => unreachable!("there is room"),
                    }
                }

                fn live(&self) -> usize {
                    Self::live(self)
                }

                fn commit(
                    lead: &Self::Lead,
                    hits: impl FnMut(&Threat) -> bool,
                ) -> Option<Self::Storing> {
                    lead.commit(hits).ok()
                }

                fn land(lead: Self::Lead, outcome: Version) {
                    lead.land(outcome);
                }

                async fn write(self: &Arc<Self>, keys: &[Key]) -> Self::Writing {
                    let mut writing = Self::write(self, keys.to_vec());
                    writing.ready().await;
                    writing
                }

                async fn threaten(self: &Arc<Self>, threat: Threat) -> Self::Threatening {
                    let mut threatening = Self::threaten(self, threat);
                    threatening.ready().await;
                    threatening
                }

                fn batch(self: &Arc<Self>) -> Self::Batch {
                    Self::batch(self)
                }

                fn commit_batch(
                    batch: &Self::Batch,
                    keys: &[Key],
                    hits: impl FnMut(usize, &Threat) -> bool,
                ) -> (Self::BatchStoring, Vec<bool>) {
                    let (storing, leave) = batch.commit(keys, hits);
                    (storing, leave.iter().map(Result::is_ok).collect())
                }
            }
        };
    };
}
pub(crate) use protocol;

/// More flights than any model has.
pub(crate) const MOST: usize = 100;

/// The table under test: the very source of the library.
pub(crate) type Table = crate::flight::Flights<Key, Version, Threat>;
protocol!(crate::flight);

/// What moka's `get_with` does: loads once for all who wait, and stores what was loaded whatever
/// was written meanwhile.
pub(crate) struct Naive(Arc<Table>);

impl Protocol for Naive {
    type Lead = <Table as Protocol>::Lead;
    type Follow = <Table as Protocol>::Follow;
    type Storing = ();
    type Writing = ();
    type Threatening = ();
    type Batch = ();
    type BatchStoring = ();

    fn begin() -> Arc<Self> {
        Arc::new(Self(Table::begin()))
    }

    fn join(self: &Arc<Self>, key: Key) -> Result<Self::Lead, Self::Follow> {
        Protocol::join(&self.0, key)
    }

    fn live(&self) -> usize {
        Protocol::live(&*self.0)
    }

    fn commit(_: &Self::Lead, _: impl FnMut(&Threat) -> bool) -> Option<()> {
        Some(())
    }

    fn land(lead: Self::Lead, outcome: Version) {
        <Table as Protocol>::land(lead, outcome);
    }

    async fn write(self: &Arc<Self>, _: &[Key]) {}

    async fn threaten(self: &Arc<Self>, _: Threat) {}

    fn batch(self: &Arc<Self>) {}

    fn commit_batch(
        (): &(),
        keys: &[Key],
        _: impl FnMut(usize, &Threat) -> bool,
    ) -> ((), Vec<bool>) {
        ((), vec![true; keys.len()])
    }
}
