//! Decodes the header blocks of answers.

use std::collections::VecDeque;

use super::huffman;
use crate::Encoding;

/// The size of the dynamic table, in the bytes of RFC 7541 section 4.1: what a decoder has that announces nothing else.
const TABLE_SIZE: usize = 4096;
/// What an entry of a table or of a header list counts beside its bytes.
const OVERHEAD: usize = 32;

/// One header field of an answer, as far as anybody reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// `:status`; 0 if it is no number.
    Status(u16),
    /// `content-type`.
    Type(Encoding),
    /// `content-encoding`: whether it is gzip.
    Gzip(bool),
    /// `content-length`, if it is a number and under 4 GiB.
    Length(Option<u32>),
    /// `retry-after`, if it is a number of seconds.
    RetryAfter(Option<u32>),
    /// Any other.
    Other,
}

/// The block cannot be decoded; whatever comes after it on the connection cannot either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// A decoder with its dynamic table.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// The newest first.
    entries: VecDeque<Entry>,
    /// The sum of the entries' sizes.
    size: usize,
    /// By how much less than [`TABLE_SIZE`] the peer uses.
    reduced: usize,
}

/// What a table holds of a field.
#[derive(Clone, Copy, Debug)]
struct Entry {
    field: Field,
    /// Bytes of name and value. An entry is smaller than the table.
    name: u16,
    value: u16,
}

impl Entry {
    fn size(self) -> usize {
        usize::from(self.name) + usize::from(self.value) + OVERHEAD
    }
}

impl Decoder {
    /// Decodes a whole block. Returns the size of the header list, as `MAX_HEADER_LIST_SIZE` counts it.
    pub(crate) fn decode(&mut self, block: &[u8], mut each: impl FnMut(Field)) -> Result<usize, Malformed> {
        let mut reader = Reader { rest: block, decoded: Vec::new() };
        let mut list_size = 0;
        let mut begun = false;
        while let Some(&first) = reader.rest.first() {
            let (field, size) = if first & 0x80 != 0 {
                let entry = self.entry(reader.integer(7)?)?;
                (entry.field, entry.size())
            } else if first & 0x40 != 0 {
                let (field, name, value) = self.literal(&mut reader, 6)?;
                self.insert(field, name, value);
                (field, name + value + OVERHEAD)
            } else if first & 0x20 != 0 {
                let size = reader.integer(5)?;
                if begun || size > TABLE_SIZE {
                    return Err(Malformed);
                }
                self.reduced = TABLE_SIZE - size;
                self.evict(0);
                continue;
            } else {
                let (field, name, value) = self.literal(&mut reader, 4)?;
                (field, name + value + OVERHEAD)
            };
            begun = true;
            list_size += size;
            each(field);
        }
        Ok(list_size)
    }

    /// A field with a literal value, and the lengths of its name and value.
    fn literal(&self, reader: &mut Reader<'_>, prefix_bits: u32) -> Result<(Field, usize, usize), Malformed> {
        let (name, name_length) = match reader.integer(prefix_bits)? {
            0 => {
                let name = reader.text()?;
                (named(name), name.len())
            }
            index => {
                let entry = self.entry(index)?;
                (entry.field, entry.name.into())
            }
        };
        let value = reader.text()?;
        Ok((with_value(name, value), name_length, value.len()))
    }

    fn entry(&self, index: usize) -> Result<Entry, Malformed> {
        let index = index.checked_sub(1).ok_or(Malformed)?;
        match STATIC.get(index) {
            Some(&(name, value)) => Ok(Entry { field: static_field(index + 1), name, value }),
            None => self.entries.get(index - STATIC.len()).copied().ok_or(Malformed),
        }
    }

    fn insert(&mut self, field: Field, name: usize, value: usize) {
        self.evict(name + value + OVERHEAD);
        // One that is larger than the table leaves it empty (section 4.4).
        let (Ok(name), Ok(value)) = (u16::try_from(name), u16::try_from(value)) else { return };
        let entry = Entry { field, name, value };
        if self.size + entry.size() <= TABLE_SIZE - self.reduced {
            self.size += entry.size();
            self.entries.push_front(entry);
        }
    }

    /// Makes room for `size` bytes.
    fn evict(&mut self, size: usize) {
        while self.size + size > TABLE_SIZE - self.reduced {
            let Some(oldest) = self.entries.pop_back() else { return };
            self.size -= oldest.size();
        }
    }
}

/// The field of a name, without a value yet.
fn named(name: &[u8]) -> Field {
    match name {
        b":status" => Field::Status(0),
        b"content-type" => Field::Type(Encoding::Text),
        b"content-encoding" => Field::Gzip(false),
        b"content-length" => Field::Length(None),
        b"retry-after" => Field::RetryAfter(None),
        _ => Field::Other,
    }
}

/// The same field with another value.
fn with_value(field: Field, value: &[u8]) -> Field {
    let text = || str::from_utf8(value).unwrap_or_default().trim();
    match field {
        Field::Status(_) => Field::Status(text().parse().unwrap_or_default()),
        Field::Type(_) => Field::Type(Encoding::of_media_type(text())),
        Field::Gzip(_) => Field::Gzip(value.eq_ignore_ascii_case(b"gzip")),
        Field::Length(_) => Field::Length(text().parse().ok()),
        Field::RetryAfter(_) => Field::RetryAfter(text().parse().ok()),
        Field::Other => Field::Other,
    }
}

fn static_field(index: usize) -> Field {
    match index {
        8 => Field::Status(200),
        9 => Field::Status(204),
        10 => Field::Status(206),
        11 => Field::Status(304),
        12 => Field::Status(400),
        13 => Field::Status(404),
        14 => Field::Status(500),
        26 => Field::Gzip(false),
        28 => Field::Length(None),
        31 => Field::Type(Encoding::Text),
        53 => Field::RetryAfter(None),
        _ => Field::Other,
    }
}

/// The lengths of the names and values of the static table (RFC 7541 appendix A).
#[rustfmt::skip]
const STATIC: [(u16, u16); 61] = [
    (10, 0), (7, 3), (7, 4), (5, 1), (5, 11), (7, 4), (7, 5), (7, 3), (7, 3), (7, 3), (7, 3), (7, 3), (7, 3), (7, 3), (14, 0),
    (15, 13), (15, 0), (13, 0), (6, 0), (27, 0), (3, 0), (5, 0), (13, 0), (13, 0), (19, 0), (16, 0), (16, 0), (14, 0), (16, 0),
    (13, 0), (12, 0), (6, 0), (4, 0), (4, 0), (6, 0), (7, 0), (4, 0), (4, 0), (8, 0), (17, 0), (13, 0), (8, 0), (19, 0), (13, 0),
    (4, 0), (8, 0), (12, 0), (18, 0), (19, 0), (5, 0), (7, 0), (7, 0), (11, 0), (6, 0), (10, 0), (25, 0), (17, 0), (10, 0), (4, 0),
    (3, 0), (16, 0),
];

/// A block, read from its beginning.
struct Reader<'a> {
    rest: &'a [u8],
    /// Where names and values are written that were Huffman coded.
    decoded: Vec<u8>,
}

impl Reader<'_> {
    /// Section 5.1. No integer that is larger than a block can be is meant.
    fn integer(&mut self, prefix_bits: u32) -> Result<usize, Malformed> {
        let most = (1_u32 << prefix_bits) - 1;
        let mut value = u32::from(self.byte()?) & most;
        if value < most {
            return usize::try_from(value).map_err(|_| Malformed);
        }
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            value += u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return usize::try_from(value).map_err(|_| Malformed);
            }
        }
        Err(Malformed)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let (&first, rest) = self.rest.split_first().ok_or(Malformed)?;
        self.rest = rest;
        Ok(first)
    }

    /// Section 5.2.
    fn text(&mut self) -> Result<&[u8], Malformed> {
        let is_coded = self.rest.first().is_some_and(|first| first & 0x80 != 0);
        let length = self.integer(7)?;
        let (text, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        if !is_coded {
            return Ok(text);
        }
        self.decoded.clear();
        huffman::decode(text, &mut self.decoded).ok_or(Malformed)?;
        Ok(&self.decoded)
    }
}
