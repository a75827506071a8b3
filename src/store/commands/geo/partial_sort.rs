//! The quicksort of Bentley and McIlroy ("Engineering a Sort Function", 1993), of which only the first items are asked for. Redis sorts
//! with it when it answers some of the members: which of those at the same distance it has, and in which order, follows from the steps.

use std::cmp::Ordering;

/// Fewer items are sorted by insertion.
const FEW: usize = 7;

/// For more, the pivot is the median of nine.
const MANY: usize = 40;

/// Puts the first `wanted` items in their places. The others are in no order.
pub(super) fn sort_first<T>(items: &mut [T], wanted: usize, compare: impl Fn(&T, &T) -> Ordering + Copy) {
    // Items may be chosen so that each part is nearly as large as the whole: not for long.
    let depth = 4 * items.len().checked_ilog2().unwrap_or_default();
    sort_parts(items, wanted, depth, compare);
}

fn sort_parts<T>(mut items: &mut [T], mut wanted: usize, mut depth: u32, compare: impl Fn(&T, &T) -> Ordering + Copy) {
    while items.len() >= FEW {
        if depth == 0 {
            return items.sort_by(compare);
        }
        depth -= 1;
        let (less, greater) = partition(items, compare);
        if less > 1 {
            sort_parts(&mut items[..less], wanted, depth, compare);
        }
        let start = items.len() - greater;
        if wanted <= start {
            return;
        }
        items = &mut items[start..];
        wanted -= start;
    }
    insert_all(items, compare);
}

fn insert_all<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering) {
    for end in 1..items.len() {
        let mut at = end;
        while at > 0 && compare(&items[at - 1], &items[at]).is_gt() {
            items.swap(at - 1, at);
            at -= 1;
        }
    }
}

/// Moves the items that are less than a pivot to the front, and those that are greater to the back. Returns how many there are of both.
fn partition<T>(items: &mut [T], compare: impl Fn(&T, &T) -> Ordering + Copy) -> (usize, usize) {
    items.swap(0, pivot(items, compare));
    let last = items.len() - 1;
    // Those that are equal are collected at both ends: before `equal`, and behind `equal_behind`.
    let (mut equal, mut left, mut right, mut equal_behind) = (1, 1, last, last);
    loop {
        while left <= right {
            match compare(&items[left], &items[0]) {
                Ordering::Less => {}
                Ordering::Equal => {
                    items.swap(equal, left);
                    equal += 1;
                }
                Ordering::Greater => break,
            }
            left += 1;
        }
        while left <= right {
            match compare(&items[right], &items[0]) {
                Ordering::Less => break,
                Ordering::Equal => {
                    items.swap(right, equal_behind);
                    equal_behind -= 1;
                }
                Ordering::Greater => {}
            }
            right -= 1;
        }
        if left > right {
            break;
        }
        items.swap(left, right);
        left += 1;
        right -= 1;
    }
    let (less, greater) = (left - equal, equal_behind - right);
    let moved = equal.min(less);
    swap_ranges(items, 0, left - moved, moved);
    let moved = greater.min(last - equal_behind);
    swap_ranges(items, left, items.len() - moved, moved);
    (less, greater)
}

fn swap_ranges<T>(items: &mut [T], one: usize, other: usize, count: usize) {
    (0..count).for_each(|index| items.swap(one + index, other + index));
}

/// The index of the item that parts the others: a median of some.
fn pivot<T>(items: &[T], compare: impl Fn(&T, &T) -> Ordering + Copy) -> usize {
    let median = |one: usize, middle: usize, other: usize| median(items, [one, middle, other], compare);
    let (count, middle, last) = (items.len(), items.len() / 2, items.len() - 1);
    match count {
        ..=FEW => middle,
        _ if count <= MANY => median(0, middle, last),
        _ => {
            let step = count / 8;
            let first = median(0, step, 2 * step);
            let middle = median(middle - step, middle, middle + step);
            median(first, middle, median(last - 2 * step, last - step, last))
        }
    }
}

fn median<T>(items: &[T], [one, middle, other]: [usize; 3], compare: impl Fn(&T, &T) -> Ordering) -> usize {
    let compare = |left: usize, right: usize| compare(&items[left], &items[right]);
    if compare(one, middle).is_lt() {
        match () {
            () if compare(middle, other).is_lt() => middle,
            () if compare(one, other).is_lt() => other,
            () => one,
        }
    } else {
        match () {
            () if compare(middle, other).is_gt() => middle,
            () if compare(one, other).is_lt() => one,
            () => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_items_are_those_of_all_sorted(items in prop::collection::vec(0..60_u8, 0..200), wanted in 0..200_usize) {
            let mut first: Vec<_> = items.iter().copied().enumerate().collect();
            sort_first(&mut first, wanted, |one, other| one.1.cmp(&other.1));
            let mut sorted = items.clone();
            sorted.sort_unstable();
            let wanted = wanted.min(items.len());
            let values: Vec<_> = first.iter().map(|(_, value)| *value).collect();
            prop_assert_eq!(&values[..wanted], &sorted[..wanted]);
            // None is lost.
            first.sort_unstable();
            prop_assert_eq!(first, items.into_iter().enumerate().collect::<Vec<_>>());
        }
    }

    #[test]
    fn items_that_split_badly_are_sorted_all_the_same() {
        // Each time the pivot is asked for, it is made one of the least: an adversary of McIlroy.
        let count = 2000;
        let (gas, mut values, mut solid, mut candidate) = (count, vec![count; count], 0, 0);
        let mut items: Vec<usize> = (0..count).collect();
        let state = std::cell::RefCell::new((&mut values, &mut solid, &mut candidate));
        sort_first(&mut items, count, |one, other| {
            let mut state = state.borrow_mut();
            let (values, solid, candidate) = &mut *state;
            if values[*one] == gas && values[*other] == gas {
                let frozen = if *one == **candidate { *one } else { *other };
                values[frozen] = **solid;
                **solid += 1;
            }
            if values[*one] == gas {
                **candidate = *one;
            } else if values[*other] == gas {
                **candidate = *other;
            }
            values[*one].cmp(&values[*other])
        });
        assert!(items.is_sorted_by_key(|item| values[*item]));
    }
}
