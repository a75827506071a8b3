//! The `kvstore` server: flags, a runtime, the [standalone](kvstore::standalone) stack, an exit code.

mod allocator;
mod check;
mod exit;
mod listen;
mod logging;
mod settings;
mod supervisor;
mod transfer;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    pin::pin,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use kvstore::{
    protocol::{Command, Limits, Response},
    server::{Password, Serve, ServerStatus},
    standalone::{self, StackSettings},
    store::{Builder, Loader, OpenError, SettableParameter, Store},
};
use tokio::{
    runtime::{self, Runtime},
    signal::unix::{Signal, SignalKind, signal},
};

use exit::InvalidSettings;
use listen::{CannotListen, SocketFile, bind, bind_unix};
use settings::{Flags, Master, Port, Report, Rewriter, SendRate, Settings, Task};

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
            exit::code_of(&*error)
        }
    }
}

fn start() -> Result<(), Box<dyn std::error::Error>> {
    match settings::read().map_err(InvalidSettings)? {
        Task::Check(report) => show(&report),
        Task::Transfer(transfer) => transfer.run(),
        Task::Serve(settings) => run(*settings),
    }
}

/// Prints what `--check` has found.
fn show(report: &Report) -> Result<(), Box<dyn std::error::Error>> {
    io::stdout().write_all(report.text().as_bytes())?;
    match report.is_well {
        true => Ok(()),
        false => Err(InvalidSettings(vec!["it would not start like this".to_owned()]).into()),
    }
}

fn run(mut settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    let flags = &mut settings.flags;
    logging::start(&flags.log, flags.log_format)?;
    settings.notices.iter().for_each(|notice| tracing::warn!("{notice}"));
    flags.max_clients = admissible_clients(flags.max_clients, flags.threads());
    allocator::start_collecting()?;
    let runtime = runtime(flags.threads())?;
    let served = runtime.block_on(serve(&settings));
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

async fn serve(settings: &Settings) -> Result<(), Box<dyn std::error::Error>> {
    let options = &settings.flags;
    // From here on a hangup is no reason to end.
    let hangup = signal(SignalKind::hangup())?;
    let (store, mut loader) = prepare(store(settings), options)?;
    let is_durable = loader.is_some();
    configure(&store, settings)?;
    if let Some(file) = &options.import {
        // Clients see none of it until all of it is there.
        load(loader.take()).await?;
        transfer::import(&store, file, false)?;
    }
    let server = server(&store, settings);
    let Listening { server, addresses, socket_file } = listen(server, options).await?;
    let stop = stop_signal(hangup)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        threads = options.threads(),
        databases = options.databases,
        data = %data(options),
        protection = protection(options),
        "kvstore listens on {}",
        addresses.join(", "),
    );

    let stop = async {
        stop.await;
        supervisor::stopping();
    };
    let serving = server.with_task(supervisor::keep_alive()).with_graceful_shutdown(stop);
    let mut serving = pin!(serving.into_future());
    let stopped = tokio::select! {
        stopped = &mut serving => stopped,
        loaded = load(loader) => {
            loaded?;
            if is_durable {
                note_foreign_data(&store, &options.dir);
            }
            supervisor::ready();
            serving.await
        }
    };
    drop(socket_file);
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

/// The default stack, with the settings of the operator.
fn server(store: &Store, settings: &Settings) -> Serve {
    let options = &settings.flags;
    let stack = StackSettings::default()
        .slow_threshold(given(options.slow))
        .max_commands(options.max_commands)
        .command_timeout(given(options.command_timeout));
    let limits =
        Limits::default().max_args(options.max_args).max_request(options.max_request).max_inline(options.max_inline);
    let mut server = standalone::server(store, &stack)
        .max_connections(options.max_clients)
        .max_in_flight(options.max_in_flight)
        .max_settled(options.max_settled)
        .limits(limits)
        .input_buffer(options.input_buffer)
        .output_buffer(options.output_buffer)
        .push_queue(options.push_queue)
        .push_buffer(options.push_buffer)
        .idle_timeout(given(options.timeout))
        .unauthenticated_timeout(options.unauthenticated_timeout)
        .slow_reader_timeout(given(options.slow_reader_timeout))
        .grace_period(options.shutdown_timeout)
        .protected_mode(options.protected_mode);
    if let SendRate(Some((bytes, window))) = options.slow_sender {
        server = server.slow_sender(bytes, window);
    }
    if let Some(password) = options.password() {
        server = server.authenticate(Password::new(password));
    }
    let (store, parameters, file) = (store.clone(), settings.parameters.clone(), settings.flags.config.clone());
    server.on_start(move |status| configure_server(&store, status, &parameters, file))
}

/// Sets what CONFIG SET can change later, of the server, and lets CONFIG REWRITE write what has changed to the file.
fn configure_server(
    store: &Store,
    status: &ServerStatus,
    parameters: &[(SettableParameter, String)],
    file: Option<PathBuf>,
) {
    let status = Arc::new(status.clone());
    let config = |words: &[&str]| {
        let command = Command::new("CONFIG").with_args(words);
        store.execute(&command.with_session(|session| session.extensions_mut().insert_lasting_shared(status.clone())))
    };
    for (parameter, value) in parameters.iter().filter(|(parameter, _)| parameter.is_of_server) {
        if let refusal @ Response::Error(_) = config(&["SET", parameter.name, value]) {
            tracing::error!("{}: {refusal}", parameter.name);
        }
    }
    if let (Some(path), Response::Map(shown)) = (file, config(&["GET", "*"])) {
        let rewriter = Rewriter::new(path, shown.iter().filter_map(texts).collect());
        store.on_config_rewrite(move |parameters| rewriter.rewrite(parameters));
    }
}

/// A parameter of CONFIG GET.
fn texts((name, value): &(Response, Response)) -> Option<(String, String)> {
    let text = |response: &Response| response.as_bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    Some((text(name)?, text(value)?))
}

/// A time, if it is one: 0 is none.
fn given(time: Duration) -> Option<Duration> {
    (!time.is_zero()).then_some(time)
}

/// Listens on all addresses of the options.
async fn listen(mut server: Serve, options: &Flags) -> Result<Listening, Box<dyn std::error::Error>> {
    let (mut addresses, mut socket_file) = (Vec::new(), None);
    if let Port(Some(port)) = options.port {
        for address in options.bind.iter().filter(|address| !address.is_empty()) {
            let Some(listener) = bind(address, port, options.tcp_backlog).await? else { continue };
            addresses.push(listener.local_addr()?.to_string());
            server = server.listen(listener);
        }
    }
    if let Some(path) = options.unixsocket() {
        let (listener, file) = bind_unix(path, options.unixsocketperm)?;
        server = server.listen(listener);
        socket_file = Some(file);
        addresses.push(path.display().to_string());
    }
    if addresses.is_empty() {
        return Err(CannotListen("there is no address to listen on".to_owned()).into());
    }
    Ok(Listening { server, addresses, socket_file })
}

/// Who may connect, for the log.
fn protection(options: &Flags) -> &'static str {
    match (options.password(), options.protected_mode) {
        (Some(_), _) => "password",
        (None, true) => "no clients from other machines",
        (None, false) => "none",
    }
}

/// Where the data is, for the log.
fn data(options: &Flags) -> String {
    match options.journal() {
        Some(fsync) => format!("{} ({fsync})", options.dir.display()),
        None if options.save_points().next().is_some() => format!("{} (snapshots)", options.dir.display()),
        None => "memory".to_owned(),
    }
}

/// The settings of the store, with those of the server for CONFIG GET under the names that Redis has for them.
fn store(settings: &Settings) -> Builder {
    let options = &settings.flags;
    let mut builder = Store::builder();
    if let Some(Master(Some((host, port)))) = &options.replicaof {
        builder = builder.replica_of(host, *port);
    }
    let shown = settings.shown.iter();
    let builder = shown.fold(builder, |builder, (name, value)| builder.config(name, value));
    builder
        .databases(options.databases)
        .threads(options.threads())
        .allocated_size(allocator::allocated_size)
        .config("dir", absolute(&options.dir))
        .config("io-threads", options.threads().to_string())
}

/// The path of a directory, from the root on as in Redis.
fn absolute(directory: &Path) -> String {
    std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned()).display().to_string()
}

/// The store, and what loads its data if it is in a directory.
fn prepare(store: Builder, options: &Flags) -> Result<(Store, Option<Loader>), OpenError> {
    if options.journal().is_none() && options.save_points().next().is_none() {
        return Ok((store.build(), None));
    }
    let durable = store.durable(&options.dir, options.journal()).on_damage(stop_damaged);
    let points = options.save_points();
    let durable = points.fold(durable, |durable, (interval, changes)| durable.save_point(interval, changes));
    let loader = durable.start()?;
    Ok((loader.store(), Some(loader)))
}

/// Loads the data, while clients are told so.
async fn load(loader: Option<Loader>) -> Result<(), Box<dyn std::error::Error>> {
    if let Some(loader) = loader {
        supervisor::loading();
        let started = Instant::now();
        let store = tokio::task::spawn_blocking(|| loader.load()).await??;
        let keys = store.len();
        tracing::info!(keys, seconds = started.elapsed().as_secs_f64(), "kvstore has loaded its data");
    }
    Ok(())
}

/// Warns of an empty store in a directory that another server has left its data in.
fn note_foreign_data(store: &Store, directory: &Path) {
    for file in ["appendonlydir", "dump.rdb"].map(|name| directory.join(name)) {
        if store.is_empty() && file.exists() {
            tracing::warn!("there are no keys, and {} is not read: `kvstore import` does that", file.display());
        }
    }
}

/// Sets what CONFIG SET can change later, of the store.
fn configure(store: &Store, settings: &Settings) -> Result<(), InvalidSettings> {
    for (parameter, value) in settings.parameters.iter().filter(|(parameter, _)| !parameter.is_of_server) {
        let set = Command::new("CONFIG").with_args(["SET", parameter.name, value]);
        if let refusal @ Response::Error(_) = store.execute(&set) {
            return Err(InvalidSettings(vec![format!("--{}: {refusal}", parameter.name)]));
        }
    }
    Ok(())
}

/// Stops the program: a start reads the data as it was before.
fn stop_damaged() {
    tracing::error!(
        "a command has failed while it changed the data: kvstore stops, and reads the data when it is started again"
    );
    std::process::exit(exit::DAMAGED);
}

/// Completes at the first SIGTERM or SIGINT. SIGHUP is ignored: there is nothing to reload.
fn stop_signal(mut hangup: Signal) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
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
