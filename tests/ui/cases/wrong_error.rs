//! An error that says nothing to a client: `AnyError`, or an `IntoResponse` of one's own, would.

use kvstore::routing::Router;

fn read() -> Result<String, std::io::Error> {
    std::fs::read_to_string("/etc/hostname")
}

fn main() {
    let _: Router = Router::new().command("READ", read);
}
