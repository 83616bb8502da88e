//! Whose keys the window has: a table with one file a program that users come from.
//!
//! [`SHORTCUTS`](super::input::SHORTCUTS), tools, layouts and operations say the keys of Prosector; a profile says which
//! actions have others. A key that a profile gives to an action is taken from whatever has it else.

mod itk_snap;
mod pacs;
mod slicer;

use std::sync::LazyLock;

use egui::{Context, Id, KeyboardShortcut};
use serde::{Deserialize, Serialize};

use super::input::{Action, MouseProfile, own_shortcuts};

/// The keys of a program.
pub struct KeyProfile {
    /// Names it in what is remembered of the window.
    pub id: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// What the right mouse button does there.
    pub mouse: MouseProfile,
    /// The actions that have other keys than in Prosector; all of their keys.
    changes: &'static [(Action, &'static [KeyboardShortcut])],
}

/// All profiles; the first is our own.
static PROFILES: [&KeyProfile; 4] = [
    &KeyProfile {
        id: "prosector",
        title: "Prosector",
        mouse: MouseProfile::Research,
        changes: &[],
    },
    &itk_snap::PROFILE,
    &slicer::PROFILE,
    &pacs::PROFILE,
];

/// An action with its keys, the first being the one that menus show.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    /// What it does.
    pub action: Action,
    /// Its keys.
    pub keys: Vec<KeyboardShortcut>,
}

/// The actions of each profile.
static BOUND: LazyLock<Vec<Vec<Bound>>> =
    LazyLock::new(|| PROFILES.iter().map(|profile| profile.bound()).collect());

impl KeyProfile {
    fn bound(&self) -> Vec<Bound> {
        let taken: Vec<KeyboardShortcut> = self
            .changes
            .iter()
            .flat_map(|(_, keys)| *keys)
            .copied()
            .collect();
        let changed = |action: Action| self.changes.iter().find(|(a, _)| *a == action);
        let bound = own_shortcuts().map(|own| Bound {
            action: own.action,
            keys: match changed(own.action) {
                Some((_, keys)) => keys.to_vec(),
                None => {
                    let keys = own.keys.iter().filter(|k| !taken.contains(k));
                    keys.copied().collect()
                }
            },
        });
        bound.collect()
    }
}

/// Chooses a profile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct ProfileId(usize);

impl From<String> for ProfileId {
    /// Our own where there is none of this name.
    fn from(id: String) -> Self {
        let found = PROFILES.iter().position(|profile| profile.id == id);
        Self(found.unwrap_or_default())
    }
}

impl From<ProfileId> for String {
    fn from(id: ProfileId) -> Self {
        id.profile().id.to_owned()
    }
}

impl ProfileId {
    /// All of them, in the order of menus.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..PROFILES.len()).map(Self)
    }

    /// The profile.
    pub fn profile(self) -> &'static KeyProfile {
        PROFILES[self.0]
    }

    /// All that can be asked for, with its keys.
    pub fn shortcuts(self) -> &'static [Bound] {
        &BOUND[self.0]
    }

    /// The keys of an action, if it has any.
    pub fn keys(self, action: Action) -> &'static [KeyboardShortcut] {
        let bound = self.shortcuts().iter().find(|b| b.action == action);
        bound.map_or(&[], |b| &b.keys)
    }

    /// The profile of a window, told by [`Self::tell`]; our own before that.
    pub fn of(ctx: &Context) -> Self {
        ctx.data(|data| data.get_temp(Id::NULL)).unwrap_or_default()
    }

    /// Lets all that is drawn in a window know its profile.
    pub fn tell(self, ctx: &Context) {
        ctx.data_mut(|data| data.insert_temp(Id::NULL, self));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_every_profile_each_key_has_one_meaning_and_no_action_is_left_without_a_key() {
        for id in ProfileId::all() {
            let title = id.profile().title;
            let all: Vec<(Action, KeyboardShortcut)> = (id.shortcuts().iter())
                .flat_map(|b| b.keys.iter().map(|k| (b.action, *k)))
                .collect();
            for (n, (action, keys)) in all.iter().enumerate() {
                let other = all[..n].iter().find(|(_, other)| other == keys);
                assert_eq!(other, None, "{title}: {keys:?} of {action:?} too");
            }
            for own in own_shortcuts().filter(|own| !own.keys.is_empty()) {
                assert!(!id.keys(own.action).is_empty(), "{title}: {:?}", own.action);
            }
            for (action, keys) in id.profile().changes {
                assert_eq!(id.keys(*action), *keys, "{title}: {action:?} is known");
            }
        }
    }

    #[test]
    fn keys_of_a_profile_that_is_not_known_are_ours() {
        for id in ProfileId::all() {
            assert_eq!(ProfileId::from(String::from(id)), id);
        }
        assert_eq!(ProfileId::from("emacs".to_owned()), ProfileId::default());
    }
}
