//! Worlds of one model written by hand, compared at the typed front: derive, handles, `find`.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use futures_core::Stream;
use larder::{
    Aggregate, Cache, CacheFields, CacheModel, CacheValue, Condition, Filter, GeoPoint, PutOptions,
};
use larder_testkit::ManualClock;
use larder_testkit::generate::{self, Dice, Tree};
use serde::{Deserialize, Serialize};

use crate::{Contender, Tally, contenders, flush_at};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, CacheValue)]
#[serde(rename_all = "snake_case")]
enum Level {
    Low,
    VeryHigh,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheFields)]
struct Place {
    #[cache(index, sort)]
    city: Option<String>,
    #[cache(geo)]
    at: Option<GeoPoint>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "thing")]
struct Thing {
    #[cache(id)]
    id: u16,
    #[cache(index, sort)]
    name: String,
    #[cache(index, sort, ignore_case)]
    nick: Option<String>,
    #[cache(index, sort)]
    small: i64,
    #[cache(index, sort)]
    big: Option<u64>,
    #[cache(index, sort)]
    ratio: Option<f64>,
    #[cache(index)]
    flag: Option<bool>,
    #[cache(index)]
    level: Level,
    #[cache(index)]
    tags: Vec<String>,
    #[cache(index)]
    numbers: Option<Vec<i32>>,
    #[cache(text, sort)]
    title: String,
    #[cache(text(fold, stem = "english", stop_words("the")))]
    body: Option<String>,
    #[cache(flatten)]
    place: Option<Place>,
}

const SORTABLE: &[&str] = &[
    "name",
    "nick",
    "small",
    "big",
    "ratio",
    "title",
    "place.city",
    "-name",
    "-nick",
    "-small",
    "-big",
    "-ratio",
    "-title",
    "-place.city",
];

/// Arguments of conditions: mostly what some stored object holds.
struct Values<'a> {
    dice: &'a mut Dice,
    stored: &'a [Thing],
}

impl Values<'_> {
    fn of<T>(
        &mut self,
        held: impl FnOnce(&Thing) -> Option<T>,
        fresh: impl FnOnce(&mut Dice) -> T,
    ) -> T {
        let thing = (!self.stored.is_empty() && self.dice.chance(70))
            .then(|| &self.stored[self.dice.below(self.stored.len())]);
        thing.and_then(held).unwrap_or_else(|| fresh(self.dice))
    }

    fn name(&mut self) -> String {
        self.of(|thing| Some(thing.name.clone()), generate::keyword)
    }

    fn nick(&mut self) -> String {
        self.of(|thing| thing.nick.clone(), generate::keyword)
    }

    fn tag(&mut self) -> String {
        self.of(|thing| thing.tags.first().cloned(), generate::keyword)
    }

    fn small(&mut self) -> i64 {
        self.of(|thing| Some(thing.small), small)
    }

    fn big(&mut self) -> u64 {
        self.of(|thing| thing.big, big)
    }

    fn ratio(&mut self) -> f64 {
        self.of(|thing| thing.ratio, ratio)
    }

    fn point(&mut self) -> GeoPoint {
        self.of(|thing| thing.place.as_ref()?.at, generate::point)
    }

    fn title(&mut self) -> String {
        self.of(|thing| Some(thing.title.clone()), generate::text)
    }

    fn word(&mut self) -> String {
        let title = self.title();
        let words: Vec<&str> = title.split_whitespace().take(20).collect();
        if words.is_empty() {
            generate::word(self.dice)
        } else {
            self.dice.pick(&words).to_owned()
        }
    }

    /// The first characters of a string.
    fn start(&mut self, of: &str) -> String {
        let length = self.dice.below(4);
        of.chars().take(length).collect()
    }
}

fn small(dice: &mut Dice) -> i64 {
    match dice.below(6) {
        0 => dice.pick(&[i64::MIN, i64::MAX, i64::MAX - 1]),
        1 => (1 << 53) + dice.between(-1, 1),
        _ => dice.between(-5, 5),
    }
}

fn big(dice: &mut Dice) -> u64 {
    match dice.below(4) {
        0 => dice.pick(&[u64::MAX, u64::MAX - 1, 1 << 63]),
        _ => dice.below(6) as u64,
    }
}

fn ratio(dice: &mut Dice) -> f64 {
    dice.pick(&[
        0.0,
        -0.0,
        1.5,
        -1.5,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MIN_POSITIVE,
        f64::MAX,
        0.1,
        0.3,
    ])
}

fn maybe<T>(dice: &mut Dice, make: impl FnOnce(&mut Dice) -> T) -> Option<T> {
    dice.chance(75).then(|| make(dice))
}

fn thing(dice: &mut Dice) -> Thing {
    Thing {
        id: dice.below(200) as u16,
        name: generate::keyword(dice),
        nick: maybe(dice, generate::keyword),
        small: small(dice),
        big: maybe(dice, big),
        ratio: maybe(dice, ratio),
        flag: maybe(dice, |dice| dice.chance(50)),
        level: dice.pick(&[Level::Low, Level::VeryHigh]),
        tags: (0..dice.below(4))
            .map(|_| generate::keyword(dice))
            .collect(),
        numbers: maybe(dice, |dice| {
            (0..dice.below(3)).map(|_| dice.below(4) as i32).collect()
        }),
        title: short(generate::text(dice)),
        body: maybe(dice, generate::text),
        place: maybe(dice, |dice| Place {
            city: maybe(dice, generate::keyword),
            at: maybe(dice, generate::point),
        }),
    }
}

/// A title is sorted by, so it must not be too long for a keyword.
fn short(text: String) -> String {
    text.chars().take(300).collect()
}

fn leaf(dice: &mut Dice, stored: &[Thing]) -> Filter<Thing> {
    let u = Thing::FIELDS;
    let mut values = Values { dice, stored };
    let v = &mut values;
    match v.dice.below(44) {
        0 => u.name.eq(v.name()),
        1 => u.nick.ne(v.nick()),
        2 => u.name.in_([v.name(), v.name(), v.name()]),
        3 => {
            let name = v.name();
            u.name.starts_with(v.start(&name))
        }
        4 => u.nick.ends_with(v.nick()),
        5 => {
            let name = v.name();
            u.name.contains(v.start(&name))
        }
        6 => {
            let (a, b) = (v.nick(), v.nick());
            u.nick.like(format!("{}*{}", v.start(&a), v.start(&b)))
        }
        7 => u.small.eq(v.small()),
        8 => u.small.lt(v.small()),
        9 => u.small.ge(v.small()),
        10 => u.big.gt(v.big()),
        11 => u.big.le(v.big()),
        12 => u.big.between(v.big()..v.big()),
        13 => u.ratio.between(v.ratio()..=v.ratio()),
        14 => u.ratio.lt(v.ratio()),
        15 => u.ratio.eq(v.ratio()),
        16 => u.flag.eq(v.dice.chance(50)),
        17 => u.level.eq(Level::VeryHigh),
        18 => u.tags.contains(v.tag()),
        19 => u.tags.contains_any([v.tag(), v.tag()]),
        20 => u.tags.contains_all([v.tag(), v.tag()]),
        21 => u.tags.is_empty(),
        22 => u.numbers.contains(v.dice.below(4) as i32),
        23 => u.numbers.is_empty(),
        24 => u.numbers.is_none(),
        25 => u.body.is_some(),
        26 => u.title.matches(v.title()),
        27 => u.body.any(v.title()),
        28 => u.title.phrase(format!("{} {}", v.word(), v.word())),
        29 => {
            let word = v.word();
            u.body.prefix(v.start(&word))
        }
        30 => u.title.suffix(v.word()),
        31 => {
            let word = v.word();
            u.title.infix(v.start(&word))
        }
        32 => u.body.wildcard(format!("{}?*", v.word())),
        33 => u.title.fuzzy(v.word(), 1 + v.dice.below(3) as u8),
        34 => {
            let radius = v.dice.between(0, 20_100) as f64 * 1_000.0;
            u.place.at.within(v.point(), radius)
        }
        35 => u.place.city.is_none() | u.place.city.starts_with(""),
        36 => u.flag.is_false(),
        37 => u.name.eq_if(v.dice.chance(50).then_some("a")),
        38 => u.nick.not_in([v.nick(), v.nick()]),
        39 => u.small.between_if(v.dice.chance(50).then_some(-2..4)),
        40 => u.title.matches_if(None::<&str>),
        41 => u.place.at.within_if(None, 5.0),
        42 => u.body.fuzzy_if(Some("run"), 2),
        _ => u.place.at.is_some(),
    }
}

/// A question about a filter: everything but the filter falls from dice of `seed`. What comes
/// of it is told as text, the same for stores that agree.
async fn ask(cache: &Cache<Thing>, filter: &Filter<Thing>, seed: u64) -> String {
    let dice = &mut Dice::new(seed);
    let mut find = cache.find(|_| filter.clone());
    // Without a sort, objects with text come by relevance, which is not promised equal.
    for _ in 0..1 + dice.below(3) {
        find = find.sort_by_name(dice.pick(SORTABLE)).unwrap();
    }
    if dice.chance(50) {
        find = find.with_total();
    }
    let size = dice.below(30);
    find = if dice.chance(50) {
        find.limit(size)
    } else {
        find.page(dice.below(4), size)
    };
    let all = || cache.find(|_| filter.clone());
    let told = match dice.below(12) {
        0 => all().count().await.map(|count| format!("{count}")),
        1 => all().exists().await.map(|exists| format!("{exists}")),
        2 => find.first().await.map(|first| format!("{first:?}")),
        3 => all()
            .facets(|u| u.tags, 5)
            .await
            .map(|facets| format!("{facets:?}")),
        4 => all()
            .facets(|u| u.name, 9)
            .await
            .map(|facets| format!("{facets:?}")),
        5 => all()
            .aggregate(|u| {
                Aggregate::new()
                    .group_by(u.level)
                    .sum(u.small)
                    .avg(u.ratio)
                    .sum(u.ratio)
                    .max(u.name)
            })
            .await
            .map(|sums| format!("{sums:?}")),
        6 => match all().stream() {
            Err(error) => Err(error),
            Ok(stream) => {
                let mut stream = pin!(stream);
                let mut items = Vec::new();
                while let Some(item) =
                    poll_fn(|context| Stream::poll_next(stream.as_mut(), context)).await
                {
                    items.push(item.unwrap());
                }
                Ok(format!("{items:?}"))
            }
        },
        7 => find.ids().await.map(|page| {
            format!(
                "{:?} {:?} {:?} {:?}",
                page.items, page.total, page.extent, page.next
            )
        }),
        _ => match find.fetch().await {
            Err(error) => Err(error),
            Ok(page) => Ok(format!(
                "{:?} {:?} {:?} {:?}",
                page.items, page.total, page.extent, page.next
            )),
        },
    };
    told.unwrap_or_else(|error| format!("{:?}", error.kind()))
}

struct World {
    clock: ManualClock,
    subjects: Vec<(Contender, Cache<Thing>)>,
}

pub(crate) async fn world(seed: u64, tally: &mut Tally) {
    let dice = &mut Dice::new(seed);
    let begun_at = tally.cases;
    let clock = ManualClock::default();
    let mut subjects = Vec::new();
    for contender in contenders(&clock, flush_at(dice)).await {
        let cache = Cache::builder(std::sync::Arc::clone(&contender.store))
            .build()
            .await
            .unwrap();
        subjects.push((contender, cache));
    }
    let world = World { clock, subjects };
    let mut stored: Vec<Thing> = Vec::new();
    for _ in 0..20 {
        for _ in 0..dice.below(20) {
            let said = world.write(dice, &mut stored).await;
            if said.iter().any(|other| *other != said[0]) {
                tally.differ(seed, begun_at, &format!("  a write: {said:?}"));
                return;
            }
        }
        let recent = stored.len().saturating_sub(200);
        for _ in 0..8 {
            let depth = dice.below(6);
            let mut leaf = |dice: &mut Dice| leaf(dice, &stored[recent..]);
            let tree = Tree::any(dice, depth, &mut leaf);
            let question = dice.bits();
            let told = world.told(&tree, question).await;
            if told[0] == "InvalidFilter" && told.iter().all(|other| *other == told[0]) {
                continue;
            }
            tally.count(told[0].len() > 60);
            if told.iter().any(|other| *other != told[0]) {
                tally.differ(seed, begun_at, &world.shrunk(tree, question).await);
                return;
            }
            if tally.is_done() {
                return;
            }
        }
    }
    for (contender, _) in &world.subjects {
        contender.close().await;
    }
}

impl World {
    /// One write of whatever kind, to every store; what each said of it.
    async fn write(&self, dice: &mut Dice, stored: &mut Vec<Thing>) -> Vec<String> {
        let thing = thing(dice);
        let kind = dice.below(100);
        let number = dice.below(50);
        let filter = leaf(dice, stored);
        match kind {
            0..8 => self.clock.advance(Duration::from_millis(number as u64 / 5)),
            70.. => stored.push(thing.clone()),
            _ => {}
        }
        let mut said = Vec::new();
        for (contender, cache) in &self.subjects {
            let (id, thing, filter) = (thing.id, thing.clone(), filter.clone());
            let ttl = Duration::from_millis(number as u64);
            said.push(match kind {
                0..8 => String::new(),
                8..16 => {
                    if let Some(store) = &contender.flush {
                        store.flush().unwrap();
                    }
                    String::new()
                }
                16..24 => format!("{:?}", cache.remove(&id).await.ok()),
                24..32 => {
                    let options = PutOptions::default().with_ttl(ttl);
                    let outcome = cache.put_with(thing, options).await;
                    outcome.map_or_else(
                        |e| format!("{:?}", e.kind()),
                        |o| format!("{}", o.is_stored()),
                    )
                }
                32..38 => {
                    let options = PutOptions::default().with_condition(if number < 25 {
                        Condition::IfAbsent
                    } else {
                        Condition::IfPresent
                    });
                    let outcome = cache.put_with(thing, options).await;
                    outcome.map_or_else(
                        |e| format!("{:?}", e.kind()),
                        |o| format!("{}", o.is_stored()),
                    )
                }
                38..48 => {
                    let name = thing.name;
                    let updated = cache.update(&id, |t| t.name.clone_from(&name)).await;
                    updated.map_or_else(|e| format!("{:?}", e.kind()), |t| format!("{t:?}"))
                }
                48..54 => format!("{:?}", cache.touch(&id, ttl).await.ok()),
                54..56 => format!("{:?}", cache.find(|_| filter).remove().await.ok()),
                56..60 => {
                    let updated = cache
                        .find(|_| filter)
                        .update(|t| t.small = number as i64)
                        .await;
                    format!("{:?}", updated.ok())
                }
                60 if number == 0 => format!("{:?}", cache.clear().await.ok()),
                60..66 => format!("{:?}", cache.get(&id).await.ok()),
                66..70 => {
                    let ids: Vec<u16> = (0..5).map(|n| id.wrapping_add(n)).collect();
                    format!("{:?}", cache.get_many(&ids).await.ok())
                }
                _ => {
                    let put = cache.put_many([thing.clone(), thing]).await;
                    format!("{:?}", put.map_err(|error| error.kind()))
                }
            });
        }
        said
    }

    async fn told(&self, tree: &Tree<Thing>, question: u64) -> Vec<String> {
        let mut told = Vec::new();
        for (_, cache) in &self.subjects {
            told.push(ask(cache, &tree.filter(), question).await);
        }
        told
    }

    async fn shrunk(&self, tree: Tree<Thing>, question: u64) -> String {
        let mut tree = tree;
        'smaller: loop {
            for smaller in tree.smaller() {
                let told = self.told(&smaller, question).await;
                if told.iter().any(|other| *other != told[0]) {
                    tree = smaller;
                    continue 'smaller;
                }
            }
            break;
        }
        let told = self.told(&tree, question).await;
        let mut out = format!(
            "  model Thing, question {question}\n  filter {:?}",
            tree.filter()
        );
        for ((contender, _), told) in self.subjects.iter().zip(told) {
            out += &format!("\n  {} {told}", contender.name);
        }
        out
    }
}
