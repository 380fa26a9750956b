//! Sets of a segment's documents, one bit each.

/// How many documents are looked at together.
pub(crate) const BLOCK: usize = 128;

/// A set of documents of one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Docs {
    words: Vec<u64>,
    len: u32,
}

impl Docs {
    pub(crate) fn none(len: u32) -> Self {
        Self {
            words: vec![0; (len as usize).div_ceil(64)],
            len,
        }
    }

    pub(crate) fn all(len: u32) -> Self {
        let mut docs = Self {
            words: vec![u64::MAX; (len as usize).div_ceil(64)],
            len,
        };
        docs.cut_tail();
        docs
    }

    /// Bits behind the last document stay zero, so that counts and words need no care.
    fn cut_tail(&mut self) {
        if let (Some(last), tail @ 1..) = (self.words.last_mut(), self.len % 64) {
            *last &= (1 << tail) - 1;
        }
    }

    /// How many documents the segment has, in the set or not.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    pub(crate) fn insert(&mut self, doc: u32) {
        self.words[doc as usize / 64] |= 1 << (doc % 64);
    }

    pub(crate) fn remove(&mut self, doc: u32) {
        self.words[doc as usize / 64] &= !(1 << (doc % 64));
    }

    pub(crate) fn contains(&self, doc: u32) -> bool {
        self.words[doc as usize / 64] & (1 << (doc % 64)) != 0
    }

    pub(crate) fn count(&self) -> usize {
        self.words
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    pub(crate) fn complement(&mut self) {
        for word in &mut self.words {
            *word = !*word;
        }
        self.cut_tail();
    }

    pub(crate) fn and(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= other;
        }
    }

    pub(crate) fn or(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        for (word, base) in self.words.iter_mut().zip((0..).step_by(64)) {
            let mut rest = *word;
            while rest != 0 {
                let bit = rest.trailing_zeros();
                rest &= rest - 1;
                if !keep(base + bit) {
                    *word &= !(1 << bit);
                }
            }
        }
    }

    /// Calls `each` with all documents, at most [`BLOCK`] at a time: the quick way.
    pub(crate) fn for_each_block(&self, mut each: impl FnMut(&[u32])) {
        let (mut block, mut filled) = ([0; BLOCK], 0);
        for (word, base) in self.words.iter().zip((0..).step_by(64)) {
            let mut rest = *word;
            while rest != 0 {
                block[filled] = base + rest.trailing_zeros();
                rest &= rest - 1;
                filled += 1;
                if filled == BLOCK {
                    each(&block);
                    filled = 0;
                }
            }
        }
        if filled > 0 {
            each(&block[..filled]);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words
            .iter()
            .zip((0_u32..).step_by(64))
            .flat_map(|(&word, base)| {
                let mut rest = word;
                std::iter::from_fn(move || {
                    (rest != 0).then(|| {
                        let bit = rest.trailing_zeros();
                        rest &= rest - 1;
                        base + bit
                    })
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::Docs;

    #[test]
    fn a_complement_has_no_document_behind_the_last() {
        for len in [0, 1, 63, 64, 65, 130, 256, 700] {
            let mut docs = Docs::none(len);
            docs.complement();
            assert_eq!(docs.count(), len as usize);
            assert_eq!(docs, Docs::all(len));
            docs.retain(|doc| doc % 2 == 0);
            assert!(docs.iter().eq((0..len).step_by(2)));
            let mut in_blocks = Vec::new();
            docs.for_each_block(|block| in_blocks.extend_from_slice(block));
            assert!(docs.iter().eq(in_blocks));
        }
    }
}
