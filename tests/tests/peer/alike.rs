//! Random questions that both sides define alike: the same ids.

use larder::{Cache, Filter};
use larder_testkit::generate::Dice;
use larder_testkit::server::{Kind, offline, shared};
use serde_json::{Value, json};

use crate::{Fields, Said, Thing, ask_the_peer, cache};

const THINGS: usize = 2_000;
const QUESTIONS: usize = 300;

/// A filter in the terms of both sides.
#[derive(Clone, Debug)]
enum Ask {
    And(Box<Ask>, Box<Ask>),
    Or(Box<Ask>, Box<Ask>),
    Not(Box<Ask>),
    Name(Op, Vec<String>),
    Word(Op, String),
    N(Op, Vec<i64>),
    X(Op, f64),
    Ok(bool),
    Tags(Op, Vec<String>),
    Text(Words, Vec<String>),
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Eq,
    Ne,
    In,
    NotIn,
    Lt,
    Le,
    Gt,
    Ge,
    Between,
    Starts,
    Ends,
    Contains,
}

#[derive(Clone, Copy, Debug)]
enum Words {
    All,
    Any,
    Phrase,
}

impl Op {
    fn name(self) -> &'static str {
        match self {
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::In => "in",
            Self::NotIn => "not in",
            Self::Lt => "lt",
            Self::Le => "le",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Starts => "starts",
            Self::Ends => "ends",
            Self::Contains => "contains",
            Self::Between => unreachable!("the other side has none"),
        }
    }
}

impl Ask {
    /// As the script reads it.
    fn theirs(&self) -> Value {
        let strings = |op: Op, values: &[String]| match op {
            Op::In | Op::NotIn => json!(values),
            _ => json!(values[0]),
        };
        match self {
            Self::And(a, b) => json!(["and", a.theirs(), b.theirs()]),
            Self::Or(a, b) => json!(["or", a.theirs(), b.theirs()]),
            Self::Not(a) => json!(["not", a.theirs()]),
            Self::Name(op, values) => json!([op.name(), "name", strings(*op, values)]),
            Self::Tags(op, values) => json!([op.name(), "tags", strings(*op, values)]),
            Self::Word(op, value) => json!([op.name(), "word", value]),
            Self::N(Op::Between, values) => {
                json!(["and", ["ge", "n", values[0]], ["le", "n", values[1]]])
            }
            Self::N(op @ (Op::In | Op::NotIn), values) => json!([op.name(), "n", values]),
            Self::N(op, values) => json!([op.name(), "n", values[0]]),
            Self::X(op, value) => json!([op.name(), "x", value]),
            Self::Ok(value) => json!(["eq", "ok", value]),
            Self::Text(words, of) => {
                let text = match words {
                    Words::All => format!("({})", of.join(" ")),
                    Words::Any => format!("({})", of.join("|")),
                    Words::Phrase => format!("\"{}\"", of.join(" ")),
                };
                json!(["like", "text", text])
            }
        }
    }

    fn ours(&self, u: Fields) -> Filter<Thing> {
        match self {
            Self::And(a, b) => a.ours(u) & b.ours(u),
            Self::Or(a, b) => a.ours(u) | b.ours(u),
            Self::Not(a) => !a.ours(u),
            Self::Name(op, values) => match op {
                Op::Eq => u.name.eq(&values[0]),
                Op::Ne => u.name.ne(&values[0]),
                Op::In => u.name.in_(values),
                Op::NotIn => u.name.not_in(values),
                other => unreachable!("{other:?} on a name"),
            },
            Self::Word(op, value) => match op {
                Op::Eq => u.word.eq(value),
                Op::Ne => u.word.ne(value),
                Op::Starts => u.word.starts_with(value),
                Op::Ends => u.word.ends_with(value),
                Op::Contains => u.word.contains(value),
                other => unreachable!("{other:?} on a word"),
            },
            Self::N(op, values) => match op {
                Op::Eq => u.n.eq(values[0]),
                Op::Ne => u.n.ne(values[0]),
                Op::In => u.n.in_(values.iter().copied()),
                Op::NotIn => u.n.not_in(values.iter().copied()),
                Op::Lt => u.n.lt(values[0]),
                Op::Le => u.n.le(values[0]),
                Op::Gt => u.n.gt(values[0]),
                Op::Ge => u.n.ge(values[0]),
                Op::Between => u.n.between(values[0]..=values[1]),
                other => unreachable!("{other:?} on a number"),
            },
            Self::X(op, value) => match op {
                Op::Eq => u.x.eq(*value),
                Op::Ne => u.x.ne(*value),
                Op::Lt => u.x.lt(*value),
                Op::Le => u.x.le(*value),
                Op::Gt => u.x.gt(*value),
                Op::Ge => u.x.ge(*value),
                other => unreachable!("{other:?} on a number"),
            },
            Self::Ok(value) => u.ok.eq(*value),
            Self::Tags(op, values) => match op {
                Op::Eq => u.tags.contains(&values[0]),
                Op::In => u.tags.contains_any(values),
                Op::NotIn => !u.tags.contains_any(values),
                other => unreachable!("{other:?} on tags"),
            },
            Self::Text(words, of) => match words {
                Words::All => u.text.matches(of.join(" ")),
                Words::Any => u.text.any(of.join(" ")),
                Words::Phrase => u.text.phrase(of.join(" ")),
            },
        }
    }
}

/// A word of two syllables, which no stemmer shortens to another and which is no stop word.
fn word(dice: &mut Dice, of: usize) -> String {
    const SYLLABLES: [&str; 12] = [
        "ba", "co", "du", "fa", "go", "hu", "ka", "lo", "mu", "pa", "ro", "tu",
    ];
    let number = dice.below(of);
    [number / SYLLABLES.len(), number % SYLLABLES.len()]
        .map(|at| SYLLABLES[at])
        .concat()
}

/// A name with signs in it, all of which the other side escapes.
fn name(dice: &mut Dice) -> String {
    let signs = ["-", "_", ".", " ", ":", "/", "@", "'", "\"", "*", "(", "$"];
    let first = dice.pick(&["Ann", "ann", "Bob", "Eve", "X1"]);
    let sign = dice.pick(&signs);
    format!("{first}{sign}{}", word(dice, 4))
}

fn number(dice: &mut Dice) -> i64 {
    match dice.below(10) {
        0 => dice.pick(&[-(1 << 53), (1 << 53) - 1, 1 << 40, i64::from(i32::MIN)]),
        _ => dice.between(-20, 20),
    }
}

fn fraction(dice: &mut Dice) -> f64 {
    dice.between(-50, 50) as f64 * dice.pick(&[0.1, 0.25, 1e6])
}

fn several<T>(dice: &mut Dice, most: usize, mut one: impl FnMut(&mut Dice) -> T) -> Vec<T> {
    (0..=dice.below(most)).map(|_| one(dice)).collect()
}

fn thing(dice: &mut Dice, seq: usize) -> Thing {
    Thing {
        // Not in the order of writing.
        id: format!("{:04}", seq * 7 % THINGS),
        seq: seq as u64,
        name: (!dice.chance(15)).then(|| name(dice)),
        word: word(dice, 144),
        n: (!dice.chance(15)).then(|| number(dice)),
        x: fraction(dice),
        ok: dice.chance(50),
        tags: if dice.chance(10) {
            Vec::new()
        } else {
            several(dice, 4, |dice| format!("tag-{}", dice.below(30)))
        },
        text: several(dice, 8, |dice| word(dice, 60)).join(" "),
    }
}

/// A condition on one field, mostly one that something fulfils.
fn condition(dice: &mut Dice, things: &[Thing]) -> Ask {
    let like = &things[dice.below(things.len())];
    match dice.below(8) {
        0 => {
            let values = several(dice, 4, name);
            let op = dice.pick(&[Op::Eq, Op::Ne, Op::In, Op::NotIn]);
            Ask::Name(op, values)
        }
        1 | 2 => {
            let op = dice.pick(&[Op::Eq, Op::Ne, Op::Starts, Op::Ends, Op::Contains]);
            let part = match op {
                Op::Eq | Op::Ne => &*like.word,
                Op::Starts => &like.word[..dice.pick(&[2, 3])],
                Op::Ends => &like.word[dice.pick(&[1, 2])..],
                _ => &like.word[1..3],
            };
            Ask::Word(op, part.to_owned())
        }
        3 => {
            let ops = [
                Op::Eq,
                Op::Ne,
                Op::In,
                Op::NotIn,
                Op::Lt,
                Op::Le,
                Op::Gt,
                Op::Ge,
                Op::Between,
            ];
            let mut values = several(dice, 4, number);
            values.push(number(dice));
            Ask::N(dice.pick(&ops), values)
        }
        4 => {
            let op = dice.pick(&[Op::Eq, Op::Ne, Op::Lt, Op::Le, Op::Gt, Op::Ge]);
            let value = if dice.chance(50) {
                like.x
            } else {
                fraction(dice)
            };
            Ask::X(op, value)
        }
        5 => Ask::Ok(dice.chance(50)),
        6 => {
            let op = dice.pick(&[Op::Eq, Op::In, Op::NotIn]);
            Ask::Tags(
                op,
                several(dice, 3, |dice| format!("tag-{}", dice.below(32))),
            )
        }
        _ => {
            let words: Vec<&str> = like.text.split(' ').collect();
            let pair = words.windows(2).find(|pair| pair[0] != pair[1]);
            match (dice.below(3), pair) {
                (0, Some(pair)) => {
                    let pair = pair.iter().map(|word| (*word).to_owned());
                    Ask::Text(Words::Phrase, pair.collect())
                }
                (1, _) => Ask::Text(Words::Any, several(dice, 3, |dice| word(dice, 70))),
                _ => Ask::Text(Words::All, several(dice, 2, |dice| word(dice, 60))),
            }
        }
    }
}

fn filter(dice: &mut Dice, things: &[Thing], depth: usize) -> Ask {
    let child = |dice: &mut Dice| Box::new(filter(dice, things, depth - 1));
    match dice.below(10) {
        0..=2 if depth > 0 => Ask::And(child(dice), child(dice)),
        3..=5 if depth > 0 => Ask::Or(child(dice), child(dice)),
        6 if depth > 0 => Ask::Not(child(dice)),
        _ => condition(dice, things),
    }
}

/// A question: a filter or none; then all rows in any order, or a page in a sure order.
struct Question {
    filter: Option<Ask>,
    /// Whether the last come first, where rows it skips, and how many it brings.
    page: Option<(bool, usize, usize)>,
}

impl Question {
    fn new(dice: &mut Dice, things: &[Thing]) -> Self {
        let depth = dice.below(4);
        Self {
            filter: (!dice.chance(2)).then(|| filter(dice, things, depth)),
            page: dice.chance(50).then(|| {
                (
                    dice.chance(50),
                    dice.pick(&[0, 1, 10, 500]),
                    1 + dice.below(50),
                )
            }),
        }
    }

    fn theirs(&self) -> Value {
        let sort = self
            .page
            .map(|(last, ..)| [if last { "-seq" } else { "seq" }]);
        let page = self.page.map(|(_, offset, limit)| [offset, limit]);
        let filter = self.filter.as_ref().map(Ask::theirs);
        json!({"filter": filter, "sort": sort, "page": page})
    }

    async fn ours(&self, cache: &Cache<Thing>) -> Vec<String> {
        let find = cache.find(|u| match &self.filter {
            Some(filter) => filter.ours(u),
            None => Filter::all(),
        });
        let find = match self.page {
            Some((last, offset, limit)) => find
                .sort(|u| if last { u.seq.desc() } else { u.seq.asc() })
                .offset(offset)
                .limit(limit),
            None => find,
        };
        find.ids().await.unwrap().items
    }
}

#[tokio::test]
async fn operations_that_are_defined_alike_find_the_same_ids() {
    if offline("redis-om-python's answers beside Larder's") {
        return;
    }
    let mut dice = Dice::new(2026);
    let things: Vec<Thing> = (0..THINGS).map(|seq| thing(&mut dice, seq)).collect();
    let questions: Vec<Question> = (0..QUESTIONS)
        .map(|_| Question::new(&mut dice, &things))
        .collect();
    let server = shared(Kind::RedisSearch);
    // The only test of its program on this server that uses the name.
    let name = format!("peer-{}", std::process::id());
    let asked: Vec<Value> = questions.iter().map(Question::theirs).collect();
    let answers = ask_the_peer(server, &name, &things, &asked);
    let cache = cache(server, &name, &things).await;
    let (mut rows, mut telling) = (0, 0);
    for ((question, asked), theirs) in questions.iter().zip(&asked).zip(answers) {
        let mut ours = question.ours(&cache).await;
        let Said::Ids(mut theirs) = theirs else {
            panic!("{asked}: {theirs:?}");
        };
        if question.page.is_none() {
            ours.sort();
            theirs.sort();
        }
        assert_eq!(ours, theirs, "{asked}");
        rows += ours.len();
        telling += usize::from(!ours.is_empty() && ours.len() < THINGS);
    }
    println!("questions: {QUESTIONS}, telling: {telling}, rows: {rows}, differences: 0");
    assert!(telling > QUESTIONS / 2, "most questions tell nothing");
}
