//! The store and the server, with the settings of the operator.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use kvstore::{
    protocol::{Command, Limits, Response},
    server::{Serve, ServerStatus},
    standalone::{self, StackSettings},
    store::{Builder, Loader, OpenError, SettableParameter, Store},
};

use crate::{
    allocator,
    exit::{self, InvalidSettings},
    open_files::OpenFiles,
    settings::{Flags, Master, RequestLimits, Rewriter, Settings},
};

/// The settings of the store, with those of the server for CONFIG GET under the names that Redis has for them.
pub(crate) fn store(settings: &Settings) -> Builder {
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
        .allocator("mimalloc and jemalloc")
        .config("dir", absolute(&options.dir))
        .config("io-threads", options.threads().to_string())
}

/// The path of a directory, from the root on as in Redis.
fn absolute(directory: &Path) -> String {
    std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned()).display().to_string()
}

/// The store, and what loads its data if it is in a directory.
pub(crate) fn prepare(store: Builder, options: &Flags) -> Result<(Store, Option<Loader>), OpenError> {
    if !options.is_durable() {
        return Ok((store.build(), None));
    }
    let durable = store.durable(&options.dir, options.journal()).on_damage(stop_damaged);
    let points = options.save_points();
    let durable = points.fold(durable, |durable, (interval, changes)| durable.save_point(interval, changes));
    let loader = durable.start()?;
    Ok((loader.store(), Some(loader)))
}

/// Stops the program: a start reads the data as it was before.
fn stop_damaged() {
    tracing::error!(
        "a command has failed while it changed the data: kvstore stops, and reads the data when it is started again"
    );
    std::process::exit(exit::DAMAGED);
}

/// Sets what CONFIG SET can change later, of the store.
pub(crate) fn configure(store: &Store, settings: &Settings) -> Result<(), InvalidSettings> {
    for (parameter, value) in settings.parameters.iter().filter(|(parameter, _)| !parameter.is_of_server) {
        let set = Command::new("CONFIG").with_args(["SET", parameter.name, value]);
        if let refusal @ Response::Error(_) = store.execute(&set) {
            return Err(InvalidSettings(vec![format!("--{}: {refusal}", parameter.name)]));
        }
    }
    Ok(())
}

/// The default stack, with the settings of the operator.
pub(crate) fn server(store: &Store, settings: &Settings) -> Serve {
    let options = &settings.flags;
    let stack = StackSettings::default()
        .slow_threshold(given(options.slow))
        .max_commands(options.max_commands)
        .command_timeout(given(options.command_timeout));
    let RequestLimits { words, word, request } = options.unauthenticated_limits;
    let unauthenticated = Limits::unauthenticated().max_args(words).max_bulk(word).max_request(request);
    let (sender_bytes, sender_window) = options.unauthenticated_sender.0.unwrap_or((0, Duration::MAX));
    let open_files = OpenFiles::new(options);
    let mut server = standalone::server(store, &stack)
        .max_connections(options.max_clients)
        .admissible_connections(move |clients| open_files.admissible_clients(clients))
        .max_rejecting(options.max_rejecting)
        .slot_patience(options.slot_patience)
        .max_in_flight(options.max_in_flight)
        .max_settled(options.max_settled)
        .input_buffer(options.input_buffer)
        .query_buffer_timeout(options.query_buffer_timeout)
        .push_queue(options.push_queue)
        .push_buffer(options.push_buffer)
        .unauthenticated_timeout(options.unauthenticated_timeout)
        .unauthenticated_limits(unauthenticated)
        .unauthenticated_buffer(options.unauthenticated_buffer)
        .unauthenticated_sender(sender_bytes, sender_window)
        .linger(options.linger)
        .grace_period(options.shutdown_timeout)
        .protected_mode(options.protected_mode);
    if let Some(password) = options.password() {
        server = server.require_password(password);
    }
    let (store, parameters, file) = (store.clone(), settings.parameters.clone(), settings.flags.config.clone());
    server.on_start(move |status| configure_server(&store, status, &parameters, file))
}

/// A time, if it is one: 0 is none.
fn given(time: Duration) -> Option<Duration> {
    (!time.is_zero()).then_some(time)
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
