//! How are commands counted and measured?
//!
//! ```sh
//! cargo run --example metrics
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use kvstore::{client::Client, middleware::MetricsLayer, protocol::Command, store::Store};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tower::Layer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // Any recorder of the crate `metrics`, such as the exporter for Prometheus. Install it before the first command.
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install()?;

    let client = Client::local(MetricsLayer::new().prefix("shop").layer(Store::new()));
    client.set("key", "value").await?;
    client.get("key").await?;
    client.incr("visits").await?;
    client.execute(Command::new("INCR").arg("key")).await?;
    // Unknown names are counted as `other`, so that a client cannot fill the memory with names.
    client.execute(Command::new("MAKETEA")).await?;

    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let key = key.key();
        let labels: Vec<String> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let value = match value {
            DebugValue::Counter(count) => count.to_string(),
            DebugValue::Gauge(value) => value.to_string(),
            DebugValue::Histogram(times) => format!("{} measured", times.len()),
        };
        println!("{}{{{}}} {value}", key.name(), labels.join(", "));
    }
    Ok(())
}
