//! Who waits, and who is next.

use std::collections::{HashMap, VecDeque};

/// A queue of lines that are served in turn: whoever is alone in a line waits for one of each other line at most,
/// however long those are.
#[derive(Debug)]
pub(super) struct FairQueue<T> {
    lines: HashMap<u64, VecDeque<T>>,
    /// The lines in which somebody waits, the next first.
    turns: VecDeque<u64>,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self {
            lines: HashMap::new(),
            turns: VecDeque::new(),
        }
    }
}

impl<T> FairQueue<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    pub(super) fn push(&mut self, line: u64, item: T) {
        let waiting = self.lines.entry(line).or_default();
        if waiting.is_empty() {
            self.turns.push_back(line);
        }
        waiting.push_back(item);
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        let line = self.turns.pop_front()?;
        let waiting = self.lines.get_mut(&line)?;
        let item = waiting.pop_front();
        if waiting.is_empty() {
            self.lines.remove(&line);
        } else {
            self.turns.push_back(line);
        }
        item
    }

    /// Everybody who waits, in their order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = T> {
        std::iter::from_fn(|| self.pop())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_repository_with_a_hundred_thousand_waiting_requests_holds_up_nobody() {
        let mut queue = FairQueue::default();
        for number in 0..100_000 {
            queue.push(1, (1, number));
        }
        queue.push(2, (2, 0));
        queue.push(3, (3, 0));
        let first: Vec<_> = (0..5).filter_map(|_| queue.pop()).collect();
        assert_eq!(first, [(1, 0), (2, 0), (3, 0), (1, 1), (1, 2)]);
    }

    proptest! {
        #[test]
        fn everybody_is_served_in_order_and_after_one_of_each_other_line_at_most(
            arrivals in proptest::collection::vec((0_u64..6, 0_usize..3), 0..200),
        ) {
            let mut queue = FairQueue::default();
            let mut waiting: HashMap<u64, VecDeque<usize>> = HashMap::new();
            // How many of each other line went since this one had its turn or came.
            let mut passed_over: HashMap<u64, HashMap<u64, usize>> = HashMap::new();
            let mut served = 0;
            let mut serve = |queue: &mut FairQueue<(u64, usize)>, waiting: &mut HashMap<u64, VecDeque<usize>>| {
                let Some((line, number)) = queue.pop() else { return Ok(()) };
                served += 1;
                prop_assert_eq!(waiting.get_mut(&line).and_then(VecDeque::pop_front), Some(number));
                passed_over.remove(&line);
                for (other, numbers) in waiting.iter().filter(|(other, numbers)| **other != line && !numbers.is_empty()) {
                    let _ = numbers;
                    let count = passed_over.entry(*other).or_default().entry(line).or_default();
                    *count += 1;
                    prop_assert!(*count <= 1, "line {other} saw line {line} go twice");
                }
                Ok(())
            };
            for (number, (line, pops)) in arrivals.iter().enumerate() {
                queue.push(*line, (*line, number));
                waiting.entry(*line).or_default().push_back(number);
                for _ in 0..*pops {
                    serve(&mut queue, &mut waiting)?;
                }
            }
            while !queue.is_empty() {
                serve(&mut queue, &mut waiting)?;
            }
            prop_assert_eq!(served, arrivals.len());
        }
    }
}
