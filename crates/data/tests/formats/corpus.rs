//! The saved inputs of the fuzz targets, also those that a fuzzer found.

use crate::common::bodies::{BODIES, fuzz};
use crate::common::corpus::folder;

/// No input makes a body panic, and each body has one that is read to its end.
#[test]
fn saved_inputs() {
    for body in BODIES {
        let target = folder("../fuzz_targets").join(format!("{}.rs", body.name));
        assert!(target.is_file(), "{} has no fuzz target", body.name);
        let inputs = std::fs::read_dir(folder(body.name)).unwrap_or_else(|e| panic!("{}: {e}", body.name));
        let inputs = inputs.map(|input| std::fs::read(input.unwrap().path()).unwrap());
        let read = inputs.filter(|input| fuzz(body, input).is_ok()).count();
        assert!(read > 0, "no input of {} is read to its end", body.name);
    }
}
