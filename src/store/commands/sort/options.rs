//! [`SortOptions`]: the options of SORT.

use std::ops::Range;

use kvstore_protocol::CommandError;

use super::reference::Reference;
use crate::store::args::Args;

/// `[BY pattern] [LIMIT offset count] [GET pattern [GET pattern …]] [ASC | DESC] [ALPHA] [STORE destination]`
#[derive(Debug, Default)]
pub(super) struct SortOptions<'a> {
    /// What the elements are sorted by, if not by themselves.
    pub(super) by: Option<Reference<'a>>,
    /// Whether the elements stay in the order that they have: a pattern of BY had no star.
    pub(super) is_unsorted: bool,
    pub(super) is_descending: bool,
    pub(super) is_alphabetical: bool,
    /// The number of elements that are skipped.
    pub(super) offset: usize,
    /// The most elements that are answered.
    pub(super) count: Option<usize>,
    /// What is answered for each element, if not the element itself.
    pub(super) gets: Vec<Reference<'a>>,
    /// Whether the result is stored.
    pub(super) is_stored: bool,
}

impl<'a> SortOptions<'a> {
    /// Parses the options behind the key. SORT_RO has no STORE.
    ///
    /// # Errors
    /// As Redis has them.
    pub(super) fn parse(args: &Args<'a>) -> Result<Self, CommandError> {
        let (mut sort, mut options) = (Self::default(), args.options(1));
        let has_store = args.command().is("SORT");
        loop {
            if options.keyword("ASC") {
                sort.is_descending = false;
            } else if options.keyword("DESC") {
                sort.is_descending = true;
            } else if options.keyword("ALPHA") {
                sort.is_alphabetical = true;
            } else if options.keyword("LIMIT") {
                if options.len() < 2 {
                    return Err(CommandError::SYNTAX);
                }
                sort.offset = usize::try_from(options.integer()?).unwrap_or(0);
                sort.count = usize::try_from(options.integer()?).ok();
            } else if has_store && options.keyword("STORE") {
                options.value()?;
                sort.is_stored = true;
            } else if options.keyword("BY") {
                let pattern = options.value()?;
                sort.is_unsorted |= !pattern.contains(&b'*');
                sort.by = Some(Reference::parse(pattern));
            } else if options.keyword("GET") {
                sort.gets.push(Reference::parse(options.value()?));
            } else {
                break;
            }
        }
        options.finish()?;
        Ok(sort)
    }

    /// Which of so many elements are asked for.
    pub(super) fn chosen(&self, length: usize) -> Range<usize> {
        let start = self.offset.min(length);
        start..start.saturating_add(self.count.unwrap_or(usize::MAX)).min(length)
    }

    /// Whether keys are read that are not among the arguments.
    pub(super) fn reads_other_keys(&self) -> bool {
        let sorts_by_others = !self.is_unsorted && self.by.is_some_and(Reference::is_of_key);
        sorts_by_others || self.gets.iter().any(|get| get.is_of_key())
    }
}
