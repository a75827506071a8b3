//! [`Trim`]: removing the oldest entries of a stream.

use super::{Group, Log, Node, StreamId};

/// Which entries are removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// The first ones, until so many are left.
    MaxLen(u64),
    /// Those in front of an identifier.
    MinId(StreamId),
}

/// What becomes of the groups to which entries that are removed are pending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum References {
    /// They are pending as before.
    #[default]
    Keep,
    /// They are pending no more.
    Delete,
    /// Only entries are removed that every group was given, and has acknowledged.
    Acknowledged,
}

/// How a stream is trimmed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trim {
    pub(crate) bound: Bound,
    /// The most entries that are removed, if only whole nodes are: that is faster.
    pub(crate) approximate: Option<u64>,
    pub(crate) references: References,
}

impl Log {
    /// Removes the oldest entries. Returns how many.
    pub(crate) fn trim(&mut self, trim: &Trim) -> usize {
        let before = self.counters.len;
        match trim.references {
            References::Acknowledged => self.trim_acknowledged(trim),
            _ => self.trim_all(trim),
        }
        self.drop_empty();
        self.update_first();
        (before - self.counters.len) as usize
    }

    /// About how many entries a trim looks at.
    pub(crate) fn work_of_trim(&self, trim: &Trim) -> usize {
        let entries = match trim.bound {
            Bound::MaxLen(most) => self.counters.len.saturating_sub(most) as usize,
            Bound::MinId(least) => return self.entries_up_to(least),
        };
        let removed = entries.min(trim.limit() as usize);
        match trim.references {
            // What is pending is passed over.
            References::Acknowledged if removed > 0 => {
                let pending: usize = self.groups.iter().map(Group::pending_count).sum();
                self.len().min(removed.saturating_add(pending))
            }
            _ => removed,
        }
    }

    /// Removes entries from the first on: whole nodes, and then some of the next one if all is to be exact.
    fn trim_all(&mut self, trim: &Trim) {
        let before = self.counters.len;
        while let Some(node) = self.nodes.front() {
            let (len, left) = (node.len() as u64, self.counters.len);
            if before - left + len > trim.limit() || trim.bound.is_met(left) {
                return;
            }
            if !trim.bound.removes_all(node, left) {
                break;
            }
            self.forget_all(trim.references);
            self.remove_first_node();
        }
        if trim.approximate.is_none() && !self.nodes.is_empty() {
            let most = self.counters.len.saturating_sub(trim.bound.kept()) as usize;
            let entries = self.nodes[0].slots().filter(|slot| !slot.is_deleted).take(most);
            let removed = entries.map(|slot| (slot.at, slot.entry.id())).take_while(|(_, id)| trim.bound.removes(*id));
            self.remove_all(&[(0, removed.collect())], trim.references);
        }
    }

    /// Removes entries that every group has acknowledged, from the first on. If only whole nodes are to be removed, it goes as far as
    /// without groups: to the first node of which some entries are to stay. An exact trim does not depend on the sizes of nodes.
    fn trim_acknowledged(&mut self, trim: &Trim) {
        let (before, mut left) = (self.counters.len, self.counters.len);
        // What is behind it was not given to every group.
        let given = self.groups.iter().map(|group| group.last_id).min().unwrap_or(StreamId::MAX);
        let (last, mut removed) = (given.min(trim.bound.least()), Vec::new());
        for (place, node) in self.nodes.iter().enumerate() {
            let is_beyond = trim.approximate.is_some()
                && (before - left + node.len() as u64 > trim.limit() || !trim.bound.removes_all(node, left));
            if trim.bound.is_met(left) || node.first() > last || is_beyond {
                break;
            }
            let most = (left - trim.bound.kept()) as usize;
            let entries = node.slots().filter(|slot| !slot.is_deleted).map(|slot| (slot.at, slot.entry.id()));
            let entries =
                entries.take_while(|(_, id)| trim.bound.removes(*id)).filter(|(_, id)| !self.is_referred_to(*id));
            let entries: Vec<_> = entries.take(most).collect();
            left -= entries.len() as u64;
            if !entries.is_empty() {
                removed.push((place, entries));
            }
        }
        self.remove_all(&removed, References::Keep);
    }

    /// Removes entries by the places of their nodes, and their offsets.
    fn remove_all(&mut self, removed: &[(usize, Vec<(usize, StreamId)>)], references: References) {
        for (place, entries) in removed {
            for (at, id) in entries {
                self.delete_at(*place, *at);
                if references == References::Delete {
                    self.forget(*id);
                }
            }
        }
    }

    /// Lets no entry of the first node be pending any more, if that is wanted.
    fn forget_all(&mut self, references: References) {
        if references == References::Delete && !self.groups.is_empty() {
            let ids: Vec<_> = self.nodes[0].iter().map(|entry| entry.id()).collect();
            ids.into_iter().for_each(|id| _ = self.forget(id));
        }
    }
}

impl Trim {
    /// The most entries that are removed.
    fn limit(&self) -> u64 {
        self.approximate.filter(|limit| *limit > 0).unwrap_or(u64::MAX)
    }
}

impl Bound {
    /// Whether nothing is to be removed from so many entries.
    fn is_met(self, len: u64) -> bool {
        len <= self.kept()
    }

    /// The number of entries that are left in any case.
    fn kept(self) -> u64 {
        match self {
            Self::MaxLen(most) => most,
            Self::MinId(_) => 0,
        }
    }

    /// The least identifier that is not removed.
    fn least(self) -> StreamId {
        match self {
            Self::MaxLen(_) => StreamId::MAX,
            Self::MinId(least) => least,
        }
    }

    /// Whether all entries of a node may be removed, from so many of the stream.
    fn removes_all(self, node: &Node, len: u64) -> bool {
        match self {
            Self::MaxLen(most) => len - node.len() as u64 >= most,
            Self::MinId(least) => node.last_id() < least,
        }
    }

    /// Whether an entry may be removed.
    fn removes(self, id: StreamId) -> bool {
        match self {
            Self::MaxLen(_) => true,
            Self::MinId(least) => id < least,
        }
    }
}
