//! Whatever the chunks, the frames are the same.

use proptest::prelude::*;

use super::*;

/// Pushes `body` in chunks that end at `cuts`, reading after each, and returns every frame.
fn read_in_chunks(encoding: Encoding, body: &[u8], cuts: &[usize]) -> Vec<Bytes> {
    let mut frames = Frames::new(encoding);
    let mut seen = Vec::new();
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (body.len() + 1)).collect();
    ends.sort_unstable();
    ends.push(body.len());
    let mut start = 0;
    for end in ends {
        frames.push(&body[start..end]);
        start = end;
        while let Some(frame) = frames.next().unwrap() {
            seen.push(frame);
        }
    }
    assert!(frames.is_between_frames());
    seen
}

fn by_length(payloads: &[Vec<u8>]) -> Vec<u8> {
    payloads
        .iter()
        .flat_map(|payload| {
            let length = u32::try_from(payload.len()).unwrap();
            [&length.to_be_bytes(), payload.as_slice()].concat()
        })
        .collect()
}

proptest! {
    #[test]
    fn length_delimited_frames_survive_any_chunking(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
        cuts in prop::collection::vec(any::<usize>(), 0..40),
    ) {
        let seen = read_in_chunks(Encoding::Protobuf, &by_length(&payloads), &cuts);
        prop_assert_eq!(seen, payloads);
    }

    #[test]
    fn lines_survive_any_chunking(
        lines in prop::collection::vec("[ -~]{0,200}", 0..20),
        cuts in prop::collection::vec(any::<usize>(), 0..40),
    ) {
        let body: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        let seen = read_in_chunks(Encoding::Json, body.as_bytes(), &cuts);
        let expected: Vec<&String> = lines.iter().filter(|line| !line.trim().is_empty()).collect();
        prop_assert_eq!(seen, expected);
    }
}

#[test]
fn every_single_cut_of_a_short_body() {
    let payloads = vec![b"a".to_vec(), Vec::new(), b"bcd".to_vec()];
    let body = by_length(&payloads);
    for cut in 0..=body.len() {
        assert_eq!(read_in_chunks(Encoding::Protobuf, &body, &[cut]), payloads, "cut at {cut}");
    }
    let bytewise: Vec<usize> = (0..body.len()).collect();
    assert_eq!(read_in_chunks(Encoding::Protobuf, &body, &bytewise), payloads);
}

#[test]
fn a_frame_beyond_the_limit_is_refused_before_it_is_buffered() {
    let mut frames = Frames::new(Encoding::Protobuf);
    frames.push(&u32::MAX.to_be_bytes());
    assert!(matches!(frames.next(), Err(Error::FrameTooLong { .. })));

    let mut frames = Frames::new(Encoding::Json);
    frames.push(&vec![b' '; MAX_FRAME]);
    assert!(frames.next().unwrap().is_none());
    frames.push(b" ");
    assert!(matches!(frames.next(), Err(Error::FrameTooLong { .. })));
}

#[test]
fn an_unfinished_frame_is_noticed() {
    let mut frames = Frames::new(Encoding::Protobuf);
    frames.push(&[0, 0, 0, 2, b'a']);
    assert!(frames.next().unwrap().is_none());
    assert!(!frames.is_between_frames());
}

#[test]
fn an_idle_watch_keeps_no_buffer() {
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let mut frames = Frames::new(encoding);
        let body = match encoding {
            Encoding::Protobuf => by_length(&[vec![1; 100_000]]),
            _ => [vec![b'x'; 100_000], vec![b'\n']].concat(),
        };
        frames.push(&body);
        assert_eq!(frames.next().unwrap().map(|frame| frame.len()), Some(100_000));
        assert_eq!(frames.buffer.capacity(), 0);
    }
}
