//! Random models, objects, filters and queries: what a store is compared with the reference on.
//!
//! Everything comes from one [`Dice`], so a seed replays a run. Values are drawn from a small
//! world (few ids, short strings of few letters, values of objects already stored), so that
//! filters match often; and from its edges (hostile strings, ends of number ranges, poles).

mod filter;
mod model;
mod query;
mod text;
mod value;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

pub use filter::{AnyScalar, Tree, leaf};
pub use model::{AnyId, AnyObject, Cell, Elements, IdShape, model, object};
pub use query::{Question, aggregate};
pub use text::{keyword, text, word};
pub use value::{point, value};

/// The source of all that is random.
#[derive(Debug)]
pub struct Dice(StdRng);

impl Dice {
    /// Dice that fall the same way for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// A number below `end`; zero if there is none.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 {
            0
        } else {
            self.0.random_range(0..end)
        }
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        self.0.random_range(low..=high)
    }

    /// True in so many of a hundred cases.
    pub fn chance(&mut self, percent: u32) -> bool {
        self.0.random_range(0..100) < percent
    }

    /// One of several.
    ///
    /// # Panics
    /// If there are none.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Any 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0.random()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use larder_core::expr::Expr;
    use larder_core::{Document, IdKey};

    use super::*;

    fn world(seed: u64) -> (String, usize, usize) {
        let mut dice = Dice::new(seed);
        let schema = model(&mut dice, "any").expect("a model");
        let shape = IdShape::any(&mut dice);
        let mut objects = Vec::new();
        for _ in 0..20 {
            let id = shape.id(&mut dice);
            let object = object(&mut dice, &schema, id);
            objects.extend(Document::of(&schema, &object).is_ok().then_some(object));
        }
        let samples: Vec<&AnyObject> = objects.iter().collect();
        let mut told = format!("{schema:?} {objects:?}");
        let (mut bound, mut matching) = (0, 0);
        for _ in 0..20 {
            let filter = leaf(&mut dice, &schema, &samples);
            told += &format!("{filter:?}");
            let Ok(expr) = Expr::bind(filter, &schema) else {
                continue;
            };
            bound += 1;
            matching += usize::from(samples.iter().any(|object| {
                Document::of(&schema, *object).is_ok_and(|document| expr.matches(&document))
            }));
        }
        (told, bound, matching)
    }

    #[test]
    fn the_same_seed_makes_the_same_world() {
        for seed in 0..20 {
            assert_eq!(world(seed), world(seed));
        }
        assert_ne!(world(0).0, world(1).0);
    }

    #[test]
    fn most_conditions_can_be_asked_and_match_something() {
        let worlds: Vec<_> = (0..50).map(world).collect();
        let bound: usize = worlds.iter().map(|(_, bound, _)| bound).sum();
        let matching: usize = worlds.iter().map(|(_, _, matching)| matching).sum();
        assert!(bound > 700, "{bound} of 1000 conditions can be asked");
        assert!(
            matching * 2 > bound,
            "{matching} of {bound} match something"
        );
    }

    #[test]
    fn ids_of_every_shape_have_keys_of_their_own() {
        let mut dice = Dice::new(1);
        for _ in 0..50 {
            let shape = IdShape::any(&mut dice);
            let ids: Vec<AnyId> = (0..50).map(|_| shape.id(&mut dice)).collect();
            let keys: HashSet<IdKey> = ids.iter().map(AnyId::key).collect();
            let distinct: HashSet<String> = ids.iter().map(|id| format!("{id:?}")).collect();
            assert_eq!(keys.len(), distinct.len());
        }
    }
}
