//! Changes of rows in the source, as whoever made them tells a cache.

use std::fmt;
use std::sync::Arc;

use crate::cache::Cache;
use crate::deps::Side;
use crate::document::Document;
use crate::error::Result;
use crate::id::{IdKey, IdLike};
use crate::model::CacheModel;
use crate::schema::Schema;
use crate::store::Removal;

/// What a write to the source did to one row, as far as who tells it knows. Whatever is not known
/// may have been anything.
pub struct RowChange<M> {
    pub(crate) key: IdKey,
    pub(crate) before: Row<M>,
    pub(crate) after: Row<M>,
}

/// A row on one side of a change.
pub(crate) enum Row<M> {
    Unknown,
    Absent,
    Is(Arc<M>),
}

impl<M> Clone for RowChange<M> {
    fn clone(&self) -> Self {
        Self {
            key: self.key.clone(),
            before: self.before.clone(),
            after: self.after.clone(),
        }
    }
}

impl<M> Clone for Row<M> {
    fn clone(&self) -> Self {
        match self {
            Self::Unknown => Self::Unknown,
            Self::Absent => Self::Absent,
            Self::Is(row) => Self::Is(Arc::clone(row)),
        }
    }
}

impl<M> fmt::Debug for RowChange<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowChange")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl<M: CacheModel> RowChange<M> {
    /// The row with this id was changed, to something or to nothing.
    pub fn of<Q: IdLike<M::Id> + ?Sized>(id: &Q) -> Self {
        Self {
            key: id.key(),
            before: Row::Unknown,
            after: Row::Unknown,
        }
    }

    /// A row was inserted that was not there before.
    pub fn inserted(row: impl Into<Arc<M>>) -> Self {
        Self {
            before: Row::Absent,
            ..Self::saved(row)
        }
    }

    /// This is what a row is now; what it was is not known.
    pub fn saved(row: impl Into<Arc<M>>) -> Self {
        let row = row.into();
        Self {
            key: row.id_key(),
            before: Row::Unknown,
            after: Row::Is(row),
        }
    }

    /// The row with this id was deleted.
    pub fn deleted<Q: IdLike<M::Id> + ?Sized>(id: &Q) -> Self {
        Self {
            after: Row::Absent,
            ..Self::of(id)
        }
    }

    /// What the row was before.
    #[must_use]
    pub fn from_row(mut self, before: impl Into<Arc<M>>) -> Self {
        self.before = Row::Is(before.into());
        self
    }
}

impl<M: CacheModel> Cache<M> {
    /// Removes what is cached of rows that were changed in their source; says how many objects that
    /// were. As [`remove_many`](Self::remove_many), with what is known of each change: pages die
    /// of it that depend on the row, before or after, and no others.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn changed(&self, changes: impl IntoIterator<Item = RowChange<M>>) -> Result<u64> {
        let (removals, known) = changes
            .into_iter()
            .map(|change| {
                let schema = self.schema();
                let known = (change.before.side(schema), change.after.side(schema));
                (Removal::new(change.key), known)
            })
            .unzip();
        self.remove_known(removals, known).await
    }
}

impl<M: CacheModel> Row<M> {
    /// What is known of it; a row that no index can hold is as good as unknown.
    fn side(&self, schema: &Schema) -> Option<Side> {
        match self {
            Self::Unknown => None,
            Self::Absent => Some(Side::Absent),
            Self::Is(row) => Document::of(schema, &**row).ok().map(Side::Is),
        }
    }
}
