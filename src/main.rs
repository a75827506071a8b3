//! The `kvstore` server: flags, a runtime, the [standalone](kvstore::standalone) stack, an exit code.

mod config;

use std::{io, io::IsTerminal, net::SocketAddr, os::unix::net::UnixStream, path::Path, process::ExitCode};

use clap::Parser;
use kvstore::{
    server::Password,
    standalone::{self, StackSettings},
    store::Store,
};
use tokio::{
    net::{TcpListener, TcpSocket, UnixListener, lookup_host},
    runtime::{self, Runtime},
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan};

use config::{Config, Options};

/// How many connections may wait to be accepted; the kernel has a bound of its own (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the last word of a program that could not start")]
            {
                eprintln!("kvstore: {error}");
            }
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<(), Box<dyn std::error::Error>> {
    let options = Config::parse().resolve()?;
    let filter = EnvFilter::try_new(&options.log).map_err(|error| format!("--log {}: {error}", options.log))?;
    // A span closes with the answer to its command: that is the line a command gets.
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_env_filter(filter)
        .with_span_events(FmtSpan::CLOSE)
        .init();
    raise_file_limit(options.max_clients, options.threads);
    let runtime = runtime(options.threads)?;
    let served = runtime.block_on(serve(&options));
    // A command that is still at work was given its grace period: it does not hold up the end.
    runtime.shutdown_background();
    Ok(served?)
}

/// Asks for a file descriptor for each client, beside those of the program itself and of the pipe that each thread may have.
fn raise_file_limit(clients: usize, threads: usize) {
    let wanted = (clients + 2 * threads) as u64 + 64;
    match rlimit::increase_nofile_limit(wanted) {
        Ok(limit) if limit >= wanted => {}
        Ok(limit) => tracing::warn!(limit, wanted, "the limit of open files is too low for --max-clients"),
        Err(error) => tracing::warn!(%error, wanted, "the limit of open files cannot be raised"),
    }
}

/// One thread needs no scheduler between threads. Several share their work: a runtime for each of them, with connections
/// of its own, was no cheaper, and left one thread idle while another had too much to do.
fn runtime(threads: usize) -> io::Result<Runtime> {
    match threads {
        1 => runtime::Builder::new_current_thread().enable_all().build(),
        threads => runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
    }
}

async fn serve(options: &Options) -> io::Result<()> {
    let store = store(options);
    let settings = StackSettings::default()
        .slow_threshold(options.slow)
        .max_commands(options.max_commands)
        .command_timeout(options.command_timeout);
    let mut server = standalone::server(&store, &settings)
        .max_connections(options.max_clients)
        .max_in_flight(options.max_in_flight)
        .idle_timeout(options.timeout)
        .protected_mode(options.protected_mode);
    if let Some(password) = &options.requirepass {
        server = server.authenticate(Password::new(password));
    }
    let mut places = Vec::new();
    for address in &options.bind {
        let listener = bind(address, options.port).await?;
        places.push(listener.local_addr()?.to_string());
        server = server.listen(listener);
    }
    if let Some(path) = &options.unixsocket {
        server = server.listen(bind_unix(path)?);
        places.push(path.display().to_string());
    }
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        threads = options.threads,
        databases = options.databases,
        password = options.requirepass.is_some(),
        "kvstore listens on {}",
        places.join(", "),
    );

    let stopped = server.with_graceful_shutdown(stop_signal()?).await;
    if let Some(path) = &options.unixsocket {
        std::fs::remove_file(path).ok();
    }
    tracing::info!(connections_cut = stopped.cut, "kvstore has stopped");
    Ok(())
}

/// The store, told what CONFIG GET shows of the server's own options, under the names that Redis has for them.
fn store(options: &Options) -> Store {
    let path = options.unixsocket.as_ref().map(|path| path.display().to_string());
    Store::builder()
        .databases(options.databases)
        .threads(options.threads)
        .config("bind", options.bind.join(" "))
        .config("port", options.port.to_string())
        .config("unixsocket", path.unwrap_or_default())
        .config("protected-mode", if options.protected_mode { "yes" } else { "no" })
        .config("io-threads", options.threads.to_string())
        .build()
}

async fn bind(address: &str, port: u16) -> io::Result<TcpListener> {
    let listener = bind_first(address, port).await;
    listener.map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}:{port}: {error}")))
}

/// Listens on the first address of a name that can be listened on.
async fn bind_first(address: &str, port: u16) -> io::Result<TcpListener> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host((address, port)).await? {
        match listen(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Of more connects in a burst than the queue is long, some would wait for a second.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// A Unix socket; the file that a server left behind which is gone is replaced.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    if path.exists() && UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path);
    listener.map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {}: {error}", path.display())))
}

/// Completes at the first SIGTERM or SIGINT.
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "kvstore stops");
    })
}
