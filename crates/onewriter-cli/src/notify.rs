//! Telling a service manager how it is going: the protocol of systemd's `sd_notify`.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// The manager that has started this process, if there is one that listens.
pub struct Service {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// How often it wants a sign of life.
    watchdog: Option<Duration>,
    last: Instant,
}

impl Service {
    /// That of `NOTIFY_SOCKET`, with the watchdog of `WATCHDOG_USEC` unless `WATCHDOG_PID` means
    /// another process.
    pub fn of_environment() -> Service {
        let variable = |name| std::env::var(name).ok();
        let watchdog = variable("WATCHDOG_USEC").and_then(|text| text.parse().ok());
        let pid = variable("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let socket = variable("NOTIFY_SOCKET").as_deref().and_then(open);
        let watchdog = watchdog.filter(|_| pid && socket.is_some()).map(Duration::from_micros);
        Service { socket, watchdog, last: Instant::now() }
    }

    /// Sends this; that nobody listens any more is no reason to stop.
    pub fn tell(&self, text: &str) {
        if let Some((socket, address)) = &self.socket {
            let _nobody_listens = socket.send_to_addr(text.as_bytes(), address);
        }
    }

    /// Says that settings are being read again; `READY=1` ends that.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// How long may pass until the next sign of life.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog.map(|every| (every / 2).saturating_sub(self.last.elapsed()))
    }

    /// Gives a sign of life if one is due and `is_well` says so within the time it is given.
    pub fn keep_alive(&mut self, is_well: impl FnOnce(Duration) -> bool) {
        if let Some(every) = self.watchdog.filter(|every| self.last.elapsed() >= *every / 2) {
            self.last = Instant::now();
            if is_well(every / 4) {
                self.tell("WATCHDOG=1");
            }
        }
    }
}

fn open(name: &str) -> Option<(UnixDatagram, SocketAddr)> {
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(name),
    };
    Some((UnixDatagram::unbound().ok()?, address.ok()?))
}
