//! Which cases are left out together: those of a patient, and only patients of whom something is labelled.

use super::TeachCase;

/// Of each case the number of its patient among those of whom a case is labelled, in the order in which these come; who is
/// not named is nobody else. `None`: nothing of the patient is labelled.
pub(super) fn patients(cases: &[TeachCase]) -> Vec<Option<usize>> {
    let mut known: Vec<Option<&str>> = Vec::new();
    let mut numbers = vec![None; cases.len()];
    let labelled = |case: &&(usize, &TeachCase)| case.1.is_labelled;
    let all: Vec<(usize, &TeachCase)> = cases.iter().enumerate().collect();
    for &(n, case) in all.iter().filter(labelled) {
        let name = case.patient.as_deref();
        let before = known
            .iter()
            .position(|other| name.is_some() && *other == name);
        numbers[n] = Some(before.unwrap_or(known.len()));
        if before.is_none() {
            known.push(name);
        }
    }
    for &(n, case) in all.iter().filter(|case| !labelled(case)) {
        let name = case.patient.as_deref();
        numbers[n] = known
            .iter()
            .position(|other| name.is_some() && *other == name);
    }
    numbers
}

/// Which cases each of so many parts leaves out, by whose they are; none of no parts, and where all that is labelled is of
/// one patient.
pub(super) fn folds(patients: &[Option<usize>], parts: usize) -> Vec<Vec<usize>> {
    let count = patients.iter().flatten().max().map_or(0, |last| last + 1);
    if count < 2 || parts == 0 {
        return Vec::new();
    }
    let parts = parts.clamp(2, count);
    let of_part = |part: usize| {
        let cases = patients.iter().enumerate();
        let own = cases.filter(|(_, patient)| patient.is_some_and(|p| p % parts == part));
        own.map(|(case, _)| case).collect()
    };
    (0..parts).map(of_part).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::volume::LabelMap;
    use crate::volume::phantom::phantom;

    #[test]
    fn scans_of_one_patient_are_left_out_together() {
        let folds = |patients: &[usize], parts| {
            let patients: Vec<Option<usize>> = patients.iter().copied().map(Some).collect();
            folds(&patients, parts)
        };
        assert_eq!(folds(&[0, 1, 2, 3], 3), [vec![0, 3], vec![1], vec![2]]);
        assert_eq!(
            folds(&[0, 0, 1, 2, 1], 3),
            [vec![0, 1], vec![2, 4], vec![3]]
        );
        assert_eq!(folds(&[0, 1], 5), [[0], [1]]);
        assert!(folds(&[0, 0, 0], 3).is_empty());
        assert!(folds(&[0, 1, 2], 0).is_empty());
        assert!(folds(&[], 3).is_empty());
    }

    #[test]
    fn scans_without_labels_are_left_out_with_their_patient_alone() {
        let image = Arc::new(phantom().image);
        let case = |patient: Option<&str>, is_labelled| TeachCase {
            truth: LabelMap::empty(*image.grid()),
            image: Arc::clone(&image),
            values: Vec::new(),
            patient: patient.map(str::to_owned),
            is_labelled,
        };
        let cases = [
            case(Some("b"), false),
            case(Some("a"), true),
            case(None, false),
            case(Some("b"), true),
            case(Some("c"), false),
            case(None, true),
        ];
        let patients = patients(&cases);
        assert_eq!(
            patients,
            [Some(1), Some(0), None, Some(1), None, Some(2)],
            "of a, b and one without a name something is labelled"
        );
        assert_eq!(folds(&patients, 3), [vec![1], vec![0, 3], vec![5]]);
        assert!(folds(&[None, Some(0), None], 3).is_empty());
    }
}
