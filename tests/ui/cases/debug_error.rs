//! The attribute points at the error that is not a response: `AnyError` would be one.

#[kvstore::debug_handler]
async fn read() -> Result<String, std::io::Error> {
    std::fs::read_to_string("/etc/hostname")
}

fn main() {
    drop(read());
}
