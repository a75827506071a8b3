# Runs units of Valkey's Tcl suite against a server that is running, and goes on after a test that fails.
#
#     tclsh suite.tcl SUITE HOST PORT TAGS SKIPPED UNIT [REDIS]
#
# With REDIS, a checkout of Redis, the unit is that of Redis. Its DEBUG SET-ACTIVE-EXPIRE may fail.
#
# The suite ends a unit at the first exception, and with it hides what comes after. Here every test is run by itself: its
# failure is reported, its connection is renewed, and the next one runs. Prints a line for each event, its fields separated
# by tabs:
#
#     @@ begin NAME
#     @@ passed | failed NAME REASON COMMANDS
#     @@ skipped NAME REASON
#     @@ outside REASON            an error between two tests
#     @@ end
#
# NAME has a number behind it where a unit uses a name more than once. SKIPPED is a file of such names, one a line.

lassign $argv suite host port tags skipped unit redis
set file [open $skipped]
set skipped [split [read $file] "\n"]
close $file
cd $suite
set in_test 0
set commands {}
set opened {}
array set occurrences {}

proc report {args} {
    set fields {}
    foreach field $args { lappend fields [string map {\n { } \r { } \t { }} $field] }
    puts "@@ [join $fields \t]"
    flush stdout
}

# The procedures of the suite that are replaced: their definitions are ignored when it is loaded.
set replaced {test test_client_main send_data_packet r assert_match}
# Units that the suite starts a server of its own for, and that run against any.
set any_server {pubsubshard obuf-limits wait}
if {$redis ne {}} {
    interp alias {} redis_client {} valkey_client
    interp alias {} redis_deferring_client {} valkey_deferring_client
}
# Units whose tests share their connections.
set sharing {tracking}
rename proc define
define proc {name arguments body} {
    if {$name eq "tags_acceptable" && [lsearch -exact $::any_server $::unit] >= 0} {
        set body "set tags \[lsearch -all -inline -not -exact \$tags external:skip\]\n$body"
    }
    if {$name eq "tags_acceptable" && $::redis ne {}} {
        set body "set tags \[without_outer \$tags\]\n$body"
    }
    if {[lsearch -exact $::replaced $name] < 0} {
        uplevel 1 [list define $name $arguments $body]
    }
}

# The tags of a unit of Redis as a whole are in front. Those that a part of it adds count.
define without_outer {tags} {
    foreach tag {external:skip needs:debug} {
        set at [lsearch -exact $tags $tag]
        set tags [lreplace $tags $at $at]
    }
    return $tags
}

define send_data_packet {channel status data {elapsed 0}} {
    if {$status eq "err"} { report outside $data }
}

# An error of a command between two tests, such as CONFIG SET of an unknown parameter, does not end the unit.
define r {args} {
    set level 0
    if {[string is integer [lindex $args 0]]} { set args [lassign $args level] }
    if {$::redis ne {} && [lrange $args 0 1] eq {debug set-active-expire}} {
        catch { [srv $level client] {*}$args }
        return
    }
    if {$::in_test} { return [[srv $level client] {*}$args] }
    if {[catch {[srv $level client] {*}$args} reply]} {
        report outside "$args: $reply"
        return {}
    }
    return $reply
}

# Valkey has taken the name of Redis out of some errors of scripts; this server has the words of Redis.
set words {"Unknown Redis command" "Unknown command" "calling Redis command" "calling command"
    "Lua redis lib command arguments" "Command arguments" redis. server.}

define matches {pattern value} {
    expr {[string match $pattern $value] || [string match $pattern [string map $::words $value]]}
}

define assert_match {pattern value {detail {}} {context {}}} {
    if {![matches $pattern $value]} {
        if {$context eq {}} { set context "(context: [info frame -1])" }
        error "assertion:Expected '$value' to match '$pattern' $context $detail"
    }
}

# This server answers PING while a script runs. A test that waits until PING is refused waits for EXISTS instead.
define ping_or_busy {} {
    r exists key
    return PONG
}

define waiting_for_exists {code} {
    if {[string first {BUSY*} $code] < 0} { return $code }
    string map {"{r ping}" {{ping_or_busy}} "\[r ping\]" {[ping_or_busy]}} $code
}

define unique {name} {
    set count [incr ::occurrences($name)]
    expr {$count > 1 ? "$name #$count" : $name}
}

define test {name code {expected undefined} {tags {}}} {
    set name [unique $name]
    if {[lsearch -exact $::skipped $name] >= 0} return
    if {![tags_acceptable [concat $::tags $tags] reason]} {
        report skipped $name $reason
        return
    }
    report begin $name
    set ::in_test 1
    set ::commands {}
    set ::opened {}
    set resp3 [speaks_resp3]
    set failed [catch {uplevel 1 [waiting_for_exists $code]} reply]
    set ::in_test 0
    set used [lsort -unique $::commands]
    if {$failed} {
        report failed $name $reply $used
        renew_connection $resp3
    } elseif {$expected ne "undefined" && $expected ne $reply && ![matches $expected $reply]} {
        report failed $name "expected '$expected', got '$reply'" $used
        renew_connection $resp3
    } else {
        report passed $name {} $used
    }
}

define speaks_resp3 {} {
    regexp {\d+$} [srv 0 client] id
    expr {[info exists ::valkey::testing_resp3($id)] && $::valkey::testing_resp3($id)}
}

# A failed test may leave its connection in a transaction, in another protocol, or with replies that nobody has read, other
# connections that are blocked or subscribed, clients paused, and a script that runs.
define renew_connection {resp3} {
    if {[lsearch -exact $::sharing $::unit] < 0} {
        foreach client $::opened {
            if {$client ne [srv 0 client]} { catch { $client close } }
        }
    }
    kill_script_that_runs
    if {[catch {
        reconnect
        kill_script_that_runs
        if {$resp3} { [srv 0 client] hello 3 }
        [srv 0 client] client unpause
    } reason]} { report outside "the connection is lost: $reason" }
}

define kill_script_that_runs {} {
    catch { [srv 0 client] script kill }
    catch { [srv 0 client] function kill }
}

define record_command {call operation} {
    lassign $call procedure id method arguments
    if {[info commands ::valkey::__method__$method] ne {}} return
    lappend ::commands [string toupper $method]
}

define record_client {call code client operation} {
    if {$::in_test && $code == 0} { lappend ::opened $client }
}

define test_client_main {port} {
    set ::durable 1
    set ::test_server_fd {}
    trace add execution ::valkey leave record_client
    trace add execution ::valkey::__dispatch__raw__ enter record_command
    source [file join $::redis tests/unit/$::unit.tcl]
    report end
    exit 0
}

set argv [list --client 0 --host $host --port $port --tags $tags]
source tests/test_helper.tcl
