//! The commands on scripts and functions.

use super::{CommandDocs, DEPENDS, help, row};

pub(super) static ROWS: &[CommandDocs] = &[
    row("EVAL", "2.6.0", "that of the script", "Runs a Lua script.").takes("script numkeys [key...] [arg...]"),
    row("EVALSHA", "2.6.0", "that of the script", "Runs a loaded Lua script by its SHA1 digest.")
        .takes("sha1 numkeys [key...] [arg...]"),
    row("EVALSHA_RO", "7.0.0", "that of the script", "Runs a loaded Lua script that only reads, by its SHA1 digest.")
        .takes("sha1 numkeys [key...] [arg...]"),
    row("EVAL_RO", "7.0.0", "that of the script", "Runs a Lua script that only reads.")
        .takes("script numkeys [key...] [arg...]"),
    row("FCALL", "7.0.0", "that of the function", "Calls a function of a library.")
        .takes("function numkeys [key...] [arg...]"),
    row("FCALL_RO", "7.0.0", "that of the function", "Calls a function of a library that only reads.")
        .takes("function numkeys [key...] [arg...]"),
    row("FUNCTION", "7.0.0", DEPENDS, "Manages libraries of functions."),
    row("FUNCTION DELETE", "7.0.0", "O(1)", "Deletes a library and its functions.").takes("library-name"),
    row("FUNCTION DUMP", "7.0.0", "O(N) for N functions", "Returns all libraries in a serialized form."),
    row("FUNCTION FLUSH", "7.0.0", "O(N) for N functions", "Deletes all libraries.")
        .takes("[flush-type<ASYNC | SYNC>]"),
    help("FUNCTION HELP", "7.0.0"),
    row("FUNCTION KILL", "7.0.0", "O(1)", "Stops the running function, if it has written nothing."),
    row("FUNCTION LIST", "7.0.0", "O(N) for N functions", "Lists the libraries and their functions.")
        .takes("[LIBRARYNAME library-name-pattern] [WITHCODE]"),
    row("FUNCTION LOAD", "7.0.0", "O(1)", "Creates a library from its source.").takes("[REPLACE] function-code"),
    row("FUNCTION RESTORE", "7.0.0", "O(N) for N functions", "Restores libraries from a serialized form.")
        .takes("serialized-value [policy<FLUSH | APPEND | REPLACE>]"),
    row("FUNCTION STATS", "7.0.0", "O(1)", "Returns the running function and the engines."),
    row("SCRIPT", "2.6.0", DEPENDS, "Manages the loaded scripts."),
    row("SCRIPT DEBUG", "3.2.0", "O(1)", "Sets how later scripts of the connection are debugged.")
        .takes("mode<YES | SYNC | NO>"),
    row("SCRIPT EXISTS", "2.6.0", "O(N) for N digests", "Says which scripts are loaded.").takes("sha1..."),
    row("SCRIPT FLUSH", "2.6.0", "O(N) for N scripts", "Forgets all loaded scripts.")
        .takes("[flush-type<ASYNC | SYNC>]"),
    help("SCRIPT HELP", "5.0.0"),
    row("SCRIPT KILL", "2.6.0", "O(1)", "Stops the running script, if it has written nothing."),
    row("SCRIPT LOAD", "2.6.0", "O(N) for N bytes", "Loads a script and returns its SHA1 digest.").takes("script"),
    row("SCRIPT SHOW", "8.0.0", "O(1)", "Returns the source of a loaded script.").takes("sha1"),
];
