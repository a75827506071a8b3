//! The attribute points at the return type that is not a response.

struct Celsius(f64);

#[kvstore::debug_handler]
fn temperature() -> Celsius {
    Celsius(21.5)
}

fn main() {
    let _ = temperature().0;
}
