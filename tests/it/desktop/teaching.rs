//! Teaching in the window: nothing is learnt from that was not given, and it begins only when it has a name.

use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::bench::Bench;
use super::phantom;

fn is_enabled(bench: &Bench, button: &str) -> bool {
    let node = bench.harness.get_by_label(button);
    !node.accesskit_node().is_disabled()
}

#[test]
fn cases_are_given_one_by_one_and_left_out_again() {
    let (mut bench, _folder) = phantom();
    bench.choose("Edit", "Teach from cases");
    assert!(bench.shows("No case is used yet"));
    bench.press("Segment organs");
    bench.press("Accept all");
    bench.press("Use this case for teaching");
    assert!(!bench.shows("No case is used yet"));
    assert!(bench.shows("spinal_cord, larynx"), "{:?}", bench.texts());
    assert!(!is_enabled(&bench, "Teach"), "it has no name yet");
    bench.press_field("Call it");
    bench.type_text("larynx-here");
    assert!(is_enabled(&bench, "Teach"));
    bench.picture("teaching");

    // What is drawn later is not learnt from until the case is given again.
    bench.press("Use this case for teaching");
    let left_out = bench.harness.query_all_by_label("Leave out").count();
    assert_eq!(left_out, 2);
    bench
        .harness
        .query_all_by_label("Leave out")
        .next()
        .unwrap()
        .click();
    bench.settle();
    bench.press("Leave out");
    assert!(bench.shows("No case is used yet"));
    assert!(!is_enabled(&bench, "Teach"));
}
