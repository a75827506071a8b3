//! From the settings to the end of the server.

use std::{io, pin::pin, time::Instant};

use kvstore::{
    server::Serve,
    store::{Loader, Store},
};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};

use crate::{
    assembly,
    exit::InvalidSettings,
    listen::{CannotListen, SocketFile, bind, bind_unix},
    logging::LogLevel,
    settings::{Flags, Port, Settings},
    supervisor,
    tls::Tls,
    transfer,
};

/// Serves until it is told to stop.
///
/// # Errors
/// With a message for the operator.
pub(crate) async fn serve(settings: &Settings, log: LogLevel) -> Result<(), Box<dyn std::error::Error>> {
    let options = &settings.flags;
    // From here on a hangup is no reason to end.
    let hangup = signal(SignalKind::hangup())?;
    let tls = Tls::new(&options.tls).map_err(InvalidSettings)?;
    let builder = assembly::store(settings).parameters(tls.clone()).parameters(log);
    let (store, mut loader) = assembly::prepare(builder, options)?;
    assembly::configure(&store, settings)?;
    if let Some(file) = &options.import {
        // Clients see none of it until all of it is there.
        load(loader.take()).await?;
        transfer::import(&store, file, false)?;
    }
    let server = assembly::server(&store, settings);
    let Listening { server, addresses, socket_file } = listen(server, options, &tls).await?;
    let server = server.with_task(supervisor::keep_alive()).with_graceful_shutdown(stop_signal(hangup, tls)?);
    announce(options, &addresses);

    let mut serving = pin!(server.into_future());
    let stopped = tokio::select! {
        stopped = &mut serving => stopped,
        loaded = load(loader) => {
            loaded?;
            note_unread_data(&store, options);
            supervisor::ready();
            serving.await
        }
    };
    supervisor::stopping();
    drop(socket_file);
    store.close_within(stopped.unused_grace).await?;
    tracing::info!(connections_cut = stopped.cut, "kvstore has stopped");
    Ok(())
}

/// The first line of the log: what listens, what is durable, what is protected.
fn announce(options: &Flags, addresses: &[String]) {
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        threads = options.threads(),
        databases = options.databases,
        data = %data(options),
        protection = protection(options),
        "kvstore listens on {}",
        addresses.join(", "),
    );
}

/// A server that listens, and where.
struct Listening {
    server: Serve,
    addresses: Vec<String>,
    socket_file: Option<SocketFile>,
}

/// Listens on all addresses of the options.
async fn listen(mut server: Serve, options: &Flags, tls: &Tls) -> Result<Listening, Box<dyn std::error::Error>> {
    let (mut addresses, mut socket_file) = (Vec::new(), None);
    if let Port(Some(port)) = options.port {
        for listener in bind_all(options, port).await? {
            addresses.push(listener.local_addr()?.to_string());
            server = server.listen(listener);
        }
    }
    if let Some(port) = tls.port() {
        for listener in bind_all(options, port.number).await? {
            addresses.push(format!("{} (TLS)", listener.local_addr()?));
            server = server.listen(port.listener(listener));
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

/// Binds all addresses of the options to a port, without the optional ones that do not exist here.
async fn bind_all(options: &Flags, port: u16) -> Result<Vec<TcpListener>, CannotListen> {
    let mut listeners = Vec::new();
    for address in options.addresses() {
        listeners.extend(bind(address, port, options.tcp_backlog).await?);
    }
    Ok(listeners)
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

/// Warns of an empty store in a directory with data that is not read.
fn note_unread_data(store: &Store, options: &Flags) {
    let has_data = ["manifest", "journal-000000000001"].iter().any(|name| options.dir.join(name).exists());
    if !options.is_durable() && has_data {
        let directory = options.dir.display();
        tracing::warn!("{directory} has data that is not read, since there is neither a journal nor a save point");
    }
    let is_empty = options.is_durable() && store.is_empty();
    for file in ["appendonlydir", "dump.rdb"].map(|name| options.dir.join(name)) {
        if is_empty && file.exists() {
            tracing::warn!("there are no keys, and {} is not read: `kvstore import` does that", file.display());
        }
    }
}

/// Completes at the first SIGTERM or SIGINT. SIGHUP reloads the certificates, if there are any.
fn stop_signal(mut hangup: Signal, tls: Tls) -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        let name = loop {
            tokio::select! {
                _ = terminate.recv() => break "SIGTERM",
                _ = interrupt.recv() => break "SIGINT",
                _ = hangup.recv() => tls.reload(),
            }
        };
        tracing::info!(signal = name, "kvstore stops");
    })
}
