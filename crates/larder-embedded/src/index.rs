//! The tantivy index of one model: how documents are laid out in it, how they get in.

use std::collections::HashMap;
use std::sync::Arc;

use larder_core::document::Values;
use larder_core::{Document, Kind, Result, Schema, Value};
use tantivy::directory::RamDirectory;
use tantivy::indexer::IndexWriterOptions;
use tantivy::merge_policy::LogMergePolicy;
use tantivy::schema::{FAST, Field, INDEXED, IndexRecordOption, TextFieldIndexing, TextOptions};
use tantivy::{
    Index, IndexReader, IndexSettings, IndexWriter, ReloadPolicy, Searcher, TantivyDocument, Term,
};

use crate::error::engine;
use crate::rows::Row;

/// The most memory that documents on their way into the index take, in bytes.
const WRITER_BUDGET: usize = 15_000_000;

/// Where each declared field lives in tantivy.
#[derive(Debug)]
pub(crate) struct Layout {
    seq: Field,
    missing: Field,
    pub(crate) fields: Vec<FieldLayout>,
}

/// One declared field: its exact values as terms or as ordered numbers, its tokens as terms.
#[derive(Debug)]
pub(crate) struct FieldLayout {
    pub(crate) kind: Kind,
    pub(crate) exact: Option<Field>,
    pub(crate) tokens: Option<Field>,
}

/// The index, its writer and its reader.
pub(crate) struct ModelIndex {
    layout: Arc<Layout>,
    writer: IndexWriter,
    reader: IndexReader,
    directory: RamDirectory,
}

/// A searcher with the row behind each of its documents.
pub(crate) struct Segments {
    pub(crate) layout: Arc<Layout>,
    pub(crate) searcher: Searcher,
    pub(crate) rows: Vec<Arc<[Option<Arc<Row>>]>>,
    pub(crate) bytes: u64,
}

impl ModelIndex {
    pub(crate) fn create(schema: &Schema) -> Result<Self> {
        let mut builder = tantivy::schema::Schema::builder();
        let terms = || {
            TextOptions::default().set_indexing_options(
                TextFieldIndexing::default()
                    .set_tokenizer("raw")
                    .set_fieldnorms(false)
                    .set_index_option(IndexRecordOption::Basic),
            )
        };
        let seq = builder.add_u64_field("seq", FAST | INDEXED);
        let missing = builder.add_u64_field("missing", INDEXED);
        let fields = schema
            .fields()
            .iter()
            .enumerate()
            .map(|(number, spec)| FieldLayout {
                kind: spec.kind,
                exact: (spec.index && spec.kind != Kind::Geo).then(|| {
                    let name = format!("v{number}");
                    if spec.kind.is_ordered() {
                        builder.add_u64_field(&name, INDEXED)
                    } else {
                        builder.add_text_field(&name, terms())
                    }
                }),
                tokens: spec
                    .text
                    .is_some()
                    .then(|| builder.add_text_field(&format!("t{number}"), terms())),
            })
            .collect();
        let directory = RamDirectory::create();
        let index = Index::create(directory.clone(), builder.build(), IndexSettings::default())
            .map_err(engine)?;
        let options = IndexWriterOptions::builder()
            .num_worker_threads(1)
            .num_merge_threads(1)
            .memory_budget_per_thread(WRITER_BUDGET)
            .build();
        let writer: IndexWriter = index.writer_with_options(options).map_err(engine)?;
        let mut merges = LogMergePolicy::default();
        merges.set_min_layer_size(1_000);
        writer.set_merge_policy(Box::new(merges));
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()
            .map_err(engine)?;
        Ok(Self {
            layout: Arc::new(Layout {
                seq,
                missing,
                fields,
            }),
            writer,
            reader,
            directory,
        })
    }

    /// Takes rows in and out, and gives the segments as they are then. `known` are the rows that
    /// the segments before this held.
    pub(crate) fn take(
        &mut self,
        added: &[Arc<Row>],
        removed: &[Arc<Row>],
        before: Option<&Segments>,
    ) -> Result<Segments> {
        for row in removed {
            self.writer
                .delete_term(Term::from_field_u64(self.layout.seq, row.seq));
        }
        for row in added.iter().filter(|row| !row.is_dead()) {
            // A row that an attempt before this one left behind is not to be there twice.
            self.writer
                .delete_term(Term::from_field_u64(self.layout.seq, row.seq));
            let document = self.document(row.seq, &row.document);
            self.writer.add_document(document).map_err(engine)?;
        }
        self.writer.commit().map_err(engine)?;
        self.reader.reload().map_err(engine)?;
        let searcher = self.reader.searcher();
        let mut known: HashMap<u64, &Arc<Row>, foldhash::fast::RandomState> =
            added.iter().map(|row| (row.seq, row)).collect();
        for rows in before.iter().flat_map(|before| &before.rows) {
            known.extend(rows.iter().flatten().map(|row| (row.seq, row)));
        }
        let rows = searcher
            .segment_readers()
            .iter()
            .map(|segment| {
                let seqs = segment.fast_fields().u64("seq").map_err(engine)?;
                Ok((0..segment.max_doc())
                    .map(|doc| {
                        let row = known.get(&seqs.first(doc)?)?;
                        (!row.is_dead()).then(|| Arc::clone(row))
                    })
                    .collect())
            })
            .collect::<Result<_>>()?;
        Ok(Segments {
            layout: Arc::clone(&self.layout),
            searcher,
            rows,
            bytes: self.directory.total_mem_usage() as u64,
        })
    }

    fn document(&self, seq: u64, document: &Document) -> TantivyDocument {
        let mut out = TantivyDocument::new();
        out.add_u64(self.layout.seq, seq);
        for (number, (data, layout)) in document
            .fields()
            .iter()
            .zip(&self.layout.fields)
            .enumerate()
        {
            match &data.values {
                Values::Missing => out.add_u64(self.layout.missing, number as u64),
                Values::Many(values) if values.is_empty() => {
                    out.add_u64(self.layout.missing, EMPTY_LIST + number as u64);
                }
                _ => {}
            }
            if let Some(field) = layout.exact {
                for value in data.values.as_slice() {
                    match exact_term(layout.kind, value) {
                        Exact::Number(number) => out.add_u64(field, number),
                        Exact::Text(text) => out.add_text(field, text),
                    }
                }
            }
            if let (Some(field), Some(tokens)) = (layout.tokens, &data.tokens) {
                for (token, _) in tokens.iter() {
                    out.add_text(field, token);
                }
            }
        }
        out
    }
}

const EMPTY_LIST: u64 = 1 << 16;

impl Layout {
    /// The term of documents whose field is missing.
    pub(crate) fn missing(&self, field: u16) -> Term {
        Term::from_field_u64(self.missing, u64::from(field))
    }

    /// The term of documents whose field is a list without elements.
    pub(crate) fn empty_list(&self, field: u16) -> Term {
        Term::from_field_u64(self.missing, EMPTY_LIST + u64::from(field))
    }
}

/// A value as it is indexed.
pub(crate) enum Exact {
    /// Ordered kinds: a number of the same order.
    Number(u64),
    /// All others: their text.
    Text(String),
}

/// Integers of a field of kind `U64` are themselves; all others are shifted by 2^63, so that
/// their order is that of the result.
pub(crate) fn exact_term(kind: Kind, value: &Value) -> Exact {
    match value {
        Value::Int(int) if kind == Kind::U64 => Exact::Number(*int as u64),
        Value::Int(int) => Exact::Number((*int as u64) ^ (1 << 63)),
        Value::Float(float) => Exact::Number(float_key(*float)),
        Value::Bool(bool) => Exact::Text(if *bool { "1" } else { "0" }.to_owned()),
        Value::Str(text) => Exact::Text(text.clone()),
        other => Exact::Text(other.to_string()),
    }
}

fn float_key(float: f64) -> u64 {
    let bits = (float + 0.0).to_bits();
    if bits >> 63 == 0 {
        bits | (1 << 63)
    } else {
        !bits
    }
}
