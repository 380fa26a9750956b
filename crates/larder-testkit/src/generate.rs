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
