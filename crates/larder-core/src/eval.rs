//! The evaluator: the definition of what every filter means. A pure function of filter and object.

use std::ops::{Bound, RangeBounds};

use crate::document::{Document, Values};
use crate::expr::{Expr, Leaf};
use crate::text::TokenList;
use crate::value::Value;

impl Expr {
    /// Whether the object behind `document` is meant.
    pub fn matches(&self, document: &Document) -> bool {
        match self {
            Self::All => true,
            Self::Nothing => false,
            Self::And(children) => children.iter().all(|child| child.matches(document)),
            Self::Or(children) => children.iter().any(|child| child.matches(document)),
            Self::Literal { leaf, negated } => leaf.matches(document) != *negated,
        }
    }
}

impl Leaf {
    /// Whether the condition, not complemented, holds for the object behind `document`.
    pub fn matches(&self, document: &Document) -> bool {
        let data = document.field(self.field());
        let values = || data.values.as_slice();
        let tokens = |test: &dyn Fn(&TokenList) -> bool| data.tokens.as_deref().is_some_and(test);
        match self {
            Self::Missing(_) => data.values.is_missing(),
            Self::EmptyList(_) => matches!(&data.values, Values::Many(values) if values.is_empty()),
            Self::Eq(_, wanted) => values().contains(wanted),
            Self::In(_, wanted) => values()
                .iter()
                .any(|value| wanted.binary_search(value).is_ok()),
            Self::Range(_, low, high) => values().iter().any(|value| within(value, low, high)),
            Self::Like(_, glob) => values()
                .iter()
                .any(|value| value.as_str().is_some_and(|text| glob.matches(text))),
            Self::Within(_, circle) => values()
                .iter()
                .any(|value| matches!(value, Value::Geo(point) if circle.contains(point.unit()))),
            Self::Word(_, token) => {
                tokens(&|tokens| tokens.iter().any(|(found, _)| found == token))
            }
            Self::Phrase(_, phrase) => tokens(&|tokens| phrase_occurs(phrase, tokens)),
            Self::Token(_, glob) => {
                tokens(&|tokens| tokens.iter().any(|(found, _)| glob.matches(found)))
            }
            Self::Fuzzy(_, term, distance) => tokens(&|tokens| {
                tokens
                    .iter()
                    .any(|(found, _)| is_near(term, found, *distance))
            }),
        }
    }
}

fn within(value: &Value, low: &Bound<Value>, high: &Bound<Value>) -> bool {
    (low.as_ref(), high.as_ref()).contains(value)
}

fn phrase_occurs(phrase: &[(String, u32)], tokens: &TokenList) -> bool {
    let Some(((first, _), rest)) = phrase.split_first() else {
        return false;
    };
    tokens
        .iter()
        .filter(|(token, _)| token == first)
        .any(|(_, start)| {
            rest.iter().all(|(wanted, offset)| {
                tokens
                    .iter()
                    .any(|(token, position)| position == start + offset && token == wanted)
            })
        })
}

/// Whether the Levenshtein distance over units is at most `limit`: rows of Wagner and Fischer's
/// table, given up as soon as a whole row is beyond it.
pub fn is_near(a: &str, b: &str, limit: u8) -> bool {
    let limit = usize::from(limit);
    // Each unit more or less is an edit of its own: most words fall out here.
    if a.chars().count().abs_diff(b.chars().count()) > limit {
        return false;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, unit) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        let mut best = row[0];
        for (j, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(unit != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
            best = best.min(row[j + 1]);
        }
        if best > limit {
            return false;
        }
    }
    row[b.len()] <= limit
}

#[cfg(test)]
mod tests {
    use super::is_near;

    #[test]
    fn distance_counts_no_transposition_and_no_prefix() {
        assert!(!is_near("ab", "ba", 1));
        assert!(is_near("ab", "ba", 2));
        assert!(!is_near("bca", "bac", 1));
        assert!(is_near("kitten", "sitting", 3));
        assert!(!is_near("kitten", "sitting", 2));
        assert!(is_near("", "abc", 3));
    }
}
