//! A taught model as users have it: the base for all that it knew, and beside it the half that was taught.

use std::sync::Arc;

use crate::models::segmenter::Nothing;
use crate::models::trust::AutoInsight;
use crate::models::{
    AutoResult, ComputeDevice, Estimate, ModelCard, ModelError, PromptedResult, ScanKey, Segmenter,
};
use crate::prompt::{Asked, PromptSet};
use crate::util::JobContext;
use crate::volume::{ImageVolume, Mask};

use super::TaughtStructure;

/// Base and taught half behind the common interface.
pub(super) struct BesideBase {
    /// The taught model's card.
    pub card: ModelCard,
    pub base: Box<dyn Segmenter>,
    pub half: Box<dyn Segmenter>,
    /// What the half finds; `None` where it answers prompts.
    pub structure: Option<TaughtStructure>,
}

impl Segmenter for BesideBase {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn device(&self) -> &ComputeDevice {
        self.base.device()
    }

    fn segment_auto(
        &self,
        image: &ImageVolume,
        key: ScanKey,
        structures: Option<&[String]>,
        ctx: &JobContext,
    ) -> Result<AutoResult, ModelError> {
        let Some(taught) = &self.structure else {
            return self.base.segment_auto(image, key, structures, ctx);
        };
        // Refuses what neither knows.
        self.card.structures_in(image.modality(), structures)?;
        let known = &self.base.card().structures;
        let known = known.iter().map(|s| s.name.clone());
        let of_base: Vec<String> = known
            .filter(|name| *name != taught.name)
            .filter(|name| structures.is_none_or(|wanted| wanted.contains(name)))
            .collect();
        let of_half = structures.is_none_or(|wanted| wanted.contains(&taught.name));
        let base = if of_base.is_empty() {
            None
        } else {
            Some(self.base.segment_auto(image, key, Some(&of_base), ctx)?)
        };
        let half = if of_half {
            let own = std::slice::from_ref(&taught.name);
            Some(self.half.segment_auto(image, key, Some(own), ctx)?)
        } else {
            None
        };
        match (base, half) {
            (Some(base), Some(half)) => Ok(together(base, half)),
            (Some(one), None) | (None, Some(one)) => Ok(one),
            (None, None) => Ok(AutoResult::none_known(image.grid(), true)),
        }
    }

    fn segment_prompted(
        &self,
        image: &ImageVolume,
        key: ScanKey,
        prompts: &PromptSet,
        prior: Option<&Mask>,
        ctx: &JobContext,
    ) -> Result<PromptedResult, ModelError> {
        self.answering()
            .segment_prompted(image, key, prompts, prior, ctx)
    }

    fn segment_asked(
        &self,
        image: &ImageVolume,
        key: ScanKey,
        asked: &Asked,
        ctx: &JobContext,
    ) -> Result<PromptedResult, ModelError> {
        self.answering().segment_asked(image, key, asked, ctx)
    }

    fn preview(
        &self,
        image: &ImageVolume,
        key: ScanKey,
        asked: &Asked,
        ctx: &JobContext,
    ) -> Result<Mask, ModelError> {
        self.answering().preview(image, key, asked, ctx)
    }

    fn drop_caches(&self) {
        self.base.drop_caches();
        self.half.drop_caches();
    }
}

impl BesideBase {
    /// Which of the two answers prompts.
    fn answering(&self) -> &dyn Segmenter {
        match self.structure {
            Some(_) => self.base.as_ref(),
            None => self.half.as_ref(),
        }
    }
}

/// Both answers in one; where they meet, the taught one stands, which is the user's own.
fn together(base: AutoResult, half: AutoResult) -> AutoResult {
    let mut labels = base.labels;
    for (value, &taught) in labels.voxels.iter_mut().zip(&half.labels.voxels) {
        if taught != 0 {
            *value = taught;
        }
    }
    let mut table = base.table;
    for label in half.table.labels() {
        table.insert(label.clone());
    }
    let is_empty = table.labels().is_empty();
    let dice: Vec<f32> = [base.estimate, half.estimate]
        .into_iter()
        .flatten()
        .map(Estimate::dice)
        .collect();
    let mean = dice.iter().sum::<f32>() / dice.len() as f32;
    let mut warnings = [base.warnings, half.warnings].concat();
    warnings.dedup();
    // That one of them found nothing is not said where the other found something; that it looked, before that it knows none.
    let why = [base.nothing, half.nothing];
    let looked = why.contains(&Some(Nothing::NoneFound));
    let why = match looked {
        true => Some(Nothing::NoneFound),
        false => base.nothing.or(half.nothing),
    };
    AutoResult {
        labels,
        table,
        estimate: (!dice.is_empty()).then_some(Estimate::Dice(mean)),
        insight: both(base.insight, half.insight),
        nothing: why.filter(|_| is_empty),
        warnings,
    }
}

/// What both say of their answers; how sure they are of each voxel, only of the larger half.
fn both(
    base: Option<Arc<AutoInsight>>,
    half: Option<Arc<AutoInsight>>,
) -> Option<Arc<AutoInsight>> {
    let (Some(base), Some(half)) = (&base, &half) else {
        return base.or(half);
    };
    Some(Arc::new(AutoInsight {
        certainty: base.certainty.clone(),
        structures: [base.structures.as_slice(), &half.structures].concat(),
    }))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::geometry::{Affine, VoxelIndex};
    use crate::prompt::{Click, Polarity};
    use crate::volume::phantom::phantom;
    use crate::volume::{Grid, LabelMap, LabelTable, Modality};

    /// Notes down what it is asked.
    struct Noting {
        card: ModelCard,
        device: ComputeDevice,
        asked: Arc<Mutex<Vec<&'static str>>>,
    }

    impl Noting {
        fn note(&self, what: &'static str) {
            self.asked.lock().unwrap().push(what);
        }
    }

    impl Segmenter for Noting {
        fn card(&self) -> &ModelCard {
            &self.card
        }

        fn device(&self) -> &ComputeDevice {
            &self.device
        }

        fn segment_auto(
            &self,
            image: &ImageVolume,
            _key: ScanKey,
            _structures: Option<&[String]>,
            _ctx: &JobContext,
        ) -> Result<AutoResult, ModelError> {
            self.note("auto");
            Ok(AutoResult::none_known(image.grid(), false))
        }

        fn segment_prompted(
            &self,
            image: &ImageVolume,
            _key: ScanKey,
            _prompts: &PromptSet,
            _prior: Option<&Mask>,
            _ctx: &JobContext,
        ) -> Result<PromptedResult, ModelError> {
            self.note("prompted");
            Ok(PromptedResult::of_mask(Mask::empty(*image.grid())))
        }

        fn segment_asked(
            &self,
            image: &ImageVolume,
            _key: ScanKey,
            _asked: &Asked,
            _ctx: &JobContext,
        ) -> Result<PromptedResult, ModelError> {
            self.note("asked");
            Ok(PromptedResult::of_mask(Mask::empty(*image.grid())))
        }

        fn preview(
            &self,
            image: &ImageVolume,
            _key: ScanKey,
            _asked: &Asked,
            _ctx: &JobContext,
        ) -> Result<Mask, ModelError> {
            self.note("preview");
            Ok(Mask::empty(*image.grid()))
        }

        fn drop_caches(&self) {
            self.note("drop");
        }
    }

    type Notes = Arc<Mutex<Vec<&'static str>>>;

    fn taught(structure: Option<TaughtStructure>) -> (BesideBase, Notes, Notes) {
        let card = crate::models::installed_models().remove(0);
        let (of_base, of_half) = (Notes::default(), Notes::default());
        let noting = |asked: &Notes| {
            Box::new(Noting {
                card: card.clone(),
                device: ComputeDevice {
                    kind: "cpu",
                    name: "paper".to_owned(),
                },
                asked: Arc::clone(asked),
            })
        };
        let model = BesideBase {
            base: noting(&of_base),
            half: noting(&of_half),
            structure,
            card: card.clone(),
        };
        (model, of_base, of_half)
    }

    fn ask_all(model: &BesideBase) {
        let image = phantom().image;
        let asked = Asked {
            prompts: PromptSet {
                clicks: vec![Click {
                    voxel: VoxelIndex([1, 2, 3]),
                    polarity: Polarity::Positive,
                }],
                ..PromptSet::default()
            },
            ..Asked::default()
        };
        let (key, ctx) = (ScanKey(1), JobContext::silent());
        model.segment_asked(&image, key, &asked, &ctx).unwrap();
        model.preview(&image, key, &asked, &ctx).unwrap();
        model
            .segment_prompted(&image, key, &asked.prompts, None, &ctx)
            .unwrap();
    }

    #[test]
    fn prompts_beside_other_labels_and_previews_go_to_the_base_of_what_learnt_a_structure() {
        let structure = TaughtStructure {
            name: "nodule".to_owned(),
            modality: Modality::Ct,
            spacing_mm: [2.0; 3],
            known_to_base: false,
            begins_as_target: false,
            prompts_itself: false,
        };
        let (model, base, half) = taught(Some(structure));
        ask_all(&model);
        assert_eq!(*base.lock().unwrap(), ["asked", "preview", "prompted"]);
        assert!(half.lock().unwrap().is_empty());
    }

    #[test]
    fn what_learnt_from_prompts_answers_them_itself() {
        let (model, base, half) = taught(None);
        ask_all(&model);
        assert_eq!(*half.lock().unwrap(), ["asked", "preview", "prompted"]);
        assert!(base.lock().unwrap().is_empty());
    }

    #[test]
    fn that_one_of_the_two_found_nothing_is_said_only_where_both_did() {
        let grid = Grid::new([2; 3], Affine::from_spacing([1.0; 3], [0.0; 3]));
        let none = |why| AutoResult::nothing(&grid, why);
        let mut labels = LabelMap::empty(grid);
        labels.voxels[3] = 7;
        let mut table = LabelTable::default();
        table.add(7, "nodule");
        let found = AutoResult {
            labels,
            table,
            nothing: None,
            ..none(Nothing::NoneFound)
        };
        let both = together(none(Nothing::NoneKnown), found);
        assert_eq!((both.nothing, both.labels.voxels[3]), (None, 7));
        let neither = together(none(Nothing::NoneKnown), none(Nothing::NoneFound));
        assert_eq!(neither.nothing, Some(Nothing::NoneFound));
        let unknown = together(none(Nothing::NoneKnown), none(Nothing::NoneKnown));
        assert_eq!(unknown.nothing, Some(Nothing::NoneKnown));
    }
}
