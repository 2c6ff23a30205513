//! The Huffman code of HPACK (RFC 7541 appendix B), read only: nothing is compressed that is sent.
//!
//! The code is canonical: the lengths alone say which bits stand for which symbol.

/// The length of each symbol's code in bits; the last is the end of the string.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

const END: u16 = 256;
const LONGEST: usize = 30;
const SHORTEST: usize = 5;

/// The codes of one length.
#[derive(Clone, Copy)]
struct Row {
    /// The first code that is longer than these, its bits at the left of 32. One more than 32 bits hold in the last row.
    limit: u64,
    /// The first of these codes.
    first: u32,
    /// Where its symbol stands in [`SYMBOLS`].
    at: u32,
}

/// The symbols by the length of their codes, then by their number.
static SYMBOLS: [u16; 257] = symbols();
static ROWS: [Row; LONGEST + 1] = rows();

const fn symbols() -> [u16; 257] {
    let (mut symbols, mut found, mut length) = ([0; 257], 0, 0);
    while length <= LONGEST {
        let mut symbol = 0;
        while symbol <= END {
            if LENGTHS[symbol as usize] as usize == length {
                symbols[found] = symbol;
                found += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    symbols
}

const fn rows() -> [Row; LONGEST + 1] {
    let mut rows = [Row { limit: 0, first: 0, at: 0 }; LONGEST + 1];
    let (mut code, mut at, mut length) = (0_u32, 0_u32, 1);
    while length <= LONGEST {
        code <<= 1;
        let (first, start) = (code, at);
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as usize == length {
                code += 1;
                at += 1;
            }
            symbol += 1;
        }
        rows[length] = Row { limit: (code as u64) << (32 - length), first, at: start };
        length += 1;
    }
    rows
}

/// Appends what `code` stands for to `text`; `None` if it is no code.
pub(super) fn decode(code: &[u8], text: &mut Vec<u8>) -> Option<()> {
    // Not yet decoded bits, at the left.
    let (mut window, mut bits) = (0_u64, 0_usize);
    let mut rest = code.iter();
    loop {
        while bits <= 56 {
            let Some(byte) = rest.next() else { break };
            window |= u64::from(*byte) << (56 - bits);
            bits += 8;
        }
        // Behind the end there are ones: the padding is the beginning of the code for the end.
        let padded = if bits < 64 { window | (u64::MAX >> bits) } else { window };
        let ahead = padded >> 32;
        let length = (SHORTEST..=LONGEST).find(|&length| ahead < ROWS[length].limit)?;
        if length > bits {
            return (bits < 8 && padded == u64::MAX).then_some(());
        }
        let row = ROWS[length];
        let code = u32::try_from(ahead >> (32 - length)).ok()?;
        let symbol = SYMBOLS[usize::try_from(row.at + (code - row.first)).ok()?];
        text.push(u8::try_from(symbol).ok()?);
        window <<= length;
        bits -= length;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    /// The code of a text, from the lengths as [`decode`] but by another way.
    pub(crate) fn encode(text: &[u8]) -> Vec<u8> {
        static CODES: LazyLock<Vec<(u64, u8)>> = LazyLock::new(|| (0..END).map(code_of).collect());
        let mut bits: Vec<bool> = Vec::new();
        for &byte in text {
            let (code, length) = CODES[usize::from(byte)];
            bits.extend((0..length).rev().map(|bit| code >> bit & 1 == 1));
        }
        bits.resize(bits.len().next_multiple_of(8), true);
        bits.chunks(8).map(|byte| byte.iter().fold(0, |sum, &bit| sum << 1 | u8::from(bit))).collect()
    }

    fn code_of(symbol: u16) -> (u64, u8) {
        let at = SYMBOLS.iter().position(|&other| other == symbol).unwrap();
        let length = LENGTHS[usize::from(symbol)];
        // What all earlier codes take of the whole (Kraft).
        let shares = SYMBOLS[..at].iter().map(|&symbol| 1_u64 << (30 - LENGTHS[usize::from(symbol)]));
        (shares.sum::<u64>() >> (30 - length), length)
    }

    fn decoded(code: &[u8]) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        decode(code, &mut text).map(|()| text)
    }

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 7541 C.4.1, C.4.2, C.6.1.
        for (code, text) in [
            (
                &[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff][..],
                "www.example.com",
            ),
            (&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], "no-cache"),
            (&[0x64, 0x02], "302"),
            (&[], ""),
        ] {
            assert_eq!(decoded(code).as_deref(), Some(text.as_bytes()), "{text}");
            assert_eq!(encode(text.as_bytes()), code, "{text}");
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        assert_eq!(decoded(&[0xff]), None, "a byte of padding is too much");
        assert_eq!(decoded(&[0x18]), None, "padding is ones");
        assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xff]), None, "the end is no symbol");
        assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xfc]), None, "a code that is cut");
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text: Vec<u8>) {
            prop_assert_eq!(decoded(&encode(&text)), Some(text));
        }
    }
}
