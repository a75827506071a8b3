//! Blocks of a few hundred bytes to 64 KiB, in spans of blocks of one size.
//!
//! Addresses for a terabyte of each tier are reserved at the first use: where a block is tells its tier, its span and its number
//! there. A bit says whether it is free. What is free stays memory for a while, until [`purge`] gives it back to the
//! system; its addresses are used again.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::{
    class::{CLASSES, Class, MAX_BLOCKS, TIERS, span_size},
    memory,
};

/// The number of bytes of addresses of a tier.
const TIER: usize = 1 << 40;

/// The shortest run of free blocks that is given back while others of its span are in use.
const MIN_RUN: usize = 64 * 1024;

/// The smallest block that is given back while others of its span are in use: a few of them make a run.
const MIN_BLOCK: usize = 16 * 1024;

/// The number of spans of a class from which its spans prefer huge pages. The memory of few blocks is not rounded up to these.
const HUGE_FROM: u32 = 4;

/// The size of the chunks in which the store has its short entries. These are read at random, which profits from huge pages, so
/// that their spans prefer them from the first on.
const CHUNK: usize = 32 * 1024;

/// The smallest span that has huge pages of its own.
const HUGE_SPAN: usize = 2 * 1024 * 1024;

/// The first tiers have several spans in one huge page, and prefer those too.
const SHARED_HUGE_TIERS: usize = 3;

/// A bit for each block of a span.
type Bits = [u64; MAX_BLOCKS / 64];

/// The number of a span in its tier; none is 0.
type Link = u32;

/// The addresses that are reserved.
struct Reserved {
    spans: *mut u8,
    /// The descriptions of the spans of each tier.
    descriptions: [*mut Span; TIERS],
}

// SAFETY: addresses alone. What is there is guarded by the locks of classes and tiers.
unsafe impl Send for Reserved {}
// SAFETY: the same.
unsafe impl Sync for Reserved {}

static RESERVED: OnceLock<Option<Reserved>> = OnceLock::new();
static CLASS_STATES: [[Mutex<ClassState>; CLASSES]; TIERS] =
    [const { [const { Mutex::new(ClassState::new()) }; CLASSES] }; TIERS];
static TIER_STATES: [Mutex<TierState>; TIERS] = [const { Mutex::new(TierState { vacant: 0, used: 0 }) }; TIERS];

/// The description of a span. Zeros are one that was never used.
struct Span {
    free: Bits,
    free_blocks: u32,
    /// The neighbours in the list of the spans with a free block.
    previous: Link,
    next: Link,
    /// The next one that has memory to give back, or that is vacant.
    next_dirty: Link,
    is_dirty: bool,
}

/// The spans of a class. Locked before those of its tier.
struct ClassState {
    /// The first span with a free block.
    partial: Link,
    /// The first span with memory to give back.
    dirty: Link,
    spans: u32,
}

/// The spans of a tier that no class has.
struct TierState {
    vacant: Link,
    /// The number of spans that were ever used.
    used: u32,
}

/// Allocates a block. `None` if there are no addresses for it.
#[inline]
pub(super) fn allocate(class: Class) -> Option<*mut u8> {
    let reserved = RESERVED.get_or_init(Reserved::new).as_ref()?;
    let mut state = lock(class);
    if state.partial == 0 {
        state.add_span(reserved, class)?;
    }
    let link = state.partial;
    let span = reserved.span(&mut state, class, link);
    let block = take_first(&mut span.free)?;
    span.free_blocks -= 1;
    if span.free_blocks == 0 {
        state.unlink(reserved, class, link);
    }
    Some(reserved.start(class.tier(), link).wrapping_add(block * class.block_size()))
}

/// Whether a block is one of these.
#[inline]
pub(super) fn own(block: *mut u8) -> bool {
    let reserved = RESERVED.get().and_then(Option::as_ref);
    reserved.is_some_and(|reserved| block.addr().wrapping_sub(reserved.spans.addr()) < TIERS * TIER)
}

/// Frees a block.
#[inline]
pub(super) fn free(block: *mut u8, class: Class) {
    let Some(reserved) = RESERVED.get().and_then(Option::as_ref) else { return };
    let offset = (block.addr() - reserved.spans.addr()) % TIER;
    let link = (offset / class.span_size()) as Link + 1;
    let block = offset % class.span_size() / class.block_size();
    let mut state = lock(class);
    let span = reserved.span(&mut state, class, link);
    span.free[block / 64] |= 1 << (block % 64);
    span.free_blocks += 1;
    if span.free_blocks == 1 {
        state.link(reserved, class, link);
    }
    state.note_free(reserved, class, link);
}

/// Gives the memory of free blocks back to the system.
pub(super) fn purge() {
    let Some(reserved) = RESERVED.get().and_then(Option::as_ref) else { return };
    for tier in 0..TIERS {
        let mut vacant = Vec::new();
        for class in Class::all(tier) {
            let mut link = std::mem::take(&mut lock(class).dirty);
            while link != 0 {
                let (next, is_vacant) = purge_span(reserved, class, link);
                vacant.extend(is_vacant.then_some(link));
                link = next;
            }
        }
        give_back_spans(reserved, tier, &mut vacant);
    }
}

/// Gives back what is free of a span. A span without a block in use is taken from its class instead. Returns the next dirty span,
/// and whether this one was taken.
fn purge_span(reserved: &Reserved, class: Class, link: Link) -> (Link, bool) {
    let mut state = lock(class);
    let span = reserved.span(&mut state, class, link);
    let (free, free_blocks, next) = (span.free, span.free_blocks, span.next_dirty);
    (span.free, span.free_blocks, span.is_dirty) = (Bits::default(), 0, false);
    if free_blocks == 0 {
        return (next, false);
    }
    state.unlink(reserved, class, link);
    if free_blocks as usize == class.blocks() {
        state.spans -= 1;
        return (next, true);
    }
    // Nobody gets the blocks meanwhile, and nobody waits for the system.
    drop(state);
    give_back(reserved.start(class.tier(), link), class, &free);
    let mut state = lock(class);
    let span = reserved.span(&mut state, class, link);
    let is_linked = span.free_blocks > 0;
    span.free.iter_mut().zip(free).for_each(|(bits, free)| *bits |= free);
    span.free_blocks += free_blocks;
    if !is_linked {
        state.link(reserved, class, link);
    } else if span.free_blocks as usize == class.blocks() {
        // The last ones were freed meanwhile.
        state.note_free(reserved, class, link);
    }
    (next, false)
}

/// Gives back spans that no class has. Neighbours are given back together, so that huge pages stay whole.
fn give_back_spans(reserved: &Reserved, tier: usize, vacant: &mut [Link]) {
    vacant.sort_unstable();
    for spans in vacant.chunk_by(|one, next| one + 1 == *next) {
        memory::give_back(reserved.start(tier, spans[0]), 0..spans.len() * span_size(tier));
    }
    let mut state = TierState::lock(tier);
    // The first one is used first.
    vacant.iter().rev().for_each(|link| state.put(reserved, tier, *link));
}

/// Gives back the memory of the runs of free blocks of a span.
fn give_back(start: *mut u8, class: Class, free: &Bits) {
    let is_free = |block: &usize| free[block / 64] & 1 << (block % 64) != 0;
    let (blocks, size) = (class.blocks(), class.block_size());
    let mut block = 0;
    while block < blocks {
        let run = (block..blocks).take_while(is_free).count();
        if run * size >= MIN_RUN {
            memory::give_back(start, block * size..(block + run) * size);
        }
        block += run + 1;
    }
}

/// Takes the first bit that is set.
#[inline]
fn take_first(bits: &mut Bits) -> Option<usize> {
    let (index, word) = bits.iter_mut().enumerate().find(|(_, word)| **word != 0)?;
    let bit = word.trailing_zeros() as usize;
    *word &= *word - 1;
    Some(index * 64 + bit)
}

#[inline]
fn lock(class: Class) -> MutexGuard<'static, ClassState> {
    CLASS_STATES[class.tier()][class.index()].lock().unwrap_or_else(PoisonError::into_inner)
}

impl Class {
    /// Whether memory is given back when so many blocks of a span are free.
    #[inline]
    fn is_given_back(self, free_blocks: u32) -> bool {
        self.block_size() > MIN_BLOCK || free_blocks as usize == self.blocks()
    }
}

impl Reserved {
    /// `None` if the system refuses so many addresses, as some limits make it do.
    #[cold]
    fn new() -> Option<Self> {
        let spans = memory::reserve(TIERS * TIER + MAX_ALIGN)?;
        let spans = spans.wrapping_add(spans.align_offset(MAX_ALIGN));
        memory::prefer_huge_pages(spans, 0..TIERS * TIER, false);
        for tier in 0..SHARED_HUGE_TIERS {
            memory::prefer_huge_pages(spans, tier * TIER..(tier + 1) * TIER, true);
        }
        let mut descriptions = [std::ptr::null_mut(); TIERS];
        for (tier, descriptions) in descriptions.iter_mut().enumerate() {
            *descriptions = memory::reserve(spans_of(tier) * size_of::<Span>())?.cast();
        }
        Some(Self { spans, descriptions })
    }

    /// The description of a span of a class that is locked.
    #[inline]
    fn span<'a>(&self, _: &'a mut ClassState, class: Class, link: Link) -> &'a mut Span {
        // SAFETY: the number is that of a span. Zeros are a description, and the lock of the class guards those of its spans.
        unsafe { &mut *self.descriptions[class.tier()].add(link as usize - 1) }
    }

    /// The description of a span of a tier that is locked, and that no class has.
    fn vacant_span<'a>(&self, _: &'a mut TierState, tier: usize, link: Link) -> &'a mut Span {
        // SAFETY: the same, with the lock of the tier.
        unsafe { &mut *self.descriptions[tier].add(link as usize - 1) }
    }

    #[inline]
    fn start(&self, tier: usize, link: Link) -> *mut u8 {
        self.spans.wrapping_add(tier * TIER + (link as usize - 1) * span_size(tier))
    }
}

/// The alignment of all spans: that of huge pages.
const MAX_ALIGN: usize = HUGE_SPAN;

/// The number of spans that a tier has addresses for.
const fn spans_of(tier: usize) -> usize {
    TIER / span_size(tier)
}

impl ClassState {
    const fn new() -> Self {
        Self { partial: 0, dirty: 0, spans: 0 }
    }

    /// Takes a span of the tier. `None` if all are used.
    #[cold]
    fn add_span(&mut self, reserved: &Reserved, class: Class) -> Option<()> {
        let link = TierState::lock(class.tier()).take(reserved, class.tier())?;
        let span = reserved.span(self, class, link);
        *span = Span {
            free: Bits::default(),
            free_blocks: class.blocks() as u32,
            previous: 0,
            next: 0,
            next_dirty: 0,
            is_dirty: false,
        };
        for block in 0..class.blocks() {
            span.free[block / 64] |= 1 << (block % 64);
        }
        self.link(reserved, class, link);
        self.spans += 1;
        let is_huge = self.spans >= HUGE_FROM || class == Class::of(CHUNK);
        if is_huge && class.span_size() >= HUGE_SPAN {
            memory::prefer_huge_pages(reserved.start(class.tier(), link), 0..class.span_size(), true);
        }
        Some(())
    }

    /// Notes that a block of a span is free: the span may have memory to give back.
    #[inline]
    fn note_free(&mut self, reserved: &Reserved, class: Class, link: Link) {
        let dirty = self.dirty;
        let span = reserved.span(self, class, link);
        if class.is_given_back(span.free_blocks) && !span.is_dirty {
            (span.is_dirty, span.next_dirty) = (true, dirty);
            self.dirty = link;
        }
    }

    /// Adds a span to those with a free block.
    fn link(&mut self, reserved: &Reserved, class: Class, link: Link) {
        let next = std::mem::replace(&mut self.partial, link);
        let span = reserved.span(self, class, link);
        (span.previous, span.next) = (0, next);
        if next != 0 {
            reserved.span(self, class, next).previous = link;
        }
    }

    fn unlink(&mut self, reserved: &Reserved, class: Class, link: Link) {
        let span = reserved.span(self, class, link);
        let (previous, next) = (span.previous, span.next);
        match previous {
            0 => self.partial = next,
            previous => reserved.span(self, class, previous).next = next,
        }
        if next != 0 {
            reserved.span(self, class, next).previous = previous;
        }
    }
}

impl TierState {
    fn lock(tier: usize) -> MutexGuard<'static, Self> {
        TIER_STATES[tier].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&mut self, reserved: &Reserved, tier: usize) -> Option<Link> {
        let vacant = self.vacant;
        if vacant != 0 {
            self.vacant = reserved.vacant_span(self, tier, vacant).next_dirty;
            return Some(vacant);
        }
        self.used = self.used.checked_add(1).filter(|used| *used as usize <= spans_of(tier))?;
        Some(self.used)
    }

    fn put(&mut self, reserved: &Reserved, tier: usize, link: Link) {
        let vacant = std::mem::replace(&mut self.vacant, link);
        reserved.vacant_span(self, tier, link).next_dirty = vacant;
    }
}
