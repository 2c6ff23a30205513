//! From which resource version the next request starts.

/// The last resource version seen, and whether the server still has it.
#[derive(Debug, Default)]
pub(super) struct LastVersion {
    pub(super) version: String,
    pub(super) unavailable: bool,
}

impl LastVersion {
    pub(super) fn set(&mut self, version: String) {
        self.version = version;
    }

    /// `rewatchResourceVersion`: where a `WatchList` starts.
    pub(super) fn for_watch_list(&self) -> &str {
        if self.unavailable { "" } else { &self.version }
    }

    /// `relistResourceVersion`: what a LIST asks for; the first is served from the watch cache.
    pub(super) fn for_list(&self) -> &str {
        match self.version.as_str() {
            _ if self.unavailable => "",
            "" => "0",
            version => version,
        }
    }
}
