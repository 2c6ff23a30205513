//! Histograms: counts by upper bound, and what can be said of the observations that are no longer there.

/// Observations up to a bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// The bound, in the metric's unit. An observation equal to it is in the bucket.
    pub upper: f64,
    /// How many observations were not above it: cumulative.
    pub count: f64,
}

/// A histogram with fixed bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    buckets: Vec<Bucket>,
    /// Sum of what was observed, in the metric's unit.
    pub sum: f64,
    /// How many observations there were.
    pub count: f64,
}

impl Histogram {
    /// Sorts the buckets by their bounds. Of two with one bound the later counts.
    pub fn new(mut buckets: Vec<Bucket>, sum: f64, count: f64) -> Self {
        if !buckets.is_sorted_by(|one, other| one.upper < other.upper) {
            buckets.sort_by(|one, other| one.upper.total_cmp(&other.upper));
            buckets.dedup_by(|later, kept| {
                let same = later.upper.total_cmp(&kept.upper).is_eq();
                if same {
                    *kept = *later;
                }
                same
            });
        }
        Self { buckets, sum, count }
    }

    /// The buckets, by bound; the last has the bound +Inf, in what the control plane sends.
    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// Adds another one, of the same bounds. Bounds that only one of them has are dropped: the rest stays exact.
    pub fn merge(&mut self, other: &Self) {
        self.buckets.retain_mut(|bucket| match other.at(bucket.upper) {
            Some(count) => {
                bucket.count += count;
                true
            }
            None => false,
        });
        self.sum += other.sum;
        self.count += other.count;
    }

    /// What was observed since `before`; none if `before` cannot be an earlier state of this one, because a count
    /// went back or the bounds are others.
    pub fn since(&self, before: &Self) -> Option<Self> {
        if self.count < before.count || self.buckets.len() != before.buckets.len() {
            return None;
        }
        let pairs = self.buckets.iter().zip(&before.buckets);
        let buckets: Option<Vec<_>> = pairs
            .map(|(now, then)| {
                let same = now.upper.total_cmp(&then.upper).is_eq() && now.count >= then.count;
                same.then_some(Bucket { upper: now.upper, count: now.count - then.count })
            })
            .collect();
        Some(Self { buckets: buckets?, sum: self.sum - before.sum, count: self.count - before.count })
    }

    /// Mean of what was observed; none if there was nothing.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0.0).then(|| self.sum / self.count)
    }

    /// The quantile (0 to 1), as Prometheus' `histogram_quantile` estimates it (`promql/quantile.go`,
    /// `BucketQuantile`): linear within a bucket, the first of which begins at 0. One that lies above the highest
    /// finite bound is given as that bound: read it as "at least". None without observations, without a finite bound,
    /// without a bucket to +Inf, or if it is asked for a quantile that is none (Prometheus: NaN, or an infinity).
    ///
    /// Counts that fall from one bound to the next (a scrape is not one moment) are taken as the highest so far, as
    /// there.
    pub fn quantile(&self, quantile: f64) -> Option<f64> {
        if !(0.0..=1.0).contains(&quantile) || self.buckets.last()?.upper != f64::INFINITY {
            return None;
        }
        let finite = self.buckets.len().checked_sub(2)?;
        let rising = self.rising();
        let observations = rising.last()?.count;
        if observations.is_nan() || observations <= 0.0 {
            return None;
        }
        let rank = quantile * observations;
        let Some(place) = rising[..=finite].iter().position(|bucket| bucket.count >= rank) else {
            return Some(rising[finite].upper);
        };
        let Bucket { upper, count } = rising[place];
        if place == 0 && upper <= 0.0 {
            return Some(upper);
        }
        let below = if place == 0 { Bucket { upper: 0.0, count: 0.0 } } else { rising[place - 1] };
        Some(below.upper + (upper - below.upper) * ((rank - below.count) / (count - below.count)))
    }

    /// Which share of the observations, 0 to 1, was above the bound: exact where the histogram has that bound, linear
    /// within a bucket elsewhere. Of those above the highest finite bound nothing more is known: they are above any
    /// `bound` short of +Inf. None without observations.
    pub fn share_above(&self, bound: f64) -> Option<f64> {
        let rising = self.rising();
        let all = rising.last().map_or(self.count, |last| last.count);
        if all.is_nan() || all <= 0.0 || bound.is_nan() {
            return None;
        }
        let mut below = Bucket { upper: 0.0, count: 0.0 };
        for bucket in rising {
            if bound <= bucket.upper {
                let part = if bucket.upper == f64::INFINITY {
                    if bound == f64::INFINITY { 1.0 } else { 0.0 }
                } else if bucket.upper <= below.upper || bound >= bucket.upper {
                    1.0
                } else {
                    ((bound - below.upper) / (bucket.upper - below.upper)).max(0.0)
                };
                return Some(1.0 - (below.count + part * (bucket.count - below.count)) / all);
            }
            below = bucket;
        }
        Some(1.0 - below.count / all)
    }

    fn at(&self, bound: f64) -> Option<f64> {
        let place = self.buckets.binary_search_by(|bucket| bucket.upper.total_cmp(&bound)).ok()?;
        Some(self.buckets[place].count)
    }

    /// The buckets with counts that never fall.
    fn rising(&self) -> Vec<Bucket> {
        let mut highest = 0.0_f64;
        let rise = |bucket: &Bucket| {
            highest = highest.max(bucket.count);
            Bucket { upper: bucket.upper, count: highest }
        };
        self.buckets.iter().map(rise).collect()
    }
}

#[cfg(test)]
mod tests;
