//! When the window began that counts: what is done at a time in it has to know.

use measure::Nanos;

use super::{Observed, Told};

impl Observed {
    /// Opens a window, and it is the one that counts.
    pub(crate) fn measure(&self, from: Nanos) {
        self.open(from);
        self.state().measured = Some(from);
    }
}

impl Told {
    /// When the measured window began, or is to; nothing as long as the load comes to rest.
    pub(crate) fn measured(&self) -> Option<Nanos> {
        self.observed.state().measured
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::criteria::Criteria;

    #[test]
    fn a_load_that_comes_to_rest_is_not_measured_yet() {
        let observed = Observed::new(Nanos(0), Criteria::default(), []);
        let told = observed.told(0);
        observed.open(Nanos(1));
        assert_eq!(told.measured(), None);
        observed.measure(Nanos(2));
        assert_eq!(told.measured(), Some(Nanos(2)));
    }
}
