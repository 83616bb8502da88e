//! Codes of structures in SNOMED CT, as 3D Slicer's terminology and TotalSegmentator's table have them.

use crate::io::{Code, SegmentDetails};

const SNOMED: &str = "SCT";

/// Whether a structure is an organ or something grown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Anatomy,
    Altered,
    Substance,
    Tissue,
}

impl Kind {
    fn code(self) -> Code {
        let (value, meaning) = match self {
            Self::Anatomy => ("123037004", "Anatomical Structure"),
            Self::Altered => ("49755003", "Morphologically Altered Structure"),
            Self::Substance => ("91720002", "Body Substance"),
            Self::Tissue => ("85756007", "Tissue"),
        };
        snomed(value, meaning)
    }
}

/// A structure: names without side, code, meaning.
type Row = (&'static [&'static str], Kind, &'static str, &'static str);

#[rustfmt::skip]
const TABLE: &[Row] = &[
    (&["liver"], Kind::Anatomy, "10200004", "Liver"),
    (&["kidney"], Kind::Anatomy, "64033007", "Kidney"),
    (&["spleen"], Kind::Anatomy, "78961009", "Spleen"),
    (&["pancreas"], Kind::Anatomy, "15776009", "Pancreas"),
    (&["gallbladder"], Kind::Anatomy, "28231008", "Gallbladder"),
    (&["stomach"], Kind::Anatomy, "69695003", "Stomach"),
    (&["bladder", "urinary_bladder"], Kind::Anatomy, "89837001", "Urinary bladder"),
    (&["prostate"], Kind::Anatomy, "41216001", "Prostate"),
    (&["lung"], Kind::Anatomy, "39607008", "Lung"),
    (&["heart"], Kind::Anatomy, "80891009", "Heart"),
    (&["aorta"], Kind::Anatomy, "15825003", "Aorta"),
    (&["esophagus", "oesophagus"], Kind::Anatomy, "32849002", "Esophagus"),
    (&["brain"], Kind::Anatomy, "12738006", "Brain"),
    (&["brainstem", "brain_stem"], Kind::Anatomy, "15926001", "Brainstem"),
    (&["spinal_cord"], Kind::Anatomy, "2748008", "Spinal cord"),
    (&["optic_nerve"], Kind::Anatomy, "18234004", "Optic nerve"),
    (&["optic_chiasm"], Kind::Anatomy, "244453006", "Optic chiasm"),
    (&["parotid", "parotid_gland"], Kind::Anatomy, "45289007", "Parotid gland"),
    (&["submandibular", "submandibular_gland"], Kind::Anatomy, "54019009", "Submandibular gland"),
    (&["larynx"], Kind::Anatomy, "4596009", "Larynx"),
    (&["mandible"], Kind::Anatomy, "91609006", "Mandible"),
    (&["thyroid", "thyroid_gland"], Kind::Anatomy, "69748006", "Thyroid gland"),
    (&["hippocampus"], Kind::Anatomy, "5366008", "Hippocampus"),
    (&["vertebra"], Kind::Anatomy, "51282000", "Vertebra"),
    (&["lymph_node"], Kind::Anatomy, "59441001", "Lymph node"),
    (&["blood_vessel", "vessel"], Kind::Anatomy, "59820001", "Blood vessel"),
    (&["tumour", "tumor", "neoplasm", "gtv"], Kind::Altered, "108369006", "Neoplasm"),
    (&["mass"], Kind::Altered, "4147007", "Mass"),
    (&["lesion"], Kind::Altered, "52988006", "Lesion"),
    (&["cyst"], Kind::Altered, "367643001", "Cyst"),
    (&["edema", "oedema"], Kind::Altered, "79654002", "Edema"),
    (&["necrosis"], Kind::Altered, "6574001", "Necrosis"),
    (&["hemorrhage", "haemorrhage"], Kind::Altered, "50960005", "Hemorrhage"),
    (&["blood"], Kind::Substance, "87612001", "Blood"),
];

/// What a name may begin or end with, and its code.
const MODIFIERS: [(&str, &str, &str); 4] = [
    ("left", "7771000", "Left"),
    ("right", "24028007", "Right"),
    ("anterior", "255549009", "Anterior"),
    ("posterior", "255551008", "Posterior"),
];

fn snomed(value: &str, meaning: &str) -> Code {
    Code {
        value: value.to_owned(),
        scheme: SNOMED.to_owned(),
        meaning: meaning.to_owned(),
    }
}

/// Whether a name is that of a structure in the table, whoever drew it.
pub(in crate::io::dicom) fn is_known_structure(name: &str) -> bool {
    let plain = name.trim().to_lowercase().replace([' ', '-'], "_");
    let (base, _) = without_modifier(&plain);
    TABLE.iter().any(|row| row.0.contains(&base))
}

/// What is known of a structure by its name; of others that they are tissue, as 3D Slicer says of what has no code.
pub(super) fn of_name(name: &str) -> SegmentDetails {
    let plain = name.trim().to_lowercase().replace([' ', '-'], "_");
    let (base, modifier) = without_modifier(&plain);
    let row = TABLE.iter().find(|row| row.0.contains(&base));
    let Some((_, kind, value, meaning)) = row else {
        let tissue = Kind::Tissue.code();
        return SegmentDetails {
            category: Some(tissue.clone()),
            kind: Some(tissue),
            ..SegmentDetails::default()
        };
    };
    SegmentDetails {
        category: Some(kind.code()),
        kind: Some(snomed(value, meaning)),
        modifier: modifier.map(|(value, meaning)| snomed(value, meaning)),
        ..SegmentDetails::default()
    }
}

/// `left_kidney` and `kidney_left` are a kidney, left.
fn without_modifier(name: &str) -> (&str, Option<(&'static str, &'static str)>) {
    for (word, value, meaning) in MODIFIERS {
        let front = name.strip_prefix(word).and_then(|n| n.strip_prefix('_'));
        let back = name.strip_suffix(word).and_then(|n| n.strip_suffix('_'));
        if let Some(base) = front.or(back) {
            return (base, Some((value, meaning)));
        }
    }
    (name, None)
}

#[cfg(test)]
mod tests {
    use super::of_name;

    #[test]
    fn names_are_known_with_side_and_without() {
        let coded = |name: &str| {
            let details = of_name(name);
            let value = |code: Option<crate::io::Code>| code.map(|c| c.value);
            (value(details.kind), value(details.modifier))
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(coded("Liver"), (some("10200004"), None));
        assert_eq!(coded("right_parotid"), (some("45289007"), some("24028007")));
        assert_eq!(coded("kidney left"), (some("64033007"), some("7771000")));
        assert_eq!(
            coded("anterior_hippocampus"),
            (some("5366008"), some("255549009"))
        );
        assert_eq!(coded("my thing"), (some("85756007"), None), "tissue");
    }
}
