//! Where the other side differs, each by an example: `docs/REDIS-OM.md` lists the same.

use std::collections::BTreeSet;

use larder::Filter;
use larder_testkit::server::{Kind, Server, offline};
use serde_json::{Value, json};

use crate::{Fields, Said, Thing, ask_the_peer, cache};

const TABLE: &str = include_str!("../../../docs/REDIS-OM.md");

/// The next integers that an IEEE double cannot tell from this.
const LARGE: i64 = 1 << 53;

fn thing(id: &str) -> Thing {
    Thing {
        id: id.to_owned(),
        seq: 0,
        name: None,
        word: String::new(),
        n: None,
        x: 0.0,
        ok: false,
        tags: Vec::new(),
        text: String::new(),
    }
}

fn things() -> Vec<Thing> {
    let named = |id: &str, name: &str| Thing {
        name: Some(name.to_owned()),
        ..thing(id)
    };
    let worded = |id: &str, word: &str| Thing {
        word: word.to_owned(),
        ..thing(id)
    };
    let numbered = |id: &str, n: i64| Thing {
        n: Some(n),
        ..thing(id)
    };
    let written = |id: &str, text: &str| Thing {
        text: text.to_owned(),
        ..thing(id)
    };
    let mut things = vec![
        named("empty", ""),
        named("question", "who?me"),
        named("words", "who me"),
        named("tab", "x\ty"),
        named("spaced", "x y"),
        named("space", " x"),
        worded("pipe", "left|right"),
        worded("epip", "right|left"),
        worded("left", "left"),
        worded("capital", "Foo"),
        worded("small", "foo"),
        numbered("large", LARGE),
        numbered("larger", LARGE + 1),
        // Written before the one that its id follows.
        numbered("tie-b", 7),
        numbered("tie-a", 7),
        written("once", "green"),
        written("twice", "green green"),
        written("star", "starlight"),
        written("stem", "running"),
        written("stop", "the"),
        Thing {
            ok: true,
            ..thing("true")
        },
    ];
    things.extend((0..250).map(|n| worded(&format!("many-{n:03}"), &format!("many{n:03}"))));
    things
}

/// What the other side says.
enum Theirs {
    Finds(&'static [&'static str]),
    FindsSoMany(usize),
    /// An error with this in its text.
    Refuses(&'static str),
}

use Theirs::{Finds, FindsSoMany, Refuses};

/// What Larder says.
enum Ours {
    Finds(fn(Fields) -> Filter<Thing>, &'static [&'static str]),
    FindsSoMany(fn(Fields) -> Filter<Thing>, usize),
    /// In this order.
    Sorts(fn(Fields) -> Filter<Thing>, &'static [&'static str]),
    /// There is nothing to run: the types leave no such question, or another test has it.
    Elsewhere,
}

struct Difference {
    /// As it is called in the table.
    name: &'static str,
    asked: Value,
    theirs: Theirs,
    ours: Ours,
}

fn difference(name: &'static str, asked: Value, theirs: Theirs, ours: Ours) -> Difference {
    Difference {
        name,
        asked,
        theirs,
        ours,
    }
}

fn filter(filter: Value) -> Value {
    json!({"filter": filter, "sort": null, "page": null})
}

/// Changes once Larder is connected.
const CUT: &str = "more than 200 words behind a pattern";

fn differences() -> Vec<Difference> {
    vec![
        difference(
            "no value, of a string",
            filter(json!(["eq", "name", null])),
            Refuses("TypeError: argument of type 'NoneType' is not iterable"),
            Ours::FindsSoMany(|u| u.name.is_none(), 265),
        ),
        difference(
            "no value, of a number",
            filter(json!(["eq", "n", null])),
            Refuses("Syntax error"),
            Ours::FindsSoMany(|u| u.n.is_none(), 267),
        ),
        difference(
            "the empty string",
            filter(json!(["eq", "name", ""])),
            Refuses("Syntax error"),
            Ours::Finds(|u| u.name.eq(""), &["empty"]),
        ),
        difference(
            "signs that are not escaped",
            filter(json!(["eq", "name", "who?me"])),
            Finds(&["words"]),
            Ours::Finds(|u| u.name.eq("who?me"), &["question"]),
        ),
        difference(
            "control characters",
            filter(json!(["eq", "name", "x\ty"])),
            Finds(&["spaced"]),
            Ours::Finds(|u| u.name.eq("x\ty"), &["tab"]),
        ),
        difference(
            "a stop word beside them",
            filter(json!(["eq", "name", "a?b"])),
            Refuses("Syntax error"),
            Ours::Finds(|u| u.name.eq("a?b"), &[]),
        ),
        difference(
            "a space at an end",
            filter(json!(["eq", "name", " x"])),
            Finds(&[]),
            Ours::Finds(|u| u.name.eq(" x"), &["space"]),
        ),
        difference(
            "`|` in a value",
            filter(json!(["eq", "word", "left|right"])),
            Finds(&["epip", "pipe"]),
            Ours::Finds(|u| u.word.eq("left|right"), &["pipe"]),
        ),
        difference(
            "`|` in a stored value",
            filter(json!(["eq", "word", "left"])),
            Finds(&["epip", "left", "pipe"]),
            Ours::Finds(|u| u.word.eq("left"), &["left"]),
        ),
        difference(
            "`|` in a list of values",
            filter(json!(["in", "word", ["left|foo"]])),
            Finds(&["capital", "epip", "left", "pipe", "small"]),
            Ours::Finds(|u| u.word.in_(["left|foo"]), &[]),
        ),
        difference(
            "capitals",
            filter(json!(["eq", "word", "foo"])),
            Finds(&["capital", "small"]),
            Ours::Finds(|u| u.word.eq("foo"), &["small"]),
        ),
        difference(
            "case-sensitive and sortable",
            json!({"both": "x"}),
            Refuses("no such index"),
            Ours::Elsewhere,
        ),
        difference(
            "a pattern of one letter",
            filter(json!(["starts", "word", "F"])),
            Finds(&[]),
            Ours::Finds(|u| u.word.starts_with("F"), &["capital"]),
        ),
        difference(
            "an empty pattern",
            filter(json!(["starts", "name", ""])),
            Refuses("Syntax error"),
            Ours::Finds(
                |u| u.name.starts_with(""),
                &["empty", "question", "space", "spaced", "tab", "words"],
            ),
        ),
        difference(
            CUT,
            filter(json!(["starts", "word", "many"])),
            FindsSoMany(200),
            Ours::FindsSoMany(|u| u.word.starts_with("many"), 250),
        ),
        difference(
            "no values to choose from",
            filter(json!(["in", "name", []])),
            Refuses("Syntax error"),
            Ours::Finds(|u| u.name.in_([""; 0]), &[]),
        ),
        difference(
            "`!=` of a bool",
            filter(json!(["ne", "ok", false])),
            Refuses("TypeError"),
            Ours::Finds(|u| u.ok.ne(false), &["true"]),
        ),
        difference(
            "whole numbers above 2^53",
            filter(json!(["eq", "n", LARGE + 1])),
            Finds(&["large", "larger"]),
            Ours::Finds(|u| u.n.eq(LARGE + 1), &["larger"]),
        ),
        difference(
            "a word twice in a phrase",
            filter(json!(["like", "text", "\"green green\""])),
            Finds(&["once", "twice"]),
            Ours::Finds(|u| u.text.phrase("green green"), &["twice"]),
        ),
        difference(
            "text is a query",
            filter(json!(["like", "text", "star*"])),
            Finds(&["star"]),
            Ours::Finds(|u| u.text.matches("star*"), &[]),
        ),
        difference(
            "stemming",
            filter(json!(["like", "text", "run"])),
            Finds(&["stem"]),
            Ours::Finds(|u| u.text.matches("run"), &[]),
        ),
        difference(
            "stop words",
            filter(json!(["like", "text", "the"])),
            Finds(&[]),
            Ours::Finds(|u| u.text.matches("the"), &["stop"]),
        ),
        difference(
            "ties of a sort",
            json!({"filter": ["eq", "n", 7], "sort": ["n"], "page": [0, 10]}),
            Finds(&["tie-b", "tie-a"]),
            Ours::Sorts(|u| u.n.eq(7), &["tie-a", "tie-b"]),
        ),
        difference(
            "several sort keys",
            json!({"filter": ["eq", "n", 7], "sort": ["n", "seq"], "page": [0, 10]}),
            Refuses("Unknown argument"),
            Ours::Elsewhere,
        ),
        difference(
            "lifetimes below a second",
            json!({"expire": ["once", 0.5]}),
            Refuses("value is not an integer"),
            Ours::Elsewhere,
        ),
    ]
}

#[tokio::test]
async fn differences_are_as_the_table_has_them() {
    if offline("where redis-om-python differs from Larder") {
        return;
    }
    // Its own, since Larder sets limits of a server, by which the other side's answers change.
    let server = Server::builder(Kind::RedisSearch).start();
    let things = things();
    let differences = differences();
    let asked: Vec<Value> = differences.iter().map(|one| one.asked.clone()).collect();
    let answers = ask_the_peer(&server, "peer", &things, &asked);
    let cache = cache(&server, "peer", &things).await;
    for (difference, said) in differences.iter().zip(answers) {
        let name = difference.name;
        let in_order = !difference.asked["sort"].is_null();
        match (&difference.theirs, said) {
            (Finds(wanted), Said::Ids(mut ids)) => {
                if !in_order {
                    ids.sort();
                }
                assert_eq!(ids, *wanted, "{name}, redis-om");
            }
            (FindsSoMany(wanted), Said::Ids(ids)) => {
                assert_eq!(ids.len(), *wanted, "{name}, redis-om");
            }
            (Refuses(wanted), Said::Error(error)) => {
                assert!(error.contains(wanted), "{name}, redis-om: {error}");
            }
            (_, said) => panic!("{name}, redis-om: {said:?}"),
        }
        match difference.ours {
            Ours::Finds(filter, wanted) => {
                let ids = cache.find(filter).ids().await.unwrap().items;
                // Words come by relevance.
                let ids: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
                assert!(ids.iter().eq(wanted), "{name}, larder: {ids:?}");
            }
            Ours::FindsSoMany(filter, wanted) => {
                let count = cache.find(filter).count().await.unwrap();
                assert_eq!(count, wanted as u64, "{name}, larder");
            }
            Ours::Sorts(filter, wanted) => {
                let find = cache.find(filter).sort(|u| u.n.asc());
                assert_eq!(find.ids().await.unwrap().items, wanted, "{name}, larder");
            }
            Ours::Elsewhere => {}
        }
    }

    // Larder is connected now, and has raised the limit for all.
    let asked: Vec<Value> = differences
        .iter()
        .filter(|one| one.name == CUT)
        .map(|one| one.asked.clone())
        .collect();
    let again = ask_the_peer(&server, "peer", &[], &asked);
    let [Said::Ids(ids)] = &*again else {
        panic!("{CUT}: {again:?}");
    };
    assert_eq!(ids.len(), 250, "{CUT}, once Larder is connected");
}

#[test]
fn the_table_lists_the_differences_that_are_tested() {
    let listed: BTreeSet<String> = TABLE
        .lines()
        .filter_map(|line| line.strip_prefix("| **")?.split_once("** |"))
        .map(|(name, _)| name.replace("\\|", "|"))
        .collect();
    let differences = differences();
    let tested = differences.iter().map(|one| one.name.to_owned());
    let tested: BTreeSet<String> = tested.collect();
    assert_eq!(listed, tested);
}
