//! Builds Lua and its shim, one translation unit, with the C compiler alone.

fn main() {
    println!("cargo:rerun-if-changed=lua-5.1.5");
    println!("cargo:rerun-if-changed=src/shim.c");
    let mut build = cc::Build::new();
    if std::env::var_os("CARGO_CFG_UNIX").is_some() {
        // Where `setjmp` saves the mask of signals, it costs a system call for each `pcall`.
        build.define("LUA_USE_ULONGJMP", None);
    }
    build
        .file("src/shim.c")
        // An interpreter without optimization is of no use in a debug build either, and its frames would be larger.
        .opt_level(2)
        .warnings(false)
        .flag_if_supported("-fno-strict-aliasing")
        .flag_if_supported("-fwrapv")
        .flag_if_supported("-Wno-infinite-recursion")
        .compile("kvstore_lua");
}
