//! What a connection does.
