//! Accepts connections, or does not.

use std::{net::Ipv4Addr, sync::Arc};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::{JoinHandle, JoinSet},
};

use super::connection::{self, Server};
use crate::Access;

/// The task that owns the listening socket and every connection.
#[derive(Debug)]
pub(super) struct Listener {
    access: Access,
    /// One order at a time, because whoever gives one waits until it is carried out.
    orders: mpsc::Sender<(Order, oneshot::Sender<()>)>,
    task: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug)]
enum Order {
    /// Listen, or refuse everybody.
    Open(bool),
    /// Reset every connection.
    Cut,
}

impl Listener {
    pub(super) fn start(access: &Access, port: u16, server: Server) -> anyhow::Result<Self> {
        let (orders, received) = mpsc::channel(1);
        let socket = access.run(bind(port))?;
        let task = access.runtime.spawn(listen(port, socket, Arc::new(server), received));
        Ok(Self { access: access.clone(), orders, task })
    }

    pub(super) fn open(&self, open: bool) {
        self.order(Order::Open(open));
    }

    pub(super) fn cut(&self) {
        self.order(Order::Cut);
    }

    fn order(&self, order: Order) {
        let (done, wait) = oneshot::channel();
        let carried_out =
            self.access.run(async { self.orders.send((order, done)).await.is_ok() && wait.await.is_ok() });
        assert!(carried_out, "the proxy's task has ended; its panic is further up");
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn bind(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await
}

async fn listen(
    port: u16,
    socket: TcpListener,
    server: Arc<Server>,
    mut orders: mpsc::Receiver<(Order, oneshot::Sender<()>)>,
) {
    let mut listener = Some(socket);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            order = orders.recv() => {
                let Some((order, done)) = order else { return };
                match order {
                    Order::Cut => connections.shutdown().await,
                    Order::Open(false) => {
                        listener = None;
                        connections.shutdown().await;
                    }
                    Order::Open(true) if listener.is_none() => {
                        listener = Some(bind(port).await.expect("a port that was just ours is free"));
                    }
                    Order::Open(true) => {}
                }
                // A test that no longer waits has panicked.
                let _ = done.send(());
            }
            stream = accept(listener.as_ref()) => {
                connections.spawn(connection::serve(Arc::clone(&server), stream));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    let Some(listener) = listener else { return std::future::pending().await };
    loop {
        // An error is that of one connection, which its client has given up.
        if let Ok((stream, _)) = listener.accept().await {
            return stream;
        }
    }
}
