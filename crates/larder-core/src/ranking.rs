//! Relevance: how well a text answers, where no order was asked for.
//!
//! Okapi BM25 (Robertson and Zaragoza, 2009) with k1 = 1.2 and b = 0.75, as tantivy computes it.
//! Scores order one answer; they are not promised equal across stores.

use crate::document::Document;
use crate::expr::{Expr, Leaf};

/// What a ranking has to know of all objects together.
pub trait Corpus {
    /// How many objects there are.
    fn objects(&self) -> f32;
    /// The average number of tokens in a field.
    fn average_length(&self, field: u16) -> f32;
    /// How many objects hold the encoded token in a field.
    fn document_frequency(&self, field: u16, token: &str) -> f32;
}

/// The relevance of the object behind `document` for the texts that `expr` asks for.
pub fn relevance(expr: &Expr, document: &Document, corpus: &dyn Corpus) -> f32 {
    match expr {
        Expr::All | Expr::Nothing | Expr::Literal { negated: true, .. } => 0.0,
        Expr::And(children) | Expr::Or(children) => children
            .iter()
            .map(|child| relevance(child, document, corpus))
            .sum(),
        Expr::Literal { leaf, .. } if !leaf.is_text() || !leaf.matches(document) => 0.0,
        Expr::Literal { leaf, .. } => match leaf {
            Leaf::Word(field, token) => bm25(*field, token, document, corpus),
            Leaf::Phrase(field, tokens) => tokens
                .iter()
                .map(|(token, _)| bm25(*field, token, document, corpus))
                .sum(),
            _ => 1.0,
        },
    }
}

fn bm25(field: u16, token: &str, document: &Document, corpus: &dyn Corpus) -> f32 {
    let Some(tokens) = &document.field(field).tokens else {
        return 0.0;
    };
    let occurrences = tokens.iter().filter(|(found, _)| *found == token).count() as f32;
    let weight = rarity(corpus.objects(), corpus.document_frequency(field, token));
    weight
        * saturation(
            occurrences,
            tokens.len() as f32,
            corpus.average_length(field),
        )
}

/// How much a token tells that `frequency` of `objects` objects hold.
pub fn rarity(objects: f32, frequency: f32) -> f32 {
    (1.0 + (objects - frequency + 0.5).max(0.0) / (frequency + 0.5)).ln()
}

/// What so many occurrences in a text of so many tokens count.
pub fn saturation(occurrences: f32, length: f32, average_length: f32) -> f32 {
    const K1: f32 = 1.2;
    const B: f32 = 0.75;
    let length = length / average_length.max(1.0);
    (1.0 + K1) * occurrences / (occurrences + K1 * (1.0 - B + B * length))
}
