//! `[storage]`: where etcd's data lives.

use std::{fmt, num::NonZeroU32};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, Unexpected},
};

use crate::check::Contradiction;

/// What etcd writes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Storage {
    /// What kind of thing it is.
    pub medium: Medium,
    /// Most writes per second that the disk takes from etcd; none where nothing limits it. Only with [`Medium::Disk`].
    pub write_iops: Option<NonZeroU32>,
}

/// What etcd's data directory is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Medium {
    /// The disk that the work directory is on.
    #[default]
    Disk,
    /// Memory: a write is durable at once, and lost with the machine. What no disk can beat.
    Tmpfs,
}

/// `[storage]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct StorageTable {
    medium: Option<Medium>,
    write_iops: Option<WriteIops>,
}

impl Storage {
    pub(crate) fn apply(&mut self, said: &StorageTable) {
        self.medium = said.medium.unwrap_or(self.medium);
        if let Some(WriteIops(limit)) = said.write_iops {
            self.write_iops = limit;
        }
    }

    /// Whether the two go together.
    pub(crate) fn check(self) -> Result<(), Contradiction> {
        if self.medium == Medium::Tmpfs && self.write_iops.is_some() {
            let reason = "`write-iops` limits writes to a disk, but `medium` is `tmpfs`, which is none: leave out one \
                          of them, or lift an inherited limit with write-iops = \"none\"";
            let contradiction = Contradiction::at(&["storage", "write-iops"], reason);
            return Err(contradiction.or_at(&["storage", "medium"]));
        }
        Ok(())
    }
}

/// A number, or `"none"` to lift an inherited limit.
#[derive(Clone, Copy, Debug)]
struct WriteIops(Option<NonZeroU32>);

impl<'de> Deserialize<'de> for WriteIops {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WriteIopsVisitor)
    }
}

struct WriteIopsVisitor;

impl de::Visitor<'_> for WriteIopsVisitor {
    type Value = WriteIops;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of writes per second above 0, or \"none\"")
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<WriteIops, E> {
        let limit = u32::try_from(value).ok().and_then(NonZeroU32::new);
        let limit = limit.ok_or_else(|| E::invalid_value(Unexpected::Signed(value), &self))?;
        Ok(WriteIops(Some(limit)))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<WriteIops, E> {
        if value == "none" {
            return Ok(WriteIops(None));
        }
        Err(E::invalid_value(Unexpected::Str(value), &self))
    }
}
