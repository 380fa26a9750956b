//! Segments: immutable parts of a model's index, each built or merged in one go.
//!
//! tantivy writes, merges and reads them; which of their documents are still alive, and when to
//! merge, is ours to say. So there is no tantivy writer with its threads, commits and locks:
//! see ADR 5.

use std::sync::Arc;

use larder_core::Result;
use tantivy::columnar::{Column, StrColumn};
use tantivy::directory::{OwnedBytes, RamDirectory};
use tantivy::fastfield::{AliveBitSet, write_alive_bitset};
use tantivy::indexer::merge_filtered_segments;
use tantivy::schema::{Field, Type};
use tantivy::store::Compressor;
use tantivy::{BitSet, Index, IndexSettings, InvertedIndexReader, SegmentReader, TantivyDocument};

use crate::bits::Docs;
use crate::error::{engine, internal};
use crate::index::Layout;
use crate::overlay::Pending;
use crate::rows::Row;

/// What tantivy sizes its hash tables by when a segment is built: bytes for each document. The
/// tables grow where this is too little.
const BUDGET_PER_DOCUMENT: usize = 4_000;

/// One part of the index.
pub(crate) struct Segment {
    pub(crate) layout: Arc<Layout>,
    pub(crate) reader: SegmentReader,
    pub(crate) missing: Arc<InvertedIndexReader>,
    pub(crate) fields: Vec<FieldReaders>,
    /// The number of each document's row, ascending.
    seqs: Box<[u64]>,
    /// Each document's id, cut to 64 bits that keep its order.
    pub(crate) ranks: Box<[u64]>,
    source: tantivy::Segment,
    bytes: usize,
}

/// What of one field can be read.
#[derive(Default)]
pub(crate) struct FieldReaders {
    pub(crate) exact: Option<Arc<InvertedIndexReader>>,
    pub(crate) tokens: Option<Arc<InvertedIndexReader>>,
    pub(crate) numbers: Option<Column<u64>>,
    pub(crate) strings: Option<StrColumn>,
    pub(crate) geo: Option<(Column<u64>, Column<u64>)>,
}

/// A segment with the rows behind its documents and what of them is alive. Clones are
/// snapshots: a row that dies later is alive in them still.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) segment: Arc<Segment>,
    pub(crate) rows: Arc<[Option<Arc<Row>>]>,
    pub(crate) alive: Arc<Docs>,
    /// How many rows have died since `rows` was made.
    pub(crate) died: usize,
}

impl Live {
    /// The segment of these rows.
    pub(crate) fn build(layout: &Arc<Layout>, pending: &[Arc<Pending>]) -> Result<Self> {
        let directory = RamDirectory::create();
        let budget = (pending.len() * BUDGET_PER_DOCUMENT).clamp(100_000, 15_000_000);
        let mut writer = Index::builder()
            .schema(layout.schema.clone())
            .settings(settings())
            .tokenizers(layout.tokenizers.clone())
            .single_segment_index_writer::<TantivyDocument>(directory.clone(), budget)
            .map_err(engine)?;
        for pending in pending {
            writer
                .add_document(layout.document(&pending.document))
                .map_err(engine)?;
        }
        let index = writer.finalize().map_err(engine)?;
        let rows = pending.iter().map(|pending| Some(Arc::clone(&pending.row)));
        Self::open(layout, &index, &directory, rows.collect())
    }

    /// One segment of what is alive in several, which come one after another.
    pub(crate) fn merge(parts: &[Self]) -> Result<Self> {
        let Some(first) = parts.first() else {
            return Err(internal("nothing to merge"));
        };
        let directory = RamDirectory::create();
        let sources: Vec<_> = parts
            .iter()
            .map(|part| part.segment.source.clone())
            .collect();
        let alive = parts
            .iter()
            .map(|part| {
                let mut bits = BitSet::with_max_value(part.alive.len());
                for doc in part.alive.iter() {
                    bits.insert(doc);
                }
                let mut bytes = Vec::new();
                write_alive_bitset(&bits, &mut bytes).map_err(engine)?;
                Ok(Some(AliveBitSet::open(OwnedBytes::new(bytes))))
            })
            .collect::<Result<_>>()?;
        let index = merge_filtered_segments(&sources, settings(), alive, directory.clone())
            .map_err(engine)?;
        let rows = parts
            .iter()
            .flat_map(|part| part.alive.iter().map(|doc| part.rows[doc as usize].clone()));
        Self::open(&first.segment.layout, &index, &directory, rows.collect())
    }

    fn open(
        layout: &Arc<Layout>,
        index: &Index,
        directory: &RamDirectory,
        rows: Arc<[Option<Arc<Row>>]>,
    ) -> Result<Self> {
        let source = index
            .searchable_segments()
            .map_err(engine)?
            .pop()
            .ok_or_else(|| internal("tantivy wrote no segment"))?;
        let reader = SegmentReader::open(&source).map_err(engine)?;
        let mut seqs = Vec::with_capacity(rows.len());
        let mut ranks = Vec::with_capacity(rows.len());
        for row in rows.iter().flatten() {
            seqs.push(row.seq);
            ranks.push(row.id.rank());
        }
        let in_order = seqs.is_sorted() && seqs.len() == rows.len();
        if !in_order || reader.max_doc() as usize != rows.len() {
            return Err(internal("a segment's documents are not its rows"));
        }
        let fields = layout
            .fields
            .iter()
            .map(|field| {
                let inverted = |field: Option<Field>| {
                    field
                        .map(|field| reader.inverted_index(field).map_err(engine))
                        .transpose()
                };
                let numbers = |field: Field| number_column(&reader, field);
                let (mut number, mut string) = (None, None);
                if let Some(column) = field.column {
                    let entry = layout.schema.get_field_entry(column);
                    if entry.field_type().value_type() == Type::U64 {
                        number = Some(numbers(column)?);
                    } else {
                        string = reader.fast_fields().str(entry.name()).map_err(engine)?;
                    }
                }
                Ok(FieldReaders {
                    exact: inverted(field.exact)?,
                    tokens: inverted(field.tokens)?,
                    numbers: number,
                    strings: string,
                    geo: match field.geo {
                        Some((lat, lon)) => Some((numbers(lat)?, numbers(lon)?)),
                        None => None,
                    },
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            segment: Arc::new(Segment {
                missing: reader.inverted_index(layout.missing).map_err(engine)?,
                layout: Arc::clone(layout),
                fields,
                seqs: seqs.into(),
                ranks: ranks.into(),
                source,
                bytes: directory.total_mem_usage(),
                reader,
            }),
            alive: Arc::new(Docs::all(rows.len() as u32)),
            rows,
            died: 0,
        })
    }

    /// The document of the row with this number, if it is in here.
    pub(crate) fn locate(&self, seq: u64) -> Option<u32> {
        let doc = self.segment.seqs.binary_search(&seq).ok()?;
        Some(doc as u32)
    }

    /// Takes note that the row behind `doc` died; says whether that was news.
    pub(crate) fn kill(&mut self, doc: u32) -> bool {
        let news = self.alive.contains(doc);
        if news {
            Arc::make_mut(&mut self.alive).remove(doc);
            self.died += 1;
        }
        news
    }

    /// About how many bytes the segment takes, its rows' objects not counted.
    pub(crate) fn bytes(&self) -> u64 {
        let of_docs = self.rows.len() * (size_of::<Option<Arc<Row>>>() + 2 * size_of::<u64>());
        (self.segment.bytes + of_docs) as u64
    }

    /// Whether a row with this number could be in here, going by the highest that is.
    pub(crate) fn reaches(&self, seq: u64) -> bool {
        self.segment.seqs.last().is_some_and(|last| *last >= seq)
    }

    /// Forgets the rows of dead documents, which hold their objects in memory.
    pub(crate) fn sweep(&mut self, rows: Arc<[Option<Arc<Row>>]>, died: usize) {
        self.rows = rows;
        self.died = self.died.saturating_sub(died);
    }

    /// The rows without those of dead documents.
    pub(crate) fn swept(&self) -> Arc<[Option<Arc<Row>>]> {
        (0..)
            .zip(self.rows.iter())
            .map(|(doc, row)| row.clone().filter(|_| self.alive.contains(doc)))
            .collect()
    }
}

fn number_column(reader: &SegmentReader, field: Field) -> Result<Column<u64>> {
    let name = reader.schema().get_field_name(field);
    let column = reader.fast_fields().column_opt(name).map_err(engine)?;
    Ok(column.unwrap_or_else(|| Column::build_empty_column(reader.max_doc())))
}

/// Nothing is stored, so there is nothing to compress, least of all in a thread of its own.
fn settings() -> IndexSettings {
    IndexSettings {
        docstore_compression: Compressor::None,
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    }
}
