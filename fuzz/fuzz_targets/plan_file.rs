//! Plan files, as `apply` reads them.
#![no_main]

use landfall::plan::file::{PlanFile, PlanFileLimits};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let limits = PlanFileLimits {
        line: 4 << 10,
        lines: 100,
    };
    match PlanFile::read(bytes, &limits) {
        Ok(plan) => {
            let again = PlanFile::read(bytes, &PlanFileLimits::default()).expect("within wider limits, too");
            assert_eq!((again.commit(), again.digest()), (plan.commit(), plan.digest()));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
