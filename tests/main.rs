//! Tests of the whole, through its public interface. One binary, so that it links once.

mod at_rest;
#[cfg(feature = "binary")]
mod binary;
mod buffers;
mod client;
mod clients;
mod commands_page;
mod config;
mod connection_commands;
mod connection_layer;
mod cuts;
mod deadlines;
mod durable;
mod embedding;
mod events;
mod in_flight;
mod info;
mod keyspace_events;
mod layers;
mod long_values;
mod monitor;
mod moving;
mod observed;
mod orderly_answers;
mod panics;
mod pipelines;
#[cfg(feature = "binary")]
mod program;
mod protocol;
mod pubsub;
mod routing;
mod scripts;
mod seed;
mod settled;
mod shutdown;
#[cfg(feature = "binary")]
mod starting;
mod store_transactions;
mod store_waiting;
mod streams_in;
mod streams_out;
mod support;
mod third_protocol;
#[cfg(feature = "tls")]
mod tls;
mod tracking;
mod transactions;
mod transcripts;
mod turns;
mod upgrade;
mod waiting_schedules;
