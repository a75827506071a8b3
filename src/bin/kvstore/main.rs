//! The `kvstore` server: flags, a runtime, the [standalone](kvstore::standalone) stack, an exit code.

mod allocator;
mod check;
mod config;
mod listen;
mod transfer;

use std::{
    io::{self, IsTerminal},
    path::Path,
    pin::pin,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use kvstore::{
    protocol::{Command, Response},
    server::Serve,
    standalone::{self, StackSettings},
    store::{Builder, Loader, OpenError, Store},
};
use tokio::{
    runtime::{self, Runtime},
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan};

use config::{Arguments, Options, SavePoints};
use listen::{SocketFile, bind, bind_unix};

#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

/// How long a thread that long commands ran on is kept. The memory of short blocks that it has allocated, and others have freed,
/// goes back to the system when it has ended.
const THREAD_KEEP_ALIVE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    allocator::set_up();
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the error of a program that could not start")]
            {
                eprintln!("kvstore: {error}{}", check::advice(&*error));
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
    let mut options = config.resolve()?;
    let filter = EnvFilter::try_new(&options.log).map_err(|error| format!("--log {}: {error}", options.log))?;
    // The span of a command closes when it is answered, which logs the one line of the command.
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_env_filter(filter)
        .with_span_events(FmtSpan::CLOSE)
        .init();
    options.max_clients = admissible_clients(options.max_clients, options.threads);
    allocator::start_collecting()?;
    let runtime = runtime(options.threads)?;
    let served = runtime.block_on(serve(&options));
    // Commands that are still in flight had their grace period, and do not delay the exit.
    runtime.shutdown_background();
    served
}

/// Raises the limit of open files: one for each client, two for the pipe that each thread may have, and some for the
/// program itself. Returns how many clients there may be within the limit.
fn admissible_clients(clients: usize, threads: usize) -> usize {
    let own = 2 * threads as u64 + OWN_FILES;
    let wanted = clients as u64 + own;
    // If it cannot be raised, it is as before.
    let limit = rlimit::increase_nofile_limit(wanted)
        .or_else(|_| rlimit::getrlimit(rlimit::Resource::NOFILE).map(|(soft, _)| soft));
    match limit {
        Ok(limit) if limit < wanted => {
            let admissible = limit.saturating_sub(own).max(1) as usize;
            tracing::warn!(
                limit,
                wanted,
                "the limit of open files is too low for --max-clients, which is lowered to {admissible}"
            );
            admissible
        }
        Ok(_) | Err(_) => clients,
    }
}

/// The files that the program needs for itself.
const OWN_FILES: u64 = 64;

/// One thread gets the current-thread scheduler, which is cheaper. Several threads share a work-stealing one: a runtime for
/// each thread, with connections of its own, was measured to be no cheaper and to balance the load worse.
fn runtime(threads: usize) -> io::Result<Runtime> {
    let mut builder = match threads {
        1 => runtime::Builder::new_current_thread(),
        _ => runtime::Builder::new_multi_thread(),
    };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    builder.enable_all().thread_keep_alive(THREAD_KEEP_ALIVE).build()
}

async fn serve(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let (store, mut loader) = prepare(store(options), options)?;
    if let Some(file) = &options.import {
        // Clients see none of it until all of it is there.
        load(loader.take()).await?;
        transfer::import(&store, file, false)?;
    }
    configure(&store, options)?;
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
        server = server.require_password(password);
    }
    let Listening { server, addresses, socket_file } = listen(server, options).await?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        threads = options.threads,
        databases = options.databases,
        password = options.requirepass.is_some(),
        data = %data(options),
        "kvstore listens on {}",
        addresses.join(", "),
    );

    let mut serving = pin!(server.with_graceful_shutdown(stop_signal()?).into_future());
    let stopped = tokio::select! {
        stopped = &mut serving => stopped,
        loaded = load(loader) => {
            loaded?;
            serving.await
        }
    };
    if let Some(file) = socket_file {
        file.remove();
    }
    store.close().await?;
    tracing::info!(connections_cut = stopped.cut, "kvstore has stopped");
    Ok(())
}

/// A server that listens, and where.
struct Listening {
    server: Serve,
    addresses: Vec<String>,
    socket_file: Option<SocketFile>,
}

/// Listens on all addresses of the options.
async fn listen(mut server: Serve, options: &Options) -> Result<Listening, Box<dyn std::error::Error>> {
    let (mut addresses, mut socket_file) = (Vec::new(), None);
    for address in &options.bind {
        let Some(listener) = bind(address, options.port).await? else { continue };
        addresses.push(listener.local_addr()?.to_string());
        server = server.listen(listener);
    }
    if let Some(path) = &options.unixsocket {
        let (listener, file) = bind_unix(path, options.unixsocketperm)?;
        server = server.listen(listener);
        socket_file = Some(file);
        addresses.push(path.display().to_string());
    }
    if addresses.is_empty() {
        return Err("there is no address to listen on".into());
    }
    Ok(Listening { server, addresses, socket_file })
}

/// Where the data is, for the log.
fn data(options: &Options) -> String {
    match options.journal {
        Some(fsync) => format!("{} ({fsync})", options.dir.display()),
        None if !options.save.0.is_empty() => format!("{} (snapshots)", options.dir.display()),
        None => "memory".to_owned(),
    }
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
        .config("dir", absolute(&options.dir))
        .config("port", options.port.to_string())
        .config("unixsocket", path.unwrap_or_default())
        .config("protected-mode", if options.protected_mode { "yes" } else { "no" })
        .config("io-threads", options.threads.to_string())
}

/// The path of a directory, from the root on as in Redis.
fn absolute(directory: &Path) -> String {
    std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned()).display().to_string()
}

/// The store, and what loads its data if it is in a directory.
fn prepare(store: Builder, options: &Options) -> Result<(Store, Option<Loader>), OpenError> {
    let SavePoints(points) = &options.save;
    if options.journal.is_none() && points.is_empty() {
        return Ok((store.build(), None));
    }
    let durable = store.durable(&options.dir, options.journal).on_damage(stop_damaged);
    let durable = points.iter().fold(durable, |durable, (interval, changes)| durable.save_point(*interval, *changes));
    let loader = durable.start()?;
    Ok((loader.store(), Some(loader)))
}

/// Loads the data, while clients are told so.
async fn load(loader: Option<Loader>) -> Result<(), Box<dyn std::error::Error>> {
    if let Some(loader) = loader {
        let started = Instant::now();
        let store = tokio::task::spawn_blocking(|| loader.load()).await??;
        let keys = store.len();
        tracing::info!(keys, seconds = started.elapsed().as_secs_f64(), "kvstore has loaded its data");
    }
    Ok(())
}

/// Sets what CONFIG SET can change later.
fn configure(store: &Store, options: &Options) -> Result<(), String> {
    let events = &options.notify_keyspace_events;
    let set = Command::new("CONFIG").with_args(["SET", "notify-keyspace-events", events]);
    match store.execute(&set) {
        refusal @ Response::Error(_) => Err(format!("--notify-keyspace-events {events}: {refusal}")),
        _ => Ok(()),
    }
}

/// The exit code after a command has failed while it changed the data: that of an internal error of a program.
const DAMAGED: i32 = 70;

/// Stops the program: a start reads the data as it was before.
fn stop_damaged() {
    tracing::error!(
        "a command has failed while it changed the data: kvstore stops, and reads the data when it is started again"
    );
    std::process::exit(DAMAGED);
}

/// Completes at the first SIGTERM or SIGINT. SIGHUP is ignored: there is nothing to reload.
fn stop_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        let name = loop {
            tokio::select! {
                _ = terminate.recv() => break "SIGTERM",
                _ = interrupt.recv() => break "SIGINT",
                _ = hangup.recv() => tracing::info!(signal = "SIGHUP", "nothing is reloaded"),
            }
        };
        tracing::info!(signal = name, "kvstore stops");
    })
}
