use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{Server, Servers, accept, watch};

/// A server that sends its number to whoever comes and then what it is sent, until it is dropped.
struct Echo {
    port: u16,
    tasks: JoinSet<()>,
}

impl Echo {
    async fn start(number: u8) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut tasks = JoinSet::new();
        tasks.spawn(Self::accept(listener, number));
        Self { port, tasks }
    }

    async fn accept(listener: TcpListener, number: u8) {
        // They end with this task.
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            connections.spawn(Self::serve(stream, number));
        }
    }

    async fn serve(mut stream: TcpStream, number: u8) {
        stream.write_all(&[number]).await.unwrap();
        let (mut read, mut write) = stream.split();
        let _ = tokio::io::copy(&mut read, &mut write).await;
    }

    async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}

/// Servers that are ready and a balancer in front of them.
struct Bench {
    servers: Servers,
    port: u16,
    _tasks: JoinSet<()>,
}

impl Bench {
    async fn start(echoes: &[Echo]) -> Self {
        let servers = Servers::new(echoes.iter().map(|echo| Server::new("s", echo.port)));
        for server in servers.iter() {
            server.set_ready(true);
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, servers.clone()));
        Self { servers, port, _tasks: tasks }
    }

    /// A new connection, and the number of the server that it came to.
    async fn connect(&self) -> (TcpStream, u8) {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.unwrap();
        let number = stream.read_u8().await.unwrap();
        (stream, number)
    }

    fn counts(&self) -> Vec<(u64, u64)> {
        self.servers.iter().map(|server| server.balanced()).map(|it| (it.opened, it.open)).collect()
    }
}

/// Waits for what another task does next.
async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if is_so() {
            return;
        }
        sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}

#[tokio::test]
async fn connections_are_spread_evenly_and_carry_both_ways() {
    let echoes = [Echo::start(0).await, Echo::start(1).await];
    let bench = Bench::start(&echoes).await;
    let mut streams = Vec::new();
    for turn in 0..10 {
        let (stream, number) = bench.connect().await;
        assert_eq!(number, turn % 2);
        streams.push(stream);
    }
    assert_eq!(bench.counts(), [(5, 5), (5, 5)]);
    let (mut read, mut write) = streams.pop().unwrap().into_split();
    // More than the sockets' buffers and ours take, so that there is a receiver that is full.
    let sent: Vec<u8> = (0..8_000_000_u32).map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[2]).collect();
    let expected = sent.clone();
    let sending = tokio::spawn(async move {
        write.write_all(&sent).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let mut received = Vec::new();
    read.read_to_end(&mut received).await.unwrap();
    sending.await.unwrap();
    assert!(received == expected, "{} of {} bytes", received.len(), expected.len());
    drop(streams);
    eventually("all are closed", || bench.counts() == [(5, 0), (5, 0)]).await;
}

#[tokio::test]
async fn a_server_that_is_not_ready_is_passed_over() {
    let echoes = [Echo::start(0).await, Echo::start(1).await];
    let bench = Bench::start(&echoes).await;
    bench.servers[0].set_ready(false);
    for _ in 0..4 {
        assert_eq!(bench.connect().await.1, 1);
    }
    bench.servers[0].set_ready(true);
    let mut numbers = [bench.connect().await.1, bench.connect().await.1];
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1]);
}

#[tokio::test]
async fn when_a_server_goes_its_connections_are_cut_and_others_take_the_next() {
    let mut echoes = vec![Echo::start(0).await, Echo::start(1).await];
    let bench = Bench::start(&echoes).await;
    let (mut lost, first) = bench.connect().await;
    let (mut kept, second) = bench.connect().await;
    assert_eq!((first, second), (0, 1));
    echoes.remove(0).stop().await;
    let end = timeout(Duration::from_secs(30), lost.read(&mut [0])).await.unwrap();
    assert_eq!(end.unwrap_or(0), 0);

    // Nobody has looked at it since, and it would be its turn.
    for _ in 0..2 {
        assert_eq!(bench.connect().await.1, 1);
    }
    let ready: Vec<bool> = bench.servers.iter().map(|server| server.balanced().ready).collect();
    assert_eq!(ready, [false, true]);
    kept.write_all(b"x").await.unwrap();
    assert_eq!(kept.read_u8().await.unwrap(), b'x');
}

#[tokio::test(start_paused = true)]
async fn a_server_is_looked_at_every_second() {
    let servers = Servers::new([Server::new("s", 1)].into_iter());
    let (answers, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let look = {
        let (answers, asked) = (answers.clone(), asked.clone());
        move || {
            asked.fetch_add(1, Relaxed);
            let answers = answers.clone();
            async move { answers.load(Relaxed) }
        }
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(watch(servers[0].clone(), look));
    sleep(Duration::from_millis(500)).await;
    assert_eq!((asked.load(Relaxed), servers[0].balanced().ready), (1, false));
    answers.store(true, Relaxed);
    sleep(Duration::from_secs(1)).await;
    assert_eq!((asked.load(Relaxed), servers[0].balanced().ready), (2, true));
    answers.store(false, Relaxed);
    sleep(Duration::from_secs(10)).await;
    assert_eq!((asked.load(Relaxed), servers[0].balanced().ready), (12, false));
}
