//! [`Marks`]: where some entries of a node begin.

/// The number of marks: with the usual 100 entries of a node, one for every 16.
const MARKS: usize = 6;

/// The offsets of some entries of a node, evenly spread. An entry is found without a look at all that are in front of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    offsets: [u16; MARKS],
    len: u8,
    /// Every so many entries have a mark, as a power of two. It grows with the node.
    distance: u8,
}

impl Marks {
    pub(super) const fn new() -> Self {
        Self { offsets: [0; MARKS], len: 0, distance: 4 }
    }

    /// Notes where the entry with an index begins. To be called for each, in order. Far behind in a node none is marked.
    #[inline]
    pub(super) fn note(&mut self, index: usize, offset: usize) {
        if index > 0 && self.has_mark(index) {
            self.add(index, offset);
        }
    }

    #[cold]
    fn add(&mut self, index: usize, offset: usize) {
        let Ok(offset) = u16::try_from(offset) else { return };
        if self.len() == MARKS {
            let kept = [1, 3, 5].map(|place| self.offsets[place]);
            self.offsets[..kept.len()].copy_from_slice(&kept);
            self.len = kept.len() as u8;
            self.distance += 1;
        }
        if self.has_mark(index) {
            self.offsets[self.len()] = offset;
            self.len += 1;
        }
    }

    /// Forgets the entries from an offset on, which are gone. The next one is noted with the index that the first of them had.
    pub(super) fn truncate(&mut self, end: usize) {
        let is_kept = |offset: &u16| usize::from(*offset) < end;
        self.len = self.offsets[..self.len()].partition_point(is_kept) as u8;
    }

    fn has_mark(&self, index: usize) -> bool {
        index.trailing_zeros() >= self.distance.into()
    }

    fn len(&self) -> usize {
        self.len.into()
    }

    /// The last of the marked offsets that is before what is looked for, and the first that is not.
    #[inline]
    pub(super) fn around(&self, is_before: impl Fn(usize) -> bool) -> (Option<usize>, Option<usize>) {
        let marked = &self.offsets[..self.len()];
        let place = marked.partition_point(|offset| is_before((*offset).into()));
        let (before, behind) = marked.split_at(place);
        (before.last().copied().map(usize::from), behind.first().copied().map(usize::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_spread_evenly() {
        let mut marks = Marks::new();
        let mut seen = Vec::new();
        for index in 0..1000 {
            marks.note(index, 3 * index + 7);
            if index == 15 || index == 100 || index == 120 || index == 999 {
                seen.push(marks.offsets[..marks.len()].iter().map(|offset| (offset - 7) / 3).collect::<Vec<_>>());
            }
        }
        assert_eq!(seen, [&[][..], &[16, 32, 48, 64, 80, 96], &[32, 64, 96], &[256, 512, 768]]);
        let around = |index: usize| marks.around(|offset| offset < 3 * index + 7);
        assert_eq!(around(256), (None, Some(775)));
        assert_eq!(around(300), (Some(775), Some(1543)));
        assert_eq!(around(800), (Some(2311), None));
    }

    #[test]
    fn what_is_far_behind_is_not_marked() {
        let mut marks = Marks::new();
        for index in 0..10_000 {
            marks.note(index, index * 100);
        }
        assert!(marks.len() > 0 && marks.len() < MARKS);
    }
}
