//! The target of HyperLogLogs.

use kvstore::{
    protocol::{Command, Response},
    store::Store,
};

use crate::LONGEST;

/// Any bytes as the value of a key: each command on HyperLogLogs refuses them with an error and leaves them alone, or answers. What is
/// none is refused by all. The registers stay what they are when the value is made dense.
pub fn hyperloglog(data: &[u8]) {
    let store = Store::builder().threads(1).build();
    let run = |line: &str| store.execute(&line.parse().expect("a command"));
    let set = |bytes: &[u8]| {
        let answer = store.execute(&Command::new("SET").arg("k").arg(bytes.to_vec()));
        assert_eq!(answer, Response::ok());
    };
    let data = &data[..data.len().min(LONGEST)];
    // What stands behind the header of a sparse one, too.
    let sparse = [b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80", data].concat();
    for value in [data, &sparse] {
        set(value);
        let count = run("PFCOUNT k");
        set(value);
        for line in ["PFCOUNT k other", "PFMERGE to k", "PFDEBUG DECODE k", "PFDEBUG ENCODING k", "PFADD k a b c"] {
            is_answer_or_refusal(line, &run(line));
        }
        set(value);
        let dense = run("PFDEBUG TODENSE k");
        is_answer_or_refusal("PFDEBUG TODENSE k", &dense);
        if dense.is_error() {
            assert_eq!(run("GET k").as_bytes(), Some(value), "what is refused is left alone");
            continue;
        }
        assert_eq!(run("PFMERGE copy k"), Response::ok());
        assert_eq!(run("GETRANGE copy 16 -1"), run("GETRANGE k 16 -1"), "the registers are the same");
        // An answer of all registers takes long.
        if value.len().is_multiple_of(16) {
            assert_eq!(run("PFDEBUG GETREG copy"), run("PFDEBUG GETREG k"));
        }
        // One that is cached may be anything.
        run("PFMERGE k");
        assert_eq!(run("PFCOUNT k"), run("PFCOUNT k k"));
        is_answer_or_refusal("PFCOUNT k", &count);
        run("DEL to copy");
    }
}

fn is_answer_or_refusal(line: &str, answer: &Response) {
    const REFUSALS: [&str; 3] = [
        "WRONGTYPE Key is not a valid HyperLogLog string value.",
        "INVALIDOBJ Corrupted HLL object detected",
        "ERR HLL encoding is not sparse",
    ];
    if let Response::Error(error) = answer {
        assert!(REFUSALS.iter().any(|refusal| refusal.as_bytes() == &error[..]), "{line}: {}", error.escape_ascii());
    }
}
