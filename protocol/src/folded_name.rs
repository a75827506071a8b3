//! [`FoldedName`]: a name as tables of names compare it, without regard to case and without a loop over its bytes.

/// The bit by which the two cases of a letter differ.
pub(crate) const CASE: u8 = b'a' ^ b'A';

/// The first eight bytes of a name and its last: all of it, when it has no more than sixteen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edges(u64, u64);

/// A name in lower case, and where its letters are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FoldedName {
    edges: Edges,
    /// The case bit of each byte of the edges that is a letter.
    cases: Edges,
    len: usize,
}

impl Edges {
    /// The longest name that its edges hold whole.
    pub(crate) const ALL: usize = 16;

    #[inline]
    pub(crate) const fn of(name: &[u8]) -> Self {
        if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
            Self(u64::from_le_bytes(*first), u64::from_le_bytes(*last))
        } else if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
            Self(u32::from_le_bytes(*first) as u64, u32::from_le_bytes(*last) as u64)
        } else if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
            Self(u16::from_le_bytes(*first) as u64, u16::from_le_bytes(*last) as u64)
        } else if let [byte] = name {
            Self(*byte as u64, 0)
        } else {
            Self(0, 0)
        }
    }

    /// A number less than `slots`, a power of two, that names of either case share. Tables know their names when they are
    /// built, so a peer cannot make a look-up slower than their longest chain.
    #[inline]
    pub(crate) const fn slot(self, slots: usize) -> usize {
        let cases = u64::from_ne_bytes([CASE; 8]);
        let mixed = (self.0 | cases) ^ (self.1 | cases).rotate_left(29);
        (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize & (slots - 1)
    }
}

impl FoldedName {
    pub(crate) const EMPTY: Self = Self { edges: Edges(0, 0), cases: Edges(0, 0), len: 0 };

    pub(crate) const fn new(name: &[u8]) -> Self {
        let edges = Edges::of(name);
        let cases = Edges(letters(edges.0), letters(edges.1));
        Self { edges: Edges(edges.0 | cases.0, edges.1 | cases.1), cases, len: name.len() }
    }

    /// Whether `name`, whose edges are `edges`, is this one as far as its edges and its length tell.
    #[inline]
    pub(crate) fn may_be(&self, name: &[u8], edges: Edges) -> bool {
        (edges.0 | self.cases.0, edges.1 | self.cases.1) == (self.edges.0, self.edges.1) && name.len() == self.len
    }
}

/// The case bit of each byte that is a letter.
pub(crate) const fn letters(bytes: u64) -> u64 {
    let (bytes, mut cases, mut index) = (bytes.to_le_bytes(), [0; 8], 0);
    while index < bytes.len() {
        if bytes[index].is_ascii_alphabetic() {
            cases[index] = CASE;
        }
        index += 1;
    }
    u64::from_le_bytes(cases)
}
