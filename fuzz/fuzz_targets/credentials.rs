//! Logins that other programs stored, answers of credential helpers and of the platforms' identity services.
#![no_main]

use landfall::credentials::fuzzing::read_credentials;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(place) = "registry.example.com/team/app".parse() {
        read_credentials(bytes, &place);
    }
});
