//! The engine at 46,000 images and 22 endpoints, in virtual time: see docs/performance.md. Fails above the limits it
//! states.

use std::process::ExitCode;
use std::time::Duration;

use jiff::SignedDuration;
use landfall::sim::large::{Large, Size};

/// From the commit of one image to its first write, in virtual time.
const FIRST_WRITE: SignedDuration = SignedDuration::from_secs(1);
/// What the engine works for that, all of the sweep that goes on meanwhile included.
const WORK: Duration = Duration::from_millis(50);
/// At the peak of a sweep, the manifests included.
const MEMORY: u64 = 256 << 20;

/// Every place is looked at once in this time: 5,000 looks a second.
const SWEEP: SignedDuration = SignedDuration::from_mins(10);

fn main() -> ExitCode {
    let mut failures = Vec::new();
    let mut large = Large::standing(Size::full(1), SWEEP, work);
    println!("{:>6.1} MiB at the peak, until everything is known", mebibytes(peak()));
    // Half a sweep.
    large.run_for(SWEEP / 2);
    let (looks, plans, spent) = (large.looks(), large.engine.plans_made(), large.spent());
    println!(
        "{looks} looks, {plans} plans, the engine worked {spent:.1?}: {:.1?} a look",
        spent / u32::try_from(looks).unwrap_or(u32::MAX)
    );
    let mut slowest = Duration::ZERO;
    let mut latest = SignedDuration::ZERO;
    for commit in 0..20 {
        large.run_for(SignedDuration::from_secs(2));
        let (at, before) = (large.now(), large.spent());
        let came = large.commit(|site| site.one_image_more(commit * 97));
        let came = came[0];
        let has_begun = large.run_until(at + FIRST_WRITE * 10, |large| large.begun(came).is_some());
        let begun = large.begun(came).filter(|_| has_begun);
        latest = latest.max(begun.map_or(SignedDuration::MAX, |begun| begun.duration_since(at)));
        slowest = slowest.max(large.spent() - before);
    }
    println!("one image's commit: first write after {latest:#} at most, {slowest:.1?} of the engine's work");
    if latest > FIRST_WRITE || slowest > WORK {
        failures.push("one image's commit");
    }
    let memory = peak();
    println!("{:>6.1} MiB at the peak of a running sweep", mebibytes(memory));
    if memory > MEMORY {
        failures.push("memory");
    }
    drop(large);

    // So seldom that nothing is looked at because of its age.
    let mut large = Large::standing(Size::full(10), SignedDuration::from_hours(1_000_000), work);
    large.run_for(SignedDuration::from_mins(1));
    let others = |large: &Large| (1..10).map(|target| large.looks_at(target)).sum::<u64>();
    let (before, spent) = (others(&large), large.spent());
    large.commit(|site| site.report_drift(0));
    large.run_for(SignedDuration::from_mins(10));
    let asked = others(&large) - before;
    println!(
        "a setting of one of ten targets: {asked} requests about the other nine, {:.1?} of the engine's work",
        large.spent() - spent
    );
    if asked > 0 {
        failures.push("one setting");
    }
    if failures.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("beyond its limit: {}", failures.join(", "));
    ExitCode::FAILURE
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// What this thread has worked, whatever else the machine did; nothing where the system does not say (only Linux does).
fn work() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

/// The most memory this process ever held, in bytes; 0 where the system does not say (only Linux does).
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kibibytes = status.lines().find_map(|line| {
        line.strip_prefix("VmHWM:")?
            .trim()
            .strip_suffix(" kB")?
            .parse::<u64>()
            .ok()
    });
    kibibytes.unwrap_or(0) << 10
}
