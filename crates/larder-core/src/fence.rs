//! Fences: nothing of some ids is cached while their source is about to change.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::cache::Cache;
use crate::error::{Error, Result};
use crate::id::{IdKey, IdLike};
use crate::load::Disturbance;
use crate::model::CacheModel;
use crate::runtime::Runtime;
use crate::store::{CacheStore, Removal, Token};

impl<M: CacheModel> Cache<M> {
    /// Puts up a fence before these ids: what is cached of them is removed, and nothing that is
    /// loaded is stored until the fence is lifted, here and in every program that shares the
    /// store. For the time of a transaction: put it up before the commit, lift it behind.
    ///
    /// Each fence is its writer's own; one who lifts his does not lift another's. Should this
    /// program end in between, the ids stay uncached until `lifetime` is over, and are right again
    /// then: it has to be longer than the transaction can take.
    ///
    /// # Errors
    /// `InvalidConfig` for a lifetime below a millisecond, or without an executor to end it; those
    /// of the store, without a fence.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, this may leave a fence until its lifetime is over.
    pub async fn fence<'q, Q: IdLike<M::Id> + ?Sized + 'q>(
        &self,
        ids: impl IntoIterator<Item = &'q Q>,
        lifetime: Duration,
    ) -> Result<Fence<M>> {
        if lifetime < Duration::from_millis(1) {
            return Err(Error::invalid_config(
                "a fence lives at least a millisecond, and longer than its transaction",
            ));
        }
        let ids: Vec<IdKey> = ids.into_iter().map(IdLike::key).collect();
        let runtime = self.runtime()?;
        let here = self.loads().write(ids.clone(), true).await;
        let mut fence = Fence {
            cache: self.clone(),
            ids,
            token: Token::random(),
            lifetime,
            runtime,
            here: Some(here),
        };
        let (store, model) = (self.store(), self.model());
        let raised = match store.leases() {
            Some(leases) => {
                let raised = leases.fence_many(model, &fence.ids, fence.token, lifetime);
                raised.await
            }
            None => {
                let mut removals: Vec<Removal> =
                    fence.ids.iter().cloned().map(Removal::new).collect();
                let told = self.before_removal(&mut removals, Vec::new());
                match store.remove_many(model, &removals).await {
                    Ok(_) => told.removed().await,
                    Err(error) => Err(error),
                }
            }
        };
        if raised.is_err() {
            // Nothing relies on it.
            fence.here = None;
        }
        raised.map(|()| fence)
    }
}

/// A fence before some ids. Lift it once the transaction is over, committed or not.
///
/// Dropped instead, it stays for the rest of its lifetime: whether the transaction was committed,
/// nobody knows then.
#[must_use = "a fence that is dropped stays until its lifetime is over"]
pub struct Fence<M: CacheModel> {
    cache: Cache<M>,
    ids: Vec<IdKey>,
    token: Token,
    lifetime: Duration,
    runtime: Arc<dyn Runtime>,
    here: Option<Disturbance>,
}

impl<M: CacheModel> fmt::Debug for Fence<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fence")
            .field("ids", &self.ids)
            .finish_non_exhaustive()
    }
}

impl<M: CacheModel> Fence<M> {
    /// Takes the fence down, and removes what may have been written behind it.
    ///
    /// # Errors
    /// Those of the store; then the fence stays until its lifetime is over.
    pub async fn lift(mut self) -> Result<()> {
        let mut removals: Vec<Removal> = self
            .ids
            .iter()
            .map(|id| Removal {
                fence: Some(self.token),
                ..Removal::new(id.clone())
            })
            .collect();
        let cache = self.cache.clone();
        let told = cache.before_removal(&mut removals, Vec::new());
        cache.store().remove_many(cache.model(), &removals).await?;
        self.here = None;
        told.removed().await
    }
}

impl<M: CacheModel> Drop for Fence<M> {
    fn drop(&mut self) {
        if let Some(here) = self.here.take() {
            let end = self.runtime.sleep(self.lifetime);
            self.runtime.spawn(Box::pin(async move {
                end.await;
                drop(here);
            }));
        }
    }
}
