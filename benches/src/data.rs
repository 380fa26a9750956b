//! The objects: users made from a seed, the same in every run.

use std::sync::Arc;
use std::time::Duration;

use larder::{Cache, CacheModel, EmbeddedStore, Result};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::poll::block_on;

/// How many words there are; the word of rank r is drawn in proportion to 1 / r.
pub const WORDS: usize = 5_000;
/// How many tags there are; a user has one to four.
pub const TAGS: usize = 200;
/// How many cities there are.
pub const CITIES: usize = 500;

const WORDS_PER_BIO: usize = 30;
const PUTS_AT_ONCE: usize = 1_000;

/// The object of all benches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
pub struct User {
    /// Counted from 0.
    #[cache(id)]
    pub id: u64,
    /// Thirty words.
    #[cache(text)]
    pub bio: String,
    /// One to four tags, see [`tag`].
    #[cache(index)]
    pub tags: Vec<String>,
    /// See [`city`].
    #[cache(index)]
    pub city: String,
    /// From 18 to 90.
    #[cache(index, sort)]
    pub age: u32,
    /// When the user joined; the sort key, hardly ever the same twice.
    #[cache(index, sort)]
    pub joined: u64,
}

/// All users joined before this; one who joins later comes first where the newest come first.
pub const JOINED_BEFORE: u64 = 1 << 40;

/// The tag with this number.
pub fn tag(number: usize) -> String {
    format!("tag-{:03}", number % TAGS)
}

/// The city with this number.
pub fn city(number: usize) -> String {
    format!("city-{:03}", number % CITIES)
}

/// The word with this rank, 0 being the most frequent: two syllables that tell the ranks apart,
/// and for every third word one more.
pub fn word(rank: usize) -> String {
    const CONSONANTS: &[u8] = b"bcdfghjklmnprst";
    const VOWELS: &[u8] = b"aeiou";
    let syllables = CONSONANTS.len() * VOWELS.len();
    let mut word = String::new();
    let mut push = |syllable: usize| {
        word.push(char::from(CONSONANTS[syllable / VOWELS.len()]));
        word.push(char::from(VOWELS[syllable % VOWELS.len()]));
    };
    let rank = rank % WORDS;
    push(rank % syllables);
    push(rank / syllables);
    if rank.is_multiple_of(3) {
        push(rank * 7 % syllables);
    }
    word
}

/// Makes users without end.
#[derive(Debug)]
pub struct Users {
    random: StdRng,
    words: Vec<String>,
    /// For each rank the share of it and of all before it.
    shares: Vec<f64>,
    next: u64,
}

impl Users {
    /// Users with ids from 0.
    pub fn new(seed: u64) -> Self {
        let mut sum = 0.0;
        let mut shares: Vec<f64> = (1..=WORDS)
            .map(|rank| {
                sum += 1.0 / rank as f64;
                sum
            })
            .collect();
        for share in &mut shares {
            *share /= sum;
        }
        Self {
            random: StdRng::seed_from_u64(seed),
            words: (0..WORDS).map(word).collect(),
            shares,
            next: 0,
        }
    }

    /// A user with this id; all else is drawn anew.
    pub fn with_id(&mut self, id: u64) -> User {
        let mut bio = String::with_capacity(WORDS_PER_BIO * 6);
        for position in 0..WORDS_PER_BIO {
            let at = self.random.random_range(0.0..1.0);
            let rank = self.shares.partition_point(|share| *share < at);
            if position > 0 {
                bio.push(' ');
            }
            bio.push_str(&self.words[rank.min(WORDS - 1)]);
        }
        let mut tags: Vec<String> = (0..self.random.random_range(1..=4))
            .map(|_| tag(self.random.random_range(0..TAGS)))
            .collect();
        tags.sort();
        tags.dedup();
        User {
            id,
            bio,
            tags,
            city: city(self.random.random_range(0..CITIES)),
            age: self.random.random_range(18..=90),
            joined: self.random.random_range(0..JOINED_BEFORE),
        }
    }
}

impl Iterator for Users {
    type Item = User;

    fn next(&mut self) -> Option<User> {
        let id = self.next;
        self.next += 1;
        Some(self.with_id(id))
    }
}

/// Random ids below `below`, the same for the same seed.
pub fn ids(seed: u64, below: u64, count: usize) -> Vec<u64> {
    let mut random = StdRng::seed_from_u64(seed);
    (0..count).map(|_| random.random_range(0..below)).collect()
}

/// A cache on `store` with the first `objects` users of `seed`, all of them in the index.
///
/// # Errors
/// Those of the store.
pub fn load(store: &EmbeddedStore, seed: u64, objects: usize) -> Result<Cache<User>> {
    let cache: Cache<User> = block_on(Cache::builder(store.clone()).build())?;
    block_on(fill(&cache, seed, objects))?;
    store.flush()?;
    Ok(cache)
}

/// A cache on a store of its own with the users of seed 1, each with a lifetime that outlives
/// every measurement.
///
/// # Errors
/// Those of the store.
pub fn load_timed(objects: usize) -> Result<Cache<User>> {
    let store = EmbeddedStore::builder().build()?;
    let builder = Cache::builder(store.clone()).ttl(Duration::from_secs(86_400));
    let cache: Cache<User> = block_on(builder.build())?;
    block_on(fill(&cache, 1, objects))?;
    store.flush()?;
    Ok(cache)
}

/// Puts the first `objects` users of `seed` into a cache.
///
/// # Errors
/// Those of the store.
pub async fn fill(cache: &Cache<User>, seed: u64, objects: usize) -> Result<()> {
    let mut users = Users::new(seed).take(objects);
    loop {
        let portion: Vec<Arc<User>> = users.by_ref().take(PUTS_AT_ONCE).map(Arc::new).collect();
        if portion.is_empty() {
            return Ok(());
        }
        cache.put_many(portion).await?;
    }
}
