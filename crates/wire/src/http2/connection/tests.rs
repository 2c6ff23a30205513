//! What a connection does, frame by frame, without a server.

use proptest::prelude::*;

use super::*;
use crate::http2::frame::tests::frames;

/// `:status: 200`, and the same with `content-length: 3`.
const OK: &[u8] = &[0x88];
const OK_OF_3: &[u8] = &[0x88, 0x0f, 28 - 15, 1, b'3'];

/// A connection whose prefaces have been exchanged.
fn connection(settings: &[(u16, u32)]) -> Http2 {
    let mut http2 = Http2::new();
    receive(&mut http2, |out| frame::write_settings(out, settings));
    sent(&mut http2);
    http2
}

fn receive(http2: &mut Http2, write: impl FnOnce(&mut Vec<u8>)) {
    http2.receive(&bytes(write)).unwrap();
}

fn bytes(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes);
    bytes
}

fn output(http2: &mut Http2) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let mut out = Vec::new();
        http2.take_output(&mut out);
        if out.is_empty() {
            return all;
        }
        all.extend(out);
    }
}

/// What it sends now: kind, flags, stream and payload of each frame.
fn sent(http2: &mut Http2) -> Vec<(u8, u8, u32, Vec<u8>)> {
    let out = output(http2);
    let frames = frames(out.strip_prefix(frame::PREFACE).unwrap_or(&out));
    frames.into_iter().map(|(header, payload)| (header.kind, header.flags, header.stream, payload)).collect()
}

fn open(http2: &mut Http2, body: &'static [u8]) -> u32 {
    assert!(http2.has_room(Waker::noop()).unwrap());
    http2.open(&Block::default(), Bytes::from_static(body), false)
}

/// A frame of HEADERS that is written by hand.
fn head(out: &mut Vec<u8>, stream: u32, block: &[u8], end: bool) {
    frame::write_headers(out, stream, block, end, DEFAULT_MAX_FRAME);
}

fn answer(http2: &mut Http2, stream: u32, body: &[u8]) {
    receive(http2, |out| {
        head(out, stream, OK, false);
        frame::write_data(out, stream, body, true);
    });
}

fn body(http2: &mut Http2, stream: u32) -> Vec<u8> {
    http2.take_data(stream).unwrap_or_default().to_vec()
}

fn error(http2: &mut Http2, stream: u32) -> String {
    http2.stream(stream).unwrap().error().map(ToString::to_string).unwrap_or_default()
}

fn reset(stream: u32, reason: Reason) -> (u8, u8, u32, Vec<u8>) {
    (frame::RST_STREAM, 0, stream, reason.code().to_be_bytes().to_vec())
}

#[test]
fn it_says_of_itself_what_a_go_client_does() {
    let mut http2 = Http2::new();
    let out = output(&mut http2);
    assert!(out.starts_with(frame::PREFACE));
    let said = frames(&out[frame::PREFACE.len()..]);
    assert_eq!(frame::settings_of(&said[0].1).collect::<Vec<_>>(), [(2, 0), (4, 4 << 20), (6, 10 << 20)]);
    assert_eq!(
        frame::parse(said[1].0, &said[1].1),
        Ok(frame::Frame::WindowUpdate { stream: 0, increment: (1 << 30) - 65_535 })
    );
}

#[test]
fn a_request_and_its_short_body_are_one_piece() {
    let mut http2 = connection(&[]);
    let id = open(&mut http2, b"body");
    let mut out = Vec::new();
    http2.take_output(&mut out);
    let kinds: Vec<_> = frames(&out).iter().map(|(header, _)| (header.kind, header.flags)).collect();
    assert_eq!(kinds, [(frame::HEADERS, frame::END_HEADERS), (frame::DATA, frame::END_STREAM)]);
    answer(&mut http2, id, b"answer");
    assert_eq!(http2.stream(id).unwrap().head().unwrap().status, 200);
    assert_eq!(body(&mut http2, id), b"answer");
    assert!(http2.stream(id).unwrap().is_ended());
    http2.forget(id);
    assert_eq!(sent(&mut http2), [], "there is nothing to cancel");
}

#[test]
fn settings_and_pings_are_acknowledged() {
    let mut http2 = connection(&[]);
    receive(&mut http2, |out| {
        frame::write_settings(out, &[(1, 100), (77, 1)]);
        frame::write_ping(out, [3; 8]);
    });
    let expected = [(frame::SETTINGS, frame::ACK, 0, vec![]), (frame::PING, frame::ACK, 0, vec![3; 8])];
    assert_eq!(sent(&mut http2), expected);
    http2.ping();
    let [(frame::PING, 0, 0, payload)] = &sent(&mut http2)[..] else { panic!() };
    assert!(!http2.take_pong());
    receive(&mut http2, |out| frame::write_pong(out, payload.clone().try_into().unwrap()));
    assert!(http2.take_pong());
    assert!(!http2.take_pong(), "it is told once");
}

#[test]
fn a_body_is_sent_as_far_as_the_windows_let_it() {
    let mut http2 = connection(&[(frame::INITIAL_WINDOW_SIZE, 4)]);
    let id = open(&mut http2, b"0123456789");
    let data = |http2: &mut Http2| -> Vec<(u8, Vec<u8>)> {
        let data = sent(http2).into_iter().filter(|sent| sent.0 == frame::DATA);
        data.map(|(_, flags, _, payload)| (flags, payload)).collect()
    };
    assert_eq!(data(&mut http2), [(0, b"0123".to_vec())]);
    assert_eq!(data(&mut http2), []);
    receive(&mut http2, |out| frame::write_window_update(out, id, 2));
    assert_eq!(data(&mut http2), [(0, b"45".to_vec())]);
    // A smaller window is owed what was sent already.
    receive(&mut http2, |out| frame::write_settings(out, &[(frame::INITIAL_WINDOW_SIZE, 1)]));
    receive(&mut http2, |out| frame::write_window_update(out, id, 3));
    assert_eq!(data(&mut http2), []);
    receive(&mut http2, |out| frame::write_window_update(out, id, 1));
    assert_eq!(data(&mut http2), [(0, b"6".to_vec())]);
    receive(&mut http2, |out| frame::write_window_update(out, id, 100));
    assert_eq!(data(&mut http2), [(frame::END_STREAM, b"789".to_vec())]);
}

#[test]
fn all_bodies_share_the_window_of_the_connection_and_keep_to_the_longest_frame() {
    static LONG: [u8; 40_000] = [7; 40_000];
    let mut http2 = connection(&[(frame::INITIAL_WINDOW_SIZE, 1 << 20)]);
    open(&mut http2, &LONG);
    open(&mut http2, &LONG);
    let lengths = |http2: &mut Http2| -> Vec<usize> {
        let data = sent(http2).into_iter().filter(|sent| sent.0 == frame::DATA);
        data.map(|(.., payload)| payload.len()).collect()
    };
    assert_eq!(lengths(&mut http2), [16_384, 16_384, 7_232, 16_384, 9_151], "65535 in all");
    receive(&mut http2, |out| frame::write_window_update(out, 0, 1 << 20));
    assert_eq!(lengths(&mut http2), [14_465]);
}

#[test]
fn a_server_that_takes_long_frames_makes_no_buffer_long() {
    static LONG: [u8; 200_000] = [7; 200_000];
    let settings = [(frame::INITIAL_WINDOW_SIZE, 1 << 20), (frame::MAX_FRAME_SIZE, 1 << 20)];
    let mut http2 = connection(&settings);
    receive(&mut http2, |out| frame::write_window_update(out, 0, 1 << 20));
    open(&mut http2, &LONG);
    let data = sent(&mut http2).into_iter().filter(|sent| sent.0 == frame::DATA);
    let lengths: Vec<usize> = data.map(|(.., payload)| payload.len()).collect();
    assert_eq!(lengths, [65_536, 65_536, 65_536, 3_392]);
}

#[test]
fn a_window_is_given_back_when_a_quarter_of_it_was_read() {
    let mut http2 = connection(&[]);
    let id = open(&mut http2, b"");
    sent(&mut http2);
    receive(&mut http2, |out| head(out, id, OK, false));
    let chunk = vec![0; 16_384];
    let mut updates = Vec::new();
    for _ in 0..65 {
        receive(&mut http2, |out| frame::write_data(out, id, &chunk, false));
        assert_eq!(body(&mut http2, id).len(), chunk.len());
        updates.extend(sent(&mut http2));
    }
    assert_eq!(updates, [(frame::WINDOW_UPDATE, 0, id, (1_u32 << 20).to_be_bytes().to_vec())]);
}

#[test]
fn what_nobody_reads_is_limited_by_the_window_of_its_stream() {
    let mut http2 = connection(&[]);
    let (id, other) = (open(&mut http2, b""), open(&mut http2, b""));
    sent(&mut http2);
    receive(&mut http2, |out| head(out, id, OK, false));
    let chunk = vec![0; 16_384];
    for _ in 0..256 {
        receive(&mut http2, |out| frame::write_data(out, id, &chunk, false));
    }
    assert_eq!(error(&mut http2, id), "");
    receive(&mut http2, |out| frame::write_data(out, id, b"1", false));
    assert_eq!(sent(&mut http2), [reset(id, Reason::FLOW_CONTROL_ERROR)]);
    answer(&mut http2, other, b"fine");
    assert_eq!(body(&mut http2, other), b"fine");
}

#[test]
fn the_window_of_the_connection_is_given_back_whoever_reads() {
    let mut http2 = connection(&[]);
    let id = open(&mut http2, b"");
    http2.forget(id);
    sent(&mut http2);
    let chunk = vec![0; 16_384];
    let mut given_back = 0;
    for _ in 0..20_000 {
        receive(&mut http2, |out| frame::write_data(out, id, &chunk, false));
        for (kind, _, stream, payload) in sent(&mut http2) {
            assert_eq!((kind, stream), (frame::WINDOW_UPDATE, 0));
            given_back += u32::from_be_bytes(payload.try_into().unwrap());
        }
    }
    assert_eq!(given_back, (1 << 28) + 16_384);
}

#[test]
fn streams_beyond_a_goaway_are_told_and_the_others_go_on() {
    let mut http2 = connection(&[]);
    let (first, second) = (open(&mut http2, b""), open(&mut http2, b""));
    // Last stream 1, NO_ERROR.
    http2.receive(&[0, 0, 8, frame::GOAWAY, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]).unwrap();
    assert!(matches!(http2.stream(second).unwrap().error(), Some(Http2Error::GoAway(Reason::NO_ERROR))));
    assert!(http2.has_room(Waker::noop()).is_err());
    assert!(http2.is_leaving() && http2.has_open_streams());
    answer(&mut http2, first, b"late");
    assert!(!http2.has_open_streams(), "now it may end");
    http2.fail(&Http2Error::io(std::io::ErrorKind::UnexpectedEof, "closed"));
    assert_eq!(body(&mut http2, first), b"late");
    assert_eq!(error(&mut http2, first), "", "what is complete stays");
}

#[test]
fn a_stream_that_is_dropped_is_cancelled_and_what_still_comes_is_ignored() {
    let mut http2 = connection(&[]);
    let id = open(&mut http2, b"");
    sent(&mut http2);
    receive(&mut http2, |out| head(out, id, OK, false));
    http2.forget(id);
    assert_eq!(sent(&mut http2), [reset(id, Reason::CANCEL)]);
    receive(&mut http2, |out| {
        frame::write_data(out, id, b"late", false);
        frame::write_window_update(out, id, 1);
        head(out, id, OK, true);
        frame::write_reset(out, id, Reason::CANCEL);
    });
    assert_eq!(sent(&mut http2), []);
}

#[test]
fn what_came_before_a_reset_is_read_before_it() {
    let mut http2 = connection(&[]);
    let id = open(&mut http2, b"");
    receive(&mut http2, |out| {
        head(out, id, OK, false);
        frame::write_data(out, id, b"half", false);
        frame::write_reset(out, id, Reason::INTERNAL_ERROR);
    });
    assert_eq!(body(&mut http2, id), b"half");
    assert_eq!(error(&mut http2, id), "the stream was reset: INTERNAL_ERROR");
    sent(&mut http2);
    http2.forget(id);
    assert_eq!(sent(&mut http2), [], "the peer needs no reset of what it has reset");
}

#[test]
fn a_server_that_wants_no_more_of_the_request_has_answered_nevertheless() {
    static LONG: [u8; 100_000] = [7; 100_000];
    let mut http2 = connection(&[]);
    let id = open(&mut http2, &LONG);
    sent(&mut http2);
    answer(&mut http2, id, b"too long");
    assert!(http2.has_open_streams());
    // As Go's server does when a handler has not read all.
    receive(&mut http2, |out| frame::write_reset(out, id, Reason::NO_ERROR));
    assert!(!http2.has_open_streams());
    assert_eq!((body(&mut http2, id), error(&mut http2, id)), (b"too long".to_vec(), String::new()));
}

#[test]
fn no_more_streams_are_opened_than_the_server_allows() {
    let mut http2 = Http2::new();
    assert_eq!(http2.max_streams(), Some(100), "until it says");
    receive(&mut http2, |out| frame::write_settings(out, &[(frame::MAX_CONCURRENT_STREAMS, 1)]));
    let id = open(&mut http2, b"");
    assert!(!http2.has_room(Waker::noop()).unwrap());
    http2.take_woken();
    answer(&mut http2, id, b"");
    assert_eq!(http2.take_woken().len(), 1, "who waits is told");
    assert!(http2.has_room(Waker::noop()).unwrap(), "a stream that is over counts no more");
    assert_eq!(connection(&[]).max_streams(), None);
}

#[test]
fn a_stream_whose_answer_is_no_http_is_reset_and_the_connection_lives() {
    type Write = fn(&mut Vec<u8>, u32);
    let cases: [(&str, Write); 7] = [
        ("no status", |out, id| head(out, id, &[0x0f, 28 - 15, 1, b'3'], true)),
        ("a body before the headers", |out, id| frame::write_data(out, id, b"x", true)),
        ("too long", |out, id| {
            head(out, id, OK_OF_3, false);
            frame::write_data(out, id, b"four", true);
        }),
        ("too short", |out, id| {
            head(out, id, OK_OF_3, false);
            frame::write_data(out, id, b"2!", true);
        }),
        ("no body at all", |out, id| head(out, id, OK_OF_3, true)),
        ("trailers that are not the end", |out, id| {
            head(out, id, OK, false);
            head(out, id, OK, false);
        }),
        ("switching protocols at the end", |out, id| head(out, id, &[0x08, 3, b'1', b'0', b'1'], true)),
    ];
    for (what, write) in cases {
        let mut http2 = connection(&[]);
        let id = open(&mut http2, b"");
        sent(&mut http2);
        receive(&mut http2, |out| write(out, id));
        assert_eq!(error(&mut http2, id), "the answer breaks a rule of HTTP/2: PROTOCOL_ERROR", "{what}");
        assert_eq!(sent(&mut http2), [reset(id, Reason::PROTOCOL_ERROR)], "{what}");
    }
}

#[test]
fn what_is_before_and_after_an_answer_does_no_harm() {
    let mut http2 = connection(&[]);
    let id = open(&mut http2, b"");
    receive(&mut http2, |out| {
        head(out, id, &[0x08, 3, b'1', b'0', b'3'], false);
        head(out, id, OK_OF_3, false);
        frame::write_data(out, id, b"abc", false);
        head(out, id, &[0x00, 1, b'x', 1, b'y'], true);
    });
    let stream = http2.stream(id).unwrap();
    assert_eq!((stream.head().unwrap().status.as_u16(), stream.is_ended()), (200, true));
    assert_eq!(body(&mut http2, id), b"abc");
}

#[test]
fn the_length_in_an_answer_to_head_is_not_that_of_its_body() {
    let mut http2 = connection(&[]);
    let id = http2.open(&Block::default(), Bytes::new(), true);
    receive(&mut http2, |out| head(out, id, OK_OF_3, true));
    assert!(http2.stream(id).unwrap().is_ended());
}

#[test]
fn a_server_that_breaks_a_rule_is_told_which() {
    let check = |what: &str, bytes: &[u8], reason: Reason| {
        let mut http2 = connection(&[]);
        open(&mut http2, b"");
        sent(&mut http2);
        assert!(matches!(http2.receive(bytes), Err(Http2Error::Protocol(told)) if told == reason), "{what}");
        let expected = [&[0; 4], &reason.code().to_be_bytes()[..]].concat();
        assert_eq!(sent(&mut http2).last(), Some(&(frame::GOAWAY, 0, 0, expected)), "{what}");
    };
    let headers_begun = [0, 0, 1, frame::HEADERS, 0, 0, 0, 0, 1, 0x88];
    let ping = [&[0, 0, 8, frame::PING, 0, 0, 0, 0, 0][..], &[0; 8]].concat();
    check("a push", &[0, 0, 0, frame::PUSH_PROMISE, 4, 0, 0, 0, 1], Reason::PROTOCOL_ERROR);
    check("a stream nobody opened", &bytes(|out| head(out, 3, OK, true)), Reason::PROTOCOL_ERROR);
    check("a stream of the server", &bytes(|out| head(out, 2, OK, true)), Reason::PROTOCOL_ERROR);
    check(
        "data of the connection",
        &bytes(|out| frame::write_data(out, 0, b"", true)),
        Reason::PROTOCOL_ERROR,
    );
    check("a frame between headers", &[&headers_begun[..], &ping].concat(), Reason::PROTOCOL_ERROR);
    check("nothing to continue", &[0, 0, 0, frame::CONTINUATION, 4, 0, 0, 0, 1], Reason::PROTOCOL_ERROR);
    check("a long frame", &[0, 0x40, 1, frame::DATA, 0, 0, 0, 0, 1], Reason::FRAME_SIZE_ERROR);
    check("no table", &bytes(|out| head(out, 1, &[0xff, 0], true)), Reason::COMPRESSION_ERROR);
    check(
        "padding that is longer than the frame",
        &[0, 0, 1, frame::DATA, frame::PADDED, 0, 0, 0, 1, 1],
        Reason::PROTOCOL_ERROR,
    );
    let window = bytes(|out| frame::write_window_update(out, 0, MAX_WINDOW));
    check("a window that is too large", &window, Reason::FLOW_CONTROL_ERROR);
    for (setting, value, reason) in [
        (frame::INITIAL_WINDOW_SIZE, 1 << 31, Reason::FLOW_CONTROL_ERROR),
        (frame::MAX_FRAME_SIZE, 100, Reason::PROTOCOL_ERROR),
    ] {
        check("a setting", &bytes(|out| frame::write_settings(out, &[(setting, value)])), reason);
    }
    let pings = ping.repeat(100_000);
    check("pings without end", &pings, Reason::ENHANCE_YOUR_CALM);
    assert!(Http2::new().receive(&ping).is_err(), "its settings come first");
    assert!(Http2::new().receive(b"HTTP/1.1 400 Bad Request\r\n").is_err());
}

#[test]
fn nothing_is_kept_at_rest() {
    let mut http2 = connection(&[]);
    let watch = open(&mut http2, b"");
    for _ in 0..90 {
        let id = open(&mut http2, b"body");
        output(&mut http2);
        answer(&mut http2, id, &[1; 10_000]);
        body(&mut http2, id);
        http2.forget(id);
    }
    let burst: Vec<u32> = (0..90).map(|_| open(&mut http2, b"")).collect();
    output(&mut http2);
    for id in burst {
        http2.forget(id);
    }
    output(&mut http2);
    http2.take_woken();
    receive(&mut http2, |out| head(out, watch, OK, false));
    assert!(http2.streams.capacity() <= 4, "{}", http2.streams.capacity());
    assert_eq!((http2.out.capacity(), http2.woken.capacity(), http2.waiting.capacity()), (0, 0, 0));
    assert!(http2.incoming.owns_nothing());
    assert!(size_of::<Http2>() + size_of::<Stream>() < 600);
}

proptest! {
    #[test]
    fn an_answer_is_the_same_wherever_the_network_cuts_it(cuts in prop::collection::vec(1_usize..40, 1..40)) {
        let mut http2 = connection(&[]);
        let id = open(&mut http2, b"");
        let whole = bytes(|out| {
            frame::write_headers(out, id, &[OK_OF_3, &[0x40, 1, b'a', 1, b'b']].concat(), false, 4);
            // PRIORITY, and one that nobody knows.
            out.extend([0, 0, 5, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
            out.extend([0, 0, 2, 99, 0, 0, 0, 0, 0, 1, 1]);
            // Padded: "ab", and two zeros.
            out.extend([0, 0, 5, frame::DATA, frame::PADDED, 0, 0, 0, 1, 2, b'a', b'b', 0, 0]);
            frame::write_ping(out, [5; 8]);
            frame::write_data(out, id, b"c", false);
            frame::write_data(out, id, b"", true);
        });
        let (mut rest, mut cuts) = (&whole[..], cuts.iter().cycle());
        let mut read = Vec::new();
        while !rest.is_empty() {
            let (part, more) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            http2.receive(part).unwrap();
            read.extend(body(&mut http2, id));
            rest = more;
        }
        prop_assert_eq!(read, b"abc");
        prop_assert!(http2.stream(id).unwrap().is_ended());
        prop_assert!(sent(&mut http2).contains(&(frame::PING, frame::ACK, 0, vec![5; 8])));
    }

    #[test]
    fn no_bytes_make_it_panic(chunks: Vec<Vec<u8>>) {
        let mut http2 = connection(&[]);
        open(&mut http2, b"");
        for chunk in chunks {
            if http2.receive(&chunk).is_err() {
                break;
            }
        }
    }
}
