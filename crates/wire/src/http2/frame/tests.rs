//! Frames are read as they are written, and what is no frame is refused for the right reason.

use proptest::prelude::*;

use super::*;

/// Every frame in `bytes`, which are whole.
pub(crate) fn frames(bytes: &[u8]) -> Vec<(Header, Vec<u8>)> {
    let mut rest = bytes;
    let mut frames = Vec::new();
    while let Some((header, more)) = rest.split_first_chunk::<HEADER>() {
        let header = Header::read(*header);
        let (payload, more) = more.split_at(header.length as usize);
        frames.push((header, payload.to_vec()));
        rest = more;
    }
    assert!(rest.is_empty());
    frames
}

fn length(payload: &[u8]) -> u32 {
    payload.len().try_into().unwrap()
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> (Header, Vec<u8>) {
    let mut out = Vec::new();
    write(&mut out);
    let mut frames = frames(&out);
    assert_eq!(frames.len(), 1);
    frames.remove(0)
}

fn check(write: impl FnOnce(&mut Vec<u8>), expected: &Frame<'_>) {
    let (header, payload) = written(write);
    assert_eq!(&parse(header, &payload).unwrap(), expected);
}

#[test]
fn frames_are_read_as_they_are_written() {
    check(write_settings_ack, &Frame::SettingsAck);
    check(|out| write_ping(out, [7; 8]), &Frame::Ping([7; 8]));
    check(|out| write_pong(out, [7; 8]), &Frame::Pong);
    check(|out| write_window_update(out, 3, 9), &Frame::WindowUpdate { stream: 3, increment: 9 });
    check(|out| write_reset(out, 5, Reason::CANCEL), &Frame::Reset { stream: 5, reason: Reason::CANCEL });
    let going = Frame::GoAway { last: 0, reason: Reason::PROTOCOL_ERROR };
    check(|out| write_go_away(out, Reason::PROTOCOL_ERROR), &going);
    let (header, payload) =
        written(|out| write_settings(out, &[(ENABLE_PUSH, 0), (INITIAL_WINDOW_SIZE, 4 << 20)]));
    let Ok(Frame::Settings(settings)) = parse(header, &payload) else { panic!("{header:?}") };
    assert_eq!(settings_of(settings).collect::<Vec<_>>(), [(2, 0), (4, 4 << 20)]);
}

#[test]
fn padding_and_priority_are_no_part_of_a_header_block() {
    let header = |flags, length| Header { length, kind: HEADERS, flags, stream: 1 };
    let block = |flags: u8, payload: &[u8]| match parse(header(flags, length(payload)), payload) {
        Ok(Frame::Headers { fragment, .. }) => Ok(fragment.to_vec()),
        Ok(other) => panic!("{other:?}"),
        Err(reason) => Err(reason),
    };
    assert_eq!(block(PADDED, &[2, 8, 9, 0, 0]), Ok(vec![8, 9]));
    assert_eq!(block(PRIORITY, &[0, 0, 0, 1, 16, 8]), Ok(vec![8]));
    assert_eq!(block(PADDED | PRIORITY, &[1, 0, 0, 0, 1, 16, 8, 0]), Ok(vec![8]));
    assert_eq!(block(PADDED, &[3, 0, 0]), Err(Reason::PROTOCOL_ERROR));
    assert_eq!(block(PADDED, &[]), Err(Reason::PROTOCOL_ERROR));
    assert_eq!(block(PRIORITY, &[0, 0]), Err(Reason::FRAME_SIZE_ERROR));
}

#[test]
fn what_breaks_a_rule_is_refused() {
    let check = |kind, flags, stream, payload: &[u8], reason: Reason| {
        let header = Header { length: length(payload), kind, flags, stream };
        assert_eq!(parse(header, payload), Err(reason), "{header:?}");
    };
    check(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2], Reason::PROTOCOL_ERROR);
    check(HEADERS, END_HEADERS, 0, &[0x88], Reason::PROTOCOL_ERROR);
    check(SETTINGS, 0, 1, &[], Reason::PROTOCOL_ERROR);
    check(SETTINGS, 0, 0, &[0; 5], Reason::FRAME_SIZE_ERROR);
    check(SETTINGS, ACK, 0, &[0; 6], Reason::FRAME_SIZE_ERROR);
    check(PING, 0, 0, &[0; 7], Reason::FRAME_SIZE_ERROR);
    check(PING, 0, 1, &[0; 8], Reason::PROTOCOL_ERROR);
    check(RST_STREAM, 0, 1, &[0; 3], Reason::FRAME_SIZE_ERROR);
    check(GOAWAY, 0, 0, &[0; 7], Reason::FRAME_SIZE_ERROR);
    check(WINDOW_UPDATE, 0, 1, &[0; 4], Reason::PROTOCOL_ERROR);
}

#[test]
fn what_is_not_known_is_ignored() {
    for kind in [2, 10, 0xff] {
        let header = Header { length: 3, kind, flags: 0xff, stream: 1 };
        assert_eq!(parse(header, &[1, 2, 3]), Ok(Frame::Ignored), "{kind}");
    }
}

proptest! {
    #[test]
    fn a_header_block_is_cut_into_frames_and_is_whole_again(
        block in prop::collection::vec(any::<u8>(), 0..100), max in 1_u32..50, end: bool,
    ) {
        let mut out = Vec::new();
        write_headers(&mut out, 7, &block, end, max);
        let mut whole = Vec::new();
        let frames = frames(&out);
        let last = frames.len() - 1;
        for (at, (header, payload)) in frames.iter().enumerate() {
            prop_assert!(header.length <= max);
            let (fragment, end_headers) = match parse(*header, payload).unwrap() {
                Frame::Headers { stream: 7, fragment, end_stream, end_headers } if at == 0 => {
                    prop_assert_eq!(end_stream, end);
                    (fragment, end_headers)
                }
                Frame::Continuation { stream: 7, fragment, end_headers } if at > 0 => (fragment, end_headers),
                other => panic!("{other:?}"),
            };
            prop_assert_eq!(end_headers, at == last);
            whole.extend_from_slice(fragment);
        }
        prop_assert_eq!(whole, block);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(kind: u8, flags: u8, stream: u32, payload: Vec<u8>) {
        let header = Header { length: length(&payload), kind, flags, stream };
        let _ = parse(header, &payload);
    }
}
