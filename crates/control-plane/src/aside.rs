//! What we serve ourselves, on a thread and a runtime of its own: whoever starts control planes has a runtime with deadlines, and it may
//! stand still.

use std::{
    convert::Infallible,
    io,
    sync::mpsc,
    thread::{self, JoinHandle},
};

use tokio::{runtime::Builder, sync::oneshot};

/// A server that runs. Dropping it closes its listeners and connections before it returns, which takes milliseconds.
#[derive(Debug)]
pub struct Aside {
    end: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Aside {
    /// Runs `serve` and what it spawns. `name` is the thread's.
    ///
    /// # Errors
    ///
    /// When the thread or its runtime cannot be made.
    pub fn start(name: &str, serve: impl Future<Output = ()> + Send + 'static) -> io::Result<Self> {
        let (end, ended) = oneshot::channel();
        let (started, outcome) = mpsc::channel();
        let run = move || {
            // Made here because it must end here: to drop a runtime among tasks is a panic.
            let runtime = match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(started.send(Err(error))),
            };
            let _ = started.send(Ok(()));
            runtime.block_on(async {
                tokio::select! {
                    () = serve => {}
                    // Nothing is ever sent: the sender is gone.
                    _ = ended => {}
                }
            });
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run)?;
        outcome.recv().map_err(|_| io::Error::other("the thread ended at once")).flatten()?;
        Ok(Self { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        drop(self.end.take());
        // A panic in the thread was printed where it happened.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::Aside;

    #[test]
    fn what_it_served_is_closed_when_it_is_dropped() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let aside = Aside::start("test", async move {
            let _listener = listener;
            std::future::pending::<()>().await;
        })
        .unwrap();
        TcpStream::connect(address).unwrap();
        drop(aside);
        TcpStream::connect(address).unwrap_err();
    }
}
