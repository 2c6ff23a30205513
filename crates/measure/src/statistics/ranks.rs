//! Ranks with ties.

/// Ranks of a sample: values that are equal share the mean of their ranks.
#[derive(Debug)]
pub(super) struct Ranks {
    /// Twice the rank of each value, in the order of the sample: whole numbers although a mean of ranks may end in a half.
    pub(super) doubled: Vec<usize>,
    /// How many values each group of equal ones has, single values included.
    pub(super) groups: Vec<usize>,
}

impl Ranks {
    pub(super) fn of(values: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
        let mut doubled = vec![0; values.len()];
        let mut groups = Vec::new();
        let mut before = 0;
        // By `==` and not by order, so that -0 and 0 are equal.
        #[expect(clippy::float_cmp, reason = "a tie is an exactly equal value")]
        for group in order.chunk_by(|&a, &b| values[a] == values[b]) {
            // The ranks are before + 1 to before + length; their mean, twice.
            let rank = 2 * before + group.len() + 1;
            for &at in group {
                doubled[at] = rank;
            }
            groups.push(group.len());
            before += group.len();
        }
        Self { doubled, groups }
    }

    /// The sum of `f(t)` over groups of t equal values, where f is 0 for a single one.
    pub(super) fn correction(&self, f: impl Fn(f64) -> f64) -> f64 {
        self.groups.iter().filter(|&&size| size > 1).map(|&size| f(super::real(size))).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_their_mean_rank() {
        let ranks = Ranks::of(&[3.0, 1.0, 3.0, 0.0, -0.0, 3.0]);
        assert_eq!(ranks.doubled, [10, 6, 10, 3, 3, 10]);
        assert_eq!(ranks.groups, [2, 1, 3]);
    }

    #[test]
    fn ranks_add_up_to_what_they_do_without_ties() {
        let ranks = Ranks::of(&[2.0, 2.0, 5.0, 1.0, 1.0, 1.0, 9.0]);
        assert_eq!(ranks.doubled.iter().sum::<usize>(), 7 * 8);
    }
}
