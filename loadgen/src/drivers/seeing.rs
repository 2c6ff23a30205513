//! What a watch has shown of an object, over lists that begin anew: what was there before a list and is not in it has gone. Pure.

/// Of one object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Seeing {
    /// Nothing yet. Such an object may be younger than a list that it is not in.
    #[default]
    Never,
    /// It was there before the list that is under way, and is not in it so far.
    BeforeList,
    /// It is there.
    There,
}

impl Seeing {
    /// A list begins.
    pub(super) fn list_begins(&mut self) {
        if *self == Self::There {
            *self = Self::BeforeList;
        }
    }

    /// Whether it is gone, should the list be complete now.
    pub(super) fn is_missed(self) -> bool {
        self == Self::BeforeList
    }
}
