//! From a filter in normal form to the text of a RediSearch query.
//!
//! RediSearch 2.10 answers some shapes wrongly: an `and` that holds a negation, under an `or`,
//! under an `and`. So filters go out as an `or` of `and`s of `or`s of literals, with the condition
//! of expiry in each `and`: the one general shape that differential runs found no fault with.
//! What cannot be said at all, or not where it stands, is left out where that only makes the
//! answer larger, and [`Compiled::exact`] says that each row has to be checked.
//!
//! User text goes into parameters, or in an alphabet without signs of the query language.

use std::ops::Bound;

use larder_core::expr::{Circle, Expr, Leaf};
use larder_core::glob::{Glob, GlobPart};
use larder_core::schema::MAX_KEYWORD_BYTES;
use larder_core::store::Tags;
use larder_core::text::MAX_TOKEN_UNITS;
use larder_core::{GeoPoint, IdKey, Schema, Timestamp, Value};

use crate::fields::{self, END as END_OF_TOKEN, Exact, number};
use crate::layout::{ABSENT, END, EXPIRY, NIL, RANK, STAMP, TAGS};

/// The most stars of a pattern that the server is given: it tries the ways to spread them.
const MAX_STARS: usize = 4;
/// The most alternatives, one of them a complement, that the server gets right: from 21 on it goes
/// through them another way (`UNION_ITERATOR_HEAP`) and loses count of the complements.
const MAX_ALTERNATIVES: usize = 16;
/// The most literals that one part of a filter may become by distribution, and a whole one.
const MAX_PART: usize = 256;
const MAX_LITERALS: usize = 8_192;
/// From so many values on, the complement of a list is one literal and not a literal each.
const MANY: usize = 16;

/// A filter as RediSearch is asked it.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    /// The query; parameters are called `p0`, `p1`, ..
    pub(crate) text: String,
    /// The values of the parameters.
    pub(crate) params: Vec<Vec<u8>>,
    /// Conditions on rows that only an aggregation can put.
    pub(crate) predicates: Vec<String>,
    /// The fields that these look at.
    pub(crate) loads: Vec<String>,
    /// Whether the rows found are the rows meant. If not, there may be more of them.
    pub(crate) exact: bool,
}

/// Which rows of the index are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Those that are fresh at this moment.
    Fresh(Timestamp),
    /// Those of them that will expire.
    Ending(Timestamp),
    /// Those that are kept behind their expiry at this moment.
    Stale(Timestamp),
    /// All that are there. Absences are none.
    Kept,
    /// Absences that are kept at this moment and were not invalidated since that stamp.
    Absent(Timestamp, u64),
}

impl Rows {
    /// The condition on them.
    fn text(self) -> String {
        match self {
            Self::Fresh(now) => format!("-(@{EXPIRY}:[-inf {}])", now.as_millis()),
            Self::Ending(now) => format!("(@{EXPIRY}:[({} +inf])", now.as_millis()),
            Self::Stale(now) => {
                let now = now.as_millis();
                format!("(@{EXPIRY}:[-inf {now}]) (@{END}:[({now} +inf])")
            }
            Self::Kept => format!("-(@{ABSENT}:[-inf +inf])"),
            Self::Absent(now, epoch) => {
                let now = now.as_millis();
                format!("(@{ABSENT}:[({now} +inf]) (@{STAMP}:[{epoch} +inf])")
            }
        }
    }
}

/// The query for entries with at least one of these tags, fresh or not.
///
/// Of a tag that is longer than the index takes, the beginning is asked for: the rows found may
/// be more than those meant.
pub(crate) fn compile_tags(tags: &Tags, from: Option<&IdKey>) -> Compiled {
    let params = tags.as_slice().iter().map(|tag| fields::index_tag(tag));
    let params: Vec<Vec<u8>> = params.collect();
    let names: Vec<String> = (0..params.len())
        .map(|place| format!("$p{place}"))
        .collect();
    let mut text = format!("(@{TAGS}:{{{}}})", names.join("|"));
    if let Some(from) = from {
        text = format!("(@{RANK}:[{} +inf]) {text}", fields::rank(from));
    }
    Compiled {
        text,
        params,
        predicates: Vec::new(),
        loads: Vec::new(),
        exact: true,
    }
}

/// Compiles a filter for some of the rows; `None` if none can match.
///
/// `patterns` tells whether the server finds every term that fits a pattern. With `from`, ids of a
/// lesser rank are left out.
pub(crate) fn compile(
    schema: &Schema,
    expr: &Expr,
    rows: Rows,
    patterns: bool,
    from: Option<&IdKey>,
) -> Option<Compiled> {
    let mut compiler = Compiler {
        schema,
        patterns,
        params: Vec::new(),
        predicates: Vec::new(),
        loads: Vec::new(),
        exact: true,
    };
    let node = compiler.node(expr, true);
    let mut alive = rows.text();
    if let Some(from) = from {
        alive = format!("(@{RANK}:[{} +inf]) {alive}", fields::rank(from));
    }
    let text = match settle(node) {
        Node::Nothing => return None,
        Node::All => alive,
        node => match disjuncts(&node).and_then(|ands| write_disjuncts(&ands, &alive)) {
            Some(text) => text,
            None => {
                // Too large to be put in a shape that is answered right.
                compiler.exact = false;
                alive
            }
        },
    };
    Some(Compiled {
        text,
        params: compiler.params,
        predicates: compiler.predicates,
        loads: compiler.loads,
        exact: compiler.exact,
    })
}

/// A filter of literals that the server knows.
#[derive(Clone, Debug)]
enum Node {
    All,
    Nothing,
    And(Vec<Node>),
    Or(Vec<Node>),
    Literal(Literal),
}

/// A condition as text, or its complement.
#[derive(Clone, Debug)]
struct Literal {
    text: String,
    negated: bool,
    /// How many alternatives the text lists.
    alternatives: usize,
}

impl Node {
    fn literal(text: String, negated: bool) -> Self {
        Self::alternatives(text, negated, 1)
    }

    fn alternatives(text: String, negated: bool, alternatives: usize) -> Self {
        Self::Literal(Literal {
            text,
            negated,
            alternatives,
        })
    }
}

struct Compiler<'a> {
    schema: &'a Schema,
    patterns: bool,
    params: Vec<Vec<u8>>,
    predicates: Vec<String>,
    loads: Vec<String>,
    exact: bool,
}

impl Compiler<'_> {
    /// `top`: whether every row has to fulfil this, so that a predicate can stand for it.
    fn node(&mut self, expr: &Expr, top: bool) -> Node {
        match expr {
            Expr::All => Node::All,
            Expr::Nothing => Node::Nothing,
            Expr::And(children) => {
                Node::And(children.iter().map(|child| self.node(child, top)).collect())
            }
            Expr::Or(children) => Node::Or(
                children
                    .iter()
                    .map(|child| self.node(child, false))
                    .collect(),
            ),
            Expr::Literal { leaf, negated } => self.leaf(leaf, *negated, top && !negated),
        }
    }

    fn param(&mut self, value: Vec<u8>) -> String {
        self.params.push(value);
        format!("$p{}", self.params.len() - 1)
    }

    /// `wider` holds wherever the condition does. Of its complement that says nothing.
    fn inexact(&mut self, wider: Node, negated: bool) -> Node {
        self.exact = false;
        if negated { Node::All } else { wider }
    }

    fn leaf(&mut self, leaf: &Leaf, negated: bool, top: bool) -> Node {
        match leaf {
            Leaf::Missing(field) => Node::literal(format!("@{NIL}:{{m{field}}}"), negated),
            Leaf::EmptyList(field) => Node::literal(format!("@{NIL}:{{e{field}}}"), negated),
            Leaf::Eq(field, value) => self.any_of(*field, std::slice::from_ref(value), negated),
            Leaf::In(field, values) => self.any_of(*field, values, negated),
            Leaf::Range(field, low, high) => range(*field, low, high, negated),
            // No keyword is so long. Of a pattern of 64 KiB the server knows the length modulo
            // that, and is killed by a suffix or an infix of it.
            Leaf::Like(_, glob) if least_bytes(glob) > MAX_KEYWORD_BYTES => match negated {
                true => Node::All,
                false => Node::Nothing,
            },
            Leaf::Like(field, glob) => self.pattern(&Keywords(*field), glob, negated),
            // No word is so long. The server asked for it is killed by a null pointer, if the
            // pattern has more than 1,024 characters.
            Leaf::Token(_, glob) if least_units(glob) > MAX_TOKEN_UNITS => match negated {
                true => Node::All,
                false => Node::Nothing,
            },
            Leaf::Token(field, glob) => {
                let words = Words {
                    field: *field,
                    mark: fields::mark(self.schema, *field),
                };
                self.pattern(&words, glob, negated)
            }
            Leaf::Within(field, circle) => self.within(*field, circle, negated, top),
            Leaf::Word(field, token) => {
                let token = self.token(*field, token);
                let param = self.param(token.into_bytes());
                Node::literal(format!("@t{field}:{param}"), negated)
            }
            Leaf::Phrase(field, tokens) => self.phrase(*field, tokens, negated, top),
            Leaf::Fuzzy(field, token, distance) => {
                if !self.patterns {
                    return self.inexact(Node::All, negated);
                }
                let token = self.token(*field, token);
                let param = self.param(token.into_bytes());
                let signs = "%".repeat(usize::from(*distance));
                Node::literal(format!("@t{field}:{signs}{param}{signs}"), negated)
            }
        }
    }

    /// A token as the index has it.
    fn token(&self, field: u16, token: &str) -> String {
        format!("{}{token}{END_OF_TOKEN}", fields::mark(self.schema, field))
    }

    fn any_of(&mut self, field: u16, values: &[Value], negated: bool) -> Node {
        let Ok(spec) = self.schema.field(field) else {
            return Node::Nothing;
        };
        if fields::exact(spec) == Exact::Number {
            return equal_numbers(field, values, negated);
        }
        let params: Vec<String> = values
            .iter()
            .map(|value| self.param(fields::frame(&fields::tag_bytes(spec, value))))
            .collect();
        Node::literal(format!("@g{field}:{{{}}}", params.join("|")), negated)
    }

    /// A pattern over tags or over words.
    fn pattern(&mut self, terms: &dyn Terms, glob: &Glob, negated: bool) -> Node {
        if !self.patterns {
            return self.inexact(Node::All, negated);
        }
        let stars = glob.parts().iter().filter(|part| **part == GlobPart::Many);
        if stars.count() <= MAX_STARS {
            let text = self.small_pattern(terms, glob.parts());
            return Node::literal(text, negated);
        }
        // Each text of the pattern occurs, the first and the last at their ends.
        let parts = glob.parts();
        let mut wider = Vec::new();
        for (position, part) in parts.iter().enumerate() {
            let GlobPart::Text(text) = part else { continue };
            let mut around = vec![part.clone()];
            if position > 0 {
                around.insert(0, GlobPart::Many);
            }
            if position + 1 < parts.len() {
                around.push(GlobPart::Many);
            }
            if !wider.iter().any(|(_, known)| *known == around) {
                wider.push((text.len(), around));
            }
        }
        // The longest leave the fewest rows; each one costs the server a walk through all terms.
        wider.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
        wider.truncate(MAX_STARS);
        let wider = wider
            .into_iter()
            .map(|(_, around)| Node::literal(self.small_pattern(terms, &around), false))
            .collect();
        self.inexact(Node::And(wider), negated)
    }

    /// The server's own words for a pattern. It takes prefixes from two bytes on, and so does it
    /// suffixes and infixes; patterns in `w'..'` it takes as they are.
    fn small_pattern(&mut self, terms: &dyn Terms, parts: &[GlobPart]) -> String {
        let (mut term, mut before, mut behind) = (Vec::new(), "", "");
        match parts {
            [GlobPart::Text(text), GlobPart::Many] => {
                terms.begin(&mut term);
                terms.text(text, &mut term);
                behind = "*";
            }
            [GlobPart::Many, GlobPart::Text(text)] => {
                terms.text(text, &mut term);
                terms.end(&mut term);
                before = "*";
            }
            [GlobPart::Many, GlobPart::Text(text), GlobPart::Many] => {
                terms.text(text, &mut term);
                (before, behind) = ("*", "*");
                if term.len() < 2 {
                    term = [b"*", &*term, b"*"].concat();
                    (before, behind) = ("w'", "'");
                }
            }
            parts => {
                terms.begin(&mut term);
                for part in parts {
                    match part {
                        GlobPart::Text(text) => terms.text(text, &mut term),
                        GlobPart::One => term.push(b'?'),
                        GlobPart::Many => term.push(b'*'),
                    }
                }
                terms.end(&mut term);
                (before, behind) = ("w'", "'");
            }
        }
        let param = self.param(term);
        terms.condition(&format!("{before}{param}{behind}"))
    }

    fn within(&mut self, field: u16, circle: &Circle, negated: bool, top: bool) -> Node {
        let within = Node::literal(around(field, circle), false);
        if !top {
            return self.inexact(within, negated);
        }
        let [x, y, z] = circle.unit();
        self.predicates.push(format!(
            "(@u{field}*{x}+@o{field}*{y})+@w{field}*{z}>={}",
            circle.cos()
        ));
        let names = ["u", "o", "w"].map(|name| format!("{name}{field}"));
        self.loads.extend(names);
        within
    }

    fn phrase(&mut self, field: u16, tokens: &[(String, u32)], negated: bool, top: bool) -> Node {
        let words: Vec<String> = tokens
            .iter()
            .map(|(token, _)| self.token(field, token))
            .collect();
        let in_a_row = tokens
            .iter()
            .enumerate()
            .all(|(place, (_, offset))| *offset == place as u32);
        if !in_a_row {
            // Between two words there may be any other, which a phrase cannot say.
            let all = words.into_iter().map(|word| {
                let param = self.param(word.into_bytes());
                Node::literal(format!("@t{field}:{param}"), false)
            });
            let all = Node::And(all.collect());
            return self.inexact(all, negated);
        }
        let repeats = (1..words.len()).any(|place| words[..place].contains(&words[place]));
        let words = words.join(" ");
        let quoted = format!("@t{field}:\"{words}\"");
        if !repeats {
            return Node::literal(quoted, negated);
        }
        // One occurrence of a repeated word counts for all of them.
        let wider = Node::literal(quoted, false);
        if !top {
            return self.inexact(wider, negated);
        }
        self.predicates
            .push(format!("contains(@t{field},\"{words}\")"));
        self.loads.push(format!("t{field}"));
        wider
    }
}

/// How many bytes a keyword has at least that fits, framed.
fn least_bytes(glob: &Glob) -> usize {
    let bytes = |part: &GlobPart| match part {
        GlobPart::Text(text) => fields::frame(text.as_bytes()).len() - 2,
        GlobPart::One => 1,
        GlobPart::Many => 0,
    };
    glob.parts().iter().map(bytes).sum::<usize>() + 2
}

/// How many units a word has at least that fits.
fn least_units(glob: &Glob) -> usize {
    let units = |part: &GlobPart| match part {
        GlobPart::Text(text) => text.chars().count(),
        GlobPart::One => 1,
        GlobPart::Many => 0,
    };
    glob.parts().iter().map(units).sum()
}

/// What patterns are written over.
trait Terms {
    fn begin(&self, term: &mut Vec<u8>);
    fn text(&self, text: &str, term: &mut Vec<u8>);
    fn end(&self, term: &mut Vec<u8>);
    fn condition(&self, pattern: &str) -> String;
}

struct Keywords(u16);

impl Terms for Keywords {
    fn begin(&self, term: &mut Vec<u8>) {
        term.push(2);
    }
    fn text(&self, text: &str, term: &mut Vec<u8>) {
        fields::escape(text.as_bytes(), term);
    }
    fn end(&self, term: &mut Vec<u8>) {
        term.push(3);
    }
    fn condition(&self, pattern: &str) -> String {
        format!("@g{}:{{{pattern}}}", self.0)
    }
}

struct Words {
    field: u16,
    mark: char,
}

fn push(c: char, term: &mut Vec<u8>) {
    term.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

impl Terms for Words {
    fn begin(&self, term: &mut Vec<u8>) {
        push(self.mark, term);
    }
    fn text(&self, text: &str, term: &mut Vec<u8>) {
        term.extend_from_slice(text.as_bytes());
    }
    fn end(&self, term: &mut Vec<u8>) {
        push(END_OF_TOKEN, term);
    }
    fn condition(&self, pattern: &str) -> String {
        format!("@t{}:{pattern}", self.field)
    }
}

fn equal_numbers(field: u16, values: &[Value], negated: bool) -> Node {
    let mut parts = Vec::new();
    for value in values {
        let Some((near, rest)) = fields::split(value) else {
            continue;
        };
        let near = number(near);
        let mut texts = vec![format!("@n{field}:[{near} {near}]")];
        texts.extend(rest.map(|rest| format!("@r{field}:[{rest} {rest}]")));
        parts.push(texts);
    }
    if parts.is_empty() {
        return if negated { Node::All } else { Node::Nothing };
    }
    if negated && parts.len() < MANY {
        let differs = |texts: Vec<String>| {
            Node::Or(
                texts
                    .into_iter()
                    .map(|text| Node::literal(text, true))
                    .collect(),
            )
        };
        return Node::And(parts.into_iter().map(differs).collect());
    }
    let parts: Vec<String> = parts
        .into_iter()
        .map(|texts| match &*texts {
            [text] => text.clone(),
            texts => format!("({})", texts.join(" ")),
        })
        .collect();
    Node::alternatives(parts.join(" | "), negated, parts.len())
}

/// An interval of a field as literals that all have to hold, each of them alternatives.
///
/// Where a number stands as the nearest double `n` and the rest `r`, `x >= a` is
/// `n >= a.n and (n > a.n or r >= a.r)`.
fn range(field: u16, low: &Bound<Value>, high: &Bound<Value>, negated: bool) -> Node {
    let n = |from: &str, to: &str| format!("@n{field}:[{from} {to}]");
    let r = |from: &str, to: &str| format!("@r{field}:[{from} {to}]");
    let (mut from, mut to) = ("-inf".to_owned(), "+inf".to_owned());
    let mut clauses: Vec<Vec<String>> = Vec::new();
    if let Some((sign, near, rest)) = end(low) {
        match rest {
            Some(rest) => {
                from.clone_from(&near);
                clauses.push(vec![
                    n(&format!("({near}"), "+inf"),
                    r(&format!("{sign}{rest}"), "+inf"),
                ]);
            }
            None => from = format!("{sign}{near}"),
        }
    }
    if let Some((sign, near, rest)) = end(high) {
        match rest {
            Some(rest) => {
                to.clone_from(&near);
                clauses.push(vec![
                    n("-inf", &format!("({near}")),
                    r("-inf", &format!("{sign}{rest}")),
                ]);
            }
            None => to = format!("{sign}{near}"),
        }
    }
    clauses.insert(0, vec![n(&from, &to)]);
    if negated {
        let outside = |clause: Vec<String>| {
            Node::And(
                clause
                    .into_iter()
                    .map(|text| Node::literal(text, true))
                    .collect(),
            )
        };
        return Node::Or(clauses.into_iter().map(outside).collect());
    }
    let clauses: Vec<String> = clauses
        .into_iter()
        .map(|clause| match &*clause {
            [text] => text.clone(),
            texts => format!("({})", texts.join(" | ")),
        })
        .collect();
    Node::literal(clauses.join(" "), false)
}

/// The end of an interval: the sign that it is left out, the double and the rest.
fn end(bound: &Bound<Value>) -> Option<(&'static str, String, Option<i128>)> {
    let (sign, value) = match bound {
        Bound::Unbounded => return None,
        Bound::Included(value) => ("", value),
        Bound::Excluded(value) => ("(", value),
    };
    let (near, rest) = fields::split(value)?;
    Some((sign, number(near), rest))
}

/// A box that the circle lies in, a little too large.
fn around(field: u16, circle: &Circle) -> String {
    // The cosine of a small angle tells some decimetres no more: a ten-thousandth of a degree
    // is eleven metres.
    const SLACK: f64 = 1e-4;
    let GeoPoint { lat, lon } = circle.center;
    let angle = (circle.radius_m / GeoPoint::EARTH_RADIUS_M).to_degrees() + SLACK;
    let (south, north) = (lat - angle, lat + angle);
    let lats = format!("@y{field}:[{} {}]", number(south), number(north));
    if south <= -90.0 || north >= 90.0 {
        return lats;
    }
    // How far the circle reaches along its widest parallel.
    let reach = (angle.to_radians().sin() / lat.to_radians().cos())
        .asin()
        .to_degrees();
    if !reach.is_finite() || reach + SLACK >= 180.0 {
        return lats;
    }
    let (west, east) = (lon - reach - SLACK, lon + reach + SLACK);
    let lons = |from: f64, to: f64| format!("@x{field}:[{} {}]", number(from), number(to));
    // Over the antimeridian it is two.
    let lons = if west < -180.0 {
        format!("({} | {})", lons(west + 360.0, 180.0), lons(-180.0, east))
    } else if east > 180.0 {
        format!("({} | {})", lons(west, 180.0), lons(-180.0, east - 360.0))
    } else {
        lons(west, east)
    };
    format!("{lats} {lons}")
}

/// Leaves out what holds always or never, and joins what stands in itself.
fn settle(node: Node) -> Node {
    let (children, is_and) = match node {
        Node::And(children) => (children, true),
        Node::Or(children) => (children, false),
        other => return other,
    };
    let mut kept = Vec::with_capacity(children.len());
    for child in children {
        match (settle(child), is_and) {
            (Node::All, true) | (Node::Nothing, false) => {}
            (Node::Nothing, true) => return Node::Nothing,
            (Node::All, false) => return Node::All,
            (Node::And(inner), true) | (Node::Or(inner), false) => kept.extend(inner),
            (other, _) => kept.push(other),
        }
    }
    match (kept.len(), is_and) {
        (0, true) => Node::All,
        (0, false) => Node::Nothing,
        (1, _) => kept.swap_remove(0),
        (_, true) => Node::And(kept),
        (_, false) => Node::Or(kept),
    }
}

/// One of these holds.
type Clause = Vec<Literal>;
/// All of these hold.
type Conjunct = Vec<Clause>;

/// The node as an `or` of `and`s of `or`s; `None` if that would be too large.
fn disjuncts(node: &Node) -> Option<Vec<Conjunct>> {
    let ands = match node {
        Node::All => vec![Vec::new()],
        Node::Nothing => Vec::new(),
        Node::Literal(literal) => vec![vec![vec![literal.clone()]]],
        Node::Or(children) => {
            let mut ands = Vec::new();
            for child in children {
                ands.extend(disjuncts(child)?);
            }
            ands
        }
        Node::And(children) => {
            let mut ands: Vec<Conjunct> = vec![Vec::new()];
            for child in children {
                // What becomes few clauses is put beside the others; the rest is multiplied out.
                let factors = match clauses(child) {
                    Some(clauses) => vec![clauses],
                    None => disjuncts(child)?,
                };
                if ands.len().saturating_mul(factors.len()) > MAX_LITERALS {
                    return None;
                }
                ands = product(ands, factors);
                if ands.len() > 1 {
                    check(&ands)?;
                }
            }
            ands
        }
    };
    check(&ands)?;
    Some(ands)
}

/// Each of the one with each of the other.
fn product<T: Clone>(mut left: Vec<Vec<T>>, mut right: Vec<Vec<T>>) -> Vec<Vec<T>> {
    if let ([left_one], [right_one]) = (&mut *left, &mut *right) {
        left_one.append(right_one);
        return left;
    }
    let mut product = Vec::with_capacity(left.len() * right.len());
    for left in &left {
        for right in &right {
            product.push(left.iter().chain(right).cloned().collect());
        }
    }
    product
}

fn check(ands: &[Conjunct]) -> Option<()> {
    let literals: usize = ands.iter().flatten().map(Vec::len).sum();
    (literals + ands.len() <= MAX_LITERALS).then_some(())
}

/// The node as an `and` of `or`s; `None` if that would be large.
fn clauses(node: &Node) -> Option<Conjunct> {
    Some(match node {
        Node::All => Vec::new(),
        Node::Nothing => vec![Vec::new()],
        Node::Literal(literal) => vec![vec![literal.clone()]],
        Node::And(children) => {
            let mut all = Vec::new();
            for child in children {
                all.extend(clauses(child)?);
            }
            all
        }
        Node::Or(children) => {
            let mut all: Conjunct = vec![Vec::new()];
            for child in children {
                let factors = clauses(child)?;
                if all.len().saturating_mul(factors.len()) > MAX_PART {
                    return None;
                }
                all = product(all, factors);
                // A list of alternatives as such may be as long as it is.
                if all.len() > 1 && all.iter().map(Vec::len).sum::<usize>() > MAX_PART {
                    return None;
                }
            }
            all
        }
    })
}

/// The text of disjuncts; `None` if they are too many.
fn write_disjuncts(ands: &[Conjunct], alive: &str) -> Option<String> {
    let conjuncts: Vec<String> = ands
        .iter()
        .map(|and| and.iter().map(write_clause).collect::<Vec<_>>().join(" "))
        .collect();
    if conjuncts.len() <= MAX_ALTERNATIVES {
        let each = conjuncts.iter().map(|and| format!("({and} {alive})"));
        return Some(each.collect::<Vec<_>>().join(" | "));
    }
    if ands
        .iter()
        .flatten()
        .flatten()
        .any(|literal| literal.negated)
    {
        return None;
    }
    // Without complements the condition of expiry may stand outside.
    let each = conjuncts.iter().map(|and| format!("({and})"));
    let each = each.collect::<Vec<_>>().join(" | ");
    Some(format!("(({each}) {alive})"))
}

fn write_clause(clause: &Clause) -> String {
    let (negated, plain): (Vec<&Literal>, Vec<&Literal>) =
        clause.iter().partition(|literal| literal.negated);
    let join = |literals: &[&Literal], sign: &str, between: &str| {
        let each = literals
            .iter()
            .map(|literal| format!("{sign}({})", literal.text));
        each.collect::<Vec<_>>().join(between)
    };
    let plains: usize = plain.iter().map(|literal| literal.alternatives).sum();
    if negated.is_empty() || negated.len() + plains <= MAX_ALTERNATIVES {
        let mut parts = vec![join(&plain, "", " | "), join(&negated, "-", " | ")];
        parts.retain(|part| !part.is_empty());
        return format!("({})", parts.join(" | "));
    }
    // That not all of the complemented hold while none of the others does.
    let mut parts = vec![join(&negated, "", " ")];
    if !plain.is_empty() {
        parts.push(format!("-({})", join(&plain, "", " | ")));
    }
    format!("(-({}))", parts.join(" "))
}
