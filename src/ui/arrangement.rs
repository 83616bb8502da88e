//! How panes share the room: rows and columns in one another. The same type says what a layout is, what is remembered of a
//! window, and, with ids for panes, what egui_tiles draws.

use egui_tiles::{Container, Linear, LinearDir, Tile, TileId, Tiles, Tree};
use serde::{Deserialize, Serialize};

use super::panes::{Described, PaneId};

/// An arrangement; `P` is what it says of each pane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Arrangement<P> {
    /// One pane.
    Pane(P),
    /// Side by side, each with its share of the width.
    Row(Vec<(f32, Self)>),
    /// One below the other, each with its share of the height.
    Column(Vec<(f32, Self)>),
}

/// More panes than this, or deeper in one another, are no arrangement that anybody made.
pub const MOST_PANES: usize = 12;
const MOST_DEPTH: usize = 6;
/// Shares are of this order of magnitude.
const SHARES: std::ops::RangeInclusive<f32> = 1e-3..=1e3;

impl<P> Arrangement<P> {
    /// Side by side, of equal width.
    pub fn row<const N: usize>(parts: [Self; N]) -> Self {
        Self::Row(parts.map(|part| (1.0, part)).into())
    }

    /// One below the other, of equal height.
    pub fn column<const N: usize>(parts: [Self; N]) -> Self {
        Self::Column(parts.map(|part| (1.0, part)).into())
    }

    /// The same with other panes; `None` where one of them is refused.
    pub fn map<Q>(&self, pane: &mut impl FnMut(&P) -> Option<Q>) -> Option<Arrangement<Q>> {
        let mut parts = |parts: &[(f32, Self)]| -> Option<Vec<(f32, Arrangement<Q>)>> {
            let part = |(share, part): &(f32, Self)| Some((*share, part.map(pane)?));
            parts.iter().map(part).collect()
        };
        Some(match self {
            Self::Row(row) => Arrangement::Row(parts(row)?),
            Self::Column(column) => Arrangement::Column(parts(column)?),
            Self::Pane(p) => Arrangement::Pane(pane(p)?),
        })
    }

    /// The panes, row by row.
    pub fn panes(&self) -> Vec<&P> {
        match self {
            Self::Pane(pane) => vec![pane],
            Self::Row(parts) | Self::Column(parts) => {
                parts.iter().flat_map(|(_, part)| part.panes()).collect()
            }
        }
    }

    /// Whether it can be drawn; what is read from a file may be anything.
    pub fn is_sound(&self) -> bool {
        self.is_sound_within(MOST_DEPTH) && self.panes().len() <= MOST_PANES
    }

    fn is_sound_within(&self, depth: usize) -> bool {
        match self {
            Self::Pane(_) => true,
            Self::Row(parts) | Self::Column(parts) => {
                let sound = |(share, part): &(f32, Self)| {
                    SHARES.contains(share) && part.is_sound_within(depth - 1)
                };
                depth > 0 && !parts.is_empty() && parts.iter().all(sound)
            }
        }
    }

    /// Whether the same panes lie in the same order; sizes do not matter.
    pub fn is_like(&self, other: &Self) -> bool
    where
        P: PartialEq,
    {
        match (self, other) {
            (Self::Pane(a), Self::Pane(b)) => a == b,
            (Self::Row(a), Self::Row(b)) | (Self::Column(a), Self::Column(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|((_, a), (_, b))| a.is_like(b))
            }
            _ => false,
        }
    }
}

impl Arrangement<PaneId> {
    /// What a tree shows; `None` where that is nothing.
    pub fn of(tree: &Tree<PaneId>) -> Option<Self> {
        Self::of_tile(&tree.tiles, tree.root()?)
    }

    fn of_tile(tiles: &Tiles<PaneId>, id: TileId) -> Option<Self> {
        let linear = match tiles.get(id)? {
            Tile::Pane(pane) => return Some(Self::Pane(*pane)),
            Tile::Container(Container::Linear(linear)) => linear,
            // There are none: see `Workspace`.
            Tile::Container(Container::Tabs(_) | Container::Grid(_)) => return None,
        };
        let part = |&child: &TileId| Some((linear.shares[child], Self::of_tile(tiles, child)?));
        let parts = linear.children.iter().map(part).collect::<Option<_>>()?;
        Some(match linear.dir {
            LinearDir::Horizontal => Self::Row(parts),
            LinearDir::Vertical => Self::Column(parts),
        })
    }

    /// The tree that shows it.
    pub fn tree(&self) -> Tree<PaneId> {
        let mut tiles = Tiles::default();
        let root = self.insert_into(&mut tiles);
        Tree::new(egui::Id::unique("panes"), root, tiles)
    }

    fn insert_into(&self, tiles: &mut Tiles<PaneId>) -> TileId {
        let (dir, parts) = match self {
            Self::Pane(pane) => return tiles.insert_pane(*pane),
            Self::Row(parts) => (LinearDir::Horizontal, parts),
            Self::Column(parts) => (LinearDir::Vertical, parts),
        };
        let mut linear = Linear::new(dir, Vec::new());
        for (share, part) in parts {
            let child = part.insert_into(tiles);
            linear.add_child(child);
            linear.shares.set_share(child, *share);
        }
        tiles.insert_container(linear)
    }

    /// The same with two panes in each other's place.
    pub fn swapped(&self, a: PaneId, b: PaneId) -> Self {
        let other = |pane: &PaneId| match *pane {
            pane if pane == a => Some(b),
            pane if pane == b => Some(a),
            pane => Some(pane),
        };
        self.map(&mut |pane| other(pane))
            .unwrap_or_else(|| self.clone())
    }
}

/// What is remembered of a window's panes.
pub type Remembered = Arrangement<Described>;

impl Remembered {
    /// The key under which it is kept beside the preferences; the number changes when its form does.
    pub const KEY: &'static str = "prosector-panes-1";
}
