//! A registry's answers: challenges, links, lists, errors, tokens. The first line is the status, the second a header,
//! the rest the body.
#![no_main]

use landfall::registry::fuzzing::read_answer;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(repository) = "registry.example.com/dns/coredns".parse() else {
        return;
    };
    let mut parts = bytes.splitn(3, |byte| *byte == b'\n');
    let mut text = || {
        parts
            .next()
            .and_then(|part| std::str::from_utf8(part).ok())
            .unwrap_or_default()
    };
    let (status, header) = (text().parse().unwrap_or(200), text());
    read_answer(status, header, parts.next().unwrap_or_default(), &repository);
});
