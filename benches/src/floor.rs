//! What the caches are held against: a bare moka cache, and a look at every object.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::data::User;
use crate::shape::{PAGE, Shape};

/// The newest users that a shape means, by a look at every one.
pub fn newest(users: &[Arc<User>], shape: Shape, variant: usize) -> Vec<Arc<User>> {
    let mut found: Vec<&Arc<User>> = users
        .iter()
        .filter(|user| shape.matches(user, variant))
        .collect();
    let key = |user: &&Arc<User>| (Reverse(user.joined), user.id);
    if found.len() > PAGE {
        found.select_nth_unstable_by_key(PAGE, key);
        found.truncate(PAGE);
    }
    found.sort_unstable_by_key(key);
    found.into_iter().cloned().collect()
}
