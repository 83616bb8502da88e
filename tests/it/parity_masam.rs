//! SAM and MA-SAM against the recordings of their authors' code.

use prosector::models::DeviceChoice;
use prosector::train::parity::run_folder;
use prosector::util::JobContext;

use crate::support::shared;

#[test]
fn every_recording_of_sam_and_ma_sam_is_met() {
    let folder = shared("golden/masam");
    let report = run_folder(&folder, DeviceChoice::Cpu, &JobContext::default()).unwrap();
    let odd: Vec<String> = report
        .fixtures
        .iter()
        .filter(|fixture| !fixture.pass)
        .map(|fixture| {
            let rows = fixture.tensors.iter().filter(|row| !row.pass);
            let rows: Vec<String> = rows.map(|row| format!("{row:?}")).collect();
            format!("{} {:?} {}", fixture.file, fixture.reason, rows.join(", "))
        })
        .collect();
    assert!(odd.is_empty(), "{}", odd.join("\n"));
    assert_eq!(report.passed, report.fixtures.len());
}
