//! What the program tells systemd, or whoever has set `NOTIFY_SOCKET`: that it is ready, stops, and is alive.

use std::{env, ffi::OsStr, io, os::unix::ffi::OsStrExt, time::Duration};

use sd_notify::NotifyState;
use socket2::{SockAddr, Socket, Type};
use tokio::time::{MissedTickBehavior, interval};

/// Says that clients are served: it listens, and its data is loaded.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready, NotifyState::Status("ready")]);
}

/// Says that the data is being loaded, while clients are told so.
pub(crate) fn loading() {
    tell(&[NotifyState::Status("loading the data")]);
}

pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// Says that it is alive, twice in the time after which it would be taken for dead.
pub(crate) async fn keep_alive() {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    let mut ticks = interval((limit / 2).max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    let Some(place) = env::var_os("NOTIFY_SOCKET") else { return };
    let message: String = states.iter().map(|state| format!("{state}\n")).collect();
    if let Err(error) = send(&place, message.as_bytes()) {
        tracing::warn!(%error, "the supervisor cannot be told");
    }
}

/// Sends a message to the socket of the supervisor. That of `sd_notify` finds sockets in the file system only.
fn send(place: &OsStr, message: &[u8]) -> io::Result<()> {
    let (address, kinds) = address(place)?;
    let mut failure = io::Error::from(io::ErrorKind::Unsupported);
    for kind in kinds {
        let sent = Socket::new(address.domain(), *kind, None).and_then(|socket| {
            socket.connect(&address)?;
            socket.send(message)
        });
        match sent {
            Ok(_) => return Ok(()),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// The address of `/path`, `@abstract` or `vsock:CID:PORT`, and the types that its socket may have.
fn address(place: &OsStr) -> io::Result<(SockAddr, &'static [Type])> {
    let bytes = place.as_bytes();
    if let Some(numbers) = bytes.strip_prefix(b"vsock:") {
        let numbers = str::from_utf8(numbers).ok().and_then(|text| text.split_once(':'));
        let numbers = numbers.and_then(|(cid, port)| Some((cid.parse().ok()?, port.parse().ok()?)));
        let (cid, port) = numbers.ok_or(io::ErrorKind::InvalidInput)?;
        return Ok((SockAddr::vsock(cid, port), &[Type::DGRAM, Type::SEQPACKET, Type::STREAM]));
    }
    let address = match bytes.strip_prefix(b"@") {
        // The kernel has a zero in front of an abstract name.
        Some(name) => SockAddr::unix(OsStr::from_bytes(&[b"\0", name].concat()))?,
        None => SockAddr::unix(place)?,
    };
    Ok((address, &[Type::DGRAM]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supervisor_outside_of_a_virtual_machine_has_numbers() {
        let parse = |place: &str| address(OsStr::new(place));
        assert_eq!(parse("vsock:2:1234").unwrap().0.as_vsock_address(), Some((2, 1234)));
        assert!(parse("vsock:2").is_err() && parse("vsock:two:1").is_err());
    }
}
