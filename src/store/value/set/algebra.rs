//! The intersection, union and difference of sets.

use std::collections::HashSet;

use foldhash::quality::RandomState;

use super::{Set, SetLimits, SetRef};
use crate::store::value::packed::Element;

/// From how many look-ups on an index of a packed set is faster than searches.
const MIN_LOOKUPS: usize = 8;

/// A set in which members are looked up.
#[derive(Debug)]
enum Lookup<'a> {
    Direct(SetRef<'a>),
    Indexed(HashSet<Element<'a>, RandomState>),
}

impl<'a> Lookup<'a> {
    /// A set in which about so many members will be looked up.
    fn new(set: SetRef<'a>, lookups: usize) -> Self {
        match set {
            SetRef::Packed(entries) if lookups >= MIN_LOOKUPS && entries.len() >= MIN_LOOKUPS => {
                Self::Indexed(entries.iter().collect())
            }
            set => Self::Direct(set),
        }
    }

    fn contains(&self, member: &[u8]) -> bool {
        match self {
            Self::Direct(set) => set.contains(member),
            Self::Indexed(members) => members.contains(&Element::new(member)),
        }
    }
}

/// Visits the members that are in all of the sets, until `visit` returns false. A missing set is empty.
pub(crate) fn intersection(sets: &[Option<SetRef<'_>>], mut visit: impl FnMut(&[u8]) -> bool) {
    let Some(mut sets) = sets.iter().copied().collect::<Option<Vec<_>>>() else { return };
    sets.sort_by_key(|set| set.len());
    let Some((smallest, others)) = sets.split_first() else { return };
    let others: Vec<_> = others.iter().map(|set| Lookup::new(*set, smallest.len())).collect();
    let mut goes_on = true;
    smallest.for_each(|member| {
        if goes_on && others.iter().all(|set| set.contains(member)) {
            goes_on = visit(member);
        }
    });
}

/// Visits the members of the first set that are in none of the others, until `visit` returns false. A missing set is empty.
pub(crate) fn difference(sets: &[Option<SetRef<'_>>], mut visit: impl FnMut(&[u8]) -> bool) {
    let Some((Some(first), others)) = sets.split_first() else { return };
    let others: Vec<_> = others.iter().flatten().map(|set| Lookup::new(*set, first.len())).collect();
    let mut goes_on = true;
    first.for_each(|member| {
        if goes_on && !others.iter().any(|set| set.contains(member)) {
            goes_on = visit(member);
        }
    });
}

/// The set of the members that are in any of the sets, at most `most` of them. A missing set is empty.
pub(crate) fn union(sets: &[Option<SetRef<'_>>], most: usize, limits: SetLimits) -> Set {
    let mut all = Set::default();
    for set in sets.iter().flatten() {
        set.for_each(|member| {
            if all.len() < most {
                all.insert(member, limits);
            }
        });
    }
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::store::value::PackedLimit;

    const LIMITS: SetLimits = SetLimits { integers: 12, packed: PackedLimit { entries: 12, value: 10 } };

    fn collect(visit_all: impl FnOnce(&mut dyn FnMut(&[u8]) -> bool)) -> BTreeSet<Vec<u8>> {
        let mut members = BTreeSet::new();
        visit_all(&mut |member| members.insert(member.to_vec()));
        members
    }

    proptest! {
        #[test]
        fn sets_are_combined(models in prop::collection::vec(prop::collection::btree_set("[0-9]{1,2}|[ab]", 0..24), 1..4)) {
            let models: Vec<BTreeSet<Vec<u8>>> =
                models.into_iter().map(|set| set.into_iter().map(String::into_bytes).collect()).collect();
            let sets: Vec<Set> = models.iter().map(|model| {
                let mut set = Set::default();
                model.iter().for_each(|member| assert!(set.insert(member, LIMITS)));
                set
            }).collect();
            // An empty set does not exist.
            let sets: Vec<_> = sets.iter().map(|set| Some(set.as_ref()).filter(|set| set.len() > 0)).collect();
            let (first, others) = models.split_first().expect("a set");
            let intersected = others.iter().fold(first.clone(), |all, other| &all & other);
            let subtracted = others.iter().fold(first.clone(), |all, other| &all - other);
            let united = others.iter().fold(first.clone(), |all, other| &all | other);
            prop_assert_eq!(collect(|visit| intersection(&sets, visit)), intersected);
            prop_assert_eq!(collect(|visit| difference(&sets, visit)), subtracted);
            let all = union(&sets, usize::MAX, LIMITS);
            prop_assert_eq!(collect(|visit| all.as_ref().for_each(|member| assert!(visit(member)))), united.clone());
            prop_assert_eq!(union(&sets, 3, LIMITS).len(), united.len().min(3));
        }
    }

    #[test]
    fn a_visit_ends_when_it_was_told_to() {
        let mut set = Set::default();
        (0..9_u8).for_each(|number| _ = set.insert(&[b'a' + number], LIMITS));
        let (sets, mut visited) = ([Some(set.as_ref()), Some(set.as_ref())], 0);
        intersection(&sets, |_| {
            visited += 1;
            visited < 4
        });
        assert_eq!(visited, 4);
        difference(&sets[..1], |_| {
            visited += 1;
            visited < 6
        });
        assert_eq!(visited, 6);
    }
}
