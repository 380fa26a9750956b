//! Strings made to be taken for syntax, through every door that takes one.

use std::fmt::Write as _;
use std::sync::Arc;

use larder::{Cache, CacheModel, Error, Filter};
use larder_testkit::ManualClock;
use larder_testkit::generate::{self, Dice};
use serde::{Deserialize, Serialize};

use crate::{Contender, contenders};

/// How many objects hold hostile strings.
const OBJECTS: usize = 200;
/// How many questions are on their way at once.
const AT_ONCE: usize = 64;
/// How many strings `in_` is given.
const LISTED: usize = 16;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "note")]
struct Note {
    #[cache(id)]
    id: u64,
    #[cache(index, sort)]
    word: String,
    #[cache(index)]
    words: Vec<String>,
    #[cache(text)]
    text: String,
}

/// Pieces of the query languages below, and of what they are sent through.
const SYNTAX: &[&str] = &[
    "@word:{a}",
    "{a|b}",
    "|",
    "(",
    ")",
    "((",
    "))",
    "-",
    "-@",
    "*",
    "?",
    "%",
    "%%",
    "\"",
    "'",
    "\\",
    "\\*",
    "\\\\",
    "$p0",
    "$p1",
    "=>{",
    "$slop:1",
    "[-inf +inf]",
    "[",
    "]",
    ":",
    "w'*'",
    "w'",
    "~",
    "\r\n",
    "\n",
    "\t",
    "\0",
    "\u{1}",
    "\u{2}",
    "\u{3}",
    "\u{4}\u{e}\u{e}",
    "\u{1b}",
    "\u{1f}",
    "\u{7f}",
    "\u{80}",
    "\u{81}",
    "\u{9f}",
    "\u{e000}\u{e440}",
    "PARAMS",
    "LIMIT 0 0",
    "DIALECT 1",
    "FT.DROPINDEX",
    "redis.call('FLUSHALL')",
    "*1\r\n$8\r\nFLUSHALL\r\n",
    "' OR 1=1",
    "&&",
    "||",
    "==",
    "!",
    "#",
    "<",
    ">",
    ",",
    ";",
    "`",
    "^",
    "/",
    "+",
    "~",
    "_",
    ".",
    " ",
    "  ",
];

/// A string of such pieces and of whatever else trips engines up; now and then 64 KiB of it.
fn hostile(dice: &mut Dice) -> String {
    let mut out = String::new();
    for _ in 0..=dice.below(4) {
        match dice.below(8) {
            0..=2 => out.push_str(dice.pick(SYNTAX)),
            3 | 4 => out.push_str(&generate::keyword(dice)),
            5 => out.push(char::from(dice.between(0, 0x7f) as u8)),
            6 => out.push_str(&generate::word(dice)),
            _ => out.push_str(&generate::text(dice)),
        }
    }
    if dice.below(5_000) == 0 {
        let times = 65_536 / out.len().max(1);
        out = out.repeat(times.max(1));
    }
    out
}

/// The beginning of a string, up to any character.
fn beginning(dice: &mut Dice, of: &str) -> String {
    let count = of.chars().count();
    of.chars().take(1 + dice.below(count)).collect()
}

/// A question that takes so many hostile strings, and what it is called.
fn question(dice: &mut Dice, held: &[Note]) -> (&'static str, u64, Filter<Note>) {
    let of = Note::FIELDS;
    let string = |dice: &mut Dice| {
        let note = &held[dice.below(held.len())];
        match dice.below(6) {
            0 => note.word.clone(),
            1 => beginning(dice, &note.word),
            2 => beginning(dice, &note.text),
            _ => hostile(dice),
        }
    };
    match dice.below(8) {
        0 => ("eq", 1, of.word.eq(string(dice))),
        1 => ("prefix", 1, of.word.starts_with(string(dice))),
        2 => ("text", 1, of.text.matches(string(dice))),
        3 => {
            let strings: Vec<String> = (0..LISTED).map(|_| string(dice)).collect();
            ("in", LISTED as u64, of.word.in_(strings))
        }
        4 => match dice.below(4) {
            0 => ("suffix", 1, of.word.ends_with(string(dice))),
            1 => ("infix", 1, of.word.contains(string(dice))),
            2 => ("like", 1, of.word.like(string(dice))),
            _ => ("contains", 1, of.words.contains(string(dice))),
        },
        5 => match dice.below(4) {
            0 => ("text prefix", 1, of.text.prefix(string(dice))),
            1 => ("text like", 1, of.text.wildcard(string(dice))),
            2 => ("phrase", 1, of.text.phrase(string(dice))),
            _ => (
                "fuzzy",
                1,
                of.text.fuzzy(string(dice), 1 + dice.below(3) as u8),
            ),
        },
        6 => ("not eq", 1, !of.word.eq(string(dice))),
        _ => {
            let strings: Vec<String> = (0..LISTED).map(|_| string(dice)).collect();
            (
                "contains any",
                LISTED as u64,
                of.words.contains_any(strings),
            )
        }
    }
}

async fn ask(cache: &Cache<Note>, filter: Filter<Note>) -> Result<Vec<u64>, Error> {
    let mut ids = cache.find(|_| filter).ids().await?.items;
    // By relevance, where there are words: that order is each store's own.
    ids.sort_unstable();
    Ok(ids)
}

/// What came of one run.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) strings: u64,
    pub(crate) questions: u64,
    pub(crate) refused: u64,
    pub(crate) answered: u64,
    /// Of each difference or error, the first few told.
    pub(crate) wrong: Vec<String>,
}

/// Asks every store questions made of so many hostile strings; the reference decides.
pub(crate) async fn run(seed: u64, wanted: u64) -> Outcome {
    let clock = ManualClock::default();
    let mut dice = Dice::new(seed);
    let mut outcome = Outcome::default();
    let mut notes: Vec<Note> = Vec::new();
    let subjects = open(&clock).await;
    while notes.len() < OBJECTS {
        let note = Note {
            id: notes.len() as u64,
            word: hostile(&mut dice),
            words: (0..dice.below(4)).map(|_| hostile(&mut dice)).collect(),
            text: hostile(&mut dice),
        };
        // What is too long for a keyword is refused by the front.
        let mut stored = true;
        for (_, cache) in &subjects {
            stored = cache.put(note.clone()).await.is_ok();
        }
        if stored {
            notes.push(note);
        }
    }
    while outcome.strings < wanted && outcome.wrong.len() < 10 {
        let mut asked = Vec::new();
        for _ in 0..AT_ONCE {
            asked.push(question(&mut dice, &notes));
        }
        let mut tasks = Vec::new();
        for (_, cache) in &subjects {
            for (_, _, filter) in &asked {
                let (cache, filter) = (cache.clone(), filter.clone());
                tasks.push(tokio::spawn(async move { ask(&cache, filter).await }));
            }
        }
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.unwrap());
        }
        let mut answers = answers.chunks_exact(asked.len());
        let reference = answers.next().unwrap();
        for (which, ((what, strings, filter), wanted)) in asked.iter().zip(reference).enumerate() {
            outcome.questions += 1;
            let Ok(wanted) = wanted else {
                // Text without a word in it, say; the front refuses it for all stores alike.
                outcome.refused += 1;
                continue;
            };
            outcome.strings += strings;
            outcome.answered += u64::from(!wanted.is_empty());
            for (answers, (contender, _)) in answers.clone().zip(&subjects[1..]) {
                let found = &answers[which];
                if found.as_ref().ok() != Some(wanted) {
                    let mut told = String::new();
                    write!(
                        told,
                        "{what} on {}: {found:?} instead of {wanted:?}: {filter:?}",
                        contender.name
                    )
                    .unwrap();
                    told.truncate(told.floor_char_boundary(2_000));
                    outcome.wrong.push(told);
                }
            }
        }
    }
    for (contender, _) in &subjects {
        contender.close().await;
    }
    outcome
}

async fn open(clock: &ManualClock) -> Vec<(Contender, Cache<Note>)> {
    let mut subjects = Vec::new();
    for contender in contenders(clock, 100).await {
        let cache = Cache::builder(Arc::clone(&contender.store)).build().await;
        subjects.push((contender, cache.unwrap()));
    }
    subjects
}
