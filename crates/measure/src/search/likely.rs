//! What a search is likely to try yet: for whoever wants to know how long it takes.

use super::{Finding, Next, Outcome, Search, Task};

/// A search that takes longer than so many tasks is not foreseen any further.
const MOST: usize = 100;

impl Search {
    /// What is left to try, what is tried now included, if the answer is in the middle of the bracket; where nothing has broken yet, if
    /// what is tried now is the last that holds.
    pub fn likely(&self) -> Vec<Task> {
        let mut future = self.clone();
        let mut tasks: Vec<Task> = Vec::new();
        while let Next::Try(task) = future.next()
            && tasks.len() < MOST
        {
            let answer = match self.bracket() {
                (Some(low), Some(high)) if high > low => (low * high).sqrt(),
                _ => tasks.first().unwrap_or(&task).at,
            };
            tasks.push(task);
            let outcome = if task.at <= answer { Outcome::Held } else { Outcome::Broke };
            future.report(Finding { outcome, close: false });
        }
        tasks
    }
}
