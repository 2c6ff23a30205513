//! Header compression (RFC 7541), as far as one client needs it.
//!
//! Nothing that is sent goes into the dynamic table or is Huffman coded, so that no state is kept for it. What is received
//! is decoded with all of both, but only the few fields that are read are kept: an API server puts about 250 bytes into
//! the table with each answer (its audit ID, its length, the date), and of most of them only their size matters, which says when
//! they leave it. The codecs of crates.io keep them, and build a Huffman table for each string or have no limit.

mod decode;
mod huffman;

use http::Method;

pub(super) use self::decode::{Decoder, Field};

// Names in the static table (appendix A).
pub(crate) const AUTHORITY: u8 = 1;
pub(crate) const PATH: u8 = 4;
pub(crate) const ACCEPT_ENCODING: u8 = 16;
pub(crate) const ACCEPT: u8 = 19;
pub(crate) const AUTHORIZATION: u8 = 23;
pub(crate) const CONTENT_LENGTH: u8 = 28;
pub(crate) const CONTENT_TYPE: u8 = 31;
pub(crate) const USER_AGENT: u8 = 58;
const METHOD: u8 = 2;
const GET: u8 = 2;
const POST: u8 = 3;
const HTTPS: u8 = 7;

const INDEXED: u8 = 0x80;
const NEVER_INDEXED: u8 = 0x10;
const NOT_INDEXED: u8 = 0;

/// The header block of a request, as it goes over the wire.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Block(Vec<u8>);

impl Block {
    /// Begins the block of a request over https.
    pub(crate) fn request(method: &Method, authority: &str, path: &str) -> Self {
        // Most are a little longer than their path and a user agent.
        let mut block = Self(Vec::with_capacity(256 + path.len()));
        match *method {
            Method::GET => block.0.push(INDEXED | GET),
            Method::POST => block.0.push(INDEXED | POST),
            _ => block.field(METHOD, method.as_str()),
        }
        block.0.push(INDEXED | HTTPS);
        block.field(AUTHORITY, authority);
        block.field(PATH, path);
        block
    }

    /// Adds a field whose name is in the static table.
    pub(crate) fn field(&mut self, name: u8, value: impl AsRef<[u8]>) {
        self.integer(NOT_INDEXED, 4, name.into());
        self.text(value.as_ref());
    }

    /// Adds one whose value no proxy may put into a table either (section 7.1.3).
    pub(crate) fn secret(&mut self, name: u8, value: impl AsRef<[u8]>) {
        self.integer(NEVER_INDEXED, 4, name.into());
        self.text(value.as_ref());
    }

    /// Adds a field with a name of its own, in lower case.
    pub(crate) fn named(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.0.push(NOT_INDEXED);
        self.text(name.as_bytes());
        self.text(value.as_ref());
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn text(&mut self, text: &[u8]) {
        self.integer(0, 7, text.len());
        self.0.extend_from_slice(text);
    }

    /// Section 5.1: an integer in the last bits of a byte, and what does not fit in the following ones.
    fn integer(&mut self, first: u8, prefix_bits: u32, value: usize) {
        let most = (1_u8 << prefix_bits) - 1;
        let Some(mut rest) = value.checked_sub(most.into()) else {
            // Less than `most`.
            self.0.push(first | low_bits(value, most));
            return;
        };
        self.0.push(first | most);
        while rest >= 0x80 {
            self.0.push(0x80 | low_bits(rest, 0x7f));
            rest >>= 7;
        }
        self.0.push(low_bits(rest, 0x7f));
    }
}

fn low_bits(value: usize, mask: u8) -> u8 {
    value.to_le_bytes()[0] & mask
}

#[cfg(test)]
mod tests;
