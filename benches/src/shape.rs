//! The query shapes that finds are measured over.

use larder::{Cache, CacheFields, Filter, Find};

use crate::data::{User, city, tag, word};

/// How many objects a page holds.
pub const PAGE: usize = 20;

/// What a query asks for. Each shape comes in variants, so that no two queries in a row are the
/// same; the variants of a shape match about equally many objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Users with a tag: 1.2 % of all.
    Tag,
    /// Users of a city, 25 years of age apart at the most: 0.07 %.
    CityAndAge,
    /// Users of an age: 34 %.
    AgeRange,
    /// Users whose bio holds a word of rank 40 to 59: about 6 %.
    OneWord,
    /// Users whose bio holds two words, ranks 10 to 19 and 40 to 59: about 1 %.
    TwoWords,
    /// Users with a word in their bio that starts as a word of rank 600 to 619 does: about 7 %.
    Prefix,
    /// All users.
    All,
}

type Fields = <User as CacheFields>::Fields<User>;

impl Shape {
    /// The shapes that are measured on the embedded store.
    pub const EACH: [Self; 6] = [
        Self::Tag,
        Self::CityAndAge,
        Self::AgeRange,
        Self::OneWord,
        Self::TwoWords,
        Self::All,
    ];

    /// The shapes that are measured on Redis.
    pub const ON_REDIS: [Self; 6] = [
        Self::Tag,
        Self::CityAndAge,
        Self::AgeRange,
        Self::OneWord,
        Self::TwoWords,
        Self::Prefix,
    ];

    /// How it is called in figures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::CityAndAge => "city & age",
            Self::AgeRange => "age range",
            Self::OneWord => "one word",
            Self::TwoWords => "two words",
            Self::Prefix => "prefix",
            Self::All => "all",
        }
    }

    /// The filter.
    pub fn filter(self, u: Fields, variant: usize) -> Filter<User> {
        let age = (20 + variant % 40) as u32;
        match self {
            Self::Tag => u.tags.contains(tag(variant)),
            Self::CityAndAge => u.city.eq(city(variant)) & u.age.between(age..age + 25),
            Self::AgeRange => u.age.between(age..age + 25),
            Self::OneWord => u.bio.matches(word(40 + variant % 20)),
            Self::TwoWords => u.bio.matches(format!(
                "{} {}",
                word(10 + variant % 10),
                word(40 + variant % 20)
            )),
            Self::Prefix => u.bio.prefix(start(variant)),
            Self::All => Filter::all(),
        }
    }

    /// Whether the filter means this user, by the plainest code there is.
    pub fn matches(self, user: &User, variant: usize) -> bool {
        let age = (20 + variant % 40) as u32;
        let holds = |rank| {
            let wanted = word(rank);
            user.bio.split(' ').any(|word| word == wanted)
        };
        match self {
            Self::Tag => {
                let wanted = tag(variant);
                user.tags.contains(&wanted)
            }
            Self::CityAndAge => user.city == city(variant) && (age..age + 25).contains(&user.age),
            Self::AgeRange => (age..age + 25).contains(&user.age),
            Self::OneWord => holds(40 + variant % 20),
            Self::TwoWords => holds(10 + variant % 10) && holds(40 + variant % 20),
            Self::Prefix => {
                let wanted = start(variant);
                user.bio.split(' ').any(|word| word.starts_with(&wanted))
            }
            Self::All => true,
        }
    }

    /// The first page, the newest first.
    pub fn newest(self, cache: &Cache<User>, variant: usize) -> Find<'_, User> {
        self.first(cache, variant).sort(|u| u.joined.desc())
    }

    /// The first page in the order that a query without a sort has: by relevance for words, by
    /// id else.
    pub fn first(self, cache: &Cache<User>, variant: usize) -> Find<'_, User> {
        cache.find(|u| self.filter(u, variant)).limit(PAGE)
    }
}

/// Four letters that a word of rank 600 to 619 starts with.
fn start(variant: usize) -> String {
    word(600 + variant % 20).chars().take(4).collect()
}
