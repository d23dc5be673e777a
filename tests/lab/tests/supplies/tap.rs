//! A tap on the way to `upsd`: what goes over the wire, byte for byte.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use ananke_lab::{HUB_ADDRESS, Lab, NUT_PORT};
use anyhow::{Context, Result};

const LOOK_AGAIN: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(2);

/// Both directions, of all connections one after the other.
#[derive(Debug, Default)]
struct Heard {
    asked: Mutex<Vec<u8>>,
    told: Mutex<Vec<u8>>,
}

/// It takes no new connection once this is dropped.
#[derive(Debug)]
pub(crate) struct Tap {
    heard: Arc<Heard>,
    is_over: Arc<AtomicBool>,
}

impl Tap {
    /// Listens at a port of the hub, and hands everything on to `upsd`.
    pub(crate) fn open(lab: &Lab, port: u16) -> Result<Self> {
        let bind = lab.enter(|| TcpListener::bind((HUB_ADDRESS, port)))?;
        let listener = bind.with_context(|| format!("port {port} of the hub is taken"))?;
        listener.set_nonblocking(true)?;
        let (heard, is_over) = (Arc::<Heard>::default(), Arc::<AtomicBool>::default());
        let tap = Self { heard: Arc::clone(&heard), is_over: Arc::clone(&is_over) };
        let lab = Lab::attach(&lab.spec().name)?;
        thread::spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((client, _)) => hand_on(&lab, client, &heard).unwrap_or_default(),
                    Err(_) => thread::sleep(LOOK_AGAIN),
                }
            }
        });
        Ok(tap)
    }

    /// What clients sent, as far as it can be read.
    pub(crate) fn asked(&self) -> String {
        text(&self.heard.asked)
    }

    /// What `upsd` sent, as far as it can be read.
    pub(crate) fn told(&self) -> String {
        text(&self.heard.told)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn text(bytes: &Mutex<Vec<u8>>) -> String {
    String::from_utf8_lossy(&bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
}

/// A server that is away is one that hangs up.
fn hand_on(lab: &Lab, client: TcpStream, heard: &Arc<Heard>) -> Result<()> {
    client.set_nonblocking(false)?;
    let server = lab.connect(SocketAddr::from((HUB_ADDRESS, NUT_PORT)), PATIENCE)?;
    let (from_client, from_server) = (client.try_clone()?, server.try_clone()?);
    let (asked, told) = (Arc::clone(heard), Arc::clone(heard));
    thread::spawn(move || copy(from_client, server, &asked.asked));
    thread::spawn(move || copy(from_server, client, &told.told));
    Ok(())
}

fn copy(mut from: TcpStream, mut to: TcpStream, heard: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let bytes = buffer.get(..length).unwrap_or_default();
        heard.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        if to.write_all(bytes).is_err() {
            break;
        }
    }
    for end in [from, to] {
        end.shutdown(Shutdown::Both).ok();
    }
}
