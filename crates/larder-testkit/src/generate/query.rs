//! Queries: a filter with an order, a page and what to bring.

use larder_core::query::{Projection, Query, SortKey};
use larder_core::{Aggregate, Caps, Field, Keyword, Kind, Number, Result, Schema, Yes};

use super::{AnyScalar, Dice, Tree};

/// A query that can be taken apart.
#[derive(Clone, Debug)]
pub struct Question<M> {
    /// Which objects.
    pub tree: Tree<M>,
    /// In which order; none: by id, or by relevance if it asks for words.
    pub sort: Vec<SortKey>,
    /// How many to leave out at the start.
    pub offset: usize,
    /// How many to bring at most.
    pub limit: Option<usize>,
    /// Whether to count all that match.
    pub total: bool,
    /// What to bring of each.
    pub projection: Projection,
    /// How many further pages to ask for by cursor.
    pub pages: usize,
}

impl<M: Clone> Question<M> {
    /// A question about `tree`, in any order and page.
    pub fn any(dice: &mut Dice, schema: &Schema, tree: Tree<M>) -> Self {
        let mut sortable: Vec<u16> = (0_u16..)
            .zip(schema.fields())
            .filter(|(_, spec)| spec.sort)
            .map(|(position, _)| position)
            .collect();
        let keys = if dice.chance(40) {
            0
        } else {
            1 + dice.below(3)
        };
        let mut sort = Vec::new();
        while sort.len() < keys && !sortable.is_empty() {
            sort.push(SortKey {
                field: sortable.remove(dice.below(sortable.len())),
                descending: dice.chance(50),
            });
        }
        let size = dice.pick(&[0, 1, 2, 3, 5, 10, 30, 1_000]);
        let (offset, limit) = match dice.below(6) {
            0 => (0, None),
            1 | 2 => (0, Some(size)),
            3 => (dice.below(4) * size, Some(size)),
            4 => (dice.below(40), Some(size)),
            _ => (dice.below(40), None),
        };
        Self {
            tree,
            sort,
            offset,
            limit,
            total: dice.chance(50),
            projection: if dice.chance(50) {
                Projection::Ids
            } else {
                Projection::Objects
            },
            pages: if dice.chance(30) { 3 } else { 0 },
        }
    }

    /// The query, bound and checked.
    ///
    /// # Errors
    /// `InvalidFilter` for a filter that makes no sense, such as one for a text of no words.
    pub fn bind(&self, schema: &Schema) -> Result<Query> {
        let expr = larder_core::expr::Expr::bind(self.tree.filter(), schema)?;
        let mut query = Query::new(expr).with_sort(schema, self.sort.clone())?;
        query.offset = self.offset;
        query.limit = self.limit;
        query.total = self.total;
        query.projection = self.projection;
        query.checked()
    }
}

/// A facet or an aggregate over any fields that have one; `None` if none has.
pub fn aggregate<M>(dice: &mut Dice, schema: &Schema) -> Option<Aggregate<M>> {
    type Handle<M, C> = Field<M, C, Caps<Yes, Yes, Yes>>;
    let indexed: Vec<(u16, bool, bool)> = (0_u16..)
        .zip(schema.fields())
        .filter(|(_, spec)| spec.index && spec.kind != Kind::Geo)
        .map(|(position, spec)| (position, spec.list, spec.kind.is_number()))
        .collect();
    if indexed.is_empty() {
        return None;
    }
    let mut out = Aggregate::new();
    if dice.chance(75) {
        let handle: Handle<M, Keyword> = Field::at(dice.pick(&indexed).0);
        out = out.group_by(handle);
    }
    if dice.chance(50) {
        out = out.limit(dice.below(6));
    }
    for _ in 0..dice.below(4) {
        let (position, list, number) = dice.pick(&indexed);
        let handle: Handle<M, Number<AnyScalar>> = Field::at(position);
        out = match dice.below(4) {
            _ if list => out,
            0 => out.min(handle),
            1 => out.max(handle),
            2 if number => out.sum(handle),
            3 if number => out.avg(handle),
            _ => out,
        };
    }
    Some(out)
}
