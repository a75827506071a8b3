//! What can the arguments of a handler be?
//!
//! ```sh
//! cargo run --example state
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::{Arc, Mutex, PoisonError};
use std::{collections::BTreeMap, error::Error};

use kvstore::routing::{Arg, FromRef, Key, Rest, Router, State};
use kvstore::{client::Client, protocol::Command};

// A handler extracts the whole state, or one field of it.
#[derive(Clone, FromRef)]
struct Shop {
    name: &'static str,
    stock: Stock,
}

#[derive(Clone, Default)]
struct Stock(Arc<Mutex<BTreeMap<Vec<u8>, u64>>>);

/// `ADD item [amount]`
fn add(State(Stock(stock)): State<Stock>, Key(item): Key, amount: Option<Arg<u64>>) -> u64 {
    let mut stock = stock.lock().unwrap_or_else(PoisonError::into_inner);
    let there = stock.entry(item.to_vec()).or_default();
    *there += amount.map_or(1, |Arg(amount)| amount);
    *there
}

// The attribute has no effect at run time. With it, the compiler points at an argument that is not an extractor.
/// `COUNT item [item …]`
#[kvstore::debug_handler(state = Shop)]
fn count(State(Stock(stock)): State<Stock>, first: Key, Rest(more): Rest<Key>) -> Vec<u64> {
    let stock = stock.lock().unwrap_or_else(PoisonError::into_inner);
    [first].iter().chain(&more).map(|Key(item)| stock.get(&item[..]).copied().unwrap_or(0)).collect()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let shop = Shop { name: "corner shop", stock: Stock::default() };
    let name = |State(shop): State<Shop>| shop.name;
    let router = Router::new().command("ADD", add).command("COUNT", count).command("NAME", name).with_state(shop);

    let client = Client::local(router);
    for line in ["NAME", "ADD apples 3", "ADD apples", "COUNT apples pears", "ADD apples many", "ADD", "NAME 2"] {
        let (name, args) = line.split_once(' ').unwrap_or((line, ""));
        let command = Command::new(name).with_args(args.split_terminator(' '));
        println!("{line} -> {}", client.execute(command).await?);
    }
    Ok(())
}
