//! The examples of RFC 7541 appendix C, and blocks that are none.

use proptest::prelude::*;

use super::huffman::tests::encode as huffman;
use super::*;
use crate::Encoding;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn indexed(index: u8) -> [u8; 1] {
    [0x80 + index]
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    decoder.decode(block, |field| fields.push(field)).ok().map(|_| fields)
}

#[test]
fn integers_of_the_rfc() {
    for (prefix_bits, value, expected) in
        [(5, 10, vec![10]), (5, 1337, vec![31, 154, 10]), (8 - 1, 42, vec![42]), (5, 31, vec![31, 0])]
    {
        let mut block = Block::default();
        block.integer(0, prefix_bits, value);
        assert_eq!(block.0, expected, "C.1: {value}");
    }
}

/// RFC 7541 C.6: three responses, Huffman coded. Their table has 256 bytes, which a size update of ours says.
#[test]
fn the_responses_of_the_rfc_with_huffman_code() {
    let mut decoder = Decoder::default();
    let first = "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d \
                 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3";
    let other = Field::Other;
    let block = [hex("3fe1 01"), hex(first)].concat();
    assert_eq!(decode(&mut decoder, &block).unwrap(), [Field::Status(302), other, other, other]);
    // 307 leaves :status 302 no room.
    assert_eq!(
        decode(&mut decoder, &hex("4883 640e ffc1 c0bf")).unwrap(),
        [Field::Status(307), other, other, other]
    );
    let third = "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d \
                 d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 \
                 3d50 07";
    let expected = [Field::Status(200), other, other, other, Field::Gzip(true), other];
    assert_eq!(decode(&mut decoder, &hex(third)).unwrap(), expected);
    // Then there are set-cookie, content-encoding and date, which take 215 bytes.
    assert_eq!(decode(&mut decoder, &indexed(63)).unwrap(), [Field::Gzip(true)]);
    assert_eq!(decode(&mut decoder, &indexed(64)).unwrap(), [other]);
    assert_eq!(decode(&mut decoder, &indexed(65)), None);
}

/// RFC 7541 C.5: the same without the Huffman code.
#[test]
fn the_responses_of_the_rfc_in_plain() {
    let mut decoder = Decoder::default();
    let first = "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 \
                 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d";
    let other = Field::Other;
    let block = [hex("3fe1 01"), hex(first)].concat();
    assert_eq!(decode(&mut decoder, &block).unwrap(), [Field::Status(302), other, other, other]);
    let mut size = 0;
    let second = hex("4803 3330 37c1 c0bf");
    size += decoder.decode(&second, |_| ()).unwrap();
    assert_eq!(size, 42 + 52 + 65 + 63, "the list has what the table of C.5.2 has");
    assert_eq!(decode(&mut decoder, &indexed(65)).unwrap(), [other]);
    assert_eq!(decode(&mut decoder, &indexed(62)).unwrap(), [Field::Status(307)]);
}

fn literal(first: u8, name: &str, value: &str) -> Vec<u8> {
    let mut block = Block(vec![first]);
    block.text(name.as_bytes());
    let value = huffman(value.as_bytes());
    block.integer(0x80, 7, value.len());
    [block.bytes(), &value].concat()
}

#[test]
fn what_is_read_of_an_answer() {
    let read = |name: &str, value: &str| {
        let fields = decode(&mut Decoder::default(), &literal(0x40, name, value)).unwrap();
        assert_eq!(fields.len(), 1);
        fields[0]
    };
    assert_eq!(read(":status", "201"), Field::Status(201));
    assert_eq!(read(":status", "ok"), Field::Status(0));
    assert_eq!(read("content-type", "application/json;stream=watch"), Field::Type(Encoding::Json));
    assert_eq!(read("content-encoding", "GZIP"), Field::Gzip(true));
    for encoding in ["identity", "deflate"] {
        assert_eq!(read("content-encoding", encoding), Field::Gzip(false));
    }
    assert_eq!(read("content-length", "20"), Field::Length(Some(20)));
    assert_eq!(read("retry-after", " 3 "), Field::RetryAfter(Some(3)));
    assert_eq!(read("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT"), Field::RetryAfter(None));
    assert_eq!(read("audit-id", "a"), Field::Other);
}

#[test]
fn a_name_in_the_table_is_used_with_another_value() {
    let mut decoder = Decoder::default();
    decode(&mut decoder, &literal(0x40, "retry-after", "3")).unwrap();
    let again = [0x0f, 62 - 15, 1, b'7'];
    assert_eq!(decode(&mut decoder, &again).unwrap(), [Field::RetryAfter(Some(7))]);
    assert_eq!(decode(&mut decoder, &indexed(62)).unwrap(), [Field::RetryAfter(Some(3))]);
}

#[test]
fn the_table_holds_4096_bytes_and_keeps_little_of_them() {
    let mut decoder = Decoder::default();
    // 32 + 8 + 60 = 100 bytes each.
    for number in 0..200 {
        let value = format!("{number:060}");
        decode(&mut decoder, &literal(0x40, "audit-id", &value)).unwrap();
    }
    assert!(decode(&mut decoder, &indexed(62 + 39)).is_some(), "forty are there");
    assert!(decode(&mut decoder, &indexed(62 + 40)).is_none(), "and no more");
    // One that is larger than the table empties it.
    decode(&mut decoder, &literal(0x40, "audit-id", &"0".repeat(5000))).unwrap();
    assert!(decode(&mut decoder, &indexed(62)).is_none());
}

#[test]
fn what_is_no_block_is_refused() {
    let field_then_update = [0x88, 0x20];
    for block in [
        &[0x80][..],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        &[0x40, 5, b'a'],
        &[0x3f, 0xe2, 0x1f],
        &field_then_update,
        &indexed(62),
    ] {
        assert_eq!(decode(&mut Decoder::default(), block), None, "{block:x?}");
    }
    assert!(decode(&mut Decoder::default(), &[0x3f, 0xe1, 0x1f]).is_some(), "4096 is allowed");
}

#[test]
fn a_request_is_written_without_tables() {
    let mut block = Block::request(&Method::GET, "a:1", "/x");
    block.secret(AUTHORIZATION, "Bearer t");
    block.named("impersonate-user", "u");
    let expected =
        [&[0x82, 0x87, 0x01, 3][..], b"a:1\x04\x02/x\x1f\x08\x08Bearer t\x00\x10impersonate-user\x01u"];
    assert_eq!(block.bytes(), expected.concat());
    let block = Block::request(&Method::PATCH, "a", "/");
    assert_eq!(block.bytes(), b"\x02\x05PATCH\x87\x01\x01a\x04\x01/");
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(blocks: Vec<Vec<u8>>) {
        let mut decoder = Decoder::default();
        for block in blocks {
            let _ = decoder.decode(&block, |_| ());
        }
    }
}
