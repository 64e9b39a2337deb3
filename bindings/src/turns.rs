//! Whose turn it is: first-in first-out lists of queues, linked through their slots.
//!
//! A queue stands in at most one list. Joining, leaving and asking for the head cost the same with ten
//! queues or a hundred thousand, which is why nothing here is ever scanned.

/// The number of a list: those below `GATES` have names, the others belong to gates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct List(pub u32);

/// Queues whose mail is to be failed (blackhole).
pub(crate) const DOOMED: List = List(0);
/// Queues with mail and an idle connection.
pub(crate) const AWAKENING: List = List(1);
/// Queues with mail and no connection.
pub(crate) const HUNGRY: List = List(2);
/// Queues whose goal is above the connections they have.
pub(crate) const GROWING: List = List(3);
/// The list of the first gate.
pub(crate) const GATES: u32 = 4;

/// Nobody wants to know more exactly how long a list is.
const COUNTED_AHEAD: u32 = 10_000;

/// End of a list, and "in no list".
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Link {
    list: u32,
    before: u32,
    after: u32,
}

#[derive(Clone, Copy, Debug)]
struct Ends {
    first: u32,
    last: u32,
    length: u32,
}

#[derive(Debug)]
pub(crate) struct Turns {
    links: Vec<Link>,
    lists: Vec<Ends>,
}

impl Default for Turns {
    fn default() -> Self {
        Turns { links: Vec::new(), lists: vec![Ends::EMPTY; GATES as usize] }
    }
}

impl Ends {
    const EMPTY: Ends = Ends { first: NONE, last: NONE, length: 0 };
}

impl Turns {
    /// Makes room for a queue in slot `index`.
    pub fn admit(&mut self, index: u32) {
        if self.links.len() <= index as usize {
            self.links.resize(index as usize + 1, Link { list: NONE, before: NONE, after: NONE });
        }
    }

    /// Makes room for the list of a gate.
    pub fn open_list(&mut self, list: List) {
        if self.lists.len() <= list.0 as usize {
            self.lists.resize(list.0 as usize + 1, Ends::EMPTY);
        }
    }

    pub fn list_of(&self, index: u32) -> Option<List> {
        let list = self.links[index as usize].list;
        (list != NONE).then_some(List(list))
    }

    pub fn head(&self, list: List) -> Option<u32> {
        let first = self.lists[list.0 as usize].first;
        (first != NONE).then_some(first)
    }

    pub fn length(&self, list: List) -> u32 {
        self.lists[list.0 as usize].length
    }

    /// Queues of the list that stand before this one, which stands in it; counted up to `COUNTED_AHEAD`.
    pub fn ahead_of(&self, index: u32, list: List) -> u32 {
        debug_assert_eq!(self.list_of(index), Some(list));
        let mut before = self.links[index as usize].before;
        let mut count = 0;
        while before != NONE && count < COUNTED_AHEAD {
            before = self.links[before as usize].before;
            count += 1;
        }
        count
    }

    /// To the end of `list`, from no list.
    pub fn join(&mut self, index: u32, list: List) {
        assert!(self.list_of(index).is_none(), "a queue stands in one list");
        let ends = &mut self.lists[list.0 as usize];
        let before = std::mem::replace(&mut ends.last, index);
        ends.length += 1;
        match before {
            NONE => ends.first = index,
            before => self.links[before as usize].after = index,
        }
        self.links[index as usize] = Link { list: list.0, before, after: NONE };
    }

    /// Out of whichever list it stands in.
    pub fn leave(&mut self, index: u32) {
        let outside = Link { list: NONE, before: NONE, after: NONE };
        let Link { list, before, after } = std::mem::replace(&mut self.links[index as usize], outside);
        if list == NONE {
            return;
        }
        let ends = &mut self.lists[list as usize];
        ends.length -= 1;
        match before {
            NONE => ends.first = after,
            before => self.links[before as usize].after = after,
        }
        match after {
            NONE => ends.last = before,
            after => self.links[after as usize].before = before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn contents(turns: &mut Turns, list: List) -> Vec<u32> {
        let mut seen = Vec::new();
        while let Some(head) = turns.head(list) {
            seen.push(head);
            turns.leave(head);
        }
        seen
    }

    proptest! {
        #![proptest_config(crate::fixed_cases())]

        #[test]
        fn lists_behave_like_plain_queues(steps in prop::collection::vec((0u32..12, 0u32..4), 0..200)) {
            let mut turns = Turns::default();
            let mut plain = [(); 4].map(|()| VecDeque::new());
            (0..12).for_each(|index| turns.admit(index));
            for (index, list) in steps {
                let stood = turns.list_of(index);
                prop_assert_eq!(stood.is_some(), plain.iter().any(|queue| queue.contains(&index)));
                turns.leave(index);
                plain.iter_mut().for_each(|queue| queue.retain(|other| *other != index));
                if stood != Some(List(list)) {
                    turns.join(index, List(list));
                    plain[list as usize].push_back(index);
                }
            }
            for (list, queue) in (0..).zip(plain) {
                prop_assert_eq!(turns.length(List(list)) as usize, queue.len());
                prop_assert_eq!(contents(&mut turns, List(list)), Vec::from(queue));
            }
        }
    }
}
