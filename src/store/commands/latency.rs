//! LATENCY: the events that took long.

use std::fmt::Write;

use kvstore_protocol::Response;

use crate::store::{
    call::Call,
    latency::Sample,
    spec::{Answer, Spec},
};

pub(super) const SPECS: &[Spec] = &[LATENCY];

/// `LATENCY LATEST | HISTORY | RESET | DOCTOR`: what took as long as `latency-monitor-threshold`, or longer.
const LATENCY: Spec = Spec::family(
    "LATENCY",
    &[
        Spec::new("LATEST", latest),
        Spec::new("HISTORY", history),
        Spec::new("RESET", reset),
        Spec::new("DOCTOR", doctor),
        Spec::help(&[
            "LATENCY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
            "DOCTOR",
            "    Return a human readable latency analysis report.",
            "HISTORY <event>",
            "    Return time-latency samples for the <event> class.",
            "LATEST",
            "    Return the latest latency samples for all events.",
            "RESET [<event> ...]",
            "    Reset latency data of one or more <event> classes.",
            "    (default: reset all data for all event classes)",
        ]),
    ],
);

fn integer(number: u64) -> Response {
    Response::Integer(number as i64)
}

/// `LATENCY LATEST`: for each event its name, the time and the milliseconds of the last sample, and the most milliseconds.
fn latest(call: &mut Call<'_>) -> Answer {
    let events = call.store().latency.events().into_iter().filter_map(|(event, series)| {
        let Sample { time, milliseconds } = *series.samples.back()?;
        Some(Response::Array(vec![event.into(), integer(time), integer(milliseconds), integer(series.most)]))
    });
    Ok(Response::Array(events.collect()))
}

/// `LATENCY HISTORY event`: the times and the milliseconds of its samples.
fn history(call: &mut Call<'_>) -> Answer {
    let asked = call.args().bytes(1).to_ascii_lowercase();
    let events = call.store().latency.events();
    let series = events.into_iter().find(|(event, _)| event.as_bytes() == asked).map(|(_, series)| series);
    let samples = series.unwrap_or_default().samples.into_iter();
    let shown =
        samples.map(|Sample { time, milliseconds }| Response::Array(vec![integer(time), integer(milliseconds)]));
    Ok(Response::Array(shown.collect()))
}

/// `LATENCY RESET [event …]`: forgets the samples of these events, or all. Answers of how many.
fn reset(call: &mut Call<'_>) -> Answer {
    let latency = &call.store().latency;
    let count = match call.args().len() {
        1 => latency.events().into_iter().filter(|(event, _)| latency.reset(event)).count(),
        _ => call.args().from(1).filter(|event| latency.reset(&String::from_utf8_lossy(event).to_lowercase())).count(),
    };
    Ok(count.into())
}

/// `LATENCY DOCTOR`: the events in words.
fn doctor(call: &mut Call<'_>) -> Answer {
    let latency = &call.store().latency;
    let threshold = latency.threshold();
    if threshold == 0 {
        const DISABLED: &str =
            "Latency monitoring is disabled. CONFIG SET latency-monitor-threshold <milliseconds> enables it.\n";
        return Ok(Response::Verbatim(*b"txt", DISABLED.into()));
    }
    let mut text = String::new();
    for (event, series) in latency.events() {
        let (count, sum) =
            (series.samples.len() as u64, series.samples.iter().map(|sample| sample.milliseconds).sum::<u64>());
        let mean = sum.checked_div(count).unwrap_or_default();
        let _ = writeln!(
            text,
            "{event}: {count} seconds with {threshold} ms or more, {mean} ms on average, {} ms at most",
            series.most
        );
    }
    if text.is_empty() {
        text = format!("No event took {threshold} ms or longer.\n");
    }
    Ok(Response::Verbatim(*b"txt", text.into()))
}

#[cfg(test)]
mod tests {
    use kvstore_protocol::Command;

    use crate::store::testing::TestStore;

    #[test]
    fn a_command_that_took_long_is_shown() {
        let store = TestStore::new();
        store.check([("LATENCY LATEST", "[]"), ("LATENCY RESET", ":0")]);
        assert!(store.answer("LATENCY DOCTOR").to_string().contains("disabled"));
        let members = (0..100_000).map(|number| format!("member:{number}"));
        store.answer_to(Command::new("SADD").arg("s").with_args(members));
        store.check([("LATENCY LATEST", "[]"), ("CONFIG SET latency-monitor-threshold 1", "+OK")]);
        store.answer("SUNIONSTORE t s");
        let latest = store.answer("LATENCY LATEST").to_string();
        assert!(latest.starts_with("[[\"command\", :1700000000, :"), "{latest}");
        assert!(store.answer("LATENCY HISTORY command").to_string().starts_with("[[:1700000000, :"));
        assert!(store.answer("LATENCY DOCTOR").to_string().contains("command: 1 seconds"));
        store.check([
            ("CONFIG GET latency-monitor-threshold", "{\"latency-monitor-threshold\": \"1\"}"),
            // On a busy machine any command may take a millisecond.
            ("CONFIG SET latency-monitor-threshold 0", "+OK"),
            ("LATENCY HISTORY nosuch", "[]"),
            ("LATENCY RESET nosuch command", ":1"),
            ("LATENCY LATEST", "[]"),
        ]);
    }
}
