//! The `kvstore` server: flags, a runtime, the [standalone](kvstore::standalone) stack, an exit code.

mod allocator;
mod config;
mod listen;
mod transfer;

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use clap::Parser;
use kvstore::{
    server::Password,
    standalone::{self, StackSettings},
    store::{Builder, OpenError, Store},
};
use tokio::{
    runtime::{self, Runtime},
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan};

use config::{Arguments, Options};
use listen::{bind, bind_unix};

#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

fn main() -> ExitCode {
    allocator::set_up();
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the error of a program that could not start")]
            {
                eprintln!("kvstore: {error}");
            }
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<(), Box<dyn std::error::Error>> {
    let Arguments { transfer, config } = Arguments::parse();
    if let Some(transfer) = transfer {
        return transfer.run();
    }
    let options = config.resolve()?;
    let filter = EnvFilter::try_new(&options.log).map_err(|error| format!("--log {}: {error}", options.log))?;
    // The span of a command closes when it is answered, which logs the one line of the command.
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_env_filter(filter)
        .with_span_events(FmtSpan::CLOSE)
        .init();
    raise_file_limit(options.max_clients, options.threads);
    let runtime = runtime(options.threads)?;
    let served = runtime.block_on(serve(&options));
    // Commands that are still in flight had their grace period, and do not delay the exit.
    runtime.shutdown_background();
    served
}

/// Raises the limit of open files: one for each client, two for the pipe that each thread may have, and some for the
/// program itself.
fn raise_file_limit(clients: usize, threads: usize) {
    let wanted = (clients + 2 * threads) as u64 + 64;
    match rlimit::increase_nofile_limit(wanted) {
        Ok(limit) if limit >= wanted => {}
        Ok(limit) => tracing::warn!(limit, wanted, "the limit of open files is too low for --max-clients"),
        Err(error) => tracing::warn!(%error, wanted, "the limit of open files cannot be raised"),
    }
}

/// One thread gets the current-thread scheduler, which is cheaper. Several threads share a work-stealing one: a runtime for
/// each thread, with connections of its own, was measured to be no cheaper and to balance the load worse.
fn runtime(threads: usize) -> io::Result<Runtime> {
    match threads {
        1 => runtime::Builder::new_current_thread().enable_all().build(),
        threads => runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
    }
}

async fn serve(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let store = open(store(options), options)?;
    if let Some(file) = &options.import {
        transfer::import(&store, file, false)?;
    }
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
    let mut addresses = Vec::new();
    for address in &options.bind {
        let listener = bind(address, options.port).await?;
        addresses.push(listener.local_addr()?.to_string());
        server = server.listen(listener);
    }
    if let Some(path) = &options.unixsocket {
        server = server.listen(bind_unix(path)?);
        addresses.push(path.display().to_string());
    }
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        threads = options.threads,
        databases = options.databases,
        password = options.requirepass.is_some(),
        journal = options.journal.map(|_| tracing::field::display(options.dir.display())),
        "kvstore listens on {}",
        addresses.join(", "),
    );

    let stopped = server.with_graceful_shutdown(stop_signal()?).await;
    if let Some(path) = &options.unixsocket {
        std::fs::remove_file(path).ok();
    }
    store.close().await?;
    tracing::info!(connections_cut = stopped.cut, "kvstore has stopped");
    Ok(())
}

/// The settings of the store, with the server's own options for CONFIG GET under the names that Redis has for them.
fn store(options: &Options) -> Builder {
    let path = options.unixsocket.as_ref().map(|path| path.display().to_string());
    let mut builder = Store::builder();
    if let Some((host, port)) = &options.replicaof {
        builder = builder.replica_of(host, *port);
    }
    builder
        .master_auth(&options.masteruser, &options.masterauth)
        .databases(options.databases)
        .threads(options.threads)
        .allocated_size(allocator::allocated_size)
        .config("bind", options.bind.join(" "))
        .config("port", options.port.to_string())
        .config("unixsocket", path.unwrap_or_default())
        .config("protected-mode", if options.protected_mode { "yes" } else { "no" })
        .config("io-threads", options.threads.to_string())
}

/// Opens the store: from the journal, or empty.
fn open(store: Builder, options: &Options) -> Result<Store, OpenError> {
    match options.journal {
        Some(fsync) => store.durable(&options.dir, fsync).open(),
        None => Ok(store.build()),
    }
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
